"""A stored array as data of xarray: each way of selecting stays lazy, and all of them become one read."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from xarray.core import indexing

from simplezarr.nodes.array import Array
from simplezarr.nodes.lazy import Lazy
from simplezarr.runtime import executor
from simplezarr.stores.base import Store

__all__ = ["LazyData", "in_thread"]

T = TypeVar("T")


class LazyData(indexing.ExplicitlyIndexedNDArrayMixin):
    """A selection of an array that is read when xarray asks for its values.

    xarray's own lazy arrays make coordinates of each element when they are transposed. Here nothing is made but a
    selection (`Array.lazy`), whose read decodes each chunk once.
    """

    __slots__ = ("_array", "_lazy")

    def __init__(self, array: Array, lazy: Lazy | None = None):
        self._array, self._lazy = array, array.lazy[...] if lazy is None else lazy

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each dimension."""
        return self._lazy.shape

    @property
    def dtype(self) -> np.dtype:
        """Data type of the elements."""
        return self._array.dtype

    def __getitem__(self, indexer: indexing.ExplicitIndexer) -> "LazyData":
        return LazyData(self._array, self._lazy[indexer.tuple])

    def _oindex_get(self, indexer: indexing.OuterIndexer) -> "LazyData":
        return LazyData(self._array, self._lazy.oindex[indexer.tuple])

    def _vindex_get(self, indexer: indexing.VectorizedIndexer) -> "LazyData":
        return LazyData(self._array, self._lazy.vindex[indexer.tuple])

    def transpose(self, order: tuple[int, ...]) -> "LazyData":
        """Return it with the axes in another order."""
        return LazyData(self._array, self._lazy.transpose(order))

    def get_duck_array(self) -> np.ndarray:
        """Read the elements."""
        return np.asarray(self._lazy.read(), self.dtype)  # a scalar string has no dtype of its own

    async def async_get_duck_array(self) -> np.ndarray:
        """Read the elements in a thread of the pool."""
        return await in_thread(self._array.store, self.get_duck_array)

    def __deepcopy__(self, memo: dict[int, Any]) -> "LazyData":
        return self  # it is never changed, and a copy of a store in memory would be another place

    def __reduce__(self) -> tuple[Any, ...]:
        return LazyData, (self._array, self._lazy)

    def __dask_tokenize__(self) -> tuple[object, ...]:
        return "LazyData", *self._lazy.__dask_tokenize__()

    def __repr__(self) -> str:
        return f"<LazyData {self.shape} {self.dtype} of {self._array!r}>"


async def in_thread(store: Store, read: Callable[[], T]) -> T:
    """Return what a call returns, which reads from a store. It is made by the library's threads."""
    import asyncio

    return await asyncio.wrap_future(executor.submit(read, width=executor.concurrency_for(store)))
