"""`to_zarr`, compared with what zarr-python writes and reads, and what parallel writers leave."""

import json

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import MemoryStore
from tests.support.helpers import python
from tests.xarray.test_backend import example

xr = pytest.importorskip("xarray")
from simplezarr.xarray import SimplezarrBackend, to_zarr  # noqa: E402  # needs xarray

pytestmark = [
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part"),
    pytest.mark.filterwarnings("ignore:The data type .* does not have a Zarr V3 specification"),
    pytest.mark.filterwarnings("ignore:Failed to open Zarr store with consolidated metadata:RuntimeWarning"),
]


def opened(store, **arguments):
    return xr.open_dataset(store, engine=SimplezarrBackend, **arguments)


def counting(n, start=0, name="x"):
    """Return a dataset whose values are those of its coordinate."""
    numbers = np.arange(start, start + n)
    return xr.Dataset({"t": (name, numbers)}, {name: numbers})


# ------------------------------------------------------------ archives


def test_an_archive_is_new_and_whole(tmp_path):
    to_zarr(example(), tmp_path / "a.zip")
    xr.testing.assert_identical(opened(tmp_path / "a.zip").load(), example())
    assert opened(tmp_path / "a.zip").chunks is not None
    with pytest.raises(sz.NodeExistsError, match="the archive already exists, and is written only as a whole"):
        to_zarr(counting(3), tmp_path / "a.zip")
    for arguments in ({"append_dim": "x"}, {"region": {"x": slice(0, 3)}}, {"mode": "a"}):
        with pytest.raises(sz.NodeExistsError):
            to_zarr(counting(3), tmp_path / "a.zip", **arguments)
    xr.testing.assert_identical(opened(tmp_path / "a.zip").load(), example())
    to_zarr(counting(3), tmp_path / "a.zip", mode="w")
    xr.testing.assert_identical(opened(tmp_path / "a.zip").load(), counting(3))
    tree = xr.DataTree.from_dict({"/": counting(2), "/below": counting(4, name="y")})
    to_zarr(tree, tmp_path / "b.zip")
    assert [name for name, _ in sz.open_group(tmp_path / "b.zip").groups()] == ["below"]
    with sz.ZipStore(tmp_path / "c.zip", mode="w") as store:
        to_zarr(counting(3), store, group="inside")
    assert opened(tmp_path / "c.zip", group="inside").t.values.tolist() == [0, 1, 2]


@pytest.mark.parametrize("there", [False, True])
def test_a_failure_leaves_the_archive_that_was_there(tmp_path, there):
    da = pytest.importorskip("dask.array")
    if there:
        to_zarr(counting(3), tmp_path / "a.zip")
    before = [(path.name, path.read_bytes()) for path in tmp_path.iterdir()]

    def fail(block):
        raise OSError("gone")

    wrong = xr.Dataset({"u": ("x", np.arange(4)), "t": ("x", da.map_blocks(fail, da.ones(4, chunks=2), dtype="f8"))})
    with pytest.raises(OSError, match="gone"):
        to_zarr(wrong, tmp_path / "a.zip", mode="w")
    with pytest.raises(sz.UnsupportedError, match=r"compute=False: .* is an archive, which is complete when this call"):
        to_zarr(wrong, tmp_path / "a.zip", mode="w", compute=False)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == before


# ------------------------------------------------------------ what is stored


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_python_reads_it(tmp_path, zarr_format):
    pytest.importorskip("zarr")
    to_zarr(example(), tmp_path / "a.zarr", zarr_format=zarr_format)
    xr.testing.assert_identical(xr.open_dataset(tmp_path / "a.zarr", engine="zarr").load(), example())
    xr.testing.assert_identical(opened(tmp_path / "a.zarr").load(), example())


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_documents_are_those_of_zarr_python(tmp_path, zarr_format):
    """But for codecs and chunks, which each library chooses, and the spelling of times of day zero."""
    pytest.importorskip("zarr")
    encoding = {name: {"compressors": None} for name in ("temperature", "height", "alone", "wet")}
    to_zarr(example(), tmp_path / "a", zarr_format=zarr_format, encoding=encoding, consolidated=False)
    example().to_zarr(tmp_path / "b", zarr_format=zarr_format, encoding=encoding, consolidated=False)
    for name in encoding:
        for document in ("zarr.json",) if zarr_format == 3 else (".zarray", ".zattrs"):
            mine, theirs = (json.loads((tmp_path / root / name / document).read_bytes()) for root in "ab")
            for member in ("filters", "attributes", "storage_transformers"):  # empty, null or missing
                assert not mine.pop(member, None) or member == "attributes"
                theirs.pop(member, None)
            if name == "alone":
                mine.pop("dimension_names", None)  # none
            assert mine == theirs, name


def test_a_fill_value_is_no_missing_value(tmp_path):
    """In Zarr 2 the fill value is null unless `_FillValue` is given, so zeros are zeros, also in chunks of zeros."""
    pytest.importorskip("zarr")
    to_zarr(xr.Dataset({"t": ("x", [0, 1, 0])}), tmp_path / "a", zarr_format=2)
    assert json.loads((tmp_path / "a/t/.zarray").read_bytes())["fill_value"] is None
    to_zarr(xr.Dataset({"t": ("x", [0, 0, 0])}), tmp_path / "a", mode="r+")
    assert (tmp_path / "a/t/0").exists()
    assert opened(tmp_path / "a").t.values.tolist() == [0, 0, 0]
    assert xr.open_dataset(tmp_path / "a", engine="zarr").t.values.tolist() == [0, 0, 0]


def test_encodings():
    settings = {"chunks": (2,), "shards": (4,), "compressors": [{"name": "gzip", "configuration": {"level": 3}}]}
    other = {"compressors": sz.codecs.Blosc(), "chunk_key_encoding": {"name": "v2", "separator": "."}, "fill_value": 7}
    dataset = xr.Dataset({"t": ("x", np.arange(10)), "u": ("x", np.full(10, 7))})
    to_zarr(dataset, store := MemoryStore(), encoding={"t": settings, "u": other})
    t, u = sz.open(store)["t"], sz.open(store)["u"]
    assert (t.chunks, t.shards, t.codecs[-1]) == ((2,), (4,), sz.codecs.Gzip(3))
    assert (u.codecs[-1].name, u.metadata.chunk_keys.name, u.fill_value) == ("blosc", "v2", 7)
    assert u.nchunks_stored == 0
    to_zarr(opened(store), again := MemoryStore())
    assert sz.open(again)["t"].metadata == t.metadata
    with pytest.raises(ValueError, match="unexpected encoding parameters"):
        to_zarr(dataset, MemoryStore(), encoding={"t": {"compressor": "gzip"}})


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_what_was_read_is_written_alike(zarr_format):
    encoding = {"t": {"chunks": (4,), "compressors": sz.codecs.Gzip(3), "chunk_key_encoding": "v2"}}
    dataset = xr.Dataset({"t": ("x", np.arange(10)), "u": ("x", np.array(["a", "bc"] * 5, dtype=object))})
    to_zarr(dataset, store := MemoryStore(), encoding=encoding, zarr_format=zarr_format)
    to_zarr(opened(store), again := MemoryStore(), zarr_format=zarr_format)
    for name in ("t", "u"):
        mine, copied = sz.open(store)[name].metadata, sz.open(again)[name].metadata
        assert (copied.codecs, copied.chunk_shape, copied.fill) == (mine.codecs, mine.chunk_shape, mine.fill)
    xr.testing.assert_identical(opened(again).load(), dataset)


def test_codecs_of_other_libraries():
    zarr_codecs, numcodecs = pytest.importorskip("zarr.codecs"), pytest.importorskip("numcodecs")
    dataset = xr.Dataset({"t": ("x", np.arange(10))})
    to_zarr(dataset, store := MemoryStore(), encoding={"t": {"compressors": zarr_codecs.GzipCodec(level=4)}})
    assert sz.open(store)["t"].codecs[-1] == sz.codecs.Gzip(4)
    both = {"filters": [numcodecs.Delta("i8")], "compressors": numcodecs.Zlib(2)}
    to_zarr(dataset, store := MemoryStore(), encoding={"t": both}, zarr_format=2)
    assert [codec.name for codec in sz.open(store)["t"].codecs] == ["numcodecs.delta", "bytes", "numcodecs.zlib"]
    assert opened(store).t.encoding["compressors"] == (numcodecs.Zlib(2),)
    assert opened(store).t.values.tolist() == [*range(10)]


def test_nan_as_an_attribute():
    pressure = xr.Variable("x", [1.0, np.nan], {}, {"missing_value": np.nan})
    to_zarr(xr.Dataset({"p": pressure}), store := MemoryStore())
    assert opened(store).p.isnull().values.tolist() == [False, True]
    with pytest.raises(ValueError, match="inf is not JSON"):
        to_zarr(xr.Dataset({"p": ("x", [1.0], {"top": np.inf})}), MemoryStore())


# ------------------------------------------------------------ what is written


@pytest.mark.parametrize("name", [None, "t", "x"])
def test_data_arrays(name):
    array = xr.DataArray([1, 2], {"x": [3, 4]}, ["x"], name=name)
    to_zarr(array, store := MemoryStore())
    xr.testing.assert_identical(xr.open_dataarray(store, engine=SimplezarrBackend), array)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_trees(zarr_format):
    tree = xr.DataTree.from_dict(
        {"/": counting(4), "/a": counting(4)[["t"]].drop_vars("x"), "/a/b": counting(3, name="y")}
    )
    encoding = {"/a": {"t": {"chunks": (3,)}}}
    to_zarr(tree, store := MemoryStore(), encoding=encoding, zarr_format=zarr_format)
    xr.testing.assert_identical(xr.open_datatree(store, engine=SimplezarrBackend).load(), tree)
    assert sz.open(store)["a/t"].chunks == (3,)
    assert "x" not in sz.open(store)["a"]
    assert {*sz.open(store).metadata.consolidated} == {"t", "x", "a", "a/t", "a/b", "a/b/t", "a/b/y"}
    to_zarr(tree, store := MemoryStore(), group="deep/er", write_inherited_coords=True)
    assert "x" in sz.open(store)["deep/er/a"]
    with pytest.raises(ValueError, match="unexpected encoding group"):
        to_zarr(tree, MemoryStore(), encoding={"/c": {}})
    with pytest.raises(NotImplementedError, match="append the datasets of their groups"):
        to_zarr(tree, MemoryStore(), append_dim="x")


def test_modes():
    to_zarr(counting(4), store := MemoryStore(), group="g")
    with pytest.raises(FileExistsError, match="/g"):
        to_zarr(counting(4), store, group="g")
    to_zarr(counting(4).rename(t="u"), store, mode="a", group="g")
    assert sorted(sz.open(store)["g"]) == ["t", "u", "x"]
    to_zarr(counting(4, 10), store, mode="r+", group="g")
    assert opened(store, group="g").t.values.tolist() == [10, 11, 12, 13]
    with pytest.raises(ValueError, match="non-pre-existing variables"):
        to_zarr(counting(4).rename(t="new"), store, mode="r+", group="g")
    to_zarr(counting(2), store, mode="w", group="g")
    assert sorted(sz.open(store)["g"]) == ["t", "x"]


def test_appending():
    to_zarr(counting(4).assign(z=3), store := MemoryStore())
    for start in (4, 7):
        to_zarr(counting(3, start).assign(z=5), store, append_dim="x", mode="a-")
    dataset = opened(store)
    assert dataset.t.values.tolist() == dataset.x.values.tolist() == [*range(10)]
    assert dataset.z == 3
    assert sz.open(store).metadata.consolidated["t"]["shape"] == [10]
    with pytest.raises(ValueError, match="does not match any existing"):
        to_zarr(counting(3), store, append_dim="nothing")


def test_regions():
    template = counting(10)
    to_zarr(template * 0, store := MemoryStore(), encoding={"t": {"chunks": (4,)}})
    to_zarr(template.isel(x=slice(3, 7)).drop_vars("x"), store, region={"x": slice(3, 7)})
    to_zarr(template.isel(x=slice(7, 9)), store, region="auto")
    to_zarr(template.isel(x=slice(1, 2)), store, region={"x": "auto"})
    assert opened(store).t.values.tolist() == [0, 1, 0, 3, 4, 5, 6, 7, 8, 0]
    with pytest.raises(KeyError, match="Not all values of coordinate"):
        to_zarr(counting(2, 50), store, region="auto")


def test_without_zarr_python(tmp_path):
    code = """
import sys
sys.modules["zarr"] = None
import xarray as xr
from simplezarr.xarray import SimplezarrBackend, to_zarr
ds = xr.Dataset({"t": ("x", [1, 2])}, {"x": [3, 4]})
to_zarr(ds, "a.zarr")
to_zarr(ds, "a.zarr", append_dim="x")
to_zarr(ds[["t"]].drop_vars("x"), "a.zarr", region={"x": slice(1, 3)})
to_zarr(xr.DataTree.from_dict({"/a": ds}), "b.zarr")
print(xr.open_dataset("a.zarr", engine=SimplezarrBackend).t.values)
"""
    assert python(code, seconds=60, directory=tmp_path).strip() == "[1 1 2 2]"


# ------------------------------------------------------------ parallel writers


def test_later():
    pytest.importorskip("dask")
    delayed = to_zarr(counting(9).chunk(x=2), store := MemoryStore(), compute=False, encoding={"t": {"chunks": (4,)}})
    assert sz.open(store)["t"].nchunks_stored == 0
    assert opened(store).x.values.tolist() == [*range(9)], "coordinates are written at once"
    delayed.compute()
    assert opened(store).t.values.tolist() == [*range(9)]


@pytest.mark.parametrize("shards", [None, (32, 64)])
def test_blocks_that_share_chunks(tmp_path, shards):
    dask = pytest.importorskip("dask")
    values = np.arange(1, 97 * 61 + 1).reshape(97, 61)
    dataset = xr.Dataset({"t": (("y", "x"), values)}).chunk(y=11, x=7)
    encoding = {"t": {"chunks": (16, 32), "shards": shards}}
    with dask.config.set(scheduler="threads", num_workers=8):
        to_zarr(dataset.isel(y=slice(0, 50)), tmp_path / "a", encoding=encoding)
        to_zarr(dataset.isel(y=slice(50, None)), tmp_path / "a", append_dim="y")
        to_zarr(-dataset.isel(y=slice(13, 41)), tmp_path / "a", region={"y": slice(13, 41)})
    values[13:41] *= -1
    np.testing.assert_array_equal(sz.open(tmp_path / "a")["t"][...], values)


def test_processes_that_share_chunks(tmp_path):
    dask = pytest.importorskip("dask")
    values = np.arange(1, 97 * 61 + 1).reshape(97, 61)
    dataset = xr.Dataset({"t": (("y", "x"), values)}).chunk(y=11, x=7)
    with dask.config.set(scheduler="processes", num_workers=2):
        to_zarr(dataset, tmp_path / "a", encoding={"t": {"chunks": (16, 32), "shards": (32, 64)}})
    np.testing.assert_array_equal(sz.open(tmp_path / "a")["t"][...], values)


def test_safe_chunks_as_xarray_has_them():
    pytest.importorskip("dask")
    with pytest.raises(ValueError, match="overlap"):
        to_zarr(counting(9).chunk(x=2), MemoryStore(), encoding={"t": {"chunks": (4,)}}, safe_chunks=True)
    to_zarr(counting(9).chunk(x=2), store := MemoryStore(), encoding={"t": {"chunks": (4,)}}, align_chunks=True)
    assert opened(store).t.values.tolist() == [*range(9)]
