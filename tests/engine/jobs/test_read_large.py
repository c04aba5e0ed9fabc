"""Results of many megabytes, which are written past the caches where they lie so that they can be."""

import numpy as np
import pytest

import simplezarr as sz

# 19 MiB of uint16, chunks cut at the edge; a transposed one has rows of 16 KiB, which are read apart
SHAPE, CHUNKS = (96, 320, 320), (64, 128, 160)
BIG = {"name": "bytes", "configuration": {"endian": "big"}}
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
ORDER = {"name": "transpose", "configuration": {"order": [2, 0, 1]}}
BLOSC = {
    "name": "blosc",
    "configuration": {"cname": "lz4", "clevel": 1, "shuffle": "shuffle", "typesize": 2, "blocksize": 0},
}
CHAINS = {
    "raw": [LITTLE],
    "swapped": [BIG],
    "transposed": [ORDER, LITTLE],
    "transposed and swapped": [ORDER, BIG],
    "zstd": [LITTLE, "zstd"],
    "swapped zstd": [BIG, "zstd"],
    "transposed zstd": [ORDER, LITTLE, "zstd"],
    "blosc": [LITTLE, BLOSC],
    "gzip": [LITTLE, {"name": "gzip", "configuration": {"level": 1}}],
}


@pytest.fixture(scope="module")
def values():
    numbers = np.random.default_rng(1).integers(0, 999, SHAPE, "u2")
    numbers[:64, :128] = 0  # chunks that are not stored
    return numbers


@pytest.fixture(scope="module", params=[*CHAINS, "shards"])
def array(request, values, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("array")
    if request.param == "shards":
        return sz.create_array(tmp_path, data=values, chunks=(24, 32, 32), shards=(48, 160, 160))
    return sz.create_array(tmp_path, data=values, chunks=CHUNKS, codecs=CHAINS[request.param])


@pytest.mark.parametrize(
    "selection", [..., np.s_[:, :, 1:], np.s_[:, ::-1], np.s_[1:, 3::2, :, None], np.s_[::-1, :, :319]]
)
def test_as_numpy(array, values, selection):
    assert np.array_equal(array[selection], values[selection])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("offset", [0, 2, 16, 62])
def test_into_buffers(array, values, order, offset):
    """Whatever place and order they have, and not a byte beside them is touched."""
    memory = np.full(values.nbytes + 256, 0xA5, "u1")
    start = -memory.ctypes.data % 64 + offset
    out = memory[start : start + values.nbytes].view("u2").reshape(SHAPE, order=order)
    array.read(out=out)
    assert np.array_equal(out, values)
    assert (memory[:start] == 0xA5).all()
    assert (memory[start + values.nbytes :] == 0xA5).all()


def test_rows_with_gaps(array, values):
    out = np.zeros((*SHAPE[:2], SHAPE[2] + 32), "u2")
    array.read(out=out[:, :, :-32])
    assert np.array_equal(out[:, :, :-32], values)
    assert not out[:, :, -32:].any()
