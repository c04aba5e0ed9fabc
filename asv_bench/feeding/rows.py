"""What is measured: arrays, and orders in which their samples are delivered."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

SEED, THREADS, SCALE = 7, 2, 1 / 255
CROP = (64, 64, 64)
CELL = 2  # chunks along each axis, of the crops that are read together


class Spec(NamedTuple):
    """An array: its shape, its data type, the shape of what is decoded at once, and of a stored object."""

    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None = None


ARRAYS = {
    "rows": Spec((65536, 1024), "f4", (128, 1024)),
    "rows-shards": Spec((65536, 1024), "f4", (32, 1024), (8192, 1024)),
    "images": Spec((5000, 128, 128, 3), "u1", (64, 128, 128, 3)),
    "images-1": Spec((5000, 128, 128, 3), "u1", (1, 128, 128, 3)),
    "crops": Spec((512, 512, 512), "u2", (128, 128, 128)),
    "crops-shards": Spec((512, 512, 512), "u2", (32, 32, 32), (256, 256, 256)),
}


class Row(NamedTuple):
    """An array, the samples of a batch, those that may be held at a time, those of an epoch, and the order."""

    array: str
    batch: int
    window: int
    samples: int
    uniform: bool = False
    to_float: bool = False


ROWS = {
    "rows": Row("rows", 256, 8192, 65536),
    "rows in shards": Row("rows-shards", 256, 8192, 65536),
    "images": Row("images", 64, 1024, 5000),
    "images to float32": Row("images", 64, 1024, 5000, to_float=True),
    "crops": Row("crops", 8, 256, 256),
    "uniform: crops": Row("crops", 8, 64, 128, uniform=True),
    "uniform: crops in shards": Row("crops-shards", 8, 64, 256, uniform=True),
    "uniform: rows": Row("rows", 256, 4096, 8192, uniform=True),
    "uniform: rows in shards": Row("rows-shards", 256, 4096, 8192, uniform=True),
    "uniform: images, 1 a chunk": Row("images-1", 64, 1024, 4096, uniform=True),
    "uniform: images": Row("images", 64, 512, 1024, uniform=True),
}


class Task:
    """One row, as a contender sees it."""

    def __init__(self, top: Path, name: str) -> None:
        self.row, self.top, self.name = ROWS[name], top, name
        self.path = top / self.row.array
        self.spec = ARRAYS[self.row.array]
        self.is_crops = self.row.array.startswith("crops")
        self.n, self.chunk = self.spec.shape[0], self.spec.chunks[0]
        self.batch, self.window = self.row.batch, self.row.window
        #: Samples of the array that take part, in ascending order.
        self.chosen = np.sort(np.random.default_rng(SEED).permutation(self.n)[: self.row.samples])
        self.random = np.random.default_rng(SEED + 1)

    @property
    def sample_bytes(self) -> int:
        """Bytes of a sample as it is delivered."""
        shape = CROP if self.is_crops else self.spec.shape[1:]
        return int(np.prod(shape)) * (4 if self.row.to_float else np.dtype(self.spec.dtype).itemsize)

    def starts(self) -> np.ndarray:
        """Return where crops of an epoch begin, in random order."""
        return self.random.integers(0, np.subtract(self.spec.shape, CROP) + 1, (self.row.samples, 3))

    def chunk_numbers(self, samples: np.ndarray) -> np.ndarray:
        """Return the number of the chunk that each sample begins in, from its row or its start."""
        if self.is_crops:
            grid = np.floor_divide(self.spec.shape, self.spec.chunks)
            return np.ravel_multi_index(tuple((samples // self.spec.chunks).T), tuple(grid))
        return samples // self.chunk

    def shuffled_chunks(self) -> list[np.ndarray]:
        """Return the rows of each chunk that takes part, the chunks in random order."""
        parts = np.split(self.chosen, np.flatnonzero(np.diff(self.chosen // self.chunk)) + 1)
        return [parts[k] for k in self.random.permutation(len(parts))]

    def windows(self) -> list[list[np.ndarray]]:
        """Return the chunks of an epoch's windows, each with its rows."""
        chunks, step = self.shuffled_chunks(), self.window // self.chunk
        return [chunks[at : at + step] for at in range(0, len(chunks), step)]

    def shuffled(self) -> np.ndarray:
        """Return the rows of an epoch, in random order."""
        return self.random.permutation(self.chosen)

    def cells(self, starts: np.ndarray) -> list[np.ndarray]:
        """Return which crops of a window begin in the same cell."""
        across = np.multiply(self.spec.chunks, CELL)
        grid = tuple(-(-np.array(self.spec.shape) // across))
        numbers = np.ravel_multi_index(tuple((starts // across).T), grid)
        return [np.flatnonzero(numbers == number) for number in np.unique(numbers)]


def box(start: np.ndarray) -> tuple[slice, ...]:
    """Return the selection of a crop."""
    return tuple([slice(begin, begin + n) for begin, n in zip(start.tolist(), CROP, strict=True)])
