"""Arrays with rectilinear grids: every way of indexing against NumPy, and changes of shape; zarr-python reads both."""

import json
import random
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simplezarr as sz
from tests.indexing.test_selection import check_everything
from tests.indexing.test_write import write_lazily, write_mask, write_orthogonal
from tests.nodes.test_resize import resized
from tests.oracle import v3 as oracle
from tests.oracle.v3 import LITTLE, codec, sharding
from tests.support.helpers import Counting, within
from tests.transfer.test_rectilinear import DATA, SHAPES, axes, document, write

GZIP = codec("gzip", level=1)


def drawn(data):
    """An array of any shape, and a grid for it."""
    shape = tuple(data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)))
    array = np.arange(int(np.prod(shape)), dtype="i4").reshape(shape) + 1
    return array, [data.draw(axes(length)) for length in shape]


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 2**32).map(random.Random))
def test_selections_are_numpys(data, rand):
    array, chunk_shapes = drawn(data)
    arr = sz.open_array(write(array, chunk_shapes))
    for _ in range(3):
        check_everything(rand, arr, array)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(0, 2**32).map(random.Random))
def test_assignments_are_numpys(data, rand):
    array, chunk_shapes = drawn(data)
    store = write(array, chunk_shapes, [LITTLE, GZIP])
    arr = sz.open_array(store, mode="r+")
    for how in (write_orthogonal, write_lazily, write_mask):
        how(rand, arr, array, SimpleNamespace(fill=0))
        assert (sz.open_array(store)[...] == array).all(), how.__name__


def test_index_arrays_of_every_kind():
    want = DATA.copy()
    for store in (write(DATA, SHAPES), write(DATA, [[4, 2, 6], [3, 6, 9]], [sharding([2, 3], [LITTLE])])):
        arr = sz.open_array(store)
        rows, columns = np.array([10, 0, 5, -1, 5]), [3, -17, 16, 9, 9]
        crossed = (rows[:, None], columns)
        for key in (rows, (rows, columns), crossed, (slice(None, None, -2), rows), (rows, 3), want % 3 == 1):
            assert oracle.same(arr[key], want[key])
            assert oracle.same(arr.read_future(key).result(), want[key])
            out = np.zeros(want[key].shape, "u4", order="F")
            assert arr.read(key, out=out) is out
            assert (out == want[key]).all()
        assert oracle.same(arr.oindex[rows, columns], want[rows][:, columns])
        assert oracle.same(arr.vindex[rows, columns], want[rows, columns])
        assert oracle.same(arr.vindex[::2, rows], np.moveaxis(want[::2, rows], 1, 0))
        assert oracle.same(arr.lazy[2:][rows[2:3]].read(), want[2:][rows[2:3]])
        for key in ([11], (0, [17]), (slice(0, 0), [17])):
            with pytest.raises(IndexError, match="out of bounds"):
                arr[key]


def test_blocks():
    arr = sz.open_array(write(DATA, SHAPES), mode="r+")
    assert oracle.same(arr.blocks[1, 0], DATA[3:7, :5])
    assert oracle.same(arr.blocks[-2:], DATA[7:])
    assert oracle.same(arr.blocks[..., 1:3], DATA[:, 5:9])
    arr.blocks[3, 5] = 7
    assert (arr[9:, 15:] == 7).all()
    assert (arr[7:9] == DATA[7:9]).all()
    for key in (4, (0, 6), -5):
        with pytest.raises(IndexError, match="out of bounds"):
            arr.blocks[key]


def test_text_and_fields():
    text = np.array([["ä" * (i % 4), str(i)] for i in range(9)], np.dtypes.StringDType())
    members = json.loads(document(DATA, [[2, 3, 4], 1]))
    members |= {"shape": [9, 2], "data_type": "string", "fill_value": "", "codecs": [codec("vlen-utf8")]}
    arr = sz.open_array({"zarr.json": json.dumps(members).encode()}, mode="r+")
    arr[...] = text
    rows = np.array([8, 0, 4, 4])
    assert (arr[rows, [0, 1, 0, 1]] == text[rows, [0, 1, 0, 1]]).all()
    assert (arr.oindex[rows, [1]] == text[rows][:, [1]]).all()
    fields = [{"name": "a", "data_type": "int32"}, {"name": "b", "data_type": "float32"}]
    struct = {"name": "struct", "configuration": {"fields": fields}}
    members |= {"data_type": struct, "fill_value": {"a": 0, "b": 0}, "codecs": [LITTLE]}
    arr = sz.open_array({"zarr.json": json.dumps(members).encode()}, mode="r+")
    arr["a"] = np.arange(18).reshape(9, 2)
    assert arr["a", rows, 1].tolist() == (2 * rows + 1).tolist()


def test_cost_follows_the_points():
    """Neither the number of chunks nor the box around the points matters; each chunk is decoded once."""
    shape = np.broadcast_to(np.uint8(0), (2**40,))
    store = {"zarr.json": document(shape, [[[1, 2**20], [3, 2**40]]], fill=7), "c/5": b"\3"}
    arr = sz.open_array(store, mode="r+")
    tracemalloc.start()
    assert within(10, arr.__getitem__, [2**40 - 1, 5, 2**30, 5]).tolist() == [7, 3, 7, 3]
    arr[[2**40 - 1, 2**39]] = [1, 2]
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert len(store) == 4
    counting = Counting(sz.MemoryStore(write(DATA, SHAPES)))
    arr = sz.open_array(counting)
    counting.calls.clear()
    parts = [sz.s_[i : i + 4, 3:8] for i in range(8)]
    for got, part in zip(arr.read_many(parts), parts, strict=True):
        assert (got == DATA[part]).all()
    read = [key for _, key, *_ in counting.calls]
    assert len(read) == len(set(read)) == 12


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_sequence_of_shapes(data):
    array, chunk_shapes = drawn(data)
    store = write(array, chunk_shapes, fill=3)
    arr = sz.open_array(store, mode="r+")
    for _ in range(3):
        if data.draw(st.booleans()):
            shape = tuple(data.draw(st.integers(0, 14)) for _ in array.shape)
            arr.resize(shape)
            array = resized(array, shape, 3)
        else:
            axis = data.draw(st.integers(0, array.ndim - 1))
            more = np.full(
                [data.draw(st.integers(0, 5)) if i == axis else n for i, n in enumerate(array.shape)], 99, "i4"
            )
            array = np.concatenate([array, more], axis)
            assert arr.append(more, axis) == array.shape
        assert arr.shape == array.shape
        assert oracle.same(arr[...], array)
        again = sz.open_array(store, mode="r+")
        assert oracle.same(again[...], array)
        assert (again.metadata, again.chunks, again.grid_shape) == (arr.metadata, arr.chunks, arr.grid_shape)
        if data.draw(st.booleans()):
            arr = again


def test_growing_repeats_the_last_length():
    store = write(DATA, SHAPES)
    arr, other = (sz.open_array(store, mode="r+") for _ in range(2))
    arr.append(DATA[:5])
    configuration = json.loads(store["zarr.json"])["chunk_grid"]["configuration"]
    assert configuration == {"kind": "inline", "chunk_shapes": [[3, 4, [2, 5]], [5, 1, [3, 4]]]}
    assert other.append(DATA[:2]) == (18, 17)  # the other handle was opened before
    assert (other[...] == np.concatenate([DATA, DATA[:5], DATA[:2]])).all()
    other.resize((18, 6))
    assert json.loads(store["zarr.json"])["chunk_grid"]["configuration"]["chunk_shapes"][1] == [5, 1, [3, 4]]
    shards = write(DATA[:6, :6], [[2, 4], 6], [sharding([2, 3], [LITTLE])])
    arr = sz.open_array(shards, mode="r+")
    arr.append(DATA[6:, :6])
    assert (sz.open_array(shards)[...] == DATA[:, :6]).all()
    long = document(np.broadcast_to(np.uint8(0), (2**40,)), [[[1, 2**40 - 4], 4]])
    with pytest.raises(sz.UnsupportedError, match="long chunks behind"):
        sz.open_array({"zarr.json": long}, mode="r+").resize(2**63 - 1)


@pytest.mark.parametrize("sharded", [False, True])
def test_what_zarr_python_writes_and_reads(sharded, tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3.2")
    layout = {"chunks": (2, 3), "shards": [[4, 2, 6], [3, 6, 9]]} if sharded else {"chunks": [[3, 4, 5], [5, 1, 12]]}
    want = resized(DATA, (12, 18), 5)
    with zarr.config.set({"array.rectilinear_chunks": True}):
        peer = zarr.create_array(tmp_path / "a", shape=want.shape, dtype="u4", fill_value=9, **layout)
        peer[...] = want
        arr = sz.open_array(tmp_path / "a", mode="r+")
        rows = np.array([10, 2, 7])
        assert oracle.same(arr[rows, ::-3], want[rows, ::-3])
        assert oracle.same(arr.oindex[rows, rows], want[rows][:, rows])
        arr[rows, 3:5] = want[rows, 3:5] = 7
        arr.vindex[rows, rows] = want[rows, rows] = [1, 2, 3]
        assert oracle.same(np.asarray(zarr.open_array(tmp_path / "a", mode="r")[...]), want)
        arr.append(want[:5])
        arr.resize((15, 20))
        want = resized(np.concatenate([want, want[:5]]), (15, 20), 9)
        assert oracle.same(np.asarray(zarr.open_array(tmp_path / "a", mode="r")[...]), want)
        if not sharded:
            zarr.open_array(tmp_path / "a", mode="r+").resize((40, 3))
            assert oracle.same(sz.open_array(tmp_path / "a")[...], resized(want, (40, 3), 9))
