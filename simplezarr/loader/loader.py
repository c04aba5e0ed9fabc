"""The loader: epochs of batches from stored arrays."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from simplezarr.loader.cast import Cast
from simplezarr.loader.description import Description, describe
from simplezarr.loader.epoch import Epoch, Progress
from simplezarr.loader.fields import Arrays, make_fields
from simplezarr.loader.ring import Allocate, BatchMemory
from simplezarr.loader.samples import SampleKind
from simplezarr.loader.schedule import Schedule, Shuffle
from simplezarr.stores.settings import as_size, check_count

__all__ = ["Batch", "Loader"]

#: An array, or arrays by name.
Batch = np.ndarray | dict[str, np.ndarray]

Casts = Cast | Mapping[str, Cast] | None


class Loader:
    """Batches of samples of stored arrays, in an order that is new in each epoch.

    In the order "chunks" each chunk is decoded once an epoch, by threads without the GIL, and its samples are placed
    directly into their batches. The batches that are being filled are the shuffle buffer, of the size `window`.

    - arrays: an array, or arrays by name that are aligned: one sample is cut from all of them. Batches are alike.
    - samples: what a sample is: `Rows`, `Windows`, `Crops` or `Boxes`; by name if arrays differ. One array and several
      samples by name are several views of that array.
    - batch_size: samples in a batch.
    - shuffle: "chunks"; "uniform": every order is equally likely, and chunks are decoded several times an epoch; False:
      the order of the samples. `describe` tells what each costs and how well it mixes.
    - window: memory for the batches that are being filled, in bytes or as text such as "256 MiB".
    - seed: the order is a function of the seed and the epoch.
    - drop_last: whether samples that fill no batch are left out. Otherwise the last batch is smaller; with several
      ranks, samples are repeated so that all ranks have equally many batches of full size.
    - cast: the data type of what is delivered, by name if arrays differ (see `Cast`).
    - prefetch: batches that are read ahead, besides those of the window; more if the store takes time to answer.
    - rank, world_size: of this process among those that share the samples. All need the same seed.
    - indices: the numbers of the samples to deliver, by default all; or a mask of them.
    - weights: of these samples, which are then drawn with replacement, as many as there are.
    - transform: is called with each batch, in the consumer's thread, and returns what is delivered.
    - with_index: whether to deliver `(batch, numbers)`, with the numbers of the samples.
    - out: makes the memory of a batch: `out(shape, dtype)` returns an array. It is used again when nobody uses it.

    Raise ValueError for arguments that do not fit each other, and if the window is too small, with the size it needs.
    A chunk that can't be read raises in `next` for the first batch that needs it. The next call gives the batch that
    follows.

    >>> import simplezarr as sz
    >>> from simplezarr.loader import Loader, Rows
    >>> images = sz.create_array({}, data=np.arange(24).reshape(12, 2), chunks=(4, 2))
    >>> loader = Loader(images, Rows(), batch_size=4, seed=1)
    >>> [batch.shape for batch in loader]
    [(4, 2), (4, 2), (4, 2)]
    >>> sorted(loader.order(0).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    """

    def __init__(
        self,
        arrays: Arrays,
        samples: SampleKind | Mapping[str, SampleKind],
        *,
        batch_size: int,
        shuffle: Shuffle = "chunks",
        window: int | str = "256 MiB",
        seed: int = 0,
        drop_last: bool = True,
        cast: Casts = None,
        prefetch: int = 2,
        rank: int | None = None,
        world_size: int | None = None,
        indices: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        transform: Callable[[Any], Any] | None = None,
        with_index: bool = False,
        out: Allocate | None = None,
    ):
        self.fields = make_fields(arrays, samples, cast)
        self._schedule = Schedule(
            self.fields,
            batch_size=check_count(batch_size, "batch_size"),
            shuffle=shuffle,
            window=as_size(window, "window"),
            seed=seed,
            drop_last=bool(drop_last),
            prefetch=prefetch,
            rank=rank,
            world_size=world_size,
            indices=indices,
            weights=weights,
        )
        self.transform, self._with_index, self.out = transform, with_index, out
        self._memory = BatchMemory(self.fields, self.batch_size, out)
        self._next_epoch, self._first = 0, 0
        self._progress: Progress | None = None

    # ------------------------------------------------------------ batches

    def __iter__(self) -> Epoch:
        """Return an iterator of the next epoch's batches; after `load_state_dict` of the rest of the saved epoch.

        Each call begins another epoch. Iterators do not depend on each other.
        """
        return self.begin_next()

    def begin_next(self, memory: BatchMemory | None = None) -> Epoch:
        """Return an iterator of the next epoch, whose batches are in the loader's memory or in some other."""
        epoch = self.begin(self._next_epoch, self._first, memory)
        self._progress, self._next_epoch, self._first = epoch.progress, self._next_epoch + 1, 0
        return epoch

    def begin(self, epoch: int, batch: int, memory: BatchMemory | None = None) -> Epoch:
        """Return an iterator of an epoch that begins with one of its batches. The loader does not count it."""
        return Epoch(
            self._schedule,
            epoch,
            batch,
            transform=self.transform,
            with_index=self._with_index,
            memory=memory or self._memory,
        )

    def __getitem__(self, index: object) -> NoReturn:
        raise TypeError(
            "a Loader has no samples by number, because it delivers batches in its own order; iterate over it. For a "
            "DataLoader of torch use simplezarr.torch.dataset(loader), or simplezarr.loader.Samples with a sampler"
        )

    def __len__(self) -> int:
        """Return the number of batches of an epoch. It is equal on all ranks."""
        return self._schedule.batches

    @property
    def batch_size(self) -> int:
        """The number of samples in a batch."""
        return self._schedule.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Let the next iterator begin with this epoch."""
        if epoch < 0:
            raise ValueError(f"epoch: must be at least 0, not {epoch}")
        self._next_epoch, self._first, self._progress = int(epoch), 0, None

    # ------------------------------------------------------------ order and costs

    def order(self, epoch: int) -> np.ndarray:
        """Return the numbers of the samples of an epoch (int64), in the order in which this rank gets them."""
        return self._schedule.order(epoch)

    def starts(self, numbers: ArrayLike, epoch: int) -> np.ndarray:
        """Return where samples of an epoch begin in the first array: shape (n, k), for k axes they are cut along."""
        field = self.fields[0]
        return field.samples.starts(np.asarray(numbers), field.lengths, self._schedule.seed, epoch)

    def describe(self) -> Description:
        """Return what an epoch costs and how well its order mixes. No chunk is read."""
        return describe(self._schedule)

    def __repr__(self) -> str:
        return f"<Loader of {self._schedule.text()}>"

    # ------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """Return where the newest iterator is: a small dict of plain values, which JSON can hold.

        Nothing that was read ahead belongs to it. Loading it costs at most the decoding of one window again.
        """
        epoch, batch = self._next_epoch, self._first
        if self._progress is not None:
            epoch, batch = self._progress.number, self._progress.delivered
            if batch >= len(self):
                epoch, batch = epoch + 1, 0
        return self._schedule.state(epoch, batch)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iterator go on behind the last batch that had been delivered.

        Other numbers of threads give the same batches. So do other world sizes that divide that of the first start, if
        all its ranks had delivered equally many batches. Raise ValueError for a state of a loader that delivers other
        batches, with what differs.
        """
        self._next_epoch, self._first = self.restore(state)
        self._progress = None

    def state_at(self, epoch: int, batch: int) -> dict[str, Any]:
        """Return the state of an iterator that has delivered `batch` batches of an epoch."""
        return self._schedule.state(epoch, batch)

    def restore(self, state: Mapping[str, Any]) -> tuple[int, int]:
        """Return the epoch and the batch at which a state goes on. The loader's own place stays."""
        return self._schedule.restore(state)

    # ------------------------------------------------------------ processes

    def split(self, part: int, parts: int) -> "Loader":
        """Return a loader of one part of this rank's share, for one of several worker processes."""
        other: Loader = object.__new__(Loader)
        other.__setstate__({**self.__getstate__(), "_schedule": self._schedule.split(part, parts)})
        return other

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_progress": None}
        del state["_memory"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _memory=BatchMemory(state["fields"], state["_schedule"].batch_size, state["out"]))
