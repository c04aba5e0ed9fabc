"""Small single operations: one chunk, one element."""

from __future__ import annotations

from itertools import cycle
from typing import ClassVar

import numpy as np

from .common import CODECS, TINY_CHUNKS, TINY_SHAPE, Stored


class ReadOneChunk(Stored):
    """One chunk of 2 KB, another one every time."""

    params: ClassVar = [CODECS]
    param_names: ClassVar = ["codec"]

    def setup(self, root: str, codec: str) -> None:
        self.stored = self.open(root, f"tiny-{codec}")
        grid = [n // c for n, c in zip(TINY_SHAPE, TINY_CHUNKS, strict=True)]
        rng = np.random.default_rng(1)
        drawn = [tuple(int(rng.integers(n)) for n in grid) for _ in range(256)]
        self.indexes = cycle(drawn)
        self.elements = cycle([tuple(i * c + 3 for i, c in zip(index, TINY_CHUNKS, strict=True)) for index in drawn])

    def time_get_chunk(self, root: str, codec: str) -> None:
        self.stored.get_chunk(next(self.indexes))

    def time_scalar(self, root: str, codec: str) -> None:
        self.stored[next(self.elements)]
