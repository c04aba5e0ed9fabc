"""The memory of batches: those that are being filled, and that of delivered ones that nobody uses any more."""

import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from simplezarr.engine.memory.result_pool import empty
from simplezarr.loader.fields import Field
from simplezarr.runtime.sync import Condition

__all__ = ["CONSUMED", "Allocate", "BatchMemory", "Ring", "Slot"]

ALIGNMENT = 128

#: Batches that a loop has at a time: while it is given the next one, its variable still holds the one before.
CONSUMED = 2

#: Makes the memory of one field of a batch: an array of this shape and data type, in C order.
Allocate = Callable[[tuple[int, ...], np.dtype], np.ndarray]


class Slot(NamedTuple):
    """The memory of a batch.

    - arrays: one for each field. boxes: views of them, as `Field.as_boxes` makes them.
    - owners: what all views of each array refer to.
    - unused: how many references there are to each owner, and to `boxes`, while neither a batch nor a read uses it.
    """

    arrays: list[np.ndarray]
    boxes: list[list[np.ndarray]]
    owners: list[np.ndarray]
    unused: list[int]

    def is_unused(self) -> bool:
        """Return whether no view of the memory is left, and no read goes on into it."""
        return _references(self.owners, self.boxes) == self.unused


class BatchMemory:
    """The memory of a loader's batches, which is used again from batch to batch and from epoch to epoch.

    A batch is handed out as views. Its memory is used again when no view of it is left, so a batch that is kept stays
    as it is. On a Python without a global lock, counts of references are not exact, and memory is not used again.
    """

    def __init__(self, fields: Sequence[Field], batch_size: int, allocate: Allocate | None) -> None:
        self._fields = [(field, (batch_size, *field.shape)) for field in fields]
        self._allocate = allocate or aligned
        self._begin()
        self._counts = getattr(sys, "_is_gil_enabled", lambda: True)()

    def _begin(self) -> None:
        """Begin without memory to use again, and with a lock that nobody holds."""
        self._returned: list[Slot] = []
        self._lock, self._process = Condition(), os.getpid()

    def take(self) -> Slot:
        """Return memory that nobody uses."""
        self._adopt()
        with self._lock:
            for k, slot in enumerate(self._returned):
                if slot.is_unused():
                    return self._returned.pop(k)
        return self._new()

    def give(self, slot: Slot, most: int) -> None:
        """Take memory back that may still be in use. Keep at most so many slots."""
        self._adopt()
        if self._counts:
            with self._lock:
                self._returned.append(slot)
                if len(self._returned) > most:
                    del self._returned[0]

    def _adopt(self) -> None:
        """In a forked child, do not wait for a thread of the parent."""
        if self._process != os.getpid():
            self._begin()

    def _new(self) -> Slot:
        arrays, boxes, owners = [], [], []
        for field, shape in self._fields:
            values = self._allocate(shape, field.dtype)
            if values.shape != shape or values.dtype != field.dtype or not values.flags.c_contiguous:
                raise ValueError(f"out: must return a C-contiguous array of shape {shape} and type {field.dtype}")
            owner, values = _owned(values)
            owners.append(owner)
            arrays.append(values)
            boxes.append(field.as_boxes(values))
        del values, owner
        slot = Slot(arrays, boxes, owners, [])
        del arrays, boxes, owners
        slot.unused.extend(_references(slot.owners, slot.boxes))
        return slot


class Ring:
    """The batches of a stream that are being filled.

    kept: how much memory of batches is kept for the next epoch; that of all streams, because they share it.
    """

    def __init__(self, memory: BatchMemory, kept: int) -> None:
        self._memory, self._kept = memory, kept
        self._filling: dict[int, Slot] = {}

    def boxes(self, batch: int) -> list[list[np.ndarray]]:
        """Return where the samples of a batch are placed, for each field."""
        slot = self._filling.get(batch)
        if slot is None:
            slot = self._filling[batch] = self._memory.take()
        return slot.boxes

    def take(self, batch: int, rows: int) -> list[np.ndarray]:
        """Return views of the first rows of a complete batch. It leaves the ring."""
        slot = self._filling.pop(batch)
        self._memory.give(slot, self._kept)
        return [values[:rows] for values in slot.arrays]

    def drop(self, batch: int) -> None:
        """Give up a batch that could not be read."""
        slot = self._filling.pop(batch, None)
        if slot is not None:  # a read of it may still be in progress, which holds it in use
            self._memory.give(slot, self._kept)

    def close(self) -> None:
        """Give up all batches."""
        for batch in list(self._filling):
            self.drop(batch)


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return a new array that begins at a multiple of 128 bytes: JAX takes no other memory without a copy."""
    nbytes = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or dtype.kind == "T" or not nbytes:
        return empty(shape, dtype)
    memory = empty((nbytes + ALIGNMENT,), np.dtype(np.uint8))
    begin = -memory.ctypes.data % ALIGNMENT
    return memory[begin : begin + nbytes].view(dtype).reshape(shape)


class _Memory:
    """Memory of an array, for another one that is not a view of the first."""

    def __init__(self, values: np.ndarray):
        self.values, self.__array_interface__ = values, values.__array_interface__


def _owned(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what all views of an array will refer to, and the array.

    NumPy lets a view of a view refer to the array behind both. That may be memory of several batches, so references to
    it tell nothing about one of them.
    """
    if not isinstance(values.base, np.ndarray):
        return values, values
    owner = np.asarray(_Memory(values.reshape(-1).view(np.uint8)))
    return owner, owner.view(values.dtype).reshape(values.shape)


def _references(owners: list[np.ndarray], boxes: list[list[np.ndarray]]) -> list[int]:
    """Return how many references there are to each owner, and to `boxes`. Those of this call are always counted."""
    return [*[sys.getrefcount(values) for values in owners], sys.getrefcount(boxes)]
