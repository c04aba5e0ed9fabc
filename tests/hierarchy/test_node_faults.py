"""A store that fails at its n-th call, for every n: a node reads as before or as after, and can be changed again."""

import json

import numpy as np
import pytest

import simplezarr as sz

OLD = np.arange(1, 101).reshape(10, 10)
NEW = np.arange(1, 13, dtype="f4").reshape(3, 4) / 2
ATTRIBUTES = {"n": 1}


#: What is looked for after a change is done must not fail it.
pytestmark = pytest.mark.filterwarnings("ignore:.*a consolidation that ran meanwhile:simplezarr.ZarrWarning")


class BrokenError(OSError):
    """What the store raises."""


class FailingAt(sz.WrapperStore):
    """Lets `n` calls pass and fails from then on, or at that one call only."""

    def __init__(self, store, n, once=False):
        super().__init__(store)
        self.left, self.once = n, once

    def _count(self):
        self.left -= 1
        if self.left == -1 or (self.left < 0 and not self.once):
            raise BrokenError("no more")

    in_memory = False

    def get(self, key):
        self._count()
        return super().get(key)

    def get_range(self, key, start, length):
        self._count()
        return super().get_range(key, start, length)

    def get_ranges(self, key, ranges):
        self._count()
        return super().get_ranges(key, ranges)

    def set(self, key, value):
        self._count()
        super().set(key, value)

    def delete(self, key):
        self._count()
        super().delete(key)

    def delete_prefix(self, prefix):
        """Fails in the middle too: key by key, documents last."""
        for key in sorted(self.store.list(prefix), key=lambda key: key.endswith("zarr.json")):
            self.delete(key)

    def exists(self, key):
        self._count()
        return super().exists(key)

    def list(self, prefix=""):
        self._count()
        return super().list(prefix)

    def list_dir(self, prefix=""):
        self._count()
        return super().list_dir(prefix)


def hierarchy():
    """What is there before: a consolidated group with an array in it."""
    values = {}
    sz.create_array(values, "g/a", data=OLD, chunks=(4, 4), attributes=ATTRIBUTES, codecs=["crc32c"])
    sz.open_group(values, mode="r+").consolidate_metadata()
    return values


def seen(values, path):
    """What a reader sees of a node: nothing, a group, or an array with its values."""
    try:
        node = sz.open(values, path)
    except sz.NodeNotFoundError:
        return None
    return "group" if isinstance(node, sz.Group) else (node[...], dict(node.attrs))


def check_copies(values):
    """Consolidated metadata are there and true, or not there."""
    for key in [key for key in values if key.endswith("zarr.json")]:
        block = json.loads(values[key]).get("consolidated_metadata") or {"metadata": {}}
        prefix = key.removesuffix("zarr.json")
        for path, members in block["metadata"].items():
            stored = json.loads(values[f"{prefix}{path}/zarr.json"])
            assert members == stored, path


def faults(change, values):
    """The values after `change` failed at every place where it can; at last it does not fail."""
    for once in (True, False):
        for n in range(1000):
            now = dict(values)
            store = FailingAt(sz.MemoryStore(now), n, once)
            try:
                change(store)
            except BrokenError:
                yield now, store
            else:
                if store.left >= 0:  # otherwise a failure of what need not succeed was passed over
                    break
        else:
            raise AssertionError("never done")
        check_copies(now)


def same(one, other):
    """Whether two nodes as `seen` gives them are the same."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return one[0].dtype == other[0].dtype and np.array_equal(one[0], other[0]) and one[1] == other[1]
    return one is other or (isinstance(one, str) and one == other)


@pytest.fixture(autouse=True)
def _alone():
    """One thread, so that the n-th call is always the same."""
    before = sz.get_num_threads()
    sz.set_num_threads(1)
    yield
    sz.set_num_threads(before)


def create(store):
    sz.create_array(store, "new/b", data=NEW, chunks=(2, 3))


def overwrite(store):
    sz.create_array(store, "g/a", data=NEW, chunks=(2, 3), overwrite=True)


@pytest.mark.parametrize(("change", "path"), [(create, "new/b"), (overwrite, "g/a")])
def test_arrays_appear_complete_or_not_at_all(change, path):
    values = hierarchy()
    before, after = seen(values, path), (NEW, {})
    states = set()
    for now, _ in faults(change, values):
        found = seen(now, path)
        assert found is None or same(found, before) or same(found, after)
        states.add("none" if found is None else "old" if same(found, before) else "new")
        check_copies(now)
        sz.create_array(now, path, data=NEW, chunks=(2, 3), overwrite=True)  # left-over files do not matter
        assert same(seen(now, path), after)
    assert states == ({"none"} if change is create else {"old", "none"})


def test_failed_creation_cleans_up():
    def full_disk(key, value, put=sz.MemoryStore.set):
        if len(store.values) > 3:
            raise BrokenError
        put(store, key, value)

    store = sz.MemoryStore()
    store.set = full_disk
    with pytest.raises(BrokenError):
        sz.create_array(store, "a", data=np.ones(100), chunks=10)
    assert [*store.values] == ["zarr.json"]


def test_an_interrupt_after_the_document_is_stored_leaves_the_node():
    class Interrupted(sz.WrapperStore):
        def create(self, key, value):
            super().create(key, value)
            raise KeyboardInterrupt

    sz.create_group(store := sz.MemoryStore())
    with pytest.raises(KeyboardInterrupt):
        sz.create_array(Interrupted(store), "a", data=np.ones(100), chunks=10)
    assert (sz.open(store)["a"][...] == 1).all()


def test_deleting():
    values = hierarchy()
    before = seen(values, "g/a")
    for now, store in faults(lambda store: sz.open_group(store, "g", mode="r+").__delitem__("a"), values):
        found = seen(now, "g/a")
        assert found is None or same(found, before)
        check_copies(now)
        assert seen(now, "g") == "group", store


def test_attributes():
    values = hierarchy()
    for now, _ in faults(lambda store: sz.open(store, "g/a", mode="r+").attrs.update(m=2), values):
        assert seen(now, "g/a")[1] in (ATTRIBUTES, ATTRIBUTES | {"m": 2})
        assert np.array_equal(seen(now, "g/a")[0], OLD)
        check_copies(now)


def test_consolidating():
    values = hierarchy()
    sz.open(values, "g/a", mode="r+").attrs["x"] = 1
    for now, _ in faults(lambda store: sz.open_group(store, mode="r+").consolidate_metadata(), values):
        check_copies(now)
        assert list(sz.open(now)["g"]) == ["a"]


def test_appending():
    values = hierarchy()
    more = np.full((5, 10), 7)
    for now, store in faults(lambda store: sz.open(store, "g/a", mode="r+").append(more), values):
        found = seen(now, "g/a")
        assert np.array_equal(found[0], OLD)
        check_copies(now)
        a = sz.open(now, "g/a", mode="r+")
        a.resize((12, 10))
        assert not a[10:].any(), (store.left, "half appended data are not shown")


@pytest.mark.parametrize("shape", [(3, 7), (20, 10), (3, 20), (0, 0)])
def test_resizing(shape):
    values = hierarchy()
    kept = tuple(slice(min(a, b)) for a, b in zip(shape, OLD.shape, strict=True))
    for now, _ in faults(lambda store: sz.open(store, "g/a", mode="r+").resize(shape), values):
        found = seen(now, "g/a")[0]
        assert found.shape == OLD.shape
        assert np.array_equal(found[kept], OLD[kept])
        assert np.isin(found[found != OLD], 0).all(), "what is to go is as it was, or gone"
        check_copies(now)
        a = sz.open(now, "g/a", mode="r+")
        a.resize(shape)
        a.resize((24, 24))
        expected = np.zeros((24, 24), int)
        expected[kept] = OLD[kept]
        assert np.array_equal(a[...], expected)
