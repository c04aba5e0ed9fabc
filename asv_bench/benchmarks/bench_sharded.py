"""Reading shards: 8 of 512 inner chunks of 8 KB."""

from __future__ import annotations

from itertools import cycle

import numpy as np

from .common import CODECS, CUBE_SHAPE, SHARDS, Stored


class ReadSharded(Stored):
    params = [CODECS]
    param_names = ["codec"]

    def setup(self, root: str, codec: str) -> None:
        self.stored = self.open(root, f"sharded-{codec}")
        self.stored[...]  # warms the page cache
        rng = np.random.default_rng(1)
        corners = rng.integers([n - 20 for n in CUBE_SHAPE], size=(100, 3)).tolist()
        self.crops = [tuple(slice(i, i + 20) for i in corner) for corner in corners]
        self.inner = cycle([tuple(int(i) for i in index) for index in rng.integers(8, size=(256, 3))])

    def time_read(self, root: str, codec: str) -> None:
        self.stored[...]

    def time_plane_of_the_slowest_axis(self, root: str, codec: str) -> None:
        self.stored[100]

    def time_plane_of_the_fastest_axis(self, root: str, codec: str) -> None:
        self.stored[:, :, 100]

    def time_one_shard(self, root: str, codec: str) -> None:
        self.stored[tuple(slice(n) for n in SHARDS)]

    def time_get_inner_chunk(self, root: str, codec: str) -> None:
        self.stored.get_chunk(next(self.inner))

    def time_crops(self, root: str, codec: str) -> None:
        for crop in self.crops:
            self.stored[crop]


class ReadManyCrops(ReadSharded):
    """The same crops in one call: shared inner chunks are decoded once."""

    def setup(self, root: str, codec: str) -> None:
        super().setup(root, codec)
        if not hasattr(self.stored, "read_many"):
            raise NotImplementedError("this version has no read_many")
