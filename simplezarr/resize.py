"""Changing an array's shape.

The part of a chunk that sticks out of its array may hold anything: the specification leaves it open, and what was cut
off or half appended may be there. So whatever a new shape brings into view or takes out of view is cleared, before the
document says so: chunks that lie wholly in it are deleted, the others get the fill value there. If that is interrupted,
the array still has its old shape and what both shapes have in common is untouched; of what was to be cut off, some may
be gone.
"""

import math
import operator
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from simplezarr import executor
from simplezarr._flights import writes
from simplezarr.chunking import as_lengths
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.grids import Rectilinear
from simplezarr.hierarchy import change_node
from simplezarr.keys import join
from simplezarr.metadata import ArrayMetadata
from simplezarr.stored import Index, stored_indexes
from simplezarr.values import as_array, source_of

__all__ = ["append", "resize"]

Shape = tuple[int, ...]
_FEW = 64  # chunks for which a store is not listed
_ANY = Rectilinear(())  # stands for a rectilinear grid: it changes with the shape


def resize(array: Any, shape: Any) -> ArrayMetadata:
    """Gives a stored array a new shape; returns its metadata."""
    array._check_writable()
    shape = as_lengths(shape, array.ndim, 0, "shape")
    if len(shape) != array.ndim:
        raise MetadataError(f"shape: {shape} has {len(shape)} entries for {array.ndim} dimensions")

    def change(stored: Any) -> ArrayMetadata:
        _check_same_layout(array, stored)
        changed = _reaching(stored, shape)
        _clear(array, changed, stored.shape)
        return changed

    return change_node(array.store, array.path, change)


def append(array: Any, data: Any, axis: int) -> ArrayMetadata:
    """Writes data behind the end of a stored array, then makes that its end; returns its metadata.

    In this order no reader ever sees an array whose end is missing. The document's lock is held all the while, so that
    of two appends at the same time one comes after the other.
    """
    array._check_writable()
    data = data if source_of(data) is not None else as_array(data, array.dtype)
    axis = _check_axis(array, axis)
    _grown(array.shape, data, axis)  # raises where it can't be

    def change(stored: Any) -> ArrayMetadata:
        _check_same_layout(array, stored)
        old = stored.shape
        grown = _reaching(stored, _grown(old, data, axis))
        place = tuple([slice(None)] * axis + [slice(old[axis], None)])
        try:
            _handle(array, grown, write_empty_chunks=array.write_empty_chunks).write(place, data)
        except BaseException:
            _forget(array, grown, old)
            raise
        return grown

    return change_node(array.store, array.path, change)


def _forget(array: Any, grown: ArrayMetadata, old: Shape) -> None:
    """Clears what a failed append has left; what fails here as well is not what is to be raised."""
    with suppress(Exception):
        _clear(array, grown, old)


def _check_axis(array: Any, axis: Any) -> int:
    if axis is None or isinstance(axis, (bool, np.bool_)):
        raise TypeError(f"axis: {axis!r} is not an axis; give its number")
    number = operator.index(axis)
    if not -array.ndim <= number < array.ndim:
        raise IndexError(f"axis: {number} is not an axis of an array of {array.ndim} dimensions")
    return number % array.ndim


def _grown(shape: Shape, data: np.ndarray, axis: int) -> Shape:
    """The shape with the data appended."""
    if data.ndim != len(shape) or any(
        i != axis and a != b for i, (a, b) in enumerate(zip(data.shape, shape, strict=True))
    ):
        raise ValueError(f"data: shape {data.shape} can't be appended to {shape} along axis {axis}")
    return as_lengths((*shape[:axis], shape[axis] + data.shape[axis], *shape[axis + 1 :]), None, 0, "shape")


def _check_same_layout(array: Any, stored: Any) -> None:
    """Raises if the node is not any more what was opened, but for what may change."""
    if not isinstance(stored, ArrayMetadata) or _layout(stored) != _layout(array.metadata):
        raise MetadataError(f"{array.name} of {array.store!r} was replaced since it was opened; open it again")


def _layout(metadata: ArrayMetadata) -> ArrayMetadata:
    shape = (0,) * len(metadata.shape)
    metadata = replace(metadata, shape=shape, attributes={}, dimension_names=None, extra={})
    return metadata if metadata.grid is None else replace(metadata, grid=_ANY, chunk_shape=shape)


def _reaching(metadata: ArrayMetadata, shape: Shape) -> ArrayMetadata:
    """An array's metadata with another shape, and a grid that reaches as far."""
    if metadata.grid is None:
        return replace(metadata, shape=shape)
    grid = metadata.grid.reaching(shape)
    grid.check(shape, "chunk_shapes")
    return replace(metadata, shape=shape, grid=grid, chunk_shape=grid.largest)


def _handle(array: Any, metadata: ArrayMetadata, **options: Any) -> Any:
    """The same array in another shape."""
    return type(array)(array.store, array.path, metadata, read_only=False, **options)


def _clear(array: Any, metadata: ArrayMetadata, shape: Shape) -> None:
    """Clears what only one of two shapes has: that of `metadata`, whose grid reaches as far as both, or the other."""
    low = replace(metadata, shape=tuple(map(min, metadata.shape, shape)))
    high = replace(metadata, shape=tuple(map(max, metadata.shape, shape)))
    kept = low.grid_shape
    gone: list[Index] = []
    edges: list[Index] = []
    for index in _candidates(array, low, high):
        inside = all(i < n for i, n in zip(index, kept, strict=True))
        (edges if inside else gone).append(index)
    width = executor.width(array.store)
    with writes:
        executor.run(lambda i: array.store.delete(join(array.path, metadata.chunk_keys.key(gone[i]))), len(gone), width)
    if edges:
        whole = _handle(array, high)
        executor.run(lambda i: _clear_edge(whole, edges[i], low.shape), len(edges), width)


def _candidates(array: Any, low: ArrayMetadata, high: ArrayMetadata) -> list[Index]:
    """The chunks that have elements within `high` but outside `low` and that may be stored.

    They are counted off, or those that are stored are listed, whichever are fewer: an array may have a grid of 10**15
    chunks, and nearly none of them stored.
    """
    whole, sides = high.grid_shape, zip(low.axes, low.shape, high.grid_shape, high.shape, strict=True)
    inner = tuple([axis.whole(a) if a < b else total for axis, a, total, b in sides])  # chunks that lie within `low`
    count = math.prod(whole) - math.prod(inner)
    if count > _FEW:
        try:
            listed = stored_indexes(array.store, array.path, high, at_most=count)
        except UnsupportedError:  # can't be listed
            listed = None
        if listed is not None:
            return [
                index
                for index in listed
                if all(map(operator.lt, index, whole)) and not all(map(operator.lt, index, inner))
            ]
    return [*_around(whole, inner)]


def _around(whole: Shape, inner: Shape) -> Iterator[Index]:
    """The indexes below `whole` that are not below `inner`.

    >>> [*_around((2, 3), (1, 2))]
    [(1, 0), (1, 1), (1, 2), (0, 2)]
    """
    for axis, (n, first) in enumerate(zip(whole, inner, strict=True)):
        before = [range(part) for part in inner[:axis]]
        behind = [range(part) for part in whole[axis + 1 :]]
        yield from product(*before, range(first, n), *behind)


def _clear_edge(array: Any, index: Index, low: Shape) -> None:
    """Puts the fill value where a chunk lies outside `low`; what has it already is not written."""
    axes = array.metadata.axes
    start = [axis.begin(i) for axis, i in zip(axes, index, strict=True)]
    stop = [min(axis.begin(i + 1), length) for axis, i, length in zip(axes, index, array.shape, strict=True)]
    fill = np.asarray(array.fill_value)
    for axis, limit in enumerate(low):
        if limit < stop[axis]:
            box = [slice(*ends) for ends in zip(start, stop, strict=True)]
            box[axis] = slice(max(limit, start[axis]), stop[axis])
            if not _is_all(array[tuple(box)], fill):
                array.write(tuple(box), fill)
            stop[axis] = limit


def _is_all(values: np.ndarray, fill: np.ndarray) -> bool:
    """Whether all elements are the fill value, bit for bit."""
    if values.dtype.hasobject:
        return False  # not known; it is written then
    elements = np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(-1, fill.itemsize)
    return bool((elements == np.frombuffer(fill.tobytes(), np.uint8)).all())
