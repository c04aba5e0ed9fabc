"""The stored arrays that the suites share, written with NumPy and json alone.

What is here must not be changed, only added to: figures are compared over the years.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

try:
    import zstandard
except ImportError:
    zstandard = None

import simplezarr as sz

CODECS = ["raw", "gzip", "zstd"]
FAST_CODECS = ["raw", "zstd"]
CUBE_SHAPE, CUBE_CHUNKS = (128, 128, 128), (32, 32, 32)
SHARDS, INNER_CHUNKS = (64, 64, 64), (16, 16, 16)
TINY_SHAPE, TINY_CHUNKS = (128, 64, 128), (8, 8, 16)  # 1024 chunks of 2 KB
SMALL_SHAPE, SMALL_CHUNKS = (16, 16), (16, 16)
SMALL_ARRAYS = 64
SEED = 20250601


def values(shape: tuple[int, ...]) -> np.ndarray:
    """Smooth waves under noise, uint16: compresses to about half."""
    rng = np.random.default_rng(SEED)
    waves = sum(np.sin(axis / 11) for axis in np.ogrid[tuple(slice(n) for n in shape)])
    return (1000 + 200 * waves + 6 * rng.standard_normal(shape, "float32")).astype("<u2")


# ---- Encoding ----


def encode(codec: str, data: bytes) -> bytes:
    if codec == "gzip":
        return gzip.compress(data, 1, mtime=0)
    return zstandard.ZstdCompressor(level=3).compress(data) if codec == "zstd" else data


def codecs_json(codec: str) -> list[dict[str, Any]]:
    settings = {"gzip": {"level": 1}, "zstd": {"level": 3, "checksum": False}}
    chain: list[dict[str, Any]] = [{"name": "bytes", "configuration": {"endian": "little"}}]
    return chain if codec == "raw" else [*chain, {"name": codec, "configuration": settings[codec]}]


def crc32c(data: bytes) -> bytes:
    """Compute the checksum of a shard's index, bit by bit."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return (state ^ 0xFFFFFFFF).to_bytes(4, "little")


def shard(chunks: Iterable[bytes]) -> bytes:
    """Inner chunks in C order, and the index behind them."""
    body, entries = b"", []
    for chunk in chunks:
        entries += [len(body), len(chunk)]
        body += chunk
    index = np.array(entries, "<u8").tobytes()
    return body + index + crc32c(index)


# ---- Writing ----


def boxes(array: np.ndarray, chunks: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Grid index and values of each chunk, in C order."""
    for index in np.ndindex(*(n // c for n, c in zip(array.shape, chunks, strict=True))):
        yield index, array[tuple(slice(i * c, i * c + c) for i, c in zip(index, chunks, strict=True))]


def write_metadata(path: Path, shape: tuple[int, ...], chunks: tuple[int, ...], codecs: list[dict[str, Any]]) -> None:
    path.mkdir(parents=True)
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": codecs,
        "attributes": {"unit": "counts"},
        "dimension_names": [f"axis{i}" for i in range(len(shape))],
    }
    (path / "zarr.json").write_text(json.dumps(document))


def write_object(path: Path, index: tuple[int, ...], data: bytes) -> None:
    file = path.joinpath("c", *map(str, index))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def write_array(path: Path, shape: tuple[int, ...], chunks: tuple[int, ...], codec: str) -> None:
    write_metadata(path, shape, chunks, codecs_json(codec))
    for index, chunk in boxes(values(shape), chunks):
        write_object(path, index, encode(codec, chunk.tobytes()))


def write_sharded(path: Path, codec: str) -> None:
    index_codecs = [*codecs_json("raw"), {"name": "crc32c"}]
    sharding = {
        "chunk_shape": INNER_CHUNKS,
        "codecs": codecs_json(codec),
        "index_codecs": index_codecs,
        "index_location": "end",
    }
    write_metadata(path, CUBE_SHAPE, SHARDS, [{"name": "sharding_indexed", "configuration": sharding}])
    for index, box in boxes(values(CUBE_SHAPE), SHARDS):
        write_object(path, index, shard(encode(codec, inner.tobytes()) for _, inner in boxes(box, INNER_CHUNKS)))


def write_some(root: Path, names: Iterable[str]) -> None:
    """Write the arrays of these names: `cube`, `tiny` or `sharded`, and a codec."""
    for name in names:
        kind, codec = name.split("-")
        if kind == "sharded":
            write_sharded(root / name, codec)
        else:
            shape, chunks = (CUBE_SHAPE, CUBE_CHUNKS) if kind == "cube" else (TINY_SHAPE, TINY_CHUNKS)
            write_array(root / name, shape, chunks, codec)


def write_all(root: Path) -> None:
    codecs = [codec for codec in CODECS if codec != "zstd" or zstandard is not None]
    write_some(root, [f"{kind}-{codec}" for codec in codecs for kind in ("cube", "tiny", "sharded")])
    for i in range(SMALL_ARRAYS):
        write_array(root / "small" / f"array{i}", SMALL_SHAPE, SMALL_CHUNKS, "gzip")
    group = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    (root / "small" / "zarr.json").write_text(json.dumps(group))


class Stored:
    """The base of suites that read: the arrays are written once for all of them."""

    timeout = 120

    def setup_cache(self) -> str:
        root = Path.cwd() / "stored"
        write_all(root)
        return str(root)

    def path(self, root: str, name: str) -> str:
        """Return the path of an array; raise NotImplementedError if its codec could not be written here."""
        if name.endswith("-zstd") and zstandard is None:
            raise NotImplementedError("zstandard is not installed")
        return f"{root}/{name}"

    def open(self, root: str, name: str) -> Any:
        return sz.open(self.path(root, name))
