"""What an epoch costs and how well its order mixes, before anything is read."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simplezarr.hierarchy.inventory import grid_shape
from simplezarr.loader.cells import CellGrid
from simplezarr.loader.fields import Field
from simplezarr.loader.ring import CONSUMED
from simplezarr.loader.schedule import Schedule, StreamPlan
from simplezarr.runtime.executor import concurrency_for, get_num_threads

__all__ = ["Description", "Mixing", "describe", "mixing"]

_MOST_GROUPS, _MOST_SIZES = 64, 16  # that are looked at
_RUN = 1 << 20  # bytes of a local shard that a thread reads at a time
_ORDER = 192  # bytes for each sample of all ranks, while an order is made and the one before it is still held
_CORRELATIONS = (0.1, 0.5, 1.0)


class Mixing(NamedTuple):
    """How well an order mixes, compared with one in which every order is equally likely.

    - lift: how many times as often two samples of a batch are of one chunk.
    - mix: the number of different chunks in a batch, as a share of that in such an order.
    - same: the chance that two samples of a batch are of one chunk.
    """

    lift: float
    mix: float
    same: float


@dataclass(frozen=True)
class Description:
    """What an epoch costs and how well its order mixes; as text a few lines.

    - batches, samples: of this rank in an epoch.
    - resident_bytes: memory of the batches that are being filled: those of the window, and those that are read ahead.
    - bound_bytes: with what the threads need besides, the order, and the two batches that a loop has while it takes
      the next. What threads need is an estimate, too. The process has some MiB more, for example for stacks of threads.
    - cache_bytes, cached: what the cache may hold, and the share of all decoded chunks that it has room for. 0 without.
    - chunks_per_sample, decoded_per_sample, stored_per_sample: chunks, bytes of decoded chunks and stored bytes that
      are read for a sample, without what a cache saves. The last is an estimate from the sizes of a few stored objects.
    - lift, mix: see `Mixing`.
    - deff: the variance of a batch's mean, as a multiple of that of independent samples, if samples of one chunk have
      a correlation of 0.1, 0.5 or 1. A batch is worth as many independent samples as its size divided by it.
    """

    batch_size: int
    batches: int
    samples: int
    resident_bytes: int
    bound_bytes: int
    cache_bytes: int
    cached: float
    chunks_per_sample: float
    decoded_per_sample: float
    stored_per_sample: float
    lift: float
    mix: float
    deff: dict[float, float]

    def __str__(self) -> str:
        worth = self.batch_size / self.deff[0.5]
        return "\n".join(
            [
                f"{self.batches} batches of {self.batch_size}, {self.samples} samples",
                f"memory: {_size(self.resident_bytes)} for batches being filled, at most {_size(self.bound_bytes)}",
                *([f"cache: {_size(self.cache_bytes)}, {self.cached:.0%} of all chunks"] if self.cache_bytes else []),
                f"for each sample: {self.chunks_per_sample:.3g} chunks, {_size(self.decoded_per_sample)} decoded, "
                f"about {_size(self.stored_per_sample)} stored",
                f"mixing: lift {self.lift:.2f}, mix {self.mix:.2f}; "
                f"if samples of a chunk correlate by 0.5, a batch is worth {worth:.0f} independent samples",
            ]
        )


def describe(schedule: Schedule) -> Description:
    """Return the description of the first epoch."""
    plans, fields, b = schedule.plans(0), schedule.fields, schedule.batch_size
    sizes = [_stored_sizes(field) for field in fields]
    chunks, decoded, stored = _cost(schedule, plans, sizes)
    held = [min(plan.ring, plan.batches) for plan in plans]
    resident = sum(held) * schedule.batch_bytes
    working = max([_working_bytes(field, of_field) for field, of_field in zip(fields, sizes, strict=True)])
    cache_bytes, decoded_bytes = _cache_room(fields)
    quality = mixing(chunk_numbers(schedule), b)
    return Description(
        batch_size=b,
        batches=schedule.batches,
        samples=len(schedule.order(0)),
        resident_bytes=resident,
        bound_bytes=resident + CONSUMED * schedule.batch_bytes + working + cache_bytes + schedule.listed * _ORDER,
        cache_bytes=cache_bytes,
        cached=min(1.0, cache_bytes / decoded_bytes) if cache_bytes else 0.0,
        chunks_per_sample=chunks,
        decoded_per_sample=decoded,
        stored_per_sample=stored,
        lift=quality.lift,
        mix=quality.mix,
        deff={rho: 1 + rho * (b - 1) * quality.same for rho in _CORRELATIONS},
    )


def chunk_numbers(schedule: Schedule) -> np.ndarray:
    """Return the chunk of the first array that each sample of epoch 0 begins in, in the order of delivery."""
    field = schedule.fields[0]
    starts = field.starts(schedule.order(0), schedule.seed, 0)
    return CellGrid(field, 1).numbers(starts)


def mixing(chunks: np.ndarray, batch_size: int) -> Mixing:
    """Return how well an order mixes.

    chunks: the number of each sample's chunk, in the order of delivery.

    >>> mixing(np.array([0, 1, 0, 1]), 2)
    Mixing(lift=0.0, mix=1.3333333333333333, same=0.0)
    """
    n = len(chunks) // batch_size * batch_size
    if n == 0 or batch_size < 2:
        return Mixing(1.0, 1.0, 0.0)
    counts = np.unique(chunks, return_counts=True)[1].astype(float)
    total = float(len(chunks))
    uniform = float((counts * (counts - 1)).sum() / (total * (total - 1)))
    batches = np.sort(chunks[:n].reshape(-1, batch_size), axis=1)
    begins = np.flatnonzero(np.diff(batches, axis=1, prepend=-1).reshape(-1))  # of runs of one chunk
    runs = np.diff(np.append(begins, n)).astype(float)
    same = float((runs * (runs - 1)).sum() / (n * (batch_size - 1)))
    expected = float((1 - (1 - counts / total) ** batch_size).sum())
    return Mixing(same / uniform if uniform else 1.0, len(begins) / (n // batch_size) / expected, same)


def _working_bytes(field: Field, sizes: list[int]) -> int:
    """Return about how many bytes threads hold at most while they read chunks of a field.

    Each request holds stored bytes and a decoded chunk that other threads may wait for, each computing thread another
    decoded chunk.
    """
    threads = get_num_threads()
    stored = max(sizes, default=0)
    if field.near:
        stored = min(stored, max(_RUN, stored if _inner_chunks(field) == 1 else 0))
    requests = threads if field.near else max(threads, concurrency_for(field.array.store))
    return requests * (stored + _chunk_bytes(field)) + threads * _chunk_bytes(field)


def _cache_room(fields: tuple[Field, ...]) -> tuple[int, int]:
    """Return how many bytes the cache may hold, at most those of all chunks that it keeps, and the latter."""
    arrays = {(id(field.array.store), field.array.path): field for field in fields}
    kept = [field for field in arrays.values() if field.cache is not None and field.cache.holds(field.stored)]
    nbytes = sum(
        [int(np.prod(grid_shape(field.stored.metadata, field.stored.chunks))) * _chunk_bytes(field) for field in kept]
    )
    return min(nbytes, kept[0].cache.limit if kept and kept[0].cache else 0), nbytes


def _chunk_bytes(field: Field) -> int:
    """Return the bytes of a decoded chunk."""
    return int(np.prod(field.array.chunks)) * field.array.dtype.itemsize


def _inner_chunks(field: Field) -> float:
    """Return how many chunks a stored object has."""
    handle = field.stored
    return max(1.0, int(np.prod(handle.metadata.chunk_shape)) / max(1, int(np.prod(handle.chunks))))


def _cost(schedule: Schedule, plans: list[StreamPlan], sizes: list[list[int]]) -> tuple[float, float, float]:
    """Return chunks, decoded bytes and stored bytes per sample, from some of the groups."""
    stored = [
        sum(of_field) / max(1, len(of_field)) / _inner_chunks(field)
        for field, of_field in zip(schedule.fields, sizes, strict=True)
    ]
    samples, chunks, nbytes, read = 0, 0, 0, 0.0
    for plan, _, _ in plans:
        groups = len(plan.bounds) - 1
        for group in range(0, groups, max(1, groups // _MOST_GROUPS)):
            numbers = plan.numbers[plan.positions[plan.bounds[group] : plan.bounds[group + 1]]]
            samples += len(numbers)
            for field, size in zip(schedule.fields, stored, strict=True):
                starts = field.starts(numbers, schedule.seed, 0)
                touched = _touched_chunks(field, starts)
                chunks += touched
                nbytes += touched * _chunk_bytes(field)
                read += touched * size
    samples = max(1, samples)
    return chunks / samples, nbytes / samples, read / samples


def _touched_chunks(field: Field, starts: np.ndarray) -> int:
    """Return how many chunks the samples touch."""
    array = field.array
    number, others = np.zeros((len(starts), 1), np.int64), 1
    for axis, (length, chunk) in enumerate(zip(array.shape, array.chunks, strict=True)):
        if axis not in field.axes:
            others *= -(-length // chunk)
            continue
        k = field.axes.index(axis)
        first, last = starts[:, k] // chunk, (starts[:, k] + field.box[axis] - 1) // chunk
        steps = np.arange(int((last - first).max(initial=0)) + 1)
        along = np.minimum(first[:, None] + steps, last[:, None])
        number = (number[:, :, None] * (-(-length // chunk)) + along[:, None, :]).reshape(len(starts), -1)
    return len(np.unique(number)) * others


def _stored_sizes(field: Field) -> list[int]:
    """Return the sizes of a few stored objects."""
    handle = field.stored
    grid = grid_shape(handle.metadata, handle.metadata.chunk_shape)
    total = int(np.prod(grid))
    numbers = np.unique(np.linspace(0, max(0, total - 1), min(total, _MOST_SIZES)).astype(np.int64)).tolist()
    indexes = [tuple(int(i) for i in np.unravel_index(number, grid)) for number in numbers]
    return [handle.store.size(handle.source.key(index)) or 0 for index in indexes]


def _size(nbytes: float) -> str:
    """Return a number of bytes as text.

    >>> _size(3 << 20), _size(100)
    ('3.0 MiB', '100 B')
    """
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size:
            return f"{nbytes / size:.1f} {unit}"
    return f"{nbytes:.0f} B"
