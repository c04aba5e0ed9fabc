"""Live peers write, simplezarr reads: zarr-python and tensorstore whole arrays, numcodecs and zstandard chunks."""

import gzip
import itertools
import struct
import zlib

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.utils import check as check_hierarchy
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, CRC32C, LITTLE, codec, sharding
from tests.peers.written import LIBRARIES, count

zarr = pytest.importorskip("zarr")
tensorstore = pytest.importorskip("tensorstore")
zstandard = pytest.importorskip("zstandard")
blosc = pytest.importorskip("numcodecs.blosc")
pytestmark = [pytest.mark.filterwarnings("ignore:.*:UserWarning"), pytest.mark.filterwarnings("ignore::FutureWarning")]

NUMBERS = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()  # noqa: SIM905
GZIP, ZSTD = codec("gzip", level=5), codec("zstd", level=0, checksum=False)
CNAMES, SHUFFLES = ["blosclz", "lz4", "lz4hc", "zlib", "zstd"], ["noshuffle", "shuffle", "bitshuffle"]
KEYS = [{"name": name, "configuration": {"separator": s}} for name in ("default", "v2") for s in "/."]


def blosc_of(cname="zstd", shuffle="bitshuffle", clevel=5, typesize=2):
    """The JSON of a blosc codec."""
    return codec("blosc", cname=cname, shuffle=shuffle, clevel=clevel, typesize=typesize, blocksize=0)


def write_zarr(directory, data):
    """Fill a stored array by zarr-python."""
    zarr.open_array(directory, mode="r+")[...] = data


def write_tensorstore(directory, data):
    """Fill a stored array by tensorstore."""
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": directory}}
    tensorstore.open(spec, open=True).result().write(data).result()


PEERS = {"zarr": write_zarr, "tensorstore": write_tensorstore}


def sample(dtype, shape, fill=0):
    """Values of all sorts, among them a block of fill values."""
    rng = np.random.default_rng(len(shape))
    dtype = np.dtype(dtype)
    if dtype.kind in "fc":
        data = (rng.normal(size=shape) * 100).astype(dtype) + (1j if dtype.kind == "c" else 0)
        data = data.astype(dtype)
        data.reshape(-1)[:4] = [np.nan, -np.inf, -0.0, 1e-7][: data.size]
    else:
        data = rng.integers(0, 2 if dtype.kind == "b" else 120, size=shape).astype(dtype)
        data.reshape(-1)[:1] = np.iinfo(dtype).max if dtype.kind in "iu" else True
    if shape:
        data[tuple(slice(n // 2, None) for n in shape)] = fill
    return data


def check(peer, directory, data, chunks, **members):
    """Let the peer fill an array and read it, whole and in part, from the directory and from memory."""
    fill = members.get("fill_value", 0)
    oracle.dump(oracle.write_array({}, "", np.full_like(data, fill), chunks, **members), directory)
    PEERS[peer](str(directory), data)
    for store in (str(directory), oracle.load(directory), sz.SlowStore(sz.LocalStore(str(directory)), latency=0)):
        arr = sz.open_array(store)
        assert oracle.same(arr[...], data)
        part = (slice(None, None, -2), *[slice(1, 5)] * (data.ndim - 1))[: data.ndim]
        assert oracle.same(arr[part], data[part])
    assert oracle.same(oracle.read_array(oracle.load(directory)), data)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("peer", PEERS)
def test_data_types_and_byte_orders(peer, dtype, tmp_path):
    for i, codecs in enumerate([[LITTLE], [BIG], [BIG, ZSTD], [sharding([2, 3], [BIG])]]):
        check(peer, tmp_path / str(i), sample(dtype, (7, 8)), (4, 6), codecs=codecs)


CHAINS = {
    **{f"gzip {n}": [LITTLE, codec("gzip", level=n)] for n in (0, 1, 9)},
    **{f"zstd {n}": [LITTLE, codec("zstd", level=n, checksum=n > 0)] for n in (-7, 0, 3, 19)},
    **{f"{c} {s}": [LITTLE, blosc_of(c, s)] for c, s in itertools.product(CNAMES, SHUFFLES)},
    "blosc 0": [LITTLE, blosc_of(clevel=0)],
    "blosc of 3": [LITTLE, blosc_of(typesize=3)],
    "blosc of 255": [LITTLE, blosc_of(typesize=255)],
    "crc32c": [LITTLE, CRC32C],
    "gzip crc32c": [LITTLE, GZIP, CRC32C],
    "crc32c zstd": [LITTLE, CRC32C, ZSTD],
    "transpose": [codec("transpose", order=[1, 2, 0]), LITTLE],
    "two transposes": [codec("transpose", order=[1, 2, 0]), codec("transpose", order=[0, 2, 1]), BIG, ZSTD],
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("peer", PEERS)
def test_chains(peer, name, tmp_path):
    check(peer, tmp_path, sample("u2", (9, 10, 11)), (4, 10, 6), codecs=CHAINS[name])


INNER = [[LITTLE], [BIG, GZIP], [LITTLE, blosc_of()], [codec("transpose", order=[1, 0]), LITTLE, ZSTD, CRC32C]]
INDEX = [[LITTLE, CRC32C], [LITTLE], [BIG, CRC32C]]


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("peer", PEERS)
def test_shards(peer, location, tmp_path):
    for i, (inner, index) in enumerate(itertools.product(INNER, INDEX)):
        codecs = [sharding([3, 2], inner, index, location)]
        check(peer, tmp_path / str(i), sample("i4", (10, 9), 5), (6, 8), codecs=codecs, fill_value=5)


@pytest.mark.parametrize("peer", PEERS)
def test_shards_of_shards(peer, tmp_path):
    codecs = [sharding([6, 4], [sharding([3, 2], [LITTLE, ZSTD], index_location="start")])]
    check(peer, tmp_path, sample("f4", (20, 11)), (12, 8), codecs=codecs)


def test_transpose_before_shards(tmp_path):
    codecs = [codec("transpose", order=[2, 0, 1]), sharding([2, 3, 4], [BIG, ZSTD])]
    check("tensorstore", tmp_path, sample("f8", (7, 9, 5)), (6, 8, 4), codecs=codecs)
    assert sz.open_array(str(tmp_path)).chunks == (3, 4, 2)


@pytest.mark.parametrize("keys", KEYS, ids=lambda keys: keys["name"] + keys["configuration"]["separator"])
@pytest.mark.parametrize("peer", PEERS)
def test_chunk_keys(peer, keys, tmp_path):
    for shape, chunks in [((30, 3), (2, 3)), ((13,), (1,)), ((), ())]:
        check(peer, tmp_path / str(len(shape)), sample("u2", shape), chunks, chunk_key_encoding=keys)


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(("shape", "chunks"), [
    ((), ()), ((0,), (3,)), ((4, 0, 2), (1, 5, 2)), ((3, 2), (7, 9)), ((2,) * 6, (1,) * 6)
], ids=str)  # fmt: skip
def test_shapes(peer, shape, chunks, tmp_path):
    check(peer, tmp_path / "chunks", sample("i2", shape), chunks)
    if shape or peer != "zarr":  # zarr-python can't write a shard of no axes
        check(peer, tmp_path / "shards", sample("i2", shape), chunks, codecs=[sharding(chunks, [LITTLE, ZSTD])])


FILLS = [("u8", 2**64 - 1), ("i8", -(2**63)), ("?", True), ("f4", np.nan), ("f8", -np.inf), ("f2", 0.1), ("f8", -0.0),
         ("c8", complex(np.nan, -np.inf)), ("c16", complex(0.0, -0.0)), ("i1", -128)]  # fmt: skip


@pytest.mark.parametrize(("dtype", "fill"), FILLS, ids=str)
@pytest.mark.parametrize("peer", PEERS)
def test_fill_values_and_missing_chunks(peer, dtype, fill, tmp_path):
    data = np.full((6, 6), fill, dtype)
    data[:2, 3:] = sample(dtype, (2, 3), data[0, 0])
    check(peer, tmp_path, data, (2, 3), fill_value=fill)
    assert len(oracle.load(tmp_path)) == 2, "one chunk, and the metadata"


# ---------------------------------------------------------------- metadata as the peers write them


@pytest.mark.parametrize("options", [
    {},
    {"chunks": (5, 4), "compressors": None},
    {"chunks": (5, 4), "shards": (10, 12), "fill_value": 3},
    {"chunks": (5, 4), "compressors": zarr.codecs.BloscCodec(cname="lz4", shuffle="shuffle"), "fill_value": 7},
    {"filters": zarr.codecs.TransposeCodec(order=(1, 0)), "compressors": zarr.codecs.GzipCodec(level=1)},
    {"serializer": zarr.codecs.BytesCodec(endian="big"), "chunk_key_encoding": {"name": "v2", "separator": "/"}},
    {"attributes": {"a": [1, None, "é"]}, "dimension_names": ["y", None]},
], ids=lambda options: ",".join(options) or "defaults")  # fmt: skip
def test_arrays_created_by_zarr(options, tmp_path):
    data = sample("i4", (23, 17))
    written = zarr.create_array(str(tmp_path), shape=data.shape, dtype=data.dtype, **options)
    written[...] = data
    arr = sz.open(str(tmp_path))
    assert oracle.same(arr[...], data)
    assert (arr.chunks, arr.shards, arr.fill_value) == (written.chunks, written.shards, written.fill_value)
    assert dict(arr.attrs) == options.get("attributes", {})
    assert arr.dimension_names == (tuple(options["dimension_names"]) if "dimension_names" in options else None)


def test_arrays_created_by_tensorstore(tmp_path):
    data = sample("f4", (23, 17))
    for i, metadata in enumerate([
        {},
        {"codecs": [blosc_of(typesize=4)], "data_type": "float32", "fill_value": "NaN"},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10, 8]}}, "codecs": [sharding([5, 4])]},
        {"dimension_names": ["y", "x"], "attributes": {"a": 1}},
    ]):  # fmt: skip
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{tmp_path}/{i}"}, "metadata": metadata}
        tensorstore.open(spec, create=True, dtype="float32", shape=data.shape).result().write(data).result()
        assert oracle.same(sz.open(f"{tmp_path}/{i}")[...], data)


def test_hierarchy_created_by_zarr(tmp_path):
    root = zarr.create_group(str(tmp_path), attributes={"title": "x"})
    root.create_group("g/h").create_array("a", shape=(3,), dtype="u1", chunks=(2,))[...] = [1, 2, 3]
    root.create_array("b", shape=(), dtype="f8", fill_value=2.5)
    for consolidated in (False, True):
        if consolidated:
            zarr.consolidate_metadata(str(tmp_path))
        ours = sz.open(str(tmp_path))
        assert (dict(ours.attrs), sorted(ours), sorted(ours["g"]), sorted(ours["g/h"])) == (
            {"title": "x"}, ["b", "g"], ["h"], ["a"]
        )  # fmt: skip
        assert ours["g/h/a"][...].tolist() == [1, 2, 3]
        assert ours["b"][()] == 2.5
        assert "uint8" in str(ours.tree())


# ---------------------------------------------------------------- chunks as other libraries and tools compress them


def one_chunk(data, codecs, raw):
    """The values of an array of one uint8 chunk that is stored as `raw`."""
    metadata = oracle.write_array({}, "", np.zeros(len(data), "u1"), [len(data)], codecs=["bytes", *codecs])
    return bytes(sz.open_array({"zarr.json": metadata["zarr.json"], "c/0": raw})[...])


def texts():
    """Chunks of many sizes and of several kinds."""
    rng = np.random.default_rng(5)
    for n in (1, 2, 7, 15, 16, 100, 1023, 4096, 70001):
        yield rng.bytes(n)
        yield (np.arange(n) // 5).astype("u1").tobytes()
        yield bytes(n)


def gzip_member(data, level=6, header=b"", flags=0):
    """A gzip member with optional header fields."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = packer.compress(data) + packer.flush()
    trailer = struct.pack("<II", zlib.crc32(data), len(data))
    return struct.pack("<4BIBB", 31, 139, 8, flags, 0, 0, 3) + header + body + trailer


def test_gzip_streams():
    for data in texts():
        half = len(data) // 2
        extra = struct.pack("<H", 5) + b"extra"
        header = struct.pack("<4BIBB", 31, 139, 8, 2, 0, 0, 3)
        for raw in (
            gzip.compress(data, 9),
            gzip.compress(data, 0),
            gzip.compress(data[:half]) + gzip.compress(data[half:]),
            b"".join(gzip.compress(data[i : i + half + 1]) for i in (0, half + 1)) + gzip.compress(b""),
            gzip_member(data, 1, b"a name\0a comment\0", 8 | 16),
            gzip_member(data, 1, extra, 4),
            gzip_member(data, 1, struct.pack("<H", zlib.crc32(header) & 0xFFFF), 2),
        ):
            assert one_chunk(data, [GZIP], raw) == data


def test_zstd_streams():
    skippable = struct.pack("<II", 0x184D2A5F, 3) + b"any"
    for data in texts():
        half = len(data) // 2
        plain = zstandard.ZstdCompressor(level=1).compress
        bare = zstandard.ZstdCompressor(level=19, write_content_size=False, write_checksum=True).compress
        stream = zstandard.ZstdCompressor(level=3).compressobj()
        streamed = b"".join(stream.compress(data[i : i + 1000]) for i in range(0, len(data), 1000)) + stream.flush()
        window = zstandard.ZstdCompressionParameters(window_log=10, write_content_size=False)
        for raw in (
            plain(data),
            bare(data),
            streamed,
            plain(data[:half]) + bare(data[half:]),
            skippable + bare(data[:half]) + skippable + plain(data[half:]) + skippable,
            zstandard.ZstdCompressor(compression_params=window).compress(data),
        ):
            assert one_chunk(data, [ZSTD], raw) == data


@pytest.mark.parametrize("cname", CNAMES)
@pytest.mark.parametrize("shuffle", [0, 1, 2])
def test_blosc_frames(cname, shuffle):
    for data, typesize in itertools.product(texts(), (1, 2, 3, 4, 8, 16, 17, 255)):
        for clevel, blocksize in ((1, 0), (9, 256)):
            raw = bytes(blosc.compress(data, cname.encode(), clevel, shuffle, blocksize, typesize))
            assert one_chunk(data, [blosc_of()], raw) == data


def test_blosc_metadata_that_disagree_with_the_frame():
    data = np.arange(500, dtype="u4").tobytes()
    raw = bytes(blosc.compress(data, b"lz4", 5, 1, 0, 4))
    for other in (blosc_of("zlib", "noshuffle", 0, 1), blosc_of("blosclz", "bitshuffle", 9, 8)):
        assert one_chunk(data, [other], raw) == data


# ---------------------------------------------------------------- all there is


def check_written(library, directory, every, least):
    """That everything a library writes is read, and that it is sound."""
    pytest.importorskip({"zarr-python": "zarr", "zarrs": "zarrista"}.get(library, library))
    written, wrong, _ = count(library, directory, every)
    assert not wrong
    assert len(written) * every >= least
    sz.create_group(directory)
    assert not [problem for problem in check_hierarchy(directory).problems if problem.severity == "error"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_some_of_all_that_is_written(library, tmp_path):
    check_written(library, tmp_path, 11, 500)


@pytest.mark.campaign
@pytest.mark.parametrize("library", LIBRARIES)
def test_all_that_is_written(library, tmp_path):
    check_written(library, tmp_path, 1, 600)
