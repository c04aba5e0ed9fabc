"""What a pipeline knows of its array: a handle of it, over a store of this library."""

import importlib
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.hierarchy.documents import parse_documents
from simplezarr.metadata.chunk_keys import ChunkKeys, join
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.runtime import executor
from simplezarr.schema.leniency import collect
from simplezarr.stores.adapters import adapt
from simplezarr.stores.base import Store
from simplezarr.stores.zarr import ZarrStore
from simplezarr.transfer.dispatch import read, write
from simplezarr.transfer.handle import ArrayHandle, open_handle
from simplezarr.zarr_python.batches import Recovered, recover
from simplezarr.zarr_python.protocols import Batch, NotServedError, ZarrMetadata
from simplezarr.zarr_python.protocols import ZarrStore as Given

__all__ = ["StoredArray", "store_of"]

Index = tuple[int, ...]

#: By identity of zarr-python's store, which each keeps. There is one of them at a time, because locks belong to it.
_stores: "WeakValueDictionary[int, Store]" = WeakValueDictionary()


def store_of(given: Given) -> Store:
    """Return the store of this library over a store of zarr-python.

    A wrapper of zarr-python is asked itself. So is an archive, which may not be complete yet.
    """
    cls = type(given)
    if cls.__module__.startswith("zarr.storage.") and cls.__name__ != "ZipStore":
        made = adapt(given)
        assert made is not None
        return made
    found = _stores.get(id(given))
    return _stores.setdefault(id(given), ZarrStore(given)) if found is None else found


class StoredArray:
    """An array as zarr-python has it: the metadata when it was opened, and the store.

    zarr-python changes the shape of an array and keeps its pipeline. So nothing but the length of an edge chunk is
    taken from the shape, and it grows with what is selected.
    """

    __slots__ = ("_handles", "_metadata", "_store")

    def __init__(self, metadata: ZarrMetadata, store: Given):
        self._metadata, self._store = metadata, store
        self._handles: dict[bool, ArrayHandle] = {}

    @property
    def needs_no_loop(self) -> bool:
        """Whether the store is read without asking zarr-python's: from files, or from memory."""
        cls = type(self._store)
        return cls.__module__.startswith("zarr.storage.") and cls.__name__ in ("LocalStore", "MemoryStore")

    def decoded_bytes(self, batch: Batch) -> float:
        """Return the most bytes that are decoded to read a batch; infinity before the first call for such.

        Of a shard these are the inner chunks that a selection of integers and slices touches.
        """
        handle = self._handles.get(batch[0][1].config.write_empty_chunks)
        if handle is None:
            return math.inf
        unit, whole = handle.chunks, handle.metadata.chunk_shape
        count = len(batch) if unit == whole else sum([_touched(item[2], unit, whole) for item in batch])
        return count * math.prod(unit) * handle.dtype.itemsize

    def read(self, batch: Batch, out: np.ndarray, dropped: Index) -> None:
        """Decode what a batch selects into `out`."""
        handle, found = self._selected(batch, dropped)
        _check_dtype(out, handle)
        selection = found.select(handle, found.key)
        if selection.shape != out.shape:
            raise NotServedError("selections of another shape than their result")
        read(handle, selection, out)

    def write(self, batch: Batch, value: np.ndarray, dropped: Index) -> None:
        """Store a value where a batch selects. Its shape is that of the selection, or ()."""
        handle, found = self._selected(batch, dropped)
        if handle.store.read_only or handle.obstacles:
            raise NotServedError("arrays that can only be read")
        _check_dtype(value, handle)
        selection = found.select(handle, found.key)
        if value.shape not in (selection.shape, ()):
            raise NotServedError("values of another shape than the selection")
        write(handle, selection, value)

    def present(self, batch: Batch) -> list[bool]:
        """Return of each chunk of a batch whether it is stored."""
        store = self._handle(batch).store
        return executor.parallel_map(lambda item: store.exists(item[0].path), batch, executor.concurrency_for(store))

    def _selected(self, batch: Batch, dropped: Index) -> tuple[ArrayHandle, Recovered]:
        """Return the array, in a shape that has what a batch selects, and the selection."""
        handle = self._handle(batch)
        grid = handle.metadata.grid
        begins = (
            [length.__mul__ for length in handle.metadata.chunk_shape]
            if grid is None
            else [axis.begin for axis in handle.metadata.axes]
        )
        found = recover(batch, _index_of(handle), begins, dropped)
        if any(end > length for end, length in zip(found.ends, handle.shape, strict=True)):
            if grid is not None:
                raise NotServedError("chunks of several lengths in an array that has grown")
            handle = self._grow(handle, found.ends)
        return handle, found

    def _handle(self, batch: Batch) -> ArrayHandle:
        place, spec = batch[0][:2]
        handle = self._handles.get(spec.config.write_empty_chunks)
        if handle is None:
            handle = self._open(place.path, spec.config.write_empty_chunks)
            self._handles[spec.config.write_empty_chunks] = handle
        return handle

    def _open(self, key: str, keep_empty: bool) -> ArrayHandle:
        prototype = importlib.import_module("zarr.core.buffer").default_buffer_prototype()
        try:
            documents = {name: value.to_bytes() for name, value in self._metadata.to_buffer_dict(prototype).items()}
            with collect():  # zarr-python has read the document, and has warned in its own words
                metadata = parse_documents("", documents)
                assert isinstance(metadata, ArrayMetadata)
                path = _array_path(key, metadata.chunk_keys, len(metadata.shape))
                return open_handle(store_of(self._store), path, metadata, False, keep_empty)
        except (MetadataError, UnsupportedError, TypeError, ValueError) as error:
            raise NotServedError(str(error)) from error

    def _grow(self, handle: ArrayHandle, ends: Index) -> ArrayHandle:
        """Return the array with a shape that reaches to the ends of chunks that have been appended."""
        sides = zip(handle.shape, ends, handle.metadata.chunk_shape, strict=True)
        shape = tuple([length if end <= length else -(-end // chunk) * chunk for length, end, chunk in sides])
        grown = handle.with_metadata(_reshaped(handle.metadata, shape))
        self._handles[handle.write_empty_chunks] = grown
        return grown


def _touched(inner: Any, unit: Index, whole: Index) -> int:
    """Return how many inner chunks a selection in a shard touches at most, if the shape of a shard is `whole`.

    >>> _touched((3, slice(10, 30)), (10, 10), (50, 50)), _touched((np.array([3, 7]), slice(10)), (10, 10), (50, 50))
    (2, 5)
    """
    parts = inner if isinstance(inner, tuple) and len(inner) == len(unit) else [None] * len(unit)
    count = 1
    for part, length, most in zip(parts, unit, whole, strict=True):
        if isinstance(part, slice):
            count *= -(-(most if part.stop is None else part.stop) // length) - (part.start or 0) // length
        elif not isinstance(part, (int, np.integer)):
            count *= -(-most // length)
    return count


def _reshaped(metadata: ArrayMetadata, shape: Index) -> ArrayMetadata:
    return replace(metadata, shape=shape)


def _array_path(key: str, keys: ChunkKeys, ndim: int) -> str:
    """Return the path of the array that has a chunk with a key.

    >>> _array_path("a/b/c/0/1", ChunkKeys(), 2), _array_path("a/0.1", ChunkKeys("v2", "."), 2)
    ('a/b', 'a')
    """
    parts = key.split("/")
    own = keys.key((0,) * ndim).count("/") + 1
    if keys.parse("/".join(parts[-own:]), ndim) is None:
        raise ValueError("keys that are not those of chunks")
    return "/".join(parts[:-own])


def _index_of(handle: ArrayHandle) -> Callable[[str], Index]:
    """Return what gives the index of the chunk with a key."""
    prefix, keys, ndim = join(handle.path, ""), handle.metadata.chunk_keys, len(handle.shape)

    def index_of(key: str) -> Index:
        index = keys.parse(key[len(prefix) :], ndim) if key.startswith(prefix) else None
        if index is None:
            raise NotServedError("chunks of several arrays")
        return index

    return index_of


def _check_dtype(array: np.ndarray, handle: ArrayHandle) -> None:
    """Raise NotServedError unless elements of the array are moved without another change than of byte order."""
    if array.dtype != handle.dtype and array.dtype.newbyteorder("=") != handle.dtype.newbyteorder("="):
        raise NotServedError(f"elements of {handle.dtype.name} as {array.dtype.name}")
