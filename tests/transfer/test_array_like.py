"""Values with a shape, a dtype and `[]` that are not NumPy arrays: copied part by part, in bounded memory."""

import threading
import tracemalloc

import h5py
import numpy as np
import pandas as pd
import pytest
import zarr

import simplezarr as sz
from simplezarr.transfer import array_copy

DATA = np.arange(60 * 50, dtype="i4").reshape(60, 50)


class Plain:
    """The least that is an array: what it was asked for, and by which thread."""

    def __init__(self, values, chunks=None):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.keys, self.threads, self.chunks = [], set(), chunks

    def __getitem__(self, key):
        self.keys.append(key)
        self.threads.add(threading.get_ident())
        return self.values[key]


class Zeros:
    """An array that is larger than memory should be: it makes its parts."""

    def __init__(self, shape, chunks):
        self.shape, self.dtype, self.chunks, self.largest = shape, np.dtype("f8"), chunks, 0

    def __getitem__(self, key):
        part = np.ones([len(range(*along.indices(n))) for along, n in zip(key, self.shape, strict=True)])
        self.largest = max(self.largest, part.nbytes)
        return part


@pytest.fixture
def in_boxes(monkeypatch):
    """Small values are copied part by part too."""
    monkeypatch.setattr(array_copy, "SMALL_BYTES", 0)
    monkeypatch.setattr(array_copy, "LIKE_BYTES", 1)
    monkeypatch.setattr(array_copy, "LARGEST_LIKE_BYTES", 1)


@pytest.fixture
def h5(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        yield file


@pytest.mark.parametrize("chunks", [None, (7, 9), True])
@pytest.mark.parametrize("dtype", ["<i4", ">f4", "u1"])
def test_datasets_of_hdf5(in_boxes, h5, chunks, dtype):
    data = h5.create_dataset("x", data=(DATA % 100).astype(dtype), chunks=chunks)
    a = sz.create_array({}, data=data, chunks=(8, 16))
    assert a.dtype == data.dtype.newbyteorder("=")
    assert (a[...] == data[...]).all()
    b = sz.create_array({}, shape=(61, 50), dtype="f8", chunks=(16, 16))
    b[1:] = data
    assert (b[1:] == data[...]).all()
    assert b.append(data) == (121, 50)
    assert (b[61:] == data[...]).all()
    b.lazy[2:62].write(data)
    assert (b[2:62] == data[...]).all()


@pytest.mark.parametrize("dtype", [[("x", "i4"), ("y", "f8")], "S5"])
def test_records_and_bytes_of_hdf5(in_boxes, h5, dtype):
    values = np.zeros((10, 4), dtype)
    values[2:5] = (1, 2.5) if isinstance(dtype, list) else b"abc"
    a = sz.create_array({}, data=h5.create_dataset("x", data=values), chunks=(3, 4))
    assert (a[...] == values).all()


def test_text_of_hdf5(h5):
    data = h5.create_dataset("x", data=["a", "bc"], dtype=h5py.string_dtype())
    assert sz.create_array({}, data=data.asstr()).dtype.kind == "T"
    assert sz.create_array({}, data=data.asstr())[...].tolist() == ["a", "bc"]
    assert sz.create_array({}, data=data)[...].tolist() == [b"a", b"bc"]


def test_arrays_of_zarr_python(in_boxes):
    peer = zarr.create_array({}, shape=DATA.shape, dtype="i4", chunks=(9, 9))
    peer[...] = DATA
    assert (sz.create_array({}, data=peer, chunks=(8, 16))[...] == DATA).all()


def test_parts_are_units_of_writing_and_read_by_the_caller(in_boxes):
    data = Plain(DATA)
    a = sz.create_array({}, data=data, chunks=(4, 5), shards=(20, 25))
    assert data.keys == [*a.iter_chunks()]
    assert data.threads == {threading.get_ident()}


def test_parts_hold_whole_chunks_of_the_value(monkeypatch, in_boxes):
    monkeypatch.setattr(array_copy, "LARGEST_LIKE_BYTES", 8000)
    data = Plain(DATA, chunks=(15, 50))
    sz.create_array({}, data=data, chunks=(10, 50))
    assert data.keys == [(slice(0, 30), slice(0, 50)), (slice(30, 60), slice(0, 50))]


def test_memory_is_bounded():
    data = Zeros((1 << 25,), (1 << 16,))
    tracemalloc.start()
    try:
        a = sz.create_array({}, data=data, chunks=1 << 17, fill_value=1)
        a[...] = data
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert data.largest <= 64 << 20
    assert a[-1] == 1


@pytest.mark.parametrize("value", [Plain(DATA), Plain(DATA[:1]), Plain(DATA[0]), Plain(DATA[0, 0])])
@pytest.mark.parametrize("key", [..., [*range(60)]])
def test_values_that_are_broadcast_or_written_to_points(in_boxes, value, key):
    a = sz.create_array({}, shape=DATA.shape, dtype="i4", chunks=(8, 16))
    a[key] = value
    expected = np.empty_like(DATA)
    expected[key] = value.values
    assert (a[...] == expected).all()


def test_rectilinear_grids_and_chunks(in_boxes):
    a = sz.create_array({}, data=Plain(DATA), chunks=([20, 40], 25))
    assert (a[...] == DATA).all()
    a = sz.create_array({}, shape=(4, 4), dtype="i4", chunks=(2, 2))
    a.set_chunk((1, 1), Plain(DATA[:2, :2]))
    assert (a[2:, 2:] == DATA[:2, :2]).all()


def test_another_shape_is_refused_before_anything_is_written(in_boxes):
    store = {}
    a = sz.create_array(store, shape=(6, 50), dtype="i4")
    for write in (lambda: a.append(Plain(DATA[:, :4])), lambda: a.write(..., Plain(DATA))):
        with pytest.raises(ValueError, match="shape"):
            write()
    assert [*store] == ["zarr.json"]


def test_parts_that_are_no_arrays(in_boxes):
    class Sparse(Plain):
        def __getitem__(self, key):
            return object()

    data = Sparse(DATA)
    store = {}
    with pytest.raises(TypeError, match=r"Sparse: a part of shape \(60, 50\) is not an array of that shape, but \(\)"):
        sz.create_array(store, data=data, chunks=(60, 50))
    assert not store


def test_mapped_files_are_arrays_of_numpy(tmp_path):
    mapped = np.memmap(tmp_path / "a", "i4", "w+", shape=DATA.shape)
    mapped[...] = DATA
    a = sz.create_array({}, data=mapped, chunks=(8, 16))
    a[...] = mapped
    assert (a[...] == DATA).all()


def test_pandas_is_indexed_by_label():
    series = pd.Series([1, 2, 3], index=[7, 8, 9])
    assert sz.create_array({}, data=series)[...].tolist() == [1, 2, 3]
    assert sz.create_array({}, data=series.index)[...].tolist() == [7, 8, 9]


@pytest.mark.parametrize("write", [
    lambda a, data: sz.create_array({}, data=data),
    lambda a, data: a.write(..., data),
    lambda a, data: a.append(data),
])  # fmt: skip
def test_iterators_are_refused_with_what_to_write(write):
    a = sz.create_array({}, shape=3, dtype="i4")
    with pytest.raises(
        TypeError, match=r"(?s)generator has no shape; .*create_array\(.*\n +for part in .*append\(part"
    ):
        write(a, (row for row in DATA))
    assert a.shape == (3,)
