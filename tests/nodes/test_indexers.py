"""Selections by hand: NumPy's odd corners, `oindex`, `vindex`, `blocks`, lazy ones, iteration and membership."""

import pickle

import numpy as np
import pytest

import simplezarr as sz
from tests.oracle import v3 as oracle
from tests.oracle.v3 import LITTLE, same, sharding
from tests.support.helpers import Counting

DATA = np.arange(13 * 9, dtype="i4").reshape(13, 9)


@pytest.fixture(params=["chunks", "shards"])
def arr(request):
    codecs = [LITTLE] if request.param == "chunks" else [sharding([2, 3], [LITTLE])]
    return sz.open_array(oracle.write_array({}, "", DATA, (4, 6), codecs=codecs, fill_value=DATA[0, 0], seed=None))


CORNERS = {
    "list": [3, 1, 3],
    "nested list": [[1, 2], [-3, 4]],
    "empty list": [],
    "nested empty list": [[]],
    "range": range(3),
    "tuple in a tuple": ((0, 1), 2),
    "row mask": DATA[:, 0] % 2 == 0,
    "list of booleans": [True] * 13,
    "mask": DATA % 3 == 0,
    "two masks": (DATA[:, 0] > 85, DATA[0] % 3 == 0),
    "mask and list": (DATA[:, 0] > 85, [0, 1, 2]),
    "mask of no length": np.zeros((0, 9), bool),
    "true": True,
    "false": (slice(None), False),
    "0-d mask": (np.array(True), 0, [1, 2]),
    "0-d integer": (np.array(3), np.array(-1)),
    "ellipsis behind": ([1, 2], ...),
    "ellipsis before": (..., [1, 2]),
    "ellipsis that separates": (slice(None), [1, 2], ...),
    "ellipsis of no axis": ([0, 1], ..., [0, 1]),
    "newaxis between": ([0, 1], None, [0, 1]),
    "newaxis in front": (None, [0, 1]),
    "integer beside": (3, [1, 2]),
    "integer apart": (3, None, [1, 2]),
    "broadcast": ([[0], [1], [2]], [0, 3]),
    "negative step": (slice(None, None, -2), [2, 0]),
    "uint64": np.array([1, 2], np.uint64),
    "big-endian": np.array([1, 2], ">i2"),
    "outside, but no point": ([13], np.empty(0, int)),
    "ix_": np.ix_([0, 12], [8, 1]),
    "ix_ of masks": np.ix_([True, False] * 6 + [True], [2, 0]),
    "ix_ turned round": (np.array([3, 0, 1]), np.array([[1], [0]])),
    "ix_ and None": (None, np.array([[3], [0]]), np.array([1, 0, 1])),
    "ix_, outside, but no point": np.ix_([13], np.empty(0, int)),
}


@pytest.mark.parametrize("name", CORNERS)
def test_corners(name, arr):
    key = CORNERS[name]
    assert same(arr[key], DATA[key])
    assert same(arr.read(key), DATA[key])
    assert same(arr.read_future(key).result(), DATA[key])
    assert same(arr.lazy[key].read(), DATA[key])
    out = np.empty_like(np.asarray(DATA[key]))
    assert arr.read(key, out=out) is out
    assert same(out, np.asarray(DATA[key]))


WRONG = {
    "float": (1.5, "only integers"),
    "string": ("a", "only integers"),
    "list of floats": ([1.0], "only integers"),
    "array of floats": (np.array([1.0]), "arrays used as indices must be of integer"),
    "array of objects": (np.array([1], object), "arrays used as indices must be of integer"),
    "empty array of floats": (np.array([]), "arrays used as indices must be of integer"),
    "too large": ([0, 13], "index 13 is out of bounds for axis 0 with size 13"),
    "too small": (([0], [0, -10]), "index -10 is out of bounds for axis 1 with size 9"),
    "beyond 64 bits": ([2**70], "only integers"),
    "beyond 64 bits, after a step of 0": ((slice(0, 1, 0), 2**70), "cannot fit 'int'"),
    "shapes": (([0, 1], [0, 1, 2]), r"could not be broadcast together with shapes \(2,\) \(3,\)"),
    "mask length": ([True] * 12, "along axis 0; size of axis is 13 but size of corresponding boolean axis is 12"),
    "mask shape": (
        np.ones((13, 8), bool),
        "along axis 1; size of axis is 9 but size of corresponding boolean axis is 8",
    ),
    "too many": (([0], [0], [0]), "too many indices for array: array is 2-dimensional, but 3 were indexed"),
    "two ellipses": ((..., [0], ...), "single ellipsis"),
    "outside, nothing selected": (([13], slice(0, 0)), "index 13 is out of bounds"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_keys(name, arr):
    key, message = WRONG[name]
    with pytest.raises(IndexError):
        DATA[key]
    with pytest.raises(IndexError, match=message):
        arr[key]
    with pytest.raises(IndexError, match=message):
        arr.read_future(key).result()


def test_ragged_lists(arr):
    with pytest.raises(ValueError, match="inhomogeneous"):
        arr[[[0], [0, 1]]]


def test_arrays_are_indices(arr):
    index = oracle.write_array({}, "", np.array([4, 2], "i8"), (2,), codecs=[LITTLE], fill_value=np.int64(0))
    assert same(arr[sz.open_array(index)], DATA[[4, 2]])


def test_oindex(arr):
    assert same(arr.oindex[5, 3], DATA[5, 3])
    assert same(arr.oindex[[1, 0], [8, 8, -9]], DATA[np.ix_([1, 0], [8, 8, -9])])
    assert same(arr.oindex[[], [0]], DATA[:0, :1])
    assert same(arr.oindex[DATA[:, 0] > 90, DATA[0] % 2 == 0], DATA[DATA[:, 0] > 90][:, ::2])
    assert same(arr.oindex[..., [1, 2]], DATA[..., [1, 2]])
    assert same(arr.oindex[3, [1, 2]], DATA[3, [1, 2]])
    assert same(arr.oindex[[1, 2], None, ::-3], DATA[[1, 2]][:, None, ::-3])
    assert same(arr.oindex[DATA > 100], DATA[DATA > 100])
    assert same(arr.oindex[...], DATA)
    with pytest.raises(IndexError, match="one-dimensional"):
        arr.oindex[[[1, 2], [3, 4]]]
    with pytest.raises(IndexError, match="index 13 is out of bounds for axis 0 with size 13"):
        arr.oindex[[13], 0]


def test_oindex_keeps_the_order_of_axes():
    data = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    arr = sz.open_array(oracle.write_array({}, "", data, (1, 2, 3, 4), codecs=[LITTLE], fill_value=data[0, 0, 0, 0]))
    assert same(arr.oindex[[1, 0, 1], :, [3], [0, 0]], data[[1, 0, 1]][:, :, [3]][:, :, :, [0, 0]])
    mask = data[0, :, :, 0] % 3 == 0
    assert same(arr.oindex[1, mask, [4, 2]], data[1][mask][:, [4, 2]])


def test_vindex(arr):
    assert same(arr.vindex[2, 1], DATA[2, 1])
    assert same(arr.vindex[[0, 1], [2, 3]], DATA[[0, 1], [2, 3]])
    assert same(arr.vindex[[[0], [1]], [2, 3]], DATA[[[0], [1]], [2, 3]])
    assert same(arr.vindex[[], []], DATA[[], []])
    assert same(arr.vindex[DATA > 50], DATA[DATA > 50])
    assert same(arr.vindex[:, [4, 2, 2]], DATA[:, [4, 2, 2]].T)  # the points' axes come first
    assert same(arr.vindex[[4, 2]], DATA[[4, 2]])
    assert same(arr.vindex[...], DATA)


def test_blocks():
    arr = sz.open_array(oracle.write_array({}, "", DATA, (4, 6), codecs=[LITTLE], fill_value=DATA[0, 0]))
    assert same(arr.blocks[0], DATA[:4])
    assert same(arr.blocks[-1, -1], DATA[12:, 6:])
    assert same(arr.blocks[1:3, 0], DATA[4:12, :6])
    assert same(arr.blocks[..., np.int8(1)], DATA[:, 6:])
    assert same(arr.blocks[()], DATA)
    assert same(arr.blocks[1:1], DATA[:0])
    assert same(arr.blocks[4:4], DATA[:0])
    with pytest.raises(IndexError, match="index 4 is out of bounds for axis 0 with size 4"):
        arr.blocks[4]
    for wrong in (slice(None, None, 2), slice(None, None, -1), [0], None, True, 1.0):
        with pytest.raises(IndexError, match="blocks are selected with"):
            arr.blocks[wrong]
    with pytest.raises(IndexError, match="too many indices"):
        arr.blocks[0, 0, 0]


def test_blocks_are_shards():
    arr = sz.open_array(oracle.write_array({}, "", DATA, (4, 6), codecs=[sharding([2, 3])], fill_value=DATA[0, 0]))
    assert same(arr.blocks[1, 0], DATA[4:8, :6])


def test_views_say_what_they_are(arr):
    for name in ("oindex", "vindex", "blocks", "lazy"):
        text = repr(getattr(arr, name))
        assert text.lower().startswith(f"<{name}")
        assert repr(arr) in text


def test_lazy_reads_nothing_until_asked():
    store = Counting(oracle.write_array({}, "", DATA, (4, 6), codecs=[LITTLE], fill_value=DATA[0, 0]))
    arr = sz.open_array(store)
    store.take()
    part = arr.lazy[2:12, ::2][1:, [0, 3]][::-1]
    want = DATA[2:12, ::2][1:, [0, 3]][::-1]
    assert (part.shape, part.ndim, part.dtype, len(part)) == (want.shape, 2, DATA.dtype, len(want))
    assert "(9, 2)" in repr(part)
    assert store.take() == []
    assert same(part.read(), want)
    assert same(part.read_future().result(), want)
    assert same(np.asarray(part, "f8"), want.astype("f8"))
    with pytest.raises(ValueError, match="without a copy"):
        np.array(part, copy=False)
    with pytest.raises(IndexError, match="index 9 is out of bounds for axis 0 with size 9"):
        part[9]
    with pytest.raises(TypeError):
        len(part[0, 0])
    assert same(np.asarray(part[0, 0]), np.asarray(want[0, 0]))


def test_lazy_selections_stay_small():
    document = oracle.write_array(
        {}, "", np.zeros((1, 1, 1), "i2"), (100, 100, 100), codecs=[LITTLE], fill_value=np.int16(7)
    )
    huge = document["zarr.json"].replace(b'"shape": [1, 1, 1]', b'"shape": [1000000, 1000000, 1000000]')
    arr = sz.open_array({"zarr.json": huge})
    assert arr.shape == (10**6,) * 3
    part = arr.lazy[::2, 5:, 10**5 :: 10**5][3:, 1::2]
    assert part.shape == (499997, 499997, 9)
    assert same(part[:2, 0, 0].read(), np.full(2, 7, "i2"))


def test_iteration_and_membership(arr):
    rows = list(arr)
    assert all(same(row, want) for row, want in zip(rows, DATA, strict=True))
    for value in (116, 117, 3.5, DATA[5], DATA, np.array([0, 99] + [200] * 7), np.full(9, -1)):
        assert (value in arr) is (value in DATA)
    with pytest.raises(TypeError):
        iter(sz.open_array(oracle.write_array({}, "", np.array(5), (), codecs=[LITTLE], fill_value=np.int64(0))))


def test_membership_of_one_element():
    arr = sz.open_array(oracle.write_array({}, "", np.array(5), (), codecs=[LITTLE], fill_value=np.int64(0)))
    assert [value in arr for value in (5, 6)] == [True, False]


def test_iteration_decodes_each_chunk_once():
    store = Counting(oracle.write_array({}, "", DATA, (4, 6), codecs=[LITTLE], fill_value=DATA[0, 0], seed=None))
    arr = sz.open_array(store)
    store.take()
    assert len(list(arr)) == 13
    assert len(calls := store.take()) == len(set(calls)) == 8


def test_pickled_arrays_select_alike(tmp_path, arr):
    store = oracle.write_array({}, "", DATA, (4, 6), codecs=[LITTLE], fill_value=DATA[0, 0], seed=None)
    opened = sz.open_array(oracle.dump(store, tmp_path))
    again = pickle.loads(pickle.dumps(opened))
    assert same(again[[3, 1], 2:4], DATA[[3, 1], 2:4])
