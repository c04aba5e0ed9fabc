"""Values that are a stored array themselves, or a lazy selection of one: copied part by part, not all at once.

Where chunks lie upon chunks that are stored alike, they are copied as they are stored, without being decoded. All else
is copied in boxes. A box holds whole stored objects of what is written and, where that is not too much, whole chunks of
what is read. So each object is written once, by one thread, and a chunk is decoded once, or not much more often.
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

SMALL_BYTES = 1 << 20  # of values that are simply read
BOX_BYTES = 512 << 10  # of a box at least, where there is more: the work on it should outweigh its planning
ALL_BOXES_BYTES = 256 << 20  # of the boxes in hand at a time, unless single stored objects are larger
WHOLE_BYTES = 1 << 30  # of values that are rather read as a whole than with chunks decoded again and again
OFTEN = 2  # times that a chunk may be decoded, on average
STORED_BYTES = 64 << 10  # of a chunk that is copied as it is stored; below, the engine decodes and encodes it sooner
FILE_BYTES = 8 << 20  # of a chunk from where on its file is copied, not what it holds; below, it takes a few calls more

Box = tuple[slice, ...]
Put = Callable[[Box, np.ndarray], object]  # what writes a box


def plan_copy(handle: ArrayHandle, plan: Plan, value: object) -> "BoxCopy | StoredCopy | None":
    """Return how to copy a value to what a plan selects of an array; None if the value is to be read first."""
    source = copy_source(value)
    if source is None or source.nbytes <= SMALL_BYTES or source.shape != plan.shape or not _is_plain(handle, source):
        return None
    target = plan.ranges()
    if source.periods is None or any(along.step != 1 for along, _ in target) or _may_overlap(handle, target, source):
        return None
    width = max(executor.concurrency_for(handle.store), executor.concurrency_for(source.handle.store))
    box = source.box
    if box is not None and _is_stored_alike(handle, source.handle) and _lies_on_chunks(handle, target, source, box):
        return StoredCopy(handle, [along for along, _ in target], source.handle, box, width)
    if plan.n == 1:
        return None
    lengths = _choose_box(handle, target, source, source.periods, ALL_BOXES_BYTES // width)
    return None if lengths is None else BoxCopy(source, target, lengths, width)


class StoredCopy:
    """A copy of a box of an array to one of another, whose chunks (or shards) are stored alike: as they are stored.

    What of a chunk lies outside of both arrays is copied with it, and a damaged chunk is as damaged as it was.
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
        """Copies the chunks, in parallel; `put` is for copies that have values."""
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
        with nullcontext() if self.is_local else store.lock(key):  # who changes a part meanwhile has read the old one
            if value is None:
                store.delete(key)
            else:
                store.set(key, value)


class BoxCopy:
    """A copy of a source to the ranges of an array, in boxes that begin at multiples of their lengths."""

    def __init__(self, source: CopySource, target: list[tuple[range, int]], lengths: list[int], width: int):
        self.source, self.target, self.lengths, self.width = source, target, lengths, width
        self.counts = [_count(along, length) for (along, _), length in zip(target, lengths, strict=True)]
        self.room = prod([min(len(along), length) for (along, _), length in zip(target, lengths, strict=True)])
        self.buffers: list[np.ndarray] = []

    def run(self, put: Put) -> None:
        """Reads each box and hands it to `put`, with the selection of the array that it is for; in parallel."""
        executor.parallel_for(lambda number: self._copy(number, put), prod(self.counts), self.width)

    def _copy(self, number: int, put: Put) -> None:
        box, place = self._box(number)
        buffer = self._buffer()
        put(box, self.source.read(place, buffer))
        self.buffers.append(buffer)

    def _box(self, number: int) -> tuple[Box, tuple[Any, ...]]:
        """What a box selects of the array, and of the source."""
        box: list[slice] = []
        place: list[Any] = [slice(None)] * len(self.source.shape)
        axes = list(zip(self.target, self.lengths, self.counts, strict=True))
        for (along, axis), length, count in reversed(axes):  # the last axis first, as neighbours there share chunks
            start = (along.start // length + number % count) * length
            number //= count
            within = range(max(along.start, start), min(along.stop, start + length))
            box.append(slice(within.start, within.stop))
            if axis >= 0:
                place[axis] = slice(within.start - along.start, within.stop - along.start)
        return tuple(reversed(box)), (*place, ...)

    def _buffer(self) -> np.ndarray:
        """Room for a box; it goes from box to box, as fresh memory must be cleared by the system first."""
        try:
            return self.buffers.pop()
        except IndexError:
            return empty((self.room,), self.source.handle.dtype)


def _is_plain(handle: ArrayHandle, source: CopySource) -> bool:
    """Neither side has elements, or chunks, of several sizes; and nothing is lost without a word in casting."""
    kind, source_kind = handle.dtype.kind, source.handle.dtype.kind
    return (
        handle.metadata.grid is None
        and not handle.metadata.data_type.is_variable
        and source_kind in "biufcmM"
        and kind in "biufcmM"
        and (source_kind != "c" or kind == "c")
    )


def _is_stored_alike(target: ArrayHandle, source: ArrayHandle) -> bool:
    """Whether a stored chunk of the one means the same in the other, and one that is missing too."""
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


def _lies_on_chunks(handle: ArrayHandle, target: list[tuple[range, int]], source: CopySource, box: list[range]) -> bool:
    """Whether both sides begin with a chunk along each axis, and end with one or with their array."""
    if [axis for _, axis in target] != [*range(len(box))]:
        return False
    ends = zip(target, box, handle.grid, handle.shape, source.handle.shape, strict=True)
    return all(
        written.start % length == read.start % length == 0
        and (len(read) % length == 0 or (written.stop == our_end and read.stop == their_end))
        for (written, _), read, length, our_end, their_end in ends
    )


def _chunk_key(handle: ArrayHandle, first: list[int], place: list[int]) -> str:
    """The key of the chunk that lies at a place behind the first."""
    return join(handle.path, handle.metadata.chunk_keys.key(tuple(map(add, first, place))))


def _may_overlap(handle: ArrayHandle, target: list[tuple[range, int]], source: CopySource) -> bool:
    """Whether what is written might still have to be read: the same array, and not each element onto itself."""
    if source.is_whole and [along for along, _ in target] == [range(length) for length in handle.shape]:
        return False
    ours, theirs = _innermost(handle.store), _innermost(source.handle.store)
    if ours.local_root is not None and theirs.local_root is not None:
        return _directory(ours, handle.path) == _directory(theirs, source.handle.path)
    if handle.path != source.handle.path:
        return False
    if isinstance(ours, MemoryStore) and isinstance(theirs, MemoryStore):
        return ours.values is theirs.values
    return type(ours) is type(theirs)  # they may be two handles of one place


def may_lie_below(source: ArrayHandle, store: Store, path: str) -> bool:
    """Return whether a stored array might be deleted with the node at a path of a store."""
    ours, theirs, read = _innermost(store), _innermost(source.store), source.path
    if isinstance(ours, LocalStore) and isinstance(theirs, LocalStore):
        named = [f"{root}/{name}".rstrip("/") for root, name in ((ours.root, path), (theirs.root, read))]
        real = [os.path.realpath(name) for name in named]
        return _is_below(named[1], named[0]) or _is_below(real[1], real[0])  # a link above the source may be deleted
    if not _is_below(read, path):
        return False
    if isinstance(ours, MemoryStore) and isinstance(theirs, MemoryStore):
        return ours.values is theirs.values
    return type(ours) is type(theirs)  # they may be two handles of one place


def _is_below(path: str, above: str) -> bool:
    return not above or f"{path}/".startswith(f"{above}/")


def _innermost(store: Store) -> Store:
    while isinstance(store, WrapperStore):
        store = store.store
    return store


def _directory(store: Store, path: str) -> str:
    return os.path.realpath(f"{store.local_root}/{path}")


def _count(along: range, length: int) -> int:
    """Boxes of a length that a range touches."""
    return (along.stop - 1) // length - along.start // length + 1


def _choose_box(
    handle: ArrayHandle, target: list[tuple[range, int]], source: CopySource, periods: tuple[int, ...], most: int
) -> list[int] | None:
    """The lengths of a box along the axes of the array; None where all had better be read at once."""
    itemsize = max(source.handle.dtype.itemsize, handle.dtype.itemsize)
    extents = [max(along.stop, 1) for along, _ in target]
    reads = [periods[axis] if axis >= 0 else 1 for _, axis in target]
    lengths = [min(length, extent) for length, extent in zip(handle.grid, extents, strict=True)]
    axes = range(len(lengths))

    def often(axis: int, length: int) -> float:
        """How many times a chunk of the source is decoded for boxes of a length along the axis."""
        return 1 if length >= extents[axis] else 1 + (reads[axis] - gcd(length, reads[axis])) / length

    def grow(axis: int, length: int) -> bool:
        """Takes a greater length, if there is room for it."""
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
        while lengths[axis] < extents[axis] and prod(lengths) * itemsize < BOX_BYTES and grow(axis, 2 * lengths[axis]):
            pass
    total = prod([often(axis, lengths[axis]) for axis in axes])
    return None if total > OFTEN and source.nbytes <= WHOLE_BYTES else lengths
