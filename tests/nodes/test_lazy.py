"""Lazy selections: selected, transposed and cast in any order they are what NumPy gives, in one read."""

import pickle
import random
import warnings

import numpy as np
import pytest
from hypothesis import given, settings

import simplezarr as sz
from tests.engine.jobs.test_read_property import fenced, outcome
from tests.oracle import v3 as oracle
from tests.oracle.v3 import LITTLE, same, sharding
from tests.support.helpers import Counting
from tests.support.selections import advanced_key, orthogonal, orthogonal_key
from tests.support.strategies import make_case, make_selection, randoms

DATA = np.arange(7 * 6 * 5, dtype="i2").reshape(7, 6, 5)
CASTS = ["?", "i1", "i8", "u2", "f2", "f4", "f8", "c16", ">i4", ">f8", "S", "U40", "O", "M8[s]"]


@pytest.fixture(params=["chunks", "shards"])
def store(request):
    codecs = [LITTLE] if request.param == "chunks" else [sharding([1, 3, 2], [LITTLE])]
    return Counting(oracle.write_array({}, "", DATA, (3, 3, 4), codecs=codecs, fill_value=DATA[0, 0, 0], seed=None))


def agree(got, want):
    """Whether both are the same array; objects have equal texts."""
    if want.dtype.hasobject:
        return got.dtype == want.dtype and repr(got.tolist()) == repr(want.tolist())
    return same(got, want)


# ---- in any order ----


def pointwise(rand, shape):
    """Draw a pointwise key of arrays for some neighbouring axes, and what it selects of an array."""
    first = rand.randint(0, len(shape) - 1)
    stop = rand.randint(first + 1, len(shape))
    common = tuple(rand.choice([1, 2, 3, 5]) for _ in range(rand.choice([1, 1, 2])))
    points = [np.random.default_rng(rand.randrange(2**32)).integers(-n, n, common) for n in shape[first:stop]]
    key = (*[slice(None)] * first, *points)
    return key, lambda array: np.moveaxis(
        array[key], range(first, first + len(common)), range(len(common))
    )  # the points' axes come first


def step(rand, lazy, want):
    """Do one thing more to both; return them as they were if NumPy refuses it."""
    kind = rand.choice(["basic", "basic", "advanced", "orthogonal", "pointwise", "transpose", "T", "astype"])
    if kind in ("basic", "advanced"):
        key = (make_selection if kind == "basic" else advanced_key)(rand, want.shape)
        new = outcome(want.__getitem__, key)
        return (lazy, want) if isinstance(new, type) else (lazy[key], np.asarray(new, want.dtype))
    if kind == "orthogonal":
        key = orthogonal_key(rand, want.shape)
        return lazy.oindex[key], np.asarray(orthogonal(want, key), want.dtype)
    if kind == "pointwise":
        if 0 in want.shape or not want.ndim:
            return lazy, want
        key, select = pointwise(rand, want.shape)
        return lazy.vindex[key], select(want)
    if kind == "transpose":
        order = [axis - rand.choice([0, want.ndim]) for axis in rand.sample(range(want.ndim), want.ndim)]
        return (lazy.transpose(*order) if rand.random() < 0.5 else lazy.transpose(order)), want.transpose(order)
    if kind == "T":
        return lazy.T, want.T
    if want.dtype == object:
        return lazy, want  # what it is cast to depends on the values
    dtype = rand.choice(CASTS)
    new = outcome(want.astype, dtype)
    return (lazy, want) if isinstance(new, type) else (lazy.astype(dtype), new)


def check_steps(rand, arr, array):
    lazy, want = arr.lazy[...], array
    for _ in range(rand.randint(1, 6)):
        lazy, want = step(rand, lazy, want)
    assert (lazy.shape, lazy.dtype, lazy.ndim, lazy.size) == (want.shape, want.dtype, want.ndim, want.size)
    assert (lazy.itemsize, lazy.nbytes) == (want.itemsize, want.nbytes)
    assert agree(np.asarray(lazy, want.dtype), want)
    if not want.dtype.hasobject:
        _, out = fenced(rand, want)
        assert lazy.read(out=out) is out
        assert same(np.array(out), want)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150)
@given(rand=randoms)
def test_steps_are_numpys(rand):
    case = make_case(rand)
    check_steps(rand, sz.open_array(case.store, case.path), case.array)


@pytest.mark.filterwarnings("ignore")
def test_many_steps_are_numpys():
    """The same with other random numbers, of cases that hypothesis makes rarely."""
    for seed in range(300):
        rand = random.Random(seed)
        case = make_case(rand)
        arr = sz.open_array(case.store, case.path)
        for _ in range(3):
            try:
                check_steps(rand, arr, case.array)
            except BaseException as error:
                error.add_note(f"seed {seed}: {case}")
                raise


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=50)
@given(rand=randoms)
def test_writing_is_numpys(rand):
    """What is selected and transposed is written where NumPy writes it; of several values for an element, the last."""
    case = make_case(rand)
    array = case.array.copy()
    lazy, places = sz.open_array(case.store, case.path, mode="r+").lazy[...], np.arange(array.size).reshape(array.shape)
    for _ in range(rand.randint(1, 4)):
        new, chosen = step(rand, lazy, places)
        if new.dtype == lazy.dtype and chosen.dtype == places.dtype:  # not cast
            lazy, places = new, chosen
    if len(np.unique(places)) < places.size:
        return  # which value is the last depends on the order in which they are written
    value = oracle.garbage(np.random.default_rng(rand.randrange(2**32)), places.shape, array.dtype)
    lazy.write(value if value.ndim else value[()])
    array.reshape(-1)[places.reshape(-1)] = value.reshape(-1)
    assert same(np.asarray(sz.open_array(case.store, case.path)), array)


# ---- one read ----


def test_steps_are_one_read(store):
    arr = sz.open_array(store)
    part = arr.lazy[1:].T.oindex[[4, 0, 4], :, [5, 0]].astype("f8").vindex[:, [0, 1, 1], [1, 0, 1]][..., ::-1]
    want = DATA[1:].T[[4, 0, 4]][:, :, [5, 0]].astype("f8").transpose(1, 2, 0)[[0, 1, 1], [1, 0, 1]][:, ::-1]
    store.take()
    assert same(part.read(), want)
    calls = store.take()
    assert calls
    assert len(calls) == len(set(calls))  # no stored object, and no part of one, is asked for twice


def test_nothing_is_read_before(store):
    arr = sz.open_array(store)
    store.take()
    part = arr.lazy.oindex[[1, 0]].transpose(2, 0, 1).astype("f4").vindex[[0, 1]]
    assert (part.shape, part.dtype, part.size, part.itemsize, part.nbytes) == ((2, 2, 6), np.float32, 24, 4, 96)
    assert arr.lazy.vindex[[0, 1], [2, 3], 4].shape == (2,)
    assert repr(part.oindex).startswith("<LazyIndexer of <Lazy (2, 2, 6) float32 of <Array")
    assert store.take() == []


def test_selections_stay_small():
    arr = sz.create_array({}, shape=(10**6,) * 3, dtype="i2", chunks=(100, 100, 100), fill_value=7)
    part = arr.lazy[...].transpose(2, 0, 1).oindex[[5, 10**5], ::2].T[3:, :, None]
    assert part.shape == (999997, 500000, 1, 2)
    assert same(part[:2, 7, 0].read(), np.full((2, 2), 7, "i2"))


# ---- casts ----


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", ["?", "i1", "u8", "f4", "f8", "c8", "M8[s]", "S3", "U3"])
def test_casts_are_numpys(first):
    data = np.array(["1", "0", "3"]).astype(first) if first[0] in "SU" else np.array([1, 0, 3]).astype(first)
    arr = sz.create_array({}, data=data, chunks=2)
    for dtype in CASTS:
        want = outcome(data.astype, dtype)
        got = outcome(lambda dtype=dtype: arr.lazy[...].astype(dtype).read())
        assert got is want if isinstance(want, type) else agree(got, want), dtype


def test_casts_follow_each_other():
    arr = sz.create_array({}, data=[1.7, 300.2, -2.9])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = np.array([1.7, 300.2, -2.9]).astype("i2").astype("u1").astype("f4")
    part = arr.lazy[...].astype("i2").astype("u1").astype("f4")
    assert same(part.read(), want)
    out = np.empty(3, "f8")
    assert part.read(out=out) is out
    assert out.tolist() == want.tolist()
    assert part[1].read() == np.float32(44)


def test_casts_to_strings():
    arr = sz.create_array({}, data=np.array(["a", "bcd"], np.dtypes.StringDType()))
    assert arr.lazy[...].astype("U2").read().tolist() == ["a", "bc"]
    for unknown in ("U", "S", "(2,)f4"):
        with pytest.raises(TypeError, match="is not the data type of an element; give one of a known size"):
            arr.lazy[...].astype(unknown)


def test_a_cast_selection_is_not_written():
    arr = sz.create_array({}, data=[1, 2])
    for dtype in ("f8", "U5"):
        with pytest.raises(TypeError, match=r"<Lazy \(2,\) .* is cast, so it can only be read"):
            arr.lazy[...].astype(dtype).write(3)
    arr.lazy[1:].astype(arr.dtype).write(3)  # that is no cast
    assert arr[...].tolist() == [1, 3]


def test_cast_selections_are_copied_part_by_part():
    data = np.arange(600 * 600, dtype="f8").reshape(600, 600)
    arr = sz.create_array({}, data=data, chunks=(100, 100))
    for lazy, want in (
        (arr.lazy[...].astype("i4"), data.astype("i4")),
        (arr.lazy[...].T, data.T),
        (arr.lazy[100:].T.astype("f4"), data[100:].T.astype("f4")),
    ):
        assert same(sz.create_array({}, data=lazy, chunks=(150, 150))[...], want)


# ---- transposing ----


def test_wrong_orders_are_numpys():
    arr = sz.create_array({}, data=DATA)
    for axes in ((0, 1), (0, 1, 1), (0, 1, 3), ((0, 1, 2), 1), (1.5, 0, 2), "abc"):
        want = outcome(DATA.transpose, *axes)
        assert isinstance(want, type)
        assert outcome(arr.lazy[...].transpose, *axes) is want
    assert arr.lazy[...].transpose(None).shape == DATA.T.shape
    assert arr.lazy[...].transpose((0, 2, 1)).shape == (7, 5, 6)
    assert sz.create_array({}, data=5).lazy[...].T.read() == 5


def test_transposed_values_are_broadcast():
    arr, data = sz.create_array({}, data=DATA, chunks=(3, 3, 4)), DATA.copy()
    arr.lazy[1:].T.write(np.arange(6).reshape(6, 1))
    data[1:].T[...] = np.arange(6).reshape(6, 1)
    arr.lazy[0].T[2:].write(sz.create_array({}, data=[[7]] * 3))
    data[0].T[2:] = 7
    assert same(arr[...], data)


# ---- as other values ----


def test_scalars_are_numpys():
    arr = sz.create_array({}, data=DATA)
    assert same(arr.lazy[1, 2, 3].read(), DATA[1, 2, 3])
    assert same(arr.lazy[1].T[3, 2].read(), DATA[1, 2, 3])
    assert same(arr.lazy[1, 2, 3, ...].read(), DATA[1, 2, 3, ...])
    assert same(arr.lazy[[1, 2]][0, 1, 1].astype("f4").read(), DATA[1, 1, 1].astype("f4"))


def test_a_selection_of_what_was_cut_off_is_shorter():
    arr = sz.create_array({}, data=DATA)
    part = arr.lazy[2:].T[None, :, ::2]
    arr.resize((4, 6, 5))
    assert same(part.read(), DATA[2:4].T[None, :, ::2])
    part.write(0)
    assert not arr[2:, ::2].any()
    assert arr[:2].any()


def test_pickles(tmp_path):
    part = sz.create_array(tmp_path / "a", data=DATA).lazy[1:, [3, 0]].T.astype("f4")
    assert same(pickle.loads(pickle.dumps(part)).read(), DATA[1:, [3, 0]].T.astype("f4"))


def test_what_a_selection_has_needs_a_selection():
    a = sz.create_array({}, data=[[1, 2], [3, 4]])
    for name in ("transpose", "T", "astype", "read", "shape"):
        with pytest.raises(
            AttributeError, match=rf"no attribute '{name}'; a.lazy\[...\] selects all: write a.lazy\[...\].{name}$"
        ):
            getattr(a.lazy, name)
    assert a.lazy[...].transpose().read().tolist() == [[1, 3], [2, 4]]
    for name in ("nothing", "_array_interface", "__array__", "_composed"):
        assert not hasattr(a.lazy, name)
