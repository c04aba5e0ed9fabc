"""Values that are stored themselves: an array, or a lazy selection of one, which can be copied part by part."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from simplezarr.transfer.handle import ArrayHandle

__all__ = ["CopySource", "copy_source"]


@dataclass(frozen=True, slots=True)
class CopySource:
    """A stored array, or a selection of one, as a value to be copied.

    handle: the array that its elements are of. box: what is selected along each axis of the array, if that is a box
    with the array's own axes. periods: how many elements of a chunk follow each other along each axis of the value,
    unless it has index arrays. read: reads what a key selects of the value into a flat buffer, and returns it in shape.
    """

    handle: ArrayHandle
    shape: tuple[int, ...]
    box: list[range] | None
    periods: tuple[int, ...] | None
    read: Callable[[tuple[Any, ...], np.ndarray], np.ndarray]

    @property
    def nbytes(self) -> int:
        """Bytes of the elements in memory."""
        return prod(self.shape) * self.handle.dtype.itemsize

    @property
    def is_whole(self) -> bool:
        """Whether the value is the array as it is."""
        return self.box == [range(length) for length in self.handle.shape]


def copy_source(value: object) -> CopySource | None:
    """Return what a value is a copy of; None if it is not stored."""
    describe = getattr(type(value), "__copy_source__", None)
    if describe is None:
        return None
    source: CopySource = describe(value)
    return source
