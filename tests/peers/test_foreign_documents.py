"""Documents as libraries in other languages write them (n5, Java, JavaScript, C++), by hand: their chunks are read."""

import gzip
import json
import zlib

import numpy as np
import pytest

import simplezarr as sz

pytestmark = pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
VALUES = (np.arange(30).reshape(5, 6) % 11).astype("i4")


def chunks(dtype, encode, separator, values=VALUES, order="C"):
    """Zarr 2 chunks of 3 by 4, whole also at the edges."""
    whole = np.zeros((6, 8), dtype)
    whole[:5, :6] = values
    blocks = {(i, j): whole[3 * i : 3 * i + 3, 4 * j : 4 * j + 4] for i in range(2) for j in range(2)}
    return {f"{i}{separator}{j}": encode(block.tobytes(order)) for (i, j), block in blocks.items()}


def v2(dtype, encode=bytes, separator=".", *, order="C", **members):
    """A Zarr 2 array; `...` leaves a member out."""
    document = {"zarr_format": 2, "shape": [5, 6], "chunks": [3, 4], "dtype": dtype, "order": order,
                "compressor": None, "filters": None, "fill_value": 0, **members}  # fmt: skip
    document = {name: value for name, value in document.items() if value is not ...}
    return {".zarray": json.dumps(document).encode(), **chunks(dtype, encode, separator, order=order)}


def v3(codecs, encode, dtype="int32", stored="<i4", **members):
    """A Zarr 3 array with the default chunk keys."""
    document = {
        "zarr_format": 3, "node_type": "array", "shape": [5, 6], "data_type": dtype, "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [3, 4]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}, "codecs": codecs, **members,
    }  # fmt: skip
    document = {name: value for name, value in document.items() if value is not ...}
    stored = {f"c/{key}": value for key, value in chunks(stored, encode, "/").items()}
    return {"zarr.json": json.dumps(document).encode(), **stored}


LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
DOCUMENTS = {
    # n5-zarr: big-endian, the fill value as text, gzip with a level of -1 for the default
    "n5": v2(">i4", gzip.compress, fill_value="0", compressor={"id": "gzip", "level": -1}),
    "n5 nested": v2(">i4", zlib.compress, "/", compressor={"id": "zlib", "level": -1, "useZlib": True},
                    dimension_separator="/", fill_value="0"),
    # JZarr: numbers as floats, members in another order, no filters member
    "jzarr": v2(">i4", zlib.compress, compressor={"level": 1, "id": "zlib"}, fill_value=0.0, filters=...),
    "jzarr nested": v2("<i4", zlib.compress, "/", compressor={"id": "zlib", "level": 1}, dimension_separator="/",
                       filters=...),
    "jzarr none": v2(">i4", compressor=None, fill_value=None, filters=...),
    # zarr.js and zarrita.js: null for what is not set, no order or filters
    "zarr.js": v2("<i4", zlib.compress, compressor={"id": "zlib", "level": 1}, fill_value=None, filters=None),
    "zarrita v2": v2("<i4", gzip.compress, compressor={"id": "gzip", "level": 5}, filters=[], fill_value=None),
    "zarrita v3": v3([LITTLE, {"name": "gzip", "configuration": {"level": 5}}], gzip.compress, attributes={}),
    "zarrita v3, sparse": v3([{"name": "bytes", "configuration": {"endian": "little"}}], bytes,
                             dimension_names=None, storage_transformers=[]),
    # zarr-java: every optional member, also empty ones
    "zarr-java v3": v3([LITTLE, {"name": "gzip", "configuration": {"level": 5}}], gzip.compress, attributes={},
                       dimension_names=[None, None], storage_transformers=[]),
    "zarr-java v3, big": v3([{"name": "bytes", "configuration": {"endian": "big"}}], bytes, stored=">i4"),
    # xtensor-zarr and z5: dimension separator without nesting, levels as text
    "z5": v2("<i4", zlib.compress, compressor={"id": "zlib", "level": "5"}, dimension_separator="."),
    "xtensor": v2("<i4", gzip.compress, compressor={"id": "gzip", "level": 1.0}, fill_value="0"),
    "fortran": v2("<i4", order="F"),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_values(name):
    array = sz.open_array(DOCUMENTS[name])
    np.testing.assert_array_equal(array[...], VALUES)
    np.testing.assert_array_equal(array[1:5:2, ::-1], VALUES[1:5:2, ::-1])
    assert array.dtype.kind == "i"
    assert array.dtype.itemsize == 4


@pytest.mark.parametrize("name", DOCUMENTS)
def test_changes(name):
    """Another library's array is written to in its own way: what it cannot say, it does not get."""
    store = dict(DOCUMENTS[name])
    array = sz.open_array(store, mode="r+")
    array[2, 3] = 99
    array.attrs["note"] = "changed"
    expected = VALUES.copy()
    expected[2, 3] = 99
    np.testing.assert_array_equal(sz.open_array(store)[...], expected)
    key = "zarr.json" if "zarr.json" in store else ".zarray"
    before, after = (json.loads(documents[key]) for documents in (DOCUMENTS[name], store))
    before.pop("attributes", None), after.pop("attributes", None)
    assert after == before


def test_inner_chunks_without_bytes_codec():
    """What GDAL 3.10 leaves out of a chain is left out of the chain in a shard, too."""
    store = v3([{"name": "gzip", "configuration": {"level": 6}}], gzip.compress)
    with pytest.warns(sz.ZarrWarning, match="no array -> bytes codec"):
        np.testing.assert_array_equal(sz.open_array(store)[...], VALUES)
    sharded = {}
    sz.create_array(sharded, data=VALUES, chunks=(1, 3), shards=(5, 6), codecs=["bytes", "gzip"])
    document = json.loads(sharded["zarr.json"])
    del document["codecs"][0]["configuration"]["codecs"][0]
    sharded["zarr.json"] = json.dumps(document).encode()
    np.testing.assert_array_equal(sz.open_array(sharded)[...], VALUES)
