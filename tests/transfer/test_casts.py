"""`out` of another data type: as `np.copyto(out, a[...], casting="same_kind")`, which also says what is refused."""

import sys
import warnings

import numpy as np
import pytest
from hypothesis import given

import simplezarr as sz
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, LITTLE, codec, sharding
from tests.support.helpers import Counting, python
from tests.support.selections import advanced_key
from tests.support.strategies import make_case, make_selection, randoms

STRING = np.dtypes.StringDType()
RECORD = np.dtype([("x", "f8"), ("n", "u1"), ("y", "i4")])
DTYPES = [
    "?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16",
    "M8[s]", "M8[ns]", "M8[D]", "m8[ms]", "m8[s]", "S3", "U3", "V3", RECORD,
]  # fmt: skip
TARGETS = [
    *DTYPES, ">i2", ">u8", ">f4", ">c16", ">M8[s]", ">U5", "M8", "S1", "V5", "O", STRING,
    [("a", "f4"), ("b", "i8"), ("c", ">i8")], [("x", "f4"), ("y", "i8")],
]  # fmt: skip


def copied(out, values):
    """What `out` holds after NumPy has copied the values into it; its error if it refuses."""
    result = out.copy()
    try:
        np.copyto(result, values, casting="same_kind")
    except TypeError as error:
        return TypeError(str(error).replace("cast scalar", "cast array data"))
    return result


def part(values, key):
    """What a key selects, as an array also if it is one element."""
    return np.asarray(values[key], values.dtype)


def check(read, out, values):
    """`read(out)` does with `out` what NumPy does."""
    before, want = out.copy(), copied(out, values)
    if isinstance(want, TypeError):
        with pytest.raises(TypeError) as caught:
            read(out)
        assert str(want) in str(caught.value)
        assert str(caught.value).startswith("array /")
        assert "; let out be of dtype " in str(caught.value)
        np.testing.assert_array_equal(out, before)
    else:
        assert read(out) is out
        if out.dtype == object:  # of which no NaN equals another
            assert repr(out.tolist()) == repr(want.tolist())
        else:
            np.testing.assert_array_equal(out, want)


def some(dtype, shape):
    """Values of a data type that fit every other one, except for signs and fractions."""
    numbers = np.arange(np.prod(shape)).reshape(shape) % 100
    dtype = np.dtype(dtype)
    if not dtype.names:
        return numbers.astype("S3").astype("V3") if dtype.kind == "V" else numbers.astype(dtype)
    array = np.zeros(shape, dtype)
    for name in dtype.names:
        array[name] = numbers.reshape(*shape, *(1,) * len(dtype[name].shape))
    return array


def blank(shape, dtype, order="C"):
    return np.zeros(shape, dtype, order)


# ---------------------------------------------------------------- every pair of data types

POINTS = ([5, 0, 3, 3], [0, 6, 2, 2])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("grid", ["chunks", "shards", "runs"])
def test_every_pair_of_data_types(grid, dtype):
    values = some(dtype, (6, 7))
    values[2:4] = np.zeros((), values.dtype)  # chunks that are not stored
    grids = {
        "chunks": {"chunks": (2, 3), "codecs": "zstd"},
        "shards": {"chunks": (2, 3), "shards": (4, 6)},
        "runs": {"chunks": [[2, 2, 1, 1], [3, 4]]},
    }
    a = sz.create_array({}, data=values, **grids[grid])
    for target in TARGETS:
        if dtype is RECORD and target is STRING:
            continue  # NumPy cannot
        for key in ..., np.s_[::-2, 1], POINTS, (slice(None), [6, 0, 6]), (3, 3), (5, 6):
            check(lambda out, key=key: a.read(key, out=out), blank(part(values, key).shape, target), part(values, key))
        check(lambda out: a.get_chunk((0, 0), out=out), blank((2, 3), target), values[:2, :3])
        check(lambda out: a.get_chunk((1, 0), out=out), blank((2, 3), target), values[2:4, :3])
        many = [np.s_[0:3], np.s_[1:4], np.s_[3:6]]
        check(
            lambda out, many=many: a.read_many(many, out=out),
            blank((3, 3, 7), target),
            np.stack([values[key] for key in many]),
        )


TEXT = [["a", "", "u"], ["long text of more than fifteen bytes", "e", "f"]]


@pytest.mark.parametrize(
    "target", ["U1", "U40", ">U3", "O", "i4", "f8", "S9", np.dtypes.StringDType(na_object=None)], ids=str
)
@pytest.mark.parametrize("shards", [None, (2, 2)])
def test_text(target, shards):
    values = np.array(TEXT, STRING)
    a = sz.create_array({}, data=values, chunks=(1, 2), shards=shards)
    for key in ..., np.s_[::-1, 1:], ([1, 0], [0, 2]), (1, 0):
        check(lambda out, key=key: a.read(key, out=out), blank(part(values, key).shape, target), part(values, key))
    check(lambda out: a.get_chunk((0, 0), out=out), blank((1, 2), target), values[:1, :2])


def test_bytes_of_any_length_are_refused_by_name():
    a = sz.create_array({}, "raw", data=np.array([b"a", b"bc"], object), dtype="bytes")
    expected = (
        r"array /raw: Cannot cast array data from dtype\('O'\) to dtype\('S2'\) according to the rule 'same_kind'; let"
    )
    with pytest.raises(TypeError, match=expected):
        a.read(out=np.empty(2, "S2"))


# ---------------------------------------------------------------- any array, selection and layout

KINDS = {
    "memory": sz.MemoryStore,
    "far": lambda values: sz.SlowStore(sz.MemoryStore(values), latency=0),
}
NUMBERS = ["?", "i1", "i8", ">u4", "u8", "f2", ">f4", "f8", "c8", "c16", "O"]


def laid_out(rand, shape, dtype):
    """An array in any layout: steps of both signs, axes in any order, elements that are not aligned."""
    steps = [rand.choice([1, 1, 2, -1, -3]) for _ in shape]
    order = rand.sample(range(len(shape)), len(shape))
    sizes = [shape[axis] * abs(steps[axis]) for axis in order]
    fields = np.dtype([("before", "V1"), ("out", dtype)]) if rand.random() < 0.3 and dtype != "O" else None
    memory = np.zeros(sizes, dtype) if fields is None else np.zeros(sizes, fields)["out"]
    memory = memory.transpose(np.argsort(order)) if order else memory
    return memory, memory[(*(slice(None, None, step) for step in steps), ...)]


@pytest.mark.parametrize("kind", KINDS)
@given(rand=randoms)
def test_any_selection_into_any_layout(kind, rand, tmp_path_factory):
    case = make_case(rand)
    arr = sz.open_array(KINDS[kind](dict(case.store)), case.path)
    for make in make_selection, make_selection, advanced_key:
        key = make(rand, case.array.shape)
        try:
            values = np.asarray(case.array[key])
        except (IndexError, ValueError, TypeError):
            continue
        memory, out = laid_out(rand, values.shape, rand.choice([*NUMBERS, *NUMBERS, "V4"]))
        read = rand.choice([
            lambda out, key=key: arr.read(key, out=out),
            lambda out, key=key: arr.read_future(key, out=out).result(timeout=30),
            lambda out, key=key: arr.lazy[key].read(out=out),
        ])  # fmt: skip
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            check(read, out, values)
        out[...] = np.zeros((), out.dtype)
        assert not memory.any() if memory.dtype.kind != "V" else not memory.tobytes().strip(b"\0")  # nothing beside it


@given(rand=randoms)
def test_chunks_and_batches(rand):
    case = make_case(rand)
    arr = sz.open_array(sz.MemoryStore(dict(case.store)), case.path)
    plain = [arr.get_chunk(index) for index, _ in oracle.boxes(case.array.shape, case.chunks)]
    target = rand.choice(NUMBERS)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for (index, _), values in zip(oracle.boxes(case.array.shape, case.chunks), plain, strict=True):
            _, out = laid_out(rand, values.shape, target)
            check(lambda out, index=index: arr.get_chunk_future(index, out=out).result(timeout=30), out, values)
        if case.array.ndim:
            keys = [slice(i, i + max(1, len(case.array) // 2)) for i in range(-(-len(case.array) // 2))]
            values = (
                np.stack([case.array[key] for key in keys])
                if keys
                else np.zeros((0, *case.array.shape), case.array.dtype)
            )
            _, out = laid_out(rand, values.shape, target)
            check(lambda out: arr.read_many_future(keys, out=out).result(timeout=30), out, values)


CHAINS = {
    "bytes": [LITTLE],
    "swapped": [BIG],
    "zstd": [LITTLE, codec("zstd", level=1, checksum=False)],
    "transposed": [codec("transpose", order=[1, 0]), BIG],
    "shards": [sharding([50, 70], [BIG])],
}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("store", ["local", "far"])
def test_large_chunks_are_cast_in_pieces(store, chain, tmp_path):
    values = np.arange(2100 * 1400, dtype="f8").reshape(2100, 1400)  # a chunk of 22 MB
    stored = oracle.write_array({}, "", values, (2000, 1400), codecs=CHAINS[chain], seed=None)
    a = sz.open_array(oracle.dump(stored, tmp_path) if store == "local" else KINDS["far"](stored))
    for key in ..., np.s_[::-1, 3::2], np.s_[7], np.s_[10:1500, 30:60]:
        check(lambda out, key=key: a.read(key, out=out), blank(values[key].shape, "f4", "F"), values[key])


# ---------------------------------------------------------------- fields


TABLE = some([*RECORD.descr, ("v", "i2", (2,))], (40,))


@pytest.mark.parametrize("fields", ["x", "v", "y", ["y", "x"], ["v"]], ids=str)
@pytest.mark.parametrize("target", ["f4", ">f8", "i8", "O", [("a", "f4"), ("b", ">f4")], [("v", "f4", (2,))]], ids=str)
def test_fields(fields, target):
    for grid in {"chunks": 7, "zarr_format": 2}, {"chunks": 5, "shards": 20}, {"chunks": [[9, 31]]}:
        if "v" in fields and "zarr_format" not in grid:
            continue  # Zarr 3 has no fields that are arrays
        table = TABLE if "zarr_format" in grid else TABLE[["x", "n", "y"]].astype(RECORD)
        a = sz.create_array({}, data=table, **grid)
        for key in (..., np.s_[::-3], [3, 39, 0], 5):
            values = np.asarray(table[key][fields])
            if target == "O" and values.dtype.names:
                continue  # NumPy cannot compare these
            out = blank(np.shape(values), target)
            try:
                expected = copied(out, values)
            except ValueError:  # how NumPy refuses some records
                continue
            if isinstance(expected, TypeError):
                with pytest.raises(TypeError, match="array /: "):
                    a.read((fields, key), out=out)
            else:
                assert a.read((fields, key), out=out) is out
                np.testing.assert_array_equal(out, expected)


# ---------------------------------------------------------------- what is wrong


def test_what_does_not_fit_is_refused_before_anything_is_read():
    store = Counting(oracle.write_array({}, "x", np.ones(4), (2,), codecs=[LITTLE], seed=None))
    a = sz.open_array(store, "x")
    store.take()
    frozen = np.zeros(4, "f4")
    frozen.flags.writeable = False
    wrong = [
        (np.zeros(4, "i4"), TypeError, r"^array /x: Cannot cast .* let out be of dtype float64, or assign"),
        (np.zeros(3, "f4"), ValueError, r"^array /x: out is of shape \(3,\), but \(4,\) is selected; use np.empty"),
        (frozen, ValueError, "^array /x: out is read-only; pass a copy"),
        ([0.0] * 4, TypeError, "^array /x: out must be a NumPy array, not list; use np.empty"),
    ]
    for out, error, message in wrong:
        calls = [
            lambda o=out: a.read(out=o),
            lambda o=out: a.read_future(out=o).result(),
            lambda o=out: a.lazy[:].read(out=o),
        ]
        for call in calls:
            with pytest.raises(error, match=message):
                call()
    with pytest.raises(TypeError, match="array /x: Cannot cast"):
        a.get_chunk(0, out=np.zeros(2, "i4"))
    with pytest.raises(TypeError, match="array /x: Cannot cast"):
        a.read_many([0, 1], out=np.zeros(2, "i4"))
    with pytest.raises(TypeError, match="array /x: Cannot cast"):
        a.lazy[0:0].read(out=np.zeros(0, "i4"))
    assert not store.take()


@pytest.mark.parametrize("threads", [1, 4])
def test_floating_point_errors_are_the_callers(threads, tmp_path):
    values = np.full((64, 256, 64), 1e300)
    a = sz.create_array(tmp_path, data=values, chunks=(1, 256, 64), fill_value=-1e300)
    out = np.zeros(values.shape, "f4")
    before = sz.get_num_threads()
    sz.set_num_threads(threads)
    try:
        with pytest.warns(RuntimeWarning, match="overflow"):
            a.read(out=out)
        assert np.isposinf(out).all()
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("error")
            a.read(out=out)
        for key in ..., ([3, 0], [1, 1]), (5, 5, 5):
            with np.errstate(over="raise"), pytest.raises(FloatingPointError) as caught:
                a.read(key, out=np.zeros(values[key].shape, "f4"))
            assert "while reading array '/', chunk" in caught.value.__notes__[0]
    finally:
        sz.set_num_threads(before)


def test_a_damaged_chunk_is_named(tmp_path):
    a = sz.create_array({}, "x", data=np.arange(8.0), chunks=4, codecs=["bytes", "crc32c"])
    a.store.set("x/c/1", a.store.get("x/c/1")[:-1] + b"?")
    with pytest.raises(sz.ChunkError, match=r"chunk \(1,\)"):
        a.read(out=np.zeros(8, "f4"))
    assert a.read(np.s_[:4], out=np.zeros(4, "f4")).tolist() == [0, 1, 2, 3]


def test_elements_without_a_usable_fill_value():
    """A fill value of some bits becomes the same number as another one when it is cast."""
    store = oracle.write_array({}, "", np.arange(4.0), (2,), codecs=[LITTLE], seed=None)
    store["zarr.json"] = store["zarr.json"].replace(b'"fill_value": 0.0', b'"fill_value": "odd"')
    assert b"odd" in store["zarr.json"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a = sz.open_array(store)
    assert a.read(out=np.zeros(4, "f4")).tolist() == [0, 1, 2, 3]
    assert a.get_chunk(1, out=np.zeros(2, "f4")).tolist() == [2, 3]
    with pytest.raises(TypeError, match="Cannot cast"):
        a.get_chunk(1, out=np.zeros(2, "i4"))
    del store["c/1"]
    for read in lambda out: a.read(out=out), lambda out: a.get_chunk(1, out=out[:2]):
        with pytest.raises(sz.ChunkError, match="not all of"):
            read(np.zeros(4, "f4"))


def test_places_that_overlap():
    """As with NumPy, one of the values wins."""
    a = sz.create_array({}, data=np.arange(12.0).reshape(3, 4), chunks=(2, 2))
    memory = np.zeros(4, "f4")
    out = np.lib.stride_tricks.as_strided(memory, (3, 4), (0, 4))
    a.read(out=out)
    assert all(memory[i] in {i, i + 4, i + 8} for i in range(4))


def test_the_values_may_lie_where_the_stored_bytes_do():
    """A store that gives out the memory that is read into."""
    memory = np.arange(4.0)

    class Lending(sz.Store):
        def get(self, key):
            return document if key == "zarr.json" else memoryview(memory).cast("B") if key == "c/0" else None

    document = oracle.write_array({}, "", memory, (4,), codecs=[LITTLE], seed=None)["zarr.json"]
    out = memory.view("f4")[:4]
    assert sz.open_array(Lending()).read(out=out).tolist() == [0, 1, 2, 3]


# ---------------------------------------------------------------- memory and time

PEAK = """
import pathlib, re, sys
import numpy as np
import simplezarr as sz

def peak():  # of this program alone; ru_maxrss begins with that of the parent
    return int(re.search(r"VmHWM:\\s+([0-9]+)", pathlib.Path("/proc/self/status").read_text())[1]) << 10

sz.set_num_threads(4)
a = sz.open_array(sys.argv[1])
key, part = eval(sys.argv[2]), eval(sys.argv[3])
out = np.ones(a.shape, "f4")
a.read(part, out=out[:512])
before = peak()
a.read(key, out=out)
assert out[5].min() == out[-1].max() == 3
print(peak() - before)
"""
PLANE = {"shape": (8192, 1024), "dtype": "f8", "chunks": (512, 256)}  # 64 MiB
LARGE = {
    "chunks": {**PLANE, "codecs": "zstd"},
    "shards": {**PLANE, "codecs": "zstd", "shards": (8192, 1024)},
    "one chunk": {**PLANE, "chunks": -1, "codecs": "bytes"},
    "records": {"shape": 5 << 20, "dtype": RECORD, "chunks": 1 << 16, "codecs": "zstd"},
}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("way", ["...", "np.s_[::-1]"])
@pytest.mark.parametrize("name", LARGE)
def test_memory_is_bounded(name, way, tmp_path):
    a = sz.create_array(tmp_path, **LARGE[name])
    a[...] = 3
    field = "'x', " if name == "records" else ""
    key, part = f"({field}{way})", f"({field}slice(0, 512),)"
    assert int(python(PEAK, tmp_path, key, part, seconds=60, directory=tmp_path)) < 24 << 20
