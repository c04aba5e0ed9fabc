"""Zarr 2 groups: children, attributes, consolidated metadata, hierarchies of both formats, requests to stores."""

import json
import pickle

import pytest

import simplezarr as sz
from simplezarr.errors import ZarrWarning
from tests.nodes.test_group import array as array_v3
from tests.nodes.test_group import group as group_v3
from tests.oracle import v2 as oracle_v2
from tests.oracle import v3 as oracle
from tests.support.helpers import Counting

np = oracle.np
ZGROUP = b'{"zarr_format": 2}'


def array(path, attributes=None, **members):
    """A stored array of 0, 1, 2, 3."""
    return oracle_v2.write_array({}, path, np.arange(4, dtype="<u2"), (2,), attributes=attributes, **members)


TREE = {
    ".zgroup": ZGROUP,
    ".zattrs": b'{"title": "root"}',
    **array("a", {"units": "m"}),
    "b/.zgroup": ZGROUP,
    **array("b/x"),
    "b/deep/.zgroup": ZGROUP,
    **array("b/deep/y", separator="/", order="F"),
    "no node/.zattrs": b"{}",
    ".hidden/.zgroup": ZGROUP,
}
KINDS = ["memory", "local", "plain"]


@pytest.fixture(params=KINDS)
def root(request, tmp_path):
    if request.param == "local":
        return sz.open(oracle.dump(TREE, tmp_path))
    return sz.open(dict(TREE) if request.param == "memory" else Counting(TREE))


def test_navigation(root):
    assert dict(root.attrs) == {"title": "root"}
    assert dict(root["a"].attrs) == {"units": "m"}
    assert dict(root["b/x"].attrs) == dict(root["b"].attrs) == {}
    assert root["b/deep"]["y"][...].tolist() == root["a"][...].tolist() == [0, 1, 2, 3]
    assert root.metadata.zarr_format == root["b/x"].metadata.zarr_format == 2


def test_mapping(root):
    assert list(root) == [".hidden", "a", "b"]
    assert list(root["b"]) == ["deep", "x"]
    assert [type(node) for node in root.values()] == [sz.Group, sz.Array, sz.Group]
    assert [path in root for path in ("a", "b/deep/y", "z", "no node")] == [True, True, False, False]
    assert [line.split(" ")[-1] for line in str(root.tree()).splitlines()] == [
        "/", ".hidden", "uint16", "b", "deep", "uint16", "uint16"
    ]  # fmt: skip


def test_pickles_of_nodes(tmp_path):
    root = sz.open(oracle.dump(TREE, tmp_path))
    for node in (root["b"], root["a"]):
        again = pickle.loads(pickle.dumps(node))
        assert (again.path, again.metadata) == (node.path, node.metadata)


def test_missing_nodes_and_wrong_kinds(root):
    with pytest.raises(sz.NodeNotFoundError, match=r"\.zarray"):
        sz.open(root.store, "b/nothing")
    with pytest.raises(sz.MetadataError, match="is a group"):
        sz.open_array(root.store, "b")
    with pytest.raises(sz.MetadataError, match="is an array"):
        sz.open_group(root.store, "a")


def test_open_group_keeps_what_is_there():
    for key in ("zarr.json", ".zgroup"):
        store = {key: group_v3() if key == "zarr.json" else ZGROUP}
        assert dict(sz.open_group(store, mode="a").attrs) == {}
        assert list(store) == [key]


def test_what_is_asked_of_a_store():
    store = Counting(TREE)
    root = sz.open(store)
    asked = [("get", key) for key in ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")]
    assert store.take() == asked
    root["a"]
    assert store.take() == [("get", f"a/{key}") for key in ("zarr.json", ".zarray", ".zattrs")]
    assert "a" in root  # the format of the group is the likely one of its children
    assert "zarr.json" not in str(store.take())


def test_both_formats():
    """Zarr 3 wins where a node has documents of both; a hierarchy may have nodes of either."""
    three = {"c/zarr.json": group_v3(attributes={"n": 3}), "c/z/zarr.json": array_v3()}
    two = {"c/.zgroup": ZGROUP, "c/.zattrs": b'{"n": 2}', **array("c/v2")}
    root = sz.open({**TREE, **three, **two})
    assert list(root) == [".hidden", "a", "b", "c"]
    assert dict(root["c"].attrs) == {"n": 3}
    assert [(name, node.metadata.zarr_format) for name, node in root["c"].items()] == [("v2", 2), ("z", 3)]
    assert sz.open({**array("", fill=7), ".zgroup": ZGROUP}).shape == (4,)


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"null", b'{"a": 1} x', b"\xff", b'{"a": 1, "a": 2}'])
def test_attributes_that_can_not_be_read_take_no_data_with_them(document):
    for store in ({**array("a"), ".zgroup": ZGROUP, ".zattrs": document}, {**array("a"), "a/.zattrs": document}):
        with pytest.warns(ZarrWarning, match=r"\.zattrs"):
            node = sz.open(store, "" if ".zgroup" in store else "a")
        assert dict(node.attrs) == {}
    assert node[...].tolist() == [0, 1, 2, 3]


def test_attributes_with_nan():
    with pytest.warns(ZarrWarning, match=r"a/\.zattrs: x"):
        arr = sz.open({**array("a"), "a/.zattrs": b'{"x": [NaN, -Infinity]}'}, "a")
    assert str(arr.attrs["x"]) == "[nan, -inf]"
    with pytest.raises(ValueError, match="nan"):
        arr.metadata.to_documents()


# ---------------------------------------------------------------- consolidated metadata


def consolidated(store, **members):
    """The store with a `.zmetadata` of all its documents."""
    documents = {key: json.loads(value) for key, value in store.items() if key.split("/")[-1].startswith(".z")}
    block = {"zarr_consolidated_format": 1, "metadata": documents, **members}
    return {**store, ".zmetadata": json.dumps(block).encode()}


def test_consolidated_metadata_serve_for_listing():
    store = Counting(consolidated(TREE))
    root = sz.open(store)
    store.take()
    assert list(root) == [".hidden", "a", "b"]
    assert {name: node.shape for name, node in root["b"].arrays()} == {"x": (4,)}
    store.take()
    children = dict(root.items())
    assert [path for path, _ in children["b"].items()] == ["deep", "x"]
    assert dict(children["a"].attrs) == {"units": "m"}
    assert store.take() == []
    assert children["a"][...].tolist() == [0, 1, 2, 3]
    assert json.loads(root.metadata.to_documents()[".zmetadata"]) == {
        "zarr_consolidated_format": 1,
        "metadata": {
            **{f"{path}.zattrs": {} for path in (".hidden/", "b/", "b/x/", "b/deep/", "b/deep/y/")},
            **{key: json.loads(TREE[key]) for key in TREE if key.endswith((".zarray", ".zgroup"))},
            ".zattrs": {"title": "root"}, "a/.zattrs": {"units": "m"},
        },
    }  # fmt: skip


BAD_KEYS = ["../evil/.zgroup", "/abs/.zgroup", "a//b/.zgroup", "a/./b/.zgroup", "x\\y/.zgroup", "z/y/.zgroup"]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_consolidated_metadata_of_odd_paths_are_ignored(key):
    store = {**consolidated({**TREE, key: ZGROUP}), "z": b""}
    with pytest.warns(ZarrWarning, match=r"\.zmetadata"):
        root = sz.open(store)
    assert root.metadata.consolidated is None


BLOCKS = [b"", b"{", b"[]", b'{"zarr_consolidated_format": 2, "metadata": {}}', b'{"zarr_consolidated_format": 1}',
          b'{"zarr_consolidated_format": 1, "metadata": []}', b'{"metadata": {}}',
          b'{"zarr_consolidated_format": 1, "metadata": {"a/.zarray": 3}}']  # fmt: skip


@pytest.mark.parametrize("block", BLOCKS)
def test_consolidated_metadata_that_are_none(block):
    with pytest.warns(ZarrWarning, match=r"\.zmetadata"):
        root = sz.open({**TREE, ".zmetadata": block})
    assert list(root) == [".hidden", "a", "b"]


def test_what_zarr_python_puts_into_copies_of_groups():
    block = {"zarr_format": 2, "consolidated_metadata": {"metadata": {}, "kind": "inline", "must_understand": False}}
    root = sz.open(consolidated({**TREE, "b/.zgroup": json.dumps(block).encode()}))
    assert isinstance(dict(root.items())["b"], sz.Group)
    documents = json.loads(root.metadata.to_documents()[".zmetadata"])["metadata"]
    assert documents["b/.zgroup"] == {"zarr_format": 2}
