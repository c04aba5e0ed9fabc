"""What is timed: one row for each task, with the arrays it needs and the targets simplezarr sets itself."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

Axis = int | slice

FULL_SIZE = 512
SIZES = {"small": 128, "medium": 256, "full": FULL_SIZE}


@dataclass(frozen=True)
class Target:
    """At most ``ratio`` times the time of the floor, of the best peer, or of simplezarr's own row ``Row.like``."""

    against: str  # "floor", "peer" or "row"
    ratio: float


@dataclass(frozen=True)
class Row:
    """One task. ``task`` is "read", "chunk", "scalar" or "open"; all but the first are timed per operation."""

    name: str
    array: str
    targets: tuple[Target, ...]
    task: str = "read"
    selection: tuple[Axis, ...] = ()
    like: str | None = None

    @property
    def micro(self) -> bool:
        return self.task != "read"

    def to_json(self) -> dict[str, Any]:
        """What a worker has to know."""
        selection = [[axis.start, axis.stop, axis.step] if isinstance(axis, slice) else axis for axis in self.selection]
        return {"name": self.name, "array": self.array, "task": self.task, "selection": selection}


def selection_from_json(selection: Iterable[int | list[int | None]]) -> tuple[Axis, ...]:
    return tuple(axis if isinstance(axis, int) else slice(*axis) for axis in selection)


def _at_most(**ratios: float) -> tuple[Target, ...]:
    return tuple(Target(against, ratio) for against, ratio in ratios.items())


WHOLE = _at_most(floor=1.10, peer=1.0)
PARTIAL = _at_most(floor=1.25, peer=1.0)
TINY = _at_most(floor=1.50, peer=1.0)
ORDERED = _at_most(row=1.20, peer=1.0)
PEER = _at_most(peer=1.0)


def _scaled(size: int, *axes: Axis) -> tuple[Axis, ...]:
    """A selection of the 512-cube, at this size: positions shrink with it, steps do not."""

    def scale(at: int | None) -> int | None:
        return None if at is None else at * size // FULL_SIZE

    return tuple(
        slice(scale(axis.start), scale(axis.stop), axis.step) if isinstance(axis, slice) else axis * size // FULL_SIZE
        for axis in axes
    )


def all_rows(size: int) -> list[Row]:
    every = slice(None)
    slab = _scaled(size, slice(10, 200), slice(None, None, 2))
    strided = _scaled(size, slice(10, 200), slice(None, None, 2), slice(None, None, 3))
    return [
        Row("read-raw", "cube-raw", WHOLE),
        Row("read-zstd", "cube-zstd", WHOLE),
        Row("read-blosc", "cube-blosc", WHOLE),
        Row("read-shards", "cube-shards", WHOLE),
        Row("read-labels", "labels-zstd", WHOLE),
        Row("read-labels-shards", "labels-shards", WHOLE),
        Row("read-big-endian-raw", "cube-big-endian-raw", ORDERED, like="read-raw"),
        Row("read-big-endian-zstd", "cube-big-endian-zstd", ORDERED, like="read-zstd"),
        Row("read-transposed-raw", "cube-transposed-raw", ORDERED, like="read-raw"),
        Row("read-transposed-zstd", "cube-transposed-zstd", ORDERED, like="read-zstd"),
        Row("read-tiny-raw", "tiny-raw", TINY),
        Row("read-tiny-zstd", "tiny-zstd", TINY),
        Row("slab-raw", "cube-raw", PARTIAL, selection=slab),
        Row("slab-zstd", "cube-zstd", PARTIAL, selection=slab),
        Row("strided-raw", "cube-raw", PARTIAL, selection=strided),
        Row("strided-zstd", "cube-zstd", PARTIAL, selection=strided),
        Row("plane-first-shards", "cube-shards", PARTIAL, selection=_scaled(size, 100)),
        Row("plane-last-shards", "cube-shards", PARTIAL, selection=_scaled(size, every, every, 100)),
        Row("chunk-2k-raw", "tiny-raw", PEER, task="chunk"),
        Row("chunk-2k-zstd", "tiny-zstd", PEER, task="chunk"),
        Row("chunk-16k-zstd", "blocks-zstd", PEER, task="chunk"),
        Row("scalar", "tiny-zstd", PEER, task="scalar"),
        Row("open", "many", PEER, task="open"),
    ]


def choose_rows(rows: list[Row], patterns: list[str] | None) -> list[Row]:
    """The rows whose name matches one of the shell patterns; all of them without patterns."""
    if not patterns:
        return rows
    chosen = [row for row in rows if any(fnmatch.fnmatch(row.name, pattern) for pattern in patterns)]
    if not chosen:
        raise SystemExit(f"no row is called {' or '.join(patterns)}; there are: {', '.join(row.name for row in rows)}")
    return chosen


def targets_to_json(row: Row) -> list[dict[str, Any]]:
    return [asdict(target) for target in row.targets]
