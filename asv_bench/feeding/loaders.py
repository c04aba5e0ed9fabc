"""Loaders of other projects, with the settings that their documentation advises."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace

import numpy as np

from feeding.by_hand import converted, read_window
from feeding.delivery import Contender, Delivery, split
from feeding.libraries import FUSED, ZARRS, open_zarr, read_into
from feeding.rows import SCALE, SEED, Task, box


def _as_is(batch):
    return batch


class Samples:
    """A data set of rows or crops for a sampler: it is asked for a whole batch at a time."""

    def __init__(self, task: Task) -> None:
        self.task, self.starts, self._array = task, task.starts() if task.is_crops else None, None

    def __len__(self) -> int:
        return self.task.row.samples

    def __getitem__(self, number: int) -> np.ndarray:
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: list[int]):
        import torch

        if self._array is None:
            self._array = open_zarr(self.task, FUSED)
        if self.task.is_crops:
            return torch.from_numpy(np.stack([self._array[box(start)] for start in self.starts[numbers]]))
        return torch.from_numpy(self._array.oindex[self.task.chosen[numbers]])


def windows_for_torch(task: Task):
    """Return an iterable data set of batches. Its worker processes share the windows."""
    from torch.utils.data import IterableDataset, get_worker_info

    class Windows(IterableDataset):
        def __iter__(self) -> Iterator[np.ndarray]:
            info = get_worker_info() or SimpleNamespace(id=0, num_workers=1)
            a = open_zarr(task, FUSED)
            for chunks in task.windows()[info.id :: info.num_workers]:
                yield from read_window(task, partial(read_into, a), chunks)[0]

    return Windows()


def dataloader(workers: int) -> Contender:
    """Return the contender of torch's DataLoader on zarr-python, with so many worker processes."""

    def made(task: Task) -> Delivery | None:
        from torch.utils.data import DataLoader

        options = {"num_workers": workers}
        if workers:
            options |= {"persistent_workers": True, "multiprocessing_context": "fork"}
        if task.row.uniform:
            return Delivery(
                partial(
                    iter, DataLoader(Samples(task), batch_size=task.batch, shuffle=True, collate_fn=_as_is, **options)
                )
            )
        if task.is_crops:
            return None

        def order() -> list[np.ndarray]:
            windows = [task.random.permutation(np.concatenate(chunks)) for chunks in task.windows()]
            return [part for rows in windows for part in split(rows, task.batch)]

        return Delivery(partial(iter, DataLoader(windows_for_torch(task), batch_size=None, **options)), order)

    return made


def annbatch_on(pipeline: str) -> Contender:
    """Return the contender of annbatch with a pipeline of zarr-python. A request is one window."""

    def made(task: Task) -> Delivery | None:
        if task.is_crops or (task.row.uniform and pipeline != ZARRS):
            return None
        from annbatch import Loader
        from annbatch.samplers import RandomSampler

        chunk = 1 if task.row.uniform else task.chunk
        sampler = RandomSampler(
            chunk,
            task.window // chunk,
            task.batch,
            num_samples=task.row.samples if task.row.uniform else None,
            rng=np.random.default_rng(SEED),
        )
        made = Loader(batch_sampler=sampler, return_index=True, preload_to_gpu=False)
        made.add_dataset(open_zarr(task, pipeline))

        def batches() -> Iterator[np.ndarray]:
            return (converted(task, batch["X"]) for batch in made)

        return Delivery(batches, None if task.row.uniform else lambda: [batch["index"] for batch in made])

    return made


class ToFloat:
    """Converts the chunks of insitubatch."""

    def __call__(self, chunk):
        from dataclasses import replace

        return replace(chunk, data=chunk.data * np.float32(SCALE))

    def output_inner(self, geometry):
        return geometry.inner_shape, np.dtype("f4")


def insitubatch(task: Task) -> Delivery | None:
    """insitubatch, which shuffles blocks of stored chunks; a block is one window. It has no uniform order."""
    if task.is_crops or task.row.uniform:
        return None
    from insitubatch import InSituDataset, obstore_store, open_geometries, split_by_chunk

    store, name = obstore_store(f"file://{task.top}"), task.row.array
    geometries = open_geometries(store, variables=[name])
    made = InSituDataset(
        store,
        split_by_chunk(geometries[name], fractions=(1.0, 0.0, 0.0)),
        geometries,
        batch_size=task.batch,
        block_chunks=task.window // (task.spec.shards or task.spec.chunks)[0],
        seed=SEED,
    )
    epoch = iter(range(1 << 30))

    def views():
        made.set_epoch(next(epoch))
        return made.train

    return Delivery(
        lambda: (converted(task, batch.arrays[name]) for batch in views()),
        lambda: [batch.sample_indices.copy() for batch in views()],
    )


class Rows:
    """Rows of an array of zarr-python as scDataset's collection."""

    def __init__(self, a) -> None:
        self.a = a

    def __len__(self) -> int:
        return self.a.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self.a.oindex[rows]


def scdataset(task: Task) -> Delivery | None:
    """scDataset on zarr-python: it fetches a window at a time, of blocks of one chunk, or of one row."""
    if task.is_crops:
        return None
    from scdataset import BlockShuffling, scDataset
    from torch.utils.data import DataLoader

    def made(collection) -> DataLoader:
        strategy = BlockShuffling(1 if task.row.uniform else task.chunk, task.chosen if task.row.uniform else None)
        convert = partial(converted, task) if task.row.to_float and not isinstance(collection, np.ndarray) else None
        fetch = task.window // task.batch
        values = scDataset(collection, strategy, task.batch, fetch_factor=fetch, seed=SEED, batch_transform=convert)
        return DataLoader(values, batch_size=None)

    numbers = made(np.arange(task.n))
    rows = made(Rows(open_zarr(task, FUSED)))
    return Delivery(partial(iter, rows), None if task.row.uniform else lambda: [part.numpy() for part in numbers])
