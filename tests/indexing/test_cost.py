"""What selections cost: each chunk asked for once, nothing for what lies between points, bounded memory."""

import itertools
import json
import sys
import tracemalloc

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.engine.geometry.plan import Plan
from tests.oracle import v3 as oracle
from tests.oracle.v3 import CRC32C, LITTLE, codec, same, sharding
from tests.support.helpers import Counting, Waiting

SHAPE, CHUNKS = (40, 36, 30), (10, 12, 15)
DATA = np.random.default_rng(1).integers(0, 2**15, SHAPE, "u2")
ZSTD = codec("zstd", level=1, checksum=False)
CHAINS = {
    "bytes": [LITTLE],
    "zstd": [LITTLE, ZSTD],
    "shards": [sharding([5, 6, 5], [LITTLE, ZSTD])],
    "shards of bytes": [sharding([5, 6, 5], [LITTLE])],
    "encoded shards": [sharding([5, 6, 5], [LITTLE]), CRC32C],
}


@pytest.fixture(params=CHAINS)
def counted(request):
    store = Counting(oracle.write_array({}, "", DATA, CHUNKS, codecs=CHAINS[request.param], fill_value=DATA[0, 0, 0]))
    arr = sz.open_array(store)
    store.take()
    return store, arr


def points(n, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(-length, length, n) for length in SHAPE)


SELECTIONS = {
    "points": points(3000),
    "sorted points": tuple(np.sort(axis) for axis in points(50)),
    "mask": DATA % 50 == 0,
    "mask of two axes": DATA[..., 0] % 9 == 0,
    "rows": (slice(None), points(30)[1], slice(3, 28)),
    "columns": (..., points(30)[2]),
    "product": np.ix_(*points(12)),
    "product of two, apart": (points(9)[0][:, None], slice(3, 28), points(7)[2]),
}


def check_calls(calls):
    """No key is asked for as a whole twice, and no byte of one twice."""
    whole = [key for name, key, *_ in calls if name == "get"]
    assert len(whole) == len(set(whole))
    parts = [call[1:] for call in calls if call[0] == "get_range"]
    assert not {key for key, *_ in parts} & set(whole)
    for (key, start, n), (other, begin, m) in itertools.combinations(parts, 2):
        assert key != other or (start < 0) != (begin < 0) or start + n <= begin or begin + m <= start


@pytest.mark.parametrize("name", SELECTIONS)
def test_chunks_are_asked_for_once(name, counted):
    store, arr = counted
    key = SELECTIONS[name]
    assert same(arr[key], DATA[key])
    check_calls(store.take())


def test_orthogonal_selections_ask_once(counted):
    store, arr = counted
    lists = [np.unique(axis % length)[::2] for axis, length in zip(points(20), SHAPE, strict=True)]
    assert same(arr.oindex[tuple(lists)], DATA[np.ix_(*lists)])
    check_calls(store.take())


def crops(n, size=(8, 9, 10)):
    rng = np.random.default_rng(5)
    starts = np.stack([rng.integers(0, length - s + 1, n) for length, s in zip(SHAPE, size, strict=True)], axis=1)
    return [tuple(slice(start, start + s) for start, s in zip(row.tolist(), size, strict=True)) for row in starts]


def test_batches_ask_once(counted):
    store, arr = counted
    keys = crops(50)
    out = np.empty((50, 8, 9, 10), "u2")
    assert arr.read_many(keys, out=out) is out
    assert all(same(got, DATA[key]) for got, key in zip(out, keys, strict=True))
    check_calls(store.take())
    results = arr.read_many_future([..., (0, 0, 0), slice(None, None, -3), (1, None), np.s_[:0]]).result()
    want = [DATA[...], DATA[0, 0, 0], DATA[::-3], DATA[1, None], DATA[:0]]
    assert all(map(same, results, want))
    check_calls(store.take())


def test_batches_of_local_files(tmp_path, pool):
    for name, chain in CHAINS.items():
        store = oracle.write_array({}, "", DATA, CHUNKS, codecs=chain, fill_value=DATA[0, 0, 0])
        arr = sz.open_array(oracle.dump(store, tmp_path / name.replace(" ", "-")))
        keys = [*crops(40), *crops(40, (1, 36, 30)), *crops(40, (40, 1, 2))]
        assert all(same(got, DATA[key]) for got, key in zip(arr.read_many(keys), keys, strict=True))
        for key in SELECTIONS.values():
            assert same(arr[key], DATA[key])


def test_wrong_batches(counted):
    _, arr = counted
    assert arr.read_many([]) == []
    assert arr.read_many([], out=np.empty((0, 2), "u2")).shape == (0, 2)
    with pytest.raises(IndexError, match="must be basic"):
        arr.read_many([0, [1, 2]])
    with pytest.raises(IndexError, match="index 40 is out of bounds"):
        arr.read_many([0, 40])
    with pytest.raises(TypeError, match="out must be a NumPy array"):
        arr.read_many([0], out=[0])
    with pytest.raises(ValueError, match=r"selection 1 has shape \(30,\)"):
        arr.read_many([0, (0, 0)], out=np.empty((2, 36, 30), "u2"))
    with pytest.raises(ValueError, match=r"out is of shape \(3, 36, 30\), but \(2, 36, 30\) is selected"):
        arr.read_many([0, 1], out=np.empty((3, 36, 30), "u2"))
    out = np.empty((2, 36, 30), "u2")
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        arr.read_many([0, 1], out=out)


@pytest.mark.parametrize("name", CHAINS)
def test_damaged_chunks_are_named(name):
    store = oracle.write_array({}, "a", DATA, CHUNKS, codecs=CHAINS[name], fill_value=DATA[0, 0, 0], seed=0)
    store["a/c/1/2/0"] = store["a/c/1/2/0"][:-5]
    arr = sz.open_array(store, "a")
    for read in (lambda: arr[[15, 3], [25, 3], [2, 2]], lambda: arr.read_many([np.s_[11:, 25:], np.s_[12:14, 26, 1:]])):
        with pytest.raises(sz.errors.ChunkError, match="'a/c/1/2/0'") as caught:
            read()
        assert caught.value.key == "a/c/1/2/0"
    assert same(arr[[3, 35], [3, 3], [2, 2]], DATA[[3, 35], [3, 3], [2, 2]])


def sparse(shape, chunks, codecs=(LITTLE,)):
    """An array of which nothing is stored."""
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": "int16",
        "fill_value": 7,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
        "chunk_key_encoding": "default",
        "codecs": list(codecs),
    }
    return {"zarr.json": json.dumps(document).encode()}


@pytest.mark.parametrize("codecs", [[LITTLE], [sharding([10, 10, 10])]])
@pytest.mark.parametrize("chunks", [[1000] * 3, [10] * 3])
def test_huge_sparse_arrays(chunks, codecs, tmp_path):
    arr = sz.open_array(oracle.dump(sparse([10**6] * 3, chunks, codecs), tmp_path))
    rng = np.random.default_rng(0)
    index = tuple(rng.integers(0, 10**6, (3, 1000)))
    row = np.zeros(10**6, bool)
    row[::200_000] = True
    arr[index]
    tracemalloc.start()
    try:
        assert same(arr[index], np.full(1000, 7, "i2"))
        assert same(arr.oindex[index[0][:5], 0, index[2][:5]], np.full((5, 5), 7, "i2"))
        assert same(arr[:2, row, -1], np.full((2, 5), 7, "i2"))
        assert len(arr.read_many([tuple(map(int, point)) for point in zip(*index, strict=True)])) == 1000
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_planning_does_not_depend_on_the_grid():
    """A plan over 10^9 chunks is as small, and found with as few calls, as over one."""
    selection, chunks = np.s_[::7, 5:-5, ::-1], (1000,) * 3
    plan = Plan(selection, chunks, chunks)
    costs = []
    for shape in (chunks, (10**6,) * 3):
        tracemalloc.start()
        try:
            calls, plan = count_calls(lambda shape=shape: Plan(selection, shape, chunks))
            costs.append((calls, tracemalloc.get_traced_memory()[1]))
        finally:
            tracemalloc.stop()
    assert plan.n == 10**9
    (few, small), (many, large) = costs
    assert few == many
    assert large <= small + 1000


def count_calls(do):
    """Python functions, and compiled ones that Python calls, in one call; and what that gives."""
    calls = 0

    def note(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        result = do()
    finally:
        sys.setprofile(None)
    return calls, result


def test_grids_beyond_64_bits():
    shape = (2**40, 2**40, 2**40)
    store = sparse(shape, [1, 1, 1])
    places = [(0, 0, 0), (2**39, 5, 2**40 - 1), (2**40 - 1, 2**40 - 1, 2**40 - 1), (2**39, 4, 2**40 - 1)]
    for i, place in enumerate(places):
        store["c/" + "/".join(map(str, place))] = np.int16(i).tobytes()
    arr = sz.open_array(store)
    index = tuple(np.array(axis) for axis in zip(*places, places[0], (1, 1, 1), strict=True))
    assert arr[index].tolist() == [0, 1, 2, 3, 0, 7]
    assert [int(x) for x in arr.read_many(places)] == [0, 1, 2, 3]


def test_memory_of_a_batch(tmp_path):
    """Selections of one row of chunks each: what is decoded is not kept."""
    data = np.zeros((64, 256, 256), "u1")
    chain = [LITTLE, codec("gzip", level=1)]
    store = oracle.write_array({}, "", data, (1, 256, 256), codecs=chain, fill_value=np.uint8(1))
    arr = sz.open_array(oracle.dump(store, tmp_path))
    keys = [np.s_[:, i, i] for i in range(0, 256, 4)]
    out = np.empty((64, 64), "u1")
    tracemalloc.start()
    try:
        arr.read_many(keys, out=out)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert not out.any()


BUSY = [np.s_[:2, :2, :2], np.s_[15:17, :2, :2]]  # in two chunks


def keep_busy(arr):
    """Two threads of the pool, each waiting for its chunk."""
    futures = []
    for key in BUSY:
        futures.append(arr.read_future(key))
        assert arr.store.asked.acquire(timeout=30)
    return futures


def test_waiting_reads_share_chunks(pool):
    """While two threads are busy, others wait; these then cost one look at each chunk."""
    sz.set_num_threads(2)
    store = Waiting(
        oracle.write_array({}, "", DATA, CHUNKS, codecs=CHAINS["zstd"], fill_value=DATA[0, 0, 0], seed=None)
    )
    arr = sz.open_array(store)
    first = keep_busy(arr)
    out = np.empty((3, 3, 3), "u2")
    keys = [np.s_[i, 0, 1] for i in range(10)] + [np.s_[:5, 3:, :], ([0, 9], 1), np.s_[11, [2, 3]]]
    futures = [arr.read_future(key) for key in keys]
    placed, cancelled = arr.read_future(np.s_[:3, :3, :3], out=out), arr.read_future(0)
    wrong = [arr.read_future(key, out=o) for key, o in [(40, None), ("a", None), (0, out)]]
    assert cancelled.cancel()
    before = len(store.threads)
    store.gate.set()
    assert all(
        same(future.result(30), DATA[key]) for future, key in zip([*first, *futures], [*BUSY, *keys], strict=True)
    )
    assert placed.result(30) is out
    assert same(out, DATA[:3, :3, :3])
    for future, error in zip(wrong, (IndexError, IndexError, ValueError), strict=True):
        assert type(future.exception(30)) is error
    assert before == 2
    advanced = 2 * 6 + 2  # index arrays are read by themselves
    assert len(store.threads) <= before + 6 + advanced


def test_failed_reads_fail_alone(pool):
    sz.set_num_threads(2)
    data = oracle.write_array({}, "", DATA, CHUNKS, codecs=CHAINS["zstd"], fill_value=DATA[0, 0, 0], seed=None)
    data["c/3/2/1"] = b"damaged"
    store = Waiting(data)
    arr = sz.open_array(store)
    keep_busy(arr)
    good, bad = [arr.read_future(i) for i in range(5)], [arr.read_future(i) for i in (39, 35)]
    store.gate.set()
    assert all(same(future.result(30), DATA[i]) for i, future in enumerate(good))
    assert [type(future.exception(30)) for future in bad] == [sz.errors.ChunkError] * 2
