"""Codecs beyond the core, registered or of numcodecs, against stated bytes, numcodecs and zarr-python."""

import itertools
import json
import lzma
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest

import simplezarr as sz
from simplezarr import codecs
from simplezarr.codecs.base import BytesBytesCodec, ChunkSpec
from simplezarr.codecs.parse import as_codec, parse_codec
from simplezarr.codecs.registry import BUILTIN, codec_class
from simplezarr.dtypes import parse_dtype
from simplezarr.errors import ChunkError, MetadataError, UnsupportedError, ZarrWarning
from simplezarr.schema.leniency import CODEC_ALIASES
from simplezarr.testing import check_codec
from simplezarr.utils import check
from tests.oracle.spec_vectors import V
from tests.oracle.v3 import LITTLE, codec, dump, sharding

VECTORS = {name: bytes.fromhex(data) for name, _, data in V}
BYTES = codec("bytes")
RAMP = ("uint8", list(range(8)))
HALVES = ("float64", [0.5, 1.5, 2.5, -0.5])


def spec_of(shape, dtype, fill=None):
    """What codecs get to see of a chunk."""
    dtype = parse_dtype(dtype)
    element = dtype.default_fill if fill is None else np.array(fill, dtype.numpy).tobytes()
    return ChunkSpec(tuple(shape), dtype, element)


def one_chunk(dtype, shape, chain, data=None, chunk=None, fill=0):
    """The store of an array with one chunk."""
    document = {
        "zarr_format": 3, "node_type": "array", "shape": list(shape), "data_type": dtype, "fill_value": fill,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk or shape)}},
        "chunk_key_encoding": {"name": "default"}, "codecs": chain,
    }  # fmt: skip
    store = {"zarr.json": json.dumps(document).encode()}
    return store if data is None else {**store, "/".join(["c", *["0"] * len(shape)]): data}


def numcodecs_name(name, **configuration):
    """The JSON of a codec of numcodecs."""
    return codec(f"numcodecs.{name}", **configuration)


def encode(chain, array, fill=None):
    """What a chain makes of a chunk, by the classes of its codecs."""
    spec = spec_of(array.shape, str(array.dtype), fill)
    data = array
    for i, value in enumerate(chain):
        item = parse_codec(value, f"codecs[{i}]").fit(spec)
        if isinstance(item, codecs.ArrayArrayCodec):
            data, spec = item.encode(data), item.resolve(spec)
            assert (data.shape, data.dtype) == (spec.shape, spec.dtype.numpy)
        elif isinstance(item, codecs.ArrayBytesCodec):
            data = item.encode(data, spec)
        else:
            data = item.encode(data)
    return data


# ---------------------------------------------------------------- stated bytes

# id: (data type, values), codecs; and what is read where that is not what was written
VECTOR_CASES = {
    "nc-fletcher32": (RAMP, [BYTES, numcodecs_name("fletcher32")]),
    "nc-adler32": (RAMP, [BYTES, numcodecs_name("adler32")]),
    "nc-crc32": (RAMP, [BYTES, numcodecs_name("crc32")]),
    "nc-crc32c": (RAMP, [BYTES, numcodecs_name("crc32c")]),
    "nc-shuffle": (RAMP, [BYTES, numcodecs_name("shuffle", elementsize=4)]),
    "nc-delta": (("int16", [10, 12, 9]), [numcodecs_name("delta", dtype="<i2"), LITTLE]),
    "nc-fso": (
        ("float64", [1000, 1000.1, 1001.0]),
        [numcodecs_name("fixedscaleoffset", offset=1000, scale=10, dtype="<f8", astype="|u1"), BYTES],
    ),
    "nc-quantize": (("float32", [3.14159]), [numcodecs_name("quantize", digits=1, dtype="<f4"), LITTLE], [3.125]),
    "nc-astype": (("int32", [1, 2]), [numcodecs_name("astype", encode_dtype="<i2", decode_dtype="<i4"), LITTLE]),
    "nc-packbits": (("bool", [1, 0, 1, 1, 0, 0, 0, 0, 1]), [numcodecs_name("packbits"), BYTES]),
    "nc-zlib": (("uint8", list(b"zarr")), [BYTES, numcodecs_name("zlib", level=1)]),
    "nc-bz2": (("uint8", list(b"zarr")), [BYTES, numcodecs_name("bz2", level=1)]),
    "nc-base64": (("uint8", list(b"zarr")), [BYTES, numcodecs_name("base64")]),
    "nc-lz4": (("uint8", list(b"zarr")), [BYTES, numcodecs_name("lz4", acceleration=1)]),
    "packbits-bool": (("bool", [1, 0, 1, 1, 0, 0, 0, 0, 1]), [codec("packbits")]),
    "packbits-bool-first": (
        ("bool", [1, 0, 1, 1, 0, 0, 0, 0, 1]), [codec("packbits", padding_encoding="first_byte")]),
    "packbits-bool-last": (
        ("bool", [1, 0, 1, 1, 0, 0, 0, 0, 1]), [codec("packbits", padding_encoding="last_byte")]),
    "packbits-u16-bits4..7": (("uint16", [0x10, 0x20]), [codec("packbits", first_bit=4, last_bit=7)]),
    "scale_offset": (("float32", [5, 15, 25]), [codec("scale_offset", offset=5, scale=0.1), LITTLE]),
    "cast_value-wrap": (
        ("float64", [128.0, 300.0]), [codec("cast_value", data_type="int8", out_of_range="wrap"), BYTES], [-128, 44]),
    "cast_value-clamp": (
        ("float64", [128.0, -300.0]), [codec("cast_value", data_type="int8", out_of_range="clamp"), BYTES],
        [127, -128]),
    "cast_value-even": (HALVES, [codec("cast_value", data_type="int8"), BYTES], [0, 2, 2, 0]),
    "cast_value-away": (
        HALVES, [codec("cast_value", data_type="int8", rounding="nearest-away"), BYTES], [1, 2, 3, -1]),
    "bitround-f32": (
        ("float32", [0.1, 1.2, 1234.5]), [codec("bitround", keepbits=3), LITTLE], [0.1015625, 1.25, 1280]),
    "reshape": (("uint8", np.arange(6).reshape(1, 2, 3)), [codec("reshape", shape=[[0, 1], [2]]), BYTES]),
}  # fmt: skip
# these need data types, or codecs, that are not here
ELSEWHERE = ("packbits-u4", "packbits-i4", "nc-vlen-array", "nc-json2")
OTHERS_COMPRESS = ("nc-zlib", "nc-bz2", "nc-lz4")  # more than one encoder's output is right


def test_every_vector_is_used():
    prefixes = ("nc-", "packbits-", "scale_offset", "cast_value-", "bitround-", "reshape")
    assert {name for name in VECTORS if name.startswith(prefixes)} == {*VECTOR_CASES, *ELSEWHERE}


@pytest.mark.parametrize("name", VECTOR_CASES)
def test_vector(name):
    (dtype, values), chain, *read = VECTOR_CASES[name]
    array = np.array(values, dtype)
    fill = False if dtype == "bool" else 0
    arr = sz.open(one_chunk(dtype, array.shape, chain, VECTORS[name], fill=fill))
    assert arr[...].dtype == array.dtype
    assert arr[...].tolist() == (read[0] if read else array.tolist())
    if name not in OTHERS_COMPRESS:
        assert encode(chain, array) == VECTORS[name]


@pytest.mark.parametrize(("dtype", "values", "rounded"), [
    # the sample data of the codec's description
    ("float32", [0, 0.1, 1.2, 12.3, 123.4, 1234.5, np.nan, np.inf, -np.inf],
     [0, 0.1015625, 1.25, 12, 120, 1280, np.nan, np.inf, -np.inf]),
    ("uint8", [0, 1, 10, 11, 100, 123, 200, 208, 209, 255], [0, 1, 10, 12, 96, 128, 192, 192, 224, 224]),
])  # fmt: skip
def test_bitround_samples(dtype, values, rounded):
    array = codecs.BitRound(3).encode(np.array(values, dtype))
    assert np.array_equal(array, np.array(rounded, dtype), equal_nan=dtype == "float32")


# ---------------------------------------------------------------- the contract of a codec

CHECKED = [
    *(codecs.Zlib(), codecs.Zlib(-1), codecs.Bz2(9), codecs.Lz4(), codecs.Lz4(acceleration=10)),
    *(codecs.Lzma(), codecs.Lzma(preset=1), codecs.Lzma(2), codecs.Lzma(check=0)),
    codecs.Lzma(3, filters=[{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2, "preset": 1}]),
    *(codecs.Shuffle(), codecs.Shuffle(0), codecs.Shuffle(1), codecs.Shuffle(2), codecs.Shuffle(8), codecs.Shuffle(5)),
    *(codecs.Fletcher32(), codecs.Crc32(), codecs.Crc32("end"), codecs.Adler32(), codecs.Adler32("end")),
    *(codecs.NumcodecsZstd(), codecs.NumcodecsGzip(), codecs.NumcodecsBlosc(), codecs.NumcodecsCrc32c()),
    *(codecs.NumcodecsCrc32c("start"), codecs.Reshape([-1]), codecs.Squeeze(), codecs.NumcodecsPackBits()),
    *(codecs.PackBits(), codecs.PackBits("first_byte"), codecs.PackBits("last_byte"), codecs.ScaleOffset()),
]
LOSSY = [
    *(codecs.BitRound(3), codecs.NumcodecsBitRound(0), codecs.Quantize(2), codecs.PackBits(first_bit=1, last_bit=5)),
    *(codecs.FixedScaleOffset(1, 10, None, "<i4"), codecs.AsType("<f4"), codecs.Delta(), codecs.Delta(None, "<i8")),
]


@pytest.mark.parametrize("value", CHECKED, ids=repr)
def test_contract(value, pool):
    check_codec(value)


@pytest.mark.parametrize("value", LOSSY, ids=repr)
def test_contract_of_lossy_codecs(value, pool):
    check_codec(value, exact=False)


@pytest.mark.parametrize(("value", "dtypes"), [
    (codecs.CastValue("int64"), ["int8", "uint32", "int64"]),
    (codecs.CastValue("uint8", out_of_range="wrap"), ["int8"]),
    (codecs.CastValue("float64"), ["float16", "float32", "int32"]),
    (codecs.ScaleOffset(0, -1), ["float32"]),
])  # fmt: skip
def test_contract_of_casts(value, dtypes, pool):
    check_codec(
        value, [spec_of(shape, dtype) for shape in ((), (3, 4)) for dtype in dtypes], exact="f" not in dtypes[0]
    )


def test_contract_of_jenkins(pool):
    pytest.importorskip("numcodecs.checksum32")
    check_codec(codecs.JenkinsLookup3(7))


@pytest.mark.parametrize("value", [
    codecs.Pcodec(), codecs.Pcodec(0, "classic", "none"), codecs.Pcodec(4, delta_encoding_order=2),
    codecs.Pcodec(delta_spec="try_lookback", equal_pages_up_to=5),
], ids=repr)  # fmt: skip
def test_contract_of_pcodec(value, pool):
    pytest.importorskip("pcodec")
    check_codec(value, [spec_of(shape, dtype) for shape in ((), (7,), (4, 6)) for dtype in ("int32", "float16")])


@pytest.mark.parametrize("value", [
    codecs.Zfp("reversible"), codecs.Zfp("fixed_rate", rate=8), codecs.Zfp("fixed_precision", precision=9),
    codecs.Zfp("fixed_accuracy", tolerance=0.1), codecs.Zfpy(), codecs.Zfpy(2, rate=16), codecs.Zfpy(3, precision=12),
], ids=repr)  # fmt: skip
def test_contract_of_zfp(value, pool):
    pytest.importorskip("zfpy")
    shapes = ((), (7,), (4, 6), (3, 4, 5), (2, 3, 2, 5))
    check_codec(value, [spec_of(shape, dtype) for shape in shapes for dtype in ("int32", "float64")], exact=False)
    if value in (codecs.Zfp("reversible"), codecs.Zfp("fixed_accuracy", tolerance=0.1)):
        array = np.random.default_rng(0).normal(size=(20, 30))
        spec = spec_of(array.shape, "float64")
        assert np.allclose(value.decode(value.encode(array, spec), spec), array, rtol=0, atol=value.tolerance or 0)


@pytest.mark.parametrize("name", ["numcodecs.jenkins_lookup3", "numcodecs.pcodec", "numcodecs.zfpy", "zfp"])
def test_a_missing_package_is_named(name, monkeypatch):
    package = {"zfp": "zfpy"}.get(name, name.partition(".")[2]).replace("jenkins_lookup3", "numcodecs")
    for module in [module for module in sys.modules if module.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    value = {"name": name, "configuration": {"mode": "reversible"}} if name == "zfp" else {"name": name}
    chain = [value] if name in ("numcodecs.pcodec", "numcodecs.zfpy", "zfp") else [BYTES, value]
    dtype = "float64" if chain == [value] else "uint8"
    with pytest.raises(ChunkError, match=rf"pip install 'simplezarr\[{package}\]'"):
        sz.open(one_chunk(dtype, (4,), chain, bytes(8)))[...]


# ---------------------------------------------------------------- numcodecs, both ways

RAW = [b"", b"a", bytes(1000), np.random.default_rng(0).bytes(4001), np.arange(5000, dtype="<i4").tobytes()]
BYTE_CODECS = [
    *[("zlib", {"level": level}) for level in (0, 1, 9)],
    *[("bz2", {"level": level}) for level in (1, 9)],
    *[("lz4", {"acceleration": n}) for n in (1, 20)],
    *[("lzma", {"preset": 1}), ("lzma", {"format": 2}), ("lzma", {"format": 1, "check": 1})],
    ("lzma", {"format": 3, "filters": [{"id": lzma.FILTER_LZMA2, "preset": 2}]}),
    *[("shuffle", {"elementsize": n}) for n in (1, 2, 3, 4, 8, 16)],
    *[(name, {}) for name in ("fletcher32", "crc32", "adler32", "crc32c", "jenkins_lookup3", "zstd", "gzip")],
    ("base64", {}),
    ("crc32", {"location": "end"}),
    ("jenkins_lookup3", {"initval": 12345}),
    *[("blosc", {"cname": "zstd", "clevel": 3, "shuffle": shuffle}) for shuffle in (0, 1, 2, -1)],
]
SAME_BYTES = ("shuffle", "base64", "fletcher32", "crc32", "adler32", "crc32c", "jenkins_lookup3", "bz2", "lzma")


@pytest.mark.parametrize(("name", "configuration"), BYTE_CODECS, ids=str)
def test_bytes_codecs_against_numcodecs(name, configuration):
    numcodecs = pytest.importorskip("numcodecs")
    theirs = numcodecs.get_codec({"id": name, **configuration})
    ours = parse_codec(numcodecs_name(name, **configuration), "codecs[1]")
    for data in RAW:
        if not data or (name == "shuffle" and len(data) % configuration["elementsize"]):
            continue  # numcodecs can't take these
        encoded = bytes(theirs.encode(data))
        assert ours.decode(encoded) == data
        made = ours.encode(data)
        assert bytes(theirs.decode(made)) == data
        if name in SAME_BYTES:
            assert made == encoded


ARRAY_CODECS = [
    *[("delta", {"dtype": dtype}, dtype) for dtype in ("<i2", "|u1", "<i8", "<f4", "<f8")],
    ("delta", {"dtype": "<i4", "astype": "<i2"}, "<i4"),
    ("delta", {"dtype": "<u2", "astype": "|i1"}, "<u2"),
    *[("fixedscaleoffset", {"offset": 1, "scale": 100, "dtype": f, "astype": i}, f)
      for f, i in itertools.product(("<f4", "<f8"), ("<i2", "<i4", "<f4"))],
    ("fixedscaleoffset", {"offset": -2.5, "scale": 0.25, "dtype": "<f8"}, "<f8"),
    ("fixedscaleoffset", {"offset": 10, "scale": 2, "dtype": "<i4", "astype": "<i8"}, "<i4"),
    *[("quantize", {"digits": digits, "dtype": dtype}, dtype) for digits in (-2, 0, 1, 5) for dtype in ("<f4", "<f8")],
    ("quantize", {"digits": 3, "dtype": "<f8", "astype": "<f4"}, "<f8"),
    *[("bitround", {"keepbits": n}, dtype) for n in (0, 1, 9, 10) for dtype in ("<f2", "<f4", "<f8")],
    ("astype", {"encode_dtype": "<f4", "decode_dtype": "<i4"}, "<i4"),
    ("packbits", {}, "|b1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "configuration", "dtype"), ARRAY_CODECS, ids=str)
def test_array_codecs_against_numcodecs(name, configuration, dtype):
    numcodecs = pytest.importorskip("numcodecs")
    theirs = numcodecs.get_codec({"id": name, **configuration})
    ours = parse_codec(numcodecs_name(name, **configuration), "codecs[0]")
    rng = np.random.default_rng(1)
    dtype = np.dtype(dtype)
    array = rng.normal(0, 40, size=(7, 9)) if dtype.kind == "f" else rng.integers(20, 120, size=(7, 9))
    array = (array > 60 if dtype.kind == "b" else array).astype(dtype)
    spec = spec_of(array.shape, dtype.name)
    encoded, want = ours.encode(array), theirs.encode(array)
    assert np.ascontiguousarray(encoded).tobytes() == want.tobytes()
    resolved = ours.resolve(spec)
    assert (encoded.shape, encoded.dtype) == (resolved.shape, resolved.dtype.numpy)
    decoded = ours.decode(encoded, spec)
    assert decoded.tobytes() == np.asarray(theirs.decode(want)).tobytes()
    assert (decoded.shape, decoded.dtype) == (array.shape, array.dtype)


# ---------------------------------------------------------------- zarr-python writes, we read

FLOATS = (np.random.default_rng(2).normal(100, 3, size=(20, 15))).astype("float32")
INTEGERS = np.random.default_rng(3).integers(0, 1000, size=(20, 15)).astype("int32")
ZARR_CASES = [
    ("Zlib", {"level": 1}, INTEGERS), ("BZ2", {"level": 5}, INTEGERS), ("LZMA", {"preset": 1}, INTEGERS),
    ("LZ4", {}, INTEGERS), ("Zstd", {"level": 1}, INTEGERS), ("GZip", {}, INTEGERS),
    ("Blosc", {"cname": "zstd", "shuffle": 2}, INTEGERS), ("Blosc", {}, INTEGERS),
    ("Shuffle", {}, INTEGERS), ("Shuffle", {"elementsize": 4}, FLOATS),
    *[(name, {}, INTEGERS) for name in ("CRC32", "CRC32C", "Adler32", "Fletcher32", "JenkinsLookup3")],
    ("Delta", {"dtype": "<i4"}, INTEGERS), ("Delta", {"dtype": "int32", "astype": "int16"}, INTEGERS),
    ("FixedScaleOffset", {"offset": 100, "scale": 20, "dtype": "<f4", "astype": "<i2"}, FLOATS),
    ("FixedScaleOffset", {"offset": 100, "scale": 20}, FLOATS), ("Quantize", {"digits": 2}, FLOATS),
    ("BitRound", {"keepbits": 6}, FLOATS), ("AsType", {"encode_dtype": "<f8"}, FLOATS),
    ("PackBits", {}, INTEGERS > 500), ("PCodec", {}, INTEGERS), ("ZFPY", {"mode": 4, "tolerance": 0.01}, FLOATS),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "configuration", "array"), ZARR_CASES, ids=lambda item: str(item)[:40])
def test_zarr_python(name, configuration, array, tmp_path):
    """It writes and we read; we write the same and it reads."""
    zarr = pytest.importorskip("zarr")
    numcodecs = pytest.importorskip("zarr.codecs.numcodecs")
    if name in ("PCodec", "ZFPY"):
        pytest.importorskip(name.lower())
    item = getattr(numcodecs, name)(**configuration)
    kinds = {zarr.abc.codec.ArrayArrayCodec: "filters", zarr.abc.codec.ArrayBytesCodec: "serializer"}
    kind = next((kind for base, kind in kinds.items() if isinstance(item, base)), "compressors")
    settings = {"compressors": None, kind: item if kind == "serializer" else [item]}
    written = zarr.create_array(
        tmp_path / "a", shape=array.shape, chunks=(8, 6), dtype=array.dtype, fill_value=0, **settings
    )
    written[...] = array
    assert np.array_equal(sz.open(tmp_path / "a")[...], written[...])
    assert np.array_equal(sz.open(tmp_path / "a")[3:17:5, ::-4], written[...][3:17:5, ::-4])
    chain = [item.to_json() for item in sz.open(tmp_path / "a").metadata.codecs]
    fill = False if array.dtype == bool else 0
    dump(one_chunk(str(array.dtype), array.shape, chain, encode(chain, array), fill=fill), tmp_path / "b")
    assert np.array_equal(zarr.open_array(tmp_path / "b", mode="r")[...], sz.open(tmp_path / "b")[...])


@pytest.mark.filterwarnings("ignore")
def test_what_virtual_stores_of_hdf5_have_is_native(tmp_path):
    zarr = pytest.importorskip("zarr")
    numcodecs = pytest.importorskip("zarr.codecs.numcodecs")
    chain = [numcodecs.Shuffle(elementsize=4), numcodecs.Zlib(level=4), numcodecs.Fletcher32()]
    zarr.create_array(tmp_path / "a", shape=(20, 15), chunks=(8, 6), dtype="f4", compressors=chain)[...] = FLOATS
    arr = sz.open(tmp_path / "a")
    assert np.array_equal(arr[...], FLOATS)
    assert all(item.compiled is not None for item in arr.metadata.codecs[1:])


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", sorted(CODEC_ALIASES))
def test_other_names(name):
    codec_class(CODEC_ALIASES[name])
    if name in ("zlib", "https://zarr.dev/numcodecs/zlib"):
        with pytest.warns(ZarrWarning, match="old or unregistered name"):
            arr = sz.open(one_chunk("uint8", (4,), [BYTES, codec(name, level=1)], zlib.compress(b"zarr")))
        assert bytes(arr[...]) == b"zarr"
        assert arr.metadata.to_json()["codecs"][1]["name"] == "numcodecs.zlib"
        assert as_codec(name, "codecs[1]") == codecs.Zlib()


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_the_table_is_right(name):
    found = codec_class(name)
    assert found.name == name
    assert getattr(codecs, BUILTIN[name][1]) is found
    assert found.__doc__
    assert BUILTIN[name][1] in codecs.__all__


# ---------------------------------------------------------------- bombs


def bombs():
    """Small bytes that are very many, by codec."""
    data = bytes(100_000_000)
    yield "zlib", zlib.compress(data)
    yield "bz2", codecs.Bz2(9).encode(data)
    yield "lzma", lzma.compress(data, preset=0)
    yield "lz4", struct.pack("<I", 0x7E000000) + bytes(100)
    yield "lz4", struct.pack("<I", 0xFFFFFFFF) + bytes(100)


@pytest.mark.parametrize(("name", "data"), [pytest.param(*bomb, id=f"{bomb[0]}") for bomb in bombs()])
def test_bombs_are_not_inflated(name, data):
    arr = sz.open(one_chunk("uint8", (1000,), [BYTES, numcodecs_name(name)], data))
    tracemalloc.start()
    with pytest.raises(ChunkError):
        arr[...]
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()
    # and one codec inside another has a limit too
    inner = sz.open(one_chunk("uint8", (1000,), [BYTES, numcodecs_name("adler32"), numcodecs_name(name)], data))
    with pytest.raises(ChunkError):
        inner[...]


@pytest.mark.parametrize("name", ["zlib", "bz2", "lzma", "lz4", "crc32", "adler32", "fletcher32", "shuffle"])
def test_damage_is_an_error(name):
    value = numcodecs_name(name, elementsize=4) if name == "shuffle" else numcodecs_name(name)
    good = parse_codec(value, "c").encode(bytes(range(100)))
    for data in (b"", good[:-1], good[: len(good) // 2], good + b"x"):
        with pytest.raises(ChunkError):
            sz.open(one_chunk("uint8", (100,), [BYTES, value], data))[...]
    if name in ("crc32", "adler32", "fletcher32", "lzma", "zlib"):
        for i in range(0, len(good), 7):
            bad = bytearray(good)
            bad[i] ^= 0x10
            with pytest.raises(ChunkError):
                sz.open(one_chunk("uint8", (100,), [BYTES, value], bytes(bad)))[...]


# ---------------------------------------------------------------- what is refused

REFUSED = [
    (numcodecs_name("lzma", format=4), "format: 4"),
    (numcodecs_name("lzma", format=3), "filters: missing"),
    (numcodecs_name("lzma", format=3, filters=[{"id": 33, "dict_size": 2**31}]), "filters[0].dict_size"),
    (numcodecs_name("lzma", format=3, filters=[{"id": 99}]), "filters"),
    (numcodecs_name("shuffle", elementsize=-1), "elementsize: -1"),
    (numcodecs_name("crc32", location="middle"), "location"),
    (numcodecs_name("jenkins_lookup3", prefix="ab"), "prefix: unknown member"),
    (numcodecs_name("delta", dtype="O"), 'dtype: "O"'),
    (numcodecs_name("delta", dtype="i4,f8"), "dtype"),
    (numcodecs_name("delta", dtype=["<i4"]), "dtype"),
    (numcodecs_name("fixedscaleoffset", offset=1), "scale: missing"),
    (numcodecs_name("fixedscaleoffset", offset=1, scale=0), "scale: 0"),
    (numcodecs_name("fixedscaleoffset", offset=10**400, scale=1), "offset"),
    (numcodecs_name("quantize", digits=1, dtype="<i4"), "dtype"),
    (numcodecs_name("astype", decode_dtype="<i4"), "encode_dtype: missing"),
    (codec("zfp"), "mode: missing"),
    (codec("zfp", mode="fixed_rate"), "rate: missing"),
    (codec("zfp", mode="reversible", rate=8), "rate: unknown in mode"),
    (codec("packbits", padding_encoding="start_byte"), "padding_encoding"),
    (codec("packbits", first_bit=3, last_bit=2), "last_bit: 2"),
    (codec("packbits", start_bit=0), "start_bit: unknown member"),
    (codec("reshape"), "shape: missing"),
    (codec("reshape", shape=[0]), "shape[0]: 0"),
    (codec("reshape", shape=[-1, -1]), "-1 more than once"),
    (codec("reshape", shape=[[1], [0]]), "increasing"),
    (codec("reshape", shape=[[1, 0], 10, [3, 4]]), "increasing"),
    (codec("scale_offset", offset={}), "offset: {}"),
    (codec("scale_offset", offset=True), "offset: true"),
    (codec("scale_offset", dtype="<f4"), "dtype: unknown member"),
    (codec("cast_value"), "data_type: missing"),
    (codec("cast_value", data_type="complex64"), "data_type: complex64"),
    (codec("cast_value", data_type="bool"), "data_type: bool"),
    (codec("cast_value", data_type="float32", out_of_range="wrap"), "out_of_range"),
    (codec("cast_value", data_type="int8", rounding="up"), "rounding"),
    (codec("cast_value", data_type="int8", scalar_map={"encode": [[1]]}), "scalar_map.encode[0]"),
    (codec("cast_value", data_type="int8", scalar_map={"to": []}), "scalar_map.to: unknown member"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=lambda item: str(item)[:60])
def test_refused(value, message):
    with pytest.raises(MetadataError) as info:
        parse_codec(value, "codecs[0]")
    assert str(info.value).startswith("codecs[0].configuration")
    assert message in str(info.value)


UNFIT = [
    (numcodecs_name("delta", dtype="<i8"), spec_of((4,), "int32")),
    (numcodecs_name("delta", dtype="<i4"), spec_of((4,), "r32")),
    (numcodecs_name("astype", encode_dtype="<f4"), spec_of((4,), "complex64")),
    (numcodecs_name("packbits"), spec_of((4,), "uint8")),
    (codec("packbits", last_bit=8), spec_of((4,), "uint8")),
    (codec("packbits"), spec_of((4,), "r32")),
    (codec("bitround", keepbits=1), spec_of((4,), "bool")),
    (codec("reshape", shape=[5]), spec_of((2, 3), "uint8")),
    (codec("reshape", shape=[[0], [2]]), spec_of((2, 3), "uint8")),
    (codec("reshape", shape=[2, [1], 3]), spec_of((3, 2, 3), "uint8")),
    (codec("reshape", shape=[4, -1]), spec_of((2, 3), "uint8")),
    (codec("scale_offset", offset=300), spec_of((4,), "uint8")),
    (codec("scale_offset", scale=0), spec_of((4,), "float32")),
    (codec("scale_offset", offset=1), spec_of((4,), "uint8")),  # the fill value, 0
    (codec("scale_offset"), spec_of((4,), "bool")),
    (codec("cast_value", data_type="int8"), spec_of((4,), "bool")),
    (codec("cast_value", data_type="int8"), spec_of((4,), "float32", np.nan)),
    (codec("cast_value", data_type="int8"), spec_of((4,), "float32", 0.5)),
    (codec("cast_value", data_type="int8"), spec_of((4,), "int16", 300)),
    (numcodecs_name("zfpy"), spec_of((4,), "uint8")),
    (codec("zfp", mode="reversible"), spec_of((1, 1, 1, 1, 1), "float32")),
    (numcodecs_name("pcodec"), spec_of((4,), "uint8")),
]


@pytest.mark.parametrize(("value", "spec"), UNFIT, ids=str)
def test_unfit_for_the_array(value, spec):
    with pytest.raises((MetadataError, UnsupportedError)):
        parse_codec(value, "codecs[0]").fit(spec).resolve(spec)


def test_sizes_that_are_known():
    for name, value in BUILTIN.items():
        if "crc" in name or "adler" in name or "fletcher" in name or "jenkins" in name:
            found = codec_class(name)()
            assert isinstance(found, BytesBytesCodec), value
            assert (found.resolve(10), found.resolve(None)) == (14, None)
    index = [LITTLE, numcodecs_name("fletcher32")]
    shard = sharding((2,), [BYTES], index)
    entries = np.array([[0, 2], [2**64 - 1, 2**64 - 1]], "<u8").tobytes()
    data = b"\1\2" + codecs.Fletcher32().encode(entries)
    assert sz.open(one_chunk("uint8", (4,), [shard], data, fill=9))[...].tolist() == [1, 2, 9, 9]


@pytest.mark.parametrize("padding", ["first_byte", "last_byte"])
def test_packbits_without_its_byte_of_padding(padding):
    """zarrs leaves the byte away where whole bytes are stored; chunks of any other length stay wrong."""
    chain = [codec("packbits", padding_encoding=padding)]
    values = np.arange(5, dtype="<u2")
    with pytest.warns(sz.ZarrWarning, match="as zarrs stores"):
        assert sz.open(one_chunk("uint16", (5,), chain, values.tobytes()))[...].tolist() == [0, 1, 2, 3, 4]
    whole = b"\0" + values.tobytes() if padding == "first_byte" else values.tobytes() + b"\0"
    assert sz.open(one_chunk("uint16", (5,), chain, whole))[...].tolist() == [0, 1, 2, 3, 4]
    for data in (whole + b"\0", whole[:-2]):
        with pytest.raises(sz.ChunkError, match="c/0"):
            sz.open(one_chunk("uint16", (5,), chain, data))[...]
    part = [codec("packbits", padding_encoding=padding, last_bit=14)]
    with pytest.raises(sz.ChunkError, match="10 bytes instead of 11"):
        sz.open(one_chunk("uint16", (5,), part, values.tobytes()))[...]


def test_base64_is_strict():
    for data in (b"emFy", b"emFycg", b"emFycg==\n", b"em=ycg==", b"emFy!g==", b"\xff" * 8):
        with pytest.raises(sz.ChunkError, match="c/0"):
            sz.open(one_chunk("uint8", (4,), [BYTES, numcodecs_name("base64")], data))[...]


def test_check_tells_of_chunks_that_depart_from_the_specification():
    store = one_chunk("uint16", (5,), [codec("packbits", padding_encoding="first_byte")], bytes(10))
    (problem,) = check(store).problems
    assert (problem.kind, problem.severity, problem.key) == ("lenient", "warning", "c/0")
    assert "byte of padding" in problem.message
