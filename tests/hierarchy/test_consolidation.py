"""Consolidation while something below changes: at each request of the one, all of the other. No copy is out of date."""

import json
import threading

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore, MemoryStore, WrapperStore


class Interrupted(WrapperStore):
    """Before its n-th call, `action` is run in another thread: to its end, or until it waits for who called."""

    in_memory, concurrency = False, 1

    def __init__(self, store, n, action):
        super().__init__(store)
        self.left, self.action, self.error = n, action, None

    def _act(self):
        try:
            self.action()
        except Exception as error:
            self.error = error

    def _count(self):
        self.left -= 1
        if self.left == -1:
            self.thread = threading.Thread(target=self._act, daemon=True)
            self.thread.start()
            self.thread.join(0.02)

    def finish(self):
        """Wait for the action; return whether it was run."""
        if self.left >= 0:
            return False
        self.thread.join(60)
        assert not self.thread.is_alive(), "a deadlock"
        if self.error is not None:
            raise self.error
        return True


def _counted(name):
    def method(self, *arguments):
        self._count()
        return getattr(self.store, name)(*arguments)

    return method


for _name in ("get", "set", "delete", "delete_prefix", "exists", "list_dir", "list", "lock"):
    setattr(Interrupted, _name, _counted(_name))


CHANGES = {
    "attributes": lambda store: sz.open(store, "g/a", mode="r+").attrs.update(n=1),
    "shape": lambda store: sz.open(store, "g/a", mode="r+").append([7]),
    "array": lambda store: sz.save(store, [1], "g/b"),
    "groups": lambda store: sz.create_group(store, "h/i"),
    "overwrite": lambda store: sz.save(store, [[1.5]], "g/a", overwrite=True),
    "delete": lambda store: sz.open_group(store, "g", mode="r+").__delitem__("a"),
    "delete group": lambda store: sz.open_group(store, mode="r+").__delitem__("g"),
}


def consolidate(store):
    sz.open_group(store, mode="r+").consolidate_metadata()


def check_copy(store, marks=False):
    """The copy at the root is what is stored, or is not there; returns whether there is one. There may be `marks`."""
    copy = sz.open_group(store).metadata.consolidated
    if copy is None:
        document = store.get("zarr.json")
        assert marks or document is None or "consolidated_metadata" not in json.loads(document)
        return False
    paths = {key.rpartition("/")[0] for key in store.list() if key.endswith(("zarr.json", ".zarray", ".zgroup"))}
    assert copy.keys() == paths - {""}
    for path, members in copy.items():
        stored = {}
        for name in ("zarr.json", ".zarray", ".zgroup"):
            stored |= json.loads(store.get(f"{path}/{name}") or b"{}")
        attributes = stored.pop("attributes", None) or json.loads(store.get(f"{path}/.zattrs") or b"{}")
        assert members.get("attributes", {}) == attributes
        assert {name: value for name, value in members.items() if name not in ("attributes", "node_type")} == {
            name: value for name, value in stored.items() if name not in ("consolidated_metadata", "node_type")
        }
    return True


def make(values, zarr_format, consolidated):
    store = MemoryStore(values)
    sz.create_group(store, zarr_format=zarr_format)
    sz.save(store, np.arange(4), "g/a", chunks=2)
    if consolidated:
        consolidate(store)
    return store


def at_every_request(zarr_format, consolidated, first, second):
    """Run `second` at each request of `first`; how often a copy was there afterwards, and how often there was none."""
    found = []
    for n in range(1000):
        inner = make({}, zarr_format, consolidated)
        store = Interrupted(inner, n, lambda inner=inner: second(inner))
        first(store)
        if not store.finish():
            return found
        found.append(check_copy(inner))
    raise AssertionError("never done")


@pytest.mark.parametrize("consolidated", [False, True])
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("change", CHANGES)
def test_changes_while_consolidating(change, zarr_format, consolidated):
    found = at_every_request(zarr_format, consolidated, consolidate, CHANGES[change])
    assert len(found) > 6
    assert True in found, "what changed before something was read is in the copy"


@pytest.mark.parametrize("consolidated", [False, True])
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("change", CHANGES)
def test_consolidating_while_something_changes(change, zarr_format, consolidated):
    found = at_every_request(zarr_format, consolidated, CHANGES[change], consolidate)
    assert len(found) > 6
    assert found[0] in (True, False)
    assert False in found or True in found


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_two_who_consolidate(zarr_format):
    assert all(at_every_request(zarr_format, False, consolidate, consolidate))


def documents(store):
    """The documents above the array that changes."""
    return {key: json.loads(store.get(key)) for key in store.list() if "g/a" not in key}


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_changes_that_never_end(zarr_format):
    """Consolidation gives up, says so, and leaves neither mark nor copy."""
    inner = make({}, zarr_format, consolidated=False)

    class Busy(WrapperStore):
        def list_dir(self, prefix=""):
            if not prefix:
                sz.open(inner, "g/a", mode="r+").attrs["n"] = np.random.random()
            return super().list_dir(prefix)

    before = documents(inner)
    with pytest.raises(sz.ZarrError, match="when they have finished"):
        consolidate(Busy(inner))
    assert documents(inner) == before
    consolidate(inner)
    assert check_copy(inner)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_consolidation_that_fails_leaves_no_mark(zarr_format):
    inner = make({}, zarr_format, consolidated=False)
    before = documents(inner)

    class Broken(WrapperStore):
        def list_dir(self, prefix=""):
            if prefix:
                raise OSError("cable cut")
            return super().list_dir(prefix)

    with pytest.raises(OSError, match="cable cut"):
        consolidate(Broken(inner))
    assert documents(inner) == before


def test_a_mark_that_was_left_behind(tmp_path):
    """That of a killed process: others read the group as before, and the next change or consolidation removes it."""
    store = LocalStore(tmp_path)
    sz.save(store, [1, 2], "a")
    document = json.loads(store.get("zarr.json"))
    for finish in (consolidate, lambda store: sz.open(store, "a", mode="r+").append([3])):
        store.set("zarr.json", json.dumps(document | {"consolidated_metadata": None}).encode())
        assert list(sz.open(store)) == ["a"]
        assert sz.open_group(store).metadata.consolidated is None
        finish(store)
        assert json.loads(store.get("zarr.json")).get("consolidated_metadata", {}) is not None
