"""Shards of elements that vary in size. NumPy holds references to these, so the engine can't place them."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np

from simplezarr.codecs.base import ChunkSpec, Data
from simplezarr.codecs.limits import FREE_BYTES, FREE_PER_ELEMENT
from simplezarr.codecs.python_pipeline import PythonPipeline
from simplezarr.codecs.shard_index import Entry, ShardIndex, failure
from simplezarr.codecs.sharding import Sharding
from simplezarr.runtime.runs import assign, runs

__all__ = ["VariableShard", "filled", "is_fill"]

Slices = tuple[Any, ...]


def filled(spec: ChunkSpec) -> np.ndarray:
    """Return a chunk in which every element is the fill value."""
    array = np.empty(spec.shape, spec.dtype.numpy)
    assign(array, spec.dtype.scalar(spec.fill))
    return array


def is_fill(array: np.ndarray, spec: ChunkSpec) -> bool:
    """Return whether all elements are the fill value."""
    fill = spec.dtype.scalar(spec.fill)
    parts = (array[index] for index in runs(array.shape))
    return all(part.reshape(-1).tolist().count(fill) == part.size for part in parts)


class Shared:
    """A limit for inner chunks whose stored bytes overlap: together they may decode to as much as one chunk.

    Otherwise a few bytes that the index gives to every inner chunk could become any amount of text.

    - entries: offset and length of each inner chunk.
    - most: the limit in bytes.

    Raise CodecFailure if more than `FREE_BYTES` bytes are shared.
    """

    def __init__(self, entries: Iterable[Entry], most: int):
        self.most = self.left = most
        self.entries: set[Entry] = set()
        end, surplus = 0, 0
        for start, nbytes in sorted(entries):
            if start < end and nbytes:
                self.entries.add((start, nbytes))
                surplus += min(end, start + nbytes) - start
            end = max(end, start + nbytes)
        if surplus > FREE_BYTES:
            raise failure(f"the index gives {surplus} bytes to more than one inner chunk; the limit is {FREE_BYTES}")

    def check(self, entry: Entry, array: np.ndarray) -> np.ndarray:
        """Return the decoded inner chunk of an entry; raise CodecFailure if the limit is passed."""
        if entry in self.entries:
            self.left -= array.nbytes + sum(map(len, array.reshape(-1).tolist()))
            if self.left < 0:
                raise failure(f"inner chunks that share stored bytes decode to more than {self.most} bytes")
        return array


class VariableShard:
    """Reads and writes shards of one shape and data type, inner chunk by inner chunk.

    - codec, spec: the sharding codec and the shard.
    - inner: the pipeline of an inner chunk; index: the index of the shard.
    """

    def __init__(self, codec: Sharding, spec: ChunkSpec, inner: PythonPipeline, index: ShardIndex):
        self.spec, self.inner_spec = spec, codec.inner_spec(spec)
        self.inner, self.index, self.grid = inner, index, index.grid
        order = codec.write_order(spec.shape)
        self.write_order = None if order is None else [*_keys(self.grid, np.frombuffer(order, np.int64))]
        self.whole = tuple([slice(0, length, 1) for length in spec.shape])

    def shared(self, entries: Iterable[Entry]) -> Shared:
        """Return the limit for inner chunks whose stored bytes overlap."""
        return Shared(entries, FREE_BYTES + FREE_PER_ELEMENT * self.spec.size)

    def parts(self, source: Slices) -> Iterator[tuple[tuple[int, ...], Slices, Slices]]:
        """Yield each inner chunk that a selection touches: index, selection within it, and places in the result."""
        sizes = self.inner_spec.shape
        for parts in product(*[_split(item, size) for item, size in zip(source, sizes, strict=True)]):
            numbers, within, places = zip(*parts, strict=True) if parts else ((), (), ())
            yield numbers, (*within, ...), (*places, ...)  # the ellipsis keeps an array without axes an array

    def split(self, data: Data) -> dict[tuple[int, ...], bytes]:
        """Return the encoded inner chunks of a shard by index; raise CodecFailure if the shard's index is damaged."""
        entries, entry_at = self.index.entries(self.index.cut(data)), self.index.entry
        found = {index: entry for index in np.ndindex(self.grid) if (entry := entry_at(entries, index)) is not None}
        self.shared(found.values())
        return {index: self.part(data[entry[0] : sum(entry)], entry) for index, entry in found.items()}

    def part(self, data: Data, entry: Entry) -> bytes:
        """Return the bytes that were read at an entry; raise CodecFailure if they are fewer than the entry says."""
        if len(data) != entry[1]:
            raise failure(f"the index places {entry[1]} bytes at {entry[0]}, beyond the end of the shard")
        return bytes(data)

    def decode(self, data: Data) -> np.ndarray:
        """Return the elements of a shard; raise CodecFailure if it can't be decoded."""
        array, entries = filled(self.spec), self.index.entries(self.index.cut(data))
        found = [(self.index.entry(entries, index), place) for index, _, place in self.parts(self.whole)]
        stored = [(entry, place) for entry, place in found if entry is not None]
        shared = self.shared(entry for entry, _ in stored)
        for entry, place in stored:
            assign(array[place], shared.check(entry, self.inner(self.part(data[entry[0] : sum(entry)], entry))))
        return array

    def encode(self, array: np.ndarray) -> bytes:
        """Return the shard of an array of its shape; inner chunks that are all fill value are left out."""
        chunks: dict[tuple[int, ...], bytes] = {}
        for index, _, place in self.parts(self.whole):
            if not is_fill(array[place], self.inner_spec):
                chunks[index] = self.inner.encode(array[place])
        return self.joined(chunks)

    def joined(self, chunks: dict[tuple[int, ...], bytes]) -> bytes:
        """Return the shard of some encoded inner chunks."""
        entries = self.index.empty()
        offset = self.index.nbytes if self.index.is_first else 0
        order = [*chunks] if self.write_order is None else [key for key in self.write_order if key in chunks]
        for index in order:
            entries[index] = offset, len(chunks[index])
            offset += len(chunks[index])
        parts = [chunks[index] for index in order]
        parts.insert(0 if self.index.is_first else len(parts), self.index.encode(entries))
        return b"".join(parts)


def _keys(grid: tuple[int, ...], numbers: np.ndarray) -> Iterator[tuple[int, ...]]:
    yield from zip(*[axis.tolist() for axis in np.unravel_index(numbers, grid)], strict=True)


def _split(source: slice, size: int) -> list[tuple[int, slice, slice]]:
    """Return the parts of a selection along one axis, by inner chunks of `size`: number, selection in it, places."""
    parts = []
    start, stop, step = source.start, source.stop, source.step
    for number in range(start // size, (stop - 1) // size + 1):
        first = max(0, -((start - number * size) // step))  # selected elements before this inner chunk
        last = (min(stop, (number + 1) * size) - 1 - start) // step
        if first <= last:
            begin = start + first * step - number * size
            parts.append((number, slice(begin, begin + (last - first) * step + 1, step), slice(first, last + 1)))
    return parts
