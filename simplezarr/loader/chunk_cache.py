"""Decoded chunks that are kept in memory, for orders in which a chunk is read several times."""

import math
import mmap
import os
from collections import OrderedDict
from sys import byteorder

import numpy as np

from simplezarr.codecs.bytes import Bytes
from simplezarr.engine.files.reader import Data
from simplezarr.metadata.chunk_keys import ChunkKeys
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.runtime.sync import Condition
from simplezarr.stores.base import Store
from simplezarr.transfer.handle import ArrayHandle, open_handle

__all__ = ["ChunkCache"]

_KEYS = ChunkKeys()

_PAGES = 64 << 10  # bytes of a chunk from which on it has pages of its own
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}


class ChunkCache:
    """Decoded chunks of all arrays of a loader, up to `limit` bytes. The one that was used longest ago leaves first.

    A chunk is kept as the array has it, not as a sample is delivered. What is stored there later is not seen. In
    another process, also a forked one, the cache begins empty.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._empty()

    def _empty(self) -> None:
        """Begin without chunks, and with a lock that nobody holds."""
        self._nbytes: int | None = 0  # None: a call of `put` counts them, or was interrupted
        self._process = os.getpid()
        self._kept: OrderedDict[tuple[int, str], np.ndarray] = OrderedDict()
        self._lock = Condition()

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return ChunkCache, (self.limit,)

    @staticmethod
    def holds(handle: ArrayHandle) -> bool:
        """Return whether chunks of an array are kept: all have one shape, and elements of a fixed size."""
        metadata = handle.metadata
        return metadata.grid is None and not metadata.data_type.is_variable and not metadata.fill_problem

    def over(self, handle: ArrayHandle) -> ArrayHandle:
        """Return a handle of the same elements, whose chunks are kept once they are decoded, while there is room.

        Two threads that need a chunk at the same time may both decode it.
        """
        if not self.holds(handle):
            return handle
        stored = handle.metadata
        order = byteorder if stored.data_type.numpy.itemsize > 1 else None
        metadata = ArrayMetadata(stored.shape, stored.data_type, handle.chunks, _KEYS, stored.fill, (Bytes(order),))
        return open_handle(_DecodedChunks(handle, self), handle.path, metadata, True, True)

    def get(self, key: tuple[int, str]) -> np.ndarray | None:
        """Return a chunk that is kept, None otherwise."""
        if self._process != os.getpid():
            self._empty()
        with self._lock:
            chunk = self._kept.get(key)
            if chunk is not None:
                self._kept.move_to_end(key)
            return chunk

    def put(self, key: tuple[int, str], chunk: np.ndarray) -> None:
        """Keep a chunk that `get` has not found, unless it is larger than the limit."""
        with self._lock:
            if chunk.nbytes > self.limit or key in self._kept:
                return
            nbytes, self._nbytes = self._nbytes, None
            if nbytes is None:
                nbytes = sum([kept.nbytes for kept in self._kept.values()])
            while nbytes > self.limit - chunk.nbytes:
                nbytes -= self._kept.popitem(last=False)[1].nbytes
            self._kept[key] = chunk
            self._nbytes = nbytes + chunk.nbytes


class _DecodedChunks(Store):
    """The decoded chunks of an array as the values of a store: the engine copies boxes out of them."""

    read_only = True

    def __init__(self, handle: ArrayHandle, cache: ChunkCache) -> None:
        self._handle, self._cache = handle, cache
        store = handle.plain_store
        self.concurrency = None if store.in_memory else store.concurrency

    def get(self, key: str) -> bytes | None:
        chunk = self.get_limited(key, 0)
        return None if chunk is None else bytes(chunk)

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> Data | None:
        path = self._handle.path
        index = _KEYS.parse(key[len(path) + 1 :] if path else key, len(self._handle.shape))
        if index is None:
            return None
        place = id(self._handle.plain_store), key
        chunk = self._cache.get(place)
        if chunk is None:
            values = self._handle.transfer.read_chunk(index, _memory(self._handle))
            chunk = values.reshape(-1).view(np.uint8)
            chunk.flags.writeable = False  # or the engine would copy it
            self._cache.put(place, chunk)
        return chunk.data


def _memory(handle: ArrayHandle) -> np.ndarray | None:
    """Return memory for a chunk, which the system gets back when the chunk leaves. None: take any other.

    Memory that several threads allocate and free in random order would take twice its size from the system. Mappings
    must be private, because the system joins such neighbours, and allows some 65000 of them.
    """
    nbytes = math.prod(handle.chunks) * handle.dtype.itemsize
    if nbytes < _PAGES:
        return None
    try:
        pages = mmap.mmap(-1, nbytes, **_PRIVATE)
    except OSError:
        return None
    return np.frombuffer(pages, handle.dtype).reshape(handle.chunks)
