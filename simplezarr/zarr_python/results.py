"""Memory for what zarr-python reads: that of results that are gone, which costs no page faults.

zarr-python allocates new memory for each result. Of a large one the system hands out the pages as they are first
written, which takes longer than the copying. This library keeps the memory of its own results for the next ones.
"""

import sys
from typing import Any

import numpy as np

from simplezarr.engine.memory.result_pool import empty
from simplezarr.zarr_python.protocols import NDBuffer, host_array

__all__ = ["result_of"]

_LARGE = 128 << 10  # bytes; less comes from memory that the process has in any case
_KINDS = "biufcmMSUV"  # elements without Python objects or memory of their own


class _Fresh:
    """What a buffer of zarr-python is as soon as it is made: nothing else refers to its array."""

    def __init__(self) -> None:
        self._data: Any = np.empty(1)

    def as_ndarray_like(self) -> Any:
        return self._data


def _references(buffer: NDBuffer) -> int:
    """Return how many references the array of a buffer has, including those of this call."""
    array = buffer.as_ndarray_like()
    return sys.getrefcount(array)


_ALONE = _references(_Fresh())


def result_of(buffer: NDBuffer) -> np.ndarray:
    """Return the array of a buffer whose elements are all to be replaced.

    If only the buffer refers to that array, so nobody can tell, it becomes one of this library's. An array that a
    caller gave, or of which there are views, stays. Raise NotServedError if it is not in the memory of the host.
    """
    array = host_array(buffer)
    if array.nbytes < _LARGE or array.dtype.kind not in _KINDS or array.dtype.hasobject:
        return array
    if not (array.flags.owndata and array.flags.c_contiguous and getattr(buffer, "_data", None) is array):
        return array
    shape, dtype = array.shape, array.dtype
    del array
    if _references(buffer) > _ALONE:
        return host_array(buffer)
    made = empty(shape, dtype)
    buffer._data = made  # type: ignore[attr-defined]  # zarr-python has no other way
    return made
