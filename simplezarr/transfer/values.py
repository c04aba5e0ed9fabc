"""Check what callers pass: values to assign, as NumPy's assignment takes them, and arrays to read into."""

from typing import Any

import numpy as np

from simplezarr.runtime.runs import runs
from simplezarr.transfer.array_like import to_numpy

__all__ = ["as_array", "as_values", "check_out", "check_text"]

#: Python objects that NumPy converts to the array's own data type, with errors for those that do not fit. All others,
#: such as arrays and NumPy's scalars, have a data type of their own and are cast.
_PLAIN = (bool, int, float, complex, str, bytes, list, tuple)
_TEXT = "TUSOV"  # kinds of data types that are text or bytes, or have fields that may be
_SMALL = 64 << 10  # bytes of values that are cast at once; larger ones are cast chunk by chunk


def as_values(
    value: Any, dtype: np.dtype, shape: tuple[int, ...], *, element: bool = False, now: bool = False
) -> np.ndarray:
    """Return a view of the value that has `shape`, in `dtype` or in one that is still to be cast to it.

    Large arrays are not copied. element: integers select one element, for which NumPy takes other values than for a
    part of shape (). now: cast also large arrays.

    Raise ValueError if the value can't be broadcast to the shape, and what NumPy raises for values that the data type
    can't hold.

    >>> as_values([1, 2], np.dtype("uint8"), (2, 2))
    array([[1, 2],
           [1, 2]], dtype=uint8)
    >>> as_values([300], np.dtype("uint8"), ())
    Traceback (most recent call last):
        ...
    OverflowError: Python integer 300 out of bounds for uint8
    """
    if element:
        check_text(value, dtype)
        single = np.empty((), dtype)
        single[()] = value
        return single
    array = value if type(value) is np.ndarray and dtype.kind not in _TEXT else as_array(value, dtype)
    view = _broadcast(array, shape)
    if array.dtype == dtype:
        return view
    np.empty(0, dtype)[...] = np.empty(0, array.dtype)  # raises if NumPy has no such cast, and warns of loss
    if array.dtype.kind == "c" and dtype.kind in "iuf":
        array, view = array.real, view.real  # one warning is enough
    if array.nbytes > _SMALL and not now:
        return view
    cast = np.empty(array.shape, dtype)
    cast[...] = array
    return _broadcast(cast, shape)


def as_array(value: Any, dtype: np.dtype, where: str = "value") -> np.ndarray:
    """Return a value for elements of `dtype` as an array, in its own data type if it has one.

    Raise what NumPy raises for Python objects that the data type can't hold, and TypeError as `check_text`.
    """
    if isinstance(value, _PLAIN) and not isinstance(value, np.generic):
        check_text(value, dtype, where)
        return np.asarray(value, dtype)
    array = to_numpy(value, where)
    check_text(array, dtype, where)
    return array


def check_text(value: Any, dtype: np.dtype, where: str = "value") -> None:
    """Raise TypeError for the first element that would become text or bytes and is neither.

    NumPy would assign `str(element)`.

    >>> check_text(["x", None], np.dtypes.StringDType())
    Traceback (most recent call last):
        ...
    TypeError: value[1]: None of type NoneType is neither text nor bytes; replace it, or convert it with str
    """
    if dtype.kind not in _TEXT or isinstance(value, bytes if dtype.kind == "O" else (str, bytes)):
        return
    if dtype.kind == "V" and not dtype.names and not dtype.subdtype:
        return
    if isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject and value.dtype.kind != "T":
        _check_kind(np.asarray(value), dtype, where)
    elif isinstance(value, np.ndarray):
        _check_objects(value, dtype, where)
    elif isinstance(value, tuple) and dtype.names and len(value) == len(dtype.names):
        for name, part in zip(dtype.names, value, strict=True):
            check_text(part, dtype[name], f"{where}[{name!r}]")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            check_text(item, dtype, f"{where}[{i}]")
    elif dtype.subdtype:
        check_text(value, dtype.base, where)
    elif dtype.names:
        for name in dtype.names:
            check_text(value, dtype[name], where)
    elif not hasattr(value, "__array__"):
        raise _no_text(value, dtype, where)


def _check_objects(array: np.ndarray, dtype: np.dtype, where: str) -> None:
    """Check the elements of an array of objects, or of text with missing elements."""
    if array.dtype.names or (array.dtype.kind == "T" and dtype.kind != "O" and not hasattr(array.dtype, "na_object")):
        return
    taken = bytes if dtype.kind == "O" else (str, bytes)
    i = 0
    for index in runs(array.shape):
        for item in array[index].reshape(-1).tolist():
            if not isinstance(item, taken):
                place = f"{where}[{', '.join(map(str, np.unravel_index(i, array.shape)))}]"
                if isinstance(item, (list, tuple, np.ndarray)) and not (dtype.names or dtype.subdtype):
                    raise _no_text(item, dtype, place)  # one element, of whose parts NumPy would make one text
                check_text(item, dtype, place)
            i += 1


def _check_kind(array: np.ndarray, dtype: np.dtype, where: str) -> None:
    """Check an array without objects, of which all elements are of one kind."""
    if dtype.names:
        fields = array.dtype.names or ()
        for i, name in enumerate(dtype.names):
            part = array[fields[i]] if len(fields) == len(dtype.names) else array  # NumPy goes by position
            check_text(part, dtype[name], f"{where}[{name!r}]")
    elif array.size and array.dtype.kind not in ("SV" if dtype.kind == "O" else "USTV") and dtype.base.kind in "TUSO":
        place = f"[{', '.join(['0'] * array.ndim)}]" if array.ndim else ""
        raise _no_text(array.reshape(-1)[0], dtype, f"{where}{place}")


def _no_text(value: object, dtype: np.dtype, where: str) -> TypeError:
    shown = f"{where}: {value!r} of type {type(value).__name__.rstrip('_')} is"
    if dtype.kind == "O":
        return TypeError(f'{shown} not bytes; encode it, or create the array with dtype="string"')
    return TypeError(f"{shown} neither text nor bytes; replace it, or convert it with str")


def check_out(out: Any, dtype: np.dtype, shape: tuple[int, ...], path: str) -> None:
    """Raise unless elements of `dtype` can be read into `out`: a writable array of this shape.

    A transfer casts them to its data type. path: that of the array. Raise TypeError for a data type to which NumPy does
    not cast with casting="same_kind", otherwise ValueError.

    >>> check_out(np.empty(2, "f4"), np.dtype("f8"), (2,), "x")
    >>> check_out(np.empty(2, "i4"), np.dtype("f8"), (2,), "x")
    Traceback (most recent call last):
        ...
    TypeError: array /x: Cannot cast array data from dtype('float64') to dtype('int32') according to the rule \
'same_kind'; let out be of dtype float64, or assign what is read to it: out[...] = array[selection]
    """
    if not isinstance(out, np.ndarray):
        wrong = f"out must be a NumPy array, not {type(out).__name__}"
        raise TypeError(f"array /{path}: {wrong}; use np.empty(shape, dtype)")
    if out.shape != shape:
        wrong = f"out is of shape {out.shape}, but {shape} is selected"
        raise ValueError(f"array /{path}: {wrong}; use np.empty({shape}, dtype)")
    if not out.flags.writeable:
        raise ValueError(f"array /{path}: out is read-only; pass a copy of it")
    if out.dtype != dtype:
        try:
            np.copyto(np.empty(0, out.dtype), np.empty(0, dtype), casting="same_kind")
        except TypeError as error:
            remedy = f"let out be of dtype {dtype}, or assign what is read to it: out[...] = array[selection]"
            raise TypeError(f"array /{path}: {error}; {remedy}") from None


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
