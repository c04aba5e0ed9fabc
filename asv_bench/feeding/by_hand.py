"""Loaders as users write them: windows of slices, or batches, read ahead by two threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from feeding.delivery import Delivery, ahead, split
from feeding.rows import CROP, SCALE, THREADS, Task, box

#: Reads a selection into memory of its shape.
Read = Callable[[tuple[slice, ...], np.ndarray], object]
#: Reads rows, in any order.
Pick = Callable[[np.ndarray], np.ndarray]


def by_hand(task: Task, read: Read, pick: Pick | None = None) -> Delivery:
    """Return what a library can do that reads selections, and perhaps rows in any order.

    The order "chunks": threads read the chunks of a window, shuffle its samples, and cut and convert the batches. Crops
    are cut from what is read for a cell at once. The uniform order: threads read batches.
    """
    pool = ThreadPoolExecutor(THREADS)
    if task.is_crops:
        return _crops(task, read, pool)
    if task.row.uniform:
        chosen = pick or (lambda rows: by_chunks(task, read, rows))

        def batches() -> Iterator[np.ndarray]:
            return ahead((pool.submit(chosen, rows) for rows in split(task.shuffled(), task.batch)), 3)

        return Delivery(batches)
    return _windows(task, read, pool)


def by_chunks(task: Task, read: Read, rows: np.ndarray) -> np.ndarray:
    """Read each chunk of some rows once, and pick them."""
    out = np.empty((len(rows), *task.spec.shape[1:]), task.spec.dtype)
    numbers = rows // task.chunk
    for chunk in np.unique(numbers).tolist():
        here = np.flatnonzero(numbers == chunk)
        out[here] = read_new(task, read, chunk_slice(task, chunk))[rows[here] % task.chunk]
    return out


def chunk_slice(task: Task, chunk: int) -> tuple[slice, ...]:
    """Return the selection of one chunk of rows."""
    begin = chunk * task.chunk
    return (slice(begin, min(task.n, begin + task.chunk)), *[slice(0, m) for m in task.spec.shape[1:]])


def read_new(task: Task, read: Read, key: tuple[slice, ...]) -> np.ndarray:
    """Read a selection into new memory."""
    out = np.empty([part.stop - part.start for part in key], task.spec.dtype)
    read(key, out)
    return out


def read_window(task: Task, read: Read, chunks: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Read the chunks of a window. Return its batches, and the rows in them."""
    rows = np.concatenate(chunks)
    values, begin = np.empty((len(rows), *task.spec.shape[1:]), task.spec.dtype), 0
    for part in chunks:
        read(chunk_slice(task, int(part[0]) // task.chunk), values[begin : begin + len(part)])
        begin += len(part)
    order = np.random.default_rng(int(rows[0])).permutation(len(rows))
    batches = [values[part] for part in split(order, task.batch)]
    return [converted(task, batch) for batch in batches], rows[order]


def converted(task: Task, batch: np.ndarray) -> np.ndarray:
    """Return the batch as it is to be delivered."""
    return batch * np.float32(SCALE) if task.row.to_float else batch


def _windows(task: Task, read: Read, pool: ThreadPoolExecutor) -> Delivery:
    def windows() -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
        return ahead((pool.submit(read_window, task, read, chunks) for chunks in task.windows()), 2)

    def order() -> list[np.ndarray]:
        return [part for _, rows in windows() for part in split(rows, task.batch)]

    return Delivery(lambda: (batch for batches, _ in windows() for batch in batches), order)


def _crops(task: Task, read: Read, pool: ThreadPoolExecutor) -> Delivery:
    def batch_of(starts: np.ndarray) -> np.ndarray:
        out = np.empty((len(starts), *CROP), task.spec.dtype)
        for start, crop in zip(starts, out, strict=True):
            read(box(start), crop)
        return out

    def batches() -> Iterator[np.ndarray]:
        return ahead((pool.submit(batch_of, part) for part in split(task.starts(), task.batch)), 3)

    if task.row.uniform:
        return Delivery(batches)
    memory = np.empty((task.window, *CROP), task.spec.dtype)

    def read_cell(starts: np.ndarray, members: np.ndarray) -> None:
        low = starts[members].min(axis=0)
        high = starts[members].max(axis=0) + CROP
        region = read_new(task, read, tuple([slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True)]))
        for member in members.tolist():
            memory[member] = region[box(starts[member] - low)]

    def windows() -> Iterator[np.ndarray]:
        starts = task.starts()
        for part in split(starts, task.window):
            list(pool.map(lambda members, part=part: read_cell(part, members), task.cells(part)))
            yield from split(memory[: len(part)], task.batch)

    return Delivery(windows, lambda: split(task.starts(), task.batch))
