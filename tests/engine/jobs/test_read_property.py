"""What is read is what NumPy gives on the array that was stored: for any array, chain, store and basic selection."""

import os
import random
import shutil
import tempfile
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simplezarr as sz
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, LITTLE, codec, same, sharding
from tests.support.strategies import Case, cases, make_case, make_selection, reads, unit_of_reading

KINDS = ["memory", "local", "slow memory", "slow local"]
GUARD = 64


@contextmanager
def opened(case, kind):
    """The array of a case: in memory, in a directory, and both behind a wrapper that hides what they are."""
    directory = tempfile.mkdtemp() if "local" in kind else None
    try:
        store = sz.LocalStore(oracle.dump(case.store, directory)) if directory else sz.MemoryStore(dict(case.store))
        yield sz.open_array(sz.SlowStore(store, latency=0) if "slow" in kind else store, case.path)
    finally:
        if directory:
            shutil.rmtree(directory)


def outcome(function, *args, **kwargs):
    """What a call gives, or the class of its error."""
    try:
        return function(*args, **kwargs)
    except (IndexError, ValueError, TypeError) as error:
        return next(c for c in (IndexError, ValueError, TypeError) if isinstance(error, c))


def errors_of(array, selection):
    """The classes of what is wrong with a selection; which of two faults is told first is left open."""
    items = selection if isinstance(selection, tuple) else (selection,)
    stands = [isinstance(item, slice) and item.step == 0 for item in items]
    other = outcome(array.__getitem__, tuple(slice(None) if s else i for s, i in zip(stands, items, strict=True)))
    return ([ValueError] if any(stands) else []) + ([other] if isinstance(other, type) else [])


def check_selection(arr, array, selection):
    """One selection by `[]`, the same result or the same kind of error as NumPy's."""
    want, got = outcome(array.__getitem__, selection), outcome(arr.__getitem__, selection)
    if isinstance(want, type):
        assert got in errors_of(array, selection), f"{selection}: {got!r}, not {want}"
    else:
        assert same(got, want), f"{selection}: {got!r}, not {want!r}"
        assert not isinstance(got, np.ndarray) or got.flags.writeable


@pytest.mark.parametrize("kind", KINDS)
@given(example=reads())
def test_indexing_is_numpys(kind, example):
    case, selections = example
    with opened(case, kind) as arr:
        assert (arr.shape, arr.dtype, arr.chunks, arr.shards) == (
            case.array.shape, case.array.dtype, case.chunks, case.shards
        )  # fmt: skip
        assert arr.fill_value.tobytes() == case.fill.tobytes()
        for selection in [..., *selections]:
            check_selection(arr, case.array, selection)


def fenced(rand, want):
    """A view like `want` with any strides inside a buffer of sentinel bytes; returns both."""
    steps = [rand.choice([1, 1, 2, -1, -3]) for _ in want.shape]
    shape = tuple(n * abs(s) for n, s in zip(want.shape, steps, strict=True))
    order = rand.sample(range(len(shape)), len(shape))
    nbytes = int(np.prod(shape)) * want.itemsize
    memory = np.full(nbytes + 2 * GUARD, 0xA5, np.uint8)
    view = memory[GUARD : GUARD + nbytes].view(want.dtype).reshape([shape[axis] for axis in order])
    view = view.transpose(np.argsort(order)) if order else view
    return memory, view[(*(slice(None, None, s) for s in steps), ...)]


@pytest.mark.parametrize("kind", KINDS)
@given(example=reads(), rand=st.randoms(use_true_random=False, note_method_calls=False))
def test_out_gets_the_elements_and_nothing_else_is_touched(kind, example, rand):
    case, selections = example
    with opened(case, kind) as arr:
        for selection in selections:
            want = outcome(case.array.__getitem__, selection)
            if isinstance(want, type):
                continue
            want = np.asarray(want)
            memory, out = fenced(rand, want)
            expected = memory.copy()
            offset = out.__array_interface__["data"][0] - memory.__array_interface__["data"][0] if out.size else 0
            np.ndarray(out.shape, out.dtype, expected, offset, out.strides)[...] = want
            result = arr.read(selection, out=out)
            assert result is out
            assert memory.tobytes() == expected.tobytes()


@given(example=reads())
def test_futures_give_what_reads_give(example):
    case, selections = example
    with opened(case, "memory") as arr:
        for selection in selections:
            want = outcome(arr.read, selection)
            got = outcome(lambda key: arr.read_future(key).result(timeout=30), selection)
            assert got is want if isinstance(want, type) else same(got, want)


@pytest.mark.parametrize("kind", KINDS)
@given(case=cases)
def test_chunks_are_boxes_of_the_array(kind, case):
    grid = oracle.grid_of(case.array.shape, case.chunks)
    with opened(case, kind) as arr:
        assert arr.grid_shape == grid
        assert arr.nchunks == int(np.prod(grid))
        for index, box in oracle.boxes(case.array.shape, case.chunks):
            want = case.array[box]
            chunk = arr.get_chunk(index)
            assert (type(chunk), chunk.shape, chunk.dtype) == (np.ndarray, case.chunks, case.array.dtype)
            assert chunk[tuple(slice(0, n) for n in want.shape)].tobytes() == want.tobytes()
            future = arr.get_chunk_future(index).result(timeout=30)
            out = np.empty(case.chunks, case.array.dtype)
            assert arr.get_chunk(index, out=out) is out
            assert chunk.tobytes() == future.tobytes() == out.tobytes()


@given(case=cases)
def test_missing_chunks_and_overhang_are_fill(case):
    plain = {}
    shape = case.array.shape
    oracle.write_array(plain, "", case.array, case.stored, codecs=case.codecs, fill_value=case.fill, seed=None)
    arr = sz.open_array(plain)
    for index, box in oracle.boxes(shape, case.chunks):
        want = np.full(case.chunks, case.fill, case.array.dtype)
        want[tuple(slice(0, n) for n in case.array[box].shape)] = case.array[box]
        assert arr.get_chunk(index).tobytes() == want.tobytes()
    sparse = sz.open_array({"zarr.json": plain["zarr.json"]})
    assert sparse[...].tobytes() == case.fill.tobytes() * case.array.size


def blosc_of(blocksize, typesize, shuffle="shuffle"):
    """The JSON of a blosc codec with blocks of some size."""
    return codec("blosc", cname="lz4", clevel=1, shuffle=shuffle, typesize=typesize, blocksize=blocksize)


FLIP, ZSTD = codec("transpose", order=[1, 0]), codec("zstd", level=1, checksum=False)
PLANE, CHUNK = (1500, 1700), (700, 900)
# Chunks too large to be read, decoded or placed at once: shape, chunks, data type, chain.
LARGE = {
    "bytes": (PLANE, CHUNK, "u2", [LITTLE]),
    "swapped": (PLANE, CHUNK, "c8", [BIG]),
    "odd size": (PLANE, CHUNK, "V3", [BIG]),
    "bool": (PLANE, CHUNK, "?", [BIG]),
    "transposed": (PLANE, CHUNK, "u4", [FLIP, BIG]),
    "zstd": (PLANE, CHUNK, "u2", [BIG, ZSTD]),
    "gzip": (PLANE, CHUNK, "u2", [FLIP, LITTLE, codec("gzip", level=1)]),
    "blosc": (PLANE, CHUNK, "f8", [BIG, blosc_of(0, 8)]),
    "small blocks": (PLANE, CHUNK, "u2", [LITTLE, blosc_of(4096, 2, "bitshuffle")]),
    "blocks that cut elements": (PLANE, CHUNK, "V3", [LITTLE, blosc_of(65536, 1)]),
    "transposed blocks": (PLANE, CHUNK, "i4", [FLIP, BIG, blosc_of(32768, 4)]),
    "line": ((2_000_000,), (750_000,), "f8", [BIG]),
    "pixels": ((600, 500, 3), (256, 256, 3), "u1", [LITTLE, blosc_of(0, 1)]),
    "large inner chunks": (PLANE, (1400, 900), "u2", [sharding([350, 300], [BIG])]),
    "small inner chunks": (PLANE, (1400, 1800), "u2", [sharding([70, 90], [LITTLE])]),
    "inner zstd": (PLANE, (1400, 1800), "u2", [sharding([70, 900], [FLIP, LITTLE, ZSTD], [BIG], "start")]),
    "shards of shards": (
        PLANE,
        (1400, 1800),
        "u2",
        [sharding([350, 900], [sharding([350, 30], [BIG, blosc_of(0, 2)])])],
    ),
    "transposed shards": (PLANE, (1400, 1800), "u4", [FLIP, sharding([900, 700], [LITTLE])]),
    "compressed shards": (PLANE, (1400, 1800), "u2", [sharding([350, 300], [LITTLE]), ZSTD]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LARGE)
def test_large_chunks(kind, name, pool):
    shape, chunks, dtype, codecs = LARGE[name]
    array = np.arange(np.prod(shape), dtype="u4") % 251
    array = array.astype("V3" if dtype == "V3" else dtype).reshape(shape)
    store = oracle.write_array({}, "", array, chunks, codecs=codecs, seed=None)
    unit = unit_of_reading(codecs, chunks) or chunks
    case, rand = Case(array, None, chunks, unit, None, codecs, store, ""), random.Random(name)
    with opened(case, kind) as arr:
        check_selection(arr, array, ...)
        for _ in range(12):
            check_selection(arr, array, make_selection(rand, shape))
        chunk = arr.get_chunk((0,) * len(shape))
        assert chunk.tobytes() == array[tuple(slice(n) for n in unit)].tobytes()


@pytest.mark.campaign
def test_campaign():
    """SIMPLEZARR_CAMPAIGN selections (100000 if unset) of a new array for each 50 of them."""
    total, seed = int(os.environ.get("SIMPLEZARR_CAMPAIGN", 100_000)), random.randrange(2**32)
    for start in range(0, total, 50):
        rand = random.Random(seed + start)
        case = make_case(rand)
        with opened(case, KINDS[start // 50 % 4]) as arr:
            for _ in range(min(50, total - start)):
                selection = make_selection(rand, case.array.shape)
                try:
                    check_selection(arr, case.array, selection)
                except BaseException as error:
                    error.add_note(f"seed {seed + start}: {case}, selection {selection}")
                    raise
