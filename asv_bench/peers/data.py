"""The files that everybody reads: deterministic data, written by one neutral writer (zarr-python).

Run as ``python -m peers.data DIRECTORY SIZE ARRAY...`` it writes the arrays that are not there yet, beside the NumPy
file of their values against which every answer is checked.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SEED = 20250601
TINY_SHAPE = (128, 128, 256)
MANY = 256  # arrays for the "open" row
LARGE_SHAPE = (320, 320, 512)  # 102,400 chunks of 1 KB
TABLE_SHAPE = (20000, 1024)
SLAB = 16  # planes made at a time


@dataclass(frozen=True)
class ArraySpec:
    """How an array is stored; ``source`` names its values, shapes are given for a cube of side ``size``."""

    source: str
    codec: str
    chunks: Callable[[int], tuple[int, ...]]
    shards: Callable[[int], tuple[int, ...]] | None = None
    layout: dict[str, Any] = field(default_factory=dict)
    members: int = 0  # of a group of so many such arrays


def _cubes(divisor: int, factor: int = 1) -> Callable[[int], tuple[int, ...]]:
    return lambda size: (factor * size // divisor,) * 3


SPECS = {
    "cube-raw": ArraySpec("cube", "raw", _cubes(4)),
    "cube-zstd": ArraySpec("cube", "zstd", _cubes(4)),
    "cube-blosc": ArraySpec("cube", "blosc", _cubes(4)),
    "cube-shards": ArraySpec("cube", "zstd", _cubes(16), _cubes(2)),
    "cube-big-endian-raw": ArraySpec("cube", "raw", _cubes(4), layout={"endian": "big"}),
    "cube-big-endian-zstd": ArraySpec("cube", "zstd", _cubes(4), layout={"endian": "big"}),
    "cube-transposed-raw": ArraySpec("cube", "raw", _cubes(4), layout={"order": (2, 1, 0)}),
    "cube-transposed-zstd": ArraySpec("cube", "zstd", _cubes(4), layout={"order": (2, 1, 0)}),
    "labels-zstd": ArraySpec("labels", "zstd", _cubes(4)),
    "labels-shards": ArraySpec("labels", "zstd", _cubes(16), _cubes(8, 3)),
    "tiny-raw": ArraySpec("tiny", "raw", lambda size: (8, 8, 16)),
    "tiny-zstd": ArraySpec("tiny", "zstd", lambda size: (8, 8, 16)),
    "cube-gzip": ArraySpec("cube", "gzip", _cubes(4)),
    "cube-crc32c": ArraySpec("cube", "crc32c", _cubes(4)),
    "block-raw": ArraySpec("block", "raw", _cubes(8)),
    "block-zstd": ArraySpec("block", "zstd", _cubes(8)),
    "block-blosc": ArraySpec("block", "blosc", _cubes(8)),
    "block-shards": ArraySpec("block", "zstd", _cubes(16), _cubes(4)),
    "block-one-shard": ArraySpec("block", "zstd", _cubes(16), _cubes(2)),
    "block-wide-raw": ArraySpec("block", "raw", _cubes(4)),
    "block-wide-zstd": ArraySpec("block", "zstd", _cubes(4)),
    "table": ArraySpec("table", "zstd", lambda size: (64, 1024)),
    "large": ArraySpec("large", "zstd", lambda size: (8, 8, 8)),
    "blocks-zstd": ArraySpec("tiny", "zstd", lambda size: (16, 16, 32)),
    "many": ArraySpec("few", "zstd", lambda size: (16, 16, 16)),
    "group": ArraySpec("few", "zstd", lambda size: (16, 16, 16), members=1000),
    "group-consolidated": ArraySpec("few", "zstd", lambda size: (16, 16, 16), members=1000),
    "group-100": ArraySpec("few", "zstd", lambda size: (16, 16, 16), members=100),
    "group-100-consolidated": ArraySpec("few", "zstd", lambda size: (16, 16, 16), members=100),
}


# ---- Values ----


def _interpolation(points: int, cells: int) -> np.ndarray:
    """Return the matrix that takes cells + 1 knots to ``points`` smoothly blended values."""
    at = np.linspace(0, cells, points, endpoint=False)
    left = at.astype(int)
    blend = (1 - np.cos(np.pi * (at - left))) / 2
    matrix = np.zeros((points, cells + 1), "float32")
    matrix[np.arange(points), left] = 1 - blend
    matrix[np.arange(points), left + 1] += blend
    return matrix


class Field:
    """Smooth 3-D noise between 0 and 1, made some planes at a time."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...], cells: int) -> None:
        knots = rng.random((cells + 1,) * 3, dtype="float32")
        self._planes = _interpolation(shape[0], cells)
        rows, columns = (_interpolation(n, cells) for n in shape[1:])
        self._knots = np.matmul(np.matmul(rows, knots), columns.T)

    def planes(self, start: int, stop: int) -> np.ndarray:
        return np.tensordot(self._planes[start:stop], self._knots, axes=1)


def _microscopy(rng: np.random.Generator, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Dim background, bright soft structures, shot noise: zstd gets it to about half."""
    broad, fine = Field(rng, shape, 5), Field(rng, shape, 23)
    for start in range(0, shape[0], SLAB):
        stop = min(start + SLAB, shape[0])
        signal = 120 + 900 * broad.planes(start, stop) * fine.planes(start, stop) ** 2
        noise = rng.standard_normal(signal.shape, dtype="float32")
        yield np.rint(signal + 0.2 * np.sqrt(signal) * noise).astype("uint16")


def _segmentation(rng: np.random.Generator, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Make a segmentation: large blobs with large ids on a background of zeros."""
    cells = 10
    warps = [Field(rng, shape, 17) for _ in shape]
    hole = Field(rng, shape, 7)
    ids = rng.integers(1, 2**31, cells + 3, dtype="uint32")
    for start in range(0, shape[0], SLAB):
        stop = min(start + SLAB, shape[0])
        label = np.zeros((stop - start, *shape[1:]), "uint32")
        grid = np.ogrid[start:stop, : shape[1], : shape[2]]
        for axis, (position, warp) in enumerate(zip(grid, warps, strict=True)):
            cell = (position / (shape[axis] / cells) + 1.5 * warp.planes(start, stop)).astype("intp")
            label = label * np.uint32(31) + ids[cell]
        yield np.where(hole.planes(start, stop) > 0.62, np.uint32(0), label)


def _table(rng: np.random.Generator, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Make rows of features: float32 whose mantissas are noise except for their first bits."""
    for start in range(0, shape[0], 500):
        rows = rng.standard_normal((min(500, shape[0] - start), shape[1]), dtype="float32")
        yield np.round(rows * 64) / 64


MAKERS = {"labels": _segmentation, "table": _table}
DTYPES = {"labels": "uint32", "table": "float32"}  # the others are uint16


def source_shape(source: str, size: int) -> tuple[int, ...]:
    return {
        "cube": (size,) * 3,
        "block": (size // 2,) * 3,
        "labels": (size * 3 // 4,) * 3,
        "tiny": TINY_SHAPE,
        "few": (16, 16, 16),
        "large": LARGE_SHAPE,
        "table": TABLE_SHAPE,
    }[source]


def source_path(directory: Path, source: str) -> Path:
    return directory / f"{source}.npy"


def make_source(directory: Path, source: str, size: int) -> np.ndarray:
    """Return the values as a memory map of their NumPy file, which is made if it is missing."""
    path = source_path(directory, source)
    if not path.exists():
        shape, rng = source_shape(source, size), np.random.default_rng([SEED, size, *source.encode()])
        slabs = MAKERS.get(source, _microscopy)(rng, shape)
        part = path.with_suffix(".part")
        values = np.lib.format.open_memmap(part, "w+", DTYPES.get(source, "uint16"), shape)
        start = 0
        for slab in slabs:
            values[start : start + len(slab)] = slab
            start += len(slab)
        values.flush()
        os.replace(part, path)
    return np.load(path, mmap_mode="r")


# ---- Files ----


def _write(path: Path, values: np.ndarray, spec: ArraySpec, size: int) -> None:
    import zarr
    from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec

    compressor = {
        "raw": None,
        "gzip": GzipCodec(level=5),
        "crc32c": Crc32cCodec(),
        "zstd": ZstdCodec(level=3),
        "blosc": BloscCodec(cname="lz4", clevel=5, shuffle="shuffle", typesize=values.dtype.itemsize),
    }[spec.codec]
    order = spec.layout.get("order")
    array = zarr.create_array(
        store=str(path),
        shape=values.shape,
        dtype=values.dtype,
        chunks=spec.chunks(size),
        shards=spec.shards(size) if spec.shards else None,
        filters=(TransposeCodec(order=order),) if order else None,
        serializer=BytesCodec(endian=spec.layout.get("endian", "little")),
        compressors=compressor,
        zarr_format=3,
    )
    array[...] = values


def array_paths(directory: Path, name: str) -> list[Path]:
    """Return the paths of an array; the rows of many arrays have several, and so have groups."""
    if SPECS[name].members:
        return [directory / name / f"{i:04d}" for i in range(SPECS[name].members)]
    return [directory / name / f"{i:03d}" for i in range(MANY)] if name == "many" else [directory / name]


def _write_group(path: Path, consolidated: bool) -> None:
    import zarr

    zarr.create_group(str(path), zarr_format=3)
    if consolidated:
        zarr.consolidate_metadata(str(path))


def make_array(directory: Path, name: str, size: int) -> None:
    """Write an array unless it exists, under another name first, so that an interrupted one is not taken for whole."""
    spec, path = SPECS[name], directory / name
    if path.exists():
        return
    values = make_source(directory, spec.source, size)
    part = directory / f"{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    for target in array_paths(directory, name):
        _write(part / target.relative_to(path), values, spec, size)
    if spec.members:
        _write_group(part, name.endswith("-consolidated"))
    os.replace(part, path)


def warm(directory: Path, name: str) -> int:
    """Read every file of an array once, so that it is in the page cache; return the bytes read."""
    files = (Path(root, file) for root, _, names in os.walk(directory / name) for file in names)
    return sum(len(file.read_bytes()) for file in files)


def main(directory: str, size: str, *names: str) -> None:
    place = Path(directory)
    place.mkdir(parents=True, exist_ok=True)
    for name in names:
        make_array(place, name, int(size))


if __name__ == "__main__":
    main(*sys.argv[1:])
