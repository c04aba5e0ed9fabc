"""A loader as a dataset of PyTorch, for its DataLoader and that of torchdata."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import torch
from torch.utils.data import IterableDataset, get_worker_info

from simplezarr.loader import Loader
from simplezarr.loader.delivery import Delivery
from simplezarr.loader.epoch import Epoch
from simplezarr.loader.loader import delivery_of
from simplezarr.runtime.executor import get_num_threads, set_num_threads
from simplezarr.torch.epochs import SLOTS, EpochTable, iteration_tag
from simplezarr.torch.tensors import as_tensor, check_types, map_arrays

__all__ = ["LoaderDataset", "dataset"]


def dataset(loader: Loader) -> "LoaderDataset":
    """Return a loader as an `IterableDataset` of batches: `DataLoader(dataset(loader), batch_size=None)`.

    Batches are tensors. Worker processes share the samples and the threads, and each epoch has another order, whether
    workers are persistent or not. `len` is the number of batches. `StatefulDataLoader` of torchdata saves and restores
    the place; it needs the same number of workers again.

    The order is the loader's, so a DataLoader with a sampler or with `shuffle=True` is refused by torch. Each worker
    has a window of its own.

    >>> import simplezarr as sz
    >>> from simplezarr.loader import Rows
    >>> a = sz.create_array({}, data=[[1, 2], [3, 4], [5, 6], [7, 8]], chunks=(2, 2))
    >>> batches = torch.utils.data.DataLoader(dataset(Loader(a, Rows(), batch_size=2)), batch_size=None)
    >>> len(batches), [tuple(batch.shape) for batch in batches]
    (2, [(2, 2), (2, 2)])
    """
    return LoaderDataset(loader)


class _Place:
    """Where an iterator is: `batch` batches of an epoch were delivered.

    - number: how many iterators were made before it, since a state was loaded.
    - epoch: -1 before the first batch is asked for.
    - ended: whether the iterator has said that the epoch is over.
    """

    def __init__(self, number: int) -> None:
        self.number, self.epoch, self.batch, self.ended = number, -1, 0, False


class LoaderDataset(IterableDataset[Any]):
    """Batches of a `Loader`, as `dataset` makes it.

    Places are kept by the dataset and not by its iterators: `StatefulDataLoader` would store both.
    """

    def __init__(self, loader: Loader):
        if not isinstance(loader, Loader):
            raise TypeError(f"simplezarr.torch.dataset: needs a simplezarr.loader.Loader, not {type(loader).__name__}")
        check_types(loader)
        self.loader = loader
        self._slots = torch.zeros(SLOTS, dtype=torch.int64).share_memory_()
        self._part: Delivery | None = None  # of this process
        self._identity: dict[str, Any] = {}
        self._saved: tuple[int, int] | None = None  # epoch and batch of a loaded state that no iterator has taken
        self._made, self._newest = 0, _Place(0)

    def __len__(self) -> int:
        """Return the number of batches of an epoch, of all workers together."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator of the next epoch, or of the rest of a restored one. It decides when it is first used."""
        self._newest = _Place(self._made)
        self._made += 1
        return _Batches(self, self._newest)

    def __getitem__(self, index: object) -> NoReturn:
        raise TypeError(
            "a dataset of a Loader has no samples by number, because the order is the loader's; use "
            "DataLoader(dataset, batch_size=None) without a sampler, or simplezarr.loader.Samples"
        )

    def set_epoch(self, epoch: int) -> None:
        """Let the next iterator begin with this epoch, in all workers, also in persistent ones."""
        if epoch < 0:
            raise ValueError(f"epoch: must be at least 0, not {epoch}")
        self._table().restart(epoch)
        self._saved, self._newest = None, _Place(0)

    def state_dict(self) -> dict[str, Any]:
        """Return where the newest iterator of this process is; in a worker, within the worker's part."""
        place = self._newest
        if place.epoch >= 0:
            over = place.ended and get_worker_info() is None  # other workers may still be in this epoch
            epoch, batch = (place.epoch + 1, 0) if over else (place.epoch, place.batch)
        else:
            epoch, batch = self._saved or (self._table().next(), 0)
        self._own_part()
        return {**self._identity, "epoch": epoch, "batch": batch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iterator go on at a place that `state_dict` returned in a process with the same part.

        Raise ValueError for a state of another loader, or with another number of workers.
        """
        part = self._own_part()
        for name in ("worker", "workers"):
            if state.get(name) != self._identity[name]:
                raise ValueError(
                    f"load_state_dict: {name} is {state.get(name)!r}, but here it is {self._identity[name]}; "
                    "use as many workers as when the state was saved"
                )
        self._saved = part.schedule.restore(state)
        self._identify(part)
        self._made, self._newest = 0, _Place(0)
        self._table().rewind(self._saved[0] if self._saved[1] else self._saved[0] - 1)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._slots.share_memory_()  # a copy is not shared, and workers that are forked later must share it

    def open(self, place: _Place) -> Epoch:
        """Return an iterator of this process's part of an epoch, and write down which one it is."""
        part = self._own_part()
        saved, self._saved = self._saved, None
        # torchdata makes two iterators of a state at the end of an epoch; the second is to begin another one
        if saved is not None and (place.number == 0 or saved[1] < part.schedule.batches):
            self._table().note(saved[0])
            place.epoch, place.batch = saved
        else:
            place.epoch = self._table().begin()
        return part.begin(place.epoch, place.batch)

    def _table(self) -> EpochTable:
        worker = get_worker_info()
        if worker is None:
            return EpochTable(self._slots.numpy())
        return EpochTable(self._slots.numpy(), iteration_tag(worker.seed - worker.id, worker.num_workers), worker.id)

    def _own_part(self) -> Delivery:
        """Return what this process delivers: in a worker, its part. Workers share the threads of a process."""
        if self._part is None:
            part, worker = delivery_of(self.loader), get_worker_info()
            if worker is not None:
                threads = get_num_threads()
                set_num_threads(min(threads, max(2, threads // worker.num_workers)))
                part = part.split(worker.id, worker.num_workers)
            self._identify(part)
            if worker is None:
                return part  # not kept: a forked worker would take it for its own
            self._part = part
        return self._part

    def _identify(self, part: Delivery) -> None:
        """Keep what every state of this part contains. Workers send a state with each batch."""
        worker = get_worker_info()
        mine = {"worker": 0, "workers": 0} if worker is None else {"worker": worker.id, "workers": worker.num_workers}
        self._identity = {**part.schedule.state(0, 0), **mine}


class _Batches(Iterator[Any]):
    """An iterator of a dataset. Which epoch it delivers is decided when its first batch is asked for."""

    def __init__(self, dataset: LoaderDataset, place: _Place):
        self._dataset, self._place = dataset, place
        self._epoch: Epoch | None = None

    def __next__(self) -> Any:
        if self._epoch is None:
            self._epoch = self._dataset.open(self._place)
        try:
            batch = next(self._epoch)
        except StopIteration:
            self._place.ended = True
            raise
        finally:
            self._place.batch = self._epoch.delivered
        return map_arrays(batch, as_tensor)
