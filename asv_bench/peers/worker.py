"""A contender in a process of its own, spoken to in lines of JSON.

``python -m peers.worker NAME THREADS DIRECTORY SCRATCH``: the files that are read, and where to write.

Requests are ``{"do": "prepare" | "count" | "check" | "run" | "drop" | "memory", "row": …}``; each gets one line back.
A row stays prepared until it is dropped, so that rounds can alternate between contenders, and between rows of one
contender.
``{"do": "verify"}`` reads back what another contender has written.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from peers import contenders, tasks, write_tasks
from peers.bucket.server import control
from peers.contender import Contender, RefusedError, Setting
from peers.tasks import Task
from peers.write_tasks import WritingTask

SHORT = 0.05  # seconds: what takes less is repeated within a round until it takes as long
LONG = 1.0  # seconds: what takes more is tried once in each setting
MOST_REPEATS = 50

TASKS: dict[str, type[Task]] = {
    "read": tasks.ReadTask,
    "read-memory": tasks.ReadMemoryTask,
    "read-slow": tasks.ReadSlowTask,
    "points-slow": tasks.PointsSlowTask,
    "members-slow": tasks.MembersSlowTask,
    "write-slow": write_tasks.WriteSlowTask,
    "crops": tasks.CropsTask,
    "crops-in-turn": tasks.CropsInTurnTask,
    "rows": tasks.RowsTask,
    "points": tasks.PointsTask,
    "mask": tasks.MaskTask,
    "chunk": tasks.ChunkTask,
    "scalar": tasks.ScalarTask,
    "open": tasks.OpenTask,
    "open-and-read": tasks.OpenAndReadTask,
    "members": tasks.MembersTask,
    "write": write_tasks.WriteTask,
    "write-memory": write_tasks.WriteMemoryTask,
    "update": write_tasks.UpdateTask,
    "append": write_tasks.AppendTask,
    "copy": write_tasks.CopyTask,
}


def mistake(got: Any, expected: Any) -> str | None:
    """Return what is wrong with an answer, or None. Large arrays are compared slab by slab."""
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
    """Return a memory figure of this process in bytes, if Linux tells it."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))


def peak_memory(once: Callable[[], Any]) -> int:
    """Return the bytes by which the resident set rises at most while ``once`` runs, its result included."""
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

    def __init__(self, contender: Contender, directory: Path, scratch: Path) -> None:
        self.contender, self.directory, self.scratch = contender, directory, scratch
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
        task = TASKS[row["task"]](self.contender, row, self.directory, self.scratch)
        task.open()
        return task

    def prepare(self, row: dict[str, Any], tune: bool) -> dict[str, Any]:
        """Open a row's arrays in the fastest of the ways that the contender offers, or in the first."""
        ways = self.contender.settings_remote if row.get("endpoint") else self.contender.settings
        settings = ways(row["task"])[: None if tune else 1]
        chosen, fastest = settings[0], float("inf")
        for setting in settings:
            task = self._opened(row, setting)
            task.time()  # the first go pays for thread pools and the like
            seconds = task.time()
            if len(settings) > 1 and seconds < LONG:
                seconds = min(seconds, task.time(), task.time())
            task.close()
            if seconds < fastest:
                chosen, fastest = setting, seconds
        self.tasks[row["name"]], self.settings[row["name"]] = self._opened(row, chosen), chosen
        self.repeats[row["name"]] = max(1, min(MOST_REPEATS, round(SHORT / max(fastest, 1e-9))))
        return {"setting": chosen}

    def check(self, row: dict[str, Any]) -> dict[str, Any]:
        """Compare the answers; another contender verifies what was written."""
        task = self.tasks[row["name"]]
        if isinstance(task, WritingTask):
            return task.answer_files()
        wrong = (mistake(got, expected) for got, expected in task.answers())
        return {"wrong": next((mistaken for mistaken in wrong if mistaken), None)}

    def verify(self, written: str, expected: str) -> dict[str, Any]:
        """Read back what was written, and return its stored size. Remove the file of expected values."""
        self._configure(self.contender.settings("read")[0])
        wrong = mistake(self.contender.read(self.contender.open(written), ()), np.load(expected, mmap_mode="r"))
        Path(expected).unlink()
        return {"wrong": wrong, "bytes": write_tasks.stored_bytes(Path(written))}

    def count(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return what one run asks of the server, and the seconds of processor time that it takes here."""
        task = self.tasks[row["name"]]
        self._configure(self.settings[row["name"]])
        task.ready()
        control(row["endpoint"])
        before = time.process_time()
        task.once()
        cpu = time.process_time() - before
        counts = control(row["endpoint"])
        task.clear()
        return {"requests": counts, "cpu": cpu}

    def run(self, row: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks[row["name"]]
        self._configure(self.settings[row["name"]])
        gc.collect()
        seconds = statistics.median(task.time() for _ in range(self.repeats[row["name"]]))
        return {"seconds": seconds / task.operations}

    def drop(self, row: dict[str, Any]) -> dict[str, Any]:
        task = self.tasks.pop(row["name"], None)
        if task:
            task.close()
        gc.collect()
        return {}

    def memory(self, row: dict[str, Any], setting: Setting) -> dict[str, Any]:
        task = self._opened(row, setting)
        task.ready()
        try:
            return {"bytes": peak_memory(task.once)}
        finally:
            task.close()


def answer(session: Session, request: dict[str, Any]) -> dict[str, Any]:
    """Answer a request; a refusal or an error is told, not raised."""
    do = request.pop("do")
    if do not in ("prepare", "check", "count", "verify", "run", "drop", "memory"):
        raise ValueError(f"unknown request: {do}")
    try:
        return getattr(session, do)(**request)
    except RefusedError as reason:
        return {"refused": str(reason)}
    except Exception as error:  # of whatever library
        return {"refused": f"{type(error).__name__}: {error}", "error": True}


def main(name: str, threads: str, directory: str, scratch: str) -> None:
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not get between the answers
    root = str(Path(__file__).resolve().parents[2])
    sys.path.append(root)  # a simplezarr built in place, unless one is installed
    try:
        contender = contenders.make(name, int(threads))
        own = Path(scratch) / f"{name}-{os.getpid()}"
        session = Session(contender, Path(directory), own)
        print(json.dumps({"version": contender.version()}), file=channel)
    except RefusedError as reason:
        print(json.dumps({"refused": str(reason)}), file=channel)
        return
    gc.disable()
    for line in sys.stdin:
        print(json.dumps(answer(session, json.loads(line))), file=channel)
    shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
