"""What the user gives: values to assign, as NumPy's assignment takes them, and arrays to read into; checked first."""

from typing import Any

import numpy as np

__all__ = ["as_values", "check_out", "source_of"]

#: Python objects of which NumPy makes elements of the array's own data type, with errors for what does not fit in it;
#: all else, as arrays and NumPy's scalars, has a data type of its own and is cast.
_PLAIN = (bool, int, float, complex, str, bytes, list, tuple)
_SMALL = 64 << 10  # bytes: such values are cast at once, larger ones chunk by chunk


def as_values(
    value: Any, dtype: np.dtype, shape: tuple[int, ...], *, element: bool = False, now: bool = False
) -> np.ndarray:
    """A view of `shape` of the value, in `dtype` or one that is still to be cast to it; large arrays are not copied.

    element: integers select one element, for which NumPy takes other values than for a part of shape (). now: nothing
    is left to be cast.

    Raises ValueError where the value can't be broadcast to the shape, and what NumPy raises for values that the data
    type can't hold.

    >>> as_values([1, 2], np.dtype("uint8"), (2, 2))
    array([[1, 2],
           [1, 2]], dtype=uint8)
    >>> as_values([300], np.dtype("uint8"), ())
    Traceback (most recent call last):
        ...
    OverflowError: Python integer 300 out of bounds for uint8
    """
    if element:
        single = np.empty((), dtype)
        single[()] = value
        return single
    array = np.asarray(value, dtype) if isinstance(value, _PLAIN) and not isinstance(value, np.generic) else value
    array = np.asarray(array)
    view = _broadcast(array, shape)
    if array.dtype == dtype:
        return view
    np.empty(0, dtype)[...] = np.empty(0, array.dtype)  # raises where NumPy knows no cast, and warns where it does
    if array.dtype.kind == "c" and dtype.kind in "iuf":
        array, view = array.real, view.real  # one warning is enough
    if array.nbytes > _SMALL and not now:
        return view
    cast = np.empty(array.shape, dtype)
    cast[...] = array
    return _broadcast(cast, shape)


def source_of(value: Any) -> Any:
    """The lazy selection that a value is, or that stands for all of a stored array; None for any other value."""
    return getattr(value, "_copied", None)


def check_out(out: Any, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Raise unless `out` is a writable array of this data type and shape."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array, not {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"out is {out.dtype} of shape {out.shape}, but {dtype} of shape {shape} is selected")
    if not out.flags.writeable:
        raise ValueError("out is read-only")


def _broadcast(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    extra = array.ndim - len(shape)
    if extra > 0 and array.shape[:extra] == (1,) * extra:
        array = array.reshape(array.shape[extra:])
    if array.shape == shape:
        return array
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        given, wanted = (str(lengths).replace(" ", "") for lengths in (array.shape, shape))
        raise ValueError(f"could not broadcast input array from shape {given} into shape {wanted}") from None
