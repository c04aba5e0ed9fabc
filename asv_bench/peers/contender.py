"""What a library is asked to do, whichever it is: the base class of all contenders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from peers.rows import Axis

Setting = dict[str, Any]
Box = tuple[slice, ...]


REGION = "us-east-1"
REQUESTS = 64  # at a time, to a server


@dataclass(frozen=True)
class Place:
    """Where an array or a group is on a server that speaks S3. Requests to it need no signature."""

    endpoint: str
    bucket: str
    path: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.path}"


class RefusedError(Exception):
    """A contender that is not installed, or has no way to do what a row asks."""


def boxed(selection: tuple[Axis, ...]) -> Box:
    """Return the selection with slices of length 1 instead of integers, for libraries that take no integers."""
    return tuple(slice(axis, axis + 1) if isinstance(axis, int) else axis for axis in selection)


def unboxed(result: np.ndarray, selection: tuple[Axis, ...]) -> np.ndarray:
    """Return a view of ``result`` without the axes of length 1 that ``boxed`` has added."""
    return result[tuple(0 if isinstance(axis, int) else slice(None) for axis in selection)]


class Contender:
    """What a worker process asks of a library.

    ``settings`` lists the ways worth trying; the worker keeps the fastest for each row. Results are NumPy arrays that
    the library allocates itself. What a library can't do raises RefusedError.
    """

    name = ""
    package = ""
    atomic = True  # a stored object is replaced as a whole: a reader never sees, a killed writer never leaves, a part

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def version(self) -> str:
        from importlib.metadata import version

        return version(self.package)

    def settings(self, task: str) -> list[Setting]:
        return [{}]

    def settings_remote(self, task: str) -> list[Setting]:
        """Return the ways worth trying if a server has the array."""
        return self.settings(task)

    def configure(self, setting: Setting) -> None:
        """Make a setting the one that ``open`` uses."""

    def _refuse(self, what: str) -> RefusedError:
        return RefusedError(f"{self.name} has no way to {what}")

    # ---- opening ----

    def open(self, path: str, write: bool = False) -> Any:
        raise NotImplementedError

    def open_memory(self, files: dict[str, bytes], write: bool = False) -> Any:
        """Open an array whose files, by key, are all in the library's own store in memory."""
        raise self._refuse("keep arrays in memory")

    def open_slow(self, path: str, latency: float, write: bool = False) -> Any:
        """Open a local array each of whose requests takes so many seconds."""
        raise self._refuse("slow a store down")

    def open_remote(self, place: Place, write: bool = False) -> Any:
        """Open an array on a server, with a store made anew, and nothing kept between calls but metadata."""
        raise self._refuse("read from a server")

    def members_remote(self, place: Place) -> dict[str, tuple[int, ...]]:
        """Return the same as ``members``, of a group on a server."""
        raise self._refuse("open a group on a server")

    def members_slow(self, path: str, latency: float) -> dict[str, tuple[int, ...]]:
        """Return the same as ``members``, with requests that take so many seconds each."""
        raise self._refuse("slow a store down")

    def members(self, path: str) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all arrays of a group."""
        raise self._refuse("open a group")

    def shape(self, array: Any) -> tuple[int, ...]:
        return tuple(array.shape)

    # ---- reading ----

    def read(self, array: Any, selection: tuple[Axis, ...]) -> np.ndarray:
        return array[selection]

    def chunk(self, array: Any, index: tuple[int, ...]) -> np.ndarray:
        """Read a whole chunk by its place in the grid."""
        raise NotImplementedError

    def scalar(self, array: Any, index: tuple[int, ...]) -> Any:
        return array[index]

    def crops(self, array: Any, boxes: list[Box]) -> Sequence[np.ndarray]:
        """Read boxes of one shape."""
        return [self.read(array, box) for box in boxes]

    def rows(self, array: Any, indexes: np.ndarray) -> np.ndarray:
        """Read lines along the first axis."""
        return np.concatenate(self.crops(array, [(slice(i, i + 1),) for i in indexes.tolist()]))

    def points(self, array: Any, indexes: tuple[np.ndarray, ...]) -> np.ndarray:
        raise self._refuse("read points")

    def masked(self, array: Any, mask: np.ndarray) -> np.ndarray:
        """Read the elements for which a mask of the array's shape is true."""
        return self.points(array, np.nonzero(mask))

    # ---- writing ----

    def write(self, array: Any, selection: tuple[Axis, ...], values: np.ndarray) -> None:
        array[selection] = values

    def append(self, array: Any, values: np.ndarray) -> Any:
        """Append to the first axis; return the array to continue with."""
        array.append(values)
        return array

    def copy(self, source: Any, target: Any) -> None:
        """Copy all of one array into another."""
        self.write(target, (), self.read(source, ()))
