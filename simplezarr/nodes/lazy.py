"""Selections that are not read yet: `a.lazy[10:200, ::2]` is a value with a shape that is read on request.

A basic selection of a basic selection is a basic selection of the array: a range or an integer for each axis. A
selection of it with index arrays is a selection of the array too. A selection of that is kept as the coordinates of
each element.
"""

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from simplezarr.engine.geometry.plan import NotBasic, Plan
from simplezarr.indexing.selection import (
    ARRAY,
    Item,
    PointList,
    Selection,
    broadcast_selection,
    items_of,
    numpy_selection,
    place_of,
    select,
    wrapped,
)
from simplezarr.nodes.operators import StoredValues
from simplezarr.nodes.properties import ReadOnly
from simplezarr.nodes.protocols import HasHandle
from simplezarr.runtime import executor
from simplezarr.transfer.copy_source import CopySource
from simplezarr.transfer.dispatch import read, write
from simplezarr.transfer.handle import ArrayHandle
from simplezarr.transfer.values import as_values, check_out

if TYPE_CHECKING:
    from simplezarr.runtime.executor import Future

__all__ = ["Lazy", "LazyIndex", "whole"]


class LazyIndex:
    """The value of `a.lazy`: indexing it gives a `Lazy` selection of the array."""

    __slots__ = ("_array",)

    def __init__(self, array: HasHandle):
        self._array = array

    def __getitem__(self, selection: Any) -> "Lazy":
        return whole(self._array)[selection]

    def __repr__(self) -> str:
        return f"<LazyIndex of {self._array!r}>"


class Lazy(StoredValues):
    """A selection of an array, of which nothing is read yet. Indexing `a.lazy` makes it; indexing it selects further.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, data=[1, 2, 9, 9], dtype="u1", chunks=2)
    >>> part = a.lazy[::-1][1:]
    >>> part.shape, part.dtype
    ((3,), dtype('uint8'))
    >>> part.read()
    array([9, 2, 1], dtype=uint8)
    """

    __slots__ = ("_array", "_shape")

    shape = ReadOnly[tuple[int, ...]]("_shape", "select another part", "Length along each dimension.")

    def __init__(self, array: HasHandle, shape: tuple[int, ...]):
        self._array, self._shape = array, shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """Data type of the elements."""
        return self._array._handle.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the elements in memory."""
        return prod(self.shape) * self.dtype.itemsize

    def read(self, *, out: np.ndarray | None = None) -> Any:
        """Return the elements, in `out` if it is given; a scalar if NumPy gives one. Raise as `Array.read`."""
        if 0 in self.shape:  # also if nothing is left of a new axis, which no selection of the array can say
            if out is not None:
                check_out(out, self.dtype, self.shape, self._array._handle.path)
            return np.empty(self.shape, self.dtype) if out is None else out
        handle = self._array._handle
        return read(handle, self._selected(handle), out)

    def read_future(self, *, out: np.ndarray | None = None) -> "Future[Any]":
        """Return a Future of `read(out=out)`."""
        return executor.submit(self.read, out=out, width=executor.concurrency_for(self._array._handle.store))

    def write(self, value: Any) -> None:
        """Assign to the elements. Raise as `Array.write`."""
        handle = self._array._handle
        handle.check_writable()
        if 0 in self.shape:
            as_values(value, handle.dtype, self.shape)
        else:
            write(handle, self._selected(handle), value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(f"{self!r} can't become a NumPy array without a copy")
        return np.asarray(self.read(), dtype)

    def __getitem__(self, selection: Any) -> "Lazy":
        raise NotImplementedError

    def _selected(self, handle: ArrayHandle) -> Plan | Selection:
        """Return what is selected of the array."""
        raise NotImplementedError

    def __copy_source__(self) -> CopySource:
        """Describe the selection as a value that is copied (see `transfer.array_copy`)."""
        handle = self._array._handle

        def read_part(key: Any, buffer: np.ndarray) -> np.ndarray:
            part = self[key]
            out = buffer[: prod(part.shape)].reshape(part.shape)
            read(handle, part._selected(handle), out)
            return out

        return CopySource(handle, self.shape, self.dtype, self._box(), self._periods(handle), read_part)

    def _box(self) -> list[range] | None:
        """Return what is selected along each axis of the array, if that is a box with the array's own axes."""
        return None

    def _periods(self, handle: ArrayHandle) -> tuple[int, ...] | None:
        """Return how many elements of a chunk follow each other along each axis; None with index arrays."""
        return None

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d selection")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<Lazy {self.shape} {self.dtype} of {self._array!r}>"


class Basic(Lazy):
    """A basic selection of the array.

    axes: for each axis of the array, what is selected of it; dims: for each axis of the result, the axis of the array
    that it is, or the range that is left of a new axis (of length 1).
    """

    __slots__ = ("_axes", "_dims", "_scalar")

    def __init__(self, array: HasHandle, axes: tuple[int | range, ...], dims: tuple[int | range, ...], *, scalar: bool):
        self._axes, self._dims, self._scalar = axes, dims, scalar
        super().__init__(array, tuple(len(self._range(axis)) for axis in range(len(dims))))

    def __getitem__(self, selection: Any) -> Lazy:
        try:
            scalar = Plan(selection, self.shape, _one_chunk(self.shape)).scalar
        except NotBasic:
            scalar = None
        if scalar is None:
            return Advanced(self, selection)
        axes, dims = list(self._axes), list[int | range]()
        for item in items_of(selection, self.shape):
            if item.basic is None:
                dims.append(range(1))
            elif item.basic is not Ellipsis:
                dim = self._dims[item.axis]
                left = _part(self._range(item.axis), item.basic)
                if isinstance(dim, int):
                    axes[dim] = left
                if isinstance(left, range):
                    dims.append(dim if isinstance(dim, int) else left)
        return Basic(self._array, tuple(axes), tuple(dims), scalar=scalar)

    def _box(self) -> list[range] | None:
        box = [along for along in self._axes if isinstance(along, range) and along.step == 1]
        return box if self._dims == tuple(range(len(self._axes))) and len(box) == len(self._dims) else None

    def _periods(self, handle: ArrayHandle) -> tuple[int, ...]:
        steps = [abs(self._range(axis).step) for axis in range(self.ndim)]
        pairs = zip(self._dims, steps, strict=True)
        return tuple([-(-handle.chunks[dim] // step) if isinstance(dim, int) else 1 for dim, step in pairs])

    def _range(self, axis: int) -> range:
        """Return what is selected along an axis of the result."""
        dim = self._dims[axis]
        left = self._axes[dim] if isinstance(dim, int) else dim
        assert isinstance(left, range)
        return left

    def _selected(self, handle: ArrayHandle) -> Plan | Selection:
        items = [Item(axis, slice(None), (), ()) for axis in range(self.ndim)]
        ellipsis = [] if self._scalar or items else [Item(0, Ellipsis, (), ())]
        return select(self._compose(items) + ellipsis, (), handle.shape, handle.grid)

    def _compose(self, items: list[Item]) -> list[Item]:
        """Return the items of a key of this selection as items of a key of the array."""
        result: list[Item] = []
        for item in items:
            width = len(item.arrays) if item.basic is ARRAY else isinstance(item.basic, (int, slice))
            if width == 0:
                result.append(item._replace(axis=0))
            for i in range(width):
                result += self._compose_axis(item, i)
        axes = {item.axis for item in result if item.arrays or isinstance(item.basic, (int, slice))}
        dropped = [Item(axis, left, (), ()) for axis, left in enumerate(self._axes) if axis not in axes]
        return _merged(result, dropped)

    def _compose_axis(self, item: Item, i: int) -> list[Item]:
        """Return what an item means for the array's axis behind axis number i of those that it takes."""
        dim, left = self._dims[item.axis + i], self._range(item.axis + i)
        if item.basic is ARRAY:
            index = _through(left, item.arrays[i], item.axis + i)
            return [Item(dim, ARRAY, (index,), item.shape) if isinstance(dim, int) else Item(0, ARRAY, (), item.shape)]
        part = _part(left, item.basic)
        if isinstance(dim, int):
            return [Item(dim, _slice(part) if isinstance(part, range) else part, (), ())]
        return [Item(0, None, (), ())] if isinstance(part, range) else []

    def coordinates(self) -> tuple[np.ndarray, ...]:
        """Return, for each axis of the array, the index of each element of the selection."""
        result = []
        for axis, left in enumerate(self._axes):
            if isinstance(left, range):
                along = self._dims.index(axis)
                index = np.asarray(left, np.intp).reshape(-1, *(1,) * (self.ndim - along - 1))
            else:
                index = np.asarray(left, np.intp)
            result.append(np.broadcast_to(index, self.shape))
        return tuple(result)


class Advanced(Lazy):
    """A selection with index arrays of a basic one."""

    __slots__ = ("_base", "_key")

    def __init__(self, base: Basic, key: Any):
        selection = numpy_selection(key, base.shape, _one_chunk(base.shape))
        super().__init__(base._array, selection.shape)
        self._base, self._key = base, key

    def __getitem__(self, selection: Any) -> Lazy:
        return Coordinates(self._array, tuple(index[self._key] for index in self._base.coordinates()), self.shape)[
            selection
        ]

    def _selected(self, handle: ArrayHandle) -> Plan | Selection:
        items = list(items_of(self._key, self._base.shape))
        return broadcast_selection(self._base._compose(items), handle.shape, handle.grid, place_of(items))


class Coordinates(Lazy):
    """Elements of an array by their coordinates: an index array of the selection's shape for each axis."""

    __slots__ = ("_indices",)

    def __init__(self, array: HasHandle, indices: tuple[np.ndarray, ...], shape: tuple[int, ...]):
        super().__init__(array, shape)
        self._indices = indices

    def __getitem__(self, selection: Any) -> Lazy:
        indices = tuple(np.asarray(index[selection]) for index in self._indices)
        shape = indices[0].shape if indices else np.empty(self.shape, "V0")[selection].shape
        return Coordinates(self._array, indices, shape)

    def _selected(self, handle: ArrayHandle) -> Plan | Selection:
        points = PointList(tuple(range(len(self._indices))), self._indices, self.shape, 0)
        items = [Item(axis, ARRAY, (index,), ()) for axis, index in enumerate(self._indices)]
        return select(items, (points,), handle.shape, handle.grid)


def whole(array: HasHandle) -> Basic:
    """Return the selection of a whole array."""
    axes = tuple(map(range, array._handle.shape))
    return Basic(array, axes, tuple(range(len(axes))), scalar=False)


def _one_chunk(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a chunk that holds all of an array; chunks are not empty."""
    return tuple(max(length, 1) for length in shape)


def _part(left: range, item: int | slice) -> int | range:
    """Return what an integer or a slice selects of a range. The step of a single element is 1."""
    part = left[item]
    return part if isinstance(part, int) or len(part) > 1 else range(part[0], part[0] + 1) if part else range(0)


def _slice(left: range) -> slice:
    """Return the slice that selects a range of a longer one."""
    return slice(left.start, left.stop if left.stop >= 0 else None, left.step) if left else slice(0, 0)


def _through(left: range, index: np.ndarray, axis: int) -> np.ndarray:
    """Return the elements of a range that an index array selects."""
    return left.start + left.step * wrapped(index, len(left), axis)


def _merged(items: list[Item], dropped: list[Item]) -> list[Item]:
    """Return the items for all axes of the array, in their order. Items that take no axis keep their places."""
    result: list[Item] = []
    for item in items:
        takes = bool(item.arrays) or isinstance(item.basic, (int, slice))
        while takes and dropped and dropped[0].axis < item.axis:
            result.append(dropped.pop(0))
        result.append(item)
    return result + dropped
