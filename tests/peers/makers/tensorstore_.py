"""tensorstore writes both formats and n5-like keys, strictly by the specification."""

import numpy as np
import tensorstore


def numbers(dtype):
    """Values of every sign."""
    return (np.random.default_rng(5).normal(size=(12, 10)) * 100).astype(dtype)


def sharding(inner):
    """The JSON of a sharding codec with its index in front."""
    index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
    configuration = {"chunk_shape": [2, 5], "codecs": inner, "index_codecs": index, "index_location": "start"}
    return [{"name": "sharding_indexed", "configuration": configuration}]


def bytes_codec(endian):
    """The JSON of the bytes codec."""
    return {"name": "bytes", "configuration": {"endian": endian}}


ZSTD = {"name": "zstd", "configuration": {"level": 2}}
CHAINS = {
    "plain": [bytes_codec("little")],
    "big": [bytes_codec("big"), {"name": "gzip", "configuration": {"level": 3}}],
    "transposed": [{"name": "transpose", "configuration": {"order": [1, 0]}}, bytes_codec("little"), ZSTD],
    "checked": [bytes_codec("little"), ZSTD, {"name": "crc32c"}],
    "sharded": sharding([bytes_codec("little"), ZSTD]),
}
COMPRESSORS = {
    "v2_none": None, "v2_zlib": {"id": "zlib", "level": 2}, "v2_zstd": {"id": "zstd", "level": 2},
    "v2_blosc": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}, "v2_bz2": {"id": "bz2", "level": 1},
}  # fmt: skip


def put(root, name, driver, metadata, data):
    """Create one array and fill it."""
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": str(root / name)}, "metadata": metadata}
    tensorstore.open(spec, create=True).result().write(data).result()


def write(root):
    """Write arrays below `root`; return the expected values by "store::path"."""
    expected = {}
    for (name, codecs), dtype in zip(CHAINS.items(), ("int32", "float64", "uint16", "int8", "float32"), strict=True):
        grid = {"name": "regular", "configuration": {"chunk_shape": [4, 10]}}
        metadata = {"shape": [12, 10], "data_type": dtype, "chunk_grid": grid, "codecs": codecs}
        data = np.abs(numbers(dtype)) if dtype == "uint16" else numbers(dtype)
        put(root, f"{name}.zarr", "zarr3", metadata, data)
        expected[f"{name}.zarr::"] = data
    for (name, compressor), dtype in zip(COMPRESSORS.items(), ("<i4", ">f8", "<i2", "|i1", "<f4"), strict=True):
        metadata = {"shape": [12, 10], "chunks": [5, 4], "dtype": dtype, "compressor": compressor,
                    "order": "F" if dtype == "<i2" else "C", "dimension_separator": "/"}  # fmt: skip
        put(root, f"{name}.zarr", "zarr", metadata, numbers(dtype))
        expected[f"{name}.zarr::"] = numbers(dtype)
    return expected
