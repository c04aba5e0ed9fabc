"""What groups cost: requests and steps, with many children, many levels, and children that can't be opened."""

import json
import os
import sys
import time

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.utils import check
from tests.nodes.test_group import array, consolidated, group
from tests.support.helpers import Counting, Crowded, Failing

MANY = 3000
ODD = json.loads(array((4,)))
UNKNOWN = json.dumps({**ODD, "codecs": [{"name": "acme.magic"}]}).encode()


@pytest.fixture(scope="module")
def many():
    """A group with many children."""
    return {"zarr.json": group(), **{f"n{i:04}/zarr.json": group() for i in range(MANY)}}


def calls_of(do, store):
    """What is asked of a store."""
    store.take()
    do()
    return store.take()


def miss(group):
    with pytest.raises(KeyError) as info:
        group["missing"]
    return info.value


def test_a_miss_costs_a_look(many):
    store = Counting(many)
    root = sz.open(store)
    assert len(calls_of(lambda: miss(root), store)) == 3  # zarr.json, .zarray, .zgroup
    assert len(calls_of(lambda: "missing" in root, store)) == 3
    assert len(calls_of(lambda: "n0001" in root, store)) == 1
    assert len(calls_of(lambda: root.get("missing"), store)) == 3
    error = miss(root)
    message = calls_of(lambda: str(error), store)
    assert [call[0] for call in message].count("list") == 1
    assert len(message) <= 11
    assert calls_of(lambda: str(error), store) == []
    assert str(error).endswith("; it holds n0000, n0001, n0002, n0003, n0004 and 2995 more")
    assert len(str(miss(sz.open(store)))) < 300


def test_a_miss_of_a_copy_costs_nothing(many):
    copies = {key.removesuffix("/zarr.json"): value for key, value in many.items() if "/" in key}
    store = Counting({"zarr.json": consolidated(copies)})
    root = sz.open(store)
    assert calls_of(lambda: str(miss(root)), store) == []
    assert str(miss(root)).endswith("it holds n0000, n0001, n0002, n0003, n0004 and 2995 more")
    assert repr(root) == "<Group /: n0000, n0001, n0002, n0003, n0004 and 2995 more>"


def test_a_repr_opens_no_child(many):
    store = Counting({**many, "n0000/zarr.json": UNKNOWN, "n0001/zarr.json": b"{"})
    root = sz.open(store)
    asked = calls_of(lambda: repr(root), store)
    assert len(asked) <= 11
    assert not [call for call in asked if call[0] == "get"]
    assert repr(root) == "<Group /: n0000, n0001, n0002, n0003, n0004 and 2995 more>"


def test_a_repr_never_raises():
    class Broken(Counting):
        def list(self, prefix=""):
            raise OSError("gone")

    assert repr(sz.open(Broken({"zarr.json": group()}))) == "<Group />"


def test_an_error_that_is_not_looked_at_can_be_pickled(many):
    import pickle

    error = pickle.loads(pickle.dumps(miss(sz.open(dict(many)))))
    assert isinstance(error, sz.NodeNotFoundError)
    assert "and 2995 more" in str(error)


# ---------------------------------------------------------------- children that can't be opened


def odd(kind):
    store = {
        "zarr.json": group(),
        "damaged/zarr.json": b'{"zarr_format": 3, "node_type": "group", ',
        "fine/zarr.json": array((4,)),
        "g/zarr.json": group(),
        "g/x/zarr.json": array((2, 3)),
        "odd/zarr.json": UNKNOWN,
        "strange/zarr.json": group(surprise=1),
        "v2/.zarray": b"[]",
    }
    if kind == "copy":
        copies = {key.removesuffix("/zarr.json"): value for key, value in store.items() if key.count("/")}
        del copies["v2/.zarray"]
        copies["damaged"], copies["v2"] = b'{"zarr_format": 3}', b'{"zarr_format": 2, "node_type": "array"}'
        store["zarr.json"] = consolidated(copies)
    return store


@pytest.mark.parametrize("kind", ["store", "copy"])
def test_one_odd_child_does_not_break_its_parent(kind):
    root = sz.open(odd(kind))
    names = ["damaged", "fine", "g", "odd", "strange", "v2"]
    assert list(root) == root.keys() == names
    assert len(root) == 6
    assert all(name in root for name in names)
    assert repr(root) == "<Group /: damaged, fine, g, odd, strange and 1 more>"
    lines = str(root.tree()).splitlines()
    assert [line[4:].split(" ")[0] for line in lines[1:]] == ["damaged", "fine", "g", "└──", "odd", "strange", "v2"]
    text = "\n".join(lines)
    for shown in ("damaged (damaged: ", "fine (4,) uint16", "x (2, 3)",
                  'odd (unsupported: codecs[0]: unknown codec "acme.magic")\n',
                  'strange (unsupported: "surprise"', "v2 (damaged: "):  # fmt: skip
        assert shown in text
    groups = root.groups()
    assert next(groups)[0] == "g"
    with pytest.raises(sz.UnsupportedError, match=r"^strange/zarr\.json"):
        next(groups)
    for listing, first in ((root.items, "damaged"), (root.arrays, "damaged"), (root.values, "damaged")):
        with pytest.raises(sz.MetadataError, match=rf"^{first}/zarr\.json"):
            list(listing())
    for name, error in [("odd", sz.UnsupportedError), ("damaged", sz.MetadataError), ("v2", sz.MetadataError)]:
        for use in (root.__getitem__, root.get):
            with pytest.raises(error, match=rf"^{name}/"):
                use(name)


def test_items_reach_what_is_before_an_odd_child():
    store = {"zarr.json": group(), "a/zarr.json": array(), "b/zarr.json": UNKNOWN, "c/zarr.json": array()}
    for concurrency in (None, 32):
        counting = Counting(store)
        counting.concurrency = concurrency
        items = sz.open(counting).items()
        assert next(items)[0] == "a"
        with pytest.raises(sz.UnsupportedError, match=r"acme\.magic"):
            next(items)


def test_a_child_that_can_not_be_fetched_is_never_left_out():
    """A store that fails is not a store without the child."""
    store = {"zarr.json": group(), "a/zarr.json": group(), "b/zarr.json": group(), "c/zarr.json": array()}
    root = sz.open(Failing(store, OSError("the network is down"), part="b/"))
    assert "b (unreadable: the network is down)" in str(root.tree())
    assert list(root) == ["a", "b", "c"]
    for listing in (root.groups, root.arrays, root.items, root.values):
        with pytest.raises(OSError, match="the network is down"):
            list(listing())
    items = root.items()
    assert next(items)[0] == "a"


def test_groups_read_no_array():
    """No array is opened, whatever it is made of."""
    store = Counting({"zarr.json": group(), "a/zarr.json": UNKNOWN, "b/zarr.json": group(), "c/.zarray": b"{"})
    assert [name for name, _ in sz.open(store).groups()] == ["b"]


@pytest.mark.parametrize(
    "key", ["/", "a//", "../x/", "./", "a\\b/", "\0/", "\ud800/", ".../", "zarr.json/", ".zgroup/"]
)
def test_keys_that_no_node_can_have(key):
    """They are in the way of nothing, and never make a group its own child."""
    store = {"zarr.json": group(), "a/zarr.json": group(), f"{key}zarr.json": group()}
    root = sz.open_group(store, mode="r+")
    assert list(root) == [name for name, _ in root.items()] == ["a"]
    assert len(str(root.tree()).splitlines()) == 2
    assert repr(root) == "<Group /: a>"
    root.consolidate_metadata()
    assert list(sz.open(store)) == ["a"]


# ---------------------------------------------------------------- questions


NO_NAMES = [
    "x" * 300, "a/" + "y" * 300, "/".join(["z" * 200] * 40), "\0", "a\0", "a//b", "..", "a/..", "\\", "\ud800",
    "zarr.json", ".zarray", "a/zarr.json", "a/b/c/0", "none", "é" * 200, None, 3, 1.5, b"a", ("a",), [], {},
]  # fmt: skip


@pytest.mark.parametrize("kind", ["memory", "local", "plain", "slow", "copy"])
def test_questions_are_answered(kind, tmp_path):
    store = {"memory": {}, "local": tmp_path / "x", "plain": {}, "slow": sz.SlowStore(sz.MemoryStore(), 0), "copy": {}}[
        kind
    ]
    root = sz.create_group(store)
    root.create_array("a/b", data=[1])
    if kind == "copy":
        root.consolidate_metadata()
    root = sz.open(Counting(store) if kind == "plain" else store)
    for name in NO_NAMES:
        assert name not in root, name
        assert root.get(name) is None
        assert root.get(name, 7) == 7
    for name in ("a", "/a", "a/", "a/b", "", "/"):
        assert name in root
        assert root.get(name).name == f"/{name.strip('/')}"
    for name in ("x" * 300, "/".join(["z" * 200] * 40)):
        with pytest.raises(sz.NodeNotFoundError) as info:
            root[name]
        assert len(str(info.value)) < 600
        with pytest.raises(sz.NodeNotFoundError):
            sz.open(root.store, name)


@pytest.mark.parametrize("follow", [False, True])
def test_keys_that_are_too_long_are_not_there(follow, tmp_path):
    store = sz.LocalStore(tmp_path, follow_symlinks=follow)
    store.set("a", b"1")
    for key in ("x" * 300, "a/" + "x" * 300, "b/" + "é" * 200, "/".join(["z" * 200] * 40)):
        assert not store.exists(key)
        assert store.size(key) is None
        assert store.get(key) is None
        assert store.get_range(key, 0, 1) is None
        assert store.get_ranges(key, [(0, 1)]) is None


# ---------------------------------------------------------------- steps


def calls_of_python(do):
    """How many functions are called."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        do()
    finally:
        sys.setprofile(None)
    return count


def walked(node):
    return 1 + sum(walked(child) for _, child in node.items()) if isinstance(node, sz.Group) else 1


def hierarchy(n):
    """A consolidated hierarchy with n groups, in three levels, each of which has an array."""
    names = [f"g{i % 10}/h{i // 10}" for i in range(n)]
    copies = {f"g{i}": group() for i in range(10)} | {name: group() for name in names}
    return {"zarr.json": consolidated(copies | {f"{name}/x": array() for name in names})}


def test_walking_a_copy_is_linear():
    """Four times the nodes take about four times the steps, and the time of the processor tells of loops inside."""
    counts, times = [], []
    for n in (500, 2000):
        root = sz.open(hierarchy(n))
        assert walked(root) == 2 * n + 11
        counts.append(calls_of_python(lambda root=root: walked(root)))
        begin = time.process_time()
        walked(root)
        times.append(time.process_time() - begin)
    assert counts[1] < 5 * counts[0]
    assert times[1] < 10 * times[0]


def test_groups_that_are_missing_are_made_for_a_few_requests_each():
    counts = []
    for depth in (20, 40):
        store = Crowded(sz.MemoryStore())
        sz.create_group(store, "/".join(["a"] * depth))
        counts.append(sum(store.take().values()))
        assert len(list(store.store.list())) == depth + 1
    assert counts[1] < 2.2 * counts[0]
    assert counts[0] < 20 * 16


DEPTH = 1100


def test_many_levels():
    values, path = {"zarr.json": group()}, "/".join(["a"] * DEPTH)
    for depth in range(1, DEPTH):
        values["/".join(["a"] * depth) + "/zarr.json"] = group()
    store = sz.MemoryStore(values)
    sz.create_array(store, path, data=[1, 2])
    root = sz.open_group(store, mode="r+")
    assert len(str(root.tree()).splitlines()) == DEPTH + 1
    root.consolidate_metadata()
    copied = sz.open(store)
    assert len(copied.metadata.consolidated) == DEPTH
    assert str(copied.tree()) == str(root.tree())
    assert copied[path][...].tolist() == [1, 2]
    node = copied
    for _ in range(DEPTH):
        node = node["a"]
    assert node.path == path
    assert len(copied["a/a"].metadata.consolidated) == DEPTH - 2
    report = check(store)
    assert (report.problems, report.nodes) == ((), DEPTH + 1)
    root[path].append([3])
    root[path].attrs["x"] = 1
    del root["a"]
    assert list(store.list()) == ["zarr.json"]


def test_many_levels_of_directories(tmp_path):
    place = str(tmp_path)
    for _ in range(DEPTH):
        with open(f"{place}/zarr.json", "wb") as file:
            file.write(group())
        place += "/a"
        os.mkdir(place)
    try:
        change_many_levels(tmp_path, "/".join(["a"] * DEPTH))
    finally:
        sz.LocalStore(tmp_path).delete_prefix("a")  # pytest can't remove as many


def change_many_levels(directory, path):
    sz.create_array(directory, path, data=[1, 2]).append([3])
    root = sz.open_group(directory, mode="r+")
    assert len(str(root.tree()).splitlines()) == DEPTH + 1
    root.consolidate_metadata()
    assert sz.open(directory)[path].shape == (3,)
    del root["a"]
    assert list(root.store.list()) == ["zarr.json"]


# ---------------------------------------------------------------- handles can't be changed


def test_attributes_of_nodes_can_not_be_assigned_to():
    root = sz.create_group({})
    a = root.create_array("a", data=np.arange(5), chunks=2)
    rectilinear = root.create_array("r", data=np.arange(5), chunks=[[2, 3]])
    lazy = a.lazy[1:3]
    for node, names in {
        a: ("shape", "dtype", "chunks", "metadata", "store", "path", "read_only", "fill_value", "attrs", "codecs",
            "name", "shards", "ndim", "size", "nbytes", "dimension_names", "grid_shape", "nchunks", "info"),
        rectilinear: ("shape", "chunks", "metadata", "grid_shape", "store"),
        root: ("metadata", "store", "path", "read_only", "attrs", "name"),
        lazy: ("shape", "dtype", "ndim", "nbytes"),
    }.items():  # fmt: skip
        for name in names:
            before = getattr(node, name)
            with pytest.raises(AttributeError, match=name):
                setattr(node, name, before)
            with pytest.raises(AttributeError, match=name):
                delattr(node, name)
            assert type(getattr(node, name)) is type(before)
        with pytest.raises(AttributeError):
            node.nonsense = 1
    with pytest.raises(AttributeError, match=r"^Array\.shape can't be assigned to; resize"):
        a.shape = (6,)
    with pytest.raises(AttributeError, match=r'mode="r\+"'):
        root.read_only = True
    a.write_empty_chunks = True
    a.resize(7)
    rectilinear.append([5])
    assert (a.shape, a.metadata.shape, rectilinear.shape, rectilinear.metadata.shape) == ((7,), (7,), (6,), (6,))
    assert sz.Array.shape.__doc__
    assert sz.Group.store.__doc__
