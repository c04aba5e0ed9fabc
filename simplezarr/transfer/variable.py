"""Arrays whose elements vary in size, text and bytes: they are read and written chunk by chunk in Python.

Their elements are references, which the engine can't copy, swap or fill. The compressors and the loops over a chunk's
elements are compiled. They release the GIL unless they touch Python objects.
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
from simplezarr.engine.files.reader import Data, Reader, read_version
from simplezarr.engine.geometry.plan import Plan
from simplezarr.errors import ChangedError, ChunkError, TooLargeError, ZarrError
from simplezarr.indexing.selection import Selection, pointwise_selection, wrapped
from simplezarr.runtime import executor
from simplezarr.runtime.runs import assign
from simplezarr.transfer.protocol import Boxes, Conversion, Fields, Index, Places
from simplezarr.transfer.regular import RegularTransfer

__all__ = ["VariableTransfer"]

Slices = tuple[Any, ...]
Encode = Callable[[np.ndarray], bytes]


class PointwisePlan:
    """A selection with lists of points as a plan: its elements one by one, grouped by stored object.

    `n`, `shape`, `view` and `block` are used as those of a `Plan`.
    """

    def __init__(self, selection: Selection, stored: tuple[int, ...]):
        indices = [np.broadcast_to(index, selection.shape).reshape(-1) for index in coordinates(selection, stored)]
        numbers = np.stack([index // size for index, size in zip(indices, stored, strict=True)], axis=1)
        objects, which = np.unique(numbers, axis=0, return_inverse=True)
        self.n, self.shape, self.objects = len(objects), selection.shape, objects.tolist()
        self.indices = [index % size for index, size in zip(indices, stored, strict=True)]
        ends = np.cumsum(np.bincount(which.reshape(-1), minlength=self.n))
        self.places = np.split(np.argsort(which.reshape(-1), kind="stable"), ends[:-1])  # the last of several wins

    def view(self, out: np.ndarray) -> np.ndarray:
        """Return a contiguous array with one axis, of elements."""
        return out.reshape(-1)

    def block(self, i: int) -> tuple[Index, Slices, np.ndarray]:
        """Return the index of object number i, the selection of its elements, and their places in `view`."""
        places = self.places[i]
        return tuple(self.objects[i]), tuple([index[places] for index in self.indices]), places


def coordinates(selection: Selection, stored: tuple[int, ...]) -> list[np.ndarray]:
    """Return an index array for each axis of the array. Together they broadcast to the selection's shape.

    Raise IndexError for points that are not in the array.
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
    """Reads and writes chunk by chunk in Python; does what `Transfer` says."""

    __slots__ = ()
    shares_chunks = False

    def read(self, selection: Plan | Selection, out: np.ndarray, fields: Fields = None) -> None:
        """Decode what is selected into `out`. Such elements have no fields."""
        if isinstance(selection, Selection) and not out.flags.c_contiguous:
            contiguous = np.empty(out.shape, out.dtype)
            self._run(_Read(self, selection, contiguous))
            assign(out, contiguous)
        else:
            self._run(_Read(self, selection, out))

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
        self._run(_Write(self, selection, values))

    def read_many(self, plans: list[Plan], outs: list[np.ndarray]) -> None:
        """Decode what each plan selects into its own array, one after another."""
        for plan, out in zip(plans, outs, strict=True):
            self.read(plan, out)

    def read_boxes(self, boxes: Boxes, places: Places, conversion: Conversion | None, threads: int) -> None:
        """Decode boxes into their places, as points, so that each chunk is decoded once."""
        if not boxes.shape:  # so they are all the same element
            self.read_many(boxes.plans((), ()), places.views())
            return
        values = np.empty((len(boxes.starts), *boxes.shape), places.outs[0].dtype)
        self.read(pointwise_selection(boxes.points(), self.metadata.shape, self.metadata.chunk_shape), values)
        places.put(values)

    def _run(self, work: "_Read | _Write") -> None:
        if work.plan.n:
            executor.parallel_for(work.block, work.plan.n, executor.concurrency_for(self.store))


class _Work:
    """A read or write in progress."""

    verb = "reading"

    def __init__(self, transfer: VariableTransfer, selection: Plan | Selection, array: np.ndarray):
        metadata, self.source, self.store = transfer.metadata, transfer.source, transfer.store
        self.chain: PythonPipeline = python_pipeline(metadata.codecs, metadata.spec)
        self.basic = isinstance(selection, Plan)
        self.plan = selection if isinstance(selection, Plan) else PointwisePlan(selection, metadata.chunk_shape)
        self.view = self.plan.view(array)
        self.spec, self.free = metadata.spec, self.chain.most(0)
        self.fill = self.spec.dtype.scalar(self.spec.fill)
        chain = self.chain
        self.order = stored_order(chain.array_array, self.spec) if chain.shard else ()
        walks = self.basic and not chain.bytes_bytes and all(type(codec) is Transpose for codec in chain.array_array)
        self.shard: Any = chain.shard if walks else None  # its inner chunks are chunks of the array

    @contextmanager
    def located(self, index: Index, key: str) -> Iterator[None]:
        """Name the chunk in what is raised."""
        where = f"array '/{self.source.path}', chunk {index}, key {key!r}"
        try:
            yield
        except ChunkError:
            raise
        except (ChangedError, TooLargeError) as error:
            raise self.source.failure(index, key, str(error)) from None
        except CodecFailure as error:
            raise self.source.failure(index, key, str(error), error.codec) from error.__cause__
        except Exception as error:
            if isinstance(error, ZarrError):
                error.of_store(self.store)
            error.add_note(f"while {self.verb} {where}")
            raise

    def stored(self, items: Slices) -> Slices:
        """Return an item for each axis in the order of the stored form."""
        return tuple([items[axis] for axis in self.order])

    def chunk(self, index: Index, inner: Index) -> Index:
        """Return the index of a shard's inner chunk in the array's grid."""
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
        """Read one stored object."""
        index, selection, places = self.plan.block(i)
        key = self.source.key(index)
        with self.located(index, key):
            if self.shard is not None:
                place = partial(self.place_shard, index, key, selection, self.view[places])
                read_version(self.source.store, key, place)
                return
            data = self.source.store.get_limited(key, self.free, holes=True)
            self.place(places, self.fill if data is None else self.chain(bytes(data))[selection])

    def place_shard(self, index: Index, key: str, selection: Slices, place: np.ndarray, reader: Reader) -> None:
        """Read the requested inner chunks of a shard, with one request after that for the index."""
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

    def __init__(self, transfer: VariableTransfer, selection: Plan | Selection, values: np.ndarray):
        from simplezarr.codecs.vlen import VLenUtf8

        super().__init__(transfer, selection, values)
        self.shape, self.keep_empty = transfer.metadata.shape, transfer.keep_empty
        # Codecs other than these may keep the array that they are given.
        self.only_reads = not self.chain.array_array and type(self.chain.array_bytes) is VLenUtf8

    def block(self, i: int) -> None:
        """Write one stored object, without reading it if the values cover its part within the array."""
        index, selection, places = self.plan.block(i)
        key, store = self.source.key(index), self.source.store
        value = self.view[places]
        sides = zip(index, self.spec.shape, self.shape, strict=True)
        inside = tuple([min(size, length - number * size) for number, size, length in sides])
        covered = self.basic and value.shape == inside
        is_near = store.in_memory or store.local_root is not None
        keeps = covered and is_near and inside != self.spec.shape  # the array may have grown since it was opened

        def change(found: Data | None) -> bytes | None:
            data = None if found is None else bytes(found)
            keep = store.conditional and data is not None  # what is stored can't be removed
            if self.shard is not None:
                return self.changed_shard(index, key, data, selection, value, keep)
            old = None if data is None else self.chain(data)
            return self.changed(old, selection, value, self.spec, self.chain.encode, keep or self.keep_empty)

        with self.located(index, key):
            if store.conditional and not covered:
                store.update(key, change)
                return
            with store.lock(key):
                data = None if covered and not keeps else store.get_limited(key, self.free, holes=True)
                try:
                    new = change(data)
                except Exception:
                    if not keeps or data is None:
                        raise
                    new = change(None)  # all of a damaged chunk that lies in the array is written
                if new is None:
                    store.delete(key)
                else:
                    store.set(key, new)

    def changed(
        self,
        chunk: np.ndarray | None,
        selection: Slices,
        value: np.ndarray,
        spec: ChunkSpec,
        encode: Encode,
        keep_empty: bool,
    ) -> bytes | None:
        """Return a chunk with new values in it, encoded; None if it is to be deleted."""
        whole = self.basic and value.shape == spec.shape
        if whole and self.only_reads:
            return encode(value) if keep_empty or not is_fill(value, spec) else None
        if whole:
            chunk = np.empty(spec.shape, spec.dtype.numpy)
        elif chunk is None:
            chunk = filled(spec)
        if self.basic:
            assign(chunk[selection], value)
        else:
            chunk[selection] = value
        return encode(chunk) if keep_empty or not is_fill(chunk, spec) else None

    def changed_shard(
        self, index: Index, key: str, data: bytes | None, selection: Slices, value: np.ndarray, keep: bool
    ) -> bytes | None:
        """Return a shard with new values. The bytes of inner chunks that are not touched stay as they are.

        keep: whether a shard without inner chunks is stored too.
        """
        chunks = self.shard.split(data) if data is not None else {}
        value = value.transpose(self.order)
        for inner, part, at in self.shard.parts(self.stored(selection)):
            with self.located(self.chunk(index, inner), key):
                old = chunks.pop(inner, None)
                decoded = None if old is None else self.shard.inner(old)
                encode = self.shard.inner.encode
                new = self.changed(decoded, part, value[at], self.shard.inner_spec, encode, self.keep_empty)
                if new is not None:
                    chunks[inner] = new
        return self.shard.joined(dict(sorted(chunks.items()))) if chunks or keep else None
