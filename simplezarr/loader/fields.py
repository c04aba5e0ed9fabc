"""The arrays that samples are cut from: which box of each array a sample is, and how it lies in a batch."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from fractions import Fraction
from functools import cached_property
from itertools import chain

import numpy as np

from simplezarr.engine.chunks.moves import converts
from simplezarr.loader.cast import Cast
from simplezarr.loader.chunk_cache import ChunkCache
from simplezarr.loader.samples import AxisName, SampleKind, Windows
from simplezarr.nodes.array import Array
from simplezarr.transfer.boxes import Boxes, Conversion, Places, read_boxes
from simplezarr.transfer.handle import ArrayHandle, open_handle

__all__ = ["ALONE", "Arrays", "Field", "cached", "joined", "make_fields", "read_together"]

#: The name of the only field, if the loader was given one array instead of a mapping.
ALONE = ""

#: One array, or arrays by name. Arguments that concern each of them are given alike.
Arrays = Array | Mapping[str, Array]


@dataclass(frozen=True)
class Field:
    """An array, the samples that are cut from it, and the cast of their elements.

    - axes: those of the array that samples are cut along.
    - by_element: whether each element of a window is read as a box by itself.
    - scale: for each of the axes, how long a box is compared with that in the first array; empty if it is as long.
    - frame: the lengths of the first array, if there is a scale.
    - cache: keeps decoded chunks, or None.
    """

    name: str
    array: Array
    samples: SampleKind
    axes: tuple[int, ...]
    cast: Cast | None
    by_element: bool = False
    scale: tuple[Fraction, ...] = ()
    frame: tuple[int, ...] = ()
    cache: ChunkCache | None = None

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """Copy without what was computed, which belongs to one process."""
        return Field, tuple([getattr(self, part.name) for part in dataclass_fields(self)])

    @cached_property
    def stored(self) -> ArrayHandle:
        """The array at the time at which it is first read. If it is resized later, the samples stay what they are."""
        array = self.array
        return open_handle(array.store, array.path, array.metadata, True, array.write_empty_chunks)

    @cached_property
    def handle(self) -> ArrayHandle:
        """The same elements, read by way of the cache if there is one."""
        return self.stored if self.cache is None else self.cache.over(self.stored)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths along the axes in which samples are counted: those of the array, or else of the first one."""
        return self.frame or tuple([self.array.shape[axis] for axis in self.axes])

    def starts(self, numbers: np.ndarray, seed: int, epoch: int) -> np.ndarray:
        """Return where samples begin in the array: intp of shape (n, k), for k axes."""
        return self.scaled(self.samples.starts(numbers, self.lengths, seed, epoch))

    def scaled(self, starts: np.ndarray) -> np.ndarray:
        """Return starts in the array, from those in the first one."""
        if not self.scale:
            return starts
        factors = [(factor.numerator, factor.denominator) for factor in self.scale]
        numerators, denominators = np.array(factors, np.intp).T
        inside: np.ndarray = starts * numerators // denominators
        return inside

    @cached_property
    def box(self) -> tuple[int, ...]:
        """The shape of the elements between a sample's first and last, on all axes of the array."""
        shape = list(self.array.shape)
        for k, (axis, length) in enumerate(zip(self.axes, self.samples.extent, strict=True)):
            shape[axis] = int(length * self.scale[k]) if self.scale else length
        return tuple(shape)

    @cached_property
    def dtype(self) -> np.dtype:
        """The data type of what is delivered."""
        return self.array.dtype if self.cast is None else self.cast.dtype

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample as it is delivered."""
        shape = self._stored_shape
        return (shape[-1], *shape[:-1]) if self._channels_first else shape

    @property
    def nbytes(self) -> int:
        """The bytes of a sample as it is delivered."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def near(self) -> bool:
        """Whether the array's store answers without waiting."""
        store = self.array.store
        return store.in_memory or store.concurrency is None

    def touches(self, starts: np.ndarray, index: tuple[int, ...]) -> np.ndarray:
        """Return for each sample whether it has an element in a chunk of the array."""
        box, _ = self.handle.transfer.chunk_box(index)
        touching = np.ones(len(starts), bool)
        for k, axis in enumerate(self.axes):
            begin = starts[:, k]
            touching &= (begin < box[axis].stop) & (begin + self.box[axis] > box[axis].start)
        return touching

    @cached_property
    def _stored_shape(self) -> tuple[int, ...]:
        shape = list(self.box)
        if self.samples.stride > 1:
            shape[self.axes[0]] = (shape[self.axes[0]] - 1) // self.samples.stride + 1
        return tuple([n for axis, n in enumerate(shape) if not (self.samples.squeezed and axis in self.axes)])

    @property
    def _channels_first(self) -> bool:
        return self.cast is not None and self.cast.channels_first

    @cached_property
    def conversion(self) -> Conversion | None:
        """The cast as the engine takes it, None if it is one that NumPy's assignment makes."""
        cast, stored = self.cast, self.array.dtype
        if cast is None or (cast.plain and (cast.dtype == stored or not converts(stored, cast.dtype))):
            return None
        per_channel = [np.asarray(factor) for factor in (cast.scale, cast.offset) if isinstance(factor, tuple)]
        axis = None
        if per_channel:
            kept = [d for d in range(self.array.ndim) if not (self.samples.squeezed and d in self.axes)]
            axis = kept[cast.axis]
            if any(len(factor) != self.box[axis] for factor in per_channel):
                raise ValueError(
                    f"Cast: along axis {cast.axis} a number for each of {self.box[axis]} channels is needed"
                )
        return Conversion(cast.dtype, _as_factor(cast.scale), _as_factor(cast.offset), axis)

    def as_boxes(self, values: np.ndarray) -> list[np.ndarray]:
        """Return where boxes go in a batch, an array of shape (rows, *shape): views with the axes of the array.

        There is one view, or one for each element of a window if these are read by themselves.
        """
        if self._channels_first:
            values = np.moveaxis(values, 1, -1)
        if self.samples.squeezed:
            values = np.expand_dims(values, tuple([axis + 1 for axis in self.axes]))
        if not self.by_element:
            return [values]
        axis = self.axes[0] + 1
        return [np.expand_dims(element, axis) for element in np.moveaxis(values, axis, 0)]

    def boxes(self, starts: np.ndarray, batch: np.ndarray, row: np.ndarray) -> tuple[Boxes, np.ndarray, np.ndarray]:
        """Return the boxes of samples, and for each the number of its view and its row there.

        - starts: where each of n samples begins along the axes, shape (n, k).
        - batch, row: the number of each sample's batch, and its row there.
        """
        first = np.zeros((len(starts), self.array.ndim), np.intp)
        first[:, self.axes] = starts
        if not self.by_element:
            return Boxes(first, self.box), batch, row
        axis, stride = self.axes[0], self.samples.stride
        length = (self.box[axis] - 1) // stride + 1
        first, steps = np.repeat(first, length, axis=0), np.tile(np.arange(length), len(first))
        first[:, axis] += steps * stride
        box = (*self.box[:axis], 1, *self.box[axis + 1 :])
        return Boxes(first, box), np.repeat(batch, length) * length + steps, np.repeat(row, length)


def read_together(
    fields: Sequence[Field],
    starts: Sequence[np.ndarray],
    batches: Sequence[list[list[np.ndarray]]],
    batch: np.ndarray,
    row: np.ndarray,
    threads: int = 0,
) -> None:
    """Read samples of one or several views of an array into their batches. Each chunk is decoded once.

    - starts: for each field where its samples begin.
    - batches: for each field the batches, as `Field.as_boxes` returns them.
    - batch, row: the number of each sample's batch in these lists, and its row there.
    - threads: the most threads that work on it, with 1 the caller alone; 0: as many as any other read has.
    """
    outs: list[np.ndarray] = []
    parts = []
    for field, begin, views in zip(fields, starts, batches, strict=True):
        boxes, out, at = field.boxes(begin, batch, row)
        parts.append((boxes.starts, out + len(outs), at))
        outs.extend(chain.from_iterable(views))
    first, out, at = parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]
    read_boxes(
        fields[0].handle, Boxes(first, boxes.shape), Places(outs, out, at), fields[0].conversion, threads=threads
    )


def joined(fields: Sequence[Field]) -> list[list[int]]:
    """Return the numbers of the fields in lists: those of a list are views of one array, which are read together."""
    lists: dict[object, list[int]] = {}
    for number, field in enumerate(fields):
        key = _view(field) if field.by_element else number
        lists.setdefault(key, []).append(number)
    return list(lists.values())


def make_fields(
    arrays: Arrays, samples: SampleKind | Mapping[str, SampleKind], cast: Cast | Mapping[str, Cast] | None
) -> tuple[Field, ...]:
    """Return the fields that the arguments of a loader describe, in the order of their names."""
    if isinstance(samples, Mapping) and not isinstance(arrays, Mapping):
        arrays = dict.fromkeys(samples, arrays)  # several views of one array
    named = arrays if isinstance(arrays, Mapping) else {ALONE: arrays}
    if not named:
        raise ValueError("Loader: there must be at least one array")
    kinds = samples if isinstance(samples, Mapping) else dict.fromkeys(named, samples)
    casts = cast if isinstance(cast, Mapping) else {} if cast is None else dict.fromkeys(named, cast)
    for what, given in (("samples", kinds), ("cast", casts)):
        unknown = set(given) - set(named)
        if unknown:
            raise ValueError(f"Loader: {what} has {sorted(unknown)}, but the arrays are {sorted(named)}")
    if set(kinds) != set(named):
        raise ValueError(f"Loader: samples are missing for {sorted(set(named) - set(kinds))}")
    fields = [_make_field(name, array, kinds[name], casts.get(name)) for name, array in named.items()]
    views = Counter(_view(field) for field in fields if isinstance(field.samples, Windows))
    return tuple(
        [
            replace(field, by_element=field.samples.stride > 1 or views[_view(field)] > 1)
            if isinstance(field.samples, Windows)
            else field
            for field in fields
        ]
    )


def cached(fields: Sequence[Field], limit: int | None) -> tuple[Field, ...]:
    """Return the fields with a cache for all of them, of so many bytes; without one if that is None."""
    cache = None if limit is None else ChunkCache(limit)
    return tuple([replace(field, cache=cache) for field in fields])


def _view(field: Field) -> tuple[object, ...]:
    """Return what windows that are read together have in common."""
    return id(field.array), field.axes, field.cast


def _make_field(name: str, array: Array, samples: SampleKind, cast: Cast | None) -> Field:
    if not isinstance(array, Array):
        raise TypeError(
            f"Loader: {name or 'the array'} must be a simplezarr.Array, not {type(array).__name__}; open it first"
        )
    if isinstance(samples, type) or not hasattr(samples, "starts"):
        shown = samples.__name__ if isinstance(samples, type) else type(samples).__name__
        raise TypeError(f"Loader: samples must be Rows(), Windows(…), Crops(…) or Boxes(…), not {shown}; make one")
    if isinstance(cast, str | np.dtype | type):
        cast = Cast(cast)
    return Field(name, array, samples, tuple([_axis(array, axis) for axis in samples.axes]), cast)


def _axis(array: Array, axis: AxisName) -> int:
    """Return the number of an axis of the array. Raise ValueError if it has no such axis."""
    if isinstance(axis, str):
        names = array.dimension_names or ()
        if axis not in names:
            raise ValueError(f"array {array.name}: no axis is named {axis!r}; their names are {array.dimension_names}")
        return names.index(axis)
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"array {array.name} has {array.ndim} axes, so there is no axis {axis}")
    return axis % array.ndim


def _as_factor(factor: float | tuple[float, ...]) -> float | np.ndarray:
    return np.asarray(factor) if isinstance(factor, tuple) else factor
