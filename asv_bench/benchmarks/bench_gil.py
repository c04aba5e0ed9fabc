"""Whether the GIL is free while a read is under way."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import simplezarr as sz

from .beside import cost_at_once, share_of_loop
from .common import Stored


class Gil(Stored):
    """One thread reads, so that another has a processor; results are reused, so that no memory is cleared."""

    params: ClassVar = [["cube-raw", "cube-zstd", "tiny-zstd", "sharded-zstd"]]
    param_names: ClassVar = ["array"]
    timeout = 120

    def setup(self, root: str, name: str) -> None:
        self.threads = sz.get_num_threads()
        sz.set_num_threads(1)
        self.stored = self.open(root, name)
        self.results = [np.empty(self.stored.shape, self.stored.dtype) for _ in range(8)]

    def teardown(self, root: str, name: str) -> None:
        sz.set_num_threads(self.threads)

    def read(self, i: int = 0) -> Any:
        return self.stored.read(out=self.results[i])

    def track_share_of_loop(self, root: str, name: str) -> float:
        """Return the share of its pace that a pure-Python loop in another thread keeps."""
        return share_of_loop(self.read)

    track_share_of_loop.unit = "of its pace"

    def track_eight_at_once(self, root: str, name: str) -> float:
        """Return the time of eight threads that read at once, over that of the same reads one after another."""
        return cost_at_once(self.read)

    track_eight_at_once.unit = "of the time of one thread"
