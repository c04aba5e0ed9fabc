"""Encoding of chunks: what an independent reader makes of the bytes, and what they look like."""

import json
import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings

import simplezarr as sz
from simplezarr import codecs
from simplezarr.codecs.base import ArrayArrayCodec, BytesBytesCodec, ChunkSpec
from simplezarr.codecs.chain import bind
from simplezarr.codecs.parse import parse_codecs
from simplezarr.dtypes import parse_dtype
from simplezarr.engine.chunks.encode import encode_chunk
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, CRC32C, LITTLE, codec, sharding
from tests.support.strategies import DTYPES, pick_chain, randoms


def pipeline_of(chain, shape, dtype, fill=None):
    """The bound chain of JSON codecs."""
    spec = ChunkSpec(
        tuple(shape), parse_dtype(dtype), bytes(oracle.numpy_dtype(dtype).itemsize) if fill is None else fill
    )
    return bind(tuple(parse_codecs(chain, "codecs", [])), spec)


@settings(max_examples=100)
@given(rand=randoms)
def test_an_independent_reader_decodes_it(rand):
    name = rand.choice(DTYPES)
    dtype = oracle.numpy_dtype(name)
    inner = tuple(rand.randint(1, 5) for _ in range(rand.randint(0, 3)))
    shape, chain = pick_chain(rand, inner, dtype.itemsize, rand.choice([0, 0, 1, 2]))
    array = oracle.garbage(np.random.default_rng(rand.randrange(2**32)), shape, dtype).copy()
    fill = oracle.garbage(np.random.default_rng(1), (), dtype)
    if rand.random() < 0.3:
        array[(slice(0, 3),) * array.ndim] = fill
    if rand.random() < 0.1:
        array[...] = fill
    data = encode_chunk(pipeline_of(chain, shape, name, fill.tobytes()), np.array(array, order="F"))
    assert oracle.decode(chain, data, shape, dtype, fill).tobytes() == array.tobytes()


def test_only_whole_chunks_are_encoded():
    pipeline = pipeline_of([LITTLE], (4, 4), "uint16")
    for wrong in (np.zeros((4, 3), "u2"), np.zeros((4, 4), "i2"), np.zeros((4, 4), ">u2")):
        with pytest.raises(ValueError, match=r"\(4, 4\)"):
            encode_chunk(pipeline, wrong)


def test_frames_are_what_readers_expect():
    zstandard, array = pytest.importorskip("zstandard"), np.arange(3000, dtype="u2")
    data = encode_chunk(pipeline_of([LITTLE, codec("zstd", level=3, checksum=True)], (3000,), "uint16"), array)
    frame = zstandard.get_frame_parameters(data)
    assert (frame.content_size, frame.has_checksum) == (6000, True)
    assert zstandard.ZstdDecompressor().decompressobj().decompress(data) == array.tobytes()
    data = encode_chunk(pipeline_of([LITTLE, codec("gzip", level=5)], (3000,), "uint16"), array)
    assert data[:8] == b"\x1f\x8b\x08\0\0\0\0\0"  # no name, time 0
    assert struct.unpack("<I", data[-4:]) == (6000,)


def test_a_stream_that_did_not_fit_leaves_no_trace():
    zstandard, random = pytest.importorskip("zstandard"), np.random.default_rng(1).bytes(3000)
    for _ in range(3):
        codecs.Blosc("zstd", typesize=1).encode(random)  # its streams don't fit, and are stored as they are
        data = codecs.Zstd(1, checksum=True).encode(random)
        assert zstandard.get_frame_parameters(data).has_checksum


@pytest.mark.parametrize("location", ["start", "end"])
def test_a_shard_has_its_inner_chunks_in_order_and_no_gaps(location):
    array = np.arange(1, 25, dtype="u1").reshape(4, 6)
    array[:2, 2:4] = 0
    data = encode_chunk(pipeline_of([sharding((2, 2), [LITTLE], [LITTLE, CRC32C], location)], (4, 6), "uint8"), array)
    nbytes = 6 * 16 + 4
    index, body = (data[:nbytes], data[nbytes:]) if location == "start" else (data[-nbytes:], data[:-nbytes])
    assert index[-4:] == oracle.crc32c(index[:-4])
    entries = np.frombuffer(index[:-4], "<u8").reshape(6, 2)
    first = nbytes if location == "start" else 0
    stored = [i for i in range(6) if i != 1]
    assert entries[1].tolist() == [2**64 - 1] * 2
    assert entries[stored].tolist() == [[first + 4 * k, 4] for k in range(5)]
    boxes = [array[box] for _, box in oracle.boxes((4, 6), (2, 2))]
    assert body == b"".join(boxes[i].tobytes() for i in stored)


# ---------------------------------------------------------------- codecs in plain Python


@codecs.register_codec
@dataclass(frozen=True, slots=True)
class Backwards(BytesBytesCodec):
    """Bytes in reverse order, and one more, so that the size is not known."""

    name: ClassVar[str] = "test_backwards"

    def encode(self, data):
        return bytes(data)[::-1] + b"!"

    def decode(self, data):
        return bytes(data)[-2::-1]


@codecs.register_codec
@dataclass(frozen=True, slots=True)
class Plus(ArrayArrayCodec):
    """One more than was given; refuses 77."""

    name: ClassVar[str] = "test_plus"

    def encode(self, array):
        if (array == 77).any():
            raise ValueError("77 is too much")
        array += 1  # a codec may do as it likes with its array
        return array

    def decode(self, array, spec):
        return array - array.dtype.type(1)


PYTHON = {
    "bytes": [LITTLE, codec("test_backwards")],
    "arrays": [codec("test_plus"), BIG, codec("gzip", level=1)],
    "in shards": [sharding((2, 2), [LITTLE, codec("test_backwards")])],
    "around shards": [sharding((2, 2), [BIG, CRC32C]), codec("test_backwards")],
    "before shards": [codec("test_plus"), sharding((2, 2), [LITTLE])],
    "in shards of shards": [sharding((4, 4), [sharding((2, 2), [codec("test_plus"), LITTLE])])],
}


@pytest.mark.parametrize("store", ["memory", "local"])
@pytest.mark.parametrize("name", PYTHON)
def test_codecs_in_python(name, store, tmp_path, pool):
    document = oracle.write_array({}, "", np.zeros((10, 11), "u2"), (8, 4), fill_value=5)["zarr.json"]
    data = {"zarr.json": json.dumps(json.loads(document) | {"codecs": PYTHON[name]}).encode()}
    arr = sz.open_array(data if store == "memory" else oracle.dump(data, tmp_path), mode="r+")
    want = np.full((10, 11), 5, "u2")
    for selection, value in [(np.s_[...], np.arange(110).reshape(10, 11) % 70), (np.s_[3:7, ::3], 9), (np.s_[:8], 5)]:
        want[selection] = arr[selection] = value
        assert oracle.same(arr[...], want)
    assert sum(1 for key in arr.store.list() if key.startswith("c/0")) == 0
    arr[0, 0] = want[0, 0] = 1
    assert oracle.same(arr[...], want)


def test_a_codec_that_fails_to_encode_is_named():
    data = oracle.write_array({}, "x", np.zeros(6, "u1"), (3,), codecs=[LITTLE])
    document = json.loads(data["x/zarr.json"]) | {"codecs": [codec("test_plus"), LITTLE]}
    data["x/zarr.json"] = json.dumps(document).encode()
    arr = sz.open_array(data, "x", mode="r+")
    arr[...] = 1
    with pytest.raises(sz.ChunkError, match=r"'/x', chunk \(1,\), key 'x/c/1': test_plus: 77 is too much") as info:
        arr[4] = 77
    assert (info.value.codec, info.value.index) == ("test_plus", (1,))
    assert arr[...].tolist() == [1] * 6
