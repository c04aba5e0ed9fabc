"""Selections with index arrays: NumPy's, orthogonal and pointwise keys.

A `Selection` is a basic selection of some axes, times lists of points on the others. The three ways of indexing differ
only in which arrays belong to one list, and in where its axes stand in the result.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.schema.limits import MAX_NDIM

__all__ = [
    "ARRAY",
    "Item",
    "PointList",
    "Selection",
    "expanded",
    "items_of",
    "numpy_points",
    "numpy_selection",
    "orthogonal_points",
    "orthogonal_selection",
    "pointwise_points",
    "pointwise_selection",
    "select",
    "split_fields",
    "wrapped",
]

_LAST = np.uint64(np.iinfo(np.intp).max)
WANTED = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are valid "
    "indices"
)


class PointList(NamedTuple):
    """A list of points on some axes of an array."""

    axes: tuple[int, ...]
    indices: tuple[np.ndarray, ...]  # for each axis; they broadcast to `shape`
    shape: tuple[int, ...]  # of what they become in the result
    at: int  # axes of the result in front of theirs that come from slices and None


class Selection(NamedTuple):
    """A basic selection times lists of points."""

    plan: Plan  # over stored objects; axes with points are placeholders
    points: tuple[PointList, ...]
    of: tuple[int, ...]  # shape of the array
    shape: tuple[int, ...]  # of the result
    scalar: bool = False  # NumPy gives scalars for basic selections only

    def lists(self) -> list[tuple[tuple[int, ...], list[np.ndarray], int, tuple[int, ...]]]:
        """Return each list of points as `RegionTable.select` takes it."""
        before, result = 0, []
        for points in self.points:
            axes = tuple(range(points.at + before, points.at + before + len(points.shape)))
            flat = [np.broadcast_to(index, points.shape).reshape(-1) for index in points.indices]
            result.append((points.axes, flat, int(np.prod(points.shape, dtype=np.intp)), axes))
            before += len(points.shape)
        return result


class Item(NamedTuple):
    """One item of a key: a basic one, or arrays for the axes that it takes."""

    axis: int
    basic: Any
    arrays: tuple[np.ndarray, ...]
    shape: tuple[int, ...]


def numpy_selection(key: Any, shape: tuple[int, ...], stored: tuple[int, ...]) -> Selection | Plan:
    """Return the selection of a NumPy key: all arrays are broadcast together, and are one list.

    Its axes take the place of the arrays if these (and integers) stand side by side; otherwise they come first. Raise
    IndexError as NumPy.

    >>> selection = numpy_selection((slice(0, 2), [1, -1, 0]), (5, 4), (5, 4))
    >>> selection.shape
    (2, 3)
    """
    items = list(items_of(key, shape))
    return select(items, numpy_points(items), shape, stored)


def pointwise_selection(key: Any, shape: tuple[int, ...], stored: tuple[int, ...]) -> Selection | Plan:
    """Return the selection of a pointwise key: as NumPy's, but the axes of the points always come first.

    >>> pointwise_selection((slice(0, 2), [1, -1, 0]), (5, 4), (5, 4)).shape
    (3, 2)
    """
    items = list(items_of(key, shape))
    return select(items, pointwise_points(items), shape, stored)


def orthogonal_selection(key: Any, shape: tuple[int, ...], stored: tuple[int, ...]) -> Selection | Plan:
    """Return the selection of an orthogonal key: each array selects along its own axis, as slices do.

    A mask selects along all axes that it covers.

    >>> orthogonal_selection(([0, 2], [True, False, True, True]), (5, 4), (5, 4)).shape
    (2, 3)
    """
    items = list(items_of(key, shape))
    return select(items, orthogonal_points(items), shape, stored)


# ---------------------------------------------------------------- keys


def split_fields(dtype: np.dtype, key: Any) -> tuple[str | list[str] | None, Any]:
    """Split a key into the fields of records that it names, if it does, and the rest.

    A name stands alone or among the items of a tuple, as zarr-python has it; several, or a list of names, select
    several fields. Raise ValueError for a name that is not a field's, KeyError for one in a list, as NumPy.

    >>> split_fields(np.dtype([("x", "f4"), ("y", "i2")]), ("y", slice(0, 2)))
    ('y', (slice(0, 2, None),))
    """
    if dtype.names is None:
        return None, key
    fields: list[str] = []
    rest = []
    is_list = False
    for item in key if isinstance(key, tuple) else (key,):
        if isinstance(item, str):
            fields.append(str.__str__(item))
        elif isinstance(item, list) and item and all(isinstance(name, str) for name in item):
            fields += map(str.__str__, item)
            is_list = True
        else:
            rest.append(item)
    if not fields:
        return None, key
    for name in fields:
        if name not in dtype.names:
            known = f"no field of name {name!r}; there are {', '.join(map(repr, dtype.names))}"
            raise KeyError(known) if is_list else ValueError(known)
    return fields if is_list or len(fields) > 1 else fields[0], tuple(rest) if rest else ...


ARRAY = object()  # the basic part of an item with arrays


def items_of(key: Any, shape: tuple[int, ...]) -> Iterator[Item]:
    """Yield the items of a key with their first axis of the array. Raise IndexError for items that NumPy refuses."""
    axis = 0
    items = [_converted(item) for item in (key if isinstance(key, tuple) else (key,))]
    for item in expanded(items, len(shape)):
        if isinstance(item, np.ndarray):
            mask = item.dtype == np.bool_
            arrays = _nonzero(item, axis, shape) if mask else (_as_intp(item, axis, shape),)
            yield Item(axis, ARRAY, arrays, arrays[0].shape if arrays else (int(item),))
        else:
            yield Item(axis, item, (), ())
        axis += _width(item)


def _as_intp(item: np.ndarray, axis: int, shape: tuple[int, ...]) -> np.ndarray:
    if item.dtype.kind == "u" and item.dtype.itemsize == np.dtype(np.intp).itemsize and (item > _LAST).any():
        wrong = item[item > _LAST][0]  # as a signed integer it would count from the end
        raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {shape[axis]}")
    return item.astype(np.intp, copy=False)


def _converted(item: Any) -> Any:
    """Return a basic item as it is (0-d integer arrays as integers), others as arrays of integers or booleans."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    if isinstance(item, (bool, np.bool_)):
        return np.asarray(item)
    if not isinstance(item, np.ndarray):
        if hasattr(item, "__index__") and not hasattr(item, "__array__"):
            return item.__index__()
        if isinstance(item, (str, bytes)):
            raise IndexError(f"{WANTED}, not {item!r}")
        array = np.asarray(item)
        if array.size == 0 and array.ndim:
            array = array.astype(np.intp)
        elif array.dtype.kind not in "biu":
            raise IndexError(f"{WANTED}, not {item!r}")
        item = array
    if item.dtype.kind not in "biu":
        raise IndexError(f"arrays used as indices must be of integer (or boolean) type, not {item.dtype}")
    return int(item) if item.ndim == 0 and item.dtype.kind != "b" else item


def expanded(items: Sequence[Any], ndim: int) -> list[Any]:
    """Return items for all axes: slices in place of an ellipsis, or at the end.

    An ellipsis that stands for no axis is kept, because it separates index arrays.
    """
    used = sum(_width(item) for item in items)
    if used > ndim:
        raise IndexError(f"too many indices for array: array is {ndim}-dimensional, but {used} were indexed")
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    missing: list[Any] = [slice(None)] * (ndim - used)
    if not dots:
        return [*items, *missing]
    return [*items[: dots[0]], *(missing or [Ellipsis]), *items[dots[0] + 1 :]]


def _width(item: Any) -> int:
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if isinstance(item, np.ndarray) and item.dtype == np.bool_ else 1


def _nonzero(mask: np.ndarray, axis: int, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    for i, length in enumerate(mask.shape):
        if length not in (0, shape[axis + i]):  # an axis without booleans selects nothing, of any axis
            raise IndexError(
                f"boolean index did not match indexed array along axis {axis + i}; size of axis is "
                f"{shape[axis + i]} but size of corresponding boolean axis is {length}"
            )
    if mask.ndim < 2:
        return mask.nonzero() if mask.ndim else ()
    return np.unravel_index(np.flatnonzero(mask), mask.shape)  # as mask.nonzero(), in a quarter of the time


def wrapped(index: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Return an index array counted from the front. Raise IndexError for indices that the axis does not have.

    >>> wrapped(np.array([0, -1]), 5, 0)
    array([0, 4])
    """
    wrong = (index < -length) | (index >= length)
    if wrong.any():
        raise IndexError(f"index {index[wrong][0]} is out of bounds for axis {axis} with size {length}")
    return np.where(index < 0, index + length, index)


# ---------------------------------------------------------------- selections


def numpy_points(items: Sequence[Item]) -> tuple[PointList, ...]:
    """Return the arrays of a NumPy key as lists of points. Raise IndexError if they can't be broadcast together."""
    return _broadcast_points(items, _place_of(items))


def pointwise_points(items: Sequence[Item]) -> tuple[PointList, ...]:
    """Return the arrays of a pointwise key as lists of points. Raise IndexError as `numpy_points`."""
    return _broadcast_points(items, 0)


def orthogonal_points(items: Sequence[Item]) -> tuple[PointList, ...]:
    """Return each array of an orthogonal key as a list of points. Raise IndexError for arrays of more dimensions."""
    points, at = [], 0
    for item in items:
        if item.basic is not ARRAY:
            at += item.basic is None or isinstance(item.basic, slice)
        elif len(item.shape) != 1:
            raise IndexError(
                f"an index array with {len(item.shape)} dimensions: orthogonal indexing takes one-dimensional ones"
            )
        else:
            axes = tuple(range(item.axis, item.axis + len(item.arrays)))
            points.append(PointList(axes, item.arrays, item.shape, at))
    return tuple(points)


def _place_of(items: Sequence[Item]) -> int:
    """Return how many axes of NumPy's result come before those of the arrays."""
    advanced = [i for i, item in enumerate(items) if item.basic is ARRAY or isinstance(item.basic, int)]
    if not advanced or advanced[-1] - advanced[0] >= len(advanced):
        return 0
    return sum(item.basic is not Ellipsis for item in items[: advanced[0]])


def _broadcast_points(items: Sequence[Item], at: int) -> tuple[PointList, ...]:
    """Return all arrays as one list, whose axes come after `at` others.

    Arrays as `numpy.ix_` makes them are a list each. Raise IndexError if they can't be broadcast together.
    """
    listed = [item for item in items if item.basic is ARRAY]
    try:
        common = np.broadcast_shapes(*(item.shape for item in listed))
    except ValueError:
        shapes = " ".join(str(item.shape) for item in listed)
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {shapes}"
        ) from None
    if is_outer(listed, common):
        each = [PointList((item.axis,), (item.arrays[0].reshape(-1),), (item.arrays[0].size,), at) for item in listed]
        return tuple(each)
    axes = tuple(item.axis + i for item in listed for i in range(len(item.arrays)))
    arrays = tuple(array for item in listed for array in item.arrays)
    return (PointList(axes, arrays, common, at),) if listed else ()


def is_outer(listed: Sequence[Item], common: tuple[int, ...]) -> bool:
    """Return whether each array goes along an axis of its own, as those of `numpy.ix_`: the points are a product.

    Without any point it is not one list each, because NumPy then does not check the indices.
    """
    n = len(common)
    return (
        len(listed) == n > 1
        and 0 not in common
        and all(len(item.arrays) == 1 for item in listed)
        and all((1,) * (n - len(item.shape)) + item.shape == outer_shape(common, k) for k, item in enumerate(listed))
    )


def outer_shape(common: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple([n if k == axis else 1 for k, n in enumerate(common)])


def select(
    items: Sequence[Item], points: tuple[PointList, ...], shape: tuple[int, ...], stored: tuple[int, ...]
) -> Selection | Plan:
    """Return the basic items, which with the points cover all axes in order, times the points."""
    key: list[Any] = []
    base = list(shape)
    for item in items:
        if item.basic is not ARRAY:
            key.append(item.basic)
        for axis in range(item.axis, item.axis + len(item.arrays)):
            key.append(0)
            base[axis] = 1
    plan = Plan(tuple(key), tuple(base), stored)
    if not points:
        return plan
    result: list[int] = list(plan.shape)
    for group in reversed(points):
        result[group.at : group.at] = group.shape
    if len(result) > MAX_NDIM:
        raise IndexError(
            f"number of dimensions must be within [0, {MAX_NDIM}], indexing result would have {len(result)}"
        )
    return Selection(plan, points, shape, tuple(result))
