"""Chunks at an array's edge that are stored without the part outside: read with a warning, if they are just that."""

import warnings

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import ZarrWarning
from tests.oracle import v2 as oracle_v2
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, LITTLE, codec

numcodecs = pytest.importorskip("numcodecs")
DATA = np.arange(7 * 5, dtype="u2").reshape(7, 5)
CHAINS = {
    "plain": [LITTLE],
    "gzip": [BIG, codec("gzip", level=1)],
    "transposed": [codec("transpose", order=[1, 0]), LITTLE, codec("zstd", level=0, checksum=False)],
    "blosc": [LITTLE, codec("blosc", cname="zstd", clevel=5, shuffle="shuffle", typesize=2, blocksize=0)],
    "crc32c": [LITTLE, oracle.CRC32C],
}


def cropped(codecs, path="a"):
    """A store of DATA in chunks of (3, 3), those at the edge cropped."""
    store = oracle.write_array({}, path, DATA, (3, 3), codecs=codecs, seed=None)
    for index, box in oracle.boxes(DATA.shape, (3, 3)):
        part = DATA[box]
        store[f"{path}/c/{index[0]}/{index[1]}"] = oracle.encode(
            codecs, part, np.ones(part.shape, bool), np.uint16(0), None
        )
    return store


@pytest.mark.parametrize("kind", ["memory", "local"])
@pytest.mark.parametrize("name", CHAINS)
def test_cropped_chunks(kind, name, tmp_path):
    store = cropped(CHAINS[name])
    arr = sz.open_array(store if kind == "memory" else oracle.dump(store, tmp_path), "a")
    for selection in (np.s_[...], np.s_[::-1, 4], np.s_[6, 1:4], np.s_[5:7, 3:5]):
        with pytest.warns(ZarrWarning, match="array /a, chunk"):
            assert oracle.same(arr[selection], DATA[selection])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert oracle.same(arr[:6, :3], DATA[:6, :3])  # no chunk at the edge
    with pytest.warns(ZarrWarning):
        assert arr.get_chunk((2, 1)).tolist() == [[33, 34, 0], [0, 0, 0], [0, 0, 0]]


def test_some_chunks_are_whole():
    store = cropped([LITTLE])
    store["a/c/0/1"] = oracle.write_array({}, "a", DATA, (3, 3), seed=None)["a/c/0/1"]
    del store["a/c/1/1"]
    want = DATA.copy()
    want[3:6, 3:] = 0
    with pytest.warns(ZarrWarning):
        assert oracle.same(sz.open_array(store, "a")[...], want)


def test_zarr_2():
    compressor = numcodecs.Zlib(1)
    store = oracle_v2.write_array({}, "", DATA, (3, 3), order="F", compressor=compressor)
    store["0.1"] = compressor.encode(DATA[:3, 3:].flatten("F"))
    with pytest.warns(ZarrWarning, match=r"chunk \(0, 1\)"):
        assert oracle.same(sz.open_array(store)[...], DATA)


@pytest.mark.parametrize("key", ["a/c/0/0", "a/c/2/1", "a/c/0/1"])
def test_what_is_damaged_stays_an_error(key):
    """Of a chunk inside, and at the edge: one byte more or less, and the size of another part."""
    for size in (3, 5, 6, 11, 17, 19):
        store = sz.MemoryStore({**cropped([LITTLE]), key: bytes(size)})
        with pytest.raises(sz.ChunkError, match=rf"{key}.*\(in MemoryStore\(") as info:
            sz.open_array(store, "a")[...]
        assert info.value.store is store


def test_shards_are_never_cropped():
    store = oracle.write_array({}, "", DATA, (3, 3), shards=(6, 6), codecs=[LITTLE])
    store["c/1/0"] = store["c/1/0"][:-1]
    with pytest.raises(sz.ChunkError):
        sz.open_array(store)[...]
