"""Small arrays that are read together as soon as one of them is needed.

xarray asks for the coordinates of a dataset one after another while it opens it. From a slow store, each would take a
round trip.
"""

from typing import Any

import numpy as np
from xarray.backends.common import BackendArray
from xarray.core import indexing

from simplezarr.nodes.array import Array
from simplezarr.runtime import executor
from simplezarr.xarray.lazy import in_thread

__all__ = ["Prefetch", "Prefetched"]


class Prefetched(BackendArray):
    """An array that is read as a whole, with others."""

    __slots__ = ("_array", "_batch", "_values", "dtype", "shape")

    def __init__(self, array: Array, batch: "Prefetch"):
        self._array, self._batch = array, batch
        self.shape, self.dtype = array.shape, array.dtype
        self._values: np.ndarray | None = None

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        if self._values is None:
            self._batch.read()
        if self._values is None:  # another thread is reading the batch
            self.read()
        selected = indexing.apply_indexer(indexing.NumpyIndexingAdapter(self._values), key)
        return np.array(selected, self.dtype)  # a copy, because others select from the same values

    async def async_getitem(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        """Return what is selected, which is read in a thread of the pool."""
        return await in_thread(self._array.store, lambda: self[key])

    def read(self) -> None:
        """Read the elements."""
        self._values = np.asarray(self._array.read(), self.dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Prefetched":
        return self  # a copy of a store in memory would be another place

    def __reduce__(self) -> tuple[Any, ...]:
        return _alone, (self._array,)


class Prefetch:
    """Arrays of one store, of which none is read until one of them is needed.

    >>> import simplezarr as sz
    >>> batch = Prefetch()
    >>> x, y = (batch.add(sz.create_array({}, data=data)) for data in ([1, 2], [3]))
    >>> x[indexing.BasicIndexer((slice(1, None),))]
    array([2])
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Prefetched] = []

    def add(self, array: Array) -> Prefetched:
        """Return the array as one of the batch."""
        self._waiting.append(made := Prefetched(array, self))
        return made

    def read(self) -> None:
        """Read all arrays that are not read yet, with as many requests at a time as the store takes."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            width = executor.concurrency_for(waiting[0]._array.store)
            executor.parallel_map(Prefetched.read, waiting, width)


def _alone(array: Array) -> Prefetched:
    return Prefetch().add(array)
