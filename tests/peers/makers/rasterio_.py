"""GDAL writes Zarr 2 and Zarr 3 through rasterio."""

import warnings

import numpy as np
import rasterio
from rasterio.transform import from_origin

COMPRESSORS = {2: ["NONE", "ZLIB", "GZIP", "ZSTD", "LZ4", "BLOSC", "LZMA"], 3: ["NONE", "GZIP", "ZSTD", "BLOSC"]}
DTYPES = ["uint8", "int16", "float32", "float64", "uint16", "int32", "complex64"]


def values_of(dtype):
    """An image of 20 by 30, to be stored in blocks of 8 by 16."""
    values = np.random.default_rng(1).normal(size=(20, 30)) * 100
    return np.abs(values).astype(dtype) if np.dtype(dtype).kind == "u" else values.astype(dtype)


def write(root):
    """Write stores below `root`; return the expected values by "store::path"."""
    expected = {}
    for version, compressors in COMPRESSORS.items():
        for compress, dtype in zip(compressors, DTYPES, strict=False):
            name = f"v{version}_{compress.lower()}_{dtype}.zarr"
            profile = {
                "driver": "Zarr", "width": 30, "height": 20, "count": 1, "dtype": dtype, "nodata": 7,
                "transform": from_origin(10, 50, 0.5, 0.5), "FORMAT": f"ZARR_V{version}", "COMPRESS": compress,
                "BLOCKSIZE": "8,16", "ARRAY_NAME": "band", "SINGLE_ARRAY": "YES", "CHUNK_MEMORY_LAYOUT": "C",
            }  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    with rasterio.open(root / name, "w", **profile) as dataset:
                        dataset.write(values_of(dtype), 1)
                except rasterio.errors.RasterioIOError:  # this build lacks the compressor
                    continue
            expected[f"{name}::band"] = values_of(dtype)
    return expected
