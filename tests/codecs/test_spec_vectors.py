"""The byte vectors of the specification, each the one chunk of a small array: the stated value, or `ChunkError`."""

import struct

import numpy as np
import pytest

import simplezarr as sz
from tests.oracle import v3 as oracle
from tests.oracle.spec_vectors import V
from tests.oracle.v3 import BIG, CRC32C, LITTLE, codec, sharding

VECTORS = {name: (text, bytes.fromhex(data)) for name, text, data in V}
# Data types and codecs beyond the core have tests of their own.
BEYOND_CORE = [
    "vlen-",
    "packbits-",
    "nc-",
    "scale_offset",
    "cast_value-",
    "bitround-",
    "reshape",
    "conditional-",
    "n5_",
    "struct-",
    "utf32-",
    "v2-",
    "bytes-i4",
    "fill-bytes-",
    "fill-bfloat16-",
    "fill-numpy",
    "fill-string-",
]
GZIP, ZSTD = codec("gzip", level=5), codec("zstd", level=0, checksum=False)
BLOSC = codec("blosc", cname="lz4", clevel=5, shuffle="shuffle", typesize=2, blocksize=0)
REJECT = "rejected"


def text_of(data):
    """The values of a uint8 array."""
    return "uint8", list(data)


def shard(chunk_shape=(2,), codecs=(LITTLE,), index=(LITTLE, CRC32C), location="end"):
    """A chain of one `sharding_indexed`."""
    return [sharding(chunk_shape, codecs, index, location)]


def transpose(*order):
    """A chain of one transpose, and bytes."""
    return [codec("transpose", order=list(order)), LITTLE]


U16 = ("uint16", [1, 2, 3, 4])
U16_REJECT = ("uint16", REJECT, 4)
PLAIN = ("uint16", [i // 16 for i in range(64)])
ARANGE12 = ("uint8", np.arange(12).reshape(2, 3, 2))
ARANGE6 = ("uint8", np.arange(6).reshape(2, 3))

# id: codecs, (data type, values) or (data type, REJECT, shape)
CASES = {
    "bytes-u16-be": ([BIG], ("uint16", [[1, 2], [3, 256]])),
    "bytes-u16-le": ([LITTLE], ("uint16", [[1, 2], [3, 256]])),
    "bytes-i32-be": ([BIG], ("int32", [-2, 65536])),
    "bytes-i64-le": ([LITTLE], ("int64", [-(2**63), 2**63 - 1])),
    "bytes-u64-le": ([LITTLE], ("uint64", [2**64 - 1])),
    "bytes-bool": (["bytes"], ("bool", [True, False, True])),
    "bytes-i8": ([codec("bytes")], ("int8", [-1, 0, 127, -128])),
    "bytes-f16-le": ([LITTLE], ("float16", [1.0, -0.0, 65504])),
    "bytes-f32-be": ([BIG], ("float32", [1.0, -0.0, np.inf])),
    "bytes-f64-le": ([LITTLE], ("float64", [0.1])),
    "bytes-c64-be": ([BIG], ("complex64", [1 - 2j])),
    "bytes-c128-le": ([LITTLE], ("complex128", [1 - 2j])),
    "bytes-r24": ([BIG], ("r24", [b"\x0a\x0b\x0c", b"\x0d\x0e\x0f"])),
    "bytes-0d": ([LITTLE], ("uint16", 513)),
    "transpose-2d": (transpose(1, 0), ARANGE6),
    "transpose-3d": (transpose(1, 2, 0), ARANGE12),
    "transpose-3d-wrong": (transpose(2, 0, 1), ARANGE12),
    "transpose-id": (transpose(0, 1), ARANGE6),
    "gzip-1": (["bytes", GZIP], text_of(b"zarr" * 4)),
    "gzip-stored": (["bytes", GZIP], text_of(b"\0\1\0\2")),
    "gzip-2members": (["bytes", GZIP], text_of(b"abcd")),
    "gzip-fname": (["bytes", GZIP], text_of(b"ab")),
    "gzip-badcrc": (["bytes", GZIP], ("uint8", REJECT, 4)),
    "gzip-bomb": (["bytes", GZIP], ("uint8", REJECT, 4)),
    "zstd-fcs": (["bytes", ZSTD], text_of(b"zarr")),
    "zstd-nofcs": (["bytes", ZSTD], text_of(b"zarr")),
    "zstd-cksum": (["bytes", ZSTD], text_of(b"zarr")),
    "zstd-badcksum": (["bytes", ZSTD], ("uint8", REJECT, 4)),
    "zstd-2frames": (["bytes", ZSTD], text_of(b"zarrzarr")),
    "zstd-skippable": (["bytes", ZSTD], text_of(b"zarr")),
    "zstd-rle": (["bytes", ZSTD], text_of(b"A" * 16)),
    "zstd-bomb": (["bytes", ZSTD], ("uint8", REJECT, 4)),
    "zstd-fcslie": (["bytes", ZSTD], ("uint8", REJECT, 4)),
    "blosc-memcpy": ([LITTLE, BLOSC], U16),
    "blosc-memcpy-shufflebit": ([LITTLE, BLOSC], U16),
    "blosc-plain": ([LITTLE], PLAIN),
    "blosc-lz4-shuffle": ([LITTLE, BLOSC], PLAIN),
    "blosc-zstd-shuffle": ([LITTLE, BLOSC], PLAIN),
    "blosc-blosclz-shuffle": ([LITTLE, BLOSC], PLAIN),
    "blosc-zlib-shuffle": ([LITTLE, BLOSC], PLAIN),
    "blosc-lz4hc-shuffle": ([LITTLE, BLOSC], PLAIN),
    "blosc-lz4-bitshuffle": ([LITTLE, BLOSC], PLAIN),
    "blosc-badcbytes": ([LITTLE, BLOSC], U16_REJECT),
    "blosc-bomb": ([LITTLE, BLOSC], U16_REJECT),
    "crc32c-a": (["bytes", CRC32C], text_of(b"a")),
    "crc32c-check": (["bytes", "crc32c"], text_of(b"123456789")),
    "shard-end": (shard(), U16),
    "shard-start": (shard(location="start"), U16),
    "shard-hole": (shard(), ("uint16", [0, 0, 3, 4])),
    "shard-reversed": (shard(), U16),
    "shard-shared": (shard(), ("uint16", [1, 2, 1, 2])),
    "shard-nocrc": (shard(index=[LITTLE]), U16),
    "shard-be-index": (shard(index=[BIG, CRC32C]), U16),
    "shard-inner-crc": (shard(codecs=[LITTLE, CRC32C]), U16),
    "shard-2d": (shard((1, 1), ["bytes"]), ("uint8", [[0, 1], [2, 3]])),
    "shard-0d": (shard(()), ("uint16", 513)),
    "shard-nested": (shard((2,), shard((1,))), text_of(range(4))),
    "shard-allempty": (shard(), ("uint16", [0, 0, 0, 0])),
    "shard-transposed-2d": ([codec("transpose", order=[1, 0]), *shard((1, 2))], ARANGE6),
    "shard-badcrc": (shard(), U16_REJECT),
    "shard-oob": (shard(), U16_REJECT),
    "shard-wrap": (shard(), U16_REJECT),
    "shard-halfempty": (shard(), U16_REJECT),
    "shard-inindex": (shard(), ("uint16", [1, 2, 0, 0])),
    "shard-short": (shard(), U16_REJECT),
}
CHECKSUMS = {
    "crc32c-zeros32": bytes(32),
    "crc32c-ones32": b"\xff" * 32,
    "crc32c-inc32": bytes(range(32)),
    "crc32c-dec32": bytes(range(31, -1, -1)),
}
EMPTY = {
    "crc32c-empty": sz.codecs.Crc32c(),
    "gzip-empty": sz.codecs.Gzip(),
    "zstd-empty": sz.codecs.Zstd(),
    "blosc-empty": sz.codecs.Blosc(typesize=1),
}
FILLS = [name for name in VECTORS if name.startswith("fill-") and not name.startswith(tuple(BEYOND_CORE))]


def stored(kind, tmp_path, store):
    """A store of literal bytes, opened: in memory or in a directory."""
    return sz.open_array(dict(store) if kind == "memory" else oracle.dump(store, tmp_path))


def one_chunk(dtype, shape, codecs, data):
    """A store that holds an array of one chunk."""
    store = oracle.write_array({}, "", np.zeros(shape, oracle.numpy_dtype(dtype)), shape, codecs=codecs)
    return {**store, "/".join(["c", *["0"] * len(shape)]): data}


def test_every_vector_is_used():
    known = {*CASES, *CHECKSUMS, *EMPTY, *FILLS, "shard-2d-edge"}
    left = {name for name in VECTORS if name not in known and not name.startswith(tuple(BEYOND_CORE))}
    assert not left
    assert known <= {*VECTORS}


@pytest.mark.parametrize("kind", ["memory", "local"])
@pytest.mark.parametrize("name", CASES)
def test_chunk(kind, name, tmp_path):
    codecs, (dtype, values, *length) = CASES[name]
    if values is REJECT:
        arr = stored(kind, tmp_path, one_chunk(dtype, tuple(length), codecs, VECTORS[name][1]))
        with pytest.raises(sz.ChunkError):
            arr[...]
    else:
        want = np.array(values, oracle.numpy_dtype(dtype))
        arr = stored(kind, tmp_path, one_chunk(dtype, want.shape, codecs, VECTORS[name][1]))
        assert arr[...].tobytes() == want.tobytes()
        assert arr[...].shape == want.shape


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_shard_at_the_edge_of_its_array(kind, tmp_path):
    document = one_chunk("uint8", (1, 1), shard((1, 1), ["bytes"]), b"")["zarr.json"]
    document = document.replace(b'"chunk_shape": [1, 1]', b'"chunk_shape": [2, 2]', 1)
    arr = stored(kind, tmp_path, {"zarr.json": document, "c/0/0": VECTORS["shard-2d-edge"][1]})
    assert (arr.shards, arr.chunks, arr[...].tolist()) == ((2, 2), (1, 1), [[7]])


@pytest.mark.parametrize("kind", ["memory", "local"])
@pytest.mark.parametrize("name", ["shard-oob", "shard-wrap", "shard-halfempty"])
def test_only_the_broken_inner_chunk_fails(kind, name, tmp_path):
    arr = stored(kind, tmp_path, one_chunk("uint16", (4,), shard(), VECTORS[name][1]))
    assert arr[:2].tolist() == [1, 2]
    for selection in (2, np.s_[1:3], np.s_[::-1]):
        with pytest.raises(sz.ChunkError):
            arr[selection]


@pytest.mark.parametrize("kind", ["memory", "local"])
@pytest.mark.parametrize("name", CHECKSUMS)
def test_checksum(kind, name, tmp_path):
    data, checksum = CHECKSUMS[name], VECTORS[name][1]
    arr = stored(kind, tmp_path, one_chunk("uint8", (32,), ["bytes", CRC32C], data + checksum))
    assert arr[...].tobytes() == data
    assert bytes(sz.codecs.Crc32c().encode(data)) == data + checksum
    wrong = struct.pack("<I", struct.unpack("<I", checksum)[0] ^ 0x100)
    with pytest.raises(sz.ChunkError, match="crc32c"):
        stored(kind, tmp_path, one_chunk("uint8", (32,), ["bytes", CRC32C], data + wrong))[...]


@pytest.mark.parametrize("name", EMPTY)
def test_no_bytes_at_all(name):
    assert bytes(EMPTY[name].decode(VECTORS[name][1])) == b""


@pytest.mark.parametrize("kind", ["memory", "local"])
@pytest.mark.parametrize("name", FILLS)
def test_fill_value(kind, name, tmp_path):
    text, element = VECTORS[name]
    dtype, value = text.split(" fill_value ")
    document = one_chunk(dtype, (3,), [LITTLE], b"")["zarr.json"].decode()
    start, end = document.index('"fill_value": ') + len('"fill_value": '), document.index(', "codecs"')
    arr = stored(kind, tmp_path, {"zarr.json": (document[:start] + value + document[end:]).encode()})
    native = oracle.from_bytes(element, (), oracle.numpy_dtype(dtype), "little").tobytes()
    assert arr.fill_value.tobytes() == native
    assert arr[...].tobytes() == native * 3
    assert arr[1].tobytes() == native
