"""Reading regular chunks: all of an array, slabs, strides, many tiny chunks."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import simplezarr as sz

from .common import CODECS, CUBE_SHAPE, FAST_CODECS, Stored


class Read(Stored):
    """A read of ``selection`` from the array ``array``, for each codec. No suite itself."""

    params: ClassVar = [FAST_CODECS]
    param_names: ClassVar = ["codec"]
    array = "cube"
    selection: Any = ...

    def setup(self, root: str, codec: str) -> None:
        self.stored = self.open(root, f"{self.array}-{codec}")
        self.out = self.stored[self.selection]  # also warms the page cache


class ReadWhole(Read):
    """64 chunks of 64 KB."""

    params: ClassVar = [CODECS]

    def time_read(self, root: str, codec: str) -> None:
        self.stored[...]

    def time_read_into(self, root: str, codec: str) -> None:
        self.stored.read(out=self.out)

    def peakmem_read(self, root: str, codec: str) -> None:
        self.stored[...]


class ReadWholeInOneThread(Read):
    """What the pool gains or costs is the difference to ReadWhole."""

    def setup(self, root: str, codec: str) -> None:
        super().setup(root, codec)
        self.threads = sz.get_num_threads()
        sz.set_num_threads(1)

    def teardown(self, root: str, codec: str) -> None:
        if hasattr(self, "threads"):  # setup went through
            sz.set_num_threads(self.threads)

    def time_read(self, root: str, codec: str) -> None:
        self.stored.read(out=self.out)


class ReadSlab(Read):
    """Half of the planes of a slab that is not aligned with the chunks."""

    selection = np.s_[10:100, ::2]

    def time_read(self, root: str, codec: str) -> None:
        self.stored[self.selection]


class ReadStrided(Read):
    """Strides on the fastest axis too: elements are placed one by one."""

    params: ClassVar = [FAST_CODECS, ["forward", "backward", "sparse"]]
    param_names: ClassVar = ["codec", "steps"]
    selections: ClassVar = {
        "forward": np.s_[10:100, ::2, ::3],
        "backward": np.s_[::-1, ::-2, ::-3],
        "sparse": np.s_[::40, ::40, ::40],
    }

    def setup(self, root: str, codec: str, steps: str) -> None:
        super().setup(root, codec)
        self.selection = self.selections[steps]

    def time_read(self, root: str, codec: str, steps: str) -> None:
        self.stored[self.selection]


class ReadPoints(Read):
    """1000 single elements in one coordinate selection."""

    def setup(self, root: str, codec: str) -> None:
        super().setup(root, codec)
        rng = np.random.default_rng(1)
        self.selection = tuple(rng.integers(n, size=1000) for n in CUBE_SHAPE)
        try:
            self.stored[self.selection]
        except IndexError as error:
            raise NotImplementedError("this version has no index arrays") from error

    def time_read(self, root: str, codec: str) -> None:
        self.stored[self.selection]


class ReadManyTinyChunks(Read):
    """1024 chunks of 2 KB: overhead for each chunk, and next to nothing else."""

    params: ClassVar = [CODECS]
    array = "tiny"

    def time_read(self, root: str, codec: str) -> None:
        self.stored[...]
