"""Local paths that lead into a hierarchy: they are part of it, as if its root and a path in it had been given."""

import os

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore, WrapperStore


def copies_of(path):
    """The shapes and kinds that a consolidated group lists."""
    return {name: getattr(node, "shape", "group") for name, node in sz.open_group(path).items()}


@pytest.fixture(params=[2, 3])
def group(request, tmp_path):
    root = sz.create_group(tmp_path / "x.zarr", zarr_format=request.param)
    root.create_array("a", data=[1, 2])
    root.create_array("g/b", data=[1, 2, 3])
    root.consolidate_metadata()
    assert sz.open_group(tmp_path / "x.zarr").metadata.consolidated.keys() == {"a", "g", "g/b"}
    return tmp_path / "x.zarr"


CHANGES = {
    "append": lambda path: sz.open(path / "a", mode="r+").append([7, 8]),
    "resize": lambda path: sz.open(path / "a", mode="r+").resize(9),
    "attributes": lambda path: sz.open(path / "a", mode="r+").attrs.update(n=1),
    "wrapped": lambda path: sz.open(WrapperStore(LocalStore(path / "a")), mode="r+").append([7, 8]),
    "deep": lambda path: sz.open(path / "g" / "b", mode="r+").append([7]),
    "attributes of a group": lambda path: sz.open(path / "g", mode="r+").attrs.update(n=1),
    "new": lambda path: sz.save(path / "new", [1]),
    "new below": lambda path: sz.save(path / "g", [1], "new"),
    "new with groups": lambda path: sz.save(path / "h" / "i" / "new", [1]),
    "new group": lambda path: sz.create_group(path / "new"),
    "mode a": lambda path: sz.open_group(path / "new", mode="a"),
    "overwrite": lambda path: sz.save(path / "a", [[1]], overwrite=True),
    "delete": lambda path: sz.open_group(path / "g", mode="r+").__delitem__("b"),
    "relative": lambda path: sz.save(os.path.relpath(path / "new"), [1]),
    "url": lambda path: sz.save(f"file://{path}/new", [1]),
    "dots": lambda path: sz.save(f"{path}/g/../new/", [1]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_copy_above_is_dropped(group, change):
    CHANGES[change](group)
    assert sz.open_group(group).metadata.consolidated is None
    assert not (group / ".zmetadata").exists()
    root = sz.open_group(group, mode="r+")
    assert copies_of(group) == {name: getattr(node, "shape", "group") for name, node in root.items()}
    root.consolidate_metadata()
    assert str(sz.open(group).tree()) == str(root.tree())


LINKS = {
    "to a group": (lambda link: sz.open(link / "b", mode="r+").append([7]), "g"),
    "to a group, as a part": (lambda link: sz.open(link, "b", mode="r+").append([7]), "g"),
    "to an array": (lambda link: sz.open(link, mode="r+").append([7]), "g/b"),
    "new": (lambda link: sz.save(link / "new", [1]), "g"),
    "delete": (lambda link: sz.open_group(link, mode="r+").__delitem__("b"), "g"),
    "to the root": (lambda link: sz.save(link / "g" / "new", [1]), ""),
}


@pytest.mark.parametrize("change", LINKS)
def test_a_link_from_outside_leads_into_the_hierarchy(group, change, tmp_path):
    """The directories above the link say nothing of the copy; those above its target do."""
    call, target = LINKS[change]
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(group / target, target_is_directory=True)
    call(link)
    assert sz.open_group(group).metadata.consolidated is None
    assert link.is_symlink()


def test_every_copy_above_is_dropped(group):
    sz.open_group(group / "g", mode="r+").consolidate_metadata()
    sz.open_group(group, mode="r+").consolidate_metadata()
    sz.open(group / "g" / "b", mode="r+").attrs["n"] = 1
    assert sz.open_group(group / "g").metadata.consolidated is None
    assert sz.open_group(group).metadata.consolidated is None


def test_other_copies_are_kept(group):
    sz.save(group.parent / "y.zarr", [1])
    sz.open(group / "a", mode="r+")[0] = 5
    assert sz.open_group(group).metadata.consolidated is not None


@pytest.mark.parametrize("below", ["sub/x", "sub/sub/x"])
def test_groups_between_are_made(tmp_path, below):
    for i, zarr_format in enumerate((2, 3)):
        path = tmp_path / str(i) / "in.zarr"
        sz.create_group(path, zarr_format=zarr_format)
        array = sz.create_array(path / below, data=[1])
        assert (array.name, array.store.root) == ("/", str(path / below))
        root = sz.open(path)
        assert list(root) == ["sub"]
        assert root[below][...].tolist() == [1]
        assert isinstance(root["sub"], sz.Group)
        assert root[below].metadata.zarr_format == zarr_format


def test_empty_directories_between(tmp_path):
    sz.create_group(tmp_path / "in.zarr")
    os.makedirs(tmp_path / "in.zarr" / "sub" / "deep")
    sz.save(tmp_path / "in.zarr" / "sub" / "deep" / "x", [1])
    assert sz.open(tmp_path / "in.zarr")["sub/deep"]["x"][...] == [1]


def test_directories_of_others_end_the_search(tmp_path):
    sz.create_group(tmp_path / "in.zarr")
    (tmp_path / "in.zarr" / "mine").mkdir()
    (tmp_path / "in.zarr" / "mine" / "notes.txt").write_text("mine")
    sz.save(tmp_path / "in.zarr" / "mine" / "x.zarr", [1])
    assert sorted(os.listdir(tmp_path / "in.zarr" / "mine")) == ["notes.txt", "x.zarr"]


def test_nothing_is_made_above_that_is_no_hierarchy(tmp_path):
    sz.save(tmp_path / "new" / "deep" / "x", [1])
    assert [path.name for path in tmp_path.rglob("zarr.json")] == ["zarr.json"]


def test_an_array_above(tmp_path):
    sz.save(tmp_path / "a", [1])
    before = sorted(tmp_path.rglob("*"))
    for below in ("b", "b/c"):
        with pytest.raises(sz.NodeExistsError, match="is an array"):
            sz.save(tmp_path / "a" / below, [1])
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_document_above_does_not_refuse(tmp_path):
    (tmp_path / "zarr.json").write_text("{not zarr at all")
    sz.save(tmp_path / "x", [1, 2])
    sz.open(tmp_path / "x", mode="r+").append([3])
    assert sz.load(tmp_path / "x").tolist() == [1, 2, 3]
    assert (tmp_path / "zarr.json").read_text() == "{not zarr at all"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user who may not write everywhere")
def test_a_copy_above_that_may_not_be_written(group):
    group.chmod(0o555)
    try:
        with pytest.warns(sz.ZarrWarning, match="out of date"):
            sz.open(group / "a", mode="r+").append([3])
    finally:
        group.chmod(0o755)
    assert sz.load(group / "a").tolist() == [1, 2, 3]


def test_a_copy_above_that_can_not_be_written(group, monkeypatch):
    """As a read-only file system refuses it."""

    def refuse(self, key, value):
        raise PermissionError(13, "Permission denied", key)

    def forbid(self, key):
        raise PermissionError(13, "Permission denied", key)

    a = sz.open(group / "a", mode="r+")
    kept = LocalStore.set, LocalStore.delete
    monkeypatch.setattr(LocalStore, "set", lambda self, *rest: (kept[0] if self == a.store else refuse)(self, *rest))
    monkeypatch.setattr(LocalStore, "delete", lambda self, *rest: (kept[1] if self == a.store else forbid)(self, *rest))
    with pytest.warns(sz.ZarrWarning, match="out of date"):
        a.append([3])
    assert sz.load(group / "a").tolist() == [1, 2, 3]


def test_stores_that_may_not_leave_their_directory(group):
    sz.open(LocalStore(group / "a", follow_symlinks=False), mode="r+").append([3])
    assert sz.open_group(group).metadata.consolidated is not None


# ---------------------------------------------------------------- formats


FORMATS = {
    "save": lambda root: sz.save(root, [1], "b"),
    "create_array": lambda root: sz.create_array(root, "b", shape=1, dtype="i4"),
    "create_group": lambda root: sz.create_group(root, "b"),
    "mode a": lambda root: sz.open_group(root, "b", mode="a"),
    "path": lambda root: sz.save(root / "b", [1]),
    "group of a path": lambda root: sz.create_group(root / "b"),
}


@pytest.mark.parametrize("make", FORMATS)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_format_is_that_of_the_group_above(tmp_path, make, zarr_format):
    sz.create_group(tmp_path / "x", zarr_format=zarr_format)
    FORMATS[make](tmp_path / "x")
    assert sz.open(tmp_path / "x", "b").metadata.zarr_format == zarr_format


def test_the_nearest_group_counts():
    store = {}
    sz.create_group(store, zarr_format=2)
    sz.create_group(store, "three", zarr_format=3)
    sz.save(store, [1], "three/a/b")
    sz.save(store, [1], "c/d")
    found = {path: sz.open(store, path).metadata.zarr_format for path in ("three/a", "three/a/b", "c", "c/d")}
    assert found == {"three/a": 3, "three/a/b": 3, "c": 2, "c/d": 2}
    assert sz.create_array({}, shape=1, dtype="u1").metadata.zarr_format == 3
    sz.save(store, [1], "e", zarr_format=3)
    assert sz.open(store, "e").metadata.zarr_format == 3


# ---------------------------------------------------------------- other data, overwriting


class Ordered(WrapperStore):
    """Notes reading and deleting, in order."""

    in_memory = False

    def __init__(self, store, calls, name):
        super().__init__(store)
        self.calls, self.name = calls, name

    def get(self, key):
        self.calls.append((self.name, "get", key))
        return super().get(key)

    def delete(self, key):
        self.calls.append((self.name, "delete", key))
        super().delete(key)


VALUES = np.arange(1 << 20, dtype="i4").reshape(1024, 1024)


@pytest.mark.parametrize("path", ["", "a"])
def test_overwriting_reads_its_source_part_by_part(tmp_path, path):
    sz.save(tmp_path / "source", VALUES, chunks=(128, 128))
    sz.save(tmp_path / "target", VALUES * 0, path, chunks=(1024, 1))
    calls = []
    source = sz.open(Ordered(LocalStore(tmp_path / "source"), calls, "source"))
    target = Ordered(LocalStore(tmp_path / "target"), calls, "target")
    sz.create_array(target, path, data=source, chunks=(256, 1024), overwrite=True)
    chunks = [i for i, call in enumerate(calls) if call[:2] == ("source", "get") and "c/" in call[2]]
    assert chunks[0] > calls.index(("target", "delete", f"{path}/zarr.json".lstrip("/")))
    assert np.array_equal(sz.load(tmp_path / "target", path), VALUES)


SAME = {
    "itself": ("x/a", "", "x", "a"),
    "itself by another path": ("x", "a", "x/a", ""),
    "below": ("x/g/a", "", "x", "g"),
    "through a link": ("link/a", "", "x", "a"),
    "into a link": ("x", "a", "link", "a"),
    "a link to another": ("x/there", "", "x", "there"),
}


@pytest.mark.skipif(os.name == "nt", reason="symbolic links")
@pytest.mark.parametrize("case", SAME)
def test_overwriting_its_source(tmp_path, case, monkeypatch):
    monkeypatch.setattr("simplezarr.nodes.creation.ALL_BOXES_BYTES", 1 << 20)
    root = sz.create_group(tmp_path / "x")
    root.create_array("a", data=VALUES, chunks=(128, 128))
    root.create_array("g/a", data=VALUES, chunks=(128, 128))
    sz.save(tmp_path / "other", VALUES, chunks=(128, 128))
    os.symlink(tmp_path / "x", tmp_path / "link")
    os.symlink(tmp_path / "other", tmp_path / "x" / "there")
    read_from, read, store, path = SAME[case]
    source = sz.open(tmp_path / read_from, read)
    with pytest.warns(sz.ZarrWarning, match="4,194,304 bytes are read"):
        sz.create_array(tmp_path / store, path, data=source, chunks=(1024, 64), overwrite=True)
    assert np.array_equal(sz.load(tmp_path / store, path), VALUES)
    assert np.array_equal(sz.load(tmp_path / "other"), VALUES)


def test_overwriting_its_source_in_memory():
    values = {}
    sz.save(values, VALUES[:10], "a")
    sz.save(values, sz.open(values, "a").lazy[2:4], "a", overwrite=True)
    assert np.array_equal(sz.load(values, "a"), VALUES[2:4])
    sz.save(values, sz.open(values, "a"), overwrite=True)
    assert np.array_equal(sz.load(values), VALUES[2:4])


def test_what_was_found_above_is_looked_at_again(tmp_path):
    """A file that ended the search above a store is remembered; once it is gone, the search goes on."""
    stray = tmp_path / "outer" / "between" / "aside" / "notes.txt"
    stray.parent.mkdir(parents=True)
    stray.write_text("x")
    sz.create_group(tmp_path / "outer")
    store = LocalStore(tmp_path / "outer" / "between" / "inner")
    for _ in range(2):
        assert store.enclosing(["zarr.json"]) is None
    stray.unlink()
    assert store.enclosing(["zarr.json"]) == (LocalStore(tmp_path / "outer"), "between/inner")
    stray.mkdir()  # a directory in the place of the file
    assert store.enclosing(["zarr.json"]) == (LocalStore(tmp_path / "outer"), "between/inner")
