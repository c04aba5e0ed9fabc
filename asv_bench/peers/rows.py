"""What is timed: one row for each task, with the arrays it needs and the targets simplezarr sets itself."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

Axis = int | slice

FULL_SIZE = 512
SIZES = {"small": 128, "medium": 256, "full": FULL_SIZE}


@dataclass(frozen=True)
class Target:
    """At most ``ratio`` times the time of the floor, of the best peer, of the best of the peers that replace what is
    stored as a whole, or of simplezarr's own row ``Row.like``."""

    against: str  # "floor", "peer", "atomic" or "row"
    ratio: float


@dataclass(frozen=True)
class Link:
    """How a server is reached: ms before each answer, MB/s of each connection (0: no limit)."""

    latency: int
    bandwidth: int = 0


MICRO = ("chunk", "scalar", "open")  # small operations, many of which are timed together
WRITING = ("write", "write-slow", "update", "append", "copy")


@dataclass(frozen=True)
class Row:
    """One task (``peers/tasks.py``, ``peers/write_tasks.py``); those in MICRO are timed per operation."""

    KINDS: ClassVar = ("whole reads", "parts", "places", "one by one", "other stores", "over a network", "writes")

    name: str
    array: str
    targets: tuple[Target, ...]
    task: str = "read"
    selection: tuple[Axis, ...] = ()
    like: str | None = None
    count: int = 0  # how many boxes, rows or points are drawn, or how often is appended
    box: tuple[int, ...] = ()  # shape of a crop
    large: bool = False  # only when asked for
    link: Link | None = None  # to the server that has the array; None if it is a local directory

    @property
    def micro(self) -> bool:
        return self.task in MICRO

    @property
    def writing(self) -> bool:
        return self.task in WRITING

    @property
    def kind(self) -> str:
        """Return which of KINDS it is listed under."""
        if self.link:
            return "over a network"
        if self.task.endswith(("-memory", "-slow")):
            return "other stores"
        if self.writing:
            return "writes"
        if self.micro or self.task == "members":
            return "one by one"
        if self.task != "read":
            return "places"
        return "parts" if self.selection else "whole reads"

    def to_json(self) -> dict[str, Any]:
        """Return the facts that a worker needs."""
        selection = [[axis.start, axis.stop, axis.step] if isinstance(axis, slice) else axis for axis in self.selection]
        known = ("name", "array", "task", "count", "box")
        return {**{name: getattr(self, name) for name in known}, "selection": selection}

    def over(self, link: Link) -> Row:
        """Return the row with its array on a server."""
        limit = f"-{link.bandwidth}mb" if link.bandwidth else ""
        return replace(self, name=f"{self.name}-{link.latency}ms{limit}", link=link)


def selection_from_json(selection: Iterable[int | list[int | None]]) -> tuple[Axis, ...]:
    return tuple(axis if isinstance(axis, int) else slice(*axis) for axis in selection)


def _at_most(**ratios: float) -> tuple[Target, ...]:
    return tuple(Target(against, ratio) for against, ratio in ratios.items())


WHOLE = _at_most(floor=1.10, peer=1.0)
PARTIAL = _at_most(floor=1.25, peer=1.0)
TINY = _at_most(floor=1.50, peer=1.0)
ORDERED = _at_most(row=1.20, peer=1.0)
PEER = _at_most(peer=1.0)
WRITE = _at_most(floor=1.15, atomic=1.0)
BATCH = _at_most(floor=1.20, peer=1.0)


def _scaled(size: int, *axes: Axis) -> tuple[Axis, ...]:
    """Scale a selection of the 512-cube to this size: positions shrink with it, steps do not."""

    def scale(at: int | None) -> int | None:
        return None if at is None else at * size // FULL_SIZE

    return tuple(
        slice(scale(axis.start), scale(axis.stop), axis.step) if isinstance(axis, slice) else axis * size // FULL_SIZE
        for axis in axes
    )


def _reads(size: int) -> list[Row]:
    every = slice(None)
    slab = _scaled(size, slice(10, 200), slice(None, None, 2))
    strided = _scaled(size, slice(10, 200), slice(None, None, 2), slice(None, None, 3))
    return [
        Row("read-raw", "cube-raw", WHOLE),
        Row("read-zstd", "cube-zstd", WHOLE),
        Row("read-blosc", "cube-blosc", WHOLE),
        Row("read-gzip", "cube-gzip", PEER),
        Row("read-crc32c", "cube-crc32c", PEER),
        Row("read-shards", "cube-shards", WHOLE),
        Row("read-labels", "labels-zstd", WHOLE),
        Row("read-labels-shards", "labels-shards", WHOLE),
        Row("read-big-endian-raw", "cube-big-endian-raw", ORDERED, like="read-raw"),
        Row("read-big-endian-zstd", "cube-big-endian-zstd", ORDERED, like="read-zstd"),
        Row("read-transposed-raw", "cube-transposed-raw", ORDERED, like="read-raw"),
        Row("read-transposed-zstd", "cube-transposed-zstd", ORDERED, like="read-zstd"),
        Row("read-tiny-raw", "tiny-raw", TINY),
        Row("read-tiny-zstd", "tiny-zstd", TINY),
        Row("read-100k", "large", TINY, large=True),
        Row("slab-raw", "cube-raw", PARTIAL, selection=slab),
        Row("slab-zstd", "cube-zstd", PARTIAL, selection=slab),
        Row("strided-raw", "cube-raw", PARTIAL, selection=strided),
        Row("strided-zstd", "cube-zstd", PARTIAL, selection=strided),
        Row("slab-shards", "cube-shards", PARTIAL, selection=slab),
        Row("strided-shards", "cube-shards", PARTIAL, selection=strided),
        Row("plane-first-raw", "cube-raw", PARTIAL, selection=_scaled(size, 100)),
        Row("plane-last-raw", "cube-raw", PARTIAL, selection=_scaled(size, every, every, 100)),
        Row("plane-last-zstd", "cube-zstd", PARTIAL, selection=_scaled(size, every, every, 100)),
        Row("plane-first-shards", "cube-shards", PARTIAL, selection=_scaled(size, 100)),
        Row("plane-last-shards", "cube-shards", PARTIAL, selection=_scaled(size, every, every, 100)),
        Row("memory-raw", "block-raw", PEER, task="read-memory"),
        Row("memory-zstd", "block-zstd", PEER, task="read-memory"),
        Row("memory-shards", "block-shards", PEER, task="read-memory"),
        Row("memory-tiny-zstd", "tiny-zstd", PEER, task="read-memory"),
    ]


def _slow(size: int) -> list[Row]:
    """Return the rows that use a store each of whose requests takes 20 ms."""
    slab = (slice(10, 100), slice(None, None, 2))
    return [
        Row("slow-blocks-zstd", "blocks-zstd", PEER, task="read-slow"),
        Row("slow-slab-zstd", "blocks-zstd", PEER, task="read-slow", selection=slab),
        Row("slow-plane-shards", "cube-shards", PEER, task="read-slow", selection=_scaled(size, 100)),
        Row("slow-points-zstd", "blocks-zstd", PEER, task="points-slow", count=1000),
        Row("slow-write-zstd", "block-zstd", PEER, task="write-slow"),
        Row("slow-open-group", "group", PEER, task="members-slow"),
    ]


def _batches(size: int) -> list[Row]:
    crop = (size // 8,) * 3
    return [
        Row("crops-zstd", "cube-zstd", BATCH, task="crops", count=64, box=crop),
        Row("crops-shards", "cube-shards", BATCH, task="crops", count=64, box=crop),
        Row("rows-table", "table", BATCH, task="rows", count=256),
        Row("points-raw", "cube-raw", PEER, task="points", count=10_000),
        Row("points-shards", "cube-shards", PEER, task="points", count=10_000),
        Row("mask-zstd", "block-zstd", PEER, task="mask"),
    ]


def _singles() -> list[Row]:
    return [
        Row("chunk-2k-raw", "tiny-raw", PEER, task="chunk"),
        Row("chunk-2k-zstd", "tiny-zstd", PEER, task="chunk"),
        Row("chunk-16k-zstd", "blocks-zstd", PEER, task="chunk"),
        Row("scalar", "tiny-zstd", PEER, task="scalar"),
        Row("scalar-shards", "block-shards", PEER, task="scalar"),
        Row("open", "many", PEER, task="open"),
        Row("open-group", "group", PEER, task="members"),
        Row("open-group-consolidated", "group-consolidated", PEER, task="members"),
    ]


def _writes(size: int) -> list[Row]:
    cut = (slice(1, size // 2 - 1),) * 3
    side = size // 16
    inner = (slice(side, 2 * side),) * 3
    return [
        Row("write-raw", "block-raw", WRITE, task="write"),
        Row("write-zstd", "block-zstd", WRITE, task="write"),
        Row("write-blosc", "block-blosc", WRITE, task="write"),
        Row("write-shards", "block-shards", WRITE, task="write"),
        Row("write-tiny-raw", "tiny-raw", WRITE, task="write"),
        Row("write-tiny-zstd", "tiny-zstd", WRITE, task="write"),
        Row("write-memory-raw", "block-raw", PEER, task="write-memory"),
        Row("write-memory-zstd", "block-zstd", PEER, task="write-memory"),
        Row("write-100k", "large", WRITE, task="write", large=True),
        Row("update-cut-raw", "block-wide-raw", PEER, task="update", selection=cut),
        Row("update-cut-zstd", "block-wide-zstd", PEER, task="update", selection=cut),
        Row("update-strided-zstd", "block-zstd", PEER, task="update", selection=(slice(None), slice(1, None, 2))),
        Row("update-cut-shards", "block-one-shard", PEER, task="update", selection=cut),
        Row("update-inner-chunk", "block-one-shard", PEER, task="update", selection=inner),
        Row("append-raw", "block-raw", PEER, task="append", count=16),
        Row("append-zstd", "block-zstd", PEER, task="append", count=16),
        Row("copy-raw", "block-raw", PEER, task="copy"),
        Row("copy-zstd", "block-zstd", PEER, task="copy"),
    ]


NEAR = _at_most(peer=1.1)
LINKS = (Link(0), Link(20))
THIN = Link(20, bandwidth=50)


def _remote(size: int) -> list[Row]:
    """Return the rows whose arrays are on a server, at each of LINKS."""
    every, crop, half = slice(None), (size // 8,) * 3, size // 2
    inner = (slice(1, half - 1),) * 3
    rows = [
        Row("remote-read-zstd", "cube-zstd", NEAR),
        Row("remote-read-shards", "cube-shards", NEAR),
        Row("remote-one-shard", "cube-shards", NEAR, selection=(slice(half),) * 3),
        Row("remote-read-tiny", "tiny-zstd", NEAR),
        Row("remote-plane-first", "cube-shards", NEAR, selection=_scaled(size, 100)),
        Row("remote-plane-last", "cube-shards", NEAR, selection=_scaled(size, every, every, 100)),
        Row("remote-crops-zstd", "cube-zstd", NEAR, task="crops", count=64, box=crop),
        Row("remote-crops-shards", "cube-shards", NEAR, task="crops", count=64, box=crop),
        Row("remote-crops-in-turn", "cube-shards", NEAR, task="crops-in-turn", count=16, box=crop),
        Row("remote-points", "cube-shards", NEAR, task="points", count=1000),
        Row("remote-open", "tiny-zstd", NEAR, task="open-and-read", selection=(slice(8), slice(8), slice(16))),
        Row("remote-group", "group-100", NEAR, task="members"),
        Row("remote-group-consolidated", "group-100-consolidated", NEAR, task="members"),
        Row("remote-write-zstd", "block-zstd", NEAR, task="write"),
        Row("remote-write-shards", "block-shards", NEAR, task="write"),
        Row("remote-update-shards", "block-shards", NEAR, task="update", selection=inner),
    ]
    return [row.over(link) for link in LINKS for row in rows] + [rows[2].over(THIN)]


#: The rows of the short table, in its order, and what they are called there (of cubes at their full size).
LABELS = {
    "read-raw": "read all, 512³ uint16 in 128³ chunks, uncompressed",
    "read-big-endian-raw": "the same, big-endian, uncompressed",
    "read-transposed-raw": "the same, axes reversed, uncompressed",
    "read-zstd": "the same cube, zstd",
    "read-transposed-zstd": "the same cube, zstd, axes reversed",
    "read-blosc": "the same cube, blosc-lz4",
    "read-shards": "the same cube, shards of 256³ with inner chunks of 32³, zstd",
    "read-labels": "uint32 labels, zstd",
    "read-labels-shards": "the same, sharded",
    "read-tiny-raw": "4096 chunks of 2 KB, uncompressed",
    "read-tiny-zstd": "the same, zstd",
    "slab-zstd": "`[10:200, ::2]`, zstd",
    "strided-zstd": "`[10:200, ::2, ::3]`, zstd",
    "plane-first-shards": "one plane of a sharded cube",
    "crops-zstd": "64 random 64³ crops at once, zstd",
    "crops-shards": "the same, sharded",
    "rows-table": "256 random rows of 20000 by 1024",
    "points-shards": "10,000 random points, sharded",
    "mask-zstd": "a mask that selects 1 %",
    "slow-blocks-zstd": "512 chunks from a store that takes 20 ms for each request",
    "slow-plane-shards": "one plane of a sharded cube, from such a store",
    "write-raw": "write 256³ uint16, uncompressed",
    "write-zstd": "the same, zstd",
    "write-blosc": "the same, blosc-lz4",
    "write-shards": "the same, sharded",
    "write-tiny-raw": "write 4096 chunks of 2 KB, uncompressed",
    "write-tiny-zstd": "the same, zstd",
    "update-cut-zstd": "update a region that cuts every chunk, zstd",
    "update-inner-chunk": "update one inner chunk of a large shard",
    "append-zstd": "append, zstd",
    "copy-raw": "copy a 256³ cube into another, uncompressed",
    "copy-zstd": "the same, zstd",
    "chunk-2k-raw": "one chunk of 2 KB, uncompressed",
    "scalar": "one scalar",
    "open": "open an array",
    "open-group": "open a group of 1000 arrays, and each of them",
}


def all_rows(size: int) -> list[Row]:
    return [*_reads(size), *_slow(size), *_batches(size), *_singles(), *_writes(size), *_remote(size)]


assert LABELS.keys() <= {row.name for row in all_rows(FULL_SIZE)}


def choose_rows(rows: list[Row], patterns: list[str] | None, large: bool) -> list[Row]:
    """Return the rows whose names match a shell pattern (without patterns: all); large rows if asked for or named."""
    wanted = patterns or ["*"]
    chosen = [
        row
        for row in rows
        if row.name in wanted
        or ((large or not row.large) and any(fnmatch.fnmatch(row.name, pattern) for pattern in wanted))
    ]
    if not chosen:
        raise SystemExit(f"no row is called {' or '.join(wanted)}; there are: {', '.join(row.name for row in rows)}")
    return chosen


def targets_to_json(row: Row) -> list[dict[str, Any]]:
    return [asdict(target) for target in row.targets]
