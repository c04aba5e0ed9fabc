"""Chains of bytes -> bytes codecs in every order: what each codec's own library makes of the bytes, and back."""

import itertools
import os
import warnings

import numcodecs
import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs.base import ChunkSpec
from simplezarr.codecs.chain import bind
from simplezarr.codecs.parse import parse_codecs
from simplezarr.dtypes import parse_dtype
from simplezarr.engine.chunks.decode import decode_chunk
from simplezarr.engine.chunks.encode import encode_chunk
from tests.oracle import v3 as oracle
from tests.oracle.v3 import LITTLE, codec, sharding

pytestmark = [pytest.mark.filterwarnings("ignore:.*:UserWarning"), pytest.mark.filterwarnings("ignore::FutureWarning")]


class Crc32c:
    """The codec crc32c, from the oracle's own checksum."""

    def encode(self, data):
        return bytes(data) + oracle.crc32c(bytes(data))

    def decode(self, data):
        body, stored = bytes(data)[:-4], bytes(data)[-4:]
        assert oracle.crc32c(body) == stored
        return body


class Shuffle:
    """The shuffle of HDF5, which leaves the bytes behind the last whole element; numcodecs takes whole ones alone."""

    def encode(self, data):
        return self.moved(numcodecs.Shuffle(4).encode, data)

    def decode(self, data):
        return self.moved(numcodecs.Shuffle(4).decode, data)

    def moved(self, move, data):
        whole, rest = bytes(data)[: len(data) // 4 * 4], bytes(data)[len(data) // 4 * 4 :]
        return (bytes(move(whole)) if whole else b"") + rest


#: Name -> its JSON and its own library. The first six have kernels; the others are plain Python.
CODECS = {
    "zstd": (codec("zstd", level=1, checksum=False), numcodecs.Zstd(1)),
    "gzip": (codec("gzip", level=1), numcodecs.GZip(1)),
    "blosc": (
        codec("blosc", cname="lz4", clevel=1, shuffle="shuffle", typesize=4, blocksize=0),
        numcodecs.Blosc("lz4", 1),
    ),
    "lz4": (codec("numcodecs.lz4", acceleration=1), numcodecs.LZ4()),
    "crc32c": ({"name": "crc32c"}, Crc32c()),
    "fletcher32": (codec("numcodecs.fletcher32"), numcodecs.Fletcher32()),
    "shuffle": (codec("numcodecs.shuffle", elementsize=4), Shuffle()),
    "bz2": (codec("numcodecs.bz2", level=1), numcodecs.BZ2(1)),
    "crc32": (codec("numcodecs.crc32", location="start"), numcodecs.CRC32(location="start")),
}
KERNELS = list(CODECS)[:6]
ORDERS = [names for n in range(1, 5) for names in itertools.product(KERNELS, repeat=n)]
SMALL, LARGE = (3, 10), (60, 100)


def chain_of(names):
    return [CODECS[name][0] for name in names]


def by_libraries(names, data):
    for name in names:
        data = bytes(CODECS[name][1].encode(np.frombuffer(data, "u1")))
    return data


def back_by_libraries(names, data):
    for name in reversed(names):
        data = bytes(CODECS[name][1].decode(data))
    return data


def bound(chain, shape, heads=()):
    spec = ChunkSpec(shape, parse_dtype("int32"), bytes(4))
    return bind(tuple(parse_codecs([*heads, LITTLE, *chain], "codecs")), spec)


def check_order(names, shape):
    data = (np.arange(np.prod(shape), dtype="<i4") // 3 + 1).reshape(shape)
    pipeline = bound(chain_of(names), shape)
    encoded = encode_chunk(pipeline, data)
    assert back_by_libraries(names, encoded) == data.tobytes(), names
    assert decode_chunk(pipeline, encoded).tobytes() == data.tobytes(), names
    assert decode_chunk(pipeline, by_libraries(names, data.tobytes())).tobytes() == data.tobytes(), names


@pytest.mark.parametrize("shape", [SMALL, (40, 60)], ids=["small", "large"])
def test_every_order(shape):
    assert len(ORDERS) == 6 + 36 + 216 + 1296
    for names in ORDERS:
        check_order(names, shape)


def test_codecs_in_plain_python_between():
    orders = [names for n in (1, 2, 3) for names in itertools.product(CODECS, repeat=n)]
    for names in orders:
        check_order(names, SMALL)


def some(orders, n):
    """Of many orders n, spread evenly; all of them in a campaign."""
    return orders[:: max(1, len(orders) // n)]


HEADS = [[], [codec("transpose", order=[1, 0])], [codec("numcodecs.delta", dtype="<i4")]]


@pytest.mark.parametrize("heads", HEADS, ids=["none", "transposed", "delta"])
def test_behind_codecs_of_arrays(heads):
    data = np.arange(30, dtype="<i4").reshape(SMALL)
    for names in some(ORDERS, 300):
        pipeline = bound(chain_of(names), SMALL, heads)
        assert decode_chunk(pipeline, encode_chunk(pipeline, data)).tobytes() == data.tobytes(), names


def test_around_shards_and_within():
    data = np.arange(6000, dtype="<i4").reshape(LARGE)
    data[:20, :50] = 0
    for inner, outer in zip(some(ORDERS, 150), reversed(some(ORDERS, 150)), strict=True):
        shard = sharding((20, 50), [LITTLE, *chain_of(inner)])
        spec = ChunkSpec(LARGE, parse_dtype("int32"), bytes(4))
        for chain in ([shard], [shard, *chain_of(outer)]):
            pipeline = bind(tuple(parse_codecs(chain, "codecs")), spec)
            assert decode_chunk(pipeline, encode_chunk(pipeline, data)).tobytes() == data.tobytes(), (inner, outer)


def test_the_index_of_a_wrapped_shard_has_codecs_of_its_own():
    data = np.arange(6000, dtype="<i4").reshape(LARGE)
    spec = ChunkSpec(LARGE, parse_dtype("int32"), bytes(4))
    fixed = ["shuffle", "crc32c", "fletcher32"]
    for names in itertools.chain(*(itertools.product(fixed, repeat=n) for n in range(5))):
        for location in ("start", "end"):
            shard = sharding((20, 50), [LITTLE, *chain_of(["zstd"])], [LITTLE, *chain_of(names)], location)
            for outer in ([], ["zstd"], ["gzip", "zstd"]):
                pipeline = bind(tuple(parse_codecs([shard, *chain_of(outer)], "codecs")), spec)
                assert decode_chunk(pipeline, encode_chunk(pipeline, data)).tobytes() == data.tobytes(), names


class Sixes(sz.codecs.BytesBytesCodec):
    """Takes a multiple of six bytes."""

    name = "tests.sixes"

    def to_json(self):
        return {"name": self.name}

    def resolve(self, nbytes):
        if nbytes is not None and nbytes % 6:
            raise sz.MetadataError(f"{nbytes} bytes are not a multiple of 6")
        return nbytes

    def encode(self, data):
        return bytes(data)[::-1]

    decode = encode


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("before", [[], ["crc32c", "numcodecs.crc32c"], ["zstd"]], ids=str)
@pytest.mark.parametrize("shuffle", ["numcodecs.shuffle", codec("numcodecs.shuffle", elementsize=2)], ids=str)
def test_arrays_with_shuffle_can_be_made(zarr_format, before, shuffle):
    data = np.arange(60, dtype="<i4")
    arr = sz.create_array({}, data=data, codecs=[*before, shuffle, "zstd"], zarr_format=zarr_format)
    assert np.array_equal(sz.open(arr.store)[...], data)


def test_codecs_that_do_not_take_every_size_can_be_chosen():
    arr = sz.create_array({}, shape=(30,), dtype="i4", chunks=(15,), codecs=[Sixes()])
    arr[...] = np.arange(30)
    assert arr[4:].tolist() == list(range(4, 30))
    with pytest.raises(sz.MetadataError, match=r"codecs\[1\]: 56 bytes are not a multiple of 6"):
        sz.create_array({}, shape=(30,), dtype="i4", chunks=(14,), codecs=[Sixes()])


# ---------------------------------------------------------------- arrays, and zarr-python

KINDS = [(3, None), (3, (8, 20)), (2, None)]


def written(names, zarr_format, shards):
    """A store with an array that was written whole and then changed in parts, and what it should hold."""
    data = np.arange(16 * 30, dtype="<i4").reshape(16, 30)
    store = {}
    arr = sz.create_array(
        store,
        shape=data.shape,
        dtype="<i4",
        chunks=(4, 10),
        shards=shards,
        codecs=[LITTLE, *chain_of(names)],
        zarr_format=zarr_format,
    )
    arr[...] = data
    data[3:9, 5:25] *= 3
    arr[3:9, 5:25] = data[3:9, 5:25]
    return store, data


@pytest.mark.parametrize(("zarr_format", "shards"), KINDS, ids=["3", "3-sharded", "2"])
def test_arrays(zarr_format, shards):
    for names in some(ORDERS, 300):
        store, data = written(names, zarr_format, shards)
        arr = sz.open(store)
        assert np.array_equal(arr[...], data), names
        for selection in (sz.s_[2, 3], sz.s_[1:15:3, 11:], sz.s_[::-2, 7], (np.array([9, 0]), np.array([1, 29]))):
            assert np.array_equal(arr[selection], data[selection]), (names, selection)


def check_with_zarr(names, zarr_format, shards, directory):
    """Each reads what the other writes."""
    zarr = pytest.importorskip("zarr")
    store, data = written(names, zarr_format, shards)
    memory = zarr.storage.MemoryStore(
        {key: zarr.core.buffer.cpu.Buffer.from_bytes(value) for key, value in store.items()}
    )
    theirs = zarr.open_array(memory, mode="r+")
    assert np.array_equal(theirs[...], data), names
    theirs[...] = data + 1  # by their codecs, into the same array
    copied = {key: value.to_bytes() for key, value in memory._store_dict.items()}
    assert np.array_equal(sz.open(copied)[...], data + 1), names
    assert np.array_equal(sz.open(copied)[5:14, 3::7], data[5:14, 3::7] + 1), names


@pytest.mark.parametrize(("zarr_format", "shards"), KINDS, ids=["3", "3-sharded", "2"])
def test_zarr_python_reads_and_writes(zarr_format, shards, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for names in some(ORDERS, 40):
            check_with_zarr(names, zarr_format, shards, tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize(("zarr_format", "shards"), KINDS, ids=["3", "3-sharded", "2"])
def test_zarr_python_campaign(zarr_format, shards, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for names in some(ORDERS, int(os.environ.get("SIMPLEZARR_CAMPAIGN", 10 * len(ORDERS))) // 10):
            check_with_zarr(names, zarr_format, shards, tmp_path)
