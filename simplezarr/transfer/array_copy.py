"""Copy a stored array, a lazy selection of one, or an array-like, part by part.

If chunks lie upon chunks that are stored alike, their bytes are copied without being decoded. Otherwise the elements
are copied in boxes. A box consists of whole stored objects of the target and, unless that takes too much memory, of
whole chunks of the source. So one thread writes each object once, and a chunk is decoded once or a little more often.

An array-like may be bound to a thread, so the caller alone reads it, box after box. Threads share the writing of a box.
"""

import os
from collections.abc import Callable
from contextlib import nullcontext
from math import gcd, lcm, prod
from operator import add
from typing import Any

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.memory.result_pool import empty
from simplezarr.metadata.chunk_keys import join
from simplezarr.runtime import executor
from simplezarr.stores.base import Store
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore
from simplezarr.stores.wrapper import WrapperStore
from simplezarr.transfer.copy_source import CopySource, copy_source
from simplezarr.transfer.handle import ArrayHandle

__all__ = ["ALL_BOXES_BYTES", "BoxCopy", "StoredCopy", "may_lie_below", "plan_copy"]

SMALL_BYTES = 1 << 20  # values up to this size are read as a whole
BOX_BYTES = 512 << 10  # the least size of a box of a stored array, if there is more to copy, so that planning it pays
ALL_BOXES_BYTES = 256 << 20  # the size of all boxes in memory at a time, unless single stored objects are larger
LIKE_BYTES = 16 << 20  # the least size of a box of an array-like, which all threads write, and 1 MiB for each of them
LARGEST_LIKE_BYTES = 64 << 20  # the size of such a box if it is to hold whole chunks of the array-like
WHOLE_BYTES = 1 << 30  # stored values up to this size are read as a whole rather than with chunks decoded repeatedly
OFTEN = 2  # the times that a chunk may be decoded, on average
STORED_BYTES = 64 << 10  # the least size of a chunk whose bytes are copied; smaller ones are decoded and encoded faster
FILE_BYTES = 8 << 20  # the least size of a chunk whose file is copied; for smaller ones that takes more calls

Box = tuple[slice, ...]
Put = Callable[[Box, np.ndarray], object]  # writes a box


def plan_copy(handle: ArrayHandle, plan: Plan, value: object) -> "BoxCopy | StoredCopy | None":
    """Return how to copy a value to what a plan selects of an array; None if the value is to be read first."""
    source = copy_source(value)
    if source is None or source.nbytes <= SMALL_BYTES or source.shape != plan.shape or not _is_plain(handle, source):
        return None
    target = plan.ranges()
    if source.periods is None or any(along.step != 1 for along, _ in target) or _may_overlap(handle, target, source):
        return None
    width, stored, box = executor.concurrency_for(handle.store), source.handle, source.box
    if stored is None:
        least = min(max(LIKE_BYTES, width << 20), LARGEST_LIKE_BYTES)
        lengths = _choose_box(handle, target, source, source.periods, LARGEST_LIKE_BYTES, least)
        return None if lengths is None or plan.n == 1 else BoxCopy(source, target, lengths, width)
    width = max(width, executor.concurrency_for(stored.store))
    if box is not None and _is_stored_alike(handle, stored) and _lies_on_chunks(handle, target, stored, box):
        return StoredCopy(handle, [along for along, _ in target], stored, box, width)
    if plan.n == 1:
        return None
    lengths = _choose_box(handle, target, source, source.periods, ALL_BOXES_BYTES // width, BOX_BYTES)
    return None if lengths is None else BoxCopy(source, target, lengths, width)


class StoredCopy:
    """A copy of chunks, or shards, between arrays that store them alike, without decoding them.

    The part of a chunk outside the arrays is copied too, and a damaged chunk stays damaged.
    """

    def __init__(self, target: ArrayHandle, written: list[range], source: ArrayHandle, box: list[range], width: int):
        self.target, self.source, self.width = target, source, width
        chunk = target.grid
        self.counts = [_count(along, length) for along, length in zip(written, chunk, strict=True)]
        self.first = [along.start // length for along, length in zip(written, chunk, strict=True)]
        self.first_read = [along.start // length for along, length in zip(box, chunk, strict=True)]
        is_large = prod(chunk) * target.dtype.itemsize >= FILE_BYTES
        self.is_local = target.store.local_root is not None
        self.files = source.store.local_root if is_large and self.is_local else None

    def run(self, put: Put) -> None:
        """Copy the chunks in parallel. `put` is not used: it writes values."""
        executor.parallel_for(self._copy, prod(self.counts), self.width)

    def _copy(self, number: int) -> None:
        place: list[int] = []
        for count in reversed(self.counts):
            number, step = divmod(number, count)
            place.append(step)
        place.reverse()
        key, read = _chunk_key(self.target, self.first, place), _chunk_key(self.source, self.first_read, place)
        store = self.target.store
        if self.files is not None and isinstance(store, LocalStore):
            if not store.set_file(key, f"{self.files}/{read}"):
                store.delete(key)
            return
        value = self.source.store.get(read)
        with nullcontext() if self.is_local else store.lock(key):  # keeps out a writer that has read the old chunk
            if value is None:
                store.delete(key)
            else:
                store.set(key, value)


class BoxCopy:
    """A copy of a source to the ranges of an array, in boxes that begin at multiples of their lengths."""

    def __init__(self, source: CopySource, target: list[tuple[range, int]], lengths: list[int], width: int):
        self.source, self.target, self.lengths, self.width = source, target, lengths, width
        self.counts = [_count(along, length) for (along, _), length in zip(target, lengths, strict=True)]
        sides = [min(len(along), length) for (along, _), length in zip(target, lengths, strict=True)]
        self.room = 0 if source.handle is None else prod(sides)  # an array-like makes its own arrays
        self.buffers: list[np.ndarray] = []

    def run(self, put: Put) -> None:
        """Read the boxes, in parallel if they are stored, and call `put` with each and its place in the target."""
        if self.source.handle is None:
            for number in range(prod(self.counts)):
                self._copy(number, put)
        else:
            executor.parallel_for(lambda number: self._copy(number, put), prod(self.counts), self.width)

    def _copy(self, number: int, put: Put) -> None:
        box, place = self._box(number)
        buffer = self._buffer()
        put(box, self.source.read(place, buffer))
        self.buffers.append(buffer)

    def _box(self, number: int) -> tuple[Box, tuple[Any, ...]]:
        """Return what a box selects of the target, and of the source."""
        box: list[slice] = []
        place: list[Any] = [slice(None)] * len(self.source.shape)
        axes = list(zip(self.target, self.lengths, self.counts, strict=True))
        for (along, axis), length, count in reversed(axes):  # the last axis first: neighbours there share chunks
            start = (along.start // length + number % count) * length
            number //= count
            within = range(max(along.start, start), min(along.stop, start + length))
            box.append(slice(within.start, within.stop))
            if axis >= 0:
                place[axis] = slice(within.start - along.start, within.stop - along.start)
        return tuple(reversed(box)), (*place, ...)

    def _buffer(self) -> np.ndarray:
        """Return memory for a box. It is used again, because the system must clear new memory first."""
        try:
            return self.buffers.pop()
        except IndexError:
            return empty((self.room,), self.source.dtype)


def _is_plain(handle: ArrayHandle, source: CopySource) -> bool:
    """Return whether boxes may be copied: of elements and chunks of one size, and with casts that give no warning."""
    kind, source_kind = handle.dtype.kind, source.dtype.kind
    if handle.metadata.grid is not None or handle.metadata.data_type.is_variable:
        return False
    if source.handle is None and source.dtype == handle.dtype:
        return True
    return source_kind in "biufcmM" and kind in "biufcmM" and (source_kind != "c" or kind == "c")


def _is_stored_alike(target: ArrayHandle, source: ArrayHandle) -> bool:
    """Return whether a stored or missing chunk of one array means the same in the other."""
    ours, theirs = target.metadata, source.metadata
    return (
        type(ours) is type(theirs)
        and ours.chunk_shape == theirs.chunk_shape
        and ours.data_type == theirs.data_type
        and ours.codecs == theirs.codecs
        and ours.fill == theirs.fill
        and theirs.grid is None
        and not theirs.skipped
        and not theirs.fill_problem
        and not target.write_empty_chunks
        and not target.store.immutable  # indexes of shards are kept then
        and prod(ours.chunk_shape) * target.dtype.itemsize >= STORED_BYTES
    )


def _lies_on_chunks(
    handle: ArrayHandle, target: list[tuple[range, int]], stored: ArrayHandle, box: list[range]
) -> bool:
    """Return whether both selections begin with a chunk on each axis, and end with a chunk or with their array."""
    if [axis for _, axis in target] != [*range(len(box))]:
        return False
    ends = zip(target, box, handle.grid, handle.shape, stored.shape, strict=True)
    return all(
        written.start % length == read.start % length == 0
        and (len(read) % length == 0 or (written.stop == our_end and read.stop == their_end))
        for (written, _), read, length, our_end, their_end in ends
    )


def _chunk_key(handle: ArrayHandle, first: list[int], place: list[int]) -> str:
    """Return the key of the chunk at an offset from the first."""
    return join(handle.path, handle.metadata.chunk_keys.key(tuple(map(add, first, place))))


def _may_overlap(handle: ArrayHandle, target: list[tuple[range, int]], source: CopySource) -> bool:
    """Return whether both may be of one array, unless each element is copied onto itself."""
    if source.handle is None or (
        source.is_whole and [along for along, _ in target] == [range(length) for length in handle.shape]
    ):
        return False
    ours, theirs = _innermost(handle.store), _innermost(source.handle.store)
    if ours.local_root is not None and theirs.local_root is not None:
        return _directory(ours, handle.path) == _directory(theirs, source.handle.path)
    return handle.path == source.handle.path and _may_be_one(ours, theirs)


def may_lie_below(source: ArrayHandle, store: Store, path: str) -> bool:
    """Return whether a stored array might be deleted with the node at a path of a store."""
    ours, theirs, read = _innermost(store), _innermost(source.store), source.path
    if isinstance(ours, LocalStore) and isinstance(theirs, LocalStore):
        named = [f"{root}/{name}".rstrip("/") for root, name in ((ours.root, path), (theirs.root, read))]
        real = [os.path.realpath(name) for name in named]
        return _is_below(named[1], named[0]) or _is_below(real[1], real[0])  # a link above the source may be deleted
    return _is_below(read, path) and _may_be_one(ours, theirs)


def _may_be_one(ours: Store, theirs: Store) -> bool:
    """Return whether two stores may hold the same keys."""
    if isinstance(ours, MemoryStore) and isinstance(theirs, MemoryStore):
        return ours.values is theirs.values
    return type(ours) is type(theirs)


def _is_below(path: str, above: str) -> bool:
    return not above or f"{path}/".startswith(f"{above}/")


def _innermost(store: Store) -> Store:
    while isinstance(store, WrapperStore):
        store = store.store
    return store


def _directory(store: Store, path: str) -> str:
    return os.path.realpath(f"{store.local_root}/{path}")


def _count(along: range, length: int) -> int:
    """Return how many boxes of a length a range touches."""
    return (along.stop - 1) // length - along.start // length + 1


def _choose_box(
    handle: ArrayHandle,
    target: list[tuple[range, int]],
    source: CopySource,
    periods: tuple[int, ...],
    most: int,
    least: int,
) -> list[int] | None:
    """Return the lengths of a box along the axes of the target; None if the source is to be read as a whole.

    most: bytes of a box, unless a stored object of the target is larger. least: bytes of a box,
    if there is more to copy.
    """
    itemsize = max(source.dtype.itemsize, handle.dtype.itemsize)
    extents = [max(along.stop, 1) for along, _ in target]
    reads = [periods[axis] if axis >= 0 else 1 for _, axis in target]
    lengths = [min(length, extent) for length, extent in zip(handle.grid, extents, strict=True)]
    axes = range(len(lengths))

    def often(axis: int, length: int) -> float:
        """Return how many times a chunk of the source is decoded for boxes of a length along the axis."""
        return 1 if length >= extents[axis] else 1 + (reads[axis] - gcd(length, reads[axis])) / length

    def grow(axis: int, length: int) -> bool:
        """Take a greater length if the memory allows; return whether it does."""
        length = min(length, extents[axis])
        fits = prod(lengths) // lengths[axis] * length * itemsize <= most
        lengths[axis] = length if fits else lengths[axis]
        return fits

    for axis in axes:
        grow(axis, lcm(lengths[axis], reads[axis]))
    while (worst := max(axes, key=lambda axis: often(axis, lengths[axis]), default=-1)) >= 0:
        if often(worst, lengths[worst]) == 1 or not grow(worst, 2 * lengths[worst]):
            break
    for axis in reversed(axes):
        while lengths[axis] < extents[axis] and prod(lengths) * itemsize < least and grow(axis, 2 * lengths[axis]):
            pass
    total = prod([often(axis, lengths[axis]) for axis in axes])
    return None if total > OFTEN and source.handle is not None and source.nbytes <= WHOLE_BYTES else lengths
