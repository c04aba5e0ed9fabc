"""Selections that are not read yet: `a.lazy[10:200, ::2]` is a value with a shape that is read on request.

Selections, transpositions and casts of it are such values too. Each is one selection of the array, and one read.
"""

import operator
from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike

from simplezarr.engine.memory.result_pool import empty
from simplezarr.indexing.composed import Composed, Span, whole
from simplezarr.indexing.selection import (
    Item,
    PointList,
    items_of,
    numpy_points,
    orthogonal_points,
    pointwise_points,
    select,
)
from simplezarr.nodes.operators import StoredValues
from simplezarr.nodes.properties import ReadOnly
from simplezarr.nodes.protocols import HasHandle
from simplezarr.nodes.token import array_token
from simplezarr.runtime import executor
from simplezarr.runtime.runs import assign
from simplezarr.transfer.copy_source import CopySource
from simplezarr.transfer.dispatch import write
from simplezarr.transfer.handle import ArrayHandle
from simplezarr.transfer.values import as_values, check_out

if TYPE_CHECKING:
    from simplezarr.runtime.executor import Future

__all__ = ["Lazy", "LazyIndex", "whole_lazy"]

#: Returns the arrays of a key's items as lists of points.
PointsOf = Callable[[Sequence[Item]], tuple[PointList, ...]]


class LazyIndex:
    """The value of `a.lazy`: indexing it gives a `Lazy` selection of the array."""

    __slots__ = ("_array",)

    def __init__(self, array: HasHandle):
        self._array = array

    if not TYPE_CHECKING:  # otherwise any name would pass the type checker

        def __getattr__(self, name: str) -> NoReturn:
            """Say what to write for what selections have, such as `a.lazy.transpose`."""
            remedy = f"; a.lazy[...] selects all: write a.lazy[...].{name}" if _is_public_name(name) else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{remedy}")

    def __getitem__(self, selection: Any) -> "Lazy":
        return whole_lazy(self._array)[selection]

    @property
    def oindex(self) -> "LazyIndexer":
        """Orthogonal indexing, lazily: each array or mask selects along its own axis."""
        return whole_lazy(self._array).oindex

    @property
    def vindex(self) -> "LazyIndexer":
        """Pointwise indexing, lazily: the arrays are coordinates of points."""
        return whole_lazy(self._array).vindex

    def __repr__(self) -> str:
        return f"<LazyIndex of {self._array!r}>"


class LazyIndexer:
    """A lazy selection, indexed in another way than NumPy's: `lazy.oindex` and `lazy.vindex`."""

    __slots__ = ("_lazy", "_points_of")

    def __init__(self, lazy: "Lazy", points_of: PointsOf):
        self._lazy, self._points_of = lazy, points_of

    def __getitem__(self, selection: Any) -> "Lazy":
        return self._lazy._selected_by(selection, self._points_of)

    def __repr__(self) -> str:
        return f"<LazyIndexer of {self._lazy!r}>"


class Lazy(StoredValues):
    """A selection of an array, of which nothing is read yet. Indexing `a.lazy` makes it; indexing it selects further.

    What is selected, transposed and cast in many steps is read at once, and each chunk is decoded once.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, data=[[1, 2], [9, 9]], dtype="u1", chunks=(1, 2))
    >>> part = a.lazy[::-1].T.oindex[:, [1, 0, 0]].astype("f4")
    >>> part.shape, part.dtype
    ((2, 3), dtype('float32'))
    >>> part.read()
    array([[1., 9., 9.],
           [2., 9., 9.]], dtype=float32)
    """

    __slots__ = ("_array", "_casts", "_composed", "_decoded", "_scalar")

    shape = ReadOnly[tuple[int, ...]]("_composed.shape", "select another part", "Length along each dimension.")

    def __init__(
        self,
        array: HasHandle,
        composed: Composed,
        decoded: np.dtype,
        casts: tuple[np.dtype, ...] = (),
        *,
        scalar: bool = False,
    ):
        """Select elements of an array.

        decoded: the data type that chunks are decoded to. casts: those to which the result is cast, one after another.
        scalar: whether reading gives a scalar.
        """
        self._array, self._composed, self._decoded, self._casts = array, composed, decoded, casts
        self._scalar = scalar

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """Data type of the elements that are read."""
        return self._casts[-1] if self._casts else self._decoded

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of the elements in memory."""
        return self.size * self.itemsize

    # ------------------------------------------------------------ selecting

    def __getitem__(self, selection: Any) -> "Lazy":
        return self._selected_by(selection, numpy_points)

    @property
    def oindex(self) -> LazyIndexer:
        """Orthogonal indexing, lazily: each array or mask selects along its own axis."""
        return LazyIndexer(self, orthogonal_points)

    @property
    def vindex(self) -> LazyIndexer:
        """Pointwise indexing, lazily: the arrays are coordinates of points, whose axes come first."""
        return LazyIndexer(self, pointwise_points)

    def _selected_by(self, key: Any, points_of: PointsOf) -> "Lazy":
        items = list(items_of(key, self.shape))
        points = points_of(items)
        plan = select(items, points, self.shape, tuple([max(length, 1) for length in self.shape]))  # checks the key
        composed = self._composed.selected(items, points)
        return Lazy(self._array, composed, self._decoded, self._casts, scalar=plan.scalar)

    def transpose(self, *axes: SupportsIndex | Sequence[SupportsIndex] | None) -> "Lazy":
        """Return the selection with its axes in another order, as `numpy.ndarray.transpose`.

        axes: the axes in their new order, as integers or as one sequence; by default the reverse order. Raise
        ValueError unless each axis is named once.

        >>> import simplezarr as sz
        >>> a = sz.create_array({}, shape=(2, 3, 4), dtype="u1")
        >>> a.lazy[...].transpose(1, 2, 0).shape
        (3, 4, 2)
        """
        composed = self._composed.transposed(_order(axes, self.ndim))
        return Lazy(self._array, composed, self._decoded, self._casts, scalar=self._scalar)

    @property
    def T(self) -> "Lazy":  # noqa: N802  # as NumPy has it
        """The selection with its axes in reverse order."""
        return self.transpose()

    def astype(self, dtype: DTypeLike) -> "Lazy":
        """Return the selection in another data type, as `numpy.ndarray.astype`; elements are cast when they are read.

        Casts of one kind of numbers, or to a wider kind, are made chunk by chunk. Others are made when all is read.
        Such a selection can only be read. Raise TypeError for a data type that NumPy does not cast to.

        >>> import simplezarr as sz
        >>> sz.create_array({}, data=[1.5, 2]).lazy[...].astype("i2").read()
        array([1, 2], dtype=int16)
        """
        given = np.dtype(dtype)
        if given.subdtype or (not given.itemsize and self.dtype.kind in "OT"):
            raise TypeError(f"astype: {given} is not the data type of an element; give one of a known size")
        cast = np.empty(0, self.dtype).astype(given).dtype  # raises if NumPy has no such cast
        decoded, casts = self._decoded, self._casts
        if cast == self.dtype:
            pass
        elif not casts and decoded == self._array._handle.dtype and _is_cast_by_chunk(decoded, cast):
            decoded = cast
        else:
            casts = (*casts, cast)
        return Lazy(self._array, self._composed, decoded, casts, scalar=self._scalar)

    # ------------------------------------------------------------ reading and writing

    def read(self, *, out: np.ndarray | None = None) -> Any:
        """Return the elements, in `out` if it is given; a scalar if NumPy gives one. Raise as `Array.read`."""
        handle, composed = self._array._handle, self._composed
        plan, shape = None, self.shape
        if self.size:
            plan = composed.of(handle.shape, handle.grid, scalar=self._scalar)
            shape = composed.shape_of(plan.shape)  # shorter if the array was cut off meanwhile
        into = out
        if out is not None:
            check_out(out, self.dtype, shape, handle.path)
        if into is None or self._casts or self._decoded not in (into.dtype, handle.dtype):
            into = empty(shape, self._decoded)
        if plan is not None:
            handle.transfer.read(plan, composed.view(into))
        if into is out:
            return out
        for dtype in self._casts:
            into = into.astype(dtype)
        if out is not None:
            assign(out, into)
            return out
        return into[()] if self._scalar else into

    def read_future(self, *, out: np.ndarray | None = None) -> "Future[Any]":
        """Return a Future of `read(out=out)`."""
        return executor.submit(self.read, out=out, width=executor.concurrency_for(self._array._handle.store))

    def write(self, value: Any) -> None:
        """Assign to the elements. Raise as `Array.write`, and TypeError for a selection that `astype` returned."""
        handle, composed = self._array._handle, self._composed
        handle.check_writable()
        if self.dtype != handle.dtype or self._casts:
            raise TypeError(f"{self!r} is cast, so it can only be read; write to the selection without astype")
        if not self.size:
            as_values(value, handle.dtype, self.shape)
            return
        plan = composed.of(handle.shape, handle.grid, scalar=self._scalar)
        if composed.dims != tuple(range(self.ndim)):
            value = composed.view(as_values(value, handle.dtype, composed.shape_of(plan.shape)))
        write(handle, plan, value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(f"{self!r} can't become a NumPy array without a copy")
        return np.asarray(self.read(), dtype)

    def __dask_tokenize__(self) -> tuple[object, ...]:
        """Return what tells the selection from others by its array and by what is selected. Nothing is read."""
        what = self._composed.shape, self._composed.axes, self._composed.points, self._scalar
        return "simplezarr.Lazy", array_token(self._array._handle), *what, self._decoded, self._casts

    def __copy_source__(self) -> CopySource:
        """Describe the selection as a value that is copied (see `transfer.array_copy`)."""
        handle = self._array._handle

        def read_part(key: Any, buffer: np.ndarray) -> np.ndarray:
            part = self[key]
            out = buffer[: part.size].reshape(part.shape)
            part.read(out=out)
            return out

        return CopySource(handle, self.shape, self.dtype, self._box(), self._periods(handle), read_part)

    def _box(self) -> list[range] | None:
        """Return what is selected along each axis of the array, if that is a box with the array's own axes."""
        parts = self._composed.axes
        box = [part.left for i, part in enumerate(parts) if isinstance(part, Span) and part.dim == i]
        simple = len(box) == len(parts) == self.ndim and all(left.step == 1 for left in box)
        return box if simple and self.dtype == self._array._handle.dtype else None

    def _periods(self, handle: ArrayHandle) -> tuple[int, ...] | None:
        """Return how many elements of a chunk follow each other along each axis; None with index arrays."""
        if self._composed.points:
            return None
        periods = [1] * self.ndim
        for part, chunk in zip(self._composed.axes, handle.chunks, strict=True):
            if isinstance(part, Span):
                periods[part.dim] = -(-chunk // abs(part.left.step))
        return tuple(periods)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d selection")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<Lazy {self.shape} {self.dtype} of {self._array!r}>"


def _is_public_name(name: str) -> bool:
    """Return whether lazy selections have such a public name."""
    return not name.startswith("_") and hasattr(Lazy, name)


def whole_lazy(array: HasHandle) -> Lazy:
    """Return the selection of a whole array."""
    handle = array._handle
    return Lazy(array, whole(handle.shape), handle.dtype)


def _is_cast_by_chunk(dtype: np.dtype, other: np.dtype) -> bool:
    """Return whether chunks are cast as they are decoded, as for an `out` of the other data type."""
    return dtype.kind in "biufc" and other.kind in "biufc" and np.can_cast(dtype, other, "same_kind")


def _order(axes: tuple[Any, ...], ndim: int) -> list[int]:
    """Return the order of axes that the arguments of `transpose` mean. Raise ValueError as NumPy."""
    if axes in ((), (None,)):
        return [*reversed(range(ndim))]
    if len(axes) == 1 and not hasattr(axes[0], "__index__"):
        axes = tuple(axes[0])
    order = [operator.index(axis) for axis in axes]
    np.empty((0,) * ndim).transpose(order)  # raises for what is not an order
    return [axis % ndim for axis in order]
