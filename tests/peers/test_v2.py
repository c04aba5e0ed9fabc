"""Zarr 2 and live peers: zarr-python, tensorstore and numcodecs write, simplezarr reads; and the other way round."""

import json
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import simplezarr as sz
from tests.oracle import v2 as oracle_v2
from tests.oracle import v3 as oracle

zarr = pytest.importorskip("zarr")
tensorstore = pytest.importorskip("tensorstore")
numcodecs = pytest.importorskip("numcodecs")
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning"),
]

NUMBERS = "|b1 |i1 |u1 <i2 >i2 <u2 <i4 >u4 <i8 >i8 <u8 <f2 >f2 <f4 >f4 <f8 >f8 <c8 >c8 <c16 >c16".split()  # noqa: SIM905
OTHERS = ["<U3", ">U2", "|S3", "|V5", "<M8[ns]", ">M8[10s]", "<m8[us]", ">m8[D]"]
RECORDS = [
    [("a", "<u2"), ("b", ">f4")],
    [("a", ">u2"), ("b", ">f8"), ("c", "S3")],
    [("a", "<i4"), ("n", [("u", "<U2"), ("t", "|b1")])],
]
COMPRESSORS = [
    None, numcodecs.Zlib(1), numcodecs.GZip(6), numcodecs.BZ2(1), numcodecs.LZMA(preset=1), numcodecs.LZ4(),
    numcodecs.Zstd(3), numcodecs.Blosc("zstd", 5, 1), numcodecs.Blosc("lz4", 1, 2), numcodecs.Blosc("blosclz", 9, 0),
    numcodecs.Blosc("lz4hc", 5, -1), numcodecs.Blosc("zlib", 1, 1),
]  # fmt: skip
CHECKSUMS = [numcodecs.CRC32(), numcodecs.Adler32(), numcodecs.CRC32C(), numcodecs.Fletcher32()]


def sample(dtype, shape, seed=0):
    """Values of all sorts."""
    dtype, rng = np.dtype(dtype), np.random.default_rng(seed)
    size = int(np.prod(shape))
    if dtype.fields is not None:
        array = np.zeros(shape, dtype)
        for i, name in enumerate(dtype.names):
            array[name] = sample(dtype.fields[name][0], shape, seed + i)
        return array
    if dtype.kind == "U":
        return np.array([chr(65 + n) * (n % 4) for n in rng.integers(0, 20, size)], dtype).reshape(shape)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "fc":
        return (rng.normal(size=shape) * 100).astype(dtype)
    return np.frombuffer(rng.bytes(size * dtype.itemsize), dtype).reshape(shape).copy()


def same(found, want):
    """Whether two arrays have the same values, whatever the byte order."""
    return found.shape == want.shape and found.tobytes() == want.astype(found.dtype).tobytes()


def create(directory, data, **how):
    """Let zarr-python make and fill an array."""
    arr = zarr.create_array(directory, shape=data.shape, dtype=data.dtype, chunks=(4, 3), zarr_format=2, **how)
    arr[...] = data
    return arr


def described(directory):
    """The `.zarray` in a directory."""
    return json.loads((directory / ".zarray").read_text())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [*NUMBERS, *OTHERS, *RECORDS], ids=str)
def test_zarr_python_writes(dtype, order, tmp_path):
    data = sample(dtype, (7, 5))
    create(str(tmp_path), data, order=order)
    arr = sz.open_array(str(tmp_path))
    assert same(arr[...], data)
    assert same(arr[::-2, 1:4], data[::-2, 1:4])
    document = json.loads(arr.metadata.to_bytes())
    if dtype != "|S3":  # they write "" for empty bytes, which tensorstore does not read
        assert document == described(tmp_path)


@pytest.mark.parametrize("compressor", COMPRESSORS, ids=str)
def test_compressors_of_zarr_python(compressor, tmp_path):
    data = sample("<f4", (9, 10))
    create(str(tmp_path), data, compressors=compressor, chunk_key_encoding={"name": "v2", "separator": "/"})
    arr = sz.open_array(str(tmp_path))
    assert same(arr[...], data)
    document = described(tmp_path)
    if compressor == numcodecs.Blosc("lz4hc", 5, -1):  # which leaves the shuffle to the writer
        document["compressor"]["shuffle"] = 1
    assert json.loads(arr.metadata.to_bytes()) == document
    assert document["dimension_separator"] == "/"


FILTERS = [
    ("<i4", [numcodecs.Delta("<i4")]),
    (">i4", [numcodecs.Delta(">i4")]),
    ("<i4", [numcodecs.Delta("<i4", "<i8")]),
    ("<f8", [numcodecs.FixedScaleOffset(10, 4, "<f8", "<i4"), numcodecs.Delta("<i4")]),
    ("<f4", [numcodecs.Quantize(2, "<f4")]),
    ("<f4", [numcodecs.BitRound(8)]),
    ("<f8", [numcodecs.AsType("<f4", "<f8")]),
    ("|b1", [numcodecs.PackBits()]),
    ("<u2", [numcodecs.Shuffle(2)]),
    ("<u2", [numcodecs.Delta("<u2"), numcodecs.Shuffle(2), numcodecs.CRC32()]),
    *[("<u2", [checksum]) for checksum in CHECKSUMS],
]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("dtype", "filters"), FILTERS, ids=str)
def test_filters_of_numcodecs(dtype, filters, order):
    data = sample(dtype, (8, 6))
    store = oracle_v2.write_array({}, "", data, (4, 3), order=order, filters=filters, compressor=numcodecs.Zlib())
    arr = sz.open_array(store)
    want = data
    for codec in filters[:1] if data.dtype.kind == "f" else []:  # what is lossy
        want = codec.decode(codec.encode(data.reshape(-1))).reshape(data.shape)
    assert same(arr[...], want)
    assert same(sz.open_array({**store, ".zarray": arr.metadata.to_bytes()})[...], want)


def test_strings_of_zarr_python(tmp_path):
    data = np.array([["a", "hé", ""], ["x" * 300, "\U0001f600", "z"]], np.dtypes.StringDType())
    create(str(tmp_path), data, order="F")
    arr = sz.open_array(str(tmp_path))
    assert arr[...].tolist() == data.tolist()
    assert json.loads(arr.metadata.to_bytes()) == described(tmp_path)


def test_hierarchy_of_zarr_python(tmp_path):
    root = zarr.open_group(str(tmp_path), mode="w", zarr_format=2, attributes={"n": [1, None]})
    root.create_group("g/h")["i"] = np.arange(3)
    root.create_array("g/a", shape=(4,), dtype="<i2", attributes={"x": 1})[...] = [1, 2, 3, 4]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(str(tmp_path), zarr_format=2)
    ours = sz.open(str(tmp_path))
    assert ours.metadata.consolidated
    assert ours["g/h/i"][...].tolist() == [0, 1, 2]
    assert [*dict(dict(ours.items())["g"].items())] == ["a", "h"]
    documents = {name: json.loads(document) for name, document in ours.metadata.to_documents().items()}
    assert documents[".zattrs"] == {"n": [1, None]}
    theirs = json.loads((tmp_path / ".zmetadata").read_text())
    for members in theirs["metadata"].values():
        members.pop("consolidated_metadata", None)  # they put it into copies of .zgroup, against the specification
    assert documents[".zmetadata"] == theirs


TENSORSTORE_TYPES = [*NUMBERS, "|S3", "|V5", "bfloat16", "float8_e5m2", "float8_e4m3fnuz", "int4"]
TENSORSTORE_COMPRESSORS = [
    None, {"id": "zlib", "level": 1}, {"id": "gzip", "level": 1}, {"id": "bz2", "level": 1}, {"id": "zstd", "level": 1},
    {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": -1, "blocksize": 0},
]  # fmt: skip


def tensorstore_spec(directory, **metadata):
    """The spec of a Zarr 2 array in a directory."""
    return {"driver": "zarr", "kvstore": {"driver": "file", "path": str(directory)}, "metadata": metadata}


@pytest.mark.parametrize("dtype", [t for t in TENSORSTORE_TYPES if t not in ("|S3", "|V5")])
def test_tensorstore_writes(dtype, tmp_path):
    for i, compressor in enumerate(TENSORSTORE_COMPRESSORS[: 2 if dtype != "<f4" else None]):
        directory = tmp_path / str(i)
        members = {"shape": [7, 5], "chunks": [4, 3], "dtype": dtype, "order": "CF"[i % 2], "compressor": compressor}
        theirs = tensorstore.open(tensorstore_spec(directory, **members), create=True).result()
        data = (np.arange(35).reshape(7, 5) % 7 - (0 if theirs.dtype.numpy_dtype.kind in "ub" else 3)).astype(
            theirs.dtype.numpy_dtype
        )
        theirs.write(data).result()
        arr = sz.open_array(str(directory))
        assert (arr[...].astype(data.dtype) == data).all()
        document = json.loads(arr.metadata.to_bytes())
        wanted = described(directory)
        if compressor and compressor["id"] == "blosc":  # -1 leaves the shuffle to the writer
            wanted["compressor"]["shuffle"] = 1
        assert document == wanted


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_tensorstore_and_zarr_python_read_our_documents(dtype, order, tmp_path):
    data = sample(dtype, (7, 5))
    fill = sample(dtype, (1,), 1)[0]
    compressor = numcodecs.Blosc("zstd", 5, 1)
    store = oracle_v2.write_array({}, "", data, (4, 3), order=order, compressor=compressor, fill=fill)
    arr = sz.open_array(store)
    del store["0.0"]
    oracle.dump({**store, **arr.metadata.to_documents()}, tmp_path)
    data[:4, :3] = fill
    assert same(zarr.open_array(str(tmp_path), mode="r", zarr_format=2)[...], data)
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": str(tmp_path)}}
    assert same(tensorstore.open(spec, open=True).result().read().result(), data)


@st.composite
def stored(draw):
    """An array as NumPy and numcodecs store it."""
    dtype = np.dtype(draw(st.sampled_from([*NUMBERS, *OTHERS, *RECORDS])))
    shape = tuple(draw(st.lists(st.integers(0, 7), max_size=3)))
    chunks = tuple(draw(st.integers(1, 5)) for _ in shape)
    filters = []
    if dtype.kind in "iu" and draw(st.booleans()):
        filters.append(numcodecs.Delta(dtype.str))
    if draw(st.booleans()):
        filters.append(numcodecs.Shuffle(dtype.itemsize))
    filters += draw(st.lists(st.sampled_from(CHECKSUMS), max_size=1))
    data = sample(dtype, shape, draw(st.integers(0, 99)))
    members = {
        "order": draw(st.sampled_from("CF")),
        "filters": filters,
        "compressor": draw(st.sampled_from(COMPRESSORS)),
        "separator": draw(st.sampled_from("./")),
    }
    return data, oracle_v2.write_array({}, "a", data, chunks, **members), members


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stored())
def test_any_type_order_filters_and_compressor(case):
    data, store, members = case
    arr = sz.open_array(store, "a")
    assert same(arr[...], data)
    document = json.loads(arr.metadata.to_bytes())
    wanted = json.loads(store["a/.zarray"])
    for members in (document, wanted):  # numcodecs lists what others refuse
        codec = members["compressor"] or {}
        codec.pop("checksum", None), codec.pop("typesize", None)
    if wanted["filters"]:
        wanted["filters"] = [{m: v for m, v in f.items() if v is not None} for f in wanted["filters"]]
    if wanted["compressor"] and wanted["compressor"].get("shuffle") == -1:
        wanted["compressor"]["shuffle"] = 2 if data.dtype.itemsize == 1 else 1
    if len(data.shape) < 2:
        wanted["order"] = "C"  # there is no difference
    assert document == wanted
