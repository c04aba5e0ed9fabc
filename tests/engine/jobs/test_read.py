"""Reading, said in literal stores: values, selections, chunks, and what is wrong with them."""

import hashlib
import json
import os
import pickle
import struct
import sys
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import simplezarr as sz
from tests.oracle import v3 as oracle
from tests.oracle.v3 import CRC32C, LITTLE, codec, sharding
from tests.support.helpers import Counting, Failing, python, within

REAL = Path(__file__).parents[3] / "examples" / "real.zarr"
ZSTD, GZIP = codec("zstd", level=0, checksum=False), codec("gzip", level=5)
BLOSC = codec("blosc", cname="lz4", clevel=5, shuffle="shuffle", typesize=2, blocksize=0)
KINDS = ["memory", "local", "slow memory", "slow local"]


def document(**members):
    """The metadata of a uint8 array of shape (3, 4) in chunks of (2, 3); members replace its own."""
    return json.dumps({
        "zarr_format": 3,
        "node_type": "array",
        "shape": [3, 4],
        "data_type": "uint8",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": members.pop("chunks", [2, 3])}},
        "chunk_key_encoding": {"name": "default"},
        "fill_value": 9,
        "codecs": [{"name": "bytes"}],
        **members,
    }).encode()  # fmt: skip


def opened(kind, tmp_path, store, path=""):
    """A store of literal bytes, opened the short way or through the store's methods."""
    store = sz.LocalStore(oracle.dump(store, tmp_path)) if "local" in kind else sz.MemoryStore(dict(store))
    return sz.open_array(sz.SlowStore(store, latency=0) if "slow" in kind else store, path)


def numpy_message(shape, selection):
    """What NumPy says to a wrong selection."""
    with pytest.raises((IndexError, ValueError, TypeError)) as info:
        np.empty(shape, "u1")[selection]
    return info


class Place(NamedTuple):
    """A tuple, and a bit more."""

    row: object
    column: object


class Rank(IntEnum):
    """An int, and a bit more."""

    SECOND = 1


FOUR = {"zarr.json": document(), "c/0/0": bytes(range(6)), "c/0/1": bytes(range(10, 16)), "c/1/1": bytes(range(20, 26))}
FOUR_VALUES = [[0, 1, 2, 10], [3, 4, 5, 13], [9, 9, 9, 20]]


# ---------------------------------------------------------------- real data


@pytest.mark.parametrize(("name", "shape", "digest"), [
    ("mri", (128, 96, 24, 2), "f7cb77e5fafc46b8e9f1a3f8c3448986ecd0aa2de0448ffe1a2a3bdab680d9ba"),
    ("photo", (512, 512, 3), "a8c429c18afa7b0fd5673e598d73a21225d94c864a71bbb3885126fdecb41071"),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["local", "memory", "slow"])
def test_real_data(kind, name, shape, digest):
    store = {"local": str(REAL), "slow": sz.SlowStore(sz.LocalStore(str(REAL)), latency=0)}.get(kind)
    arr = sz.open_array(oracle.load(REAL) if store is None else store, name)
    data = arr[...]
    assert data.shape == arr.shape == shape
    assert hashlib.sha256(data.astype(data.dtype.newbyteorder("<")).tobytes()).hexdigest() == digest
    for selection in [np.s_[5], np.s_[..., 1], np.s_[100:20:-7, 3:90:11], np.s_[-1, ::-1, 2, ...]]:
        assert oracle.same(arr[selection], data[selection])


def test_real_data_is_described():
    mri = sz.open(str(REAL))["mri"]
    assert (mri.chunks, mri.shards, mri.dtype) == ((32, 32, 12, 1), (128, 96, 24, 1), np.int16)
    assert (mri.dimension_names, mri.attrs["zooms"][3]) == (("x", "y", "z", "t"), 2000.0)
    assert sz.open(str(REAL), "photo").grid_shape == (4, 4, 1)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("kind", KINDS)
def test_missing_chunk_is_fill_value_and_overhang_is_ignored(kind, tmp_path):
    arr = opened(kind, tmp_path, FOUR)
    assert arr[...].tolist() == FOUR_VALUES
    assert arr[2].tolist() == [9, 9, 9, 20]
    assert arr[1:, 2:].tolist() == [[5, 13], [9, 20]]
    assert arr.get_chunk((1, 0)).tolist() == [[9, 9, 9], [9, 9, 9]]
    assert arr.get_chunk((1, 1)).shape == (2, 3)
    assert arr.get_chunk((0, 1)).tolist() == [[10, 11, 12], [13, 14, 15]]


@pytest.mark.parametrize("kind", KINDS)
def test_directory_in_place_of_a_chunk_is_a_missing_chunk(kind, tmp_path):
    store = {"zarr.json": document(), "c/0/0/zarr.json": b"{}", "c/0/1": bytes(6)}
    assert opened(kind, tmp_path, store)[0].tolist() == [9, 9, 9, 0]


@pytest.mark.parametrize("selection", [np.s_[0:0], np.s_[2:1, 0], np.s_[:, 4:], np.s_[5:1:-1, :0], np.s_[3:]])
def test_empty_selection_asks_the_store_for_nothing(selection):
    store = Counting(FOUR)
    arr = sz.open_array(store)
    store.take()
    want = np.array(FOUR_VALUES, "u1")[selection]
    assert oracle.same(arr[selection], want)
    assert not store.take()


@pytest.mark.parametrize("kind", KINDS)
def test_array_of_no_axes(kind, tmp_path):
    store = {"zarr.json": document(shape=[], chunks=[]), "c": b"\x07"}
    arr = opened(kind, tmp_path, store)
    assert (arr.shape, arr.ndim, arr.size, arr.chunks, arr.grid_shape, arr.nchunks) == ((), 0, 1, (), (), 1)
    assert oracle.same(arr[()], np.uint8(7))
    assert oracle.same(arr[...], np.array(7, "u1"))
    assert oracle.same(arr[None], np.array([7], "u1"))
    assert oracle.same(arr.get_chunk(()), np.array(7, "u1"))
    for function in (len, iter, list):
        with pytest.raises(TypeError):
            function(arr)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunk", [1, 4])
def test_axis_of_no_length(kind, chunk, tmp_path):
    arr = opened(kind, tmp_path, {"zarr.json": document(shape=[0, 4], chunks=[chunk, 2])})
    assert (arr.grid_shape, arr.nchunks, arr.size, len(arr), list(arr)) == ((0, 2), 0, 0, 0, [])
    assert oracle.same(arr[:, ::-2], np.empty((0, 2), "u1"))
    with pytest.raises(IndexError, match="index 0 is out of bounds for axis 0 with size 0"):
        arr[0]
    with pytest.raises(IndexError):
        arr.get_chunk((0, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_any_nonzero_byte_is_true(kind, tmp_path):
    store = {"zarr.json": document(data_type="bool", fill_value=True, shape=[7], chunks=[4]), "c/0": b"\0\1\2\xff"}
    arr = opened(kind, tmp_path, store)
    assert arr[...].view("u1").tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert arr[3:0:-2].view("u1").tolist() == [1, 1]
    assert arr.get_chunk((0,)).view("u1").tolist() == [0, 1, 1, 1]


def test_what_is_read_belongs_to_the_caller():
    data = {"zarr.json": document(shape=[6], chunks=[6]), "c/0": bytes(range(6))}
    arr = sz.open_array(data)
    for read in (lambda: arr[...], lambda: arr.get_chunk((0,)), lambda: arr[1:4], lambda: arr[::-1]):
        first = read()
        first[...] = 77
        assert 77 not in read()
    assert data["c/0"] == bytes(range(6))


def test_chunk_stored_later_is_seen():
    data = {"zarr.json": document()}
    arr = sz.open_array(data)
    assert arr[0, 0] == 9
    data["c/0/0"] = bytes(6)
    assert arr[0, 0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_shard_replaced_between_two_reads(kind, tmp_path):
    data = oracle.write_array({}, "", np.arange(1, 9, dtype="u2"), [8], codecs=[sharding([2])], seed=1)
    inner = sz.MemoryStore(data) if "memory" in kind else sz.LocalStore(oracle.dump(data, tmp_path))
    arr = sz.open_array(sz.SlowStore(inner, latency=0) if "slow" in kind else inner)
    for start in (1, 100, 1000):
        values = np.arange(start, start + 8, dtype="u2")
        data.update(oracle.write_array({}, "", values, [8], codecs=[sharding([2])], seed=start))
        if "local" in kind:
            (tmp_path / "new").write_bytes(data["c/0"])
            os.replace(tmp_path / "new", tmp_path / "c/0")
        assert arr[3:5].tolist() == values[3:5].tolist()
        assert arr[...].tolist() == values.tolist()
    if "local" in kind:
        (tmp_path / "c/0").unlink()
    else:
        del data["c/0"]
    assert not arr[3:5].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ndim", [1, 32, 62, 63, 64])
def test_many_axes(kind, ndim, tmp_path):
    ones, last = [1] * ndim, (*[0] * (ndim - 1), 1)
    key = "/".join(["c", *map(str, last)])
    chains = [(["bytes"], b"\5"), ([sharding(ones, ["bytes"], [LITTLE])], struct.pack("<B2Q", 5, 0, 1))]
    for i, (codecs, chunk) in enumerate(chains):
        metadata = document(shape=[*ones[1:], 3], chunks=ones, codecs=codecs)
        try:
            arr = opened(kind, tmp_path / str(i), {"zarr.json": metadata, key: chunk})
        except sz.ZarrError:
            assert ndim > 62  # a limit, if there is one, is told when the array is opened
            continue
        assert arr[last] == 5
        assert arr[..., ::-1].ravel().tolist() == [9, 5, 9]
        assert arr.get_chunk(last).ravel().tolist() == [5]


@pytest.mark.parametrize(("keys", "names"), [
    ({"name": "default"}, ["c/0/0", "c/1/1"]),
    ({"name": "default", "configuration": {"separator": "."}}, ["c.0.0", "c.1.1"]),
    ({"name": "v2"}, ["0.0", "1.1"]),
    ({"name": "v2", "configuration": {"separator": "/"}}, ["0/0", "1/1"]),
])  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_chunk_keys(kind, keys, names, tmp_path):
    store = {f"a/b/{names[0]}": bytes(6), f"a/b/{names[1]}": b"\1" * 6}
    store["a/b/zarr.json"] = document(chunk_key_encoding=keys)
    arr = opened(kind, tmp_path, store, "a/b")
    assert arr[...].tolist() == [[0, 0, 0, 9], [0, 0, 0, 9], [9, 9, 9, 1]]
    assert arr.get_encoded_chunk((1, 1)) == b"\1" * 6
    assert arr.get_encoded_chunk((0, 1)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_inner_chunks_of_a_shard(kind, tmp_path):
    store = {}
    shard = sharding([2], [LITTLE, CRC32C])
    oracle.write_array(store, "", np.array([1, 2, 0, 0, 5, 6], "<u2"), [8], codecs=[shard], seed=1)
    arr = opened(kind, tmp_path, store)
    assert (arr.chunks, arr.shards, arr.grid_shape) == ((2,), (8,), (3,))
    assert [arr.get_chunk((i,)).tolist() for i in range(3)] == [[1, 2], [0, 0], [5, 6]]
    first = struct.pack("<2H", 1, 2)
    assert arr.get_encoded_chunk((0,)) == first + oracle.crc32c(first)
    assert arr.get_encoded_chunk((1,)) is None


# ---------------------------------------------------------------- selections that can't be


WRONG = [3, -4, (0, 4), np.s_[..., -5], (0, 0, 0), (..., ...), np.s_[:, :, :], (0, 2**40)]


@pytest.mark.parametrize("selection", WRONG, ids=str)
def test_wrong_selection_gets_numpys_message(selection):
    store = Counting(FOUR)
    arr = sz.open_array(store)
    store.take()
    want = numpy_message((3, 4), selection)
    for read in (arr.__getitem__, arr.read, lambda key: arr.read_future(key).result(10)):
        with pytest.raises(want.type) as got:
            read(selection)
        assert str(got.value) == str(want.value)
    assert not store.take()


@pytest.mark.parametrize(("selection", "error"), [
    (1.0, IndexError),
    (2**70, IndexError),
    ((None,) * 64, IndexError),
    ("a", IndexError),
    (b"a", IndexError),
    (object(), IndexError),
    (np.float64(1), IndexError),
    ((0, 1.5), IndexError),
    (np.s_[::0], ValueError),
    (np.s_[0, ::np.int8(0)], ValueError),
    (np.s_[1.5:], TypeError),
    (np.s_["a":], TypeError),
])  # fmt: skip
def test_wrong_kind_of_index(selection, error):
    assert numpy_message((3, 4), selection).type is error
    with pytest.raises(error):
        sz.open_array(FOUR)[selection]


def test_other_types_that_numpy_takes():
    values, arr = np.array(FOUR_VALUES, "u1"), sz.open_array(FOUR)
    for selection in [Place(1, 3), Place(slice(2), ...), np.array(1), (np.array(-1), np.array(2, "u1")), Rank.SECOND]:
        assert oracle.same(arr[selection], values[selection])


INDEX_ARRAYS = [[0, 1], [], np.array([0, 1]), np.array([True, False, True]), [True, False, False], True, np.True_,
                (0, [1]), (slice(None), np.array([1])), np.array([[True] * 4] * 3)]  # fmt: skip


@pytest.mark.parametrize("selection", INDEX_ARRAYS, ids=repr)
def test_index_arrays_and_masks(selection):
    assert oracle.same(sz.open_array(FOUR)[selection], np.array(FOUR_VALUES, "u1")[selection])


@pytest.mark.parametrize("index", [(2, 0), (0, 2), (0,), (0, 0, 0), (2**70, 0), (-3, 0)])
@pytest.mark.parametrize("verb", ["get_chunk", "get_encoded_chunk"])
def test_chunk_index_outside_the_grid(verb, index):
    with pytest.raises(IndexError):
        getattr(sz.open_array(FOUR), verb)(index)


@pytest.mark.parametrize(("out", "error"), [
    (np.empty((3, 3), "u1"), ValueError),
    (np.empty((4, 3), "u1").T[:2], ValueError),
    (np.empty((1, 3, 4), "u1"), ValueError),
    (np.empty((3, 4), "?"), TypeError),
    (np.empty((3, 4), "u2,u2"), TypeError),
    (np.broadcast_to(np.empty(4, "u1"), (3, 4)), ValueError),
    (np.empty((3, 4), "u1").tolist(), (ValueError, TypeError)),
    (bytearray(12), (ValueError, TypeError)),
])  # fmt: skip
def test_out_that_does_not_fit(out, error):
    store = Counting(FOUR)
    arr = sz.open_array(store)
    store.take()
    with pytest.raises(error, match="out"):
        arr.read(out=out)
    assert not store.take()


def test_read_only_out():
    out = np.zeros((3, 4), "u1")
    out.flags.writeable = False
    with pytest.raises(ValueError, match=r"read-only|writ"):
        sz.open_array(FOUR).read(out=out)
    assert not out.any()


# ---------------------------------------------------------------- chunks that can't be decoded


def flip(data):
    """One bit of the middle byte turned."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


BROKEN = {
    "bytes, short": ([LITTLE], lambda data: data[:-1], "bytes"),
    "bytes, long": ([LITTLE], lambda data: data + b"\0", "bytes"),
    "bytes, empty": ([LITTLE], lambda data: b"", "bytes"),
    "crc32c, flipped": ([LITTLE, CRC32C], flip, "crc32c"),
    "crc32c, short": ([LITTLE, CRC32C], lambda data: data[-3:], "crc32c"),
    "crc32c, empty": ([LITTLE, CRC32C], lambda data: b"", "crc32c"),
    "gzip, flipped": ([LITTLE, GZIP], lambda data: data[:-8] + flip(data[-8:]), "gzip"),
    "gzip, short": ([LITTLE, GZIP], lambda data: data[:-9], "gzip"),
    "gzip, trailing": ([LITTLE, GZIP], lambda data: data + b"junk", "gzip"),
    "gzip, empty": ([LITTLE, GZIP], lambda data: b"", "gzip"),
    "gzip, other size": ([LITTLE, GZIP], lambda data: oracle.compress("gzip", {"level": 1}, bytes(11)), None),
    "zstd, short": ([LITTLE, ZSTD], lambda data: data[:-1], "zstd"),
    "zstd, trailing": ([LITTLE, ZSTD], lambda data: data + b"junk", "zstd"),
    "zstd, empty": ([LITTLE, ZSTD], lambda data: b"", None),
    "zstd, other size": (
        [LITTLE, ZSTD], lambda data: oracle.compress("zstd", ZSTD["configuration"], bytes(14)), None
    ),
    "blosc, short": ([LITTLE, BLOSC], lambda data: data[:-1], "blosc"),
    "blosc, header": ([LITTLE, BLOSC], lambda data: data[:15], "blosc"),
    "blosc, empty": ([LITTLE, BLOSC], lambda data: b"", "blosc"),
    "blosc 2": ([LITTLE, BLOSC], lambda data: b"\x05" + data[1:], "blosc"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BROKEN)
def test_broken_chunk_is_named(kind, name, tmp_path):
    codecs, damage, culprit = BROKEN[name]
    store = oracle.write_array({}, "a/b", np.arange(24, dtype="u2").reshape(4, 6), [2, 3], codecs=codecs)
    store["a/b/c/1/0"] = damage(store["a/b/c/1/0"])
    arr = opened(kind, tmp_path, store, "a/b")
    assert arr[:2].tolist() == np.arange(12).reshape(2, 6).tolist()
    for read in (lambda: arr[...], lambda: arr[2:, :3], lambda: arr.get_chunk((1, 0)), arr.read_future().result):
        with pytest.raises(sz.ChunkError) as info:
            read()
        error = info.value
        assert (error.path.strip("/"), tuple(error.index), error.key) == ("a/b", (1, 0), "a/b/c/1/0")
        assert culprit is None or error.codec == culprit
        assert "a/b/c/1/0" in str(error)
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), again.index, again.key) == (str(error), error.index, error.key)


@pytest.mark.parametrize("kind", KINDS)
def test_broken_inner_chunk_is_named(kind, tmp_path):
    store = oracle.write_array(
        {}, "", np.arange(1, 9, dtype="u2"), [4], codecs=[sharding([2], [LITTLE, CRC32C])], seed=None
    )
    store["c/1"] = b"\xee" + store["c/1"][1:]
    arr = opened(kind, tmp_path, store)
    assert arr[6:8].tolist() == [7, 8]
    with pytest.raises(sz.ChunkError, match="crc32c") as info:
        arr[...]
    assert (tuple(info.value.index), info.value.key, info.value.codec) == ((2,), "c/1", "crc32c")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", [flip, lambda data: data[:20], lambda data: b""], ids=["flipped", "short", "empty"])
def test_broken_shard_index_is_named(kind, damage, tmp_path):
    store = oracle.write_array({}, "x", np.arange(1, 9, dtype="u2"), [4], codecs=[sharding([2])], seed=None)
    data = store["x/c/1"]
    store["x/c/1"] = data[:8] + damage(data[8:]) if damage is flip else damage(data)
    arr = opened(kind, tmp_path, store, "x")
    assert arr[:4].tolist() == [1, 2, 3, 4]
    for selection in (..., 7):
        with pytest.raises(sz.ChunkError) as info:
            arr[selection]
        assert info.value.key == "x/c/1"


# ---------------------------------------------------------------- failures are never fill


@pytest.mark.parametrize("error", [OSError(5, "cut"), TimeoutError("slow"), PermissionError(13, "no"), KeyError("k")])
@pytest.mark.parametrize("codecs", [[LITTLE], [LITTLE, ZSTD], [sharding([1, 3])]], ids=["bytes", "zstd", "shard"])
def test_error_of_a_store_is_raised(codecs, error):
    store = oracle.write_array({}, "a", np.ones((4, 6), "u2"), [2, 3], codecs=codecs)
    arr = sz.open_array(Failing(store, error), "a")
    for selection in (..., (0, 0), np.s_[:2, :3], np.s_[::2, ::2]):
        with pytest.raises(type(error)) as info:
            arr[selection]
        assert "a/c/" in " ".join([str(info.value), *getattr(info.value, "__notes__", [])])


@pytest.mark.parametrize("kind", ["local", "slow local"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink(path.name, path)], ids=["fifo", "loop"])
def test_what_is_no_file_is_an_error(kind, make, tmp_path):
    arr = opened(kind, tmp_path, FOUR)
    (tmp_path / "c/0/0").unlink()
    make(tmp_path / "c/0/0")
    with pytest.raises(OSError, match="c/0/0") as info:
        within(20, lambda: arr[...])
    assert not isinstance(info.value, (sz.ZarrError, TimeoutError))


def test_metadata_that_is_no_file_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "zarr.json")
    with pytest.raises((OSError, sz.ZarrError)) as info:
        within(20, sz.open, str(tmp_path))
    assert not isinstance(info.value, TimeoutError)


def test_unreadable_file_is_an_error(tmp_path):
    arr = opened("local", tmp_path, FOUR)
    (tmp_path / "c/0/0").chmod(0)
    if os.access(tmp_path / "c/0/0", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(PermissionError, match="c/0/0"):
        arr[...]


# ---------------------------------------------------------------- sizes


HUGE = [2**62, 2**62]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunks", [[3, 5], [2**62, 1], [1, 2**40]])
def test_small_selections_of_a_huge_array(kind, chunks, tmp_path):
    arr = opened(kind, tmp_path, {"zarr.json": document(shape=HUGE, chunks=chunks)})
    assert (arr.size, arr.nbytes, len(arr)) == (2**124, 2**124, 2**62)
    assert arr[2**61, 5] == arr[-1, -1] == arr[2**62 - 1, 0] == 9
    assert arr[2**61, 5:9].tolist() == [9] * 4
    assert arr[:: 2**60, :: -(2**61)].tolist() == [[9] * 2] * 4
    assert arr[2**62 - 3 :, 2**62 - 1 :].tolist() == [[9]] * 3


def test_chunks_of_a_huge_array():
    arr = sz.open_array({"zarr.json": document(shape=HUGE, chunks=[1, 2]), f"c/{2**61}/{2**60}": b"\1\2"})
    assert arr[2**61, 2**61 - 1 : 2**61 + 3].tolist() == [9, 1, 2, 9]
    assert arr.get_chunk((2**61, 2**60)).tolist() == [[1, 2]]
    assert arr.grid_shape == (2**62, 2**61)
    assert arr.nchunks == 2**123
    with pytest.raises(IndexError, match=f"axis 1 with size {2**62}"):
        arr[0, 2**62]


@pytest.mark.parametrize("selection", [..., np.s_[0], np.s_[::2, 1]], ids=str)
def test_too_much_is_refused_before_anything_is_read(selection):
    store = Counting({"zarr.json": document(shape=HUGE, chunks=[1, 2])})
    arr = sz.open_array(store)
    store.take()
    with pytest.raises((MemoryError, ValueError)):
        arr[selection]
    assert not store.take()


BIG_READ = """
import resource, sys
import simplezarr as sz
sz.set_num_threads(4)
arr = sz.open_array(sys.argv[1])
arr[:1, :1]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = arr[...]
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert data[5, 7] == 3 and data[-1, -1] == 3
print(grown * 1024 - data.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts differently elsewhere")
@pytest.mark.parametrize("codecs", [["bytes"], ["bytes", ZSTD], [sharding([64, 256], ["bytes", GZIP])]], ids=len)
def test_memory_beyond_the_result(codecs, tmp_path):
    one = oracle.write_array({}, "", np.full((512, 2048), 3, "u1"), [512, 2048], codecs=codecs, seed=None)["c/0/0"]
    store = oracle.write_array({}, "", np.zeros((4096, 16384), "u1"), [512, 2048], codecs=codecs)
    directory = oracle.dump({"zarr.json": store["zarr.json"], "one": one}, tmp_path)
    for i in range(8):
        (tmp_path / f"c/{i}").mkdir(parents=True)
        for j in range(8):
            os.link(tmp_path / "one", tmp_path / f"c/{i}/{j}")
    grown = int(python(BIG_READ, directory, seconds=60, directory=tmp_path))
    assert grown < 24 << 20  # the result is 64 MiB, four threads have a chunk or two of 1 MiB each


# ---------------------------------------------------------------- what is asked of the store


def test_store_calls_of_plain_chunks():
    store = Counting(FOUR)
    arr = sz.open_array(store)
    assert store.take() == [("get", "zarr.json")]
    arr[0, 0]
    assert [call[:2] for call in store.take()] in ([("get", "c/0/0")], [("get_range", "c/0/0")])
    arr[...]
    assert sorted(call[1] for call in store.take()) == [f"c/{i}/{j}" for i in range(2) for j in range(2)]
    arr[:, 3]
    assert sorted(call[1] for call in store.take()) == ["c/0/1", "c/1/1"]


@pytest.mark.parametrize("location", ["start", "end"])
def test_store_calls_of_a_shard(location):
    codecs = [sharding([10], [LITTLE], index_location=location)]
    store = Counting(oracle.write_array({}, "", np.arange(100, dtype="u2"), [100], codecs=codecs, seed=None))
    arr = sz.open_array(store)
    store.take()
    assert arr[...].tolist() == list(range(100))
    assert store.take() == [("get", "c/0")]
    assert arr[42] == 42
    assert len(store.take()) == 2  # the index, one inner chunk
    assert arr[20:50].tolist() == list(range(20, 50))
    index, payload = store.take()  # three neighbours, and the index again, in one range
    assert (payload[0], payload[3]) == ("get_range", 164 + 100 + 1 if location == "start" else 160 + 164 + 1)
    assert index[3] == 164
    assert arr[::99].tolist() == [0, 99]
    assert len(store.take()) == 2


def test_missing_shard_is_asked_for_once():
    store = Counting(oracle.write_array({}, "", np.zeros(100, "u2"), [100], codecs=[sharding([10])]))
    arr = sz.open_array(store)
    store.take()
    assert not arr[5:15].any()
    assert len(store.take()) == 1


# ---------------------------------------------------------------- an array as Python and NumPy see it


def test_array_protocols(tmp_path):
    arr = sz.open_array(oracle.dump(FOUR, tmp_path))
    assert (arr.shape, arr.dtype, arr.ndim, arr.size, arr.nbytes, arr.itemsize) == ((3, 4), np.uint8, 2, 12, 12, 1)
    assert oracle.same(arr.fill_value, np.uint8(9))
    assert len(arr) == 3
    assert [row.tolist() for row in arr] == FOUR_VALUES
    assert oracle.same(np.asarray(arr), np.array(FOUR_VALUES, "u1"))
    assert np.asarray(arr, dtype="f4").dtype == np.float32
    assert np.add(arr, 1).tolist() == (np.array(FOUR_VALUES) + 1).tolist()
    with pytest.raises(ValueError, match="copy"):
        np.asarray(arr, copy=False)
    again = pickle.loads(pickle.dumps(arr))
    assert again[...].tolist() == FOUR_VALUES
    assert all(text in repr(arr) for text in ("(3, 4)", "uint8"))
    assert arr.read_only


@pytest.mark.parametrize("inner", [[2], [2, 3, 1], []])
def test_inner_chunks_of_another_rank(inner):
    with pytest.raises(sz.MetadataError, match=r"^zarr\.json: codecs.*chunk_shape"):
        sz.open_array({"zarr.json": document(codecs=[sharding(inner, ["bytes"])])})
