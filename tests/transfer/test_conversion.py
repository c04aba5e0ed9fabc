"""Numbers converted as boxes are copied: what NumPy computes in float64 and rounds once, in every kind of array."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given

import simplezarr as sz
from simplezarr.errors import ZarrWarning
from simplezarr.transfer.boxes import Boxes, Conversion, Places, read_boxes
from tests.oracle import v2 as oracle_v2
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, LITTLE, sharding
from tests.support.helpers import Counting
from tests.support.strategies import make_case, randoms
from tests.transfer import test_rectilinear as rectilinear
from tests.transfer.test_boxes import (
    CHAINS,
    CHUNKS,
    DATA,
    GZIP,
    LAYOUTS,
    SHAPE,
    SHAPES,
    boxes_of,
    places_of,
    wanted,
)

TARGETS = ["f2", "f4", "f8", ml_dtypes.bfloat16]


def factors(rng, shape, dtype="f4"):
    """Draw a conversion of boxes of a shape: one scale and offset, or some along an axis."""
    axis = int(rng.integers(-1, len(shape)))
    if axis < 0:
        return Conversion(np.dtype(dtype), *rng.choice([1.0, 0.0, 1 / 255, -3.5, 1e-3], 2))
    pair = rng.normal(size=(2, shape[axis]))
    alone = [[pair[0], pair[1]], [pair[0], 0.25], [1.0, pair[1]]][rng.integers(3)]
    return Conversion(np.dtype(dtype), *alone, axis)


def converted(values, conversion):
    """What NumPy makes of values of one box."""
    axis, spread = conversion.axis, [1] * values.ndim
    if axis is not None:
        spread[axis] = -1
    with np.errstate(all="ignore"):
        y = values.astype("f8") * np.reshape(conversion.scale, spread)
        added = y + np.reshape(conversion.offset, spread) if np.any(np.asarray(conversion.offset) != 0) else y
        if conversion.dtype == ml_dtypes.bfloat16:  # ml_dtypes rounds twice, by way of float32
            step = np.ldexp(1.0, np.maximum(np.frexp(added)[1] - 8, -133))
            added = np.where(np.isfinite(added), np.rint(added / step) * step, added)
        return added.astype(conversion.dtype)


def check(arr, array, boxes, places, conversion, threads=1):
    """`read_boxes` converts as NumPy does, and touches nothing else."""
    want = [out.copy() for out in places.outs]
    for start, k, row in zip(boxes.starts.tolist(), places.out, places.row, strict=True):
        box = tuple(slice(a, a + n) for a, n in zip(start, boxes.shape, strict=True))
        want[k][row] = converted(array[box], conversion)
    read_boxes(arr._handle, boxes, places, conversion, threads=threads)
    for got, right in zip(places.outs, want, strict=True):
        assert np.array_equal(got.astype("f8"), right.astype("f8"), equal_nan=True), (boxes, places, conversion)


@pytest.mark.parametrize("name", CHAINS)
def test_boxes_of_every_shape(name, tmp_path):
    store = oracle.write_array({}, "", DATA, CHUNKS, codecs=CHAINS[name], fill_value=7, seed=0)
    del store["c/2/1/0"]
    data = DATA.copy()
    data[16:24, 5:] = 7
    rng = np.random.default_rng(0)
    local = sz.open_array(oracle.dump(store, tmp_path))
    for arr in (local, sz.open_array(store), sz.open_array(sz.SlowStore(sz.MemoryStore(store), latency=0))):
        for i, shape in enumerate(SHAPES * 3):
            boxes, dtype = boxes_of(rng, SHAPE, shape, 20), TARGETS[i % 4]
            check(arr, data, boxes, places_of(rng, 20, LAYOUTS[i % 3], dtype, shape), factors(rng, shape, dtype))


@given(rand=randoms)
def test_any_array(rand):
    case = make_case(rand)
    while case.array.dtype.kind not in "buif" or 0 in case.array.shape:
        case = make_case(rand)
    shape = case.array.shape
    arr, rng = sz.open_array(case.store, case.path), np.random.default_rng(rand.randrange(2**32))
    lengths, n = tuple(rand.choice([1, length, rand.randint(1, length)]) for length in shape), rand.randint(0, 9)
    boxes, dtype = boxes_of(rng, shape, lengths, n), rand.choice(TARGETS)
    conversion = factors(rng, lengths, dtype)
    with np.errstate(invalid="ignore"):
        check(arr, case.array, boxes, places_of(rng, n, rand.choice(LAYOUTS), dtype, lengths), conversion)


def test_other_arrays():
    rng = np.random.default_rng(1)
    fields = [[[2, 3], [5, 3], 9, 7], [3, [4, 9]], 6]
    unfilled = oracle.write_array({}, "", DATA, CHUNKS, seed=0)
    unfilled["zarr.json"] = unfilled["zarr.json"].replace(b'"fill_value": 0', b'"fill_value": "?"')
    with pytest.warns(ZarrWarning):
        unusable = sz.open_array(unfilled)
    arrays = [
        sz.open_array(rectilinear.write(DATA, fields, [BIG, GZIP])),
        sz.open_array(oracle_v2.write_array({}, "", DATA.astype(">f4"), CHUNKS, order="F")),
        unusable,
    ]
    for arr in arrays:
        for shape in SHAPES:
            check(
                arr, DATA, boxes_of(rng, SHAPE, shape, 9), places_of(rng, 9, "rows", "f4", shape), factors(rng, shape)
            )


def test_large_boxes_are_converted_in_pieces(tmp_path):
    """Whole and cut chunks of more than a piece, with factors along each axis, uncompressed and compressed."""
    data = np.arange(300 * 700 * 3, dtype="u4").astype("u2").reshape(300, 700, 3)
    rng = np.random.default_rng(1)
    for i, chain in enumerate(([LITTLE], [BIG, GZIP], [sharding([150, 350, 3], [LITTLE])])):
        store = oracle.write_array({}, "", data, (300, 700, 3), codecs=chain)
        for arr in (sz.open_array(store), sz.open_array(oracle.dump(store, tmp_path / str(i)))):
            for axis, shape in [(0, (290, 690, 3)), (1, (290, 690, 3)), (2, (1, 700, 3)), (2, (290, 690, 3))]:
                conversion = Conversion(
                    np.dtype("f4"), rng.normal(size=shape[axis]), rng.normal(size=shape[axis]), axis
                )
                boxes = boxes_of(rng, data.shape, shape, 3)
                check(arr, data, boxes, places_of(rng, 3, "rows", "f4", shape), conversion)


def test_every_chunk_may_be_missing():
    arr = sz.create_array({}, shape=SHAPE, chunks=CHUNKS, dtype="i2", fill_value=-3)
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        boxes, places = boxes_of(rng, SHAPE, shape, 9), places_of(rng, 9, "steps", "f4", shape)
        check(arr, np.full(SHAPE, -3), boxes, places, factors(rng, shape))


def test_zero_keeps_its_sign_without_an_offset():
    arr = sz.create_array({}, data=np.array([-0.0, 0.0], "f4"))
    out = np.empty((2, 1), "f2")
    places = Places([out], np.zeros(2, np.intp), np.arange(2))
    read_boxes(arr._handle, Boxes(np.array([[0], [1]]), (1,)), places, Conversion(np.dtype("f2")))
    assert np.signbit(out).ravel().tolist() == [True, False]


def test_chunks_are_fetched_once():
    store = Counting(oracle.write_array({}, "", DATA, CHUNKS, codecs=[LITTLE, GZIP]))
    arr, rng = sz.open_array(store), np.random.default_rng(1)
    for shape in SHAPES:
        store.take()
        check(arr, DATA, boxes_of(rng, SHAPE, shape, 90), places_of(rng, 90, "rows", "f4", shape), factors(rng, shape))
        calls = store.take()
        assert len(calls) == len(set(calls))


@pytest.mark.parametrize(
    ("conversion", "error", "words"),
    [
        (Conversion(np.dtype("i4")), TypeError, "uint16 can't be converted to int32"),
        (Conversion(np.dtype(">f4")), TypeError, "uint16 can't be converted to >f4"),
        (Conversion(np.dtype("f4"), np.ones(6)), ValueError, "give an axis"),
        (Conversion(np.dtype("f4"), 1.0, 0.0, 3), ValueError, "axis 3 of a conversion"),
        (Conversion(np.dtype("f4"), np.ones(5), 0.0, 2), ValueError, "boxes have 6 elements along axis 2"),
        (Conversion(np.dtype("f8")), TypeError, "the places are float32"),
    ],
)
def test_wrong_conversions(conversion, error, words):
    arr = sz.create_array({}, data=DATA, chunks=CHUNKS)
    places = Places([np.zeros((1, 1, 10, 6), "f4")], np.zeros(1, np.intp), np.zeros(1, np.intp))
    with pytest.raises(error, match=words):
        read_boxes(arr._handle, Boxes(np.zeros((1, 3), np.intp), (1, 10, 6)), places, conversion)


def test_text_is_not_converted():
    text = sz.create_array({}, data=np.array(["a"], np.dtypes.StringDType()))
    places = Places([np.zeros((1, 1), "f4")], np.zeros(1, np.intp), np.zeros(1, np.intp))
    with pytest.raises(TypeError, match="can't be converted to float32"):
        read_boxes(text._handle, Boxes(np.zeros((1, 1), np.intp), (1,)), places, Conversion(np.dtype("f4")))


def test_integers_are_cast_by_the_same_kernel():
    """`out` of another data type, without a conversion: as NumPy casts."""
    rng = np.random.default_rng(1)
    for source in ("u1", "i1", "u2", "i2", "u4", "i4"):
        data = rng.integers(0, 256, (20, 30, np.dtype(source).itemsize), "u1").view(source)[..., 0]
        arr = sz.create_array({}, data=data, chunks=(7, 30))
        for target in ("f4", "f8", "f2"):
            if np.can_cast(source, target, "same_kind"):
                out = np.empty((20, 30), target)
                with np.errstate(over="ignore"):
                    assert (arr.read(out=out) == data.astype(target)).all()
                    assert (arr.read(np.arange(20)[::-1], out=out) == data[::-1].astype(target)).all()
                    boxes, places = boxes_of(rng, data.shape, (1, 30), 9), places_of(rng, 9, "rows", target, (1, 30))
                    want = wanted(data, boxes, places)
                    read_boxes(arr._handle, boxes, places)
                    assert all(np.array_equal(*pair) for pair in zip(places.outs, want, strict=True))
