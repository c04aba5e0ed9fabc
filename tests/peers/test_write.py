"""What simplezarr writes, read by zarr-python, tensorstore and zarrs: every chain, any source, whole and in parts."""

import itertools
import sys

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs import Blosc, Bytes, Crc32c, Gzip, Sharding, Transpose, Zstd
from tests.oracle import v3 as oracle
from tests.peers.test_create import READERS, read_zarr, zarr
from tests.peers.test_peers_write import NUMBERS, sample

pytestmark = [pytest.mark.filterwarnings("ignore:.*:UserWarning"), pytest.mark.filterwarnings("ignore::FutureWarning")]

try:
    import zarrs  # noqa: F401
except ImportError:
    ZARRS = {}
else:
    ZARRS = {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}

SHAPE, CHUNKS = (13, 10, 7), (4, 5, 7)
SOURCES = {
    "C order": lambda data: data,
    "Fortran order": np.asfortranarray,
    "big-endian": lambda data: data.astype(data.dtype.newbyteorder(">")),
    "strided": lambda data: np.repeat(data, 2, axis=1)[:, ::2],
    "backwards": lambda data: data[::-1, :, ::-1].copy()[::-1, :, ::-1],
}
CHAINS = {
    "bytes": [Bytes("little")],
    "big-endian": [Bytes("big")],
    "gzip": [Bytes("little"), Gzip(level=6)],
    "zstd": [Bytes("little"), Zstd(level=3, checksum=True)],
    "crc32c": [Bytes("big"), Zstd(level=1), Crc32c()],
    "transposed": [Transpose(order=(2, 0, 1)), Bytes("little"), Zstd(level=1)],
}
BLOSC = list(
    itertools.product(("lz4", "lz4hc", "blosclz", "zstd", "zlib"), ("noshuffle", "shuffle", "bitshuffle"), (0, 1, 5, 9))
)


def check(directory, data, *, zarrs_reads=True):
    """All peers read `data` from the directory, bit by bit."""
    for read in READERS.values():
        assert oracle.same(np.asarray(read(str(directory))[0]), data)
    if ZARRS and zarrs_reads:
        with zarr.config.set(ZARRS):
            assert oracle.same(np.asarray(read_zarr(str(directory))[0]), data)


def write(directory, data, source, **arguments):
    """An array written whole, then changed in parts that cut chunks; returns what it should hold."""
    arr = sz.create_array(directory, shape=data.shape, dtype=data.dtype, chunks=CHUNKS, **arguments)
    arr[...] = source(data)
    expected = data.copy()
    for selection in (sz.s_[1:9, 3], sz.s_[::-5, ::3, 2:], sz.s_[12], sz.s_[2, 2, 2]):
        part = np.roll(expected, 1)[selection]
        expected[selection] = part
        arr[selection] = part
    return expected


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_chains_and_sources(chain, sharded, source, tmp_path):
    shards = (8, 10, 7) if sharded else None
    data = sample("uint16", SHAPE)
    check(tmp_path, write(tmp_path, data, source, codecs=chain, shards=shards))


@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_data_types(dtype, sharded, tmp_path):
    shards = (8, 10, 7) if sharded else None
    for endian in ("little", "big"):
        expected = write(tmp_path / endian, sample(dtype, SHAPE), np.asarray, codecs=[Bytes(endian)], shards=shards)
        # zarrs misreads big-endian complex numbers, also those that zarr-python writes
        check(tmp_path / endian, expected, zarrs_reads=endian == "little" or "complex" not in str(dtype))


@pytest.mark.parametrize(("cname", "shuffle", "level"), BLOSC)
def test_blosc(cname, shuffle, level, tmp_path):
    for dtype in ("uint8", "int16", "float64"):
        codec = Blosc(cname=cname, clevel=level, shuffle=shuffle, typesize=np.dtype(dtype).itemsize)
        data = sample(dtype, SHAPE)
        check(tmp_path / dtype, write(tmp_path / dtype, data, np.asarray, codecs=[Bytes("little"), codec]))


@pytest.mark.parametrize("location", ["start", "end"])
def test_shards_of_every_kind(location, tmp_path):
    inner = [Transpose(order=(1, 0, 2)), Bytes("big"), Zstd(level=1), Crc32c()]
    data = sample("int32", SHAPE)
    for name, index_codecs in {"checked": [Bytes("little"), Crc32c()], "plain": [Bytes("big")]}.items():
        codec = Sharding(chunk_shape=(2, 5, 7), codecs=inner, index_codecs=index_codecs, index_location=location)
        check(tmp_path / name, write(tmp_path / name, data, np.asarray, codecs=[codec]))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (1, 1, 1)])
def test_shapes_without_much_in_them(shape, tmp_path):
    data = np.asarray(sample("float32", shape))
    arr = sz.create_array(tmp_path, shape=shape, dtype="float32", chunks="auto")
    arr[...] = data
    check(tmp_path, data)


@pytest.mark.skipif(sys.byteorder != "little", reason="compares stored bytes")
def test_fill_and_missing_chunks(tmp_path):
    arr = sz.create_array(tmp_path, shape=SHAPE, dtype="float32", chunks=CHUNKS, shards=(8, 10, 7), fill_value=np.nan)
    expected = np.full(SHAPE, np.nan, "float32")
    arr[4:8, :5] = expected[4:8, :5] = 2.5
    check(tmp_path, expected)
    arr[...] = np.nan
    check(tmp_path, np.full(SHAPE, np.nan, "float32"))
    assert arr.nchunks_stored == 0
