"""Which chunks of a selection are not stored, told without reading any."""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np

from simplezarr.hierarchy.inventory import Index, are_stored, chunk_axes
from simplezarr.indexing.composed import Composed, Span, whole
from simplezarr.indexing.selection import items_of, numpy_points, select, split_fields
from simplezarr.metadata.grids import Axis
from simplezarr.transfer.handle import ArrayHandle

__all__ = ["missing_chunks"]


def missing_chunks(handle: ArrayHandle, key: Any) -> list[Index]:
    """Return what `Array.missing` documents."""
    _, key = split_fields(handle.dtype, key)
    shape = handle.shape
    items = list(items_of(key, shape))
    points = numpy_points(items)
    select(items, points, shape, tuple([max(length, 1) for length in shape]))  # checks the key
    selected = whole(shape).selected(items, points)
    if 0 in selected.shape:
        return []
    indexes = _touched(selected, chunk_axes(handle.metadata, handle.chunks))
    stored = are_stored(handle.store, handle.path, handle.metadata, handle.chunks, indexes)
    return [index for index, there in zip(indexes, stored, strict=True) if not there]


def _touched(selected: Composed, axes: Sequence[Axis]) -> list[Index]:
    """Return the indexes of the chunks that hold what is selected, in C order."""
    factors: list[tuple[tuple[int, ...], list[Index]]] = []  # some axes, and what is touched along them
    for number, (part, axis) in enumerate(zip(selected.axes, axes, strict=True)):
        if isinstance(part, Span):
            factors.append(((number,), [(i,) for i in _along(part.left, axis)]))
        elif part is not None:
            factors.append(((number,), [(axis.whole(part),)]))
    for points in selected.points:
        if points.axes:
            columns = [_holding(index, axes[i]) for i, index in zip(points.axes, points.indices, strict=True)]
            rows = np.unique(np.stack(columns, axis=1), axis=0)
            factors.append((points.axes, [*map(tuple, rows.tolist())]))
    order = np.argsort([number for numbers, _ in factors for number in numbers]).tolist()
    rows_of_all = product(*[rows for _, rows in factors])
    flat = ([i for row in rows for i in row] for rows in rows_of_all)
    return sorted(tuple([index[place] for place in order]) for index in flat)


def _along(left: range, axis: Axis) -> list[int]:
    """Return the numbers of the chunks along an axis that hold elements of a range, which is not empty."""
    left = left if left.step > 0 else left[::-1]
    first, last = axis.whole(left[0]), axis.whole(left[-1])
    if len(left) <= last - first:
        return sorted({axis.whole(element) for element in left})
    ends = [axis.begin(number) for number in range(first, last + 2)]
    return [first + i for i, (begin, end) in enumerate(pairwise(ends)) if _has_element(left, begin, end)]


def _has_element(left: range, begin: int, end: int) -> bool:
    """Return whether a range, which ascends, has an element of [begin, end)."""
    steps = max(0, -(-(begin - left.start) // left.step))
    return steps < len(left) and left[steps] < end


def _holding(elements: np.ndarray, axis: Axis) -> np.ndarray:
    """Return the numbers of the chunks along an axis that hold each element."""
    flat = elements.reshape(-1)
    starts, lengths = np.array(axis.element_starts), np.array(axis.lengths)
    runs = np.searchsorted(starts, flat, side="right") - 1
    numbers: np.ndarray = np.array(axis.chunk_starts)[runs] + (flat - starts[runs]) // lengths[runs]
    return numbers
