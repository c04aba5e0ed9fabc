"""The ring of batches: those that are being filled, and memory of delivered ones that nobody uses any more."""

import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from simplezarr.engine.memory.result_pool import empty
from simplezarr.loader.fields import Field

__all__ = ["Allocate", "Ring"]

#: Makes the memory of one field of a batch: an array of this shape and data type, in C order.
Allocate = Callable[[tuple[int, ...], np.dtype], np.ndarray]


class _Slot(NamedTuple):
    """The memory of a batch: an array for each field, and how many references there are to each if it is unused."""

    arrays: list[np.ndarray]
    unused: list[int]


class Ring:
    """The memory of the batches of an epoch.

    A batch is handed out as views. Its memory is used again when no view of it is left, so a batch that is kept stays
    as it is. On a Python without a global lock, counts of references are not exact, and memory is not used again.
    """

    def __init__(self, fields: Sequence[Field], batch_size: int, allocate: Allocate | None) -> None:
        self._shapes = [((batch_size, *field.shape), field.dtype) for field in fields]
        self._allocate = allocate or empty
        self._filling: dict[int, _Slot] = {}
        self._delivered: list[_Slot] = []
        self._counts = getattr(sys, "_is_gil_enabled", lambda: True)()

    def arrays(self, batch: int) -> list[np.ndarray]:
        """Return the arrays of a batch that is being filled, one for each field."""
        slot = self._filling.get(batch)
        if slot is None:
            slot = self._filling[batch] = self._unused() or self._new()
        return slot.arrays

    def take(self, batch: int, rows: int) -> list[np.ndarray]:
        """Return views of the first rows of a complete batch. It leaves the ring."""
        slot = self._filling.pop(batch)
        if self._counts:
            self._delivered.append(slot)
        return [values[:rows] for values in slot.arrays]

    def drop(self, batch: int) -> None:
        """Give up a batch that could not be read. A read of it may still be in progress, so its memory is not kept."""
        self._filling.pop(batch, None)

    def _new(self) -> _Slot:
        arrays = [self._allocate(shape, dtype) for shape, dtype in self._shapes]
        for values, (shape, dtype) in zip(arrays, self._shapes, strict=True):
            if values.shape != shape or values.dtype != dtype or not values.flags.c_contiguous:
                raise ValueError(f"out: must return a C-contiguous array of shape {shape} and type {dtype}")
        del values
        return _Slot(arrays, _references(arrays))

    def _unused(self) -> _Slot | None:
        """Return the memory of a delivered batch of which no view is left, or None."""
        for k, slot in enumerate(self._delivered):
            if _references(slot.arrays) == slot.unused:
                return self._delivered.pop(k)
        if len(self._delivered) > 2 and len(self._delivered) > len(self._filling):
            del self._delivered[0]  # the consumer keeps its batches, so their memory will not come back
        return None


def _references(arrays: list[np.ndarray]) -> list[int]:
    """Return how many references there are to each array. Those of the list and of this function are always counted."""
    return [sys.getrefcount(values) for values in arrays]
