"""What a read asks of its store: counts, which do not depend on the machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

import simplezarr as sz

from .common import CUBE_SHAPE, Stored

POINTS = tuple(np.random.default_rng(2).integers(n, size=200) for n in CUBE_SHAPE)
READS: dict[str, tuple[str, Any]] = {
    "whole": ("cube-gzip", np.s_[...]),
    "slab": ("cube-gzip", np.s_[10:100, ::2]),
    "strides beyond the chunks": ("cube-gzip", np.s_[::40, ::40, ::40]),
    "plane": ("cube-raw", np.s_[:, :, 100]),
    "one element": ("tiny-raw", np.s_[100, 50, 3]),
    "all shards": ("sharded-gzip", np.s_[...]),
    "plane of shards": ("sharded-gzip", np.s_[:, :, 100]),
    "crop of a shard": ("sharded-gzip", np.s_[10:30, 40:60, 70:90]),
    "points": ("cube-gzip", POINTS),
    "points of shards": ("sharded-gzip", POINTS),
}


class CountingStore(sz.WrapperStore):
    """Notes the bytes that each call gives or takes; appending to a list needs no lock."""

    def __init__(self, store: sz.Store) -> None:
        super().__init__(store)
        self.forget()

    def forget(self) -> None:
        self.fetched: list[int] = []
        self.written: list[int] = []

    def _note(self, data: bytes | None) -> bytes | None:
        self.fetched.append(0 if data is None else len(data))
        return data

    def get(self, key: str) -> bytes | None:
        return self._note(super().get(key))

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        return self._note(super().get_range(key, start, length))

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        parts = super().get_ranges(key, ranges)
        self.fetched.append(sum(map(len, parts or ())))
        return parts

    def set(self, key: str, value: Any) -> None:
        self.written.append(memoryview(value).nbytes)
        super().set(key, value)

    def delete(self, key: str) -> None:
        self.written.append(0)
        super().delete(key)

    def exists(self, key: str) -> bool:
        self.fetched.append(0)
        return super().exists(key)

    def size(self, key: str) -> int | None:
        self.fetched.append(0)
        return super().size(key)


class StoreCalls(Stored):
    """The first read after opening, and a second one, which may use what was kept."""

    params: ClassVar = [list(READS)]
    param_names: ClassVar = ["read"]

    def setup(self, root: str, read: str) -> None:
        name, self.selection = READS[read]
        self.store = CountingStore(sz.LocalStore(self.path(root, name)))
        self.stored = sz.open(self.store)
        if self.selection is POINTS and not hasattr(self.stored, "vindex"):
            raise NotImplementedError("this version has no index arrays")

    def read(self) -> int:
        """Read a selection, and return its bytes."""
        self.store.fetched.clear()
        return np.asarray(self.stored[self.selection]).nbytes

    def track_calls(self, root: str, read: str) -> int:
        self.read()
        return len(self.store.fetched)

    def track_calls_again(self, root: str, read: str) -> int:
        self.read()
        self.read()
        return len(self.store.fetched)

    def track_fetched_per_returned(self, root: str, read: str) -> float:
        nbytes = self.read()
        return sum(self.store.fetched) / nbytes

    track_calls.unit = track_calls_again.unit = "calls"
    track_fetched_per_returned.unit = "bytes per byte"


class OpenCalls(Stored):
    """Opening: one document, one call."""

    def track_calls(self, root: str) -> int:
        store = CountingStore(sz.LocalStore(f"{root}/small/array0"))
        sz.open(store)
        return len(store.fetched)

    track_calls.unit = "calls"
