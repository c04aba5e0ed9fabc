"""The engine of xarray, compared with the one over zarr-python, and what it asks of stores."""

import asyncio
import threading
import time

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import MemoryStore, SlowStore
from tests.support.helpers import Counting, python

xr = pytest.importorskip("xarray")
from simplezarr.xarray import SimplezarrBackend  # noqa: E402  # needs xarray

pytestmark = [
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part"),
    pytest.mark.filterwarnings("ignore:The data type .* does not have a Zarr V3 specification"),
    pytest.mark.filterwarnings("ignore:The codec"),
    pytest.mark.filterwarnings("ignore:Failed to open Zarr store with consolidated metadata:RuntimeWarning"),
]


def open_dataset(store, **arguments):
    return xr.open_dataset(store, engine=SimplezarrBackend, **arguments)


def example():
    """A dataset with times, texts, scaled integers with missing values, cells without values, truth values."""
    rng = np.random.default_rng(0)
    temperature = xr.Variable(("time", "y", "x"), rng.normal(280, 5, (6, 5, 4)).round(1))
    temperature[1, 2] = np.nan
    temperature.encoding = {"dtype": "i2", "scale_factor": 0.1, "add_offset": 280.0, "_FillValue": -999}
    return xr.Dataset(
        {
            "temperature": temperature,
            "wet": (("time", "y"), rng.random((6, 5)) < 0.5),
            "height": (("y", "x"), np.arange(20.0, dtype="f4").reshape(5, 4), {"units": "m"}),
            "day": ("time", np.arange(6) * np.timedelta64(86_400_000_000_000, "ns")),
            "name": ("y", np.array(["a", "bcd", "", "ef", "é"], dtype=object)),
            "alone": ((), 3),
        },
        {
            "time": np.arange("2001-01-01", "2001-01-07", dtype="M8[D]").astype("M8[ns]"),
            "x": [1.5, 2.5, 3.5, 4.5],
            "y": [10, 20, 30, 40, 50],
            "reference": ((), np.datetime64("2000-01-01", "ns")),
        },
        {"title": "wind"},
    )


def written_by_zarr(path, zarr_format, dataset=None, **arguments):
    pytest.importorskip("zarr")
    (example() if dataset is None else dataset).to_zarr(path, zarr_format=zarr_format, **arguments)
    return path


def in_memory(**data):
    """Return a store with arrays of one dimension each, whose names are theirs."""
    store = MemoryStore()
    for name, values in data.items():
        sz.create_array(store, name, data=values, dimension_names=[name])
    return store


# ------------------------------------------------------------ what is read


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("decode", [True, False])
def test_as_zarr_python_reads_it(tmp_path, zarr_format, decode):
    path = written_by_zarr(tmp_path / "a.zarr", zarr_format)
    expected = xr.open_dataset(path, engine="zarr", decode_cf=decode)
    actual = open_dataset(path, decode_cf=decode)
    assert not any(variable._in_memory for variable in actual.data_vars.values())
    xr.testing.assert_identical(actual.load(), expected.load())
    same = ["chunks", "shards", "dtype", "units", "_FillValue", "scale_factor", "compressors"]
    for name, variable in actual.variables.items():
        other = expected[name].encoding
        for key in same:  # as text, because NaN equals nothing
            mine, theirs = variable.encoding.get(key), other.get(key)
            assert mine == theirs or str(mine) == str(theirs), (name, key)
    if decode:
        xr.testing.assert_identical(actual, example())


def test_fill_values_are_missing_where_they_are_in_zarr_2():
    pytest.importorskip("zarr")
    for zarr_format, fill in ((2, 9), (3, 9)):
        names = {"dimension_names": ["x"]} if zarr_format == 3 else {"attributes": {"_ARRAY_DIMENSIONS": ["x"]}}
        arguments = {"shape": 2, "dtype": "i4", "fill_value": fill, "zarr_format": zarr_format, **names}
        sz.create_array(store := MemoryStore(), "t", **arguments)
        masked = {None: zarr_format == 2, True: True, False: False}
        for argument, missing in masked.items():
            t = open_dataset(store, use_zarr_fill_value_as_mask=argument).t
            assert t.isnull().all() == missing
            assert missing or t.values.tolist() == [9, 9]


def test_a_missing_fill_value_masks_nothing(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path, mode="w", zarr_format=2)
    array = group.create_array("t", shape=3, dtype="i4", fill_value=None)
    array[:] = [0, 1, 2]
    array.attrs["_ARRAY_DIMENSIONS"] = ["x"]
    assert open_dataset(tmp_path).t.values.tolist() == [0, 1, 2]


def test_netcdf_names_of_dimensions():
    store = MemoryStore()
    attributes = {"_nczarr_array": {"dimension_references": ["/y", "/g/x"]}, "units": "m"}
    sz.create_array(store, "t", data=[[1, 2]], zarr_format=2, attributes=attributes)
    document = store.get("t/.zattrs")
    assert open_dataset(store).t.dims == ("y", "x")
    assert open_dataset(store).t.attrs == {"units": "m"}
    store.set("t/.zattrs", document.replace(b"_nczarr_array", b"_other"))
    with pytest.raises(KeyError, match="missing the attribute `_ARRAY_DIMENSIONS`"):
        open_dataset(store)


def test_an_array_without_names_can_be_left_out():
    sz.create_array(store := in_memory(x=[1, 2]), "plain", data=[[1]])
    with pytest.raises(KeyError, match=r"/plain of .*`dimension_names`, which is required"):
        open_dataset(store)
    assert [*open_dataset(store, drop_variables="plain").variables] == ["x"]


@pytest.mark.parametrize("shards", [None, (4, 6)])
def test_chunks_of_dask_are_what_is_stored(shards):
    pytest.importorskip("dask")
    store = MemoryStore()
    sz.create_array(
        store, "t", data=np.arange(60).reshape(10, 6), chunks=(2, 3), shards=shards, dimension_names=["y", "x"]
    )
    t = open_dataset(store, chunks={}).t
    assert t.chunks == (((4, 4, 2), (6,)) if shards else ((2,) * 5, (3, 3)))
    assert t.encoding["chunks"] == (2, 3)
    np.testing.assert_array_equal(t.values, np.arange(60).reshape(10, 6))


def test_chunks_of_several_lengths():
    pytest.importorskip("dask")
    data = np.arange(54).reshape(9, 6)
    sz.create_array(store := MemoryStore(), "t", data=data, chunks=[[2, 4, 5], 4], dimension_names=["y", "x"])
    t = open_dataset(store, chunks={}).t
    assert t.encoding["chunks"] == ((2, 4, 3), 4)
    assert t.chunks == ((2, 4, 3), (4, 2))
    np.testing.assert_array_equal(t.values, data)


def test_awaited():
    sz.create_array(store := in_memory(x=[1, 2]), "t", data=[3, 4], dimension_names=["x"])
    dataset = asyncio.run(open_dataset(store, create_default_indexes=False).load_async())
    assert dataset.t.values.tolist() == [3, 4]
    assert dataset.x.values.tolist() == [1, 2]


# ------------------------------------------------------------ what is opened


def test_places(tmp_path):
    sz.save(tmp_path / "a", {"x": [1, 2]})
    store = in_memory(x=[1, 2])
    sz.create_array(tmp_path / "b.zarr", "x", data=[1, 2], dimension_names=["x"])
    for place in (store, store.values, tmp_path / "b.zarr", str(tmp_path / "b.zarr"), f"file://{tmp_path}/b.zarr"):
        assert open_dataset(place).x.values.tolist() == [1, 2]
    with pytest.raises(FileNotFoundError, match="there is no array or group at /"):
        open_dataset(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"/x of .* is an array"):
        open_dataset(tmp_path / "b.zarr", group="x")


def test_one_format_alone():
    with pytest.raises(FileNotFoundError, match="is of Zarr format 3, not 2; leave zarr_format out"):
        open_dataset(in_memory(x=[1]), zarr_format=2)
    assert open_dataset(in_memory(x=[1]), zarr_format=3).sizes == {"x": 1}


def test_other_modes():
    with pytest.raises(ValueError, match="mode: 'w' is not 'r'"):
        open_dataset(in_memory(x=[1]), mode="w")


@pytest.mark.parametrize("group", ["a", "/a", "a/"])
def test_consolidated_metadata(group):
    sz.create_array(store := MemoryStore(), "a/x", data=[1, 2], dimension_names=["x"])
    with pytest.raises(ValueError, match="has no consolidated metadata"):
        open_dataset(store, group=group, consolidated=True)
    sz.open_group(store, mode="r+").consolidate_metadata()
    counting = Counting(store.values)
    for consolidated, keys in ((None, 2), (True, 2)):
        assert open_dataset(counting, group=group, consolidated=consolidated).x.values.tolist() == [1, 2]
        assert len(counting.take()) <= keys, "one document, one chunk"
    open_dataset(counting, group=group, consolidated=False)
    assert ("get", "a/x/zarr.json") in counting.take()


def test_guesses():
    backend, has_zarr = SimplezarrBackend(), pytest.importorskip("zarr") is not None
    assert backend.guess_can_open(in_memory(x=[1]))
    assert backend.guess_can_open("a.zarr/") != has_zarr
    assert not backend.guess_can_open("a.nc")
    assert not backend.guess_can_open(3)


def test_arguments_are_those_of_the_function():
    """xarray reads them of the function only if it loads the entry point."""
    from inspect import signature

    assert SimplezarrBackend.open_dataset_parameters == tuple(signature(SimplezarrBackend.open_dataset).parameters)[1:]


def test_zarr_python_is_not_needed(tmp_path):
    sz.create_array(tmp_path / "a.zarr", "x", data=[1, 2], dimension_names=["x"])
    code = f"""
import sys
sys.modules["zarr"] = None
import xarray as xr
from simplezarr.xarray import SimplezarrBackend
print(xr.open_dataset({str(tmp_path / "a.zarr")!r}, engine=SimplezarrBackend).x.values)
"""
    assert python(code, seconds=60, directory=tmp_path).strip() == "[1 2]"


# ------------------------------------------------------------ trees


def test_trees(tmp_path):
    pytest.importorskip("zarr")
    tree = xr.DataTree.from_dict({"/": example(), "/a": example().isel(time=0, drop=True), "/a/b": example()[["day"]]})
    tree.to_zarr(tmp_path / "t.zarr")
    actual = xr.open_datatree(tmp_path / "t.zarr", engine=SimplezarrBackend)
    xr.testing.assert_identical(actual.load(), tree)
    below = xr.open_datatree(tmp_path / "t.zarr", engine=SimplezarrBackend, group="a")
    xr.testing.assert_identical(below.to_dataset(), tree["a"].to_dataset(inherit=False))
    assert [*below.children] == ["b"]
    groups = xr.open_groups(tmp_path / "t.zarr", engine=SimplezarrBackend)
    assert sorted(groups) == ["/", "/a", "/a/b"]


# ------------------------------------------------------------ requests


class Timed(SlowStore):
    """A slow store that notes when each of its calls begins and ends."""

    def __init__(self, store, latency):
        super().__init__(store, latency)
        self.spans, self.noting = [], threading.Lock()

    def wait(self, nbytes=0):
        begin = time.perf_counter()
        super().wait(nbytes)
        with self.noting:
            self.spans.append((begin, time.perf_counter()))

    def round_trips(self):
        """Return the most calls of which each begins after the one before has ended."""
        count, end = 0, 0.0
        for begin, ended in sorted(self.spans, key=lambda span: span[1]):
            if begin >= end:
                count, end = count + 1, ended
        return count


@pytest.mark.parametrize("consolidated", [True, False])
def test_coordinates_are_read_together(consolidated):
    """Those of times as well, of which xarray reads elements to find their type."""
    store = in_memory(**{f"x{i}": np.arange(5.0) for i in range(17)})
    for name in ("time", "until", "since"):
        sz.create_array(store, name, data=[1, 2], dimension_names=[name], attributes={"units": "days since 2000-01-01"})
    if consolidated:
        sz.open_group(store, mode="r+").consolidate_metadata()
    slow = Timed(store, 0.2)
    dataset = open_dataset(slow)
    assert len(dataset.indexes) == 20
    assert str(dataset.time.values[1]).startswith("2000-01-03")
    assert slow.round_trips() < 5


def test_coordinates_of_a_tree_are_read_together():
    store = MemoryStore()
    for i in range(10):
        sz.create_array(store, f"g{i}/x", data=[i], dimension_names=["x"])
    sz.open_group(store, mode="r+").consolidate_metadata()
    slow = Timed(store, 0.2)
    tree = xr.open_datatree(slow, engine=SimplezarrBackend)
    assert [tree[f"g{i}"].x.item() for i in range(10)] == [*range(10)]
    assert slow.round_trips() < 4


def test_without_indexes_nothing_is_read():
    counting = Counting(in_memory(x=[1, 2], y=[3]).values)
    dataset = open_dataset(counting, create_default_indexes=False)
    assert not [call for call in counting.take() if "/c" in call[1]]
    assert dataset.x.isel(x=1).item() == 2
    dataset.x.values[0] = 7
    assert dataset.isel(x=[0]).x.values.tolist() == [7]


def test_an_error_while_coordinates_are_read():
    store = in_memory(x=[1, 2], y=[3])
    store.set("y/c/0", b"broken")
    with pytest.raises(sz.ChunkError, match="array '/y'"):
        open_dataset(store)
