"""Zarr 2's object codecs: what numcodecs has encoded is read as numcodecs gives it."""

import json
import sys

import numcodecs
import numpy as np
import pytest

import simplezarr as sz

OBJECTS = np.array([{"a": [1, None]}, "text", [1, [2]], None, 5, 2.5, True, "é", [], {}], object)


def arrays_of(dtype, lengths=(0, 1, 3, 7, 2, 2)):
    found = np.empty(len(lengths), object)
    for i, length in enumerate(lengths):
        found[i] = np.arange(i, i + length).astype(dtype)
    return found


def store_of(data, filters, compressor=None, chunks=4, dtype="|O", fill=None, order="C"):
    """A Zarr 2 array, encoded by numcodecs as zarr-python 2 does: chunks are padded with the fill value."""
    chunks = (chunks,) * data.ndim if isinstance(chunks, int) else chunks
    document = {
        "zarr_format": 2, "shape": list(data.shape), "chunks": list(chunks), "dtype": dtype, "fill_value": fill,
        "order": order, "filters": [codec.get_config() for codec in filters],
        "compressor": None if compressor is None else compressor.get_config(),
    }  # fmt: skip
    store = {".zarray": json.dumps(document).encode()}
    for index in np.ndindex(*[-(-length // chunk) for length, chunk in zip(data.shape, chunks, strict=True)]):
        chunk = np.full(chunks, fill, np.dtype(dtype), order=order)
        part = data[tuple([slice(i * c, (i + 1) * c) for i, c in zip(index, chunks, strict=True)])]
        chunk[tuple([slice(length) for length in part.shape])] = part
        encoded = chunk
        for codec in [*filters, *([] if compressor is None else [compressor])]:
            encoded = codec.encode(encoded)
        store[".".join(map(str, index))] = numcodecs.compat.ensure_bytes(encoded)
    return store


def same(found, expected):
    return found.shape == expected.shape and all(
        type(a) is type(b) and (np.array_equal(a, b) and a.dtype == b.dtype if isinstance(b, np.ndarray) else a == b)
        for a, b in zip(found.reshape(-1).tolist(), expected.reshape(-1).tolist(), strict=True)
    )


@pytest.mark.parametrize("compressor", [None, numcodecs.Zlib(1), numcodecs.Blosc()], ids=str)
@pytest.mark.parametrize("codec", [numcodecs.JSON(), numcodecs.JSON(indent=1), numcodecs.MsgPack()], ids=str)
def test_json_and_msgpack(codec, compressor):
    arr = sz.open(store_of(OBJECTS, [codec], compressor))
    assert arr.dtype == object
    assert same(arr[...], OBJECTS)
    assert same(arr[1:9:3], OBJECTS[1:9:3])
    assert same(arr[[9, 0, 2]], OBJECTS[[9, 0, 2]])
    assert arr[0] == {"a": [1, None]}
    assert arr[2] == [1, [2]]
    assert arr.fill_value is None


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("codec", [numcodecs.JSON(), numcodecs.MsgPack()], ids=str)
def test_several_dimensions(codec, order):
    data = np.empty((4, 6), object)
    for i, index in enumerate(np.ndindex(data.shape)):
        data[index] = OBJECTS[i % len(OBJECTS)]
    arr = sz.open(store_of(data, [codec], chunks=(4, 4), order=order))
    assert same(arr[...], data)
    assert same(arr[2, 1:], data[2, 1:])


@pytest.mark.parametrize("dtype", ["<i4", ">f8", "|u1", "<U3"])
def test_arrays_of_any_length(dtype):
    data = arrays_of(dtype)
    arr = sz.open(store_of(data, [numcodecs.VLenArray(dtype)], numcodecs.Zstd(1), chunks=3))
    assert same(arr[...], data)
    assert arr[3].dtype == np.dtype(dtype)
    assert same(arr[2:5], data[2:5])


def test_arrays_of_equal_length():
    data = arrays_of("<i4", (2, 2, 2, 2))
    for order in "CF":
        arr = sz.open(store_of(data.reshape(2, 2), [numcodecs.VLenArray("<i4")], chunks=2, order=order))
        assert same(arr[...], data.reshape(2, 2))


@pytest.mark.parametrize(("dtype", "astype"), [(object, "u1"), (object, "<i2"), ("<U6", "u1"), ("<U3", ">u2")])
def test_categories(dtype, astype):
    data = np.array(["male", "female", "", "male", "female"], dtype)
    codec = numcodecs.Categorize(["female", "male"], dtype=dtype, astype=astype)
    store = store_of(data, [codec], numcodecs.Zlib(1), chunks=2, dtype=np.dtype(dtype).str, fill="")
    arr = sz.open(store, mode="r+")
    assert arr[...].tolist() == codec.decode(codec.encode(data)).tolist()
    assert arr.dtype == (np.dtypes.StringDType() if dtype is object else np.dtype(dtype))
    if dtype != "<U3":
        arr[2] = "male"
        assert sz.open(store)[...].tolist() == ["male", "female", "male", "male", "female"]
        assert codec.decode(numcodecs.Zlib().decode(store["1"])).tolist() == ["male", "male"]
        with pytest.raises(sz.ChunkError, match="'other' is not one of the labels"):
            arr[0] = "other"


def test_a_missing_chunk_is_the_fill_value():
    for fill in (None, 0, "", 7.5, "none"):
        arr = sz.open(store_of(OBJECTS[:0].reshape(0), [numcodecs.JSON()], fill=fill) | {".zarray": json.dumps({
            "zarr_format": 2, "shape": [3], "chunks": [2], "dtype": "|O", "fill_value": fill, "order": "C",
            "filters": [{"id": "json2"}], "compressor": None}).encode()})  # fmt: skip
        assert arr[...].tolist() == [fill] * 3


def test_they_are_only_read():
    for codec in (numcodecs.JSON(), numcodecs.MsgPack(), numcodecs.VLenArray("<i4")):
        data = arrays_of("<i4") if isinstance(codec, numcodecs.VLenArray) else OBJECTS
        store = store_of(data, [codec])
        arr = sz.open(store, mode="r+")
        for write in (lambda arr=arr: arr.__setitem__(0, None), lambda arr=arr: arr.resize((20,))):
            with pytest.raises(sz.UnsupportedError, match="can only be read"):
                write()
        arr.attrs["a"] = 1
        assert same(sz.open(store)[...], data)


def test_damaged_chunks():
    good = json.dumps(["a", "b", "|O", [2]])
    wrong = [
        b"", b"null", b"{}", b"[]", b"[1]", b'["a", "b", "|O", [3]]', b'["a", "|O", [2]]', b'["a", "b", "|O", [2, 1]]',
        b'["a", "b", "|O", 2]', b'["a", "b", "|O", [-2, -1]]', b'["a", "b", "|O", [2.0]]',
        b'["a", "b", "|O", [true, 2]]', b"[" * 100_000, good.encode()[:-1], b"\xff" + good.encode(),
    ]  # fmt: skip
    document = {
        "zarr_format": 2, "shape": [2], "chunks": [2], "dtype": "|O", "fill_value": None, "order": "C",
        "filters": [{"id": "json2"}], "compressor": None,
    }  # fmt: skip
    for data in wrong:
        with pytest.raises(sz.ChunkError, match=r"json2"):
            sz.open({".zarray": json.dumps(document).encode(), "0": data})[...]
    document["filters"] = [{"id": "vlen-array", "dtype": "<i4"}]
    for data in (b"", b"\2\0\0\0", b"\2\0\0\0" + b"\4\0\0\0abcd" + b"\3\0\0\0abc", b"\3\0\0\0" + bytes(12)):
        with pytest.raises(sz.ChunkError, match=r"vlen-array"):
            sz.open({".zarray": json.dumps(document).encode(), "0": data})[...]
    document["filters"] = [{"id": "msgpack2"}]
    for data in (b"", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\x91\xc0", b"\x93\xc0\xa2|O\x92\x02\x01"):
        with pytest.raises(sz.ChunkError, match=r"msgpack2"):
            sz.open({".zarray": json.dumps(document).encode(), "0": data})[...]


@pytest.mark.parametrize("codec", [numcodecs.JSON(), numcodecs.MsgPack(), numcodecs.VLenArray("<i4")], ids=str)
def test_chunks_damaged_at_random(codec):
    data = arrays_of("<i4") if isinstance(codec, numcodecs.VLenArray) else OBJECTS
    store = store_of(data, [codec], chunks=len(data))
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(500):
        bad = bytearray(store["0"])
        for at in random.integers(0, len(bad), random.integers(1, 4)):
            bad[at] = random.integers(0, 256)
        bad = bytes(bad[: random.integers(0, len(bad))] if random.random() < 0.3 else bad)
        try:
            assert sz.open({**store, "0": bad})[...].shape == data.shape
        except sz.ChunkError:
            refused += 1
    assert refused > 100


def test_msgpack_is_an_extra(monkeypatch):
    store = store_of(OBJECTS, [numcodecs.MsgPack()])
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with pytest.raises((sz.ChunkError, sz.UnsupportedError), match=r"pip install 'simplezarr\[msgpack\]'"):
        sz.open(store)[...]


def test_configurations_that_make_no_sense():
    for value, message in [
        ({"id": "vlen-array"}, "dtype: missing"),
        ({"id": "vlen-array", "dtype": "|O"}, "dtype"),
        ({"id": "json2", "encoding": "rot13"}, "encoding"),
        ({"id": "categorize", "labels": "ab", "dtype": "|O"}, "labels"),
        ({"id": "categorize", "labels": [1], "dtype": "|O"}, r"labels\[0\]"),
        ({"id": "categorize", "dtype": "|O"}, "labels: missing"),
        ({"id": "categorize", "labels": ["a"], "dtype": "|O", "astype": "|O"}, "astype"),
    ]:
        store = store_of(OBJECTS, [numcodecs.JSON()])
        document = json.loads(store[".zarray"]) | {"filters": [value]}
        with pytest.raises(sz.MetadataError, match=rf"\.zarray: filters\[0\]\.{message}"):
            sz.open({".zarray": json.dumps(document).encode()})
