"""Arrays that are not NumPy's, such as datasets of HDF5 files, and the NumPy arrays that values mean."""

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["is_array_like", "read_part", "to_numpy"]


def is_array_like(value: Any) -> bool:
    """Return whether a value is an array that is read part by part: it has a shape, a NumPy dtype and `[]`.

    Objects of pandas are not, because `[]` takes labels there.

    >>> is_array_like(np.zeros(2)), is_array_like(memoryview(b"1")), is_array_like([1, 2])
    (False, False, False)
    """
    return (
        not isinstance(value, (np.ndarray, np.generic))
        and isinstance(getattr(value, "shape", None), tuple)
        and isinstance(getattr(value, "dtype", None), np.dtype)
        and hasattr(type(value), "__getitem__")
        and not hasattr(value, "iloc")
    )


def read_part(value: Any, key: tuple[slice, ...]) -> np.ndarray:
    """Return a part of an array-like as a NumPy array. Raise TypeError if it does not have the part's shape."""
    part = np.asarray(value[key])
    shape = tuple([len(range(*along.indices(length))) for along, length in zip(key, value.shape, strict=True)])
    if part.shape != shape:
        raise TypeError(
            f"{type(value).__name__}: a part of shape {shape} is not an array of that shape, but {part.shape}; "
            "convert the value to a NumPy array"
        )
    return part


def to_numpy(value: Any, where: str = "value") -> np.ndarray:
    """Return a value as a NumPy array. Raise TypeError for an iterator.

    >>> to_numpy(iter([1]), "data")
    Traceback (most recent call last):
        ...
    TypeError: data: list_iterator has no shape; append its parts one by one:
        a = simplezarr.create_array(store, shape=(0, ...), dtype=...)
        for part in data: a.append(part)
    """
    if is_array_like(value):
        return read_part(value, (slice(None),) * len(value.shape))
    if isinstance(value, Iterator) and not hasattr(value, "__array__"):
        raise TypeError(
            f"{where}: {type(value).__name__} has no shape; append its parts one by one:\n"
            "    a = simplezarr.create_array(store, shape=(0, ...), dtype=...)\n"
            f"    for part in {where}: a.append(part)"
        )
    return np.asarray(value)
