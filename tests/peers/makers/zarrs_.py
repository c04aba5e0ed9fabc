"""zarrs writes Zarr 3 chunks, driven by zarr-python's codec pipeline."""

import numpy as np
import zarr
import zarrs  # noqa: F401
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

PIPELINE = {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}


def numbers(dtype="float64"):
    """Values of every sign."""
    return (np.random.default_rng(4).normal(size=(12, 10)) * 100).astype(dtype)


def write(root):
    """Write a hierarchy below `root`; return the expected values by "store::path"."""
    expected = {}
    compressors = {"none": None, "gzip": GzipCodec(level=2), "zstd": ZstdCodec(level=2, checksum=True),
                   "blosc": BloscCodec(typesize=8, cname="zstd", shuffle="shuffle")}  # fmt: skip
    with zarr.config.set(PIPELINE):
        group = zarr.create_group(str(root / "zarrs.zarr"))
        for name, codec in compressors.items():
            for shards in (None, (10, 8)):
                path = f"{name}{'_sharded' if shards else ''}"
                made = group.create_array(
                    path, shape=(12, 10), chunks=(5, 4), shards=shards, dtype="float64", compressors=codec
                )
                made[...] = numbers()
                expected[f"zarrs.zarr::{path}"] = numbers()
    return expected
