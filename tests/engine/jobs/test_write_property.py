"""What is written is what NumPy's assignment gives, as an independent reader finds it: any array, chain and store."""

import os
import random
import shutil
import tempfile
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings

import simplezarr as sz
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, LITTLE, codec, sharding
from tests.support.strategies import make_case, make_selection, randoms

KINDS = ["memory", "local", "slow memory", "slow local"]
SCALARS = [0, 1, -1, 7, 300, 2**40, 2**70, 0.0, -0.0, 1.5, float("nan"), 2j, True, "3", None]


@contextmanager
def stored(case, kind):
    """A stored array to be changed, and a function that gives all that is stored."""
    directory = tempfile.mkdtemp() if "local" in kind else None
    values = dict(case.store)
    try:
        store = sz.LocalStore(oracle.dump(values, directory)) if directory else sz.MemoryStore(values)
        store = sz.SlowStore(store, latency=0) if "slow" in kind else store
        yield sz.open_array(store, case.path, mode="r+"), lambda: oracle.load(directory) if directory else values
    finally:
        if directory:
            shutil.rmtree(directory)


def quietly(function, *args):
    """What a call raises, or None; warnings about casts are left to other tests."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            function(*args)
        except Exception as error:
            return error


def strided(rand, array):
    """The same elements with any strides."""
    order = rand.sample(range(array.ndim), array.ndim)
    steps = [rand.choice([1, 1, 2, -1, -3]) for _ in order]
    memory = np.zeros([array.shape[axis] * abs(step) for axis, step in zip(order, steps, strict=True)], array.dtype)
    view = memory[(*[slice(None, None, step) for step in steps], ...)]
    view = view.transpose(np.argsort(order)) if order else view
    view[...] = array
    return view


def pick_value(rand, shape, case):
    """Something to assign to a selection of some shape; now and then it does not fit."""
    dtype, fill = case.array.dtype, case.fill[()]
    if rand.random() < 0.2:
        return rand.choice([fill, fill, np.full(shape, fill, dtype)])
    shape = [1 if rand.random() < 0.1 else length for length in shape][rand.choice([0, 0, 0, 1]) :]
    shape = [1] * rand.choice([0, 0, 0, 2]) + shape if rand.random() < 0.99 else [*shape, 3]
    value = oracle.garbage(np.random.default_rng(rand.randrange(2**32)), tuple(shape), dtype)
    kind = rand.choice(["same", "same", "strided", "strided", "swapped", "cast", "scalar", "list", "half fill"])
    if kind == "half fill":
        return np.where(np.arange(value.size).reshape(shape) < value.size // 2, value, fill)
    if kind == "strided":
        return strided(rand, value)
    if dtype.kind == "V" or kind == "same":
        return value
    if kind == "swapped":
        return strided(rand, value.astype(dtype.newbyteorder()))
    if kind == "cast":
        other = np.dtype(rand.choice(["?", "i1", "u2", ">i8", "f2", "f8", ">c8", "O"]))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return strided(rand, value.astype(other))
    if kind == "list":
        return value.tolist()
    return rand.choice([*SCALARS, value.reshape(-1)[0] if value.size else np.float32(3)])


def check_write(arr, array, selection, value):
    """One assignment, to both; the same kind of error where NumPy raises one."""
    want, before = array.copy(), array.tobytes()
    expected, got = quietly(want.__setitem__, selection, value), quietly(arr.__setitem__, selection, value)
    if expected is None:
        assert got is None, f"{selection}: {got!r}"
        array[...] = want
        return
    # NumPy refuses some values only when it gets to them, or for single elements only; what it has changed is left open
    kinds = (IndexError, ValueError, TypeError, OverflowError)
    assert isinstance(got, kinds) or want.tobytes() == before, f"{selection}: {got!r}, not {expected!r}"
    array[...] = arr[...]


def expected_keys(case, keep):
    """The keys of the chunks that must be stored after all of an array was written."""
    encoding = sz.open_array(case.store, case.path).metadata.chunk_keys
    prefix = f"{case.path}/" if case.path else ""
    return {
        prefix + encoding.key(index)
        for index, box in oracle.boxes(case.array.shape, case.stored)
        if keep or case.array[box].tobytes() != case.fill.tobytes() * case.array[box].size
    }


def clipped_keys(case):
    """The keys of the stored objects that reach beyond the array."""
    encoding = sz.open_array(case.store, case.path).metadata.chunk_keys
    prefix = f"{case.path}/" if case.path else ""
    boxes = oracle.boxes(case.array.shape, case.stored)
    return {prefix + encoding.key(index) for index, box in boxes if case.array[box].shape != tuple(case.stored)}


def check_case(rand, case, kind, n):
    with stored(case, kind) as (arr, content):
        array = case.array.copy()
        for _ in range(n):
            arr.write_empty_chunks = rand.random() < 0.2
            selection = make_selection(rand, array.shape)
            try:
                shape = array[selection].shape
            except (IndexError, ValueError, TypeError):
                shape = ()
            value = pick_value(rand, shape, case)
            try:
                check_write(arr, array, selection, value)
                assert arr[...].tobytes() == array.tobytes()
                assert oracle.read_array(content(), case.path).tobytes() == array.tobytes()
            except BaseException as error:
                error.add_note(f"{case}: [{selection}] = {value!r}")
                raise
        case.array[...] = array
        arr[...] = array if arr.shape else array[()]
        assert oracle.read_array(content(), case.path).tobytes() == array.tobytes()
        document = f"{case.path}/zarr.json" if case.path else "zarr.json"
        keys, expected = content().keys() - {document}, expected_keys(case, arr.write_empty_chunks)
        # What other software has stored outside the array stays, and its chunk with it.
        assert expected <= keys <= expected | clipped_keys(case)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50)
@given(rand=randoms)
def test_assignment_is_numpys(kind, rand, pool):
    check_case(rand, make_case(rand), kind, 3)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50)
@given(rand=randoms)
def test_chunks_are_set(kind, rand):
    case = make_case(rand)
    with stored(case, kind) as (arr, content):
        array = case.array.copy()
        for index, box in oracle.boxes(array.shape, case.chunks):
            chunk = oracle.garbage(np.random.default_rng(rand.randrange(2**32)), case.chunks, array.dtype)
            inside = chunk[tuple([slice(length) for length in array[box].shape])]
            want = arr.get_chunk(index).copy()  # what lies outside the array stays
            array[box] = inside
            if rand.random() < 0.5:
                arr.set_chunk(index, chunk if rand.random() < 0.5 else inside)
            else:
                arr.set_chunk_future(index, strided(rand, chunk)).result(timeout=30)
            want[tuple([slice(length) for length in inside.shape])] = inside
            got = arr.get_chunk(index).tobytes()
            filled = np.full(case.chunks, case.fill, array.dtype)
            filled[tuple([slice(length) for length in inside.shape])] = inside
            # A far store is not asked what it has if all of the chunk that lies in the array is written.
            assert got == want.tobytes() or (kind.startswith("slow") and got == filled.tobytes())
        assert oracle.read_array(content(), case.path).tobytes() == array.tobytes()


def blosc_of(cname, typesize):
    """The JSON of a blosc codec."""
    return codec("blosc", cname=cname, clevel=3, shuffle="shuffle", typesize=typesize, blocksize=0)


FLIP, ZSTD = codec("transpose", order=[1, 0]), codec("zstd", level=1, checksum=False)
PLANE, CHUNK = (1500, 1700), (700, 900)
#: Chunks that are worth several threads: chunk or shard shape, data type, chain.
LARGE = {
    "bytes": (CHUNK, "u2", [LITTLE]),
    "swapped": (CHUNK, "c8", [BIG]),
    "bool": (CHUNK, "?", [BIG]),
    "zstd": (CHUNK, "u2", [FLIP, BIG, ZSTD]),
    "blosc": (CHUNK, "f8", [BIG, blosc_of("lz4", 8)]),
    "one shard": ((1500, 1800), "u2", [sharding([150, 300], [BIG, ZSTD])]),
    "few shards": ((1400, 900), "u4", [sharding([350, 300], [FLIP, LITTLE])]),
    "index first": ((1400, 1800), "u2", [sharding([70, 90], [LITTLE], index_location="start")]),
    "shards of shards": ((1400, 1800), "u2", [FLIP, sharding([900, 700], [sharding([90, 350], [BIG, ZSTD])])]),
    "compressed shards": ((1400, 1800), "u2", [sharding([350, 300], [LITTLE]), ZSTD]),
    "many shards": ((140, 180), "u2", [sharding([70, 60], [LITTLE, ZSTD])]),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LARGE)
def test_large_chunks(kind, name, pool):
    chunks, dtype, codecs = LARGE[name]
    rng, rand = np.random.default_rng(1), random.Random(name)
    array = rng.integers(0, 50, PLANE).astype(dtype)
    store = oracle.write_array({}, "", np.zeros(PLANE, dtype), chunks, codecs=codecs)
    case = make_case(random.Random(0)).__class__(array, None, chunks, chunks, None, codecs, store, "")
    with stored(case, kind) as (arr, content):
        arr[...] = array
        assert oracle.read_array(content()).tobytes() == array.tobytes()
        for selection in [np.s_[100:1400:3, ::-2], np.s_[700:, 20], np.s_[:700, :900], np.s_[5:6], np.s_[:, 1699:]]:
            value = strided(rand, rng.integers(0, 50, array[selection].shape).astype(rand.choice([dtype, "i8", ">u2"])))
            array[selection] = arr[selection] = value
            assert oracle.read_array(content()).tobytes() == array.tobytes(), selection
        arr[3:1497, 3:] = array[3:1497, 3:] = 1
        assert oracle.read_array(content()).tobytes() == array.tobytes()
        arr[...] = 0
        assert content().keys() == {"zarr.json"}


@pytest.mark.campaign
def test_campaign(pool):
    """SIMPLEZARR_CAMPAIGN assignments (100000 if unset), to a new array for each 10 of them."""
    total, seed = int(os.environ.get("SIMPLEZARR_CAMPAIGN", 100_000)), random.randrange(2**32)
    for start in range(0, total, 10):
        rand = random.Random(seed + start)
        try:
            check_case(rand, make_case(rand), KINDS[start // 10 % 4], min(10, total - start))
        except BaseException as error:
            error.add_note(f"seed {seed + start}")
            raise
