"""Arrays whose chunks are of different shapes: all chunks of one shape are chunks of a regular array, too.

Chunk number n of a run with chunks of length m is also chunk number n of a regular grid of that length, where its
elements begin at n * m. So there is a regular array for each choice of lengths, with the same chunks, keys and codecs;
only the elements have other numbers. A selection is cut into what each of them holds: ranges at the borders of runs,
lists of points by the lengths of the chunks that they lie in.
"""

import operator
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.hierarchy.inventory import inner_shape
from simplezarr.indexing.selection import ARRAY, Item, Points, Selection, select, wrapped
from simplezarr.metadata.grids import Axis
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.array import Array
from simplezarr.runtime import executor
from simplezarr.stores.base import Store
from simplezarr.transfer.dispatch import put, take

__all__ = ["RectilinearArray"]

_MAX_REGULAR = 256  # regular arrays that are kept


class _Runs:
    """An axis of the grid, and its runs as arrays, for lists of points."""

    def __init__(self, axis: Axis, length: int):
        self.axis = axis
        self.starts, self.edges = np.array(axis.element_starts[:-1], np.intp), np.array(axis.lengths, np.intp)
        self.shifts = np.array([_shift(axis, run) for run in range(len(axis.lengths))], np.intp)
        ends = [min(stop, length) for stop in axis.element_starts[1:]]
        #: For each length of chunks, where the last of them ends in the numbers of the regular array.
        self.ends = {edge: ends[run] + _shift(axis, run) for run, edge in enumerate(axis.lengths)}


class _Layout:
    """Where the elements are, for one shape of an array: its runs, and the regular arrays that have the chunks."""

    def __init__(self, metadata: ArrayMetadata):
        self.metadata = metadata
        self.runs = [_Runs(*pair) for pair in zip(metadata.axes, metadata.shape, strict=True)]
        self.regular: dict[tuple[int, ...], Array] = {}

    def covering(self, stops: tuple[int, ...]) -> "_Layout":
        """Return a layout that reaches as far, for a selection that was made when the array had another shape."""
        shape = self.metadata.shape
        if all(map(operator.le, stops, shape)):
            return self
        shape = tuple(map(max, stops, shape))
        grid = self.metadata.grid
        return _Layout(replace(self.metadata, shape=shape, grid=None if grid is None else grid.reaching(shape)))


class _Part(NamedTuple):
    """What the chunks of one length (for each axis) hold of a range along an axis, or of a list of points."""

    edges: tuple[int, ...]
    keys: tuple[Any, ...]  # a slice or an index array for each axis, in the numbers of the regular array
    place: Any  # along the range, or in the list
    n: int


class _Piece(NamedTuple):
    """What one regular array holds of a selection."""

    array: Array
    what: Plan | Selection
    place: tuple[Any, ...]  # in the selection's `_view`


class RectilinearArray(Array):
    """An array with a rectilinear chunk grid.

    `chunks` (or `shards`) has the largest lengths of chunks; what they are is in `metadata.grid`. Where `resize` and
    `append` need more chunks than the grid has, its last length is repeated.
    """

    __slots__ = ("_layout",)
    _is_composed = True

    def __init__(self, store: Store, path: str, metadata: ArrayMetadata, **options: Any):
        super().__init__(store, path, metadata, **options)
        self._reshape(metadata)

    def _reshape(self, metadata: ArrayMetadata) -> None:
        # Selections are cut here, not in the engine. Other threads may make one with either shape meanwhile: what they
        # take for one chunk is large enough for both.
        self._grid = tuple([max(1, *lengths) for lengths in zip(self._grid, metadata.shape, strict=True)])
        super()._reshape(metadata)
        self._layout = _Layout(metadata)
        self._chunks = inner_shape(metadata)

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Number of chunks along each dimension."""
        return self.metadata.grid_shape if self.shards is None else super().grid_shape

    # ------------------------------------------------------------ reading and writing

    def _take(self, what: Plan | Selection, out: np.ndarray) -> None:
        if isinstance(what, Selection) and not out.flags.c_contiguous:  # else it has its `_view` in place
            result = np.empty(out.shape, out.dtype)
            self._take(what, result)
            out[...] = result
            return
        view, pieces = _view(what, out), self._pieces(what)

        def read(i: int) -> None:
            piece = pieces[i]
            if all(isinstance(item, slice) for item in piece.place):
                take(piece.array, piece.what, view[(*piece.place, ...)])
            else:
                view[(*piece.place, ...)] = take(piece.array, piece.what, np.empty(piece.what.shape, out.dtype))

        executor.parallel_for(read, len(pieces), executor.concurrency_for(self.store))

    def _put(self, what: Plan | Selection, values: np.ndarray) -> None:
        view, pieces = _view(what, values), self._pieces(what)
        executor.parallel_for(
            lambda i: put(*pieces[i][:2], view[(*pieces[i].place, ...)]),
            len(pieces),
            executor.concurrency_for(self.store),
        )

    def _batches(self, plans: list[Plan], outs: list[np.ndarray]) -> list[tuple[Array, list[Plan], list[np.ndarray]]]:
        """For each regular array what it holds of many basic selections."""
        batches: dict[int, tuple[Array, list[Plan], list[np.ndarray]]] = {}
        for plan, out in zip(plans, outs, strict=True):
            view = plan.view(out)
            for array, part, place in self._pieces(plan):
                batch = batches.setdefault(id(array), (array, [], []))
                batch[1].append(part)  # type: ignore[arg-type]
                batch[2].append(view[(*place, ...)])
        return [*batches.values()]

    def get_chunk(self, index: tuple[int, ...], *, out: np.ndarray | None = None) -> np.ndarray:
        """As `Array.get_chunk`; a chunk has its own shape, also at the array's edge."""
        regular, index = self._chunk(index)
        return regular.get_chunk(index, out=out)

    def get_encoded_chunk(self, index: tuple[int, ...]) -> bytes | None:
        """As `Array.get_encoded_chunk`."""
        regular, index = self._chunk(index)
        return regular.get_encoded_chunk(index)

    def set_chunk(self, index: tuple[int, ...], data: Any) -> None:
        """As `Array.set_chunk`."""
        self._check_writable()
        regular, index = self._chunk(index)
        regular.set_chunk(index, data)

    # ------------------------------------------------------------ parts

    def _pieces(self, what: Plan | Selection) -> list[_Piece]:
        """Cuts a selection; raises IndexError for points that are not in the array."""
        plan, points = (what.plan, what.points) if isinstance(what, Selection) else (what, ())
        layout = self._layout
        shape = layout.metadata.shape
        lists = [_cut_points([layout.runs[axis] for axis in group.axes], shape, group) for group in points]
        if not plan.n:
            return []
        held = {axis for group in points for axis in group.axes}
        _, ranges, _ = plan.block(0)
        basic = [axis for axis in range(self.ndim) if axis not in held]
        layout = layout.covering(tuple([0 if axis in held else ranges[axis].stop for axis in range(self.ndim)]))
        axes = [[*_cut_range(layout.runs[axis].axis, ranges[axis])] for axis in basic]
        return [self._piece(layout, basic, points, parts) for parts in product(*axes, *lists)]

    def _piece(self, layout: _Layout, basic: list[int], points: tuple[Points, ...], parts: tuple[_Part, ...]) -> _Piece:
        """One choice of parts: of the ranges along the axes `basic`, and of the lists of points."""
        edges, items = [0] * self.ndim, []
        for axis, part in zip(basic, parts, strict=False):
            edges[axis] = part.edges[0]
            items.append(Item(axis, part.keys[0], (), ()))
        lists = []
        for group, part in zip(points, parts[len(basic) :], strict=True):
            for axis, edge, key in zip(group.axes, part.edges, part.keys, strict=True):
                edges[axis] = edge
                items.append(Item(axis, ARRAY, (key,), ()))
            lists.append(Points(group.axes, part.keys, (part.n,), len(basic)))
        array = self._regular_array(layout, tuple(edges))
        items.sort(key=lambda item: item.axis)
        places = [part.place for part in parts[len(basic) :]]
        if not all(isinstance(place, slice) for place in places):
            places = [*np.ix_(*[np.arange(place.stop) if isinstance(place, slice) else place for place in places])]
        places = [part.place for part in parts[: len(basic)]] + places
        return _Piece(array, select(items, tuple(lists), array.shape, array._grid), tuple(places))

    def _regular_array(self, layout: _Layout, edges: tuple[int, ...]) -> Array:
        """The regular array that has the chunks of a shape."""
        array = layout.regular.get(edges)
        if array is None:
            shape = tuple([runs.ends[edge] for runs, edge in zip(layout.runs, edges, strict=True)])
            metadata = replace(layout.metadata, shape=shape, chunk_shape=edges, grid=None)
            options = {"read_only": self.read_only, "write_empty_chunks": self.write_empty_chunks}
            array = Array(self.store, self.path, metadata, **options)
            if len(layout.regular) >= _MAX_REGULAR:
                layout.regular.clear()
            layout.regular[edges] = array
        return array

    def _chunk(self, index: tuple[int, ...]) -> tuple[Array, tuple[int, ...]]:
        """The regular array that has a chunk, and the chunk's index in it."""
        Plan(tuple(index), self.grid_shape, self.grid_shape)  # raises for what are no integers
        if len(index) != self.ndim or not all(0 <= i < n for i, n in zip(index, self.grid_shape, strict=True)):
            raise IndexError(f"there is no chunk {tuple(index)}: the grid has the shape {self.grid_shape}")
        edges, numbers, layout = [], [], self._layout
        for runs, number, chunk in zip(layout.runs, index, self.chunks, strict=True):
            axis = runs.axis
            if self.shards is None:
                run = axis.run(number)
                numbers.append(number)
            else:  # chunks within shards have one length, but begin with the shards
                run = bisect_right(axis.element_starts, number * chunk) - 1
                numbers.append((number * chunk + _shift(axis, run)) // chunk)
            edges.append(axis.lengths[run])
        return self._regular_array(layout, tuple(edges)), tuple(numbers)


def _shift(axis: Axis, run: int) -> int:
    """What to add to the number of an element of a run for its number in the regular array."""
    return axis.chunk_starts[run] * axis.lengths[run] - axis.element_starts[run]


def _cut_range(axis: Axis, chosen: slice) -> Iterator[_Part]:
    """The parts of an ascending range, one for each run.

    >>> [part[:3] for part in _cut_range(Axis((1, 4), (0, 3, 7), (0, 3, 4)), slice(1, 6, 3))]
    [((1,), (slice(1, 2, 3),), slice(0, 1, None)), ((4,), (slice(13, 14, 3),), slice(1, 2, None))]
    """
    elements, done = range(chosen.start, chosen.stop, chosen.step), 0
    while done < len(elements):
        run = bisect_right(axis.element_starts, elements[done]) - 1
        stop = min(len(elements), done + (axis.element_starts[run + 1] - 1 - elements[done]) // chosen.step + 1)
        first, last = elements[done] + _shift(axis, run), elements[stop - 1] + _shift(axis, run)
        yield _Part((axis.lengths[run],), (slice(first, last + 1, chosen.step),), slice(done, stop), stop - done)
        done = stop


def _cut_points(runs: list[_Runs], shape: tuple[int, ...], points: Points) -> list[_Part]:
    """The parts of a list of points, one for each choice of lengths; the points of a part stay in their order."""
    n = prod(points.shape)
    numbers, edges = [], []
    for axis, index, of in zip(points.axes, points.indices, runs, strict=True):
        index = wrapped(np.broadcast_to(index, points.shape).reshape(-1), shape[axis], axis)
        run = of.starts.searchsorted(index, "right") - 1
        numbers.append(index + of.shifts[run])
        edges.append(of.edges[run])
    if n == 0 or all((edge == edge[0]).all() for edge in edges):
        return [_Part(tuple([int(edge[0]) for edge in edges]), tuple(numbers), slice(0, n), n)] if n else []
    lengths, which = np.unique(np.stack(edges, axis=1), axis=0, return_inverse=True)
    order = which.reshape(-1).argsort(kind="stable")
    places = np.split(order, np.bincount(which.reshape(-1)).cumsum()[:-1])
    return [
        _Part(tuple(part), tuple([number[place] for number in numbers]), place, len(place))
        for part, place in zip(lengths.tolist(), places, strict=True)
    ]


def _view(what: Plan | Selection, array: np.ndarray) -> np.ndarray:
    """An array of a selection's shape with one axis for each that has no points, in the order of the array's elements,
    and one axis for each list of points behind them."""
    if not isinstance(what, Selection):
        return what.view(array)
    shape = list(what.plan.shape)
    for points in reversed(what.points):
        shape.insert(points.at, prod(points.shape))
    flat = array.reshape(shape)
    flat = np.moveaxis(flat, [points.at + i for i, points in enumerate(what.points)], range(-len(what.points), 0))
    held = {axis for points in what.points for axis in points.axes}
    ndim = len(what.of)
    return what.plan.view(flat)[tuple([0 if axis in held else slice(None) for axis in range(ndim)])]
