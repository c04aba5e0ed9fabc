"""simplezarr: its loader, and windows by its calls; and the floor."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import numpy as np

from feeding.by_hand import converted
from feeding.delivery import Delivery, ahead, split
from feeding.rows import CELL, CROP, SCALE, SEED, THREADS, Task


def loader(task: Task) -> Delivery:
    """`simplezarr.loader`."""
    import simplezarr as sz
    from simplezarr.loader import Cast, Crops, Loader, Rows

    sz.set_num_threads(THREADS)
    a = sz.open_array(task.path, mode="r")
    made = Loader(
        a,
        Crops(CROP, per_epoch=task.row.samples, cell=CELL) if task.is_crops else Rows(),
        batch_size=task.batch,
        shuffle="uniform" if task.row.uniform else "chunks",
        window=task.window * task.sample_bytes,
        cast=Cast("float32", scale=SCALE) if task.row.to_float else None,
        indices=None if task.is_crops else task.chosen,
        drop_last=False,
        seed=SEED,
    )

    def order() -> list[np.ndarray]:
        numbers = made.order(0)
        return split(made.starts(numbers, 0) if task.is_crops else numbers, task.batch)

    return Delivery(lambda: made, None if task.row.uniform else order)


def read_future(task: Task) -> Delivery | None:
    """Windows of `read_future(ids)`, or batches of them, two ahead. Batches are views."""
    import simplezarr as sz

    if task.is_crops:
        return None
    sz.set_num_threads(THREADS)
    a = sz.open_array(task.path, mode="r")

    def parts() -> Iterator[np.ndarray]:
        if task.row.uniform:
            yield from split(task.shuffled(), task.batch)
        else:
            for chunks in task.windows():
                yield task.random.permutation(np.concatenate(chunks))

    def batches() -> Iterator[np.ndarray]:
        for values in ahead((a.read_future(rows) for rows in parts()), 3):
            for batch in split(values, task.batch):
                yield converted(task, batch)

    def order() -> list[np.ndarray]:
        return [batch for rows in parts() for batch in split(rows, task.batch)]

    return Delivery(batches, None if task.row.uniform else order)


def floor(task: Task) -> Delivery:
    """The floor in C: it decodes each chunk once a window, or once a batch, and places the samples."""
    from peers.floor import Floor, FloorArray

    library = Floor(THREADS).library
    a = FloorArray(library, str(task.path))
    if task.is_crops or task.spec.shards or task.row.uniform:
        return Delivery(lambda: _boxes(task, a))
    memory = np.empty((task.window, *task.spec.shape[1:]), "f4" if task.row.to_float else task.spec.dtype)

    def batches() -> Iterator[np.ndarray]:
        for chunks in task.windows():
            rows = task.random.permutation(np.concatenate(chunks))
            numbers = np.array([part[0] // task.chunk for part in chunks])
            index = np.full(-(-task.n // task.chunk), -1)
            index[numbers] = np.arange(len(numbers))
            places = np.full(len(numbers) * task.chunk, -1)
            places[index[rows // task.chunk] * task.chunk + rows % task.chunk] = np.arange(len(rows))
            arguments = (ctypes.c_void_p(array.ctypes.data) for array in (numbers, places))
            scale = ctypes.c_float(SCALE if task.row.to_float else 0)
            handle, target = ctypes.c_void_p(a._handle), ctypes.c_void_p(memory.ctypes.data)
            if library.floor_rows(handle, ctypes.c_int64(len(numbers)), *arguments, scale, THREADS, target):
                raise OSError("the floor failed")
            yield from split(memory[: len(rows)], task.batch)

    return Delivery(batches)


def _boxes(task: Task, a) -> Iterator[np.ndarray]:
    """Yield the batches of the floor's many boxes: those of a cell, of a window or of a batch at a time."""
    shape = list(CROP) if task.is_crops else [1, *task.spec.shape[1:]]
    memory = np.empty((task.batch if task.row.uniform else task.window, *shape), task.spec.dtype)
    for starts, parts in _box_starts(task):
        begin = 0
        for part in parts:
            a.many(starts[part], shape, THREADS, memory[begin : begin + len(part)])
            begin += len(part)
        yield from split(memory[: len(starts)], task.batch)


def _box_starts(task: Task) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Yield where the boxes of a batch or a window begin, and which of them are read at once."""
    if task.is_crops:
        for starts in split(task.starts(), task.batch if task.row.uniform else task.window):
            yield starts, [np.arange(len(starts))] if task.row.uniform else task.cells(starts)
        return
    windows = split(task.shuffled(), task.batch) if task.row.uniform else map(np.concatenate, task.windows())
    for rows in windows:
        starts = np.zeros((len(rows), len(task.spec.shape)), np.int64)
        starts[:, 0] = rows if task.row.uniform else task.random.permutation(rows)
        yield starts, [np.arange(len(rows))]
