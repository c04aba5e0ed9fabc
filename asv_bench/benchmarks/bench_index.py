"""Many places at once: rows, points, masks, and the same one by one."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .common import CUBE_SHAPE, Stored

RNG = np.random.default_rng(3)
PLACES: dict[str, Any] = {
    "rows": RNG.choice(CUBE_SHAPE[0], 40, replace=False),
    "orthogonal": np.ix_(*(np.sort(RNG.choice(n, 20, replace=False)) for n in CUBE_SHAPE)),
    "points": tuple(RNG.integers(n, size=2000) for n in CUBE_SHAPE),
    "mask of 1 %": RNG.random(CUBE_SHAPE) < 0.01,
    "mask of one axis": RNG.random(CUBE_SHAPE[0]) < 0.2,
}


class ReadPlaces(Stored):
    params: ClassVar = [["cube-zstd", "sharded-zstd"], list(PLACES)]
    param_names: ClassVar = ["array", "places"]

    def setup(self, root: str, array: str, places: str) -> None:
        self.stored, self.places = self.open(root, array), PLACES[places]
        try:
            self.stored[self.places]
        except IndexError as error:
            raise NotImplementedError("this version has no index arrays") from error

    def time_read(self, root: str, array: str, places: str) -> None:
        self.stored[self.places]


class ReadScalars(Stored):
    """300 elements one by one."""

    params: ClassVar = [["tiny-raw", "sharded-zstd"]]
    param_names: ClassVar = ["array"]

    def setup(self, root: str, array: str) -> None:
        self.stored = self.open(root, array)
        rng = np.random.default_rng(4)
        self.places = [tuple(int(rng.integers(n)) for n in self.stored.shape) for _ in range(300)]

    def time_read(self, root: str, array: str) -> None:
        for place in self.places:
            self.stored[place]
