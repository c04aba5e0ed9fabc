"""Writing, case by case: what is stored, what is left alone, what is refused, and what happens when something fails."""

import json
import os
import sys
import threading
import warnings

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs import register_codec
from simplezarr.codecs.base import BytesBytesCodec
from tests.oracle import v3 as oracle
from tests.oracle.v3 import CRC32C, LITTLE, codec, sharding
from tests.support.helpers import Counting, python

ZSTD = codec("zstd", level=1, checksum=False)


class Writable(Counting):
    """A dict of bytes that counts, and that fails where `fault` says so; threads may write to it at once."""

    def __init__(self, data, fault=lambda call, key, n: False):
        super().__init__(data)
        self.fault, self.writes = fault, 0

    def step(self, call, key):
        self.calls.append((call, key))
        self.writes += 1
        if self.fault(call, key, self.writes):
            raise OSError(5, "the line is cut")

    def get(self, key):
        if not key.endswith("zarr.json"):
            self.step("get", key)
        return self.data.get(key)

    def set(self, key, value):
        self.step("set", key)
        self.data[key] = bytes(value)

    def delete(self, key):
        self.step("delete", key)
        self.data.pop(key, None)


def make(array, chunks, store=None, **how):
    """A stored array opened for writing: in a dict, in a directory, or in another store over a dict."""
    data = oracle.write_array({}, "", array, chunks, **how)
    if isinstance(store, os.PathLike):
        return sz.open_array(oracle.dump(data, store), mode="r+")
    return sz.open_array(data if store is None else store(data), mode="r+")


def keys_of(calls, *names):
    return [key for name, key, *_ in calls if name in names]


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("shape", "selection", "value"),
    [
        ((3, 4), np.s_[...], np.zeros((4, 3))),
        ((3, 4), np.s_[:2], np.zeros(3)),
        ((3, 4), np.s_[:0], np.zeros((2, 4))),
        ((3, 4), np.s_[0], np.zeros((2, 4))),
        ((3,), np.s_[...], np.zeros((2, 3))),
    ],
)
def test_shapes_are_checked_before_anything_is_written(shape, selection, value):
    with pytest.raises(ValueError) as numpys:
        np.zeros(shape)[selection] = value
    arr = make(np.ones(shape), (2,) * len(shape), Writable)
    with pytest.raises(ValueError) as info:
        arr[selection] = value
    assert str(info.value) == str(numpys.value)
    assert arr.store.take() == []
    assert (arr[...] == 1).all()


@pytest.mark.parametrize("value", [300, -1, 2**70, [1, 300], "x", None, 1j, object()])
def test_values_that_do_not_fit_raise_numpys_errors(value):
    with pytest.raises((OverflowError, TypeError, ValueError)) as numpys:
        np.zeros(2, "u1")[...] = value
    arr = make(np.ones(2, "u1"), (1,), Writable)
    with pytest.raises(numpys.type) as info:
        arr[...] = value
    assert str(info.value) == str(numpys.value)
    assert not keys_of(arr.store.take(), "set", "delete")


def test_a_cast_from_complex_warns_once_and_errors_of_casts_are_the_callers(pool):
    values = np.arange(200_000) + 2j
    arr = make(np.zeros(200_000), (10_000,))
    with pytest.warns(np.exceptions.ComplexWarning) as seen:
        arr[...] = values
    assert len(seen) == 1
    assert (arr[...] == values.real).all()
    values = np.full(200_000, np.nan)
    arr = make(np.zeros(200_000, "i4"), (10_000,))
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        arr[...] = values
    with np.errstate(invalid="ignore"):
        arr[...] = values
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        assert (arr[...] == values.astype("i4")).all()


def test_an_array_is_assigned_to_itself():
    arr = make(np.arange(10), (3,))
    arr[::-1] = arr
    assert arr[...].tolist() == [*range(9, -1, -1)]
    arr.write_future(np.s_[2:4], arr[:2]).result(10)
    assert arr[:5].tolist() == [9, 8, 9, 8, 5]


# ---------------------------------------------------------------- what is stored


@pytest.mark.parametrize("codecs", [[LITTLE], [LITTLE, ZSTD], [sharding((2, 2), [LITTLE, CRC32C])]])
def test_chunks_that_are_covered_are_not_read(codecs):
    arr = make(np.arange(35, dtype="i2").reshape(5, 7), (4, 4), Writable, codecs=codecs)
    arr.store.take()
    arr[...] = 1
    assert sorted(arr.store.take()) == [("set", f"c/{i}/{j}") for i in range(2) for j in range(2)]
    arr[:, 3:] = 2
    calls = arr.store.take()
    assert sorted(keys_of(calls, "get")) == ["c/0/0", "c/1/0"]
    assert len(keys_of(calls, "set")) == 4
    arr[4, ::2] = arr[4:, 1::2] = 3  # elements apart don't cover
    assert sorted(set(keys_of(arr.store.take(), "get"))) == ["c/1/0", "c/1/1"]


@pytest.mark.parametrize("codecs", [[LITTLE], [codec("bytes", endian="big"), ZSTD], [sharding((1, 2), [LITTLE])]])
def test_chunks_that_are_all_fill_are_deleted(codecs, tmp_path):
    data = np.arange(1, 36.0).reshape(5, 7)
    arr = sz.create_array(tmp_path, data=data, chunks=(4, 4), codecs=codecs, fill_value=0.0)
    files = {"c/0/0", "c/0/1", "c/1/0", "c/1/1", "zarr.json"}
    arr[:4, :4] = 0
    assert oracle.load(tmp_path).keys() == files - {"c/0/0"}
    arr[4:] = -0.0  # not the bits of 0.0
    assert oracle.load(tmp_path).keys() == files - {"c/0/0"}
    arr[4, 1:] = 0
    arr[4, 0] = 0
    assert oracle.load(tmp_path).keys() == {"c/0/1", "zarr.json"}
    arr[...] = 0
    assert os.listdir(tmp_path) == ["zarr.json"]
    arr.write_empty_chunks = True
    arr[...] = 0
    assert oracle.load(tmp_path).keys() == files
    assert (oracle.read_array(oracle.load(tmp_path)) == 0).all()


@pytest.mark.parametrize("chunks", [(10, 20), (20, 40)])
def test_a_constant_is_encoded_once_for_each_shape(chunks):
    @register_codec
    class Tally(BytesBytesCodec):
        name = "test_tally"
        count = 0

        def __init__(self):
            pass

        def encode(self, data):
            Tally.count += 1
            return bytes(data)

        def decode(self, data):
            return bytes(data)

        def to_json(self):
            return {"name": self.name}

    inner = [LITTLE, codec("test_tally")]
    codecs = inner if chunks == (10, 20) else [sharding((10, 20), inner)]
    data = oracle.write_array({}, "", np.zeros((0, 0)), chunks, codecs=[LITTLE])
    document = json.loads(data["zarr.json"]) | {"shape": [95, 199], "codecs": codecs}
    arr = sz.open_array({"zarr.json": json.dumps(document).encode()}, mode="r+")
    before = sz.get_num_threads()
    sz.set_num_threads(1)
    try:
        arr[...] = 7
    finally:
        sz.set_num_threads(before)
    assert Tally.count == 4
    assert (arr[...] == 7).all()


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("kind", ["memory", "local", "store"])
def test_untouched_inner_chunks_keep_their_bytes(kind, location, tmp_path):
    array = np.arange(64 * 64, dtype="u2").reshape(64, 64)
    array[8:16, :32] = 0
    store = {"memory": None, "local": tmp_path, "store": Writable}[kind]
    # another encoder's bytes, in random order, with junk in between
    arr = make(
        array, (64, 64), store, codecs=[sharding((8, 16), [LITTLE, codec("gzip", level=9)], index_location=location)]
    )
    grid = [(i, j) for i in range(8) for j in range(4)]
    before = {index: arr.get_encoded_chunk(index) for index in grid}
    arr[20:30, 15:20] = array[20:30, 15:20] = 5
    touched = {(i, j) for i in (2, 3) for j in (0, 1)}
    assert {index for index in grid if arr.get_encoded_chunk(index) != before[index]} == touched
    assert (arr[...] == array).all()
    arr[16:32, :32] = array[16:32, :32] = 0
    assert {index for index in grid if arr.get_encoded_chunk(index) is None} == {
        (i, j) for i in (1, 2, 3) for j in (0, 1)
    }
    assert (arr[...] == array).all()


@pytest.mark.parametrize("store", [None, Writable])
def test_the_bytes_do_not_depend_on_the_threads(store, tmp_path):
    array = np.random.default_rng(0).integers(0, 9, (600, 600)).astype("u4")
    results = []
    before = sz.get_num_threads()
    try:
        for threads in (1, 2, 7):
            sz.set_num_threads(threads)
            arr = make(np.zeros_like(array), (600, 600), store or tmp_path / str(threads),
                       codecs=[sharding((30, 50), [LITTLE, ZSTD])])  # fmt: skip
            arr[...] = array
            arr[35:500, 70:] = array[35:500, 70:] + 1
            results.append(arr.store.data["c/0/0"] if store else (tmp_path / str(threads) / "c/0/0").read_bytes())
    finally:
        sz.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_what_lies_outside_the_array_stays():
    """The array may have grown since it was opened. If it grows later, `resize` clears what comes into view."""
    data = oracle.write_array({}, "", np.full((5, 5), 3, "u1"), (4, 4), fill_value=9)  # junk in the overhang
    arr = sz.open_array(data, mode="r+")
    before = list(data["c/1/1"]), list(data["c/0/1"])
    arr[4, 4] = 1
    arr[0, 4] = 1
    assert list(data["c/1/1"]) == [1, *before[0][1:]]
    assert list(data["c/0/1"]) == [1, *before[1][1:]]
    arr.resize((8, 8))
    assert arr[4].tolist() == [3, 3, 3, 3, 1, 9, 9, 9]
    assert (arr[5:] == 9).all()


def test_nothing_is_done_for_empty_selections():
    arr = make(np.zeros((4, 0)), (2, 1), Writable)
    arr[...] = 3
    arr = make(np.ones(4), (2,), Writable)
    arr.store.take()
    arr[2:2] = 5
    arr[3:1] = np.zeros((0,))
    assert arr.store.take() == []


# ---------------------------------------------------------------- set_chunk


def test_set_chunk_checks_index_and_shape():
    arr = make(np.zeros((5, 7), "u1"), (4, 4), Writable)
    for index in [(2, 0), (-1, 0), (0,)]:
        with pytest.raises(IndexError):
            arr.set_chunk(index, np.ones((4, 4)))
    for shape in [(4, 3), (1, 4), (), (4,), (1, 4, 4)]:
        with pytest.raises(ValueError, match=r"\(4, 4\)") as info:
            arr.set_chunk((1, 1), np.ones(shape))
        assert str(shape) in str(info.value)
        assert "(1, 3)" in str(info.value)
    assert not keys_of(arr.store.take(), "set", "delete")


# ---------------------------------------------------------------- refusals


def test_arrays_that_are_only_to_be_read():
    data = oracle.write_array({}, "", np.zeros(4), (2,))
    arr = sz.open_array(data)
    for write in (lambda: arr.__setitem__(0, 1), lambda: arr.write(0, 1), lambda: arr.set_chunk((0,), [1, 1])):
        with pytest.raises(sz.ReadOnlyError, match=r'/ of .*mode="r\+"'):
            write()
    with pytest.raises(sz.ReadOnlyError):
        arr.write_future(0, 1).result(10)
    arr = sz.open_array(data, mode="r+")
    arr.store.read_only = True
    with pytest.raises(sz.ReadOnlyError, match="read_only"):
        arr[0] = 1
    assert data.keys() == {"zarr.json"}


@pytest.mark.parametrize(
    ("codecs", "culprit"),
    [
        ([LITTLE, codec("blosc", cname="snappy", clevel=1, shuffle="noshuffle", typesize=1, blocksize=0)], "snappy"),
        (
            [sharding((1,), [LITTLE, codec("blosc", cname="snappy", clevel=1, shuffle="noshuffle", blocksize=0)])],
            "snappy",
        ),
        ([LITTLE, {"name": "test_unheard_of", "must_understand": False}], "test_unheard_of"),
    ],
)
@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
def test_codecs_that_can_not_encode(codecs, culprit):
    document = json.loads(oracle.write_array({}, "", np.zeros(4), (2,))["zarr.json"]) | {"codecs": codecs}
    arr = sz.open_array(Writable({"zarr.json": json.dumps(document).encode()}), mode="r+")
    with pytest.raises(sz.UnsupportedError, match=f"array / .*{culprit}"):
        arr[...] = 1
    assert not keys_of(arr.store.take(), "set")


# ---------------------------------------------------------------- faults

CHAINS = {"chunks": [LITTLE, ZSTD], "shards": [sharding((2, 5), [LITTLE])]}


@pytest.mark.parametrize("codecs", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("n", range(1, 22, 2))
def test_each_chunk_is_as_before_or_as_after(codecs, n, pool):
    old = np.arange(600, dtype="i4").reshape(20, 30)
    arr = make(old, (4, 10), lambda data: Writable(data, lambda call, key, count: count >= n), codecs=codecs)
    new = old.copy()
    new[3:, 5:] = 0
    new[8:13] = -1
    selections = [(np.s_[3:, 5:], 0), (np.s_[8:13], -1)]
    with pytest.raises(OSError, match="the line is cut") as info:
        [arr.write(selection, value) for selection, value in selections]
    assert "while writing array '/', chunk (" in info.value.__notes__[0]
    assert "key 'c/" in info.value.__notes__[0]
    stored = oracle.read_array(arr.store.data)
    middle = old.copy()
    middle[3:, 5:] = 0
    for _, box in oracle.boxes(old.shape, (4, 10)):
        assert any((stored[box] == other[box]).all() for other in (old, middle, new))


@pytest.mark.parametrize("kind", ["memory", "local"])
@pytest.mark.parametrize("codecs", [[LITTLE, CRC32C], [sharding((2, 2), [LITTLE, CRC32C])], [LITTLE]])
def test_a_damaged_chunk_is_not_changed(kind, codecs, tmp_path):
    arr = make(np.ones((8, 8), "u2"), (4, 4), tmp_path if kind == "local" else None, codecs=codecs)
    content = arr.store.get("c/1/0")
    damaged = content[:2] + b"?" + content[3:-1]
    arr.store.set("c/1/0", damaged)
    with pytest.raises(sz.ChunkError, match=r"key 'c/1/0'.*; the chunk is unchanged; remove the cause, then") as info:
        arr[5:7, 1:3] = 5
    assert (info.value.key, info.value.path) == ("c/1/0", "")
    assert arr.store.get("c/1/0") == damaged
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if name.endswith(".partial")]
    arr[4:, :4] = 5  # covered: what is there does not matter
    assert (arr[4:, :4] == 5).all()


def test_a_chunk_that_can_not_be_replaced(tmp_path):
    arr = make(np.ones((8, 8), "u2"), (4, 4), tmp_path)
    os.remove(tmp_path / "c/1/0")
    os.makedirs(tmp_path / "c/1/0/x")
    with pytest.raises(OSError, match=r"while writing array '/', chunk \(1, 0\), key 'c/1/0'"):
        arr[...] = 7
    assert sorted(os.listdir(tmp_path / "c/1")) == ["0", "1"]


FULL = """
import resource, signal, sys, numpy as np, simplezarr as sz
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
arr = sz.open_array(sys.argv[1], mode="r+")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for selection in (np.s_[...], np.s_[1:]):
    try:
        arr[selection] = np.random.default_rng(0).integers(0, 2**62, 10_000)[selection]
    except OSError as error:
        print(error.errno, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files there")
def test_a_full_disk_leaves_the_old_chunk(tmp_path):
    arr = make(np.arange(10_000), (10_000,), tmp_path / "data")
    lines = python(FULL, tmp_path / "data", seconds=60, directory=tmp_path).splitlines()
    assert len(lines) == 2
    assert all("while writing array '/', chunk (0,), key 'c/0'; the chunk is unchanged; " in line for line in lines)
    assert (arr[...] == np.arange(10_000)).all()
    assert os.listdir(tmp_path / "data/c") == ["0"]


def test_ctrl_c_ends_a_long_write(tmp_path):
    code = """
import os, signal, sys, threading, numpy as np, simplezarr as sz
arr = sz.open_array(sys.argv[1], mode="r+")
threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    arr[...] = 1
except KeyboardInterrupt as error:
    print(error.__notes__[0][:20], len(os.listdir(sys.argv[1] + "/c")) < arr.size)
"""
    make(np.zeros(10_000, "u1"), (1,), tmp_path / "data")
    assert python(code, tmp_path / "data", seconds=120, directory=tmp_path).strip() == "while writing array  True"


# ---------------------------------------------------------------- many writers


def update_rows(arr, row, rounds):
    for value in range(1, rounds + 1):
        arr[row] = value


@pytest.mark.parametrize("codecs", [[LITTLE, ZSTD], [sharding((8, 25), [LITTLE])]], ids=["chunk", "shard"])
@pytest.mark.parametrize("kind", ["memory", "local", "store"])
def test_threads_lose_no_update(kind, codecs, tmp_path):
    store = {"memory": None, "local": tmp_path, "store": lambda data: sz.SlowStore(sz.MemoryStore(data), latency=0)}[
        kind
    ]
    arr = make(np.zeros((8, 100), "i4"), (8, 100), store, codecs=codecs)
    threads = [threading.Thread(target=update_rows, args=(arr, row, 100)) for row in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (arr[...] == 100).all()


PROCESSES = """
import subprocess, sys, simplezarr as sz
if len(sys.argv) == 2:
    command = [*{python}, "-c", open(sys.argv[1] + ".py").read(), sys.argv[1]]
    children = [subprocess.Popen([*command, str(row)]) for row in range(4)]
    print([child.wait(60) for child in children])
else:
    arr = sz.open_array(sys.argv[1], mode="r+")
    for value in range(1, 101):
        arr[int(sys.argv[2])] = value
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no locks across processes there")
@pytest.mark.parametrize("codecs", [[LITTLE], [sharding((4, 25), [LITTLE, CRC32C])]], ids=["chunk", "shard"])
def test_processes_lose_no_update(codecs, tmp_path):
    arr = make(np.zeros((4, 100), "i4"), (4, 100), tmp_path / "data", codecs=codecs)
    code = PROCESSES.replace("{python}", repr([sys.executable, "-P"]))
    (tmp_path / "data.py").write_text(code)
    assert python(code, tmp_path / "data", seconds=120, directory=tmp_path).strip() == "[0, 0, 0, 0]"
    assert (arr[...] == 100).all()


# ---------------------------------------------------------------- memory

PEAK = """
import resource, sys, numpy as np, simplezarr as sz
sz.set_num_threads(2)
arr = sz.open_array(sys.argv[1], mode="r+")
step = int(sys.argv[2])
values = np.broadcast_to(np.arange(2048) % 251, arr.shape)[::step]
arr[:1, :1] = 0
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(step):  # once more: chunks that are there are read and changed
    arr[::step] = values
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
@pytest.mark.parametrize("step", [1, 2], ids=["covered", "changed"])
@pytest.mark.parametrize(("chunks", "codecs", "limit"), [
    ((1024, 2048), [LITTLE, CRC32C], 2 * (4 + 4) + 20),
    ((1024, 2048), [sharding((256, 512), [LITTLE])], 2 * (0.25 + 0.25 + 4) + 20),
])  # fmt: skip
def test_peak_memory(chunks, codecs, limit, step, tmp_path):
    store = oracle.write_array({}, "", np.zeros((0, 2048), "u2"), chunks, codecs=codecs)
    store["zarr.json"] = json.dumps(json.loads(store["zarr.json"]) | {"shape": [65536, 2048]}).encode()
    oracle.dump(store, tmp_path / "data")
    assert float(python(PEAK, tmp_path / "data", step, seconds=120, directory=tmp_path)) < limit
