"""Settings of codecs as other software writes them: chunks are read, and what can't be used is named."""

import copy
import json
import pickle
import warnings

import numcodecs
import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs.parse import parse_codec
from simplezarr.errors import MetadataError, UnsupportedError, ZarrWarning
from tests.oracle.v3 import LITTLE, codec, sharding

pytestmark = pytest.mark.filterwarnings("ignore::simplezarr.errors.ZarrWarning")  # `opened` collects them

DATA = np.arange(100, 140, dtype="<i8")
BLOSC = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 8, "blocksize": 0}


def zarray(data, **members):
    """A store with a Zarr 2 array of one chunk; a member that is ... is left out."""
    document = {
        "zarr_format": 2, "shape": list(DATA.shape), "chunks": list(DATA.shape), "dtype": "<i8", "fill_value": 0,
        "order": "C", "filters": None, "compressor": None, **members,
    }  # fmt: skip
    document = {name: value for name, value in document.items() if value is not ...}
    return {".zarray": json.dumps(document).encode(), "0": bytes(data)}


def zarr3(data, *codecs, dtype="int64"):
    """A store with a Zarr 3 array of one chunk."""
    document = {
        "zarr_format": 3, "node_type": "array", "shape": list(DATA.shape), "data_type": dtype, "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(DATA.shape)}},
        "chunk_key_encoding": {"name": "default"}, "codecs": list(codecs),
    }  # fmt: skip
    return {"zarr.json": json.dumps(document).encode(), "c/0": bytes(data)}


def opened(store, mode="r"):
    """The array, and the messages of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        arr = sz.open(store, mode=mode)
    assert all(item.category is ZarrWarning for item in caught)
    return arr, [str(item.message) for item in caught]


# ---------------------------------------------------------------- spelled otherwise: read and written

ZSTD, GZIP, ZLIB = numcodecs.Zstd(3), numcodecs.GZip(3), numcodecs.Zlib(3)
SPELLED_2 = {
    "GDAL's zstd": ({"compressor": {"id": "zstd", "level": 13, "checksum": "NO"}}, ZSTD, ["compressor.checksum"]),
    "YES": ({"compressor": {"id": "zstd", "level": 13, "checksum": "YES"}}, ZSTD, ["compressor.checksum"]),
    "1": ({"compressor": {"id": "zstd", "level": 13, "checksum": 1}}, ZSTD, ["compressor.checksum"]),
    "text": ({"compressor": {"id": "gzip", "level": "5"}}, GZIP, ["compressor.level"]),
    "float": ({"compressor": {"id": "zlib", "level": 5.0}}, ZLIB, ["compressor.level"]),
    "float in text": ({"compressor": {"id": "zlib", "level": "5.0"}}, ZLIB, ["compressor.level"]),
    "null": ({"compressor": {"id": "zlib", "level": None}}, ZLIB, ["compressor.level"]),
    "empty": ({"compressor": {"id": "zlib", "level": ""}}, ZLIB, ["compressor.level"]),
    "zlib's default": ({"compressor": {"id": "gzip", "level": -1}}, GZIP, []),
    "all missing": ({"compressor": {"id": "gzip"}}, GZIP, []),
    "two": (
        {"compressor": {"id": "zstd", "level": "3", "checksum": "false"}},
        ZSTD,
        ["compressor.level", "compressor.checksum"],
    ),
    "blosc": (
        {"compressor": {"id": "blosc", "cname": "zstd", "clevel": "3", "shuffle": "1", "blocksize": "0"}},
        numcodecs.Blosc("zstd", 3, 1),
        ["compressor.shuffle", "compressor.clevel", "compressor.blocksize"],
    ),
    "blosc in words": (
        {"compressor": {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": "bitshuffle", "blocksize": None}},
        numcodecs.Blosc("zstd", 3, 2),
        ["compressor.blocksize"],
    ),
    "blosc's typesize 0": (
        {"compressor": {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 1, "blocksize": 0, "typesize": 0}},
        numcodecs.Blosc("zstd", 3, 1),
        [],
    ),
    "lz4": ({"compressor": {"id": "lz4", "acceleration": "1"}}, numcodecs.LZ4(), ["compressor.acceleration"]),
    "lzma": (
        {"compressor": {"id": "lzma", "format": "1", "check": "-1", "preset": "6", "filters": None}},
        numcodecs.LZMA(preset=6),
        ["compressor.format", "compressor.check", "compressor.preset"],
    ),
    "bz2": ({"compressor": {"id": "bz2", "level": "9"}}, numcodecs.BZ2(9), ["compressor.level"]),
    "shuffle in text": (
        {"filters": [{"id": "shuffle", "elementsize": "8"}]},
        numcodecs.Shuffle(8),
        ["filters[0].elementsize"],
    ),
    "netCDF-C's shuffle": (
        {"filters": [{"id": "shuffle", "elementsize": 0}]},
        numcodecs.Shuffle(8),
        ["filters[0].elementsize"],
    ),
    "the same in text": (
        {"filters": [{"id": "shuffle", "elementsize": "0"}]},
        numcodecs.Shuffle(8),
        ["filters[0].elementsize"],
    ),
    "shuffle's null": (
        {"filters": [{"id": "shuffle", "elementsize": None}]},
        numcodecs.Shuffle(8),
        ["filters[0].elementsize"],
    ),
    "shuffle without a size": ({"filters": [{"id": "shuffle"}]}, numcodecs.Shuffle(), ["filters[0].elementsize"]),
    "delta": ({"filters": [{"id": "delta", "dtype": "<i8", "astype": None}]}, numcodecs.Delta("<i8"), []),
    "scale": (
        {"filters": [{"id": "fixedscaleoffset", "scale": "1", "offset": "100", "dtype": "<i8", "astype": "<i8"}]},
        numcodecs.FixedScaleOffset(offset=100, scale=1, dtype="<i8"),
        ["filters[0].scale", "filters[0].offset"],
    ),
    "delta of nothing": (
        {"filters": [{"id": "delta", "dtype": "", "astype": ""}]},
        numcodecs.Delta("<i8"),
        ["filters[0].dtype", "filters[0].astype"],
    ),
    "lzma without filters": (
        {"compressor": {"id": "lzma", "format": 1, "check": -1, "preset": None, "filters": []}},
        numcodecs.LZMA(),
        ["compressor.filters"],
    ),
    "capitals": (
        {"compressor": {"id": "blosc", "cname": "LZ4", "clevel": 5, "shuffle": "NOSHUFFLE", "blocksize": 0}},
        numcodecs.Blosc(),
        ["compressor.cname", "compressor.shuffle"],
    ),
    "a place in capitals": (
        {"filters": [{"id": "crc32", "location": "START"}]},
        numcodecs.CRC32(),
        ["filters[0].location"],
    ),
    "no place": ({"filters": [{"id": "crc32", "location": None}]}, numcodecs.CRC32(), ["filters[0].location"]),
    "a list of one": ({"compressor": [{"id": "zlib", "level": 1}]}, ZLIB, ["compressor"]),
    "one filter": ({"filters": {"id": "zlib", "level": 1}}, ZLIB, ["filters"]),
    "an id alone": ({"compressor": "zlib"}, ZLIB, ["compressor"]),
    "an id alone in a list": ({"filters": ["zlib"]}, ZLIB, ["filters[0]"]),
    "no compressor: []": ({"compressor": []}, None, ["compressor"]),
    "no compressor: {}": ({"compressor": {}}, None, ["compressor"]),
    "no filters": ({"filters": []}, None, ["filters"]),
    "both missing": ({"filters": ..., "compressor": ...}, None, []),
    "the same filter twice": (
        {"filters": [{"id": "delta", "dtype": "<i8"}] * 2},
        numcodecs.Delta("<i8"),
        [],
    ),
}


@pytest.mark.parametrize("name", SPELLED_2)
def test_zarr_2(name):
    members, encoder, places = SPELLED_2[name]
    data = DATA if encoder is None else encoder.encode(DATA)
    if name.endswith("twice"):
        data = encoder.encode(np.asarray(data).view("<i8"))
    store = zarray(data if encoder else DATA.tobytes(), **members)
    arr, messages = opened(store, "r+")
    assert arr[...].tolist() == DATA.tolist()
    assert [message.partition(": ")[2].partition(":")[0] for message in messages] == places
    assert all(message.startswith(".zarray: ") and "configuration" not in message for message in messages)
    arr[3:7] = 5
    assert opened(store)[0][...].tolist() == [*DATA[:3], 5, 5, 5, 5, *DATA[7:]]
    arr.resize((50,))
    again, messages_again = opened(store)
    assert messages_again == messages  # other software's spelling stays
    assert again[:40].tolist() == [*DATA[:3], 5, 5, 5, 5, *DATA[7:]]


SPELLED_3 = {
    "zstd without level": (codec("zstd"), ZSTD, "level: missing"),
    "zstd alone": ("zstd", ZSTD, "level: missing"),
    "gzip without level": (codec("gzip"), GZIP, "level: missing"),
    "null": ({"name": "gzip", "configuration": None}, GZIP, "configuration: null"),
    "text": (codec("gzip", level="3"), GZIP, 'level: "3" is read as 3'),
    "float": (codec("zstd", level=3.0, checksum=False), ZSTD, "level: 3.0 is read as 3"),
    "NO": (codec("zstd", level=3, checksum="NO"), ZSTD, 'checksum: "NO" is read as false'),
    "blosc by number": (codec("blosc", **{**BLOSC, "shuffle": 1}), numcodecs.Blosc(), "shuffle: 1 is 'shuffle'"),
    "blosc's typesize 0": (codec("blosc", **{**BLOSC, "typesize": 0}), numcodecs.Blosc(), "typesize: "),
    "blosc's typesize null": (codec("blosc", **{**BLOSC, "typesize": None}), numcodecs.Blosc(), "typesize: "),
    "blosc's blocksize null": (codec("blosc", **{**BLOSC, "blocksize": None}), numcodecs.Blosc(), "blocksize: null"),
    "blosc alone": ("blosc", numcodecs.Blosc(), "cname: missing"),
    "a word": (codec("numcodecs.blosc", shuffle="shuffle"), numcodecs.Blosc(), None),
    "shuffle": (codec("numcodecs.shuffle", elementsize="8"), numcodecs.Shuffle(8), 'elementsize: "8" is read as 8'),
}


@pytest.mark.parametrize("name", SPELLED_3)
def test_zarr_3(name):
    value, encoder, message = SPELLED_3[name]
    store = zarr3(encoder.encode(DATA), LITTLE, value)
    arr, messages = opened(store, "r+")
    assert arr[...].tolist() == DATA.tolist()
    assert (message is None) == (not messages)
    assert message is None or any(message in text for text in messages)
    assert all("zarr.json: codecs[1].configuration" in text for text in messages)
    arr[0] = 1
    arr.attrs["a"] = 1
    again, messages_again = opened(store)
    assert again[:3].tolist() == [1, 101, 102]
    assert messages_again == messages  # other software's spelling stays
    copied = {}
    sz.create_array(copied, data=again, codecs=again.codecs)
    assert not opened(copied)[1]  # a new document needs no leniency


def test_numbers_as_text_in_lists():
    data = np.arange(40, dtype="<i8").reshape(4, 10)
    store = {}
    sz.create_array(store, data=data, chunks=(2, 5), shards=(4, 10), codecs=[sz.codecs.Transpose((1, 0))])
    document = json.loads(store["zarr.json"])
    configuration = document["codecs"][0]["configuration"]
    configuration["chunk_shape"] = ["2", 5.0]
    configuration["codecs"][0]["configuration"]["order"] = ["1", 0.0]
    store["zarr.json"] = json.dumps(document).encode()
    again, messages = opened(store)
    assert np.array_equal(again[...], data)
    assert len(messages) == 2


@pytest.mark.parametrize("location", [None, "", "END", "Start"])
def test_the_place_of_an_index(location):
    data = np.arange(40, dtype="<i8")
    where = "start" if location == "Start" else "end"
    store = {}
    shard = sz.codecs.Sharding((10,), ["bytes"], index_location=where)
    sz.create_array(store, data=data, chunks=(40,), codecs=[shard])
    document = json.loads(store["zarr.json"])
    document["codecs"][0]["configuration"]["index_location"] = location
    again, messages = opened({**store, "zarr.json": json.dumps(document).encode()})
    assert np.array_equal(again[...], data)
    assert len(messages) == 1


def test_filters_whose_types_have_no_byte_order():
    """NumPy's plain names are numbers in the machine's order."""
    numbers = np.arange(1000, 1040, dtype="<f8")
    filters = [{"id": "fixedscaleoffset", "scale": 1, "offset": 1000, "dtype": "f8", "astype": "i2"}]
    data = numcodecs.FixedScaleOffset(offset=1000, scale=1, dtype="f8", astype="i2").encode(numbers)
    arr, messages = opened(zarray(data.tobytes(), dtype="<f8", filters=filters))
    assert arr[...].tolist() == numbers.tolist()
    assert not messages
    with pytest.raises(UnsupportedError, match="takes elements in little-endian order, but gets them in big-endian"):
        sz.open(zarray(data.tobytes(), dtype=">f8", filters=filters))


def test_an_element_size_of_0_where_elements_vary_in_size():
    members = {"dtype": "|O", "fill_value": "", "filters": [{"id": "vlen-utf8"}, {"id": "shuffle", "elementsize": 0}]}
    with pytest.raises(MetadataError, match=r"filters\[1\]\.elementsize: 0 means the size of the data type"):
        sz.open(zarray(b"", **members))


def test_members_beside_a_configuration():
    store = zarr3(ZSTD.encode(DATA), LITTLE, {"name": "zstd", "level": 3})
    arr, messages = opened(store, "r+")
    assert arr[...].tolist() == DATA.tolist()
    assert messages == ["zarr.json: codecs[1]: level; members beside the configuration are read as if they were in it"]
    arr[0] = 1
    with pytest.raises(MetadataError, match=r"codecs\[0\]\.endian: unknown member"):
        sz.open(zarr3(DATA.tobytes(), {"name": "bytes", "endian": "big"}))


def test_an_id_in_a_configuration():
    for encoder in (ZLIB, numcodecs.Shuffle(8)):
        value = codec(f"numcodecs.{encoder.codec_id}", **encoder.get_config())
        arr, messages = opened(zarr3(encoder.encode(DATA), LITTLE, value), "r+")
        assert arr[...].tolist() == DATA.tolist()
        assert len(messages) == 1
        arr[0] = 1


@pytest.mark.parametrize(("value", "members", "dtype"), [
    ("scale_offset", {"offset": "1", "scale": "2.0"}, "float64"),
    ("scale_offset", {"offset": "1", "scale": None}, "int64"),
    ("cast_value", {"data_type": "float32", "rounding": "NEAREST-EVEN", "out_of_range": None}, "float64"),
    ("packbits", {"padding_encoding": None, "first_bit": "0", "last_bit": 62}, "int64"),
])  # fmt: skip
def test_registered_codecs(value, members, dtype):
    data = np.arange(40).astype(dtype)
    usual = {"scale_offset": {"offset": 1, "scale": 2 if dtype == "float64" else 1},
             "cast_value": {"data_type": "float32"}, "packbits": {"last_bit": 62}}[value]  # fmt: skip
    store = {}
    sz.create_array(store, data=data, codecs=[codec(value, **usual)])
    document = json.loads(store["zarr.json"])
    document["codecs"][0]["configuration"] = members
    again, messages = opened({**store, "zarr.json": json.dumps(document).encode()})
    assert np.array_equal(again[...], data)
    assert len(messages) == 2


def test_a_reader_of_text_stays_strict_with_what_is_none():
    for member, value in [("order", ["1", "x"]), ("order", [True, 0]), ("order", [1.5, 0])]:
        with pytest.raises(MetadataError, match=member):
            parse_codec({"name": "transpose", "configuration": {member: value}}, "c")
    for value in (True, "four", "4.5", 4.5, -1, [4], {}, "1e1"):
        for where in (zarray(b"", filters=[{"id": "shuffle", "elementsize": value}]),
                      zarr3(b"", LITTLE, codec("numcodecs.shuffle", elementsize=value))):  # fmt: skip
            with pytest.raises(MetadataError, match="elementsize"):
                sz.open(where)


# ---------------------------------------------------------------- what can't be used: read, but not written

UNUSABLE = [
    (codec("gzip", level=10), GZIP, "level: 10 is not an integer from 0 to 9"),
    (codec("gzip", level=-1), GZIP, "level: -1"),
    (codec("gzip", level=True), GZIP, "level: true"),
    (codec("gzip", level="best"), GZIP, 'level: "best"'),
    (codec("gzip", level=5, wbits=15), GZIP, "wbits: unknown member"),
    (codec("zstd", level=23), ZSTD, "level: 23"),
    (codec("zstd", level="30"), ZSTD, "level: 30"),
    (codec("zstd", level=3, window=1), ZSTD, "window: unknown member"),
    (codec("zstd", level={}, checksum=[1]), ZSTD, "level: {}"),
    (codec("blosc", **{**BLOSC, "cname": "lzma"}), numcodecs.Blosc(), 'cname: "lzma" is not one of "lz4",'),
    (codec("blosc", **{**BLOSC, "clevel": 10}), numcodecs.Blosc(), "clevel: 10"),
    (codec("blosc", **{**BLOSC, "shuffle": 7}), numcodecs.Blosc(), "shuffle: 7"),
    (codec("blosc", **{**BLOSC, "blocksize": -1}), numcodecs.Blosc(), "blocksize: -1"),
    (codec("blosc", **{**BLOSC, "threads": 2}), numcodecs.Blosc(), "threads: unknown member"),
    (codec("numcodecs.blosc", shuffle=3), numcodecs.Blosc(), "shuffle: 3"),
    (codec("numcodecs.zlib", level=10), ZLIB, "level: 10"),
    (codec("numcodecs.bz2", level=0), numcodecs.BZ2(), "level: 0"),
    ({"name": "zstd", "configuration": {"level": 1}, "comment": "x"}, ZSTD, "comment: unknown member"),
    (codec("numcodecs.fletcher32", position="end"), numcodecs.Fletcher32(), "position: unknown member"),
    (codec("numcodecs.lzma", format=1, check=99), numcodecs.LZMA(), "check: 99"),
    (codec("numcodecs.lzma", format=1, preset=6, filters="delta"), numcodecs.LZMA(), 'filters: "delta" is not a list'),
    (codec("numcodecs.lz4", acceleration=1.5), numcodecs.LZ4(), "acceleration: 1.5"),
]


@pytest.mark.parametrize(("value", "encoder", "message"), UNUSABLE, ids=lambda item: str(item)[:60])
def test_unusable_settings_of_encoders(value, encoder, message):
    store = zarr3(encoder.encode(DATA), LITTLE, value)
    before = dict(store)
    arr, messages = opened(store, "r+")
    assert arr[5:9].tolist() == [105, 106, 107, 108]
    assert messages[0].startswith(f"zarr.json: codecs[1].configuration.{message}")
    for write in (lambda: arr.__setitem__(0, 1), lambda: arr.resize((70,)), lambda: arr.append([1])):
        with pytest.raises(UnsupportedError, match="can only be read") as info:
            write()
        assert message in str(info.value)
    assert store == before
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arr.attrs["a"] = 1  # of no concern to the codec, whose metadata stay as they are
        assert json.loads(store["zarr.json"])["codecs"][1] == value
        assert pickle.loads(pickle.dumps(arr.codecs)) == copy.copy(arr.codecs) == arr.codecs
        with pytest.raises(UnsupportedError, match="can't be written"):
            sz.create_array({}, shape=(4,), dtype="i8", codecs=[LITTLE, value])


def test_unusable_settings_of_encoders_of_arrays():
    floats = np.linspace(0, 1, 40)
    for value in (codec("bitround", keepbits="x"), codec("bitround"), codec("numcodecs.quantize", digits=10**9)):
        arr, messages = opened(zarr3(floats.tobytes(), value, LITTLE, dtype="float64"), "r+")
        assert arr[...].tolist() == floats.tolist()
        assert len(messages) == 1
        with pytest.raises(UnsupportedError, match="can only be read"):
            arr[...] = 1


def test_unusable_settings_within_shards_and_in_zarr_2():
    values = np.arange(40, dtype="<i8")
    stored = {}
    sz.create_array(stored, data=values, chunks=(10,), shards=(40,), codecs=["zstd"])
    document = json.loads(stored["zarr.json"])
    document["codecs"] = [sharding([10], [LITTLE, codec("zstd", level="fast")])]
    sharded, messages = opened({**stored, "zarr.json": json.dumps(document).encode()}, "r+")
    assert sharded[33] == 33
    assert len(messages) == 1
    with pytest.raises(UnsupportedError, match="can only be read"):
        sharded[0] = 1
    store = zarray(ZSTD.encode(DATA), compressor={"id": "zstd", "level": "fast", "new": 1})
    arr, messages = opened(store, "r+")
    assert arr[1] == 101
    assert messages == ['.zarray: compressor.level: "fast" is not an integer from -131072 to 22; chunks can be read, '
                        "but not written"]  # fmt: skip
    with pytest.raises(UnsupportedError, match="can only be read"):
        arr[0] = 1
    with pytest.raises(UnsupportedError, match="can only be read"):
        arr.resize((50,))


def test_an_unknown_member_that_decoding_may_need_is_refused():
    for value in (codec("numcodecs.shuffle", elementsize=8, layout=1), codec("numcodecs.crc32", position=1)):
        with pytest.raises(MetadataError, match="unknown member"):
            sz.open(zarr3(b"", LITTLE, value))
