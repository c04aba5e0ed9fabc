"""Arrays whose elements vary in size, text and bytes: chunk by chunk in Python.

What the engine does with memory (copy, swap, fill) means nothing for elements that are references. The compressors and
the loops over a chunk's elements are compiled here too, and work without the GIL where they touch no Python object.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from simplezarr.codecs.base import ChunkSpec
from simplezarr.codecs.chain import python_pipeline, stored_order
from simplezarr.codecs.python_pipeline import PythonPipeline
from simplezarr.codecs.transpose import Transpose
from simplezarr.codecs.variable_shard import filled, is_fill
from simplezarr.engine.chunks.pipeline import CodecFailure
from simplezarr.engine.files.reader import Reader, read_version
from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.jobs.chunk_source import Source
from simplezarr.errors import ChangedError, ChunkError, TooLargeError
from simplezarr.indexing.selection import Selection, wrapped
from simplezarr.runtime import executor
from simplezarr.runtime.runs import assign
from simplezarr.transfer.regular import RegularTransfer

__all__ = ["VariableTransfer"]

Slices = tuple[Any, ...]
Encode = Callable[[np.ndarray], bytes]


class PointwisePlan:
    """A selection with lists of points as a plan: its elements one by one, sorted by the stored objects they are in.

    As in `Plan`, `n` is how many objects there are, `block` what is selected of one and its places in `view`.
    """

    def __init__(self, selection: Selection, stored: tuple[int, ...]):
        indices = [np.broadcast_to(index, selection.shape).reshape(-1) for index in coordinates(selection, stored)]
        numbers = np.stack([index // size for index, size in zip(indices, stored, strict=True)], axis=1)
        objects, which = np.unique(numbers, axis=0, return_inverse=True)
        self.n, self.shape = len(objects), selection.shape
        self.objects, self.indices = (
            objects.tolist(),
            [index % size for index, size in zip(indices, stored, strict=True)],
        )
        ends = np.cumsum(np.bincount(which.reshape(-1), minlength=self.n))
        self.places = np.split(np.argsort(which.reshape(-1), kind="stable"), ends[:-1])  # the last of several wins

    def view(self, out: np.ndarray) -> np.ndarray:
        """The elements of a contiguous array."""
        return out.reshape(-1)

    def block(self, i: int) -> tuple[tuple[int, ...], tuple, np.ndarray]:
        """Object number i: its index, the selection of its elements, and that of their places in `view`."""
        places = self.places[i]
        return tuple(self.objects[i]), tuple([index[places] for index in self.indices]), places


def coordinates(selection: Selection, stored: tuple[int, ...]) -> list[np.ndarray]:
    """For each axis of the array the index of each element; they broadcast to the selection's shape.

    Raises IndexError for points that are not in the array.
    """
    plan = selection.plan
    result = [np.empty(plan.shape, np.intp) for _ in stored]
    views = [plan.view(index) for index in result]
    for i in range(plan.n):
        chunk, source, places = plan.block(i)
        for axis, view in enumerate(views):
            part = source[axis]
            along = np.arange(part.start, part.stop, part.step) + chunk[axis] * stored[axis]
            view[places] = along.reshape(-1, *(1,) * (len(stored) - axis - 1))
    spread: list[slice | None] = [slice(None)] * len(plan.shape)
    for points in reversed(selection.points):
        spread[points.at : points.at] = [None] * len(points.shape)
    result = [index[tuple(spread)] for index in result]
    before = 0
    for points in selection.points:
        behind = len(selection.shape) - points.at - before - len(points.shape)
        for axis, index in zip(points.axes, points.indices, strict=True):
            counted = wrapped(np.broadcast_to(index, points.shape), selection.of[axis], axis)
            result[axis] = counted.reshape(*points.shape, *(1,) * behind)
        before += len(points.shape)
    return result


class VariableTransfer(RegularTransfer):
    """Reads and writes chunk by chunk in Python (see `transfer.protocol.Transfer`)."""

    __slots__ = ()
    shares_chunks = False

    def read(self, selection: Plan | Selection, out: np.ndarray) -> None:
        """Decode what is selected into `out`."""
        plan = self._plan(selection)
        if plan.n and isinstance(plan, PointwisePlan) and not out.flags.c_contiguous:
            contiguous = np.empty(out.shape, out.dtype)
            self._run(_Read(self.source, self._chain(), plan, contiguous))
            assign(out, contiguous)
        elif plan.n:
            self._run(_Read(self.source, self._chain(), plan, out))

    def write(self, selection: Plan | Selection, values: np.ndarray) -> None:
        """Store values where they are selected. Raise TypeError for elements that are not `bytes` if those are stored.

        If it fails, each chunk is as it was before or as it should be after.
        """
        dtype = self.metadata.data_type.numpy
        if dtype.kind != "T" or values.dtype != dtype:
            cast = np.empty(values.shape, dtype)
            assign(cast, values)
            values = cast
        if dtype.kind == "O":
            for item in values.reshape(-1).tolist():
                if not isinstance(item, bytes):
                    raise TypeError(f"{type(item).__name__} is not bytes; for text, the data type is StringDType()")
        plan = self._plan(selection)
        if plan.n:
            self._run(_Write(self.source, self._chain(), plan, values, self.metadata.shape, self.keep_empty))

    def read_many(self, plans: list[Plan], outs: list[np.ndarray]) -> None:
        """Decode what each plan selects into its own array, one after another."""
        for plan, out in zip(plans, outs, strict=True):
            self.read(plan, out)

    def _plan(self, selection: Plan | Selection) -> "Plan | PointwisePlan":
        return selection if isinstance(selection, Plan) else PointwisePlan(selection, self.metadata.chunk_shape)

    def _chain(self) -> PythonPipeline:
        return python_pipeline(self.metadata.codecs, self.metadata.spec)

    def _run(self, work: "_Read | _Write") -> None:
        executor.parallel_for(work.block, work.plan.n, executor.concurrency_for(self.store))


class _Work:
    """A read or write under way."""

    verb = "reading"

    def __init__(self, source: Source, chain: PythonPipeline, plan: Plan | PointwisePlan, out: np.ndarray):
        self.source, self.chain, self.plan, self.view = source, chain, plan, plan.view(out)
        self.spec = chain.specs[0]
        self.free = chain.most(0)
        self.fill = self.spec.dtype.scalar(self.spec.fill)
        self.order = stored_order(chain.array_array, self.spec) if chain.shard else ()
        self.basic = not isinstance(plan, PointwisePlan)
        walks = self.basic and not chain.bytes_bytes and all(type(codec) is Transpose for codec in chain.array_array)
        self.shard: Any = chain.shard if walks else None  # its inner chunks are chunks of the array

    @contextmanager
    def located(self, index: tuple[int, ...], key: str) -> Iterator[None]:
        """Gives what is raised the name of the chunk."""
        where = f"array '/{self.source.path}', chunk {index}, key {key!r}"
        try:
            yield
        except ChunkError:
            raise
        except (ChangedError, TooLargeError) as error:
            raise ChunkError(f"{where}: {error}", path=self.source.path, index=index, key=key) from None
        except CodecFailure as error:
            raise ChunkError(
                f"{where}: {error}", path=self.source.path, index=index, key=key, codec=error.codec
            ) from error.__cause__
        except Exception as error:
            error.add_note(f"while {self.verb} {where}")
            raise

    def stored(self, items: tuple) -> tuple:
        """What there is for each axis, in the order of the stored form."""
        return tuple([items[axis] for axis in self.order])

    def chunk(self, index: tuple[int, ...], inner: tuple[int, ...]) -> tuple[int, ...]:
        """The index of a shard's inner chunk in the array's grid."""
        chunk = list(index)
        for axis, length, number in zip(self.order, self.shard.grid, inner, strict=True):
            chunk[axis] = index[axis] * length + number
        return tuple(chunk)


class _Read(_Work):
    def place(self, places: Any, values: Any) -> None:
        """Put elements, or one for all places, into the result."""
        if self.basic:
            assign(self.view[places], values)
        else:
            self.view[places] = values

    def block(self, i: int) -> None:
        """Reads one stored object."""
        index, selection, places = self.plan.block(i)
        key = self.source.key(index)
        with self.located(index, key):
            if self.shard is not None:
                place = partial(self.place_shard, index, key, selection, self.view[places])
                read_version(self.source.store, key, place)
                return
            data = self.source.store.get_limited(key, self.free, holes=True)
            self.place(places, self.fill if data is None else self.chain(data)[selection])

    def place_shard(
        self, index: tuple[int, ...], key: str, selection: Slices, place: np.ndarray, reader: Reader
    ) -> None:
        """Only the inner chunks that are wanted, in one request behind that for the index."""
        shard = self.shard
        raw = reader.get_range(shard.index.start, shard.index.nbytes)
        if raw is None:
            assign(place, self.fill)
            return
        place = place.transpose(self.order)
        entries = shard.index.entries(raw)
        found = []
        for inner, part, at in shard.parts(self.stored(selection)):
            with self.located(self.chunk(index, inner), key):
                entry = shard.index.entry(entries, inner)
            if entry is None:
                assign(place[at], self.fill)
            else:
                found.append((inner, part, at, entry))
        shared = shard.shared(entry for *_, entry in found)
        reader.least = shard.index.end(entries)
        largest = max([0, *[nbytes for *_, (_, nbytes) in found]])
        if largest > self.free and reader.holes(self.free) > self.free:
            raise CodecFailure(
                f"sharding_indexed: {largest} bytes of an inner chunk, with holes that were never written"
            )
        values = reader.get_ranges([entry for *_, entry in found])
        if values is None:
            raise ChangedError(f"{key!r} was deleted while it was read in parts")
        for (inner, part, at, entry), value in zip(found, values, strict=True):
            with self.located(self.chunk(index, inner), key):
                assign(place[at], shared.check(entry, shard.inner(shard.part(value, entry)))[part])


class _Write(_Work):
    verb = "writing"

    def __init__(
        self,
        source: Source,
        chain: PythonPipeline,
        plan: Plan | PointwisePlan,
        value: np.ndarray,
        shape: tuple[int, ...],
        keep_empty: bool,
    ):
        from simplezarr.codecs.vlen import VLenUtf8

        super().__init__(source, chain, plan, value)
        self.shape, self.keep_empty = shape, keep_empty
        self.only_reads = (
            not chain.array_array and type(chain.array_bytes) is VLenUtf8
        )  # other codecs may keep the array

    def block(self, i: int) -> None:
        """Writes one stored object: made from the values alone where they cover it, as far as it lies in the array."""
        index, selection, places = self.plan.block(i)
        key, store = self.source.key(index), self.source.store
        value = self.view[places]
        inside = tuple(
            [
                min(size, length - number * size)
                for number, size, length in zip(index, self.spec.shape, self.shape, strict=True)
            ]
        )
        covered = self.basic and value.shape == inside
        with self.located(index, key), store.lock(key):
            data = None if covered else store.get_limited(key, self.free, holes=True)
            if self.shard is not None:
                new = self.changed_shard(index, key, data, selection, value)
            else:
                old = None if data is None else self.chain(bytes(data))
                new = self.changed(old, selection, value, self.spec, self.chain.encode)
            if new is None:
                store.delete(key)
            else:
                store.set(key, new)

    def changed(
        self, chunk: np.ndarray | None, selection: Slices, value: np.ndarray, spec: ChunkSpec, encode: Encode
    ) -> bytes | None:
        """A chunk with new values in it, encoded; None where it is to be deleted."""
        whole = self.basic and value.shape == spec.shape
        if whole and self.only_reads:
            return encode(value) if self.keep_empty or not is_fill(value, spec) else None
        if whole:
            chunk = np.empty(spec.shape, spec.dtype.numpy)
        elif chunk is None:
            chunk = filled(spec)
        if self.basic:
            assign(chunk[selection], value)
        else:
            chunk[selection] = value
        return encode(chunk) if self.keep_empty or not is_fill(chunk, spec) else None

    def changed_shard(
        self, index: tuple[int, ...], key: str, data: bytes | None, selection: Slices, value: np.ndarray
    ) -> bytes | None:
        """A shard in which the bytes of the inner chunks that are not touched stay as they are."""
        chunks = self.shard.split(data) if data is not None else {}
        value = value.transpose(self.order)
        for inner, part, at in self.shard.parts(self.stored(selection)):
            with self.located(self.chunk(index, inner), key):
                old = chunks.pop(inner, None)
                decoded = None if old is None else self.shard.inner(old)
                new = self.changed(decoded, part, value[at], self.shard.inner_spec, self.shard.inner.encode)
                if new is not None:
                    chunks[inner] = new
        return self.shard.joined(dict(sorted(chunks.items()))) if chunks else None
