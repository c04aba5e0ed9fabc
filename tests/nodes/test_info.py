"""What `info` says of arrays and groups, and what else shows what is stored."""

import pydoc

import numpy as np
import pytest

import simplezarr as sz


class Unlistable(sz.WrapperStore):
    """A store that can't be listed."""

    def list(self, prefix=""):
        raise sz.UnsupportedError("can't be listed")

    list_dir = list


def test_array():
    a = sz.create_array(
        {}, "a", shape=(4, 6), dtype="u2", chunks=(1, 3), shards=(2, 6), fill_value=7, attributes={"unit": "m"}
    )
    a[0, 0] = 1
    info = a.info
    same = ("name", "store", "shape", "dtype", "nbytes", "chunks", "grid_shape", "shards", "codecs", "fill_value")
    assert all(getattr(info, name) == getattr(a, name) for name in (*same, "dimension_names", "nbytes_stored"))
    assert (info.zarr_format, info.attributes, info.nobjects, info.nobjects_stored) == (3, {"unit": "m"}, 2, 1)
    lines = repr(info).splitlines()
    assert [line.split()[0] for line in lines] == (
        ["array", "format", "shape", "chunks", "shards", "codecs", "fill", "attributes", "stored"]
    )
    assert lines[-1].endswith(f"1 of 2 shards, {a.nbytes_stored:,} bytes")
    assert str(info) == repr(info)
    with pytest.raises(AttributeError):
        info.shape = (1,)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_group(zarr_format):
    root = sz.create_group({}, zarr_format=zarr_format, attributes={"a": 1})
    root.create_array("x", data=np.arange(10), chunks=5)
    root.create_array("g/y", data=np.arange(6, dtype="u1"))
    root.create_group("h")
    info = root.info
    assert (info.name, info.store, info.zarr_format, info.attributes) == ("/", root.store, zarr_format, {"a": 1})
    assert (info.narrays, info.ngroups, info.consolidated) == (1, 2, False)
    assert info.nbytes_stored == root.nbytes_stored == root["x"].nbytes_stored + root["g/y"].nbytes_stored > 0
    assert root["g"].nbytes_stored == root["g/y"].nbytes_stored
    assert root["h"].nbytes_stored == 0
    assert [line.split()[0] for line in repr(info).splitlines()] == (
        ["group", "format", "children", "attributes", "stored"]
    )
    assert "arrays: 1, groups: 2" in str(info)
    root.consolidate_metadata()
    assert "consolidated" in str(sz.open(root.store).info)
    assert sz.open(root.store).info.ngroups == 2


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_as_files_and_zarr_python_have_it(zarr_format, tmp_path):
    root = sz.create_group(tmp_path / "g.zarr", zarr_format=zarr_format)
    for name in ("b", "a", "g/x", "g/h/y"):
        root.create_array(name, data=np.arange(1000, dtype="i8"), chunks=300)
    documents = {"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"}

    def nbytes(directory):
        return sum(f.stat().st_size for f in directory.rglob("*") if f.is_file() and f.name not in documents)

    zarr = pytest.importorskip("zarr")
    for consolidated in (False, True):
        if consolidated:
            root.consolidate_metadata()
        for path in ("", "g", "g/h"):
            group = sz.open_group(tmp_path / "g.zarr", path)
            assert group.nbytes_stored == nbytes(tmp_path / "g.zarr" / path) > 0
            theirs = zarr.open_group(tmp_path / "g.zarr", path=path, mode="r", use_consolidated=False)
            assert group.array_keys() == sorted(theirs.array_keys())
            assert group.group_keys() == sorted(theirs.group_keys())


def test_stores_that_can_not_be_listed():
    sz.create_array(store := sz.MemoryStore(), "g/a", data=[1])
    group = sz.open(Unlistable(store), "g")
    assert (group.info.narrays, group.info.ngroups, group.info.nbytes_stored) == (None, None, None)
    assert [line.split()[0] for line in repr(group.info).splitlines()] == ["group", "format"]
    array = group["a"].info
    assert (array.nobjects, array.nobjects_stored, array.nbytes_stored) == (1, None, None)
    with pytest.raises(sz.UnsupportedError):
        _ = group.nbytes_stored


def test_a_child_that_can_not_be_opened():
    root = sz.create_group({})
    root.create_array("a", data=[1, 2])
    document = root.store.get("a/zarr.json")
    root.store.set("odd/zarr.json", document.replace(b'"bytes"', b'"acme.magic"'))
    root.create_group("g")
    assert (root.array_keys(), root.group_keys()) == (["a", "odd"], ["g"])
    assert (root.info.narrays, root.info.ngroups) == (2, 1)


def test_an_unusable_fill_value():
    a = sz.create_array({}, shape=3, dtype="u1")
    document = (
        a.store.get("zarr.json")
        .replace(b'"fill_value":0', b'"fill_value":"x"')
        .replace(b'"fill_value": 0', b'"fill_value": "x"')
    )
    with pytest.warns(sz.ZarrWarning):
        info = sz.open({"zarr.json": document}).info
    assert info.fill_value is None
    assert "not usable" in str(info)


def test_repr_of_a_group_with_many_children_is_cut():
    root = sz.create_group({})
    for i in range(200):
        root.create_group(f"{i:03}")
    assert repr(root) == "<Group /: 000, 001, 002, 003, 004 and 195 more>"


def test_ipython_completes_names():
    root = sz.create_group({}, attributes={"unit": 1})
    a = root.create_array("a", shape=2, dtype=[("x", "f4"), ("y", "i4")])
    b = root.create_array("b", shape=2, dtype="f4")
    assert root._ipython_key_completions_() == ["a", "b"]
    assert root.attrs._ipython_key_completions_() == ["unit"]
    assert (a._ipython_key_completions_(), b._ipython_key_completions_()) == (["x", "y"], [])
    assert sz.open(Unlistable(root.store))._ipython_key_completions_() == []
    root.consolidate_metadata()
    assert sz.open(Unlistable(root.store))._ipython_key_completions_() == ["a", "b"]


def test_completing_names_costs_one_request():
    root = sz.create_group(store := sz.MemoryStore())
    for i in range(100):
        root.create_group(f"{i:02}")

    class Counting(sz.WrapperStore):
        requests = 0

        def get(self, key):
            self.requests += 1
            return self.store.get(key)

        def exists(self, key):
            self.requests += 1
            return self.store.exists(key)

    counting = Counting(store)
    group = sz.open(counting)
    counting.requests = 0
    assert len(group._ipython_key_completions_()) == 100
    assert counting.requests == 0, "it is one listing"


@pytest.mark.parametrize("kind", [sz.Array, sz.Group])
def test_help_describes_every_name(kind):
    names = [name for name in vars(kind) if not name.startswith("_")] + ["__getitem__", "__setitem__"]
    for name in names:
        member = vars(kind)[name]
        assert member.__doc__
        assert member.__doc__ != type(member).__doc__, f"{name} is described as any {type(member).__name__} is"


def test_help_of_the_shape():
    shown = pydoc.render_doc(sz.Array, renderer=pydoc.plaintext)
    for text in ("Length along each dimension.", "Data type of the elements", "Shape of the unit of reading"):
        assert text in shown
