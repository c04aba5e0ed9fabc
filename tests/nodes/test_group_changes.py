"""Groups that change: nodes are made and deleted, parents with them, and copies of metadata never go stale."""

import json

import numpy as np
import pytest

import simplezarr as sz
from tests.oracle import v3 as oracle

BARE = {"zarr_format": 3, "node_type": "group"}
SMALL = {"shape": (4,), "dtype": "u1"}


@pytest.fixture(params=["memory", "local"])
def store(request, tmp_path):
    return sz.MemoryStore() if request.param == "memory" else sz.LocalStore(tmp_path / "x")


def document(store, path):
    """A stored document."""
    return json.loads(store.get(f"{path}/zarr.json".lstrip("/")))


def test_parents_are_made(store):
    a = sz.create_array(store, "/a/b/c/", data=[1, 2, 3])
    assert (a.name, a.read_only) == ("/a/b/c", False)
    assert [document(store, path) for path in ("", "a", "a/b")] == [BARE] * 3
    group = sz.create_group(store, "a/d/e", attributes={"n": np.int8(1)})
    assert document(store, "a/d/e") == BARE | {"attributes": {"n": 1}}
    assert (dict(group.attrs), group.name, group.read_only) == ({"n": 1}, "/a/d/e", False)
    assert " ".join(str(sz.open(store).tree()).split()) == "/ └── a ├── b │ └── c (3,) int64 └── d └── e"


def test_parents_that_are_there_are_kept(store):
    sz.create_group(store, attributes={"title": "x"})
    root = sz.open_group(store, mode="r+")
    root.create_group("a").create_array("b", **SMALL).attrs["n"] = 1
    root["a"].create_group("c/d")
    assert (sorted(root["a"]), dict(root.attrs), dict(root["a/b"].attrs)) == (["b", "c"], {"title": "x"}, {"n": 1})


def test_arrays_have_no_children(store):
    sz.create_array(store, "a", data=[1])
    before = {key: store.get(key) for key in store.list()}
    for make in (
        sz.create_group,
        lambda *args: sz.create_array(*args, **SMALL),
        lambda s, p: sz.open_group(s, p, mode="a"),
    ):
        for path in ("a/b", "a/b/c"):
            with pytest.raises(sz.NodeExistsError, match=r"/a of .* is an array"):
                make(store, path)
    assert {key: store.get(key) for key in store.list()} == before


def test_nodes_that_exist(store):
    for first in (lambda: sz.create_array(store, "a", **SMALL), lambda: sz.create_group(store, "b")):
        first()
    for path in ("a", "b", ""):
        for make in (sz.create_group, lambda *args: sz.create_array(*args, **SMALL)):
            with pytest.raises(sz.NodeExistsError, match="overwrite=True") as info:
                make(store, path)
            assert isinstance(info.value, FileExistsError)


def test_overwrite(store):
    sz.create_array(store, "a/old", data=np.arange(100), chunks=10)
    sz.create_group(store, "b")
    sz.create_array(store, "a", data=[1, 2], overwrite=True)
    assert sorted(store.list()) == ["a/c/0", "a/zarr.json", "b/zarr.json", "zarr.json"]
    a = sz.create_array(store, "a", shape=(2,), dtype="u1", overwrite=True)
    assert a[...].tolist() == [0, 0]
    sz.create_group(store, "a", overwrite=True)
    assert isinstance(sz.open(store, "a"), sz.Group)
    sz.create_array(store, data=[1], overwrite=True)
    assert sorted(store.list()) == ["c/0", "zarr.json"]


@pytest.mark.parametrize("wrong", [
    {"chunks": 0}, {"codecs": ["nope"]}, {"data": [1, 2]}, {"attributes": {"a": 1j}},
    {"fill_value": 300}, {"zarr_format": 1}, {"data": [[1, 2, 3, 400]], "shape": (1, 4)},
])  # fmt: skip
def test_overwrite_destroys_nothing_for_arguments_that_are_wrong(store, wrong):
    sz.create_array(store, "a", data=[1, 2, 3])
    with pytest.raises((sz.ZarrError, TypeError, ValueError, OverflowError)):
        sz.create_array(store, "a", overwrite=True, **(SMALL | wrong))
    assert sz.load(store, "a").tolist() == [1, 2, 3]


@pytest.mark.parametrize("keys", ["default", "v2"])
@pytest.mark.parametrize("separator", ["/", "."])
def test_left_over_chunks_are_never_taken_for_data(store, keys, separator):
    encoding = {"name": keys, "configuration": {"separator": separator}}
    arguments = {"shape": (4, 4), "dtype": "i4", "chunks": (2, 2), "chunk_key_encoding": encoding}
    sz.create_array(store, "a", **arguments).write(..., 7)
    store.set("a/notes.txt", b"mine")
    store.delete("a/zarr.json")  # as a killed writer would have left it
    if (keys, separator) != ("v2", "/"):  # whose first numbers look like any name
        with pytest.raises(sz.NodeExistsError, match="overwrite=True"):
            sz.create_array(store, "a", **arguments)
        assert sz.create_array(store, "a", overwrite=True, **arguments)[...].max() == 0
        assert sorted(store.list("a")) == ["a/notes.txt", "a/zarr.json"]


def test_overwrite_of_a_directory_that_holds_no_node(store):
    store.set("mine/notes.txt", b"mine")
    sz.create_group(store, overwrite=True)
    sz.create_array(store, "mine", overwrite=True, data=[1])
    assert store.get("mine/notes.txt") == b"mine"


def test_delete(store):
    root = sz.create_group(store)
    root.create_array("a", data=np.arange(100), chunks=10)
    root.create_array("b/c/d", data=[1])
    root.create_group("ab")
    del root["a"]
    del root["b"]
    assert sorted(store.list()) == ["ab/zarr.json", "zarr.json"]
    for missing in ("a", "b/c", "a/b"):
        with pytest.raises(sz.NodeNotFoundError, match=missing):
            del root[missing]
    for path in ("", "/"):
        with pytest.raises(ValueError, match="itself"):
            del root[path]
    assert list(root) == ["ab"]


def test_require_group(store):
    root = sz.create_group(store)
    made = root.require_group("a/b")
    made.attrs["n"] = 1
    assert dict(root.require_group("a/b").attrs) == {"n": 1}
    root.create_array("c", **SMALL)
    with pytest.raises(sz.NodeExistsError, match=r"/c of .* is an array"):
        root.require_group("c")
    again = sz.open_group(store, "a/b", mode="a")
    assert (dict(again.attrs), again.read_only) == ({"n": 1}, False)
    sz.open_group(store, "d/e", mode="a").attrs["m"] = 2
    assert document(store, "d") == BARE


def test_read_only(store):
    sz.create_array(store, "g/a", data=[1])
    before = {key: store.get(key) for key in store.list()}
    group = sz.open(store, "g")
    for change in (
        lambda: group.create_array("b", **SMALL), lambda: group.create_group("b"), lambda: group.require_group("b"),
        lambda: group.__delitem__("a"), group.consolidate_metadata, lambda: group["a"].resize(3),
        lambda: group["a"].append([1]),
    ):  # fmt: skip
        with pytest.raises(sz.ReadOnlyError, match=r'mode="r\+"'):
            change()
    sealed = sz.WrapperStore(store)
    sealed.read_only = True
    group = sz.open_group(sealed, "g", mode="r+")
    for change in (
        lambda: sz.create_array(sealed, "g/b", **SMALL), lambda: sz.create_group(sealed, "n"),
        lambda: group.__delitem__("a"),
        lambda: sz.create_array(sealed, "g/a", overwrite=True, **SMALL), group.consolidate_metadata,
        lambda: group["a"].resize(3),
    ):  # fmt: skip
        with pytest.raises(sz.ReadOnlyError, match="read_only"):
            change()
    assert {key: store.get(key) for key in store.list()} == before


# ---------------------------------------------------------------- consolidated metadata


def tree(store):
    """A small hierarchy, consolidated at the root and at `a`."""
    root = sz.create_group(store, attributes={"title": "x"})
    root.create_array("a/x", data=[1, 2])
    root.create_group("a/deep/er", attributes={"n": 1})
    root.create_array("b", **SMALL)
    root["a"].consolidate_metadata()
    root.consolidate_metadata()
    return root


def test_what_is_consolidated(store):
    root = tree(store)
    block = document(store, "")["consolidated_metadata"]
    assert list(block["metadata"]) == ["a", "b", "a/deep", "a/x", "a/deep/er"]
    assert (block["kind"], block["must_understand"]) == ("inline", False)
    for path, members in block["metadata"].items():
        stored = document(store, path)
        stored.pop("consolidated_metadata", None)
        assert members == stored
    assert list(document(store, "a")["consolidated_metadata"]["metadata"]) == ["deep", "x", "deep/er"]
    assert dict(root.attrs) == {"title": "x"}
    assert document(store, "")["attributes"] == {"title": "x"}


def test_names_that_are_no_nodes_are_not_consolidated(store):
    root = tree(store)
    for name in ("__hidden", "...", "prefix/sub"):
        store.set(f"{name}/zarr.json", json.dumps(BARE).encode())
    store.set("b/inside/zarr.json", json.dumps(BARE).encode())
    root.consolidate_metadata()
    assert list(sz.open(store).metadata.consolidated) == ["__hidden", "a", "b", "a/deep", "a/x", "a/deep/er"]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_reserved_names(store, zarr_format):
    """What is there is a node like any other; who makes one is warned, once."""
    root = sz.create_group(store, zarr_format=zarr_format)
    with pytest.warns(sz.ZarrWarning, match="'__x__'.*reserved") as caught:
        root.create_array("__x__", data=[1, 2])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with pytest.warns(sz.ZarrWarning, match="'__g'") as caught:
        root.create_group("__g")
    with pytest.warns(sz.ZarrWarning, match="'__h'") as caught:
        root.require_group("__g/__h")
    assert len(caught) == 1
    root.create_array("y", **SMALL)
    root.require_group("__g")
    for consolidated in (False, True):
        if consolidated:
            root.consolidate_metadata()
        for group in (root, sz.open(store)):
            assert list(group) == list(group.keys()) == [name for name, _ in group.items()] == ["__g", "__x__", "y"]
            assert "__h" in str(group.tree())
            assert group["__x__"][...].tolist() == [1, 2]
            assert "__g/__h" in group
    root["__x__"].append([3])
    del root["__x__"], root["__g"]
    assert list(root) == list(sz.open(store)) == ["y"]


def test_names_of_documents_are_no_names_of_nodes(store):
    root = sz.create_group(store)
    for name in ("zarr.json", ".zgroup", ".zattrs", "a/.zarray", ".zmetadata"):
        for make in (root.create_group, root.require_group, lambda name: sz.create_array(store, name, **SMALL)):
            with pytest.raises(ValueError, match="reserved for metadata"):
                make(name)
        assert name not in root
    for name in ("zarr.json.d", "c", "c/c", "0", ".z", "zarr.jso", "a b", "~", "C:", "é", "e\u0301", "雪", "\U0001f600",
                 "\n", "%2e", "*", "-", "...x", "x.partial.d", "con"):  # fmt: skip
        root.create_group(name).attrs["is"] = name
    root.consolidate_metadata()
    for group in (root, sz.open(store), sz.open(store, consolidated=False)):
        for name, child in group.items():
            assert child.attrs["is"] == name
            assert group[name].attrs["is"] == name
        assert len(group) == 19
        assert group["c/c"].attrs["is"] == "c/c"


CHANGES = {
    "create array": lambda root: root.create_array("a/new", **SMALL),
    "create group": lambda root: root.create_group("a/deep/new"),
    "overwrite": lambda root: root.create_array("a/x", overwrite=True, **SMALL),
    "delete": lambda root: root.__delitem__("a/x"),
    "delete group": lambda root: root["a"].__delitem__("deep"),
    "attributes": lambda root: root["a/x"].attrs.update(n=1),
    "attributes of a group": lambda root: root["a/deep/er"].attrs.clear(),
    "resize": lambda root: root["a/x"].resize(5),
    "append": lambda root: root["a/x"].append([3]),
    "consolidate": lambda root: root["a/deep"].create_group("new"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_dropped_before_they_are_stale(store, change):
    root = tree(store)
    CHANGES[change](root)
    for path in ("", "a"):
        assert "consolidated_metadata" not in document(store, path)
    assert document(store, "") == BARE | {"attributes": {"title": "x"}}
    assert str(sz.open(store).tree()) == str(sz.open_group(store, mode="r+").tree()) == str(root.tree())


def test_copies_that_stay_true_are_kept(store):
    root = tree(store)
    root.attrs["more"] = 1
    root["a/x"].write(..., 5)
    assert document(store, "")["consolidated_metadata"]["metadata"].keys() == {"a", "b", "a/x", "a/deep", "a/deep/er"}
    root["b"].attrs["n"] = 1
    assert "consolidated_metadata" not in document(store, "")
    assert "consolidated_metadata" in document(store, "a")


def test_writers_see_the_store_and_not_the_copy(store):
    tree(store)
    root = sz.open_group(store, mode="r+")
    sz.create_array(store, "new", **SMALL)
    root["a/x"].resize(7)
    assert sorted(root) == ["a", "b", "new"]
    assert dict(root["a"].items())["x"].shape == (7,)


def test_reading_a_consolidated_group_again(store):
    tree(store)
    again = sz.open(store)
    assert oracle.same(again["a/x"][...], np.array([1, 2]))
    assert [name for name, _ in again.items()] == ["a", "b"]
