"""Boxes of one shape read into many arrays: what NumPy puts there, element by element, and each chunk only once."""

import threading

import numpy as np
import pytest
from hypothesis import given

import simplezarr as sz
from simplezarr.errors import ChunkError, ZarrWarning
from simplezarr.runtime import executor
from simplezarr.transfer.boxes import Boxes, Places, read_boxes
from tests.oracle import v2 as oracle_v2
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, LITTLE, codec, sharding
from tests.support.helpers import Counting, Failing
from tests.support.strategies import make_case, randoms
from tests.transfer import test_rectilinear as rectilinear
from tests.transfer.test_clipped_chunks import DATA as CROPPED
from tests.transfer.test_clipped_chunks import cropped

SHAPE, CHUNKS = (37, 10, 6), (8, 5, 6)
DATA = np.random.default_rng(1).integers(0, 2**16, SHAPE).astype("u2")
GZIP, FLIP = codec("gzip", level=1), codec("transpose", order=[2, 0, 1])
CHAINS = {
    "plain": [LITTLE],
    "big endian": [BIG],
    "gzip": [LITTLE, GZIP],
    "transposed": [FLIP, BIG, GZIP],
    "shards": [sharding([4, 5, 3], [LITTLE, GZIP])],
    "shards in a codec": [sharding([4, 5, 3], [BIG, GZIP]), GZIP],
    "transposed shards": [FLIP, sharding([3, 4, 5], [LITTLE])],
    "shards of shards": [sharding([4, 5, 6], [sharding([2, 5, 3], [LITTLE, GZIP])])],
}
#: Shapes of boxes of DATA: rows, elements, columns, windows, crops, everything.
SHAPES = [(1, 10, 6), (1, 1, 1), (37, 1, 6), (3, 10, 6), (9, 4, 2), (1, 4, 6), (8, 5, 6), SHAPE]
LAYOUTS = ["rows", "columns", "steps", "backwards"]


def boxes_of(rng, shape, lengths, n):
    """Draw boxes anywhere in an array."""
    starts = [rng.integers(0, length - size + 1, n) for length, size in zip(shape, lengths, strict=True)]
    return Boxes(np.stack(starts, axis=1).astype(np.intp) if starts else np.zeros((n, 0), np.intp), tuple(lengths))


def arrays(layout, dtype, rows, shape):
    """Return three arrays, one without rows, with strides of one kind along the axes of a box."""
    found = []
    for n in (rows, 0, rows + 2):
        if layout == "columns":
            out = np.zeros((n, *shape[::-1]), dtype)
            found.append(out.transpose(0, *range(len(shape), 0, -1)))
        elif layout == "steps":
            spread = np.zeros((2 * n, *(2 * length for length in shape)), dtype)
            found.append(spread[(slice(None, None, 2),) * spread.ndim])
        elif layout == "backwards":
            found.append(np.zeros((n, *shape), dtype)[(slice(None, None, -1),) * (len(shape) + 1)])
        else:
            found.append(np.zeros((n, *shape), dtype))
    return found


def places_of(rng, n, layout, dtype, shape):
    """Draw places for n boxes, each used at most once; some are not used."""
    outs = arrays(layout, dtype, n // 2 + 1, shape)
    free = [(k, row) for k, out in enumerate(outs) for row in range(len(out))]
    chosen = rng.permutation(free)[:n].reshape(n, 2)
    return Places(outs, chosen[:, 0].astype(np.intp), chosen[:, 1].astype(np.intp))


def wanted(array, boxes, places):
    """What NumPy makes of the places: each box assigned to its row."""
    outs = [out.copy() for out in places.outs]
    for start, k, row in zip(boxes.starts.tolist(), places.out, places.row, strict=True):
        box = tuple(slice(a, a + n) for a, n in zip(start, boxes.shape, strict=True))
        outs[k][row] = array[box]
    return outs


def check(arr, array, boxes, places, threads=0):
    """`read_boxes` fills the places as NumPy does."""
    want = wanted(array, boxes, places)
    read_boxes(arr._handle, boxes, places, threads=threads)
    for got, right in zip(places.outs, want, strict=True):
        assert oracle.same(np.ascontiguousarray(got), np.ascontiguousarray(right)), (boxes, places)


@pytest.mark.parametrize("name", CHAINS)
def test_boxes_of_every_shape(name, tmp_path):
    store = oracle.write_array({}, "", DATA, CHUNKS, codecs=CHAINS[name], fill_value=7, seed=0)
    del store["c/2/1/0"]
    data = DATA.copy()
    data[16:24, 5:] = 7
    rng = np.random.default_rng(0)
    local = sz.open_array(oracle.dump(store, tmp_path))
    for arr in (local, sz.open_array(store), sz.open_array(sz.SlowStore(sz.MemoryStore(store), latency=0))):
        for shape, layout in zip(SHAPES, LAYOUTS * 2, strict=True):
            boxes = boxes_of(rng, SHAPE, shape, 40)
            check(arr, data, boxes, places_of(rng, 40, layout, "u2", shape))


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("shape", SHAPES)
def test_each_chunk_is_fetched_once(name, shape):
    store = Counting(oracle.write_array({}, "", DATA, CHUNKS, codecs=CHAINS[name], seed=0))
    arr = sz.open_array(store)
    rng = np.random.default_rng(3)
    store.take()
    check(arr, DATA, boxes_of(rng, SHAPE, shape, 200), places_of(rng, 200, "rows", "u2", shape), threads=1)
    calls = store.take()
    assert calls
    assert len(calls) == len(set(calls))


@given(rand=randoms)
def test_any_array(rand):
    case = make_case(rand)
    shape = case.array.shape
    arr, rng = sz.open_array(case.store, case.path), np.random.default_rng(rand.randrange(2**32))
    if 0 in shape:
        lengths, n = tuple(rand.choice([length, 0]) for length in shape), rand.choice([0, 3])
        n = n if 0 in lengths else 0
    else:
        lengths, n = tuple(rand.choice([1, length, rand.randint(1, length)]) for length in shape), rand.randint(0, 12)
    boxes = boxes_of(rng, shape, lengths, n)
    check(
        arr, case.array, boxes, places_of(rng, n, rand.choice(LAYOUTS), case.array.dtype, lengths), rand.choice([0, 1])
    )


@given(rand=randoms)
def test_rectilinear_grids(rand):
    grid = [[[2, 3], [5, 3], 9, 7], [3, [4, 9]], 6]
    chains = [[LITTLE], [LITTLE, GZIP], [BIG], [sharding([1, 1, 3], [LITTLE])]]
    store = Counting(rectilinear.write(DATA, grid, rand.choice(chains), missing=[(1, 0, 0)], fill=3))
    data = DATA.copy()
    data[2:4, :3] = 3
    arr, rng, n = sz.open_array(store), np.random.default_rng(rand.randrange(2**32)), rand.randint(0, 30)
    lengths = rand.choice(SHAPES)
    store.take()
    check(arr, data, boxes_of(rng, SHAPE, lengths, n), places_of(rng, n, rand.choice(LAYOUTS), "u2", lengths))
    calls = store.take()
    assert len(calls) == len(set(calls))


@pytest.mark.parametrize("dtype", ["u2", ">f4", "f8"])
def test_zarr_2(dtype):
    data = DATA.astype(dtype)
    store = oracle_v2.write_array({}, "", data, CHUNKS, order="F", dimension_separator="/")
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        check(sz.open_array(store), data, boxes_of(rng, SHAPE, shape, 9), places_of(rng, 9, "rows", data.dtype, shape))


def test_text():
    text = np.array([["ä" * (i % 4), str(i), ""] for i in range(20)], np.dtypes.StringDType())
    counting = Counting({})
    sz.create_array(counting.data, data=text, chunks=(4, 2))
    arr = sz.open_array(counting)
    rng = np.random.default_rng(2)
    for shape in [(1, 3), (5, 1), (1, 1), (20, 3)]:
        for layout in LAYOUTS:
            counting.take()
            check(arr, text, boxes_of(rng, text.shape, shape, 30), places_of(rng, 30, layout, text.dtype, shape))
            calls = counting.take()
            assert len(calls) == len(set(calls))
    single = text[3:4, 0].reshape(())
    check(
        sz.create_array({}, data=single),
        single,
        Boxes(np.zeros((3, 0), np.intp), ()),
        places_of(rng, 3, "rows", text.dtype, ()),
    )


def test_cropped_chunks():
    arr = sz.open_array(cropped([LITTLE, GZIP]), "a")
    rng = np.random.default_rng(2)
    for shape in [(1, 5), (2, 2)]:
        boxes, places = boxes_of(rng, (7, 5), shape, 30), places_of(rng, 30, "rows", "u2", shape)
        with pytest.warns(ZarrWarning, match="array /a, chunk"):
            check(arr, CROPPED, boxes, places)


@pytest.mark.parametrize("kind", ["regular", "rectilinear"])
def test_without_a_usable_fill_value(kind):
    grid = {"regular": CHUNKS, "rectilinear": [[[2, 3], 31], 5, 6]}[kind]
    write = rectilinear.write if kind == "rectilinear" else lambda *args: oracle.write_array({}, "", *args, seed=0)
    store = write(DATA, grid)
    store["zarr.json"] = store["zarr.json"].replace(b'"fill_value": 0', b'"fill_value": "?"')
    with pytest.warns(ZarrWarning, match="fill_value"):
        arr = sz.open_array(store)
    rng = np.random.default_rng(2)
    for shape, dtype in [((1, 10, 6), "u2"), ((3, 4, 6), "f4")]:
        boxes, places = boxes_of(rng, SHAPE, shape, 30), places_of(rng, 30, "rows", dtype, shape)
        check(arr, DATA, boxes, places)
    del store["c/1/0/0"]
    with pytest.raises(ChunkError, match=r"not all of .* is stored"):
        read_boxes(arr._handle, Boxes(np.zeros((1, 3), np.intp), SHAPE), places_of(rng, 1, "rows", "u2", SHAPE))


@pytest.mark.parametrize("target", ["f4", ">i4", "f2", "c16", "O", "S5"])
def test_elements_are_cast(target):
    store = oracle.write_array({}, "", DATA % 100, CHUNKS, codecs=[BIG, GZIP], fill_value=7)
    del store["c/1/0/0"]
    data = DATA % 100
    data[8:16, :5] = 7
    arr, rng = sz.open_array(store), np.random.default_rng(2)
    for shape in [(1, 10, 6), (9, 4, 2)]:
        places = places_of(rng, 20, "columns", target, shape)
        check(arr, data, boxes_of(rng, SHAPE, shape, 20), places)


def test_records():
    data = np.zeros((20, 2), [("a", "i4"), ("b", "f4")])
    data["a"], data["b"] = np.arange(40).reshape(20, 2), 0.5
    arr, rng = sz.create_array({}, data=data, chunks=(6, 2)), np.random.default_rng(2)
    check(arr, data, boxes_of(rng, (20, 2), (1, 2), 15), places_of(rng, 15, "rows", data.dtype, (1, 2)))


def test_one_thread_works_alone():
    """With 1 it is the caller, also for a store that other threads would wait for."""
    seen = set()

    class Seen(Counting):
        def get(self, key):
            seen.add(threading.get_ident())
            return super().get(key)

    arr, rng = (
        sz.open_array(Seen(oracle.write_array({}, "", DATA, CHUNKS, codecs=[LITTLE, GZIP]))),
        np.random.default_rng(2),
    )
    for shape in [(1, 10, 6), (9, 4, 2)]:
        seen.clear()
        boxes, places = boxes_of(rng, SHAPE, shape, 80), places_of(rng, 80, "rows", "u2", shape)
        check(arr, DATA, boxes, places, threads=1)
        assert seen == {threading.get_ident()}


@pytest.mark.skipif(executor.runs_inline(), reason="there is one thread")
def test_several_at_once(tmp_path):
    store = oracle.write_array({}, "", DATA, CHUNKS, codecs=[sharding([4, 5, 3], [LITTLE, GZIP])], seed=0)
    arr = sz.open_array(oracle.dump(store, tmp_path))

    def read(seed):
        rng, shape = np.random.default_rng(seed), SHAPES[seed % len(SHAPES)]
        check(arr, DATA, boxes_of(rng, SHAPE, shape, 50), places_of(rng, 50, "steps", "u2", shape), seed % 3)

    for future in [executor.submit(read, seed) for seed in range(16)]:
        future.result(60)


def test_errors_are_those_of_read_many():
    store = oracle.write_array({}, "", DATA, CHUNKS, codecs=[LITTLE, GZIP])
    store["c/1/0/0"] = b"damaged"
    arr, rng = sz.open_array(store, "", mode="r"), np.random.default_rng(2)
    boxes, places = Boxes(np.array([[0, 0, 0], [9, 0, 0]]), (1, 10, 6)), places_of(rng, 2, "rows", "u2", (1, 10, 6))
    with pytest.raises(ChunkError) as ours:
        read_boxes(arr._handle, boxes, places)
    with pytest.raises(ChunkError) as theirs:
        arr.read_many([0, 9])
    assert str(ours.value) == str(theirs.value)
    failing = sz.open_array(Failing(store, ConnectionError("gone")))
    with pytest.raises(ConnectionError, match="gone"):
        read_boxes(failing._handle, boxes, places)


def test_wrong_arguments():
    arr = sz.create_array({}, data=DATA, chunks=CHUNKS)
    good, one = Boxes(np.zeros((2, 3), np.intp), (1, 10, 6)), np.zeros(2, np.intp)
    outs, row = [np.zeros((2, 1, 10, 6), "u2")], np.arange(2)

    def fails(error, words, boxes=good, places=None, of=arr):
        with pytest.raises(error, match=words):
            read_boxes(of._handle, boxes, places or Places(outs, one, row))

    fails(IndexError, r"box 1 begins at \(37, 0, 0\)", Boxes(np.array([[0, 0, 0], [37, 0, 0]]), (1, 10, 6)))
    fails(IndexError, r"box 0 begins at \(-1, 0, 0\)", Boxes(np.array([[-1, 0, 0], [0, 0, 0]]), (1, 10, 6)))
    fails(ValueError, "use contiguous intp", Boxes(np.zeros((2, 3), "i4"), (1, 10, 6)))
    fails(ValueError, "use contiguous intp", Boxes(np.zeros((2, 2), np.intp), (1, 10)))
    fails(ValueError, "use contiguous intp", Boxes(np.zeros((2, 6), np.intp)[:, ::2], (1, 10, 6)))
    fails(IndexError, "outside the 1 arrays", places=Places(outs, one + 1, row))
    fails(IndexError, "outside the 1 arrays", places=Places(outs, one, row + 1))
    fails(IndexError, "outside the 1 arrays", places=Places(outs, one, row - 1))
    fails(ValueError, "give each box one", places=Places(outs, one, row[:1]))
    fails(ValueError, "out is of shape", places=Places([np.zeros((2, 10, 6), "u2")], one, row))
    fails(TypeError, "same_kind", places=Places([np.zeros((2, 1, 10, 6), "?")], one, row))
    frozen = outs[0].copy()
    frozen.flags.writeable = False
    fails(ValueError, "read-only", places=Places([frozen], one, row))
    other = np.zeros((2, 1, 6, 10), "u2").transpose(0, 1, 3, 2)
    fails(ValueError, "differ in data type or strides", places=Places([outs[0], other], one, row))
    fails(ValueError, "differ in data type", places=Places([outs[0], outs[0].astype("f4")], one, row))


def test_nothing_is_read_for_no_boxes():
    store = Counting(oracle.write_array({}, "", DATA, CHUNKS))
    arr = sz.open_array(store)
    store.take()
    for n, shape in [(0, (1, 10, 6)), (3, (1, 0, 6))]:
        places = Places([np.zeros((3, *shape), "u2")], np.zeros(n, np.intp), np.arange(n))
        read_boxes(arr._handle, Boxes(np.zeros((n, 3), np.intp), shape), places)
    read_boxes(arr._handle, Boxes(np.zeros((0, 3), np.intp), (1, 1, 1)), Places([], np.zeros(0, int), np.zeros(0, int)))
    assert store.take() == []
