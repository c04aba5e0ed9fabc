"""LZ4 of chunks that are large: made and read in pieces, and one block of the format for every other decoder."""

import numcodecs.blosc
import numcodecs.lz4
import numpy as np
import pytest

from simplezarr.engine.kernels.compressors import blosc_codec
from simplezarr.engine.kernels.numcodecs import lz4_codec
from tests.support.promptness import numbers

LARGE = 33  # MiB: more is cut


def kinds():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, LARGE << 20, np.uint8)
    mixed = numbers(LARGE, "u1").copy()
    mixed[5 << 20 : 20 << 20] = noise[: 15 << 20]
    mixed[20 << 20 : 29 << 20] = 7
    return {
        "numbers": numbers(LARGE).view("u1"),
        "noise": noise,
        "constant": np.zeros(LARGE << 20, "u1"),
        "mixed": mixed,
    }


@pytest.fixture(scope="module", params=["numbers", "noise", "constant", "mixed"])
def data(request):
    return np.ascontiguousarray(kinds()[request.param]).tobytes()[: (LARGE << 20) - 7]


def test_a_block_of_pieces_is_read_by_peers(data):
    cramjam = pytest.importorskip("cramjam")
    ours, theirs = lz4_codec(1).encode(data), numcodecs.lz4.compress(data, 1)
    assert len(ours) <= len(theirs) * 1.01
    assert bytes(numcodecs.lz4.decompress(ours)) == data
    assert bytes(cramjam.lz4.decompress_block(ours)) == data  # the size in front is that of numcodecs
    assert lz4_codec(1).decode(theirs, len(data)) == data
    assert lz4_codec(1).decode(ours, len(data)) == data


@pytest.mark.parametrize("cname", ["lz4", "lz4hc", "zlib", "zstd"])
def test_a_large_block_of_blosc(cname, data):
    ours = blosc_codec(cname, 1, "noshuffle", 1, 1 << 30).encode(data)
    theirs = numcodecs.blosc.compress(data, cname.encode(), 1, 0, blocksize=1 << 30, typesize=1)
    if cname.startswith("lz4"):
        assert len(ours) <= len(theirs) * 1.02
    assert numcodecs.blosc.decompress(ours) == data
    assert blosc_codec().decode(theirs, len(data)) == data


@pytest.mark.parametrize("cut", [0, 1, 5, 1 << 20])
def test_a_large_block_that_is_cut_is_refused(cut):
    data = numbers(LARGE).tobytes()
    encoded = bytearray(lz4_codec(1).encode(data))
    if cut:
        del encoded[-cut:]
    else:
        encoded[0] ^= 1  # another size
    with pytest.raises(ValueError, match="lz4"):
        lz4_codec(1).decode(bytes(encoded), len(data) + 9)
