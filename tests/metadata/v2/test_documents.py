"""Zarr 2 arrays: the vectors of the specification, types, fill values, filters, and what is wrong in a `.zarray`."""

import base64
import json
import warnings
import zlib

import numpy as np
import pytest

import simplezarr as sz
from tests.oracle import v2 as oracle_v2
from tests.oracle import v3 as oracle
from tests.oracle.spec_vectors import V

numcodecs = pytest.importorskip("numcodecs")
VECTORS = {name: bytes.fromhex(data) for name, _, data in V}


def zarray(dtype, shape, **members):
    """The bytes of a `.zarray` of one chunk, without the members that are `...`."""
    document = {
        "zarr_format": 2,
        "shape": shape,
        "chunks": shape,
        "dtype": dtype,
        "order": "C",
        "fill_value": None,
        "filters": None,
        "compressor": None,
        **members,
    }
    return json.dumps({name: value for name, value in document.items() if value is not Ellipsis}).encode()


def opened(dtype="<u2", shape=(4,), data=None, key="0", **members):
    """An array of one chunk in memory."""
    store = {".zarray": zarray(dtype, shape, **members)}
    return sz.open_array({**store, key: data} if data is not None else store)


# ---------------------------------------------------------------- vectors

U16, ZLIB = [1, 2, 3, 4], {"id": "zlib", "level": 1}
MIXED = [["a", "<u2"], ["b", ">f4"]]
SUBARRAY = [["a", "<u2"], ["b", "|u1", [2, 2]]]
DELTA = {"id": "delta", "dtype": "<i2"}

# id: dtype, members, values
CHUNKS = {
    "v2-F": ("|u1", {"order": "F"}, [[0, 1, 2], [3, 4, 5]]),
    "v2-big": (">u2", {}, U16),
    "v2-F-delta": ("<i2", {"order": "F", "filters": [DELTA]}, [[1, 3], [2, 4]]),
    "v2-U-big": (">U2", {}, ["Hi"]),
    "v2-struct": (MIXED, {}, [(1, 1.0)]),
    "v2-struct-sub": (SUBARRAY, {}, [(1, [[1, 2], [3, 4]])]),
    "v2-zlib": ("<u2", {"compressor": ZLIB}, U16),
    "v2-shuffle-zlib": ("<u2", {"compressor": ZLIB, "filters": [{"id": "shuffle", "elementsize": 2}]}, U16),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_vector(name):
    dtype, members, values = CHUNKS[name]
    native = np.dtype([tuple(field) for field in dtype] if type(dtype) is list else dtype).newbyteorder("=")
    want = np.array(values, native)
    arr = opened(dtype, want.shape, VECTORS[name], ".".join("0" * want.ndim), **members)
    assert arr.dtype == want.dtype
    assert arr[...].tobytes() == want.tobytes()
    assert arr[0].tobytes() == want[0].tobytes()


def test_every_vector_of_zarr_2_is_used():
    assert {name for name in VECTORS if name.startswith("v2-")} == {*CHUNKS}


def test_the_same_chunk_in_both_formats():
    """The worked pair: a filter, column-major order, big endian and zlib."""
    chunk = zlib.compress(bytes.fromhex("000a000afff7000afff7000a"), 1)
    two = opened(
        ">u2", (2, 3), chunk, "0/0", order="F", fill_value=7, dimension_separator="/", compressor=ZLIB,
        filters=[{"id": "delta", "dtype": ">u2"}],
    )  # fmt: skip
    three = {
        "zarr_format": 3, "node_type": "array", "shape": [2, 3], "data_type": "uint16", "fill_value": 7,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3]}},
        "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}},
        "codecs": [
            oracle.codec("transpose", order=[1, 0]), oracle.codec("numcodecs.delta", dtype="<u2"), oracle.BIG,
            oracle.codec("numcodecs.zlib", level=1),
        ],
    }  # fmt: skip
    three = sz.open_array({"zarr.json": json.dumps(three).encode(), "0/0": chunk})
    assert two[...].tolist() == three[...].tolist() == [[10, 11, 12], [20, 21, 22]]
    assert two.fill_value == three.fill_value == 7
    assert [codec.name for codec in two.codecs] == [codec.name for codec in three.codecs]
    assert (two.metadata.zarr_format, three.metadata.zarr_format) == (2, 3)


# ---------------------------------------------------------------- dtype and fill_value


def b64(data):
    """Bytes in base64."""
    return base64.b64encode(data).decode()


RECORD = np.dtype([("a", ">u2"), ("b", "<f4"), ("c", "S2")])
RECORD_JSON = [["a", ">u2"], ["b", "<f4"], ["c", "|S2"]]
ONE = np.array((1, 2.5, b"x"), RECORD)

FILLS = [
    ("|b1", True, True), ("|b1", None, False), ("<b1", False, False),
    ("|u1", 255, 255), ("<u1", 1, 1), (">i1", -128, -128), ("<i4", None, 0), (">i8", -(2**63), -(2**63)),
    ("<u8", 2**64 - 1, 2**64 - 1), (">u2", 258, 258),
    ("<f2", 1.5, 1.5), (">f4", "NaN", np.nan), ("<f8", "Infinity", np.inf), ("<f8", "-Infinity", -np.inf),
    ("<f8", -0.0, -0.0), ("<f4", 7, 7.0), ("<f8", None, 0.0),
    ("<c8", [1.0, "NaN"], complex(1, np.nan)), (">c16", ["-Infinity", 2], complex(-np.inf, 2)),
    (">c8", b64(np.array(1 - 2j, ">c8").tobytes()), 1 - 2j),
    ("|S3", b64(b"abc"), b"abc"), ("|S3", b64(b"a"), b"a"), ("|S3", "", b""), ("|S3", None, b""),
    ("<U3", "hé", "hé"), (">U2", "ab", "ab"), ("<U2", "", ""), ("<U2", None, ""),
    ("|V3", b64(b"a\0b"), b"a\0b"), ("|V3", None, b"\0\0\0"),
    ("<M8[ns]", 5, np.datetime64(5, "ns")), (">M8[10s]", "NaT", np.datetime64("NaT", "10s")),
    ("<M8[D]", None, np.datetime64("NaT", "D")), ("<m8[us]", -7, np.timedelta64(-7, "us")),
    ("<m8", -(2**63), np.int64(-(2**63)).view("m8")),
    (RECORD_JSON, b64(ONE.tobytes()), ONE.item()),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value", "element"), FILLS)
def test_fill_value(dtype, value, element):
    native = RECORD.newbyteorder("=") if type(dtype) is list else np.dtype(dtype).newbyteorder("=")
    want = np.array(element, native)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arr = opened(dtype, (3,), fill_value=value)
        assert arr.dtype == native
        assert arr[...].tobytes() == want.tobytes() * 3
        again = opened(**json.loads(arr.metadata.to_bytes()))
    assert again[1:2].tobytes() == want.tobytes()
    assert (again.metadata.is_fill_undefined, again.metadata) == (value is None, arr.metadata)
    written = json.loads(arr.metadata.to_bytes())["fill_value"]
    stored = want.astype(RECORD if type(dtype) is list else dtype)
    assert written == (None if value is None else oracle_v2.fill_to_json(stored))


LENIENT_FILLS = [
    ("|b1", 0, False), ("|b1", 1, True), ("<f8", "0.5", 0.5), ("<f4", "1e3", 1000), ("<i4", 3.0, 3),
    ("|S3", 0, b""), ("<U3", 0, ""), ("|V2", 0, b"\0\0"), ("<f8", float("nan"), np.nan), ("<f8", -np.inf, -np.inf),
    ("<c16", [float("inf"), "1"], complex(np.inf, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value", "element"), LENIENT_FILLS)
def test_fill_value_with_a_warning(dtype, value, element):
    with pytest.warns(sz.errors.ZarrWarning, match=r"\.zarray: fill_value"):
        arr = opened(dtype, (2,), fill_value=value)
    assert arr[:1].tobytes() == np.array(element, dtype).tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what is written needs no leniency
        assert opened(**json.loads(arr.metadata.to_bytes())).metadata.fill == arr.metadata.fill


BAD_FILLS = [
    ("|b1", 2), ("|b1", "true"), ("|b1", 0.0), ("<i4", "3.5"), ("<i4", 1.5), ("|u1", 256), ("<u2", True),
    ("<f8", "0x7ff8000000000000"), ("<f8", "x"), ("<f8", [1]), ("<f8", True),
    ("<c8", 1), ("<c8", [1]), ("<c8", "AAAA"), ("|S3", "AAAAAA=="), ("|S3", "a"), ("|S3", 1), ("<U2", "abc"),
    ("<U2", 5), ("|V3", "AAA="), ("|V3", [0, 0, 0]), ("<M8[s]", "now"), ("<M8[s]", 2**63), ("<m8[s]", False),
    (RECORD_JSON, {}), (RECORD_JSON, "AAAA"), ([["a", "<U1"]], b64(b"\xff" * 4)),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value"), BAD_FILLS)
def test_bad_fill_value(dtype, value):
    with pytest.warns(sz.errors.ZarrWarning, match=r"^\.zarray: fill_value.*not usable"):
        arr = opened(dtype, fill_value=value)
    with pytest.raises(sz.MetadataError, match=r"^\.zarray: fill_value"):
        _ = arr.fill_value


BAD_TYPES = [
    "u2", "=u2", "|u2", "|f8", "|U2", "<", "", "<i", "<i04", "< i4", "<i4 ", "i4,i4", "<i4,(2,)",
    "<M8[x]", "<M8[0s]", "<i4[s]", "|S99999999999", "<U300000000", "|S1073741825", 4, None, {}, [],
    [["a"]], [["", "<i4"]], [["a", "<i4"], ["a", "<i4"]], [["a", "<i4", [0]]], [["a", "<i4", [2**20, 2**20]]],
    [["a", "|O"]], [[1, "<i4"]], ["a", "<i4"], [["a", "<i4", 2, 3]], [["a", "|V1073741824"], ["b", "|u1"]],
    "{'names': ['a'], 'formats': ['<i4']}", "object", "\u0661", "<i\u0664",
]  # fmt: skip


@pytest.mark.parametrize("dtype", BAD_TYPES)
def test_bad_dtype(dtype):
    with pytest.raises(sz.MetadataError, match=r"^\.zarray: dtype"):
        opened(dtype)


def test_deeply_nested_dtype():
    dtype = "<i4"
    for _ in range(40):
        dtype = [["a", dtype]]
    with pytest.raises(sz.MetadataError, match="deep"):
        opened(dtype)


@pytest.mark.parametrize("dtype", ["<f16", "<c32", "<i16", "<f3", "|b2", "|O"])
def test_unknown_dtype(dtype):
    with pytest.raises(sz.UnsupportedError, match=r"^\.zarray: dtype"):
        opened(dtype)


OBJECTS = {
    "vlen-utf8": (numcodecs.VLenUTF8(), np.array([["a", "hé"], ["", "xyz"]], object), ""),
    "vlen-bytes": (numcodecs.VLenBytes(), np.array([[b"a", b"\0\xff"], [b"", b"xyz"]], object), b""),
}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("id", OBJECTS)
def test_objects(id, order):
    codec, values, empty = OBJECTS[id]
    filters, compressor = [codec, numcodecs.CRC32()], numcodecs.Zlib()
    store = oracle_v2.write_array({}, "", values, (2, 1), order=order, filters=filters, compressor=compressor)
    arr = sz.open_array(store)
    assert arr[...].tolist() == values.tolist()
    assert arr.fill_value == empty
    del store["0.1"]
    assert arr[...].tolist() == [[values[0, 0], empty], [values[1, 0], empty]]
    document = json.loads(arr.metadata.to_bytes())
    assert (document["dtype"], [f["id"] for f in document["filters"]]) == ("|O", [id, "crc32"])
    with pytest.warns(sz.errors.ZarrWarning, match="fill_value"):
        assert opened("|O", filters=[{"id": id}], fill_value=0).fill_value == empty


@pytest.mark.parametrize("place", ["filters", "compressor"])
@pytest.mark.parametrize("dtype", ["|O", "<u2"])
def test_pickles_are_never_loaded(dtype, place, tmp_path):
    """The chunk is a pickle that would create a file."""
    chunk = b"cbuiltins\nopen\n(V%s\nVw\ntR." % str(tmp_path / "made").encode()
    codec = {"id": "pickle", "protocol": 5}
    with pytest.raises(sz.UnsupportedError, match="pickle"):
        opened(dtype, (1,), chunk, **{place: [codec] if place == "filters" else codec})[...]
    assert not (tmp_path / "made").exists()


# ---------------------------------------------------------------- other members

BAD_MEMBERS = {
    "zarr_format": [..., 1, 3, "2", 2.0, True, None],
    "shape": [..., None, 4, [-1], [4.0], [True], ["4"], [2**63]],
    "chunks": [..., None, 4, True, [], [4, 4], [-1], [2.5], [2**62 + 1]],
    "dtype": [...],
    "filters": [True, 1, [None], [{}], [{"id": 3}], [{"id": "delta", "dtype": "<i9"}]],
    "compressor": [True, 1, {"id": None}, {"id": "shuffle", "elementsize": -1}, {"id": "lzma", "format": 9}],
}  # fmt: skip


@pytest.mark.parametrize("member", BAD_MEMBERS)
def test_bad_member(member):
    for value in BAD_MEMBERS[member]:
        with pytest.raises(sz.MetadataError) as info:
            opened(**{"chunks": [4], member: value})
        assert str(info.value).startswith(f".zarray: {member}"), (value, info.value)
        assert "configuration" not in str(info.value)


@pytest.mark.parametrize("document", [b"", b"[]", b"null", b"{", b"\xff\xfe{}", b'{"zarr_format": NaN}', b"[" * 10**5])
def test_no_document(document):
    for key in (".zarray", ".zgroup"):
        with pytest.raises(sz.MetadataError, match=key):
            sz.open({key: document})


@pytest.mark.parametrize("id", ["nope", "os.system", "numcodecs.zlib", "n5_wrapper"])
def test_unknown_codec(id):
    for place in ({"filters": [{"id": id}]}, {"compressor": {"id": id}}):
        with pytest.raises(sz.UnsupportedError, match=id):
            opened(**place)


def test_members_that_may_be_missing_or_empty():
    arr = opened("<u2", (2,), b"\1\0\2\0", filters=..., compressor=...)
    assert arr[...].tolist() == [1, 2]
    with pytest.warns(sz.errors.ZarrWarning, match="filters"):
        assert opened("<u2", (2,), b"\1\0\2\0", filters=[])[...].tolist() == [1, 2]
    with pytest.warns(sz.errors.ZarrWarning, match="dimension_separator"):
        assert opened("|u1", (1, 1), b"\7", "0.0", dimension_separator=None)[0, 0] == 7
    assert opened("|u1", (), b"\7")[()] == 7
    with pytest.warns(sz.errors.ZarrWarning, match="chunks"):
        assert opened("|u1", (0, 3), chunks=[0, 2])[...].shape == (0, 3)


def test_members_that_are_not_in_the_specification_are_kept():
    extra = {"_NCZARR_ARRAY": {"dimrefs": ["/x"]}, "node": "x"}
    arr = opened(**extra)
    document = json.loads(arr.metadata.to_bytes())
    assert {name: document[name] for name in extra} == extra


def test_parameters_that_numcodecs_added():
    chunk = numcodecs.Zstd(level=3).encode(b"zarr")
    added = {"id": "zstd", "level": "3", "checksum": False, "window": 3}
    with pytest.warns(sz.errors.ZarrWarning, match=r'^\.zarray: compressor\.level: "3" is read as 3'):
        arr = opened("|u1", (4,), bytes(chunk), compressor=added)
    assert arr[...].tobytes() == b"zarr"
    assert json.loads(arr.metadata.to_bytes())["compressor"] == {"id": "zstd", "level": 3}
    arr = opened(compressor={"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": -1, "typesize": 2, "new": 1})
    compressor = {"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 1, "blocksize": 0}
    assert json.loads(arr.metadata.to_bytes())["compressor"] == compressor
    assert opened("|u1", compressor={"id": "blosc", "shuffle": -1}).codecs[-1].shuffle == "bitshuffle"


@pytest.mark.parametrize("size", [0, 7, 9, 16])
def test_chunks_of_the_wrong_size(size):
    for members in ({}, {"order": "F"}, {"dtype": MIXED, "shape": (1,), "chunks": [1]}):
        arr = opened(**{"dtype": "<u2", "data": bytes(size), **members})
        with pytest.raises(sz.ChunkError):
            arr[...]


def test_filters_in_two_byte_orders():
    filters = [{"id": "fixedscaleoffset", "offset": 0, "scale": 10, "dtype": ">f8", "astype": "<i2"}]
    arr = opened(">f8", (2,), np.array([15, -5], "<i2").tobytes(), filters=filters)
    assert arr[...].tolist() == [1.5, -0.5]
    again = opened(data=np.array([15, -5], "<i2").tobytes(), **json.loads(arr.metadata.to_bytes()))
    assert again[...].tolist() == [1.5, -0.5]
    with pytest.raises(sz.UnsupportedError, match=r"filters\[0\].*little.*big"):
        opened(">i2", filters=[DELTA])


def test_dimension_names_of_xarray():
    store = {".zarray": zarray("|u1", (1, 1)), ".zattrs": b'{"_ARRAY_DIMENSIONS": ["y", "x"]}'}
    arr = sz.open_array(store)
    assert arr.dimension_names == ("y", "x")
    assert dict(arr.attrs) == {"_ARRAY_DIMENSIONS": ["y", "x"]}
    for names in ('["y"]', '["y", 3]', "null", '"yx"'):
        assert (
            sz.open_array({**store, ".zattrs": b'{"_ARRAY_DIMENSIONS": %s}' % names.encode()}).dimension_names is None
        )
