"""A contender in a process of its own, spoken to in lines of JSON: ``python -m peers.worker NAME THREADS DIRECTORY``.

Requests are ``{"do": "prepare" | "check" | "run" | "drop" | "memory", "row": …}``; each gets one line back. A row stays
prepared until it is dropped, so that rounds can alternate between contenders, and between rows of one contender.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from peers import contenders, data
from peers.contenders import Contender, RefusedError, Setting
from peers.rows import selection_from_json

SHORT = 0.05  # seconds: what takes less is repeated within a round until it takes as long
LONG = 1.0  # seconds: what takes more is tried once in each setting
MOST_REPEATS = 50
OPERATIONS = 256  # of a microbenchmark in one go
Answer = tuple[Any, Any]  # got, expected


class Task:
    """A row as one contender does it: arrays opened, ready to be timed."""

    operations = 1

    def __init__(self, contender: Contender, row: dict[str, Any], directory: Path) -> None:
        self.contender = contender
        self.spec = data.SPECS[row["array"]]
        self.paths = [str(path) for path in data.array_paths(directory, row["array"])]
        self.selection = selection_from_json(row["selection"])
        self.source = data.source_path(directory, self.spec.source)

    def expected(self) -> np.ndarray:
        return np.load(self.source, mmap_mode="r")

    def open(self) -> None:
        self.array = self.contender.open(self.paths[0])

    def once(self) -> Any:
        raise NotImplementedError

    def answers(self) -> list[Answer]:
        raise NotImplementedError

    def time(self) -> float:
        """Seconds of one go; what it gives is freed outside of the timer."""
        start = time.perf_counter()
        result = self.once()
        seconds = time.perf_counter() - start
        del result
        return seconds


class ReadTask(Task):
    def once(self) -> np.ndarray:
        return self.contender.read(self.array, self.selection)

    def answers(self) -> list[Answer]:
        return [(self.once(), self.expected()[self.selection])]


class IndexTask(Task):
    """Many small operations at places drawn at random, the same for everybody."""

    operations = OPERATIONS

    def open(self) -> None:
        super().open()
        limits = self.limits()
        rng = np.random.default_rng(data.SEED)
        self.indexes = [tuple(int(rng.integers(limit)) for limit in limits) for _ in range(self.operations)]
        self.do = self.method()

    def chunks(self) -> tuple[int, ...]:
        return self.spec.chunks(0)  # those of the small arrays do not depend on the size

    def once(self) -> None:
        do, array = self.do, self.array
        for index in self.indexes:
            do(array, index)

    def limits(self) -> tuple[int, ...]:
        raise NotImplementedError

    def method(self) -> Callable[[Any, tuple[int, ...]], Any]:
        raise NotImplementedError


class ChunkTask(IndexTask):
    def limits(self) -> tuple[int, ...]:
        return tuple(n // c for n, c in zip(self.expected().shape, self.chunks(), strict=True))

    def method(self) -> Callable[[Any, tuple[int, ...]], Any]:
        return self.contender.chunk

    def answers(self) -> list[Answer]:
        expected, chunks = self.expected(), self.chunks()
        boxes = [tuple(slice(i * c, i * c + c) for i, c in zip(index, chunks, strict=True)) for index in self.indexes]
        return [(self.do(self.array, index), expected[box]) for index, box in zip(self.indexes, boxes, strict=True)]


class ScalarTask(IndexTask):
    def limits(self) -> tuple[int, ...]:
        return self.expected().shape

    def method(self) -> Callable[[Any, tuple[int, ...]], Any]:
        return self.contender.scalar

    def answers(self) -> list[Answer]:
        return [(self.do(self.array, index), self.expected()[index]) for index in self.indexes]


class OpenTask(Task):
    operations = data.MANY

    def open(self) -> None:
        """Nothing: opening is what is timed."""

    def once(self) -> list[Any]:
        opened = [self.contender.open(path) for path in self.paths]
        for array in opened:
            self.contender.shape(array)
        return opened

    def answers(self) -> list[Answer]:
        return [(self.contender.read(array, ()), self.expected()) for array in self.once()]


TASKS = {"read": ReadTask, "chunk": ChunkTask, "scalar": ScalarTask, "open": OpenTask}


def mistake(got: Any, expected: Any) -> str | None:
    """What is wrong with an answer, or None. Compared slab by slab: the arrays are big."""
    array, expected = np.asarray(got), np.asarray(expected)
    if array.shape != expected.shape or array.dtype != expected.dtype:
        return f"gave {array.dtype} {array.shape} instead of {expected.dtype} {expected.shape}"
    if not array.ndim:
        return None if array == expected else f"gave {array} instead of {expected}"
    for start in range(0, len(array), 64):
        if not np.array_equal(array[start : start + 64], expected[start : start + 64]):
            return f"gave wrong values from index {start} of the first axis on"
    return None


def _status(field: str) -> int:
    """Bytes of a memory figure of this process as Linux tells it."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def peak_memory(once: Callable[[], Any]) -> int:
    """Bytes by which the resident set rises at most while ``once`` runs, its result included."""
    gc.collect()
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as reset:
            reset.write("5")  # the high-water mark falls to what is resident now
        before = _status("VmRSS")
        result = once()
        after = _status("VmHWM")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        result = once()
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    del result
    return max(0, after - before)


class Session:
    """The prepared rows of one contender, and the answers to requests about them."""

    def __init__(self, contender: Contender, directory: Path) -> None:
        self.contender, self.directory = contender, directory
        self.tasks: dict[str, Task] = {}
        self.settings: dict[str, Setting] = {}
        self.repeats: dict[str, int] = {}
        self.current: Setting | None = None

    def _configure(self, setting: Setting) -> None:
        if setting is not self.current:
            self.contender.configure(setting)
            self.current = setting

    def _opened(self, row: dict[str, Any], setting: Setting) -> Task:
        self._configure(setting)
        task = TASKS[row["task"]](self.contender, row, self.directory)
        task.open()
        return task

    def prepare(self, row: dict[str, Any]) -> dict[str, Any]:
        """Opens a row's arrays in the way that is fastest of those that the contender offers."""
        settings = self.contender.settings(row["task"])
        chosen, fastest = settings[0], float("inf")
        for setting in settings:
            task = self._opened(row, setting)
            task.time()  # the first go pays for thread pools and the like
            seconds = task.time()
            if len(settings) > 1 and seconds < LONG:
                seconds = min(seconds, task.time(), task.time())
            if seconds < fastest:
                chosen, fastest = setting, seconds
        self.tasks[row["name"]], self.settings[row["name"]] = self._opened(row, chosen), chosen
        self.repeats[row["name"]] = max(1, min(MOST_REPEATS, round(SHORT / max(fastest, 1e-9))))
        return {"setting": chosen}

    def check(self, row: dict[str, Any]) -> dict[str, Any]:
        wrong = (mistake(got, expected) for got, expected in self.tasks[row["name"]].answers())
        return {"wrong": next((mistaken for mistaken in wrong if mistaken), None)}

    def run(self, row: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks[row["name"]]
        self._configure(self.settings[row["name"]])
        gc.collect()
        seconds = statistics.median(task.time() for _ in range(self.repeats[row["name"]]))
        return {"seconds": seconds / task.operations}

    def drop(self, row: dict[str, Any]) -> dict[str, Any]:
        self.tasks.pop(row["name"], None)
        gc.collect()
        return {}

    def memory(self, row: dict[str, Any], setting: Setting) -> dict[str, Any]:
        return {"bytes": peak_memory(self._opened(row, setting).once)}


def answer(session: Session, request: dict[str, Any]) -> dict[str, Any]:
    """What a request gives; a refusal or an error is told, not raised."""
    do = request.pop("do")
    if do not in ("prepare", "check", "run", "drop", "memory"):
        raise ValueError(f"unknown request: {do}")
    try:
        return getattr(session, do)(**request)
    except RefusedError as reason:
        return {"refused": str(reason)}
    except Exception as error:  # of whatever library
        return {"refused": f"{type(error).__name__}: {error}", "error": True}


def main(name: str, threads: str, directory: str) -> None:
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not get between the answers
    root = str(Path(__file__).resolve().parents[2])
    sys.path.append(root)  # a simplezarr built in place, unless one is installed
    try:
        contender = contenders.make(name, int(threads))
        session = Session(contender, Path(directory))
        print(json.dumps({"version": contender.version()}), file=channel)
    except RefusedError as reason:
        print(json.dumps({"refused": str(reason)}), file=channel)
        return
    gc.disable()
    for line in sys.stdin:
        print(json.dumps(answer(session, json.loads(line))), file=channel)


if __name__ == "__main__":
    main(*sys.argv[1:])
