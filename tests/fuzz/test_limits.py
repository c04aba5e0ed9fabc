"""What small stored objects can't do: take all memory, or all time."""

import bz2
import gzip
import lzma
import struct
import time
import zlib

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs import Bz2, Lzma, PackBits, python_pipeline
from simplezarr.engine.kernels import compressors, numcodecs
from tests.codecs.test_wild import one_chunk, spec_of
from tests.fuzz.wild import nc
from tests.oracle.v3 import LITTLE, codec, compress, sharding
from tests.support.helpers import python

TEXT, DATA = codec("vlen-utf8"), codec("vlen-bytes")
MIB = bytes(1 << 20)
ZSTD = codec("zstd", level=1, checksum=False)


def bomb(name, mebibytes):
    """Few bytes that decompress to many: one stream behind the other, which all of these formats allow."""
    one = {
        "zstd": lambda data: compress("zstd", {"level": 1, "checksum": False}, data),
        "gzip": lambda data: gzip.compress(data, mtime=0),
        "numcodecs.bz2": bz2.compress,
        "numcodecs.lzma": lzma.compress,
    }[name]
    return one(MIB) * mebibytes


LIMITED = """
import re, resource, sys
from pathlib import Path
import simplezarr as sz
from tests.oracle.v3 import CRC32C
from tests.fuzz.test_limits import *
for name in ("zstd", "gzip", "numcodecs.bz2", "numcodecs.lzma"):
    packed = codec(name, level=1) if name == "gzip" else ZSTD if name == "zstd" else codec(name)
    data = bomb(name, 1500)
    zipped = compress("zstd", {"level": 1, "checksum": False}, data)
    for dtype, chain, stored in [
        ("string", [TEXT, packed], data),
        ("bytes", [DATA, packed, CRC32C], data + compress("crc32c", {}, data)[-4:]),
        ("string", [TEXT, packed, ZSTD], zipped),
        ("string", [sharding([4], [TEXT]), packed, ZSTD], zipped),
    ]:
        arr = sz.open_array(one_chunk(dtype, (4,), chain, stored, fill="" if dtype == "string" else []))
        try:
            arr[...]
        except sz.ChunkError as error:
            assert "decodes to more than" in str(error), error
        else:
            raise AssertionError(chain)
if sys.platform == "linux":  # what getrusage says is at least what the process had that started this one
    print(int(re.search("VmHWM:[ ]*([0-9]+)", Path("/proc/self/status").read_text().replace(chr(9), " "))[1]) >> 10)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


def test_bombs_of_elements_that_vary_in_size(tmp_path):
    """Nothing says how large such a chunk is: 1500 MiB are refused before they have taken much."""
    assert int(python(LIMITED, seconds=100, directory=tmp_path)) < 900


@pytest.mark.parametrize(("count", "text"), [(3, "x" * (15 << 20)), (100_000, "name" * 200), (2_000_000, "")])
def test_text_that_compresses_well_is_no_bomb(count, text):
    values = np.array([text] * count, np.dtypes.StringDType())
    store = one_chunk("string", (count,), [TEXT, ZSTD], fill="?")
    sz.open_array(store, mode="r+")[...] = values
    assert len(store["c/0"]) < 20_000
    assert (sz.open_array(store)[...] == values).all()


def test_the_limit_of_elements_that_vary_in_size(monkeypatch):
    """So many bytes, and so many more for each stored byte and each element."""
    for name, value in (("FREE_BYTES", 1000), ("FREE_PER_BYTE", 2), ("FREE_PER_ELEMENT", 30)):
        monkeypatch.setattr(python_pipeline, name, value)
    spec = spec_of((3,), "bytes", b"")
    limit = 1000 + 30 * 3 + 2 * spec.nbytes
    for size in range(limit, limit + 100):
        packed = zlib.compress(struct.pack("<IIII", 3, size - 16, 0, 0) + bytes(size - 16))
        arr = sz.open_array(one_chunk("bytes", (3,), [DATA, nc("zlib")], packed, fill=[]))
        if size <= limit + 2 * len(packed):
            assert len(arr[0]) == size - 16
        else:
            with pytest.raises(
                sz.ChunkError, match=f"numcodecs.zlib: decodes to more than {limit + 2 * len(packed)} bytes"
            ):
                arr[0]


CHECKSUMS = [compressors.crc32c_codec(), numcodecs.fletcher32_codec()]


@pytest.mark.parametrize("kernel", CHECKSUMS, ids=lambda kernel: kernel.name)
def test_a_limit_is_one_for_checksums_too(kernel):
    encoded = kernel.encode(b"abcd")
    assert kernel.decode(encoded, 4) == b"abcd"
    for limit in (0, 3):
        with pytest.raises(ValueError, match="more than"):
            kernel.decode(encoded, limit)


def test_a_large_limit_takes_no_memory():
    kernel = compressors.zstd_codec()
    assert kernel.decode(kernel.encode(MIB * 40), 1 << 60) == MIB * 40
    with pytest.raises(ValueError, match=f"more than {(40 << 20) - 1} bytes"):
        kernel.decode(kernel.encode(MIB * 40), (40 << 20) - 1)


@pytest.mark.parametrize(
    ("item", "empty"), [(Bz2(), bz2.compress(b"")), (Lzma(), lzma.compress(b""))], ids=["bz2", "lzma"]
)
def test_very_many_empty_streams(item, empty):
    """Time goes with the size of what is stored."""
    start = time.process_time()
    assert item.decode(empty * 30_000, limit=10) == b""
    few = item.decode(empty * 20_000 + item.encode(b"abc") + item.encode(b"def"), limit=6)
    assert few == b"abcdef"
    assert time.process_time() - start < 5
    with pytest.raises(ValueError, match="more than 5"):
        item.decode(item.encode(b"abc") + item.encode(b"def"), limit=5)
    with pytest.raises(ValueError, match="too early"):
        item.decode(item.encode(b"abc") + item.encode(b"def")[:-1], limit=10)


@pytest.mark.parametrize("name", ["bool", "float64", "int16"])
def test_bits_are_unpacked_a_piece_at_a_time(name):
    """What is made of n elements takes little more memory than they do."""
    import tracemalloc

    values = np.arange(1_000_000).astype(name)
    spec = spec_of(values.shape, name)
    item = PackBits("first_byte", last_bit=None if name == "bool" else 11)
    encoded = item.encode(values, spec)
    tracemalloc.start()
    decoded = item.decode(encoded, spec)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert item.encode(decoded, spec) == encoded
    assert peak < 2 * values.nbytes + (8 << 20)


@pytest.mark.parametrize("index", [0, 1])
def test_inner_chunks_that_share_their_bytes(index):
    """As the index of a shard may say: they are read, and never more than the inner chunks' own size."""
    chain = [sharding([4], [LITTLE, ZSTD], [LITTLE], "start" if index else "end")]
    data = compress("zstd", {"level": 1, "checksum": False}, b"abcd")
    entries = struct.pack("<QQ", 128 if index else 0, len(data)) * 8
    arr = sz.open_array(one_chunk("uint8", (32,), chain, entries + data if index else data + entries))
    assert arr[...].tobytes() == b"abcd" * 8


def test_texts_that_share_their_bytes_are_limited_together():
    """1000 inner chunks of one text of 1 MiB, stored once in some 100 bytes, would be 1 GiB."""
    text = struct.pack("<II", 1, 1 << 20) + b"a" * (1 << 20)
    data = compress("zstd", {"level": 1, "checksum": False}, text)
    chain = [sharding([1], [codec("vlen-utf8"), ZSTD], [LITTLE])]
    for n, good in ((3, True), (1000, False)):
        store = one_chunk("string", (n,), chain, data + struct.pack("<QQ", 0, len(data)) * n, fill="")
        arr = sz.open_array(store)
        if good:
            assert set(arr[...].tolist()) == {"a" * (1 << 20)}
        else:
            with pytest.raises(sz.ChunkError, match="share stored bytes"):
                arr[...]
