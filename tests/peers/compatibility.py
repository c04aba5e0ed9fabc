"""The table of docs/compatibility.md, from runs: `python -m tests.peers.compatibility > docs/compatibility.md`.

Each row is an array, whose document simplezarr makes. Each library opens it, writes the values, and each library reads
what each has written. A library "reads" if it gets the values from all that write, and "writes" if another one gets the
values it has written (where there is no other that reads such arrays: if it does itself). What a library can do but
has no NumPy dtype for is not seen. zarrs is used
through zarrista and, where that fails, as the codec pipeline of zarr-python, without that one's own codecs.
"""

import importlib.metadata
import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import tensorstore
import zarr
import zarrista
import zarrista.store
import zarrs  # noqa: F401  (registers its pipeline)

import simplezarr as sz

SHAPE, CHUNKS = (6, 8), (3, 4)
NUMBERS = np.arange(48).reshape(SHAPE)


def by_simplezarr(path, values):
    array = sz.open_array(path, mode="r+")
    if values is not None:
        array[...] = values
    return array[...]


def by_zarr(path, values):
    array = zarr.open_array(path, mode="r+")
    if values is not None:
        array[...] = values
    return array[...]


def by_zarrs(path, values):
    try:
        return by_zarrista(path, values)
    except Exception:  # there are things that only the other binding does
        with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "codec_pipeline.strict": True}):
            return by_zarr(path, values)


def by_zarrista(path, values):
    array = zarrista.Array.open(zarrista.store.FilesystemStore(path))
    if values is not None:
        array.store_array_subset(..., np.ascontiguousarray(values))
    return array.retrieve_array_subset(...).to_numpy()


def by_tensorstore(path, values):
    driver = "zarr" if Path(path, ".zarray").exists() else "zarr3"
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": path}}
    array = tensorstore.open(spec, open=True).result()
    if values is not None:
        array.write(values.view("u1").reshape(*values.shape, -1) if array.ndim > values.ndim else values).result()
    found = array.read().result()
    return found.view(f"V{found.shape[-1]}")[..., 0] if found.ndim > len(SHAPE) else found  # raw bytes have an axis


LIBRARIES = {"simplezarr": by_simplezarr, "zarr-python": by_zarr, "zarrs": by_zarrs, "tensorstore": by_tensorstore}
PACKAGES = ["simplezarr", "zarr", "zarrs", "zarrista", "tensorstore", "numcodecs", "ml_dtypes", "numpy"]


def typed(name):
    """Values of a Zarr data type."""
    document = {}
    dtype = sz.create_array(document, shape=SHAPE, dtype=name, chunks=CHUNKS).dtype
    if dtype.kind in "mM":
        return NUMBERS.astype("i8").view(dtype)
    if dtype.kind == "V" and dtype.fields:
        return np.array([[(n, -n / 2) for n in row] for row in NUMBERS.tolist()], dtype)
    if dtype.kind == "V" and dtype.name.startswith("void"):
        return NUMBERS.astype("u2").view(dtype)
    if dtype.kind in "OS":
        return np.array([[b"x%d" % n for n in row] for row in NUMBERS.tolist()], dtype)
    if dtype.kind in "UT":
        return np.array([[f"ä{n}" for n in row] for row in NUMBERS.tolist()], dtype)
    return (NUMBERS % (2 if ("4" in dtype.name and dtype.itemsize == 1) or dtype.kind == "b" else 7)).astype(dtype)


def rows():
    """(section, row, values, arguments of `create_array`)."""
    types = "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64 complex64 complex128"
    more = "bfloat16 float8_e4m3fn float8_e5m2 int4 uint4 r16 string variable_length_bytes"
    for name in f"{types} {more}".split():
        yield "Data types", name, typed(name), {"dtype": name}
    for dtype in "M8[s]", "m8[ms]", "U4", "S4", [("a", "i4"), ("b", "f4")]:
        values = typed(dtype)
        array = sz.create_array({}, shape=1, dtype=values.dtype)
        yield "Data types", array.metadata.data_type.name, values, {"dtype": values.dtype}
    half = np.float32(0.5)
    names = "gzip zstd blosc crc32c numcodecs.zlib numcodecs.bz2 numcodecs.lz4 numcodecs.shuffle numcodecs.fletcher32"
    for name in names.split():
        yield "Codecs", name, typed("uint16"), {"codecs": ["bytes", name]}
    big = {"name": "bytes", "configuration": {"endian": "big"}}
    yield "Codecs", "bytes, big endian", typed("uint16"), {"codecs": [big]}
    order = {"name": "transpose", "configuration": {"order": [1, 0]}}
    yield "Codecs", "transpose", typed("uint16"), {"codecs": [order, "bytes"]}
    yield "Codecs", "packbits", typed("bool"), {"codecs": ["packbits"]}
    keepbits = {"name": "bitround", "configuration": {"keepbits": 10}}
    yield "Codecs", "bitround", NUMBERS.astype("f4"), {"codecs": [keepbits, "bytes"]}
    scale = {"name": "scale_offset", "configuration": {"offset": 1.0, "scale": 2.0}}
    yield "Codecs", "scale_offset", NUMBERS * half, {"codecs": [scale, "bytes"]}
    cast = {"name": "cast_value", "configuration": {"data_type": "uint8"}}
    yield "Codecs", "cast_value", NUMBERS.astype("f4"), {"codecs": [cast, "bytes"]}
    yield "Codecs", "sharding_indexed", typed("uint16"), {"shards": (6, 8)}
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    inner = {"chunk_shape": [3, 4], "codecs": [little], "index_codecs": [little], "index_location": "start"}
    inner["codecs"] = [{"name": "sharding_indexed", "configuration": {**inner, "chunk_shape": [3, 2]}}]
    outer = {"name": "sharding_indexed", "configuration": inner}
    yield "Codecs", "sharding_indexed, nested", typed("uint16"), {"chunks": (6, 8), "codecs": [outer]}
    for name in "default", "v2":
        for separator in "/.":
            keys = {"name": name, "configuration": {"separator": separator}}
            yield "Grids and keys", f"keys `{name}`, `{separator}`", typed("uint16"), {"chunk_key_encoding": keys}
    configuration = {"kind": "inline", "chunk_shapes": [[1, 2, 3], [[3, 2], 2]]}
    yield (
        "Grids and keys",
        "rectilinear",
        typed("uint16"),
        {"grid": {"name": "rectilinear", "configuration": configuration}},
    )
    for row, options in {
        "little endian": {},
        "big endian": {"codecs": [big]},
        "order F": {"codecs": [order, "bytes"]},
        "zlib": {"codecs": ["bytes", "numcodecs.zlib"]},
        "blosc": {"codecs": ["bytes", "blosc"]},
        "zstd": {"codecs": ["bytes", "zstd"]},
    }.items():
        yield "Zarr 2", row, typed("uint16"), {"zarr_format": 2, "codecs": ["bytes"], **options}


def attempt(library, path, values=None):
    """What a library reads, after writing if there are values; None where it fails."""
    try:
        return np.asarray(LIBRARIES[library](str(path), values))
    except Exception:
        return None


def same(found, values):
    if found is None or found.shape != values.shape:
        return False
    return found.dtype.itemsize == values.dtype.itemsize and found.tolist() == values.tolist()


def cells(values, options, directory):
    """What each library does with one row."""
    empty = directory / "empty"
    codecs = {} if "codecs" in options else {"codecs": ["bytes"]}
    if values.dtype.kind in "OT":
        codecs = {"codecs": ["vlen-utf8" if values.dtype.kind == "T" else "vlen-bytes"]}
    grid = options.pop("grid", None)
    array = sz.create_array(empty, **{"shape": SHAPE, "dtype": values.dtype, "chunks": CHUNKS, **codecs, **options})
    if grid:
        (empty / "zarr.json").write_text(json.dumps({**array.metadata.to_json(), "chunk_grid": grid}))
    gets = {}
    for writer in LIBRARIES:
        path = directory / writer
        shutil.copytree(empty, path)
        wrote = attempt(writer, path, values) is not None
        gets[writer] = {reader for reader in LIBRARIES if wrote and same(attempt(reader, path), values)}
    writers = {w for w in LIBRARIES if gets[w] - {w} or (w in gets[w] and not any(gets[o] - {o} for o in LIBRARIES))}
    for library in LIBRARIES:
        reads = {writer for writer in writers if library in gets[writer]}
        words = ["reads" if reads == writers else "reads some"] if reads else []
        yield ", ".join([*words, *["writes"] * (library in writers)]) or "no"


def main():
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    print("# What reads and writes what\n")
    print("Made by `python -m tests.peers.compatibility > docs/compatibility.md`. Each row is an array, whose document")
    print("simplezarr makes in its form of the JSON; each library writes the values and reads what each has written.")
    print(
        "A library *reads* if it gets the values from all that write, and *writes* if another one gets what it wrote."
    )
    print("zarrs is used through its Python packages, and so without what they don't hand on from or to NumPy.\n")
    print(f"Python {sys.version_info[0]}.{sys.version_info[1]}, {versions}.")
    section = None
    for name, row, values, options in rows():
        if name != section:
            section = name
            print(f"\n| {name} | {' | '.join(LIBRARIES)} |\n|---{'|---' * len(LIBRARIES)}|")
        with tempfile.TemporaryDirectory() as directory:
            print(f"| {row} | {' | '.join(cells(values, options, Path(directory)))} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    zarr.config.set({"array.rectilinear_chunks": True})
    main()
