"""Values that are copied part by part: a stored array, a lazy selection of one, or an array-like."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from simplezarr.transfer.array_like import is_array_like, read_part
from simplezarr.transfer.handle import ArrayHandle

__all__ = ["CopySource", "copy_source"]


@dataclass(frozen=True, slots=True)
class CopySource:
    """A stored array, a selection of one, or an array-like, as a value to be copied.

    handle: the array that its elements are of; None for an array-like. box: what is selected along each axis
    of the array, if that is a box with the array's own axes. periods: how many elements of a chunk follow each other
    along each axis of the value, unless it has index arrays. read: reads what a key selects of the value into a flat
    buffer, and returns it in shape; that of an array-like returns its own array.
    """

    handle: ArrayHandle | None
    shape: tuple[int, ...]
    dtype: np.dtype
    box: list[range] | None
    periods: tuple[int, ...] | None
    read: Callable[[tuple[Any, ...], np.ndarray], np.ndarray]

    @property
    def nbytes(self) -> int:
        """Bytes of the elements in memory."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def is_whole(self) -> bool:
        """Whether the value is the array as it is."""
        return self.handle is not None and self.box == [range(length) for length in self.handle.shape]


def copy_source(value: object) -> CopySource | None:
    """Return how a value is copied part by part; None if it is in memory or is to be read as a whole."""
    describe = getattr(type(value), "__copy_source__", None)
    if describe is not None:
        source: CopySource = describe(value)
        return source
    return _of_array_like(value) if is_array_like(value) else None


def _of_array_like(value: Any) -> CopySource | None:
    """Return the source that an array-like is; None for one of objects, whose data type depends on all elements."""
    if value.dtype.hasobject:
        return None
    chunks = getattr(value, "chunks", None)
    ndim = len(value.shape)
    regular = isinstance(chunks, tuple) and len(chunks) == ndim and all(type(n) is int and n > 0 for n in chunks)
    periods = chunks if regular else (1,) * ndim
    return CopySource(None, value.shape, value.dtype, None, periods, lambda key, _: read_part(value, key[:ndim]))
