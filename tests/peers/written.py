"""Arrays of every kind that other libraries can write: `python -m tests.peers.written` counts those simplezarr reads.

Each row is a document. A library makes its own form of it, writes all chunks but the last, and reads the array back:
what simplezarr reads must be the same. Rows that a library refuses don't count.
"""

import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

import simplezarr as sz
from tests.oracle.v3 import BIG, CRC32C, LITTLE, codec, sharding

SHAPE, CHUNKS = (6, 8), (3, 4)
WRITTEN = [np.s_[:3, :4], np.s_[:3, 4:], np.s_[3:, :4]]  # the last chunk shows the fill value
ZSTD, GZIP = codec("zstd", level=1, checksum=False), codec("gzip", level=1)


def named(name, **configuration):
    """The JSON of a data type with a configuration."""
    return {"name": name, "configuration": configuration}


def nc(name, **configuration):
    """The JSON of a codec of numcodecs."""
    return codec(f"numcodecs.{name}", **configuration)


CNAMES = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")


def blosc(cname, shuffle, typesize, blocksize=0):
    """The JSON of a blosc codec."""
    return codec("blosc", cname=cname, clevel=5, shuffle=shuffle, typesize=typesize, blocksize=blocksize)


# ---------------------------------------------------------------- documents

NUMBERS = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"
SMALL = """bfloat16 int2 int4 uint2 uint4 float8_e4m3 float8_e4m3fn float8_e5m2 float8_e3m4 float8_e4m3b11fnuz
    float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn float6_e2m3fn float6_e3m2fn"""
PAIR = [{"name": "a", "data_type": "int16"}, {"name": "b", "data_type": "float32"}]
OTHERS = {  # (data type, fill value, NumPy's type)
    "r24": ("r24", [1, 2, 3], "V3"),
    "raw_bytes": (named("raw_bytes", length_bytes=3), "AAEC", "V3"),
    "null_terminated_bytes": (named("null_terminated_bytes", length_bytes=5), "YWI=", "S5"),
    "fixed_length_utf32": (named("fixed_length_utf32", length_bytes=12), "äx", "U3"),
    "struct": (named("struct", fields=PAIR), {"a": 3, "b": 0.5}, "i2,f4"),
    "structured": (named("structured", fields=[["a", "int16"], ["b", "float32"]]), "AwAAAAA/", "i2,f4"),
    "complex_float32": ("complex_float32", [1.0, "NaN"], "c8"),
    **{
        f"datetime {unit} {n}": (named("numpy.datetime64", unit=unit, scale_factor=n), fill, f"M8[{n}{unit}]")
        for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as")
        for n, fill in ((1, "NaT"), (7, 5))
    },
    "timedelta s": (named("numpy.timedelta64", unit="s", scale_factor=1), -3, "m8[s]"),
    "timedelta generic": (named("numpy.timedelta64", unit="generic", scale_factor=1), 0, "m8"),
}  # fmt: skip
TEXT = {"string": ("string", "ä", "vlen-utf8"), "bytes": ("bytes", "AAEC", "vlen-bytes"),
        "bytes, list": ("bytes", [0, 1, 2], "vlen-bytes"),
        "variable_length_bytes": ("variable_length_bytes", "AAEC", "vlen-bytes")}  # fmt: skip

CHAINS = {
    **{f"gzip {level}": [LITTLE, codec("gzip", level=level)] for level in (0, 1, 9)},
    **{f"zstd {level} {checksum}": [LITTLE, codec("zstd", level=level, checksum=checksum)]
       for level in (-5, 0, 3, 22) for checksum in (False, True)},
    **{
        f"blosc {cname} {shuffle} {size}": [LITTLE, blosc(cname, shuffle, size, block)]
        for cname in CNAMES
        for shuffle in ("noshuffle", "shuffle", "bitshuffle")
        for size, block in ((2, 0), (4, 16))
    },
    "crc32c": [LITTLE, CRC32C], "crc32c, twice, zstd": [LITTLE, CRC32C, CRC32C, ZSTD],
    "gzip, zstd": [LITTLE, GZIP, ZSTD],
    "big": [BIG], "big, gzip": [BIG, GZIP],
    "transpose": [codec("transpose", order=[1, 0]), LITTLE],
    "transpose twice": [codec("transpose", order=[1, 0]), codec("transpose", order=[1, 0]), BIG, ZSTD],
    "packbits": [codec("packbits")], "packbits first": [codec("packbits", padding_encoding="first_byte")],
    "packbits last": [codec("packbits", padding_encoding="last_byte", first_bit=0, last_bit=8)],
    "bitround": [codec("bitround", keepbits=4), LITTLE],
    "reshape": [codec("reshape", shape=[[0, 1]]), LITTLE], "squeeze": [codec("zarrs.squeeze"), LITTLE],
    "scale_offset": [codec("scale_offset", offset=1, scale=2), LITTLE],
    "cast_value": [codec("cast_value", data_type="int32"), LITTLE],
    **{name: [LITTLE, nc(name, **configuration)] for name, configuration in {
        "zlib": {"level": 1}, "bz2": {"level": 1}, "lz4": {"acceleration": 1}, "lzma": {"preset": 1},
        "gzip": {"level": 1}, "zstd": {"level": 1}, "shuffle": {"elementsize": 2},
        "fletcher32": {}, "adler32": {}, "crc32": {}, "crc32c": {},
        "jenkins_lookup3": {"initval": 0}, "blosc": {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    }.items()},
    "lzma raw": [LITTLE, nc("lzma", format=3, check=-1, preset=None, filters=[{"id": 33, "preset": 1}])],
    "lzma alone": [LITTLE, nc("lzma", format=2, check=-1, preset=1, filters=None)],
    "delta": [nc("delta", dtype="<u2"), LITTLE], "delta as": [nc("delta", dtype="<u2", astype="<i4"), LITTLE],
    "fixedscaleoffset": [nc("fixedscaleoffset", offset=1, scale=2, dtype="<u2", astype="<i4"), LITTLE],
    "astype": [nc("astype", encode_dtype="<u4", decode_dtype="<u2"), LITTLE],
    "quantize": [nc("quantize", digits=2, dtype="<f4"), LITTLE],
    "numcodecs.bitround": [nc("bitround", keepbits=4), LITTLE],
    "numcodecs.packbits": [nc("packbits"), codec("bytes")],
    "pcodec": [nc("pcodec", level=8)], "zfpy": [nc("zfpy", mode=4, tolerance=0.01)],
    **{f"zfp {mode}": [codec("zfp", mode=mode, **options)] for mode, options in {
        "reversible": {}, "fixed_accuracy": {"tolerance": 0.1}, "fixed_rate": {"rate": 16.0},
        "fixed_precision": {"precision": 20},
        "expert": {"minbits": 1, "maxbits": 4000, "maxprec": 64, "minexp": -1074}}.items()},
}  # fmt: skip
SHARDS = {
    f"{location}, {len(index)}, {i}": [sharding(inner, chain, index, location)]
    for location in ("start", "end")
    for index in ([LITTLE], [LITTLE, CRC32C])
    for i, (inner, chain) in enumerate([
        ([3, 2], [LITTLE]), ([1, 4], [BIG, ZSTD]), ([3, 4], [codec("transpose", order=[1, 0]), LITTLE, GZIP]),
        ([3, 2], [sharding([1, 1], [LITTLE, CRC32C])]), ([1, 1], [LITTLE, blosc("zstd", "shuffle", 2)]),
    ])
}  # fmt: skip
SHARDS["transposed"] = [codec("transpose", order=[1, 0]), sharding([2, 3], [LITTLE])]
SHARDS["wrapped"] = [sharding([3, 2], [LITTLE]), ZSTD]
FILLS = {
    "bool": [True], "int8": [-128], "int64": [-(2**63), 2**53 + 1], "uint64": [2**64 - 1],
    "float16": ["NaN", "-Infinity", 65504], "float32": ["NaN", "Infinity", "-Infinity", -0.0, 0.1, "0x7fc00001", 1e-45],
    "float64": ["NaN", 0.1, "0xfff8000000000001", 5e-324], "complex64": [["NaN", "-Infinity"], [0.1, -0.0]],
}  # fmt: skip
KEYS = [named(name, separator=separator) for name in ("default", "v2") for separator in "/."]


def document(data_type, fill, codecs, **members):
    return {
        "zarr_format": 3, "node_type": "array", "shape": list(SHAPE), "data_type": data_type,
        "chunk_grid": named("regular", chunk_shape=list(CHUNKS)),
        "chunk_key_encoding": named("default", separator="/"), "fill_value": fill, "codecs": codecs,
        "attributes": {"a": [1, None]},
    } | members  # fmt: skip


def threes():
    """(name, document, NumPy's type) of Zarr 3."""
    plain = {"little": [LITTLE], "big": [BIG], "zstd": [LITTLE, ZSTD], "shards": [sharding([3, 2], [LITTLE, ZSTD])]}
    for name in [*NUMBERS.split(), *SMALL.split()]:
        fill = False if name == "bool" else [1, 2] if name.startswith("complex") else 1
        fill = "NaN" if name == "float8_e8m0fnu" else fill  # tensorstore takes 1 for another number, and stores 1.0
        for how, codecs in plain.items():
            yield f"{name}, {how}", document(name, fill, codecs), name
        yield f"{name}, packbits", document(name, fill, [codec("packbits")]), name
    for name, (data_type, fill, dtype) in OTHERS.items():
        for how, codecs in plain.items():
            yield f"{name}, {how}", document(data_type, fill, codecs), dtype
    for name, (data_type, fill, coder) in TEXT.items():
        dtype = "T" if name == "string" else "O"
        for how, codecs in {"": [], "zstd": [ZSTD], "crc32c, gzip": [CRC32C, GZIP]}.items():
            yield f"{name} {how}", document(data_type, fill, [codec(coder), *codecs]), dtype
        yield f"{name}, shards", document(data_type, fill, [sharding([3, 2], [codec(coder), ZSTD])]), dtype
    for name, codecs in CHAINS.items():
        for dtype in "uint16", "float32", "bool":
            yield f"{name}, {dtype}", document(dtype, False if dtype == "bool" else 1, codecs), dtype
        if len(json.dumps(codecs)) > 2 and "transpose" not in name:
            yield f"{name}, uint16, inside", document("uint16", 1, [sharding([3, 2], codecs)]), "uint16"
    for name, codecs in SHARDS.items():
        yield f"shards {name}", document("uint16", 1, codecs), "uint16"
    for dtype, fills in FILLS.items():
        for fill in fills:
            yield f"{dtype} fill {fill}", document(dtype, fill, [LITTLE]), dtype
    for keys in KEYS:
        yield f"keys {keys}", document("uint16", 1, [LITTLE], chunk_key_encoding=keys), "uint16"
    grid = named("rectilinear", kind="inline", chunk_shapes=[[1, 2, 3], [[4, 2]]])
    for name, codecs in {"": [LITTLE], "zstd": [LITTLE, ZSTD], "shards": [sharding([1, 2], [LITTLE])]}.items():
        yield f"rectilinear {name}", document("uint16", 1, codecs, chunk_grid=grid), "uint16"
    yield "names", document("uint16", 1, [LITTLE], dimension_names=["y", None]), "uint16"


V2_CODECS = {
    "": (None, None), "shuffle": ([{"id": "shuffle", "elementsize": 2}], {"id": "zlib", "level": 1}),
    **{codec_id: (None, {"id": codec_id, **configuration}) for codec_id, configuration in {
        "zlib": {"level": 1}, "gzip": {"level": 1}, "bz2": {"level": 1}, "zstd": {"level": 1},
        "lz4": {"acceleration": 1}, "lzma": {"format": 1, "check": -1, "preset": None, "filters": None}}.items()},
    **{
        f"blosc {cname} {shuffle}": (
            None, {"id": "blosc", "cname": cname, "clevel": 5, "shuffle": shuffle, "blocksize": 0})
        for cname in CNAMES
        for shuffle in (-1, 0, 1, 2)
    },
    "bitround": ([{"id": "bitround", "keepbits": 5}], None),
    **{name: ([{"id": name}], None) for name in ("fletcher32", "crc32", "crc32c", "adler32", "base64")},
    "jenkins_lookup3": ([{"id": "jenkins_lookup3", "initval": 0, "prefix": None}], None),
    "pcodec": (None, {"id": "pcodec", "level": 8}),
    "zfpy": (None, {"id": "zfpy", "mode": 4, "tolerance": 0.01, "rate": -1, "precision": -1}),
}  # fmt: skip
V2_TYPES = {
    **{f"{order}{kind}": 1 for order in "<>" for kind in ("i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8")},
    "|b1": True, "|i1": -1, "|u1": 255, "<c8": [1, "NaN"], ">c16": [0.5, -1], "|S5": "YWIAAAA=",
    "<U3": "äx", ">U3": "äx", "|V3": "AAEC", "<M8[s]": 5, ">M8[10ms]": "NaT", "<m8[D]": -1,
}  # fmt: skip


V2_FILTERS = {  # for one data type each
    "delta": ("<u2", {"dtype": "<u2", "astype": "<u2"}), "delta, big": (">i4", {"id": "delta", "dtype": ">i4"}),
    "fixedscaleoffset": ("<f4", {"scale": 2, "offset": 1, "dtype": "<f4", "astype": "<i2"}),
    "astype": ("<u2", {"encode_dtype": "<u4", "decode_dtype": "<u2"}),
    "quantize": ("<f4", {"digits": 1, "dtype": "<f4", "astype": "<f4"}), "packbits": ("|b1", {}),
}  # fmt: skip


def document_v2(dtype, fill, filters=None, compressor=None, **members):
    return {
        "zarr_format": 2, "shape": list(SHAPE), "chunks": list(CHUNKS), "dtype": dtype, "fill_value": fill,
        "order": "C", "filters": filters, "compressor": compressor,
    } | members  # fmt: skip


def twos():
    """(name, document, NumPy's type) of Zarr 2."""
    for dtype, fill in V2_TYPES.items():
        for order in "CF":
            for value in (fill, None):
                yield f"v2 {dtype} {order} {value}", document_v2(dtype, value, order=order), dtype
    for fill in ("NaN", "Infinity", "-Infinity"):
        yield f"v2 {fill}", document_v2("<f4", fill), "<f4"
    fields = [["a", "<i2"], ["b", ">f4"]]
    yield "v2 record", document_v2(fields, "AAAAAAAA"), [("a", "<i2"), ("b", ">f4")]
    yield "v2 record, null", document_v2(fields, None, order="F"), [("a", "<i2"), ("b", ">f4")]
    for name, (filters, compressor) in V2_CODECS.items():
        for dtype, fill in (("<u2", 1), ("<f4", 1), ("|b1", True)):
            for order in "CF":
                yield f"v2 {name} {dtype} {order}", document_v2(dtype, fill, filters, compressor, order=order), dtype
    for name, (dtype, configuration) in V2_FILTERS.items():
        for order in "CF":
            for compressor in (None, {"id": "zlib", "level": 1}):
                filters = [{"id": name, **configuration}]
                yield (
                    f"v2 {name} {order}",
                    document_v2(dtype, False if "b" in dtype else 1, filters, compressor, order=order),
                    dtype,
                )
    for separator in "./":
        yield f"v2 {separator}", document_v2("<u2", 1, dimension_separator=separator), "<u2"
    for coder, fill, dtype in (("vlen-utf8", "", "T"), ("vlen-bytes", "", "O")):
        for compressor in (None, {"id": "zstd", "level": 1}):
            yield f"v2 {coder} {compressor}", document_v2("|O", fill, [{"id": coder}], compressor), dtype


# ---------------------------------------------------------------- libraries


def values(dtype):
    """Elements of a type of NumPy's (or of ml_dtypes): of SHAPE, all different where there are so many."""
    numbers = np.arange(48).reshape(SHAPE)
    if isinstance(dtype, str) and dtype in ("T", "O"):
        texts = np.array([f"ä{'x' * (n % 5)}{n}" for n in range(48)], object).reshape(SHAPE)
        if dtype == "O":
            return np.frompyfunc(str.encode, 1, 1)(texts)
        return texts.astype(np.dtypes.StringDType())
    dtype = np.dtype(dtype)
    if dtype.fields:
        return np.array([[(n, -n / 2) for n in row] for row in numbers.tolist()], dtype)
    if dtype.kind in "SU":
        return np.array([[f"x{n}" for n in row] for row in numbers.tolist()]).astype(dtype)
    if dtype.kind == "V" and dtype.name.startswith("void"):
        return np.frombuffer(bytes(range(48 * dtype.itemsize)), dtype).reshape(SHAPE)
    if dtype.kind in "mM":
        return numbers.astype("i8").astype(dtype.newbyteorder("=")).astype(dtype)
    return (numbers % (2 if "int2" in dtype.name or "int4" in dtype.name or "float4" in dtype.name else 7)).astype(
        dtype
    )


def by_zarr(path, members, dtype):
    import zarr
    from zarr.core.buffer import default_buffer_prototype
    from zarr.core.metadata import ArrayV2Metadata, ArrayV3Metadata

    cls = ArrayV3Metadata if members["zarr_format"] == 3 else ArrayV2Metadata
    with zarr.config.set({"array.rectilinear_chunks": True} if "array.rectilinear_chunks" in zarr.config else {}):
        path.mkdir()
        for key, value in cls.from_dict(members).to_buffer_dict(default_buffer_prototype()).items():
            (path / key).write_bytes(value.to_bytes())
        array = zarr.open_array(path, mode="r+")
        data = values(dtype if dtype in ("T", "O") else array.dtype)
        for part in WRITTEN:
            array[part] = data[part]
        return np.asarray(array[...])


def by_tensorstore(path, members, dtype):
    import tensorstore

    if members["zarr_format"] == 3 and dtype in ("V3", "i2,f4"):
        raise NotImplementedError("it ends the process")
    three = members["zarr_format"] == 3
    spec = {
        "driver": "zarr3" if three else "zarr",
        "kvstore": {"driver": "file", "path": str(path)},
        "metadata": members,
    }
    array = tensorstore.open(spec, create=True).result()
    data = values(
        array.dtype.numpy_dtype if array.ndim == 2 and array.dtype.name not in ("string", "ustring") else dtype
    )
    if array.ndim > 2:  # raw bytes have an axis more
        data = data.view("u1").reshape(*SHAPE, -1)
    for part in WRITTEN:
        array[part].write(data[part]).result()
    found = array.read().result()
    return found if array.ndim == 2 else found.view(f"V{found.shape[-1]}")[..., 0]


def by_zarrs(path, members, dtype):
    import zarrista
    import zarrista.store

    path.mkdir()
    store = zarrista.store.FilesystemStore(str(path))
    if members["zarr_format"] == 3:
        array = zarrista.Array.from_metadata(members, store)
        array.store_metadata()
    else:
        (path / ".zarray").write_text(json.dumps(members))
        array = zarrista.Array.open(store)
    own = {"complex64": "c8", "complex128": "c16"}.get(dtype, dtype)
    if own in SMALL.split():
        import ml_dtypes

        own = getattr(ml_dtypes, own)
    data = values(own)
    data = data if data.dtype.kind in "OT" else data.astype(data.dtype.newbyteorder("="))
    for index, part in zip(([0, 0], [0, 1], [1, 0]), cut(array), strict=True):
        array.store_chunk(index, array_bytes(data[part]))
    if data.dtype.kind in "OT":
        found = np.empty(SHAPE, data.dtype)
        fill = members["fill_value"]
        fill = fill if data.dtype.kind == "T" else bytes([0, 1, 2]) if members["zarr_format"] == 3 else b""
        found[...] = np.full((), fill, data.dtype)
        for part in WRITTEN:
            found[part] = data[part]
        return found
    return np.frombuffer(bytes(array.retrieve_array_subset(...).buffer()), data.dtype).reshape(SHAPE)


def cut(array):
    """The parts that are written, chunk by chunk."""
    if array.chunk_grid_shape == [2, 2]:
        return WRITTEN
    raise NotImplementedError("another grid")


def array_bytes(part):
    """A chunk as zarrista takes it."""
    import zarrista

    if part.dtype.kind not in "OT":
        return zarrista.ArrayBytes(np.ascontiguousarray(part).tobytes())
    items = [item.encode() if isinstance(item, str) else item for item in part.reshape(-1).tolist()]
    offsets = [0, *np.cumsum([len(item) for item in items]).tolist()]
    return zarrista.ArrayBytes(b"".join(items), offsets)


LIBRARIES = {"zarr-python": by_zarr, "zarrs": by_zarrs, "tensorstore": by_tensorstore}


def same(found, want):
    """Whether all elements are the same, bit for bit where they are memory."""
    if found.dtype.kind in "OT" or want.dtype.kind in "OT":
        return found.tolist() == want.tolist()
    native = want.astype(want.dtype.newbyteorder("="))
    return (
        found.shape == want.shape
        and found.dtype.itemsize == native.dtype.itemsize
        and found.tobytes() == native.tobytes()
    )


def count(library, directory, every=1):
    """Tries every so-manieth row.

    Returns the arrays that the library has written, what is wrong with those that simplezarr does not read, and what
    the library says of the rows that it refuses.
    """
    written, wrong, refused = [], [], []
    for i, (name, members, dtype) in enumerate([*threes(), *twos()][::every]):
        path = Path(directory, str(i))
        try:
            want = LIBRARIES[library](path, members, dtype)
        except BaseException as error:  # a panic in Rust is not an Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            shutil.rmtree(path, ignore_errors=True)
            refused.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())}")
            continue
        written.append(path)
        try:
            found = np.asarray(sz.open_array(path)[...])
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {error}")
            continue
        if not same(found, want):
            wrong.append(f"{name}: {found.reshape(-1)[[0, -1]]}, not {want.reshape(-1)[[0, -1]]}")
    return written, wrong, refused


def main():
    warnings.simplefilter("ignore")
    failed = False
    for library in LIBRARIES:
        with tempfile.TemporaryDirectory() as directory:
            written, wrong, refused = count(library, directory)
        print(f"{library}: {len(written)} arrays written, {len(written) - len(wrong)} read")
        print(*[f"  {line}" for line in wrong], sep="\n")
        if "-v" in sys.argv:
            print(*[f"  refused {line[:200]}" for line in refused], sep="\n")
        failed |= bool(wrong)
    return failed


if __name__ == "__main__":
    sys.exit(main())
