"""Time against the number of chunks, and against that of chunks that could be."""

from __future__ import annotations

import tempfile
from typing import Any, ClassVar

import numpy as np

import simplezarr as sz

CHUNK = 128  # elements


class ScalingOfMemory:
    """The price of a chunk must not depend on how many there are."""

    params: ClassVar = [[10, 100, 1000, 10_000, 100_000]]
    param_names: ClassVar = ["chunks"]
    timeout = 300

    def setup(self, chunks: int) -> None:
        self.out = np.arange(chunks * CHUNK, dtype="u2")
        self.stored = sz.create_array(self.place(), data=self.out, chunks=(CHUNK,), codecs=[])

    def place(self) -> Any:
        return {}

    def time_read(self, chunks: int) -> None:
        self.stored.read(out=self.out)


class ScalingOfFiles(ScalingOfMemory):
    params: ClassVar = [[10, 100, 1000, 10_000]]

    def place(self) -> Any:
        self.directory = tempfile.TemporaryDirectory()
        return self.directory.name

    def teardown(self, chunks: int) -> None:
        self.directory.cleanup()


class Planning:
    """An array of 10^18 elements, of which nothing is stored; its chunks are 10^9."""

    def setup(self) -> None:
        self.stored = sz.create_array({}, shape=(1_000_000,) * 3, dtype="u1", chunks=(1000,) * 3, codecs=[])
        rng = np.random.default_rng(0)
        self.points = tuple(rng.integers(1_000_000, size=(3, 1000)))
        self.out = np.empty(1000, "u1")
        from simplezarr.engine.geometry.plan import Plan

        self.plan = lambda: Plan(np.s_[::7, 5:-5, ::-1], self.stored.shape, self.stored.chunks)

    def time_plan_of_all(self) -> None:
        self.plan()

    def time_thousand_points(self) -> None:
        self.stored.read(self.points, out=self.out)

    def time_one_element(self) -> None:
        self.stored[999_999, 5, 123_456]
