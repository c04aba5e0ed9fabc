"""Selections of selections, as one selection of the array.

What is selected of an array is an integer or a range for each of its axes, or points on several axes together. A
selection of that, of whichever kind, is such a selection again. So is a transposed one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.indexing.selection import ARRAY, Item, PointList, Selection, select, wrapped

__all__ = ["Composed", "Points", "Span", "whole"]


class Span(NamedTuple):
    """A range of an axis of the array, which is dimension `dim` of the selection."""

    dim: int
    left: range


class Points(NamedTuple):
    """Points on some axes of the array: for each axis an index array of `shape`, with the dimensions `dims`.

    Without axes, what else is selected is repeated. No index is negative.
    """

    axes: tuple[int, ...]
    indices: tuple[np.ndarray, ...]
    dims: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Composed:
    """A selection of an array.

    shape: of what is selected. axes: what is selected of each axis of the array, None if points select it. A dimension
    that no span and no points have is a new one, of length 1.

    >>> half = whole((4, 6)).selected([Item(0, slice(None, None, 2), (), ()), Item(1, slice(3), (), ())], ())
    >>> half.shape, half.transposed((1, 0)).axes
    ((2, 3), (Span(dim=1, left=range(0, 4, 2)), Span(dim=0, left=range(0, 3))))
    """

    shape: tuple[int, ...]
    axes: tuple[int | Span | None, ...]
    points: tuple[Points, ...] = ()

    def selected(self, items: Sequence[Item], lists: Sequence[PointList]) -> "Composed":
        """Return a selection of this one: the items of a key, and their arrays as lists of points.

        Raise IndexError for indices that this selection does not have.
        """
        composer = _Composer(self)
        composer.cut(items)
        for points in lists:
            composer.take(points)
        return composer.result()

    def transposed(self, order: Sequence[int]) -> "Composed":
        """Return this selection with its dimensions in another order."""
        place = {dim: new for new, dim in enumerate(order)}
        return _relabelled(tuple([self.shape[dim] for dim in order]), self.axes, self.points, place)

    def of(self, shape: tuple[int, ...], stored: tuple[int, ...], *, scalar: bool = False) -> Plan | Selection:
        """Return the selection of an array of `shape` in stored objects, whose dimensions are in the order of `dims`.

        scalar: whether NumPy gives a scalar for a single element.
        """
        items = []
        for axis, part in enumerate(self.axes):
            basic = ARRAY if part is None else _slice(part.left) if isinstance(part, Span) else part
            arrays = (np.empty(0, np.intp),) if part is None else ()  # only how many there are is asked for
            items.append(Item(axis, basic, arrays, ()))
        if not scalar and not self.dims:
            items.append(Item(0, Ellipsis, (), ()))
        lists = [PointList(p.axes, p.indices, p.shape, 0) for p in self.points]
        return select(items, tuple(lists), shape, stored)

    @property
    def dims(self) -> tuple[int, ...]:
        """The dimensions of this selection that are not new, in the order in which they are read."""
        spans = [part.dim for part in self.axes if isinstance(part, Span)]
        return (*(dim for points in self.points for dim in points.dims), *spans)

    def view(self, values: np.ndarray) -> np.ndarray:
        """Return a view of values of this selection, with the dimensions in the order in which they are read."""
        dims = self.dims
        kept = sorted(dims)
        key = [slice(None) if dim in dims else 0 for dim in range(len(self.shape))]
        return values[(*key, ...)].transpose([kept.index(dim) for dim in dims])

    def shape_of(self, read: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of this selection if what is read of it has this shape: the array may have been cut off."""
        shape = list(self.shape)
        for dim, length in zip(self.dims, read, strict=True):
            shape[dim] = length
        return tuple(shape)


def whole(shape: tuple[int, ...]) -> Composed:
    """Return the selection of all elements of an array."""
    return Composed(shape, tuple([Span(dim, range(length)) for dim, length in enumerate(shape)]))


class _Composer:
    """Selects part of a selection. Its dimensions keep their numbers, and new ones get further numbers, to the end."""

    def __init__(self, base: Composed):
        self.axes, self.points = [*base.axes], [*base.points]
        self.lengths = dict(enumerate(base.shape))
        self.order: list[int] = []  # the dimensions of the result
        self.listed: list[tuple[int, list[int]]] = []  # dimensions of lists, and how many others come before
        self.numbers = count(len(base.shape))

    def cut(self, items: Sequence[Item]) -> None:
        """Select integers and slices, and insert new dimensions."""
        basic: dict[int, int | slice] = {}
        for item in items:
            if item.basic is None:
                self.order.append(self._new(1))
            elif isinstance(item.basic, (int, slice)):
                basic[item.axis] = item.basic
            if isinstance(item.basic, slice):
                self.lengths[item.axis] = len(range(self.lengths[item.axis])[item.basic])
                self.order.append(item.axis)
        for axis, part in enumerate(self.axes):
            if isinstance(part, Span) and part.dim in basic:
                left = _part(part.left, basic[part.dim])
                self.axes[axis] = left if isinstance(left, int) else Span(part.dim, left)
        self.points = [self._cut(points, basic) for points in self.points]

    def take(self, points: PointList) -> None:
        """Select points on some dimensions."""
        labels = [self._new(length) for length in points.shape]
        self.listed.append((points.at, labels))
        found = {}
        for dim, index in zip(points.axes, points.indices, strict=True):
            found[dim] = index if 0 in points.shape else wrapped(index, self.lengths[dim], dim)
        if 0 in points.shape:
            return  # nothing is selected, and NumPy does not check such indices
        taken = [group for group in self.points if not found.keys().isdisjoint(group.dims)]
        rest = [dim for group in taken for dim in group.dims if dim not in found]
        selected: dict[int, np.ndarray] = {}  # by axis of the array
        for axis, part in enumerate(self.axes):
            if isinstance(part, Span) and part.dim in found:
                index = part.left.start + part.left.step * found[part.dim]
                selected[axis] = index.reshape(index.shape + (1,) * len(rest))
                self.axes[axis] = None
        for group in taken:
            selected.update(self._through(group, found, rest))
        shape = (*points.shape, *(self.lengths[dim] for dim in rest))
        indices = tuple([np.broadcast_to(index, shape) for index in selected.values()])
        kept = [group for group in self.points if not any(group is other for other in taken)]
        self.points = [*kept, Points(tuple(selected), indices, (*labels, *rest), shape)]

    def result(self) -> Composed:
        """Return what is selected."""
        for at, labels in reversed(self.listed):
            self.order[at:at] = labels
        shape = tuple([self.lengths[dim] for dim in self.order])
        if 0 in shape:
            return Composed(shape, (0,) * len(self.axes))  # nothing is ever read
        for group in self.points:
            if not group.dims:
                for axis, index in zip(group.axes, group.indices, strict=True):
                    self.axes[axis] = int(index)
        points = tuple([group for group in self.points if group.dims])
        return _relabelled(shape, tuple(self.axes), points, {dim: i for i, dim in enumerate(self.order)})

    def _new(self, length: int) -> int:
        """Return the number of a new dimension."""
        number = next(self.numbers)
        self.lengths[number] = length
        return number

    def _cut(self, points: Points, basic: dict[int, int | slice]) -> Points:
        """Return the points that integers and slices select along their dimensions."""
        key = tuple([basic.get(dim, slice(None)) for dim in points.dims])
        indices = tuple([np.asarray(index[key]) for index in points.indices])
        dims = tuple([dim for dim in points.dims if not isinstance(basic.get(dim), int)])
        return Points(points.axes, indices, dims, tuple([self.lengths[dim] for dim in dims]))

    def _through(self, group: Points, found: dict[int, np.ndarray], rest: list[int]) -> dict[int, np.ndarray]:
        """Return, for each axis of a list of points, the index arrays of those that are selected.

        Behind the dimensions of the indices they have those of `rest`, of length 1 if they are not this list's.
        """
        mine = [dim for dim in group.dims if dim in found]
        others = [dim for dim in rest if dim in group.dims]
        order = [group.dims.index(dim) for dim in (*mine, *others)]
        key = tuple([found[dim] for dim in mine])
        behind = tuple([self.lengths[dim] if dim in others else 1 for dim in rest])
        result = {}
        for axis, index in zip(group.axes, group.indices, strict=True):
            through = index.transpose(order)[key]
            result[axis] = through.reshape(through.shape[: through.ndim - len(others)] + behind)
        return result


def _relabelled(
    shape: tuple[int, ...], axes: Sequence[int | Span | None], points: Sequence[Points], place: dict[int, int]
) -> Composed:
    """Return a selection whose dimensions get other numbers."""
    spans = [part._replace(dim=place[part.dim]) if isinstance(part, Span) else part for part in axes]
    groups = [group._replace(dims=tuple([place[dim] for dim in group.dims])) for group in points]
    return Composed(shape, tuple(spans), tuple(groups))


def _part(left: range, item: int | slice) -> int | range:
    """Return what an integer or a slice selects of a range. The step of a single element is 1."""
    part = left[item]
    return part if isinstance(part, int) or len(part) > 1 else range(part[0], part[0] + 1) if part else range(0)


def _slice(left: range) -> slice:
    """Return the slice that selects a range of a longer one."""
    return slice(left.start, left.stop if left.stop >= 0 else None, left.step) if left else slice(0, 0)
