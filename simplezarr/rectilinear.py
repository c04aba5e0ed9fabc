"""Arrays whose chunks are of different shapes: each run of equal chunks is read and written as part of a regular array.

Chunk number n of a run with chunks of length m is also chunk number n of a regular grid of that length, where its
elements begin at n * m. So a run is a box of an array with the same chunks, keys and codecs and a regular grid; only
its elements have other numbers.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple, NoReturn

import numpy as np

from simplezarr import executor
from simplezarr._plan import NotBasic, Plan
from simplezarr.array import Array
from simplezarr.errors import UnsupportedError
from simplezarr.grids import Axis
from simplezarr.metadata import ArrayMetadata
from simplezarr.selection import numpy_selection
from simplezarr.stores.base import Store
from simplezarr.values import as_values, check_out

__all__ = ["RectilinearArray"]

_MAX_BOXES = 256  # regular arrays that are kept


class _Part(NamedTuple):
    """What one run holds of a selection along an axis."""

    run: int
    key: int | slice  # in the numbers of the regular array
    place: slice | None  # in the result; None where an integer drops the axis


class RectilinearArray(Array):
    """An array with a rectilinear chunk grid, for basic selections. Its shape can't be changed.

    `chunks` (or `shards`) has the largest lengths of chunks; what they are is in `metadata.grid`.
    """

    __slots__ = ("_axes", "_boxes")

    def __init__(self, store: Store, path: str, metadata: ArrayMetadata, **options: Any):
        super().__init__(store, path, metadata, **options)
        grid: Any = metadata.grid
        self._axes: list[Axis] = [grid.axis(i, length) for i, length in enumerate(self.shape)]
        self._boxes: dict[tuple[int, ...], Array] = {}

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Number of chunks along each dimension."""
        return self.metadata.grid_shape if self.shards is None else super().grid_shape

    # ------------------------------------------------------------ reading and writing

    def __getitem__(self, selection: Any) -> Any:
        plan = self._plan(selection)
        out = np.empty(plan.shape, self.dtype)
        self._read_parts(selection, out)
        return out[()] if plan.scalar else out

    def read(self, selection: Any = ..., *, out: np.ndarray | None = None) -> Any:
        """As `Array.read`."""
        if out is None:
            return self[selection]
        check_out(out, self.dtype, self._plan(selection).shape)
        self._read_parts(selection, out)
        return out

    def __setitem__(self, selection: Any, value: Any) -> None:
        self._check_writable()
        plan = self._plan(selection)
        values, tasks = self._split(selection, as_values(value, self.dtype, plan.shape, element=plan.scalar))

        def write(i: int) -> None:
            self._box(tasks[i]).write(_keys(tasks[i]), values[_places(tasks[i])])

        executor.run(write, len(tasks), executor.width(self.store))

    def _read_parts(self, selection: Any, out: np.ndarray) -> None:
        places, tasks = self._split(selection, out)

        def read(i: int) -> None:
            self._box(tasks[i]).read(_keys(tasks[i]), out=places[_places(tasks[i])])

        executor.run(read, len(tasks), executor.width(self.store))

    def get_chunk(self, index: tuple[int, ...], *, out: np.ndarray | None = None) -> np.ndarray:
        """As `Array.get_chunk`; a chunk has its own shape, also at the array's edge."""
        box, index = self._chunk(index)
        return box.get_chunk(index, out=out)

    def get_encoded_chunk(self, index: tuple[int, ...]) -> bytes | None:
        """As `Array.get_encoded_chunk`."""
        box, index = self._chunk(index)
        return box.get_encoded_chunk(index)

    def set_chunk(self, index: tuple[int, ...], data: Any) -> None:
        """As `Array.set_chunk`."""
        self._check_writable()
        box, index = self._chunk(index)
        box.set_chunk(index, data)

    def resize(self, shape: tuple[int, ...] | int) -> NoReturn:
        """Raises UnsupportedError: what chunks there would be is not known."""
        raise UnsupportedError(f"array {self.name} has a rectilinear chunk grid, with which its shape can't be changed")

    def append(self, data: Any, axis: int = 0) -> NoReturn:
        """Raises UnsupportedError, as `resize`."""
        self.resize(self.shape)

    def _refuse(self) -> NoReturn:
        raise UnsupportedError(
            f"array {self.name} has a rectilinear chunk grid: it is indexed with integers, slices, `...` and None only"
        )

    oindex = vindex = blocks = lazy = property(_refuse)  # type: ignore[assignment]

    # ------------------------------------------------------------ runs

    def _plan(self, selection: Any) -> Plan:
        """Refuses bad selections as NumPy does, and knows the shape of good ones."""
        try:
            return Plan(selection, self.shape, tuple([max(1, length) for length in self.shape]))
        except NotBasic:
            numpy_selection(selection, self.shape, self.chunks)  # raises for what is no selection at all
            self._refuse()

    def _split(self, selection: Any, array: np.ndarray) -> tuple[np.ndarray, list[tuple[_Part, ...]]]:
        """What each combination of runs holds of a selection, and the array of its shape in the order of elements."""
        axes: list[list[_Part]] = []
        view: list[Any] = []
        key = list(selection) if isinstance(selection, tuple) else [selection]
        missing = self.ndim - sum(item is not None and item is not Ellipsis for item in key)
        at = next((i for i, item in enumerate(key) if item is Ellipsis), len(key))
        key[at : at + 1] = [slice(None)] * missing
        for item in key:
            if item is None:
                view.append(0)
                continue
            axis, length = self._axes[len(axes)], self.shape[len(axes)]
            if isinstance(item, slice):
                chosen = range(length)[item]
                view.append(slice(None, None, -1 if chosen.step < 0 else 1))
                axes.append([*_parts(axis, chosen[::-1] if chosen.step < 0 else chosen)])
            else:
                chosen = range(length)[item]
                run = bisect_right(axis.starts, chosen) - 1
                axes.append([_Part(run, chosen + _shift(axis, run), None)])
        return array[(*view, ...)], [*product(*axes)]

    def _box(self, parts: tuple[_Part, ...]) -> Array:
        return self._regular(tuple([part.run for part in parts]))

    def _regular(self, runs: tuple[int, ...]) -> Array:
        """The regular array of which a combination of runs is a box."""
        box = self._boxes.get(runs)
        if box is None:
            edges = tuple([axis.edges[run] for axis, run in zip(self._axes, runs, strict=True)])
            ends = [
                min(axis.starts[run + 1], length) + _shift(axis, run)
                for axis, run, length in zip(self._axes, runs, self.shape, strict=True)
            ]
            metadata = replace(self.metadata, shape=tuple(ends), chunk_shape=edges, grid=None)
            options = {"read_only": self.read_only, "write_empty_chunks": self.write_empty_chunks}
            box = Array(self.store, self.path, metadata, **options)
            if len(self._boxes) >= _MAX_BOXES:
                self._boxes.clear()
            self._boxes[runs] = box
        return box

    def _chunk(self, index: tuple[int, ...]) -> tuple[Array, tuple[int, ...]]:
        """The regular array that has a chunk, and the chunk's index in it."""
        Plan(tuple(index), self.grid_shape, self.grid_shape)  # raises for what are no integers
        if len(index) != self.ndim or not all(0 <= i < n for i, n in zip(index, self.grid_shape, strict=True)):
            raise IndexError(f"there is no chunk {tuple(index)}: the grid has the shape {self.grid_shape}")
        runs, numbers = [], []
        for axis, number, chunk in zip(self._axes, index, self.chunks, strict=True):
            if self.shards is None:
                runs.append(bisect_right(axis.firsts, number) - 1)
                numbers.append(number)
            else:  # chunks within shards have one length, but begin with the shards
                runs.append(bisect_right(axis.starts, number * chunk) - 1)
                numbers.append((number * chunk + _shift(axis, runs[-1])) // chunk)
        return self._regular(tuple(runs)), tuple(numbers)


def _shift(axis: Axis, run: int) -> int:
    """What to add to the number of an element of a run for its number in the regular array."""
    return axis.firsts[run] * axis.edges[run] - axis.starts[run]


def _parts(axis: Axis, chosen: range) -> Iterator[_Part]:
    """The runs that hold elements of an ascending range.

    >>> [part[:2] for part in _parts(Axis((1, 4), (0, 3, 7), (0, 3, 4)), range(1, 6, 3))]
    [(0, slice(1, 2, 3)), (1, slice(13, 14, 3))]
    """
    done = 0
    while done < len(chosen):
        run = bisect_right(axis.starts, chosen[done]) - 1
        stop = min(len(chosen), done + (axis.starts[run + 1] - 1 - chosen[done]) // chosen.step + 1)
        first, last = chosen[done] + _shift(axis, run), chosen[stop - 1] + _shift(axis, run)
        yield _Part(run, slice(first, last + 1, chosen.step), slice(done, stop))
        done = stop


def _keys(parts: tuple[_Part, ...]) -> tuple:
    return tuple([part.key for part in parts])


def _places(parts: tuple[_Part, ...]) -> tuple:
    return (*[part.place for part in parts if part.place is not None], ...)
