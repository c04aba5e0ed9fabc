"""From a batch of chunks back to the selection that zarr-python made it of.

zarr-python cuts a selection into the selections within each chunk. This library cuts selections itself, and faster, so
they are put together again. What can't be an array's selection raises `NotServedError`.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.indexing.selection import Selection, orthogonal_selection, pointwise_selection
from simplezarr.transfer.dispatch import Select, select
from simplezarr.transfer.handle import ArrayHandle
from simplezarr.zarr_python.protocols import Batch, NotServedError

__all__ = ["Recovered", "recover"]

Index = tuple[int, ...]


def _orthogonal(handle: ArrayHandle, key: Any) -> Selection | Plan:
    return orthogonal_selection(key, handle.shape, handle.grid)


def _pointwise(handle: ArrayHandle, key: Any) -> Selection | Plan:
    return pointwise_selection(key, handle.shape, handle.grid)


class Recovered(NamedTuple):
    """A selection of a whole array.

    select: what makes a selection of the key. ends: along each axis, the element behind the last that is selected.
    """

    select: Select
    key: tuple[Any, ...]
    ends: Index


def recover(
    batch: Batch,
    index_of: Callable[[str], Index],
    begins: Sequence[Callable[[int], int]],
    dropped: tuple[int, ...],
) -> Recovered:
    """Return the selection that a batch was made of.

    index_of: gives the index of the chunk with a key. begins: for each axis, gives the first element of a chunk.
    dropped: axes of the array that the result has not, though they are selected with arrays.
    """
    inner = batch[0][2]
    if not isinstance(inner, tuple) or len(inner) != len(begins):
        raise NotServedError("selections with other than one entry for each dimension")
    if all(map(_is_basic, inner)) and not dropped:
        return _recover_basic(batch, index_of, begins)
    indexes = [index_of(item[0].path) for item in batch]
    if isinstance(batch[0][3], tuple):
        return _recover_orthogonal(batch, indexes, begins, dropped)
    return _recover_points(batch, indexes, begins)


def _is_basic(part: Any) -> bool:
    return isinstance(part, (slice, int, np.integer))


def _recover_basic(batch: Batch, index_of: Callable[[str], Index], begins: Sequence[Callable[[int], int]]) -> Recovered:
    """Return a selection of integers and slices, which the first and the last chunk determine."""
    first, last = batch[0], batch[-1]
    low = index_of(first[0].path)
    high = low if last is first else index_of(last[0].path)
    key: list[slice | int] = []
    ends, chunks = [], 1
    for begin, start, stop, one, other in zip(begins, low, high, first[2], last[2], strict=True):
        if not isinstance(one, slice):
            element = begin(start) + int(one)
            key.append(element)
            ends.append(element + 1)
            continue
        if not isinstance(other, slice):
            raise NotServedError("chunks of several selections")
        step = one.step or 1
        part = slice(begin(start) + (one.start or 0), begin(stop) + other.stop, step)
        count = len(range(part.start, part.stop, step))
        chunks *= min(count, stop - start + 1)
        key.append(part)
        ends.append(part.start + (count - 1) * step + 1)
    if chunks != len(batch) and not _skips(key, begins, low, high):
        raise NotServedError("chunks of several selections")
    return Recovered(select, tuple(key), tuple(ends))


def _skips(key: list[slice | int], begins: Sequence[Callable[[int], int]], low: Index, high: Index) -> bool:
    """Return whether steps may leave out chunks."""
    sides = zip(key, begins, low, high, strict=True)
    return any(isinstance(part, slice) and a < b and part.step > begin(a + 1) - begin(a) for part, begin, a, b in sides)


def _recover_orthogonal(
    batch: Batch, indexes: list[Index], begins: Sequence[Callable[[int], int]], dropped: tuple[int, ...]
) -> Recovered:
    """Return a selection of arrays, integers and slices, each along its own axis.

    The chunks are all combinations of those of the axes, in C order.
    """
    along = [list(dict.fromkeys(column)) for column in zip(*indexes, strict=True)]
    if len(batch) != np.prod([len(numbers) for numbers in along]) or [*product(*along)] != indexes:
        raise NotServedError("chunks of several selections")
    key: list[Any] = []
    stride, place = len(batch), 0
    for axis, numbers in enumerate(along):
        stride //= len(numbers)
        items = [batch[i * stride] for i in range(len(numbers))]
        parts = [_elements(item[2][axis], begins[axis](number)) for item, number in zip(items, numbers, strict=True)]
        if axis in dropped or isinstance(items[0][2][axis], (int, np.integer)):
            key.append(int(parts[0][0]))
            continue
        key.append(_in_order(parts, [item[3][place] for item in items]))
        place += 1
    ends = [part + 1 if isinstance(part, int) else int(part.max()) + 1 for part in key]
    return Recovered(_orthogonal, tuple(map(_as_slice, key)), tuple(ends))


def _recover_points(batch: Batch, indexes: list[Index], begins: Sequence[Callable[[int], int]]) -> Recovered:
    """Return a selection of points."""
    places = [item[3] for item in batch]
    key = []
    for axis, begin in enumerate(begins):
        parts = [_elements(item[2][axis], begin(index[axis])) for item, index in zip(batch, indexes, strict=True)]
        key.append(_in_order(parts, places))
    if not key:
        raise NotServedError("points of an array without dimensions")
    return Recovered(_pointwise, tuple(key), tuple([int(part.max()) + 1 for part in key]))


def _elements(part: Any, begin: int) -> np.ndarray:
    """Return the elements of the array that are selected in a chunk which begins at an element."""
    if isinstance(part, slice):
        return np.arange(part.start or 0, part.stop, part.step or 1) + begin
    array = np.ravel(part)
    return (np.flatnonzero(array) if array.dtype == bool else array.astype(np.intp)) + begin


def _in_order(parts: list[np.ndarray], places: list[Any]) -> np.ndarray:
    """Return what the parts select in the order of the result, in which they are at places."""
    elements = np.concatenate(parts)
    order = np.concatenate(
        [np.arange(place.start, place.stop) if isinstance(place, slice) else np.ravel(place) for place in places]
    )
    if order.shape != elements.shape:
        raise NotServedError("selections whose places in the result are not as many as their elements")
    result = np.empty_like(elements)
    result[order] = elements
    return result


def _as_slice(part: np.ndarray | int) -> np.ndarray | slice | int:
    """Return a slice for elements that it can select, because that is faster.

    >>> _as_slice(np.array([3, 5, 7])), _as_slice(np.array([3, 5, 8]))
    (slice(3, 8, 2), array([3, 5, 8]))
    """
    if isinstance(part, int) or len(part) < 2:
        return part
    step = int(part[1] - part[0])
    if step < 1 or part[-1] - part[0] != step * (len(part) - 1) or not (np.diff(part) == step).all():
        return part
    return slice(int(part[0]), int(part[-1]) + 1, step)
