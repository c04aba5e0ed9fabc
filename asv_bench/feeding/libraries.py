"""Libraries that read arrays; the loaders on them are written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from feeding.by_hand import by_hand, converted
from feeding.delivery import Contender, Delivery, split
from feeding.rows import CROP, THREADS, Task, box

FUSED, ZARRS = "zarr.core.codec_pipeline.FusedCodecPipeline", "zarrs.ZarrsCodecPipeline"


def open_zarr(task: Task, pipeline: str):
    """Open the array with zarr-python and one of its pipelines."""
    import zarr

    zarr.config.set({"threading.max_workers": THREADS, "codec_pipeline.path": pipeline})
    return zarr.open_array(task.path, mode="r")


def read_into(a, key: tuple[slice, ...], out: np.ndarray) -> None:
    """Read a selection with zarr-python into memory."""
    from zarr.core.buffer import default_buffer_prototype

    a.get_basic_selection(key, out=default_buffer_prototype().nd_buffer.from_ndarray_like(out))


def zarr_of(pipeline: str) -> Contender:
    """Return the contender of zarr-python with a pipeline."""

    def made(task: Task) -> Delivery:
        a = open_zarr(task, pipeline)
        return by_hand(task, partial(read_into, a), lambda rows: a.oindex[rows])

    return made


def zarrista(task: Task) -> Delivery:
    """zarrista, which has no lists of rows: chunks are read, and rows picked from them."""
    from zarrista import Array
    from zarrista.store import FilesystemStore

    a = Array.open(FilesystemStore(str(task.path)))
    return by_hand(task, lambda key, out: np.copyto(out, a.retrieve_array_subset(key).to_numpy()))


def tensorstore_with(cache: int) -> Contender:
    """Return the contender of tensorstore with so many bytes of cache; batches or windows are futures."""

    def made(task: Task) -> Delivery:
        import tensorstore as ts

        context = ts.Context(
            {
                "cache_pool": {"total_bytes_limit": cache},
                "data_copy_concurrency": {"limit": THREADS},
                "file_io_concurrency": {"limit": 4},
            }
        )
        spec = {
            "driver": "zarr3",
            "kvstore": f"file://{task.path}/",
            "recheck_cached_metadata": "open",
            "recheck_cached_data": "open",
        }
        a = ts.open(spec, context=context, read=True, open=True).result()
        if task.row.uniform or (task.is_crops and cache):
            return _futures(task, a, ts)
        if task.is_crops:
            return by_hand(task, lambda key, out: ts.array(out).write(a[key]).result())
        return _windows(task, a, ts)

    return made


def _windows(task: Task, a, ts) -> Delivery:
    """Windows whose chunks are futures, all under way while the window before is used."""

    def begun() -> Iterator[tuple[np.ndarray, np.ndarray, list]]:
        for chunks in task.windows():
            rows = np.concatenate(chunks)
            memory, begin, futures = np.empty((len(rows), *task.spec.shape[1:]), task.spec.dtype), 0, []
            for part in chunks:
                target = ts.array(memory[begin : begin + len(part)])
                futures.append(target.write(a[int(part[0]) : int(part[-1]) + 1]))
                begin += len(part)
            yield rows, memory, futures

    def windows() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        pending = []
        for window in begun():
            pending.append(window)
            if len(pending) == 2:
                yield waited(*pending.pop(0))
        for window in pending:
            yield waited(*window)

    def waited(rows: np.ndarray, memory: np.ndarray, futures: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        for future in futures:
            future.result()
        return rows, memory, task.random.permutation(len(rows))

    def batches() -> Iterator[np.ndarray]:
        for _, memory, order in windows():
            yield from (converted(task, memory[part]) for part in split(order, task.batch))

    def order() -> list[np.ndarray]:
        return [rows[part] for rows, _, order in windows() for part in split(order, task.batch)]

    return Delivery(batches, order)


def _futures(task: Task, a, ts) -> Delivery:
    """Batches whose reads are all under way while two before them are used; with a cache crops are read by cells."""

    def begun() -> Iterator:
        if not task.is_crops:
            for rows in split(task.shuffled(), task.batch):
                yield [a[ts.d[0][rows]].read()]
        elif task.row.uniform:
            for starts in split(task.starts(), task.batch):
                yield [a[box(start)].read() for start in starts]

    def batches() -> Iterator[np.ndarray]:
        pending = []
        for futures in begun():
            pending.append(futures)
            if len(pending) == 3:
                yield joined(pending.pop(0))
        yield from map(joined, pending)

    def joined(futures: list) -> np.ndarray:
        values = [future.result() for future in futures]
        return np.stack(values) if task.is_crops else values[0]

    if task.row.uniform:
        return Delivery(batches)
    memory = np.empty((task.window, *CROP), task.spec.dtype)

    def windows() -> Iterator[np.ndarray]:
        for starts in split(task.starts(), task.window):
            for members in task.cells(starts):
                for member, future in [(m, a[box(starts[m])].read()) for m in members.tolist()]:
                    memory[member] = future.result()
            yield from split(memory[: len(starts)], task.batch)

    return Delivery(windows, lambda: split(task.starts(), task.batch))
