"""Arrays of Zarr 2, of variable-length elements, of codecs in Python and of uneven grids, with one value damaged."""

import json

import numpy as np

import simplezarr as sz
from tests.fuzz.arrays import LARGE, check_document, chunk_nbytes, try_read
from tests.fuzz.mutations import BYTES, GZIP, ZSTD, change_document
from tests.oracle.v3 import BIG, CRC32C, LITTLE, codec, sharding

SHAPE, CHUNKS = (12, 10), (6, 5)


def nc(name, **configuration):
    """The JSON of a codec of numcodecs."""
    return codec(f"numcodecs.{name}", **configuration)


TEXT, DATA = codec("vlen-utf8"), codec("vlen-bytes")
THREES = [
    ("uint16", [LITTLE, nc("shuffle", elementsize=2), nc("zlib", level=1), nc("fletcher32")]),
    ("uint16", [LITTLE, nc("lz4")]),
    ("uint16", [LITTLE, nc("bz2", level=1)]),
    ("uint16", [LITTLE, nc("lzma", preset=0)]),
    ("uint16", [LITTLE, nc("crc32"), nc("adler32"), ZSTD]),
    ("uint16", [nc("delta", dtype="<u2"), LITTLE, nc("zstd", level=1)]),
    ("float32", [nc("fixedscaleoffset", offset=1, scale=10, dtype="<f4", astype="<i2"), LITTLE]),
    ("float32", [codec("bitround", keepbits=4), LITTLE, GZIP]),
    ("float64", [nc("quantize", digits=2, dtype="<f8"), LITTLE, nc("blosc", cname="zstd")]),
    ("bool", [codec("packbits", padding_encoding="first_byte")]),
    ("uint16", [codec("packbits", first_bit=2, last_bit=12), ZSTD]),
    ("bool", [nc("packbits"), LITTLE]),
    ("int16", [codec("cast_value", data_type="int8", out_of_range="wrap"), LITTLE]),
    ("float32", [codec("scale_offset", offset=5, scale=0.5), LITTLE]),
    ("uint16", [codec("reshape", shape=[[0, 1]]), LITTLE, CRC32C]),
    ("string", [TEXT]),
    ("string", [TEXT, ZSTD]),
    ("string", [TEXT, nc("lz4"), GZIP]),
    ("string", [TEXT, nc("bz2"), nc("zlib")]),
    ("string", [sharding([3, 5], [TEXT, ZSTD])]),
    ("string", [sharding([3, 5], [TEXT]), GZIP]),
    ("bytes", [DATA, nc("lzma", preset=0)]),
    ("bytes", [codec("transpose", order=[1, 0]), DATA, CRC32C]),
    ({"name": "fixed_length_utf32", "configuration": {"length_bytes": 12}}, [LITTLE, ZSTD]),
    ({"name": "null_terminated_bytes", "configuration": {"length_bytes": 5}}, [LITTLE]),
    ({"name": "raw_bytes", "configuration": {"length_bytes": 3}}, [LITTLE, ZSTD]),
    ({"name": "numpy.datetime64", "configuration": {"unit": "ns", "scale_factor": 1}}, [BIG]),
    ({"name": "struct", "configuration": {"fields": [
        {"name": "a", "data_type": "uint16"}, {"name": "b", "data_type": "float64"}]}}, [LITTLE, ZSTD]),
]  # fmt: skip
RUNS = [[[6, 2]], [5, 2, [1, 3]]]
TWOS = [
    {"dtype": "<u2", "compressor": {"id": "zlib", "level": 1}},
    {"dtype": ">i4", "order": "F", "compressor": {"id": "gzip", "level": 1}},
    {"dtype": "<f4", "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}},
    {"dtype": "<u2", "filters": [{"id": "shuffle", "elementsize": 2}], "compressor": {"id": "zstd", "level": 1}},
    {"dtype": "<i2", "filters": [{"id": "delta", "dtype": "<i2"}], "compressor": {"id": "lz4", "acceleration": 1}},
    {"dtype": "|b1", "filters": [{"id": "packbits"}]},
    {"dtype": "<u2", "filters": [{"id": "fletcher32"}, {"id": "crc32"}], "compressor": {"id": "bz2", "level": 1}},
    {"dtype": "|S3"},
    {"dtype": "<U2", "compressor": {"id": "zlib", "level": 1}, "order": "F"},
    {"dtype": ">M8[s]"},
    {"dtype": [["a", ">u2"], ["b", "<f4", [2]]], "compressor": {"id": "zlib", "level": 1}},
    {"dtype": "|O", "filters": [{"id": "vlen-utf8"}], "compressor": {"id": "zstd", "level": 1}},
    {"dtype": "|O", "filters": [{"id": "vlen-bytes"}, {"id": "adler32"}], "fill_value": ""},
]  # fmt: skip


def fill_of(data_type):
    """A fill value that the type has."""
    name = data_type if isinstance(data_type, str) else data_type["name"]
    special = {"bytes": [], "bool": False, "struct": {"a": 0, "b": 0}, "raw_bytes": "AAAA"}
    return special.get(name, "" if name in ("string", "fixed_length_utf32", "null_terminated_bytes") else 0)


def documents_v3():
    """Documents of Zarr 3, a few of them with an uneven grid."""
    found = []
    for i, (data_type, chain) in enumerate(THREES):
        grid = {"name": "regular", "configuration": {"chunk_shape": list(CHUNKS)}}
        if i in (0, 1):
            grid = {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": RUNS}}
        found.append({
            "zarr_format": 3, "node_type": "array", "shape": list(SHAPE), "data_type": data_type, "chunk_grid": grid,
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "./"[i % 2]}},
            "fill_value": fill_of(data_type), "codecs": chain, "attributes": {"i": i}, "dimension_names": ["y", None],
        })  # fmt: skip
    return found


def documents_v2():
    """Documents of Zarr 2."""
    common = {"zarr_format": 2, "shape": list(SHAPE), "chunks": list(CHUNKS), "order": "C", "fill_value": None}
    return [{**common, "filters": None, "compressor": None, **members} for members in TWOS]


def values_for(dtype):
    """Some elements of each type."""
    rng = np.random.default_rng(11)
    if dtype.kind in "TOU":
        texts = [["ab" * (i % 4), "é", ""][i % 3] for i in range(SHAPE[0] * SHAPE[1])]
        items = [text.encode() for text in texts] if dtype.kind == "O" else texts
        out = np.empty(len(items), dtype)
        out[:] = items
        return out.reshape(SHAPE)
    if dtype.kind in "bf":
        return rng.integers(0, 2 if dtype.kind == "b" else 50, SHAPE).astype(dtype)
    raw = rng.integers(0, 100, SHAPE[0] * SHAPE[1] * dtype.itemsize).astype("u1")
    return raw.view(dtype).reshape(SHAPE)


def originals():
    """(store, values)"""
    for name, found in (("zarr.json", documents_v3()), (".zarray", documents_v2())):
        for document in found:
            store = {name: json.dumps(document).encode()}
            arr = sz.open_array(store, mode="r+")
            arr[...] = values_for(arr.dtype)
            yield store, arr[...]


def damage(rand, store):
    """The store with one value damaged, and that value's key."""
    own = "zarr.json" if "zarr.json" in store else ".zarray"
    key = own if rand.random() < 0.25 else rand.choice([key for key in store if key != own])
    if key == own and rand.random() < 0.8:
        return {**store, key: change_document(rand, store[key])}, key
    return {**store, key: rand.choice(BYTES)(rand, store[key], store[rand.choice([*store])])}, key


def wild(top):
    """Reading, and writing a part, which reads the chunks first; `top` is not needed."""
    bases = list(originals())

    def execute(rand):
        store, values = rand.choice(bases)
        damaged, key = damage(rand, store)
        try:
            arr = sz.open_array(damaged, mode="r+")
            if key in ("zarr.json", ".zarray"):
                data = check_document(rand, arr)
                if arr.shape == SHAPE and arr.dtype == values.dtype and chunk_nbytes(arr) < LARGE:
                    arr[2:7, 3:8] = values[2:7, 3:8]
                return "refused" if data is None else "read"
            data = try_read(arr, ...)
            assert data is None or (data.shape, data.dtype) == (values.shape, values.dtype)
            arr[2:7, 3:8] = values[2:7, 3:8]
            return "refused" if data is None else "read"
        except sz.ZarrError as error:
            if key not in ("zarr.json", ".zarray") and not isinstance(error, sz.ChunkError):
                raise AssertionError(f"{type(error).__name__} for a damaged chunk") from error
            return type(error).__name__

    return execute
