"""Arrays with chunks of several shapes: all chunks of one shape are chunks of a regular array too.

Chunk number n of a run with chunks of length m is also chunk number n of a regular grid of that length, where its
elements begin at n * m. So there is a regular array for each choice of lengths, with the same chunks, keys and codecs;
only the elements have other numbers. A selection is cut into the part of each regular array: ranges at the borders of
runs, lists of points by the lengths of the chunks that they lie in.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.hierarchy.inventory import grid_shape, sharding_of
from simplezarr.indexing.selection import ARRAY, Item, PointList, Selection, select, wrapped
from simplezarr.metadata.grids import Axis
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.runtime import executor
from simplezarr.stores.base import Store
from simplezarr.transfer.protocol import Boxes, Conversion, Fields, Index, Places, in_order
from simplezarr.transfer.regular import RegularTransfer

__all__ = ["RectilinearTransfer"]

_MAX_REGULAR = 256  # transfers of regular arrays that are kept


class _Runs:
    """An axis of the grid, and its runs as arrays, for lists of points."""

    def __init__(self, axis: Axis, length: int):
        self.axis = axis
        self.starts, self.edges = np.array(axis.element_starts[:-1], np.intp), np.array(axis.lengths, np.intp)
        self.shifts = np.array([_shift(axis, run) for run in range(len(axis.lengths))], np.intp)
        ends = [min(stop, length) for stop in axis.element_starts[1:]]
        #: For each length of chunks, the end of the last one in the numbers of the regular array.
        self.ends = {edge: ends[run] + _shift(axis, run) for run, edge in enumerate(axis.lengths)}


class _Part(NamedTuple):
    """The part of a range along an axis, or of a list of points, that lies in chunks of one length for each axis."""

    edges: tuple[int, ...]
    keys: tuple[Any, ...]  # a slice or an index array for each axis, in the numbers of the regular array
    place: Any  # along the range, or in the list
    n: int


class _Piece(NamedTuple):
    """The part of a selection that lies in one regular array."""

    transfer: RegularTransfer
    selection: Plan | Selection
    place: tuple[Any, ...]  # in the selection's `_view`


class RectilinearTransfer:
    """Cuts selections into those of regular arrays; does what `Transfer` says.

    chunks: the largest unit of reading. regular: makes the transfer of a regular array with the same chunks.
    """

    __slots__ = ("chunks", "grid_shape", "made", "metadata", "regular", "runs", "sharded", "store")
    shares_chunks = True

    def __init__(
        self, store: Store, metadata: ArrayMetadata, chunks: Index, regular: Callable[[ArrayMetadata], RegularTransfer]
    ):
        self.store, self.metadata, self.chunks, self.regular = store, metadata, chunks, regular
        self.runs = [_Runs(*pair) for pair in zip(metadata.axes, metadata.shape, strict=True)]
        self.made: dict[Index, RegularTransfer] = {}
        self.sharded, self.grid_shape = sharding_of(metadata) is not None, grid_shape(metadata, chunks)

    def read(self, selection: Plan | Selection, out: np.ndarray, fields: Fields = None) -> None:
        """Decode what is selected into `out`."""
        if isinstance(selection, Selection) and not out.flags.c_contiguous:  # of a contiguous one, `_view` is a view
            result = np.empty(out.shape, out.dtype)
            self.read(selection, result, fields)
            out[...] = result
            return
        view, pieces = _view(selection, out), self._pieces(selection)

        def read(i: int) -> None:
            transfer, part, place = pieces[i]
            if all(isinstance(item, slice) for item in place):
                transfer.read(part, view[(*place, ...)], fields)
            else:
                found = np.empty(part.shape, out.dtype)
                transfer.read(part, found, fields)
                view[(*place, ...)] = found

        executor.parallel_for(read, len(pieces), executor.concurrency_for(self.store))

    def write(self, selection: Plan | Selection, values: np.ndarray) -> None:
        """Store values where they are selected."""
        view, pieces = _view(selection, values), self._pieces(selection)

        def write(i: int) -> None:
            transfer, part, place = pieces[i]
            transfer.write(part, view[(*place, ...)])

        executor.parallel_for(write, len(pieces), executor.concurrency_for(self.store))

    def read_many(self, plans: list[Plan], outs: list[np.ndarray]) -> None:
        """Decode what each plan selects into its own array, and each chunk once."""
        batches: dict[int, tuple[RegularTransfer, list[Plan], list[np.ndarray]]] = {}
        for plan, out in zip(plans, outs, strict=True):
            view = plan.view(out)
            for transfer, part, place in self._pieces(plan):
                _, parts, places = batches.setdefault(id(transfer), (transfer, [], []))
                assert isinstance(part, Plan)
                parts.append(part)
                places.append(view[(*place, ...)])
        for transfer, parts, places in batches.values():
            transfer.read_many(parts, places)

    def read_boxes(self, boxes: Boxes, places: Places, conversion: Conversion | None, threads: int) -> None:
        """Decode boxes into their places, each chunk once."""
        if conversion is not None:
            values = np.empty((len(boxes.starts), *boxes.shape), self.metadata.data_type.numpy)
            self.read_boxes(boxes, in_order(values), None, threads)
            places.put(values, conversion)
            return
        shape = self.metadata.shape
        self.read_many(boxes.plans(shape, tuple([max(1, length) for length in shape])), places.views())

    def read_chunk(self, index: Index, out: np.ndarray | None) -> np.ndarray:
        """Decode a whole chunk in its own shape, also its part outside the array."""
        transfer, number, _ = self._chunk(index)
        return transfer.read_chunk(number, out)

    def chunk_box(self, index: Index) -> tuple[tuple[slice, ...], tuple[int, ...]]:
        """Return a chunk's elements within the array, and its full shape."""
        transfer, number, shifts = self._chunk(index)
        box, shape = transfer.chunk_box(number)
        sides = zip(box, shifts, strict=True)
        return tuple([slice(part.start - shift, part.stop - shift) for part, shift in sides]), shape

    def encoded_chunk(self, index: Index) -> bytes | None:
        """Return the stored bytes of a chunk, None if it is not stored."""
        transfer, number, _ = self._chunk(index)
        return transfer.encoded_chunk(number)

    # ------------------------------------------------------------ parts

    def _pieces(self, selection: Plan | Selection) -> list[_Piece]:
        """Cut a selection. Raise IndexError for points that are not in the array."""
        plan, points = (selection.plan, selection.points) if isinstance(selection, Selection) else (selection, ())
        shape = self.metadata.shape
        lists = [_cut_points([self.runs[axis] for axis in group.axes], shape, group) for group in points]
        if not plan.n:
            return []
        held = {axis for group in points for axis in group.axes}
        _, ranges, _ = plan.block(0)
        basic = [axis for axis in range(len(shape)) if axis not in held]
        axes = [[*_cut_range(self.runs[axis].axis, ranges[axis])] for axis in basic]
        return [self._piece(basic, points, parts) for parts in product(*axes, *lists)]

    def _piece(self, basic: list[int], points: tuple[PointList, ...], parts: tuple[_Part, ...]) -> _Piece:
        """Return one choice of parts: of the ranges along the axes `basic`, and of the lists of points."""
        edges, items = [0] * len(self.runs), []
        for axis, part in zip(basic, parts, strict=False):
            edges[axis] = part.edges[0]
            items.append(Item(axis, part.keys[0], (), ()))
        lists = []
        for group, part in zip(points, parts[len(basic) :], strict=True):
            for axis, edge, key in zip(group.axes, part.edges, part.keys, strict=True):
                edges[axis] = edge
                items.append(Item(axis, ARRAY, (key,), ()))
            lists.append(PointList(group.axes, part.keys, (part.n,), len(basic)))
        transfer = self._transfer(tuple(edges))
        items.sort(key=lambda item: item.axis)
        places = [part.place for part in parts[len(basic) :]]
        if not all(isinstance(place, slice) for place in places):
            places = [*np.ix_(*[np.arange(place.stop) if isinstance(place, slice) else place for place in places])]
        places = [part.place for part in parts[: len(basic)]] + places
        metadata = transfer.metadata
        return _Piece(transfer, select(items, tuple(lists), metadata.shape, metadata.chunk_shape), tuple(places))

    def _transfer(self, edges: Index) -> RegularTransfer:
        """Return the transfer of the regular array that has the chunks of a shape."""
        transfer = self.made.get(edges)
        if transfer is None:
            shape = tuple([runs.ends[edge] for runs, edge in zip(self.runs, edges, strict=True)])
            transfer = self.regular(replace(self.metadata, shape=shape, chunk_shape=edges, grid=None))
            if len(self.made) >= _MAX_REGULAR:
                self.made.clear()
            self.made[edges] = transfer
        return transfer

    def _chunk(self, index: Index) -> tuple[RegularTransfer, Index, list[int]]:
        """Return the transfer of the regular array that has a chunk, the chunk's index in it, and `_shift`s."""
        Plan(tuple(index), self.grid_shape, self.grid_shape)  # raises unless they are integers
        if len(index) != len(self.runs) or not all(0 <= i < n for i, n in zip(index, self.grid_shape, strict=True)):
            raise IndexError(f"there is no chunk {tuple(index)}: the grid has the shape {self.grid_shape}")
        edges, numbers, shifts = [], [], []
        for runs, number, chunk in zip(self.runs, index, self.chunks, strict=True):
            axis = runs.axis
            # Chunks within shards have one length, but begin with the shards.
            run = bisect_right(axis.element_starts, number * chunk) - 1 if self.sharded else axis.run(number)
            shift = _shift(axis, run)
            numbers.append((number * chunk + shift) // chunk if self.sharded else number)
            edges.append(axis.lengths[run])
            shifts.append(shift)
        return self._transfer(tuple(edges)), tuple(numbers), shifts


def _shift(axis: Axis, run: int) -> int:
    """Return what to add to the number of an element of a run for its number in the regular array."""
    return axis.chunk_starts[run] * axis.lengths[run] - axis.element_starts[run]


def _cut_range(axis: Axis, chosen: slice) -> Iterator[_Part]:
    """Yield the parts of an ascending range, one for each run.

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


def _cut_points(runs: list[_Runs], shape: tuple[int, ...], points: PointList) -> list[_Part]:
    """Return the parts of a list of points, one for each choice of lengths. Within a part the order is kept."""
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


def _view(selection: Plan | Selection, array: np.ndarray) -> np.ndarray:
    """Return an array of a selection's shape with other axes, for values to be cut along them.

    The axes without points come first, in the order of the array's elements, then one axis for each list of points.
    """
    if not isinstance(selection, Selection):
        return selection.view(array)
    shape = list(selection.plan.shape)
    for points in reversed(selection.points):
        shape.insert(points.at, prod(points.shape))
    flat = array.reshape(shape)
    flat = np.moveaxis(
        flat, [points.at + i for i, points in enumerate(selection.points)], range(-len(selection.points), 0)
    )
    held = {axis for points in selection.points for axis in points.axes}
    ndim = len(selection.of)
    return selection.plan.view(flat)[tuple([0 if axis in held else slice(None) for axis in range(ndim)])]
