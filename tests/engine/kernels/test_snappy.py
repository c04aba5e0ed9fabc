"""Blosc containers compressed with snappy, made here with snappy's own library: read in every layout, never written."""

import struct

import numpy as np
import pytest

import simplezarr as sz
from simplezarr import codecs
from tests.codecs.test_wild import one_chunk
from tests.oracle.v3 import LITTLE, codec

cramjam = pytest.importorskip("cramjam")

SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
BLOSC = {"cname": "snappy", "clevel": 5, "shuffle": "shuffle", "typesize": 4, "blocksize": 0}


def compress(data):
    return bytes(cramjam.snappy.compress_raw(data))


def filtered(data, shuffle, typesize):
    """A block as Blosc's filters leave it."""
    count = len(data) // typesize
    array = np.frombuffer(data, "u1")[: count * typesize].reshape(count, typesize)
    rest = data[count * typesize :]
    if shuffle == "shuffle" and typesize > 1:
        return array.T.tobytes() + rest
    if shuffle == "bitshuffle" and count and count % 8 == 0:
        bits = np.unpackbits(array.reshape(-1), bitorder="little").reshape(count, typesize * 8)
        return np.packbits(bits.T, bitorder="little").tobytes() + rest
    return data


def container(data, shuffle="noshuffle", typesize=1, blocksize=None, split=False):
    """Blosc 1 around snappy, as c-blosc 1 lays it out."""
    blocksize = blocksize or len(data)
    starts, body = [], b""
    blocks = range(0, len(data), blocksize)
    split = split and typesize <= 16 and blocksize // typesize >= 128
    for first in blocks:
        starts.append(16 + 4 * len(blocks) + len(body))
        block = filtered(data[first : first + blocksize], shuffle, typesize)
        size = blocksize // typesize if split and len(block) == blocksize else len(block)
        for at in range(0, len(block), size):
            stream = compress(block[at : at + size])
            stream = stream if len(stream) < size else block[at : at + size]  # as they are if that is shorter
            body += struct.pack("<I", len(stream)) + stream
    flags = 2 << 5 | {"noshuffle": 0, "shuffle": 1, "bitshuffle": 4}[shuffle] | (0 if split else 0x10)
    size = 16 + 4 * len(starts) + len(body)
    header = struct.pack("<BBBBIII", 2, 1, flags, typesize, len(data), blocksize, size)
    return header + struct.pack(f"<{len(starts)}I", *starts) + body


def samples(n):
    random = np.random.default_rng(n)
    yield random.integers(0, 30, n // 4 + 1, "<i4").cumsum(dtype="<i4").tobytes()[:n]
    yield random.bytes(n)
    yield bytes(n)
    yield (b"the same again, " * (n // 16 + 1))[:n]


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("typesize", [1, 2, 4, 8, 3])
@pytest.mark.parametrize("split", [True, False])
def test_every_layout(shuffle, typesize, split):
    for n in (1, 100, 999, 4096, 70_000):
        for blocksize in (None, 4096 * typesize, 1024):
            for data in samples(n):
                if (blocksize is not None and blocksize > n) or (split and (blocksize or n) % typesize):
                    continue
                made = container(data, shuffle, typesize, blocksize, split)
                decoded = codecs.Blosc(cname="snappy").decode(made, n)
                assert decoded == data, (n, blocksize)


def test_arrays_in_parts():
    data = np.arange(20_000, dtype="<i4").reshape(100, 200)
    stored = container(data.tobytes(), "shuffle", 4, 8192, True)
    arr = sz.open(one_chunk("int32", data.shape, [LITTLE, codec("blosc", **BLOSC)], stored))
    assert np.array_equal(arr[...], data)
    assert np.array_equal(arr[7:80:9, 11], data[7:80:9, 11])
    assert np.array_equal(arr[[3, 99], [0, 199]], data[[3, 99], [0, 199]])


def test_they_are_not_written():
    with pytest.raises(sz.UnsupportedError, match="can't be written"):
        sz.create_array({}, shape=(4,), dtype="i4", codecs=[codec("blosc", **BLOSC)])
    arr = sz.open_array(one_chunk("int32", (4,), [LITTLE, codec("blosc", **BLOSC)], b""), mode="r+")
    with pytest.raises(sz.UnsupportedError, match="can only be read"):
        arr[0] = 1


def test_damaged_containers_are_refused():
    data = next(iter(samples(3000)))
    good = container(data, "shuffle", 4, 1024)
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(2000):
        bad = bytearray(good)
        for at in random.integers(0, len(bad), random.integers(1, 4)):
            bad[at] = random.integers(0, 256)
        bad = bytes(bad[: random.integers(0, len(bad))] if random.random() < 0.2 else bad)
        try:
            assert len(codecs.Blosc(cname="snappy").decode(bad, 3000)) <= 3000
        except ValueError:
            refused += 1
    assert refused > 500
