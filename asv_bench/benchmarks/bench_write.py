"""Writing: all of an array, parts of chunks and of shards, slabs one after another."""

from __future__ import annotations

import shutil
import tempfile
from typing import Any, ClassVar

import numpy as np

import simplezarr as sz

from .bench_store import CountingStore
from .common import CUBE_CHUNKS, CUBE_SHAPE, INNER_CHUNKS, SHARDS, TINY_CHUNKS, TINY_SHAPE, values

WRITTEN = {
    "raw": {"codecs": [], "chunks": CUBE_CHUNKS},
    "gzip": {"codecs": [{"name": "gzip", "configuration": {"level": 1}}], "chunks": CUBE_CHUNKS},
    "zstd": {"codecs": [{"name": "zstd", "configuration": {"level": 3, "checksum": False}}], "chunks": CUBE_CHUNKS},
    "shards": {"codecs": ["zstd"], "chunks": INNER_CHUNKS, "shards": SHARDS},
}
UPDATES: dict[str, tuple[str, Any]] = {
    "whole": ("zstd", np.s_[...]),
    "whole shards": ("shards", np.s_[...]),
    "some whole chunks": ("zstd", np.s_[32:64, :64]),
    "cut chunks": ("zstd", np.s_[1:-1, 1:-1, 1:-1]),
    "one element": ("zstd", np.s_[100, 50, 3]),
    "one inner chunk": ("shards", np.s_[16:32, 16:32, 16:32]),
    "one element of a shard": ("shards", np.s_[100, 50, 3]),
}


class Written:
    """An array of ours in a directory that goes with the benchmark. No suite itself."""

    timeout = 120

    def create(self, store: Any, kind: str, shape: tuple[int, ...] = CUBE_SHAPE, **changes: Any) -> Any:
        if not hasattr(sz, "create_array"):
            raise NotImplementedError("this version writes no arrays")
        return sz.create_array(store, shape=shape, dtype="uint16", overwrite=True, **{**WRITTEN[kind], **changes})

    def directory(self) -> str:
        self.place = tempfile.mkdtemp(prefix="simplezarr-asv-")
        return self.place

    def teardown(self, *parameters: str) -> None:
        shutil.rmtree(getattr(self, "place", ""), ignore_errors=True)


class WriteWhole(Written):
    """Over what is there already."""

    params: ClassVar = [list(WRITTEN)]
    param_names: ClassVar = ["kind"]

    def setup(self, kind: str) -> None:
        self.values = values(CUBE_SHAPE)
        self.stored = self.create(self.directory(), kind)
        self.stored[...] = self.values

    def time_write(self, kind: str) -> None:
        self.stored[...] = self.values

    def time_write_one_value(self, kind: str) -> None:
        self.stored[...] = 7

    def peakmem_write(self, kind: str) -> None:
        self.stored[...] = self.values


class WriteManyTinyChunks(Written):
    """1024 chunks of 2 KB."""

    params: ClassVar = [["raw", "zstd"]]
    param_names: ClassVar = ["kind"]

    def setup(self, kind: str) -> None:
        self.values = values(TINY_SHAPE)
        self.stored = self.create(self.directory(), kind, TINY_SHAPE, chunks=TINY_CHUNKS)

    def time_write(self, kind: str) -> None:
        self.stored[...] = self.values


class Update(Written):
    """Parts of an array: what is cut is read, changed and written."""

    params: ClassVar = [list(UPDATES)]
    param_names: ClassVar = ["part"]

    def setup(self, part: str) -> None:
        kind, self.selection = UPDATES[part]
        self.stored = self.create(self.directory(), kind)
        self.stored[...] = values(CUBE_SHAPE)
        self.given = np.array(self.stored[self.selection])

    def time_write(self, part: str) -> None:
        self.stored[self.selection] = self.given


class Append(Written):
    """16 slabs of 8 planes, of which every fourth ends with a chunk."""

    number = 1

    def setup(self) -> None:
        self.slabs = np.split(values(CUBE_SHAPE), 16)
        self.stored = self.create(self.directory(), "zstd", (0, *CUBE_SHAPE[1:]))

    def time_append(self) -> None:
        for slab in self.slabs:
            self.stored.append(slab)


class Copy(Written):
    """From one array into another, whose chunks are the same or lie across those."""

    params: ClassVar = [["raw", "zstd"], ["same chunks", "other chunks"]]
    param_names: ClassVar = ["kind", "chunks"]

    def setup(self, kind: str, chunks: str) -> None:
        place = self.directory()
        self.source = self.create(place + "/source", kind)
        self.source[...] = values(CUBE_SHAPE)
        same = chunks == "same chunks"
        self.target = self.create(place + "/target", kind, chunks=CUBE_CHUNKS if same else (16, 64, 100))

    def time_copy(self, kind: str, chunks: str) -> None:
        self.target[...] = self.source

    def peakmem_copy(self, kind: str, chunks: str) -> None:
        self.target[...] = self.source


class Create(Written):
    def setup(self) -> None:
        self.directory()

    def time_create_array(self) -> None:
        self.create(self.place, "zstd")


class WriteCalls(Written):
    """What a write asks of its store: counts, which do not depend on the machine."""

    params: ClassVar = [list(UPDATES)]
    param_names: ClassVar = ["part"]

    def setup(self, part: str) -> None:
        kind, self.selection = UPDATES[part]
        store = sz.MemoryStore()
        self.create(store, kind)[...] = values(CUBE_SHAPE)
        self.store = CountingStore(store)
        self.stored = sz.open(self.store, mode="r+")
        self.given = np.array(self.stored[self.selection]) + np.uint16(1)
        self.store.forget()
        self.stored[self.selection] = self.given

    def track_reads(self, part: str) -> int:
        return len(self.store.fetched)

    def track_writes(self, part: str) -> int:
        return len(self.store.written)

    def track_fetched_per_given(self, part: str) -> float:
        return sum(self.store.fetched) / self.given.nbytes

    def track_written_per_given(self, part: str) -> float:
        return sum(self.store.written) / self.given.nbytes

    track_reads.unit = track_writes.unit = "calls"
    track_fetched_per_given.unit = track_written_per_given.unit = "bytes per byte"
