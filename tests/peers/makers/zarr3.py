"""zarr-python 3 writes both formats: shards, groups, records, text, dates, consolidated."""

import warnings

import numpy as np
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec


def numbers(dtype="float64"):
    """Values of every sign."""
    return (np.random.default_rng(3).normal(size=(12, 10)) * 100).astype(dtype)


def cases():
    """(name, data, keywords of Group.create_array)"""
    for name, codec in {
        "gzip": GzipCodec(level=3), "zstd": ZstdCodec(level=3, checksum=True), "none": None,
        "blosc": BloscCodec(typesize=8, cname="lz4", shuffle="bitshuffle"),
    }.items():  # fmt: skip
        yield name, numbers(), {"compressors": codec}
    yield "chained", numbers(), {"compressors": [ZstdCodec(), Crc32cCodec(), GzipCodec(level=1)]}
    yield "big", numbers("int16"), {"serializer": BytesCodec(endian="big")}
    yield "transposed", numbers("uint16"), {"filters": TransposeCodec(order=(1, 0))}
    yield "sharded", numbers("int32"), {"shards": (8, 10), "chunks": (4, 5)}
    yield "sharded_deep", numbers("int32"), {
        "chunks": (12, 10), "compressors": None,
        "serializer": ShardingCodec(
            chunk_shape=(6, 10),
            codecs=[ShardingCodec(chunk_shape=(3, 5), codecs=[BytesCodec(), ZstdCodec()])],
            index_location="start",
        ),
    }  # fmt: skip
    yield "keys_v2", numbers("bool"), {"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "."}}}
    yield "named", numbers("float32"), {"dimension_names": ["y", None], "fill_value": np.nan}
    yield "complex", numbers("float32").astype("complex64"), {}
    yield "text", np.array([["", "aΩ"], ["😀", "two words"]], "<U9"), {"chunks": (1, 2)}
    yield "bytes", np.array([b"", b"ab", b"abc"], "S3"), {"chunks": (2,)}
    yield "dates", np.arange(6).astype("M8[D]"), {"chunks": (4,)}
    yield "spans", np.arange(6).astype("m8[10us]"), {"chunks": (4,)}
    yield "records", np.array([(1, 2.5), (3, -1)], [("a", "<i4"), ("b", "<f8")]), {"chunks": (1,)}


def write(root):
    """Write hierarchies below `root`; return the expected values by "store::path"."""
    expected = {}
    for zarr_format in (2, 3):
        name = f"python3_format{zarr_format}.zarr"
        group = zarr.create_group(str(root / name), zarr_format=zarr_format)
        group.attrs.update(title="made by zarr-python 3", values=[1, None, {"a": 2.5}])
        for array, data, keywords in cases():
            if zarr_format == 2 and keywords.keys() - {"chunks", "fill_value"}:
                continue
            keywords = {"chunks": (5, 4), **keywords}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = group.create_array(f"sub/{array}", shape=data.shape, dtype=data.dtype, **keywords)
            made[...] = data
            expected[f"{name}::sub/{array}"] = data
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            zarr.consolidate_metadata(str(root / name))
    return expected
