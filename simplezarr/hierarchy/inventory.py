"""The chunks and shards of an array that are stored: which, how many, how many bytes."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from itertools import groupby, islice
from math import prod

import numpy as np

from simplezarr.codecs.base import ChunkSpec, Codec, Data, resolve_chain, split_chain
from simplezarr.codecs.chain import bind, python_pipeline, shard_index, stored_order
from simplezarr.codecs.sharding import Sharding
from simplezarr.codecs.transpose import Transpose
from simplezarr.engine.chunks.pipeline import CodecFailure
from simplezarr.errors import ChunkError, UnsupportedError, errors_of
from simplezarr.hierarchy.documents import RESERVED_NAMES
from simplezarr.metadata.chunk_keys import join
from simplezarr.metadata.grids import Axis, Rectilinear
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.runtime import executor
from simplezarr.stores.base import Store

__all__ = [
    "Index",
    "are_stored",
    "bytes_below",
    "chunk_axes",
    "chunk_codecs",
    "count_chunks",
    "grid_shape",
    "inner_shape",
    "iter_indexes",
    "iter_listed",
    "iter_stored",
    "iter_stored_chunks",
    "shard_shape",
    "sharding_of",
    "stored_bytes",
    "stored_count",
    "stored_indexes",
]

Index = tuple[int, ...]


def grid_shape(metadata: ArrayMetadata, chunks: tuple[int, ...]) -> tuple[int, ...]:
    """Return the number of units of reading along each axis, whose largest shape is `chunks`."""
    if metadata.grid is not None and sharding_of(metadata) is None:
        return metadata.grid_shape
    return tuple([-(-length // chunk) for length, chunk in zip(metadata.shape, chunks, strict=True)])


def chunk_axes(metadata: ArrayMetadata, chunks: tuple[int, ...]) -> tuple[Axis, ...]:
    """Return the axes of the grid of units of reading, whose largest shape is `chunks`."""
    if sharding_of(metadata) is None:
        return metadata.axes
    grid = Rectilinear(chunks)
    return tuple([grid.axis(i, length) for i, length in enumerate(metadata.shape)])


def stored_indexes(store: Store, path: str, metadata: ArrayMetadata, at_most: int | None = None) -> list[Index] | None:
    """Return the indexes of the stored chunks or shards, also outside the array; None if more than `at_most`."""
    stop = None if at_most is None or at_most >= sys.maxsize else at_most + 1
    with errors_of(store):
        indexes = [*islice(iter_listed(store, path, metadata), stop)]
    return None if at_most is not None and len(indexes) > at_most else indexes


def iter_listed(store: Store, path: str, metadata: ArrayMetadata) -> Iterator[Index]:
    """Yield the indexes of the stored chunks or shards, also outside the array, in the order in which they are listed.

    Raise UnsupportedError if the store can't be listed.
    """
    keys, ndim = metadata.chunk_keys, len(metadata.shape)
    if not ndim:
        return iter([()] if store.exists(join(path, keys.key(()))) else [])
    skip = len(path) + 1 if path else 0
    below = join(path, "c") if keys.prefix == "c/" else path
    found = (keys.parse(key[skip:], ndim) for key in store.list(f"{below}/" if below else ""))
    return (index for index in found if index is not None)


def _inside(store: Store, path: str, metadata: ArrayMetadata) -> list[Index]:
    """Return the indexes of the stored chunks or shards within the array's grid."""
    bounds = metadata.grid_shape
    indexes = stored_indexes(store, path, metadata) or []
    return [index for index in indexes if all(i < n for i, n in zip(index, bounds, strict=True))]


def stored_bytes(store: Store, path: str, metadata: ArrayMetadata) -> int:
    """Return the number of bytes of the stored chunks or shards, without the document."""
    return _total(store, path, metadata, _inside(store, path, metadata))


def _total(store: Store, path: str, metadata: ArrayMetadata, indexes: list[Index]) -> int:
    keys = metadata.chunk_keys
    width = executor.concurrency_for(store)
    return sum(executor.parallel_map(lambda index: store.size(join(path, keys.key(index))) or 0, indexes, width))


def stored_count(store: Store, path: str, metadata: ArrayMetadata) -> tuple[int, int]:
    """Return how many chunks or shards are stored, and their bytes. UnsupportedError if the store can't be listed."""
    indexes = _inside(store, path, metadata)
    return len(indexes), _total(store, path, metadata, indexes)


def bytes_below(store: Store, path: str) -> int:
    """Return the number of bytes of all that is stored below a path, without the documents of nodes."""
    keys = [key for key in store.list(f"{path}/" if path else "") if key.rpartition("/")[2] not in RESERVED_NAMES]
    return sum(executor.parallel_map(lambda key: store.size(key) or 0, keys, executor.concurrency_for(store)))


def iter_indexes(shape: tuple[int, ...]) -> Iterator[Index]:
    """Yield the indexes of a grid in C order. Nothing is kept in memory, however long an axis is.

    >>> [*iter_indexes((2, 2))]
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    if shape:
        return ((first, *rest) for first in range(shape[0]) for rest in iter_indexes(shape[1:]))
    return iter([()])


def iter_stored(store: Store, path: str, metadata: ArrayMetadata) -> Iterator[Index]:
    """Yield the indexes of the stored chunks or shards in C order.

    If the store can't be listed, it is asked for each chunk of the grid.
    """
    try:
        yield from sorted(_inside(store, path, metadata))
        return
    except UnsupportedError:
        pass
    indexes, width = iter_indexes(metadata.grid_shape), executor.concurrency_for(store)
    while some := [*islice(indexes, width)]:
        keys = [join(path, metadata.chunk_keys.key(index)) for index in some]
        for index, there in zip(some, executor.parallel_map(store.exists, keys, width), strict=True):
            if there:
                yield index


def are_stored(
    store: Store, path: str, metadata: ArrayMetadata, chunks: tuple[int, ...], indexes: list[Index]
) -> list[bool]:
    """Return whether each of these units of reading is stored. No data are read, of shards the indexes.

    The store is listed if they are more than half of the grid, otherwise it is asked for each.
    """
    width = executor.concurrency_for(store)
    present = _inner_chunks(store, path, metadata, chunks)
    if present is not None:
        inner, outer = chunk_axes(metadata, chunks), metadata.axes
        shards = {
            tuple([shard.whole(chunk.begin(i)) for chunk, shard, i in zip(inner, outer, index, strict=True)])
            for index in indexes
        }
        rows = executor.parallel_map(present, [*shards], width)
        there = {index for found in rows for index in map(tuple, found.tolist())}
        return [index in there for index in indexes]
    if 2 * len(indexes) > prod(metadata.grid_shape) > 2:
        with suppress(UnsupportedError):
            listed = {*_inside(store, path, metadata)}
            return [index in listed for index in indexes]
    keys = [join(path, metadata.chunk_keys.key(index)) for index in indexes]
    return executor.parallel_map(store.exists, keys, width)


# ---- chunks within shards ----


def count_chunks(store: Store, path: str, metadata: ArrayMetadata, chunks: tuple[int, ...]) -> int:
    """Return the number of stored chunks; of shards, the number of inner chunks in their indexes."""
    indexes = _inside(store, path, metadata)
    present = _inner_chunks(store, path, metadata, chunks)
    if present is None:
        return len(indexes)
    return sum(executor.parallel_map(lambda index: len(present(index)), indexes, executor.concurrency_for(store)))


def iter_stored_chunks(store: Store, path: str, metadata: ArrayMetadata, chunks: tuple[int, ...]) -> Iterator[Index]:
    """Yield the indexes of the stored chunks in C order; in shards, of the inner chunks in their indexes."""
    indexes = iter_stored(store, path, metadata)
    present = _inner_chunks(store, path, metadata, chunks)
    if present is None:
        yield from indexes
        return
    width = executor.concurrency_for(store)
    for _, shards in groupby(indexes, lambda index: index[:1]):  # their chunks come before those of the next shards
        found = np.concatenate(executor.parallel_map(present, [*shards], width))
        yield from sorted(map(tuple, found.tolist()))


def _inner_chunks(
    store: Store, path: str, metadata: ArrayMetadata, chunks: tuple[int, ...]
) -> Callable[[Index], np.ndarray] | None:
    """Return what lists the inner chunks of a shard, as rows of indexes in the array; None if there are no shards."""
    _, middle, _ = split_chain(metadata.codecs, "codecs")
    if type(middle) is not Sharding or chunks == metadata.chunk_shape:
        return None
    axes = metadata.axes
    reader = lru_cache(partial(_IndexReader, metadata.codecs, metadata.spec))  # shards may be of several shapes

    def present(index: Index) -> np.ndarray:
        key = join(path, metadata.chunk_keys.key(index))
        shard = tuple([axis.lengths[axis.run(number)] for axis, number in zip(axes, index, strict=True)])
        try:
            stored = reader(shard).present(store, key)
        except (CodecFailure, ValueError) as error:
            message = f"array '/{path}', key {key!r}: {error}"
            failure = ChunkError(message, path=path, index=index, key=key, codec=middle.name)
            raise failure.of_store(store) from error.__cause__
        if stored is None:
            return np.empty((0, len(index)), np.intp)  # deleted meanwhile
        begins = [axis.begin(number) for axis, number in zip(axes, index, strict=True)]
        sides = zip(metadata.shape, begins, chunks, strict=True)
        inside = stored[tuple([slice(-(-(length - begin) // chunk)) for length, begin, chunk in sides])]
        first = [begin // chunk for begin, chunk in zip(begins, chunks, strict=True)]
        indexes: np.ndarray = np.argwhere(inside) + np.array(first, np.intp)
        return indexes

    return present


class _IndexReader:
    """Read which inner chunks are stored in the shards of one shape."""

    def __init__(self, codecs: tuple[Codec, ...], spec: ChunkSpec, shape: tuple[int, ...]):
        spec = replace(spec, shape=shape)
        heads, sharding, _ = split_chain(codecs, "codecs")
        assert isinstance(sharding, Sharding)
        self.index = shard_index(sharding, resolve_chain(codecs, spec, "codecs")[0][-1])
        self.chain, self.most = python_pipeline(codecs, spec), bind(codecs, spec).most
        self.order = np.argsort(stored_order(heads, spec)).tolist()

    def present(self, store: Store, key: str) -> np.ndarray | None:
        """Return whether each inner chunk is stored, in the array's own order of axes; None if there is no shard.

        Raise ValueError or CodecFailure for an index that can't be decoded.
        """
        encoded = self.encoded(store, key)
        if encoded is None:
            return None
        return self.index.stored(self.index.entries(encoded)).transpose(self.order)

    def encoded(self, store: Store, key: str) -> Data | None:
        """Return the encoded index. Codecs after the sharding are decoded first, which takes the whole shard."""
        if not self.chain.bytes_bytes:
            return store.get_range(key, self.index.start, self.index.nbytes)
        data = store.get_limited(key, self.most)
        return None if data is None else self.index.cut(self.chain.unwrap(bytes(data)))


def sharding_of(metadata: ArrayMetadata) -> Sharding | None:
    """Return the sharding codec of an array if inner chunks can be read alone: only transposes come before it."""
    for codec in metadata.codecs:
        if type(codec) is Sharding:
            return codec
        if type(codec) is not Transpose:
            return None
    return None


def shard_shape(metadata: ArrayMetadata) -> tuple[int, ...] | None:
    """Return the shape of the unit of storage, None if the unit of reading is stored by itself."""
    return metadata.chunk_shape if sharding_of(metadata) else None


def chunk_codecs(metadata: ArrayMetadata) -> tuple[Codec, ...]:
    """Return the codecs of a unit of reading: of a chunk, or of an inner chunk in a shard."""
    sharding = sharding_of(metadata)
    if sharding is None:
        return metadata.codecs
    return (*metadata.codecs[: metadata.codecs.index(sharding)], *sharding.codecs)


def inner_shape(metadata: ArrayMetadata) -> tuple[int, ...]:
    """Return the shape of the unit of reading, in the array's own order of axes."""
    sharding = sharding_of(metadata)
    if sharding is None:
        return metadata.chunk_shape
    before = metadata.codecs[: metadata.codecs.index(sharding)]
    shape = [0] * len(metadata.shape)
    for axis, length in zip(stored_order(before, metadata.spec), sharding.chunk_shape, strict=True):
        shape[axis] = length
    return tuple(shape)
