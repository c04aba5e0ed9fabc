"""`Array.missing`: which chunks of a selection are not stored, as the chunks that are there say."""

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings

import simplezarr as sz
from tests.support.helpers import Counting
from tests.support.selections import advanced_key
from tests.support.strategies import make_case, make_selection, randoms


def expected(arr, key, stored):
    """The chunks of a selection that are not among the stored ones, by asking each element for its chunk."""
    numbers = np.zeros(arr.shape, int)
    ends = [np.cumsum(lengths)[:-1] for lengths in chunk_lengths(arr)]
    grid = [len(lengths) for lengths in chunk_lengths(arr)]
    for axis, end in enumerate(ends):
        along = np.searchsorted(end, np.arange(arr.shape[axis]), side="right")
        numbers = numbers * grid[axis] + along.reshape(-1, *(1,) * (arr.ndim - axis - 1))
    touched = {tuple(map(int, np.unravel_index(n, grid))) for n in np.unique(numbers[key])}
    return sorted(touched - stored)


def chunk_lengths(arr):
    """The lengths of the chunks along each axis; in a rectilinear grid those of its document."""
    grid = json.loads(arr.store.get(f"{arr.path}/zarr.json".lstrip("/")))["chunk_grid"]["configuration"]
    shapes = grid.get("chunk_shapes") if arr.shards is None else None
    return [
        shapes[axis] if shapes and isinstance(shapes[axis], list) else [chunk] * -(-length // chunk)
        for axis, (chunk, length) in enumerate(zip(arr.chunks, arr.shape, strict=True))
    ]


@settings(max_examples=100)
@given(rand=randoms)
def test_what_is_stored_is_not_missing(rand):
    """Whether a chunk is stored is what its encoded bytes say."""
    case = make_case(rand)
    arr = sz.open_array(case.store, case.path)
    if 0 in arr.shape:
        assert arr.missing() == []
        return
    try:
        stored = {i for i in product(*map(range, arr.grid_shape)) if arr.get_encoded_chunk(i) is not None}
    except sz.UnsupportedError:  # a codec encodes whole shards
        return
    for draw in (make_selection, advanced_key):
        key = draw(rand, arr.shape)
        try:
            case.array[key]
        except (IndexError, ValueError, TypeError):
            continue
        assert arr.missing(key) == expected(arr, key, stored)


@pytest.mark.parametrize("shards", [False, True])
def test_rectilinear(shards):
    lengths = ([2, 4, 2], [6, 2])
    unit = {"shards": lengths, "chunks": (2, 2)} if shards else {"chunks": lengths}
    arr = sz.create_array({}, shape=(7, 8), dtype="u1", fill_value=0, **unit)
    arr[3, 1] = arr[6, 7] = 1
    stored = {(1, 0), (3, 3)} if shards else {(1, 0), (2, 1)}
    for key in sz.s_[:], sz.s_[::5, 3:], sz.s_[[6, 3], ::-2], sz.s_[2:6, None, 1], (np.arange(7) % 3 == 0, 7):
        assert arr.missing(key) == expected(arr, key, stored), key


def test_no_data_are_read():
    data = {}
    arr = sz.create_array(data, shape=(8, 8), dtype="u1", chunks=(2, 2), codecs=[])
    arr[:2] = 1
    store = Counting(data)
    arr = sz.open_array(store)
    store.take()
    assert arr.missing(sz.s_[:4, 0]) == [(1, 0)]
    assert sorted(store.take()) == [("exists", "c/0/0"), ("exists", "c/1/0")]
    assert len(arr.missing()) == 12
    assert [call[0] for call in store.take()] == ["list"]


def test_shards_are_asked_once_for_their_index():
    data = {}
    arr = sz.create_array(data, shape=64, dtype="u1", chunks=4, shards=16, codecs=[])
    arr[4:8] = arr[40:44] = 1
    store = Counting(data)
    arr = sz.open_array(store)
    store.take()
    assert arr.missing(sz.s_[:48]) == [(0,), *[(i,) for i in range(2, 10)], (11,)]
    calls = store.take()
    assert [call[0] for call in calls] == ["get_range"] * 3
    assert {call[3] for call in calls} == {4 * 16 + 4}


def test_huge_arrays():
    arr = sz.create_array({}, shape=(10**12, 10**12), dtype="u1", chunks=(10**6, 10**6))
    assert arr.missing((slice(5, None, 10**11), -1)) == [(i * 10**5, 10**6 - 1) for i in range(10)]


def test_wrong_selections():
    arr = sz.create_array({}, shape=(4, 4), dtype="u1")
    for key in (4, [4], (0, 0, 0), "x", 1.5):
        with pytest.raises(IndexError):
            arr.missing(key)
    records = sz.create_array({}, shape=2, dtype=[("x", "i4")], chunks=1)
    assert records.missing("x") == [(0,), (1,)]
    assert sz.create_array({}, shape=(), dtype="u1").missing() == [()]
