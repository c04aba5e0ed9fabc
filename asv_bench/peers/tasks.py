"""The tasks that read, as one contender does them: arrays opened, ready to be timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from peers import data
from peers.contender import Contender, Place
from peers.rows import selection_from_json

OPERATIONS = 300  # of a microbenchmark in one go
LATENCY = 0.02  # seconds that a request to the slow store takes
Answer = tuple[Any, Any]  # got, expected


class Task:
    """A row as one contender does it."""

    operations = 1

    def __init__(self, contender: Contender, row: dict[str, Any], directory: Path, scratch: Path) -> None:
        self.contender, self.row = contender, row
        self.spec = data.SPECS[row["array"]]
        self.paths = [str(path) for path in data.array_paths(directory, row["array"])]
        self.top = directory / row["array"]
        self.selection = selection_from_json(row["selection"])
        self.source = data.source_path(directory, self.spec.source)
        self.scratch = scratch
        self.endpoint: str | None = row.get("endpoint")
        self.bucket = directory.parent
        self.rng = np.random.default_rng(data.SEED)

    def values(self) -> np.ndarray:
        """Return the values that the array holds."""
        return np.load(self.source, mmap_mode="r")

    def open(self) -> None:
        """What is done once, outside of the timer."""
        self.array = self.reach(self.paths[0])

    def reach(self, path: str, write: bool = False) -> Any:
        """Open the array of a directory, from the server if one has the row's arrays."""
        place = self.place(path)
        return self.contender.open_remote(place, write) if place else self.contender.open(path, write)

    def place(self, path: str) -> Place | None:
        """Return where the server has a directory, None without a server."""
        if self.endpoint is None:
            return None
        return Place(self.endpoint, self.bucket.name, Path(path).relative_to(self.bucket).as_posix())

    def ready(self) -> None:
        """Prepare one run, outside the timer."""

    def once(self) -> Any:
        raise NotImplementedError

    def clear(self) -> None:
        """Clean up after one run, outside the timer."""

    def close(self) -> None:
        """Remove all files."""

    def answers(self) -> Sequence[Answer]:
        raise NotImplementedError

    def time(self) -> float:
        """Return the seconds of one run; its result is freed outside the timer."""
        self.ready()
        start = time.perf_counter()
        result = self.once()
        seconds = time.perf_counter() - start
        del result
        self.clear()
        return seconds


class ReadTask(Task):
    def once(self) -> np.ndarray:
        return self.contender.read(self.array, self.selection)

    def answers(self) -> Sequence[Answer]:
        return [(self.once(), self.values()[self.selection])]


class ReadMemoryTask(ReadTask):
    """From the library's own store in memory."""

    def open(self) -> None:
        files = {p.relative_to(self.top).as_posix(): p.read_bytes() for p in self.top.rglob("*") if p.is_file()}
        self.array = self.contender.open_memory(files)


class ReadSlowTask(ReadTask):
    """From a local store each of whose requests takes LATENCY; requests may wait side by side."""

    def open(self) -> None:
        self.array = self.contender.open_slow(self.paths[0], LATENCY)


class PointsSlowTask(Task):
    """Elements at places drawn at random, the same for everybody, from such a store."""

    def open(self) -> None:
        self.array = self.contender.open_slow(self.paths[0], LATENCY)
        self.indexes = tuple(self.rng.integers(n, size=self.row["count"]) for n in self.values().shape)

    def once(self) -> np.ndarray:
        return self.contender.points(self.array, self.indexes)

    def answers(self) -> Sequence[Answer]:
        return [(self.once(), self.values()[self.indexes])]


# ---- Many places in one call ----


class CropsTask(Task):
    """Boxes of one shape at places drawn at random, the same for everybody."""

    def open(self) -> None:
        super().open()
        shape, box = self.values().shape, self.row["box"]
        corners = self.rng.integers([n - b + 1 for n, b in zip(shape, box, strict=True)], size=(self.row["count"], 3))
        self.boxes = [tuple(slice(i, i + b) for i, b in zip(at, box, strict=True)) for at in corners.tolist()]

    def once(self) -> Sequence[np.ndarray]:
        return self.contender.crops(self.array, self.boxes)

    def answers(self) -> Sequence[Answer]:
        values = self.values()
        return [(got, values[box]) for got, box in zip(self.once(), self.boxes, strict=True)]


class CropsInTurnTask(CropsTask):
    """One call for each box."""

    def once(self) -> Sequence[np.ndarray]:
        return [self.contender.read(self.array, box) for box in self.boxes]


class RowsTask(Task):
    def open(self) -> None:
        super().open()
        self.indexes = self.rng.choice(len(self.values()), self.row["count"], replace=False)

    def once(self) -> np.ndarray:
        return self.contender.rows(self.array, self.indexes)

    def answers(self) -> Sequence[Answer]:
        return [(self.once(), self.values()[self.indexes])]


class PointsTask(Task):
    def open(self) -> None:
        super().open()
        self.indexes = tuple(self.rng.integers(n, size=self.row["count"]) for n in self.values().shape)

    def once(self) -> np.ndarray:
        return self.contender.points(self.array, self.indexes)

    def answers(self) -> Sequence[Answer]:
        return [(self.once(), self.values()[self.indexes])]


class MaskTask(Task):
    """One element of a hundred, drawn at random."""

    def open(self) -> None:
        super().open()
        self.mask = self.rng.random(self.values().shape, dtype="float32") < 0.01

    def once(self) -> np.ndarray:
        return self.contender.masked(self.array, self.mask)

    def answers(self) -> Sequence[Answer]:
        return [(self.once(), self.values()[self.mask])]


# ---- One place after another ----


class IndexTask(Task):
    """Many small operations at places drawn at random, the same for everybody."""

    operations = OPERATIONS

    def open(self) -> None:
        super().open()
        limits = self.limits()
        self.indexes = [tuple(int(self.rng.integers(limit)) for limit in limits) for _ in range(self.operations)]
        self.do = self.method()

    def once(self) -> None:
        do, array = self.do, self.array
        for index in self.indexes:
            do(array, index)

    def limits(self) -> tuple[int, ...]:
        raise NotImplementedError

    def method(self) -> Callable[[Any, tuple[int, ...]], Any]:
        raise NotImplementedError


class ChunkTask(IndexTask):
    def chunks(self) -> tuple[int, ...]:
        return self.spec.chunks(0)  # those of the small arrays do not depend on the size

    def limits(self) -> tuple[int, ...]:
        return tuple(n // c for n, c in zip(self.values().shape, self.chunks(), strict=True))

    def method(self) -> Callable[[Any, tuple[int, ...]], Any]:
        return self.contender.chunk

    def answers(self) -> Sequence[Answer]:
        values, chunks = self.values(), self.chunks()
        boxes = [tuple(slice(i * c, i * c + c) for i, c in zip(index, chunks, strict=True)) for index in self.indexes]
        return [(self.do(self.array, index), values[box]) for index, box in zip(self.indexes, boxes, strict=True)]


class ScalarTask(IndexTask):
    def limits(self) -> tuple[int, ...]:
        return self.values().shape

    def method(self) -> Callable[[Any, tuple[int, ...]], Any]:
        return self.contender.scalar

    def answers(self) -> Sequence[Answer]:
        return [(self.do(self.array, index), self.values()[index]) for index in self.indexes]


# ---- Opening ----


class OpenTask(Task):
    operations = data.MANY

    def open(self) -> None:
        """Nothing: opening is what is timed."""

    def once(self) -> list[Any]:
        opened = [self.contender.open(path) for path in self.paths]
        for array in opened:
            self.contender.shape(array)
        return opened

    def answers(self) -> Sequence[Answer]:
        return [(self.contender.read(array, ()), self.values()) for array in self.once()]


class OpenAndReadTask(ReadTask):
    """Opening an array, with a store made anew, and reading one chunk."""

    def open(self) -> None:
        """Nothing: opening is what is timed."""

    def once(self) -> np.ndarray:
        return self.contender.read(self.reach(self.paths[0]), self.selection)


class MembersTask(Task):
    """Opening a group and every array in it, to tell the shapes."""

    def open(self) -> None:
        """Nothing: opening is what is timed."""

    def once(self) -> dict[str, tuple[int, ...]]:
        place = self.place(str(self.top))
        return self.contender.members_remote(place) if place else self.contender.members(str(self.top))

    def answers(self) -> Sequence[Answer]:
        got, expected = self.once(), [Path(path).name for path in self.paths]
        shapes = np.array([got.get(name, ()) for name in expected])
        return [(len(got), len(expected)), (shapes, np.array([self.values().shape] * len(expected)))]


class MembersSlowTask(MembersTask):
    """The same, from a store each of whose requests takes LATENCY."""

    def once(self) -> dict[str, tuple[int, ...]]:
        return self.contender.members_slow(str(self.top), LATENCY)
