"""Arrays whose elements vary in size, text and bytes: chunk by chunk in Python.

What the engine does with memory (copy, swap, fill) means nothing for elements that are references. The compressors and
the loops over a chunk's elements are compiled here too, and work without the GIL where they touch no Python object.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from simplezarr import executor
from simplezarr._chunks import Source
from simplezarr._pipeline import CodecFailure
from simplezarr._plan import Plan
from simplezarr.codecs.chain import PythonChain, stored_order
from simplezarr.codecs.transpose import Transpose
from simplezarr.codecs.variable import filled, is_fill
from simplezarr.errors import ChunkError

__all__ = ["read_objects", "write_objects"]

Slices = tuple[slice, ...]


def read_objects(source: Source, chain: PythonChain, plan: Plan, out: np.ndarray) -> None:
    """Decodes what the plan selects into `out`, an array of the plan's shape and the chain's data type.

    Raises ChunkError for a chunk that can't be decoded, and what the store raises.
    """
    if plan.n:
        executor.run(_Read(source, chain, plan, out).block, plan.n)


def write_objects(
    source: Source, chain: PythonChain, plan: Plan, value: np.ndarray, shape: tuple[int, ...], keep_empty: bool
) -> None:
    """Stores `value` where the plan selects.

    value: an array of the plan's shape, in any data type that NumPy can cast; shape: of the array that is written to;
    keep_empty: whether chunks that are all fill value are stored. Raises TypeError for elements that are not `bytes`
    where those are stored, ChunkError for a chunk that must be read first and can't be decoded, and what the store
    raises. Each chunk then is as it was before or as it should be after.
    """
    dtype = chain.specs[0].dtype
    array = np.empty(value.shape, dtype.numpy)
    array[...] = value
    if dtype.numpy.hasobject and dtype.numpy.kind == "O":
        for item in array.reshape(-1).tolist():
            if not isinstance(item, bytes):
                raise TypeError(
                    f"{item!r} is {type(item).__name__}, not bytes; for text, use the data type numpy.dtypes.StringDType()"
                )
    if plan.n:
        executor.run(_Write(source, chain, plan, array, shape, keep_empty).block, plan.n)


class _Work:
    """A read or write under way."""

    verb = "reading"

    def __init__(self, source: Source, chain: PythonChain, plan: Plan, out: np.ndarray):
        self.source, self.chain, self.plan, self.view = source, chain, plan, plan.view(out)
        self.spec = chain.specs[0]
        self.fill = self.spec.dtype.scalar(self.spec.fill)

    @contextmanager
    def located(self, index: tuple[int, ...], key: str) -> Iterator[None]:
        """Gives what is raised the name of the chunk."""
        where = f"array '/{self.source.path}', chunk {index}, key {key!r}"
        try:
            yield
        except ChunkError:
            raise
        except CodecFailure as error:
            raise ChunkError(
                f"{where}: {error}", path=self.source.path, index=index, key=key, codec=error.codec
            ) from error.__cause__
        except Exception as error:
            error.add_note(f"while {self.verb} {where}")
            raise


class _Read(_Work):
    def __init__(self, source: Source, chain: PythonChain, plan: Plan, out: np.ndarray):
        super().__init__(source, chain, plan, out)
        walks = not chain.bytes_bytes and all(type(codec) is Transpose for codec in chain.array_array)
        self.shard: Any = chain.shard if walks else None  # its inner chunks are chunks of the array

    def block(self, i: int) -> None:
        """Reads one stored object."""
        index, selection, places = self.plan.block(i)
        key = self.source.key(index)
        place = self.view[places]
        with self.located(index, key):
            if self.shard is not None:
                self.place_shard(index, key, selection, place)
                return
            data = self.source.store.get(key)
            place[...] = self.fill if data is None else self.chain(data)[selection]

    def place_shard(self, index: tuple[int, ...], key: str, selection: Slices, place: np.ndarray) -> None:
        """Only the inner chunks that are wanted, in one request behind that for the index."""
        shard, store = self.shard, self.source.store
        raw = store.get_range(key, 0 if shard.index_first else -shard.index_nbytes, shard.index_nbytes)
        if raw is None:
            place[...] = self.fill
            return
        order = stored_order(self.chain.array_array, self.chain.specs[0])
        place = place.transpose(order)
        entries = shard.entries(raw)
        stored = []
        for inner, part, at in shard.parts(tuple([selection[axis] for axis in order])):
            with self.located(self.chunk(index, inner, order), key):
                entry = shard.entry(entries, inner)
            if entry is None:
                place[at] = self.fill
            else:
                stored.append((inner, part, at, entry))
        values = store.get_ranges(key, [entry for *_, entry in stored]) or ()
        for (inner, part, at, entry), value in zip(stored, values, strict=True):
            with self.located(self.chunk(index, inner, order), key):
                place[at] = shard.decode_inner(value, entry)[part]

    def chunk(self, index: tuple[int, ...], inner: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
        """The index of a shard's inner chunk in the array's grid."""
        chunk = list(index)
        for axis, length, number in zip(order, self.shard.grid, inner, strict=True):
            chunk[axis] = index[axis] * length + number
        return tuple(chunk)


class _Write(_Work):
    verb = "writing"

    def __init__(
        self,
        source: Source,
        chain: PythonChain,
        plan: Plan,
        value: np.ndarray,
        shape: tuple[int, ...],
        keep_empty: bool,
    ):
        super().__init__(source, chain, plan, value)
        self.shape, self.keep_empty = shape, keep_empty

    def block(self, i: int) -> None:
        """Writes one stored object: made from the values alone where they cover it, as far as it lies in the array."""
        index, selection, places = self.plan.block(i)
        key, store = self.source.key(index), self.source.store
        value = self.view[places]
        inside = tuple([
            min(size, length - number * size)
            for number, size, length in zip(index, self.spec.shape, self.shape, strict=True)
        ])
        with self.located(index, key), store.lock(key):
            chunk = filled(self.spec)
            data = None if value.shape == inside else store.get(key)
            if data is not None:
                kept = tuple([slice(length) for length in inside])
                chunk[kept] = self.chain(bytes(data))[kept]
            chunk[selection] = value
            if is_fill(chunk, self.spec) and not self.keep_empty:
                store.delete(key)
            else:
                store.set(key, self.chain.encode(chunk))
