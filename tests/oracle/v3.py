"""A slow Zarr 3 reader and writer in plain NumPy, to compare the package with. It shares no code with the package.

A store is a dict from keys to bytes. `write_array` puts garbage wherever the specification leaves bytes open (the part
of a chunk that lies outside the array, gaps between the payloads of a shard, the order of these payloads), so that a
reader that looks there fails. It leaves out what is all fill value, as the specification allows.
"""

import gzip
import itertools
import json
import math
import struct
import sys
import zlib
from pathlib import Path

import numpy as np

CRC32C = {"name": "crc32c"}
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
BIG = {"name": "bytes", "configuration": {"endian": "big"}}
EMPTY = 2**64 - 1
SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}


def codec(name, **configuration):
    """Return the JSON object of a codec."""
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


def sharding(chunk_shape, codecs=(LITTLE,), index_codecs=(LITTLE, CRC32C), index_location="end"):
    """Return the JSON object of `sharding_indexed`."""
    return codec(
        "sharding_indexed",
        chunk_shape=list(chunk_shape),
        codecs=list(codecs),
        index_codecs=list(index_codecs),
        index_location=index_location,
    )


def split_codec(value):
    """Name and configuration of a codec in its long or its short JSON form."""
    return (value, {}) if isinstance(value, str) else (value["name"], value.get("configuration", {}))


# ---------------------------------------------------------------- data types and fill values


def numpy_dtype(name):
    """Return the native NumPy dtype of a core data type."""
    return np.dtype(f"V{int(name[1:]) // 8}") if name[0] == "r" else np.dtype(name)


def type_name(dtype):
    """Return the Zarr name of a NumPy dtype."""
    return f"r{8 * dtype.itemsize}" if dtype.kind == "V" else dtype.name


def float_to_json(value):
    """Return one float (a NumPy scalar) as JSON: a number, or a string for what JSON numbers can't say."""
    bits = value.tobytes()[:: -1 if sys.byteorder == "little" else 1].hex()
    if np.isnan(value):
        canonical = {2: "7e00", 4: "7fc00000", 8: "7ff8000000000000"}[value.itemsize]
        return "NaN" if bits == canonical else f"0x{bits}"
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


def float_from_json(value, dtype):
    """Return the NumPy scalar that a float's JSON stands for."""
    if isinstance(value, str) and value.startswith("0x"):
        return np.frombuffer(int(value, 16).to_bytes(dtype.itemsize, sys.byteorder), dtype)[0]
    return dtype.type(value.replace("Infinity", "inf") if isinstance(value, str) else value)


def fill_to_json(fill):
    """Return a 0-d array as the JSON of a fill value."""
    if fill.dtype.kind == "V":
        return list(fill.tobytes())
    if fill.dtype.kind == "c":
        return [float_to_json(part) for part in fill.reshape(1).view(fill.real.dtype)]
    return float_to_json(fill.reshape(1)[0]) if fill.dtype.kind == "f" else fill.item()


def fill_from_json(value, dtype):
    """Invert `fill_to_json`."""
    if dtype.kind == "V":
        return np.frombuffer(bytes(value), dtype).reshape(())
    if dtype.kind == "c":
        part = np.empty(0, dtype).real.dtype
        return np.array([float_from_json(v, part) for v in value]).view(dtype).reshape(())
    return np.array(float_from_json(value, dtype) if dtype.kind == "f" else value, dtype)


# ---------------------------------------------------------------- bytes -> bytes


def _crc_table():
    table = list(range(256))
    for _ in range(8):
        table = [(c >> 1) ^ (0x82F63B78 if c & 1 else 0) for c in table]
    return table


CRC_TABLE = _crc_table()


def crc32c(data):
    """Return the four checksum bytes of RFC 3720."""
    c = 0xFFFFFFFF
    for byte in data:
        c = CRC_TABLE[(c ^ byte) & 0xFF] ^ (c >> 8)
    return struct.pack("<I", c ^ 0xFFFFFFFF)


def compress(name, config, data):
    """Apply one bytes -> bytes codec."""
    if name == "crc32c":
        return data + crc32c(data)
    if name == "gzip":
        return gzip.compress(data, config["level"], mtime=0)
    if name == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=config["level"], write_checksum=config["checksum"]).compress(data)
    from numcodecs import blosc

    shuffle = SHUFFLES[config["shuffle"]]
    cname, clevel, blocksize = config["cname"].encode(), config["clevel"], config.get("blocksize", 0)
    return bytes(blosc.compress(data, cname, clevel, shuffle, blocksize, config.get("typesize", 1)))


def decompress(name, data):
    """Undo one bytes -> bytes codec; errors are ValueErrors."""
    if name == "crc32c":
        if len(data) < 4 or crc32c(data[:-4]) != data[-4:]:
            raise ValueError("crc32c: wrong checksum")
        return data[:-4]
    if name == "gzip":
        try:
            return gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(str(error)) from error
    if name == "zstd":
        import zstandard

        try:
            return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(data)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
    from numcodecs import blosc

    return bytes(blosc.decompress(data))


# ---------------------------------------------------------------- the chain


def grid_of(shape, chunks):
    """Return the number of chunks along each axis."""
    return tuple(-(-n // c) for n, c in zip(shape, chunks, strict=True))


def boxes(shape, chunks):
    """Yield every chunk's grid index and its box of an array, in C order."""
    for index in itertools.product(*map(range, grid_of(shape, chunks))):
        yield index, tuple(slice(i * c, (i + 1) * c) for i, c in zip(index, chunks, strict=True))


def all_fill(block, inside, fill):
    """Return whether all elements inside the array have the very bits of the fill value."""
    values = block[inside]
    return values.tobytes() == fill.tobytes() * values.size


def to_bytes(block, endian):
    """Encode as the `bytes` codec: C order, each number in the given byte order."""
    swap = endian not in (None, sys.byteorder) and block.dtype.kind != "V"
    return (block.byteswap() if swap else block).tobytes()


def from_bytes(data, shape, dtype, endian):
    """Invert `to_bytes`."""
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes for a chunk of {math.prod(shape) * dtype.itemsize}")
    swap = endian not in (None, sys.byteorder) and dtype.kind != "V"
    block = np.frombuffer(data, dtype).reshape(shape)
    return block.byteswap() if swap else block


def encode(codecs, block, inside, fill, rng):
    """Encode one chunk by a chain. `inside` marks the elements inside the array. None: all fill value."""
    if rng is not None and all_fill(block, inside, fill):
        return None
    names = [split_codec(c) for c in codecs]
    for position, (name, config) in enumerate(names):
        if name == "transpose":
            block, inside = block.transpose(config["order"]), inside.transpose(config["order"])
        elif name == "bytes":
            data = to_bytes(block, config.get("endian"))
        elif name == "sharding_indexed":
            data = encode_shard(config, block, inside, fill, rng)
        else:
            assert position, "bytes come first"
            data = compress(name, config, data)
    return data


def decode(codecs, data, shape, dtype, fill):
    """Invert `encode`."""
    (name, config), rest = split_codec(codecs[0]), codecs[1:]
    if name == "transpose":
        order = config["order"]
        inner = decode(rest, data, tuple(shape[axis] for axis in order), dtype, fill)
        return inner.transpose(np.argsort(order)) if order else inner
    for later in reversed(rest):
        data = decompress(split_codec(later)[0], data)
    if name == "sharding_indexed":
        return decode_shard(config, data, shape, dtype, fill)
    return from_bytes(data, shape, dtype, config.get("endian"))


def encode_index(config, index):
    """Encode the index of a shard by its own chain."""
    return encode(config["index_codecs"], index, np.ones(index.shape, bool), np.uint64(0), None)


def encode_shard(config, block, inside, fill, rng):
    """Encode a shard. With `rng`: payloads in random order with junk between them, all-fill chunks not stored."""
    chunks = config["chunk_shape"]
    index = np.full((*grid_of(block.shape, chunks), 2), EMPTY, np.uint64)
    at_start = config.get("index_location") == "start"
    body = bytearray(len(encode_index(config, index)) if at_start else 0)
    start = len(body)
    cells = list(boxes(block.shape, chunks))
    for i in range(len(cells)) if rng is None else rng.permutation(len(cells)):
        cell, box = cells[i]
        payload = encode(config["codecs"], block[box], inside[box], fill, rng)
        if payload is None:
            continue
        body += b"" if rng is None else rng.bytes(rng.integers(3))
        index[cell] = len(body), len(payload)
        body += payload
    encoded = encode_index(config, index)
    return encoded + bytes(body[start:]) if at_start else bytes(body) + encoded


def decode_shard(config, data, shape, dtype, fill):
    """Invert `encode_shard`."""
    chunks, index_codecs = config["chunk_shape"], config["index_codecs"]
    index_shape = (*grid_of(shape, chunks), 2)
    nbytes = len(encode_index(config, np.zeros(index_shape, np.uint64)))
    if len(data) < nbytes:
        raise ValueError("shard shorter than its index")
    encoded = data[:nbytes] if config.get("index_location") == "start" else data[-nbytes:]
    index = decode(index_codecs, encoded, index_shape, np.dtype(np.uint64), np.uint64(0))
    block = np.full(shape, fill, dtype)
    for cell, box in boxes(shape, chunks):
        offset, length = map(int, index[cell])
        if offset == length == EMPTY:
            continue
        if offset + length > len(data):
            raise ValueError("entry outside the shard")
        block[box] = decode(config["codecs"], data[offset : offset + length], tuple(chunks), dtype, fill)
    return block


# ---------------------------------------------------------------- arrays and groups


def chunk_key(index, encoding):
    """Return the key of a chunk below its array."""
    name, config = split_codec(encoding)
    if name == "v2":
        return config.get("separator", ".").join(map(str, index)) or "0"
    return config.get("separator", "/").join(["c", *map(str, index)])


def put_json(store, path, document):
    """Store the metadata document of a node."""
    store[f"{path}/zarr.json" if path else "zarr.json"] = json.dumps(document, allow_nan=False).encode()


def write_group(store, path="", attributes=None, **extra):
    """Store a group's metadata."""
    put_json(store, path, {"zarr_format": 3, "node_type": "group", "attributes": attributes or {}, **extra})


def garbage(rng, shape, dtype):
    """Return an array of random bits (for bool: of both values)."""
    if dtype.kind == "b":
        return rng.integers(2, size=shape).astype(bool)
    return np.frombuffer(rng.bytes(math.prod(shape) * dtype.itemsize), dtype).reshape(shape)


def write_array(
    store,
    path,
    array,
    chunks,
    *,
    shards=None,
    codecs=(LITTLE,),
    fill_value=None,
    chunk_key_encoding="default",
    seed=0,
    **extra,
):
    """Write an array; `extra` are further members of its metadata. With `seed` None no junk, and nothing is left out.

    With `shards`, `chunks` and `codecs` are those of the inner chunks; else `chunks` is the stored unit.
    """
    if shards is not None:
        codecs, chunks = [sharding(chunks, codecs)], shards
    array = np.asarray(array)
    fill = np.zeros((), array.dtype) if fill_value is None else np.asarray(fill_value, array.dtype)
    encoding = {"name": chunk_key_encoding} if isinstance(chunk_key_encoding, str) else chunk_key_encoding
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(array.shape),
        "data_type": type_name(array.dtype),
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": encoding,
        "fill_value": fill_to_json(fill),
        "codecs": list(codecs),
        **extra,
    }
    put_json(store, path, document)
    rng = None if seed is None else np.random.default_rng(seed)
    for index, box in boxes(array.shape, chunks):
        block = np.full(chunks, fill, array.dtype) if rng is None else garbage(rng, tuple(chunks), array.dtype).copy()
        inside = np.zeros(chunks, bool)
        part = tuple(slice(0, n) for n in array[box].shape)
        block[part], inside[part] = array[box], True
        data = encode(codecs, block, inside, fill, rng)
        if data is not None:
            key = chunk_key(index, encoding)
            store[f"{path}/{key}" if path else key] = data
    return store


def read_array(store, path=""):
    """Read a whole array."""
    prefix = f"{path}/" if path else ""
    document = json.loads(store[prefix + "zarr.json"])
    dtype, shape = numpy_dtype(document["data_type"]), tuple(document["shape"])
    fill = fill_from_json(document["fill_value"], dtype)
    chunks = tuple(document["chunk_grid"]["configuration"]["chunk_shape"])
    out = np.full(shape, fill, dtype)
    for index, box in boxes(shape, chunks):
        data = store.get(prefix + chunk_key(index, document["chunk_key_encoding"]))
        if data is not None:
            block = decode(document["codecs"], data, chunks, dtype, fill)
            out[box] = block[tuple(slice(0, n) for n in out[box].shape)]
    return out


def dump(store, directory):
    """Write a store of this module into a directory; returns the directory as a string."""
    for key, value in store.items():
        target = Path(directory, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(value)
    return str(directory)


def load(directory):
    """Return a directory as a dict of bytes."""
    root = Path(directory)
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def same(got, want):
    """Return whether two NumPy values are the same in type, dtype, shape and every bit."""
    alike = type(got) is type(want) and got.dtype == want.dtype and got.shape == want.shape
    return alike and got.tobytes() == want.tobytes()
