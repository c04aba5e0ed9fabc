"""The tasks that write. Metadata documents are the same for everybody, there before the timer starts, as is the array.

What is written is read back by another library: ``answer_files`` tells where it is, and where the values that it must
have.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from peers.tasks import LATENCY, Answer, Task

_NUMBERS = itertools.count()


class WritingTask(Task):
    """Something written below the scratch directory, which is on the file system that is to be measured."""

    def open(self) -> None:
        self.target = self.scratch / f"{next(_NUMBERS)}"
        self.given = np.load(self.source)  # in memory

    def _fresh(self, **changes: Any) -> Any:
        """Open an array without a chunk."""
        shutil.rmtree(self.target, ignore_errors=True)
        self.target.mkdir(parents=True)
        document = json.loads((self.top / "zarr.json").read_bytes())
        (self.target / "zarr.json").write_text(json.dumps({**document, **changes}))
        return self._opened()

    def _opened(self) -> Any:
        return self.reach(str(self.target), write=True)

    def close(self) -> None:
        self.array = None
        shutil.rmtree(self.target, ignore_errors=True)

    def expected(self) -> np.ndarray:
        return self.given

    def answer_files(self) -> dict[str, str]:
        """Write once more, and leave the files."""
        self.ready()
        self.once()
        expected = self.target.with_suffix(".npy")
        np.save(expected, self.expected())
        return {"written": str(self.target), "expected": str(expected)}


class WriteTask(WritingTask):
    """All of an array into a fresh directory."""

    def ready(self) -> None:
        self.array = self._fresh()

    def once(self) -> None:
        self.contender.write(self.array, self.selection, self.given)

    def clear(self) -> None:
        self.close()


class WriteMemoryTask(Task):
    """All of an array into the library's own store in memory, which no other library can read."""

    def open(self) -> None:
        self.document = (self.top / "zarr.json").read_bytes()
        self.given = np.load(self.source)

    def ready(self) -> None:
        self.array = self.contender.open_memory({"zarr.json": self.document}, write=True)

    def once(self) -> None:
        self.contender.write(self.array, self.selection, self.given)

    def answers(self) -> Sequence[Answer]:
        self.ready()
        self.once()
        return [(self.contender.read(self.array, self.selection), self.given)]


class WriteSlowTask(WriteTask):
    """The same, to a store each of whose requests takes LATENCY."""

    def _opened(self) -> Any:
        return self.contender.open_slow(str(self.target), LATENCY, write=True)


class UpdateTask(WritingTask):
    """A part of an array that is there, with other values each time."""

    def open(self) -> None:
        super().open()
        shutil.copytree(self.top, self.target)
        self.array = self._opened()
        part = self.given[self.selection]
        self.variants = itertools.cycle([part + part.dtype.type(k) for k in (1, 2)])

    def ready(self) -> None:
        self.values_now = next(self.variants)

    def once(self) -> None:
        self.contender.write(self.array, self.selection, self.values_now)

    def expected(self) -> np.ndarray:
        expected = self.given.copy()
        expected[self.selection] = self.values_now
        return expected


class AppendTask(WritingTask):
    """An array that grows from nothing, by equal slabs, most of which end within a chunk."""

    def open(self) -> None:
        super().open()
        self.slabs = np.split(self.given, self.row["count"])

    def ready(self) -> None:
        self.array = self._fresh(shape=[0, *self.given.shape[1:]])

    def once(self) -> None:
        array = self.array
        for slab in self.slabs:
            array = self.contender.append(array, slab)

    def clear(self) -> None:
        self.close()


class CopyTask(WriteTask):
    """From one stored array into another one with the same metadata."""

    def open(self) -> None:
        super().open()
        self.original = self.contender.open(self.paths[0])

    def once(self) -> None:
        self.contender.copy(self.original, self.array)


def stored_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and file.name != "zarr.json")
