"""Boxes of one shape, read into many arrays without a Python object for each of them."""

import numpy as np

from simplezarr.engine.chunks.moves import converts
from simplezarr.transfer.handle import ArrayHandle
from simplezarr.transfer.protocol import Boxes, Conversion, Places
from simplezarr.transfer.values import check_out

__all__ = ["Boxes", "Conversion", "Places", "read_boxes"]


def read_boxes(
    handle: ArrayHandle, boxes: Boxes, places: Places, conversion: Conversion | None = None, *, threads: int = 0
) -> None:
    """Decode boxes of an array into their places, and each chunk that they touch once.

    Without a conversion, elements are cast to the data type of the places as NumPy's assignment does. If several boxes
    have one place, the result is that of any of them.

    threads: the most threads that work on it, with 1 the caller alone; 0: as many as any other read has.

    Raise IndexError for boxes outside the array and for places that do not exist, ValueError and TypeError for arrays
    and conversions that do not fit. Otherwise raise as `read_many`.
    """
    _check_boxes(handle, boxes)
    if conversion is not None:
        _check_conversion(handle, boxes, conversion)
    _check_places(handle, boxes, places, handle.dtype if conversion is None else np.dtype(conversion.dtype))
    if len(boxes.starts) and 0 not in boxes.shape:
        handle.transfer.read_boxes(boxes, places, conversion, threads)


def _check_boxes(handle: ArrayHandle, boxes: Boxes) -> None:
    starts, ndim = boxes.starts, len(handle.shape)
    if (
        starts.dtype != np.intp
        or starts.shape[1:] != (ndim,)
        or len(boxes.shape) != ndim
        or not starts.flags.c_contiguous
    ):
        wrong = f"starts are {starts.dtype} of shape {starts.shape}, boxes of shape {boxes.shape}"
        raise ValueError(f"array {handle.name}: {wrong}; use contiguous intp of shape (boxes, {ndim})")
    if any(_is_outside(starts[:, d], boxes.shape[d], n) for d, n in enumerate(handle.shape)):
        i = np.flatnonzero(((starts < 0) | (starts + boxes.shape > handle.shape)).any(axis=1))[0]
        wrong = f"box {i} begins at {tuple(starts[i].tolist())} and has shape {boxes.shape}"
        raise IndexError(f"array {handle.name}: {wrong}, but the array has {handle.shape}")


def _is_outside(begins: np.ndarray, length: int, n: int) -> bool:
    """Return whether a box of this length begins before the first of n elements, or ends behind the last."""
    return bool(len(begins)) and bool(begins.min() < 0 or begins.max() > n - length)


def _check_conversion(handle: ArrayHandle, boxes: Boxes, conversion: Conversion) -> None:
    dtype, axis = np.dtype(conversion.dtype), conversion.axis
    if not converts(handle.dtype, dtype):
        wrong = f"{handle.dtype} can't be converted to {dtype}"
        raise TypeError(f"array {handle.name}: {wrong}; numbers become float16, bfloat16, float32 or float64")
    shapes = {np.shape(conversion.scale), np.shape(conversion.offset)} - {()}
    if axis is not None and not 0 <= axis < len(boxes.shape):
        wrong = f"axis {axis} of a conversion is not one of boxes of shape {boxes.shape}"
        raise ValueError(f"array {handle.name}: {wrong}; use 0 to {len(boxes.shape) - 1}")
    wanted = set() if axis is None else {boxes.shape[axis : axis + 1]}
    if not shapes <= wanted:
        wrong = f"scale and offset have shapes {np.shape(conversion.scale)} and {np.shape(conversion.offset)}"
        remedy = "give an axis" if axis is None else f"boxes have {boxes.shape[axis]} elements along axis {axis}"
        raise ValueError(f"array {handle.name}: {wrong}; {remedy}")


def _check_places(handle: ArrayHandle, boxes: Boxes, places: Places, dtype: np.dtype) -> None:
    outs, n = places.outs, len(boxes.starts)
    if places.out.shape != (n,) or places.row.shape != (n,):
        wrong = f"{n} boxes have places of shapes {places.out.shape} and {places.row.shape}"
        raise ValueError(f"array {handle.name}: {wrong}; give each box one")
    alike = _are_alike(outs)
    for out in outs[:1] if alike else outs:
        check_out(out, dtype, (*np.shape(out)[:1], *boxes.shape), handle.path)
    if n == 0:
        return
    low, high = int(places.row.min()), int(places.row.max())
    inside = places.out.min() >= 0 and places.out.max() < len(outs) and low >= 0
    if inside and (not alike or high >= len(outs[0])):
        inside = bool((places.row < np.array([len(out) for out in outs], np.intp)[places.out]).all())
    if not inside:
        raise IndexError(f"array {handle.name}: a box has a place outside the {len(outs)} arrays that it may go to")
    first = places.first()
    if dtype != handle.dtype and first.dtype != dtype:
        raise TypeError(f"array {handle.name}: the places are {first.dtype}; a conversion to {dtype} needs that")
    if not alike and any(out.dtype != first.dtype or (len(out) and _steps(out) != _steps(first)) for out in outs):
        raise ValueError(f"array {handle.name}: the places differ in data type or strides; make them alike")


def _are_alike(outs: list[np.ndarray]) -> bool:
    """Return whether all are arrays with the shape, strides and data type of the first, and writable."""
    if not outs or type(outs[0]) is not np.ndarray:
        return False
    shape, strides, dtype = outs[0].shape, outs[0].strides, outs[0].dtype
    return all(
        type(out) is np.ndarray
        and out.shape == shape
        and out.strides == strides
        and out.dtype is dtype
        and out.flags.writeable
        for out in outs
    )


def _steps(out: np.ndarray) -> list[int]:
    """Return the strides along the axes of a box, except those that have one element at most."""
    return [step for step, n in zip(out.strides[1:], out.shape[1:], strict=True) if n > 1]
