"""Reading shards: 8 of 512 inner chunks of 8 KB."""

from __future__ import annotations

from itertools import cycle
from typing import ClassVar

import numpy as np

from .common import CUBE_SHAPE, FAST_CODECS, SHARDS, Stored


class Sharded(Stored):
    """Opens the sharded cube of each codec. No suite itself."""

    params: ClassVar = [FAST_CODECS]
    param_names: ClassVar = ["codec"]

    def setup(self, root: str, codec: str) -> None:
        self.stored = self.open(root, f"sharded-{codec}")
        self.stored[...]  # warms the page cache
        self.rng = np.random.default_rng(1)


class ReadSharded(Sharded):
    def setup(self, root: str, codec: str) -> None:
        super().setup(root, codec)
        self.inner = cycle([tuple(index) for index in self.rng.integers(8, size=(256, 3)).tolist()])

    def time_read(self, root: str, codec: str) -> None:
        self.stored[...]

    def time_one_shard(self, root: str, codec: str) -> None:
        self.stored[tuple(slice(n) for n in SHARDS)]

    def time_plane_of_the_slowest_axis(self, root: str, codec: str) -> None:
        self.stored[100]

    def time_plane_of_the_fastest_axis(self, root: str, codec: str) -> None:
        self.stored[:, :, 100]

    def time_get_inner_chunk(self, root: str, codec: str) -> None:
        self.stored.get_chunk(next(self.inner))


class ReadCrops(Sharded):
    """100 crops at random places: one by one, or in one call that decodes shared inner chunks once."""

    params: ClassVar = [FAST_CODECS, ["one by one", "read_many"]]
    param_names: ClassVar = ["codec", "way"]

    def setup(self, root: str, codec: str, way: str) -> None:
        super().setup(root, codec)
        if way == "read_many" and not hasattr(self.stored, "read_many"):
            raise NotImplementedError("this version has no read_many")
        corners = self.rng.integers([n - 20 for n in CUBE_SHAPE], size=(100, 3)).tolist()
        self.crops = [tuple(slice(i, i + 20) for i in corner) for corner in corners]

    def time_read(self, root: str, codec: str, way: str) -> None:
        if way == "read_many":
            self.stored.read_many(self.crops)
        else:
            for crop in self.crops:
                self.stored[crop]
