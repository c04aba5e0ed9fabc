"""Kerchunk's references are read as fsspec reads them; what they refer to is never taken for missing."""

import base64
import json
import pickle

import h5py
import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import StoreError
from simplezarr.stores import MemoryStore, ReferenceStore

DATA = np.arange(40 * 30, dtype="<i4").reshape(40, 30)


@pytest.fixture
def references(tmp_path):
    """A chunked dataset of HDF5, as kerchunk would refer to it."""
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=DATA, chunks=(10, 30))
    document = {
        "zarr_format": 2,
        "shape": [40, 30],
        "chunks": [10, 30],
        "dtype": "<i4",
        "compressor": None,
        "filters": None,
        "fill_value": 0,
        "order": "C",
    }
    refs = {".zgroup": '{"zarr_format": 2}', "x/.zarray": json.dumps(document), "x/.zattrs": {"units": "m"}}
    with h5py.File(path, "r") as file:
        dataset = file["x"]
        for i in range(dataset.id.get_num_chunks()):
            chunk = dataset.id.get_chunk_info(i)
            number = chunk.chunk_offset[0] // 10
            refs[f"x/{number}.0"] = ["{{u}}", chunk.byte_offset, chunk.size]
    return {"version": 1, "templates": {"u": str(path)}, "refs": refs}


def test_a_dataset_of_hdf5_is_read_in_place(references, tmp_path):
    place = tmp_path / "refs.json"
    place.write_text(json.dumps(references))
    for refs in (references, place, str(place), f"file://{place}"):
        root = sz.open(ReferenceStore(refs))
        assert (root["x"][...] == DATA).all()
        assert (root["x"][3:35, ::7] == DATA[3:35, ::7]).all()
        assert dict(root["x"].attrs) == {"units": "m"}
        assert sorted(root) == ["x"]
    for refs in (place, str(place), f"file://{place}"):
        assert (sz.open(refs)["x"][...] == DATA).all()


def test_a_directory_whose_name_ends_so_is_one(tmp_path):
    sz.save(tmp_path / "a.json", DATA)
    assert (sz.load(tmp_path / "a.json") == DATA).all()


def test_values_are_those_of_fsspec(references, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    references["refs"] |= {
        "text": "plain",
        "binary": "base64:" + base64.b64encode(bytes(range(256))).decode(),
        "whole": ["{{u}}"],
        "empty": "",
        "none": ["{{u}}", 8, 0],
    }
    theirs = fsspec.filesystem("reference", fo=references, target_protocol="file", remote_protocol="file")
    store = ReferenceStore(references)
    keys = [key for key in references["refs"] if key not in ("x/.zattrs", "none")]
    assert {key: store.get(key) for key in keys} == {key: theirs.cat_file(key) for key in keys}
    assert store.get("none") == b""
    for key in keys:
        value = store.get(key)
        assert store.size(key) == len(value)
        ranges = [(0, 5), (-5, 5), (3, 10**6), (len(value), 4), (-(10**6), 10**6)]
        assert store.get_ranges(key, ranges) == MemoryStore({"a": value}).get_ranges("a", ranges)
        assert [store.get_range(key, *span) for span in ranges] == store.get_ranges(key, ranges)
    assert store.get("missing") is None
    assert not store.exists("missing")


def test_what_is_referred_to_is_never_missing(tmp_path):
    (tmp_path / "short").write_bytes(b"12345")
    refs = {
        "gone": [str(tmp_path / "gone"), 0, 3],
        "short": [str(tmp_path / "short"), 3, 3],
        "all": [str(tmp_path / "gone")],
    }
    store = ReferenceStore(refs)
    for key in refs:
        for ask in (store.get, lambda key: store.get_range(key, 0, 3), lambda key: store.get_ranges(key, [(0, 3)])):
            with pytest.raises(StoreError, match=f"'{key}' refers to"):
                ask(key)


def test_stores_and_secrets(tmp_path):
    files = MemoryStore({"deep/data.bin": b"0123456789"})
    refs = {"a": ["s3://bucket/deep/data.bin", 2, 3], "b": ["https://me:secret@host.invalid/x?sig=secret", 0, 1]}
    store = ReferenceStore(refs, stores={"s3://bucket": files, "https://me:secret@host.invalid": MemoryStore()})
    assert store.get("a") == b"234"
    with pytest.raises(StoreError) as caught:
        store.get("b")
    assert "secret" not in str(caught.value)
    assert pickle.loads(pickle.dumps(store)).get("a") == b"234"
    with pytest.raises(sz.ReadOnlyError):
        store.set("a", b"")


@pytest.mark.parametrize(
    ("refs", "error", "message"),
    [
        ({"a": ["u", -1, 3]}, sz.MetadataError, "offset, length"),
        ({"a": ["u", 1.5, 3]}, sz.MetadataError, "offset, length"),
        ({"a": ["u", 1 << 63, 3]}, sz.MetadataError, "offset, length"),
        ({"a": ["u", 1, (1 << 63) - 1]}, sz.MetadataError, "offset, length"),
        ({"a": ["u", 1]}, sz.MetadataError, "offset, length"),
        ({"a": [1]}, sz.MetadataError, "offset, length"),
        ({"a": 5}, sz.MetadataError, "offset, length"),
        ({"a": None}, sz.MetadataError, "offset, length"),
        ({"a": "base64:!"}, sz.MetadataError, "base64"),
        ({"version": 1, "refs": {"a": ["{{b}}"]}, "templates": {"u": "x"}}, sz.MetadataError, "template 'b'"),
        ({"version": 1, "refs": {"a": ["{{b(c=1)}}"]}, "templates": {"b": "x"}}, sz.UnsupportedError, "computes"),
        ({"version": 1, "refs": {}, "gen": [{"key": "a"}]}, sz.UnsupportedError, "gen"),
        ({"version": 2, "refs": {}}, sz.UnsupportedError, "version 2"),
        ({"version": 1, "refs": {}, "templates": {"u": 5}}, sz.MetadataError, "templates"),
    ],
)
def test_wrong_references_are_refused(refs, error, message):
    with pytest.raises(error, match=message):
        ReferenceStore(refs).get("a")


def test_wrong_files_are_refused(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\x89HDF")
    (tmp_path / "b.json").write_text("[1]")
    (tmp_path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    for name, error in (
        ("a.json", sz.MetadataError),
        ("b.json", sz.MetadataError),
        ("zarr.json", sz.MetadataError),
        ("c.json", FileNotFoundError),
    ):
        with pytest.raises(error):
            ReferenceStore(tmp_path / name)


@pytest.mark.parametrize(
    "numbers",
    [
        *([True, 4], [4, True], [False, False], [1.0, 4], [0, 4.0], [np.int64(0), 4], ["0", 4], [None, 4], [0]),
        *([-4, 4], [0, -4], [1 << 63, 4], [1, (1 << 63) - 1], [0, 4, 4]),
    ],
    ids=str,
)
def test_arrays_refuse_what_get_refuses(numbers, tmp_path):
    """A local file is read by another way than by `get`."""
    (tmp_path / "data.bin").write_bytes(bytes(100))
    document = {"zarr_format": 2, "shape": [8], "chunks": [4], "dtype": "|u1", "compressor": None, "filters": None}
    refs = {
        ".zarray": json.dumps({**document, "fill_value": 0, "order": "C"}),
        "0": [str(tmp_path / "data.bin"), 4, 4],
        "1": [str(tmp_path / "data.bin"), *numbers],
    }
    store = ReferenceStore(refs)
    for read in (lambda: store.get("1"), lambda: store.get_range("1", 0, 4), sz.open_array(store).read):
        with pytest.raises(sz.MetadataError, match="offset, length"):
            read()
