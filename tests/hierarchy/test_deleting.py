"""What deleting and overwriting may remove: the node, all of it, and nothing else. Links are removed as links."""

import os
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore, MemoryStore

pytestmark = pytest.mark.skipif(os.name == "nt", reason="symbolic links")

VALUES = np.arange(100)


def snapshot(path):
    """Every file below a directory, with its content and the time its directory was changed; links are not followed."""
    found = {}
    for directory, _, names in os.walk(path):
        for name in names:
            found[directory, name] = Path(directory, name).read_bytes(), os.stat(directory).st_mtime_ns
    return found


@pytest.fixture
def root(tmp_path):
    return sz.create_group(tmp_path / "store")


@pytest.fixture(params=["array", "group", "v2"])
def other(request, tmp_path):
    """A node outside of the store."""
    path = tmp_path / "other"
    if request.param == "group":
        sz.create_array(path, "below/a", data=VALUES, chunks=10)
    else:
        sz.save(path, VALUES, chunks=10, zarr_format=2 if request.param == "v2" else 3)
    return path


REMOVALS = {
    "del": lambda root, path: root.__delitem__("a"),
    "array": lambda root, path: root.create_array("a", data=[1, 2], overwrite=True),
    "group": lambda root, path: root.create_group("a", overwrite=True),
    "v2": lambda root, path: sz.save(path, [1, 2], "a", overwrite=True, zarr_format=2),
    "path": lambda root, path: sz.save(path / "a", [1, 2], overwrite=True),
    "path of a group": lambda root, path: sz.create_group(path / "a", overwrite=True),
}


@pytest.mark.parametrize("removal", REMOVALS)
def test_a_link_to_a_node(root, other, tmp_path, removal):
    before = snapshot(other)
    os.symlink(other, tmp_path / "store" / "a")
    REMOVALS[removal](root, tmp_path / "store")
    assert not os.path.islink(tmp_path / "store" / "a")
    assert ("a" in root) == (removal != "del")
    assert snapshot(other) == before


def test_a_link_to_a_node_that_may_not_be_written(root, tmp_path):
    """The link is not used as a way to lock."""
    target = tmp_path / "other"
    sz.save(target, VALUES)
    os.symlink(target, tmp_path / "store" / "a")
    before = os.stat(target).st_mtime_ns
    del root["a"]
    assert os.stat(target).st_mtime_ns == before


@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("place", ["zarr.json", "c", "c/0", "child"])
def test_links_below_a_node(root, tmp_path, place, removal):
    target = tmp_path / "other"
    sz.save(target, VALUES, chunks=10)
    if place == "child":
        root.create_group("a")
        os.symlink(target, tmp_path / "store" / "a" / place)
    else:
        root.create_array("a", data=VALUES, chunks=10)
        link = tmp_path / "store" / "a" / place
        os.rename(link, tmp_path / "moved")
        os.symlink(target / place, link)
    before = snapshot(target)
    REMOVALS[removal](root, tmp_path / "store")
    assert ("a" in root) == (removal != "del")
    assert snapshot(target) == before


def test_links_in_the_middle_are_followed(root, tmp_path):
    """As `rm -r` does; what a link below leads to stays."""
    sz.create_array(tmp_path / "other", "a", data=VALUES)
    sz.create_array(tmp_path / "other", "b", data=VALUES)
    os.symlink(tmp_path / "other", tmp_path / "store" / "g")
    del root["g/a"]
    assert list(sz.open(tmp_path / "other")) == ["b"]
    assert list(root["g"]) == ["b"]


def test_links_that_lead_nowhere_or_to_themselves(root, tmp_path):
    for target, name in (("nowhere", "a"), ("b", "b"), ("..", "c")):
        os.symlink(target, tmp_path / "store" / name)
    for name in ("a", "b"):
        with pytest.raises(sz.NodeNotFoundError):
            del root[name]
        assert os.path.islink(tmp_path / "store" / name)
    root.create_array("g/x", data=VALUES)
    os.symlink("../..", tmp_path / "store" / "g" / "up")
    del root["g"]
    assert list(root) == []


def test_a_left_over_chunk_directory_that_is_a_link(root, tmp_path):
    (tmp_path / "other" / "0").mkdir(parents=True)
    (tmp_path / "other" / "0" / "0").write_bytes(b"mine")
    (tmp_path / "store" / "a").mkdir()
    os.symlink(tmp_path / "other" / "0", tmp_path / "store" / "a" / "c")
    with pytest.raises(sz.NodeExistsError, match="a/c/0"):
        root.create_array("a", data=VALUES)


# ---------------------------------------------------------------- files that are not part of a node


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    return LocalStore(tmp_path / "x") if request.param == "local" else MemoryStore()


def contents(store):
    return {key: store.get(key) for key in store.list()}


STRAYS = [
    "a/thesis.txt", "a/c/notes.md", "a/c/x/0.bak", "a/c/00", "a/data/1/2.csv", "a/zarr.json.bak", "a/.git/config",
    "a/C/0", "a/cc/0", "a/c.0.txt", "a/0x1",
]  # fmt: skip


@pytest.mark.parametrize("stray", STRAYS)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_strays(store, stray, zarr_format):
    root = sz.create_group(store, zarr_format=zarr_format)
    root.create_array("a", data=VALUES, chunks=10)
    store.set(stray, b"mine")
    before = contents(store)
    for remove in (
        lambda: root.__delitem__("a"),
        lambda: root.create_array("a", data=[1], overwrite=True),
        lambda: root.create_group("a", overwrite=True),
        lambda: sz.create_group(store, overwrite=True),
        lambda: sz.save(store, [1], overwrite=True),
    ):
        with pytest.raises(sz.NodeExistsError, match=stray.replace(".", r"\.")):
            remove()
    assert contents(store) == before
    store.delete(stray)
    del root["a"]
    assert all(key.count("/") == 0 for key in store.list())


def test_strays_below_a_group(store):
    root = sz.create_group(store)
    root.create_array("g/h/a", data=VALUES)
    for key in ("g/readme.txt", "g/docs/figure.png", "g/2020"):
        store.set(key, b"mine")
    with pytest.raises(sz.NodeExistsError, match="'g/2020' and 2 more"):
        del root["g"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_directory_that_is_no_node(store, overwrite):
    """Only chunks of the new array are in its way."""
    for key in ("c/main.c", "c/x/0", "thesis.txt", "2020/01/notes", "0x"):
        store.set(key, b"mine")
    before = contents(store)
    sz.save(store, VALUES, chunks=10, overwrite=overwrite)
    assert before.items() <= contents(store).items()
    assert np.array_equal(sz.load(store), VALUES)


def test_left_over_chunks_beside_files(store):
    for key in ("a/c/0", "a/c/1/2", "a/c/main.c"):
        store.set(key, b"mine")
    with pytest.raises(sz.NodeExistsError, match=r"'a/c/\d"):
        sz.save(store, VALUES, "a")
    sz.save(store, VALUES, "a", overwrite=True)
    assert store.get("a/c/main.c") == b"mine"
    assert store.get("a/c/1/2") is None


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("separator", [".", "/"])
def test_nodes_where_chunks_would_be(store, separator, overwrite):
    """Arrays without a group above them, as some make images, are not taken for chunks."""
    sz.save(store, VALUES, "0", zarr_format=2)
    for key in ("zarr.json", ".zgroup"):
        store.delete(key)
    before = contents(store)
    encoding = {"name": "v2", "configuration": {"separator": separator}}
    with pytest.raises(sz.NodeExistsError, match=r"^/0 of .* is a node;"):
        sz.save(store, VALUES, zarr_format=2, chunk_key_encoding=encoding, overwrite=overwrite)
    assert contents(store) == before


def test_what_belongs_to_zarr_is_deleted(store):
    """Chunks in any key encoding, documents beside the node's own, leavings of other libraries and systems."""
    root = sz.create_group(store)
    for i, separator in enumerate("./"):
        for name in ("default", "v2"):
            encoding = {"name": name, "configuration": {"separator": separator}}
            root.create_array(f"g/{name}{i}", data=np.ones((4, 4)), chunks=(2, 2), chunk_key_encoding=encoding)
            root.create_array(f"g/0/{i}{name}", data=5, chunk_key_encoding=encoding)
            root.create_array(f"g/{i}{name}", data=[1, 2], chunks=1, chunk_key_encoding=encoding)
    root.create_array("g/two", data=np.ones((4, 4)), chunks=(2, 2), zarr_format=2)
    root["g/0"].consolidate_metadata()
    for key in (
        "g/.DS_Store", "g/two/.zattrs", "g/.zmetadata", "g/two/.nczarray", "g/.nczattr", "g/.nczgroup", "g/._x",
        "g/__MACOSX/x/y", "g/two/0.0.__lock", "g/killed/c/0/1", "g/Thumbs.db",
    ):  # fmt: skip
        store.set(key, b"{}")
    del root["g"]
    assert [*store.list()] == ["zarr.json"]


def test_chunks_of_an_unknown_encoding_belong_to_their_array(store):
    root = sz.create_group(store)
    root.create_array("a", data=VALUES)
    document = store.get("a/zarr.json").replace(b'"name": "default"', b'"name": "acme.fanout", "must_understand": true')
    store.set("a/zarr.json", document)
    store.set("a/fan/out/0.chunk", b"")
    del root["a"]
    assert [*store.list()] == ["zarr.json"]


def test_a_link_to_very_much_else(root, tmp_path, monkeypatch):
    """Not all of it is looked at, and a large array of unknown keys is still deleted."""
    monkeypatch.setattr("simplezarr.hierarchy.strays._ENOUGH", 20)
    (tmp_path / "much").mkdir()
    for i in range(200):
        (tmp_path / "much" / f"file {i}").write_bytes(b"mine")
    root.create_array("a", data=VALUES)
    os.symlink(tmp_path / "much", tmp_path / "store" / "a" / "link")
    with pytest.raises(sz.NodeExistsError, match=r"'a/link/file .* and 19 more"):
        del root["a"]
    os.unlink(tmp_path / "store" / "a" / "link")
    document = root.store.get("a/zarr.json").replace(b'"name": "default"', b'"name": "acme", "must_understand": true')
    for i in range(200):
        root.store.set(f"a/fan/{i}.chunk", b"")
    root.store.set("a/zarr.json", document)
    del root["a"]
    assert list(root) == []


def test_a_damaged_array_can_be_deleted(store):
    root = sz.create_group(store)
    root.create_array("a", data=VALUES, chunks=10)
    store.set("a/zarr.json", b"{damaged")
    del root["a"]
    assert [*store.list()] == ["zarr.json"]


def test_deep_hierarchies(store):
    """Nothing goes by the recursion of Python."""
    path = "/".join(["g"] * (100 if isinstance(store, LocalStore) else 1500))
    store.set("zarr.json", b'{"zarr_format": 3, "node_type": "group"}')
    for depth in range(path.count("g")):
        store.set(f"{path[: 2 * depth + 1]}/zarr.json", b'{"zarr_format": 3, "node_type": "group"}')
    del sz.open_group(store, mode="r+")["g"]
    assert [*store.list()] == ["zarr.json"]
