"""zarr-python 2.18 writes Zarr 2 with all that it offered: every compressor, filters, orders, records, text."""

import warnings

import numcodecs
import numpy as np
import zarr

PADDED = np.dtype({"names": ["a", "b"], "formats": ["<u4", "|u1"], "itemsize": 8})
ALIGNED = np.dtype([("flag", "?"), ("value", "<f8")], align=True)
NESTED = np.dtype([("p", [("x", "<i2"), ("y", ">f4")]), ("name", "S3"), ("cube", "<u1", (2, 2))])


def numbers(dtype="<f8", shape=(11, 7)):
    """Values of every sign."""
    return (np.random.default_rng(2).normal(size=shape) * 100).astype(dtype)


def cases():
    """(name, data, keywords of zarr.array)"""
    compressors = {
        "none": None, "zlib": numcodecs.Zlib(3), "gzip": numcodecs.GZip(1), "bz2": numcodecs.BZ2(1),
        "lzma": numcodecs.LZMA(preset=1), "lz4": numcodecs.LZ4(), "zstd": numcodecs.Zstd(3),
        "blosc_lz4": numcodecs.Blosc("lz4", 5, numcodecs.Blosc.SHUFFLE),
        "blosc_zstd": numcodecs.Blosc("zstd", 3, numcodecs.Blosc.BITSHUFFLE),
        "blosc_auto": numcodecs.Blosc("blosclz", 9, numcodecs.Blosc.AUTOSHUFFLE),
    }  # fmt: skip
    for name, compressor in compressors.items():
        yield name, numbers(), {"compressor": compressor}
    filters = {
        "delta": ([numcodecs.Delta("<i4")], "<i4"),
        "shuffle": ([numcodecs.Shuffle(8)], "<f8"),
        "packbits": ([numcodecs.PackBits()], "?"),
        "crc32": ([numcodecs.CRC32()], "<i2"),
        "fletcher32": ([numcodecs.Fletcher32()], "<i2"),
        "two": ([numcodecs.Delta("<i8"), numcodecs.Shuffle(8)], "<i8"),
    }
    for name, (chain, dtype) in filters.items():
        data = numbers() > 0 if dtype == "?" else numbers(dtype)
        yield f"filter_{name}", data, {"filters": chain}
    for name, dtype in {"padded": PADDED, "aligned": ALIGNED, "nested": NESTED}.items():
        data = np.zeros((11, 7), dtype)
        data[dtype.names[0]][...] = numbers("<u4") % 2 if name != "nested" else 0
        data[3:5] = np.frombuffer(bytes(range(1, dtype.itemsize + 1)), dtype)[0] if name != "aligned" else (True, 2.5)
        yield f"record_{name}", data, {}
    for name, dtype in {"text": "<U5", "bytes": "S4", "raw": "V3", "dates": "<M8[10s]", "spans": ">m8[us]"}.items():
        source = np.arange(77).reshape(11, 7)
        data = source.astype("S4").astype("V4").view("V4")[...].astype("V3") if name == "raw" else source.astype(dtype)
        yield name, data, {}
    yield "order_f", numbers(), {"order": "F"}
    yield "nested_keys", numbers(), {"dimension_separator": "/"}
    yield "no_fill", numbers("<i4"), {"fill_value": None}
    yield "nan_fill", numbers("<f4"), {"fill_value": np.nan}
    yield "scalar", np.array(3.25), {"chunks": ()}


def write(root):
    """Write a hierarchy below `root`; return the expected values by "store::path"."""
    expected = {}
    store = zarr.DirectoryStore(str(root / "python2.zarr"))
    group = zarr.group(store)
    group.attrs.update(title="made by zarr-python 2", nothing=None, nested={"a": [1, 2.5]})
    for name, data, keywords in cases():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            keywords = {"shape": data.shape, "dtype": data.dtype, "chunks": (4, 5), **keywords}
            made = group.create_dataset(name, **keywords)
            made[...] = data.view(made.dtype)  # padding is a field of its own there
        made.attrs["units"] = "K"
        expected[f"python2.zarr::{name}"] = data
    words = np.array([["", "a", "Ω"], ["two words", "\0x", "😀"]], object)
    for name, codec in {
        "vlen_text": numcodecs.VLenUTF8(),
        "json2": numcodecs.JSON(),
        "msgpack2": numcodecs.MsgPack(),
    }.items():
        group.create_dataset(name, data=words, chunks=(1, 2), object_codec=codec)
        expected[f"python2.zarr::{name}"] = words.astype("U9")
    levels = np.array([["low", "high", "low"], ["none", "low", "high"]], object)
    group.create_dataset(
        "categories", data=levels, chunks=(1, 2), dtype=object,
        object_codec=numcodecs.Categorize(["low", "high", "none"], dtype=object),
    )  # fmt: skip
    expected["python2.zarr::categories"] = levels.astype("U4")
    grown = group.zeros("grown", shape=(3,), chunks=(2,), dtype="i4")
    grown.append(np.arange(6, dtype="i4"))
    grown.resize(8)
    expected["python2.zarr::grown"] = np.array([0, 0, 0, 0, 1, 2, 3, 4], "i4")
    zarr.consolidate_metadata(store)
    return expected
