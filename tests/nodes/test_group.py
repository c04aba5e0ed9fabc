"""Groups: navigation by path, the mapping of children, what is shown, and how little is asked of the store for it."""

import json
import pickle

import pytest

import simplezarr as sz
from tests.oracle import v3 as oracle
from tests.support.helpers import Counting

KINDS = ["memory", "local", "plain"]


def group(**members):
    """A group's document."""
    return json.dumps({"zarr_format": 3, "node_type": "group", **members}).encode()


def array(shape=(4,), **members):
    """An array's document."""
    store = oracle.write_array({}, "", oracle.np.zeros(shape, "u2"), shape, **members)
    return store["zarr.json"]


TREE = {
    "zarr.json": group(attributes={"title": "root"}),
    "a/zarr.json": array(),
    "a/c/0": bytes([1, 0, 2, 0, 3, 0, 4, 0]),
    "b/zarr.json": group(attributes={"n": [1, None]}),
    "b/x/zarr.json": array((2, 3)),
    "b/deep/zarr.json": group(),
    "b/deep/y/zarr.json": array(()),
    "é/zarr.json": group(),
    "no node/b/zarr.json": group(),  # a prefix without metadata is not a node
    "__hidden/zarr.json": group(),
    "a/inside/zarr.json": array(),  # below an array: not a child of anything
    "notes.txt": b"",
}


def opened(kind, tmp_path, store=TREE):
    """The root of a store of literal bytes."""
    if kind == "local":
        return sz.open(oracle.dump(store, tmp_path))
    return sz.open(dict(store) if kind == "memory" else Counting(store))


@pytest.fixture(params=KINDS)
def root(request, tmp_path):
    return opened(request.param, tmp_path)


def test_navigation(root):
    assert isinstance(root, sz.Group)
    assert (root.path, root.name, dict(root.attrs)) == ("", "/", {"title": "root"})
    assert root["a"][...].tolist() == [1, 2, 3, 4]
    assert root["b/x"].shape == root["b"]["x"].shape == root["/b/x"].shape == root["b/x/"].shape == (2, 3)
    assert (root["b/x"].path, root["b/x"].name) == ("b/x", "/b/x")
    assert root["b"]["deep/y"].shape == ()
    assert root["b"].attrs["n"] == [1, None]
    assert root["é"].name == "/é"


def test_mapping(root):
    assert list(root) == list(root.keys()) == ["__hidden", "a", "b", "é"]
    assert len(root) == 4
    assert [type(node) for node in root.values()] == [sz.Group, sz.Array, sz.Group, sz.Group]
    assert [(name, node.path) for name, node in root.items()] == [(name, name) for name in ("__hidden", "a", "b", "é")]
    assert [name for name, _ in root.arrays()] == ["a"]
    assert [name for name, _ in root.groups()] == ["__hidden", "b", "é"]
    assert [path in root for path in ("a", "b/deep/y", "b/deep/", "z", "b/z", "no node", "notes.txt", 3)] == (
        [True, True, True, False, False, False, False, False]
    )
    assert sorted(root["b"]) == ["deep", "x"]
    assert list(root["é"]) == []
    assert len(root["é"]) == 0


def test_nodes_below_arrays_are_not_listed(root):
    shown = str(root.tree())
    assert all(text not in shown for text in ("inside", "no node", "notes"))
    assert root["a/inside"].shape == (4,)  # an explicit path opens


def test_tree_shows_everything(root):
    lines = str(root.tree()).splitlines()
    assert len(lines) == 8
    for line, (name, shape) in zip(lines[1:], [
        ("__hidden", ""), ("a", "(4,)"), ("b", ""), ("deep", ""), ("y", "()"), ("x", "(2, 3)"), ("é", "")
    ], strict=True):  # fmt: skip
        assert name in line
        assert shape in line
        assert ("uint16" in line) == bool(shape)


def test_tree_of_some_levels(root):
    lines = str(root.tree()).splitlines()
    for depth, shown in [(0, 1), (1, 5), (2, 7), (3, 8), (9, 8)]:
        some = str(root.tree(depth)).splitlines()
        assert some == [line for line in lines if line.count("│   ") + line.count("    ") < depth or line == "/"]
        assert len(some) == shown
    with pytest.raises(TypeError, match="depth: True is not a number"):
        root.tree(True)
    with pytest.raises(ValueError, match="depth: -1 is negative"):
        root.tree(-1)
    with pytest.raises(TypeError):
        root.tree("all")


def test_tree_lists_no_group_of_the_last_level(root):
    listed = []

    class Listing(sz.WrapperStore):
        def list_dir(self, prefix=""):
            listed.append(prefix)
            return super().list_dir(prefix)

    str(sz.open(Listing(root.store)).tree(depth=1))
    assert listed == [""]


def test_repr_shows_what_is_there(root):
    assert all(text in repr(root) for text in ("Group", "/", "a", "b", "é"))
    assert "/b" in repr(root["b"])
    assert "x" in repr(root["b"])
    assert "/b/deep" in repr(root["b/deep"])


def test_missing_node_says_what_there_is(root):
    for path in ("c", "b/c", "no node", "b/x/zarr"):
        with pytest.raises(sz.NodeNotFoundError) as info:
            root[path]
        assert isinstance(info.value, KeyError)
        assert path in str(info.value)
        assert not str(info.value).startswith(("'", '"'))
    with pytest.raises(KeyError, match=r"a.*b.*é"):
        root["c"]


@pytest.mark.parametrize("path", ["..", "a/../b", "b/./x", "b//x", "b\\x", "zarr.json", "b/...", "\0"])
def test_paths_that_name_nothing(root, path):
    for use in (root.__getitem__, lambda p: sz.open(root.store, p)):
        with pytest.raises(ValueError):
            use(path)


def test_open_by_path_and_by_kind(tmp_path):
    directory = oracle.dump(TREE, tmp_path)
    for arguments in [(directory, "b/x"), (tmp_path / "b/x",), (tmp_path / "b", "x")]:
        assert sz.open(*arguments).shape == (2, 3)
    assert sz.open(f"file://{directory}/b")["x"].shape == (2, 3)
    assert sz.open_array(directory, "/b/x").path == "b/x"
    assert sz.open_group(directory, "b").path == "b"
    with pytest.raises(sz.ZarrError, match=r"group.*open_group"):
        sz.open_array(directory, "b")
    with pytest.raises(sz.ZarrError, match=r"array.*open_array"):
        sz.open_group(directory, "a")
    with pytest.raises(sz.NodeNotFoundError, match="no node"):
        sz.open(directory, "no node")
    with pytest.raises(ValueError, match="mode"):
        sz.open(directory, mode="w")
    for opener in (sz.open, sz.open_array, sz.open_group):
        with pytest.raises(sz.NodeNotFoundError, match="nowhere"):
            opener(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_open_takes_stores_paths_and_dicts_only():
    for wrong in (None, 3, b"bytes", [("zarr.json", b"")]):
        with pytest.raises(TypeError):
            sz.open(wrong)
    with pytest.raises((sz.ZarrError, ValueError), match="gopher"):
        sz.open("gopher://somewhere/data.zarr")


@pytest.mark.parametrize(("document", "error"), [
    (b"", sz.MetadataError),
    (b"{", sz.MetadataError),
    (b"[]", sz.MetadataError),
    (group(node_type="table"), sz.MetadataError),
    (group(zarr_format=2), sz.ZarrError),
    (group(surprise=1), sz.UnsupportedError),
    (group(surprise={"must_understand": True}), sz.UnsupportedError),
])  # fmt: skip
def test_documents_that_are_none(document, error):
    with pytest.raises(error, match=r"^g/zarr\.json"):
        sz.open({"g/zarr.json": document}, "g")


def test_members_that_may_be_ignored():
    document = group(surprise={"must_understand": False}, attributes={"a": 1})
    assert dict(sz.open({"zarr.json": document}).attrs) == {"a": 1}


def test_attributes_are_not_for_writing(root):
    with pytest.raises(sz.ReadOnlyError):
        root.attrs["title"] = "x"


def test_children_are_opened_when_asked_for():
    store = Counting(TREE)
    root = sz.open(store)
    assert store.take() == [("get", "zarr.json")]
    root["b/x"]
    assert store.take() == [("get", "b/x/zarr.json")]
    assert "b/x" in root
    assert len(store.take()) == 1
    assert root.keys()
    asked = [call[1] for call in store.take()]
    assert len(asked) == len(set(asked))
    others = [f"{name}/{key}" for name in ("no node", "notes.txt") for key in ("zarr.json", ".zarray", ".zgroup")]
    assert {*asked} <= {"", *(f"{name}/zarr.json" for name in ("__hidden", "a", "b", "é")), *others}
    store.concurrency = None
    next(iter(root.items()))
    assert all("b/" not in call[1] for call in store.take())
    list(root.values())
    asked = [call[1] for call in store.take()]
    assert not any(key.startswith("b/") and key != "b/zarr.json" for key in asked)
    assert len(asked) == len(set(asked))  # none is first asked for whether it is there


def test_child_stored_later_is_seen():
    store = dict(TREE)
    root = sz.open(store)
    store["new/zarr.json"] = group()
    assert "new" in root
    assert list(root) == ["__hidden", "a", "b", "new", "é"]
    assert isinstance(root["new"], sz.Group)


def test_pickled_group_opens_the_same(tmp_path):
    again = pickle.loads(pickle.dumps(opened("local", tmp_path)["b"]))
    assert (again.name, sorted(again)) == ("/b", ["deep", "x"])


# ---------------------------------------------------------------- consolidated metadata


def consolidated(metadata, kind="inline", **members):
    """A group's document that holds a copy of the documents below it."""
    copies = {path: json.loads(document) for path, document in metadata.items()}
    return group(consolidated_metadata={"must_understand": False, "kind": kind, "metadata": copies}, **members)


def test_consolidated_metadata_serve_for_listing():
    store = Counting({**TREE, "zarr.json": consolidated({"a": array(), "b": group(), "b/x": array((2, 3))})})
    root = sz.open(store)
    store.take()
    assert list(root) == ["a", "b"]
    assert [(name, type(node)) for name, node in root.items()] == [("a", sz.Array), ("b", sz.Group)]
    assert dict(root.arrays())["a"].shape == (4,)
    assert not store.take()
    assert root["a"][...].tolist() == [1, 2, 3, 4]


def test_one_answer_for_one_handle():
    """Of stale consolidated metadata a reader gets all, or nothing with `consolidated=False`; writers get nothing."""
    copies = {"ghost": group(), "ghost/x": array(), "a": array((7,)), "b": group(), "b/x": array((9,))}
    store = Counting({**TREE, "zarr.json": consolidated(copies)})
    root = sz.open(store)
    store.take()
    assert list(root) == ["a", "b", "ghost"]
    assert all(name in root for name in root)
    assert not any(name in root for name in ("é", "b/deep", "ghost/y", ".."))
    assert len(root) == len(list(root.items())) == 3
    assert (
        root["a"].shape
        == root.get("a").shape
        == dict(root.items())["a"].shape
        == dict(root.arrays())["a"].shape
        == (7,)
    )
    assert root["b/x"].shape == root["b"]["x"].shape == dict(dict(root.groups())["b"].items())["x"].shape == (9,)
    assert list(root["b"]) == list(root["/b/"]) == ["x"]
    assert root["ghost"]["x"].shape == (4,)
    assert root.get("é", 1) == 1
    with pytest.raises(sz.NodeNotFoundError, match=r"'é'.*consolidated=False.*it holds a, b, ghost$"):
        root["é"]
    assert repr(root) == "<Group /: a, b, ghost>"
    assert store.take() == []
    for asked in (
        sz.open(store, consolidated=False),
        sz.open_group(store, consolidated=False),
        sz.open(store, mode="r+"),
    ):
        assert list(asked) == ["__hidden", "a", "b", "é"]
        assert "ghost" not in asked
        assert "é" in asked
        assert asked["a"].shape == dict(asked.items())["a"].shape == (4,)
        assert list(asked["b"]) == [name for name, _ in asked["b"].items()] == ["deep", "x"]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_metadata_of_a_part_are_those_of_a_group(zarr_format):
    store = {}
    root = sz.create_group(store, zarr_format=zarr_format)
    root.create_array("a/b/x", shape=3, dtype="u1")
    root["a"].consolidate_metadata()
    own = sz.open(store, "a").metadata
    root.consolidate_metadata()
    part = sz.open(store)["a"].metadata
    assert (part, dict(part.consolidated), len(part.consolidated)) == (own, own.consolidated, 2)
    assert part.to_documents() == own.to_documents()


def test_parts_of_a_copy_are_pickled_as_such():
    store = sz.MemoryStore({"zarr.json": consolidated({"a": group(), "a/b": group(), "a/b/x": array()})})
    again = pickle.loads(pickle.dumps(sz.open(store)["a"]["b"]))
    assert (again.path, list(again), again["x"].shape) == ("a/b", ["x"], (4,))
    assert list(pickle.loads(pickle.dumps(sz.open(store, consolidated=False)))) == []


class Blind(Counting):
    """It can't list its keys."""

    def list(self, prefix=""):
        raise sz.UnsupportedError("can't be listed")


def test_groups_of_a_store_that_can_not_list():
    copies = {"a": group(), "a/b": group(attributes={"n": 1}), "a/b/x": array(), "a/b/c": group()}
    root = sz.open(Blind({"zarr.json": consolidated(copies)}))
    for b in (root["a/b"], root["a"]["b"], root.get("a").get("b"), dict(root["a"].groups())["b"]):
        assert (list(b), list(b["c"]), dict(b.attrs), b["x"].shape) == (["c", "x"], [], {"n": 1}, (4,))
    assert list(root[""]) == ["a"]
    assert list(root["a"]["/"]["b"][""]) == ["c", "x"]
    assert "x (4,)" in str(root["a"].tree())
    bare = sz.open(Blind(TREE))
    assert repr(bare) == "<Group />"
    assert "a" in bare
    assert bare["b"]["x"].shape == (2, 3)
    with pytest.raises(sz.NodeNotFoundError, match=r"'z' in group / of Blind\(\)$"):
        bare["z"]
    with pytest.raises(sz.UnsupportedError):
        list(bare)


@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
@pytest.mark.parametrize("document", [
    group(consolidated_metadata=None),
    consolidated({"a": array()}, kind="elsewhere"),
    consolidated({"../evil": array()}),
    consolidated({"/a": array()}),
    consolidated({"a//b": array()}),
    consolidated({"": array()}),
    consolidated({"ghost/child": array()}),
])  # fmt: skip
def test_consolidated_metadata_that_are_of_no_use_are_ignored(document):
    assert list(sz.open({**TREE, "zarr.json": document})) == ["__hidden", "a", "b", "é"]
