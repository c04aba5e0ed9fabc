"""The loader: epochs of batches from stored arrays."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from simplezarr.loader.cast import Cast
from simplezarr.loader.delivery import Delivery, OnError
from simplezarr.loader.description import Description, describe
from simplezarr.loader.epoch import Epoch
from simplezarr.loader.fields import Arrays, cached, make_fields
from simplezarr.loader.ring import Allocate
from simplezarr.loader.samples import SampleKind
from simplezarr.loader.scales import Scales, fit
from simplezarr.loader.schedule import Schedule, Shuffle
from simplezarr.stores.settings import as_size, check_count

__all__ = ["Batch", "Loader", "delivery_of"]

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
    - scale: of arrays with larger or smaller elements than the first, by name: how long a box is compared with that in
      the first array, such as 0.5; a number, or one for each axis that samples are cut along. Crops then begin where
      all arrays have whole elements. Other samples must do so by themselves.
    - prefetch: batches that are read ahead, besides those of the window; more if several threads read or the store
      takes time to answer, at most half of the window. `describe` tells how much memory that is.
    - cache: memory for decoded chunks of all arrays, in bytes or as text; None: none. It is worth its memory if a chunk
      is read several times, as in the order "uniform" and by crops, and most if all chunks fit: `describe` tells.
      Arrays of text or bytes of variable length, and those with chunks of several lengths, are read as without it.
      What is stored in a chunk after it was kept is not seen.
    - rank, world_size: of this process among those that share the samples. All need the same seed.
    - indices: the numbers of the samples to deliver, by default all; or a mask of them.
    - weights: of these samples, which are then drawn with replacement, as many as there are.
    - transform: is called with each batch, in the consumer's thread, and returns what is delivered.
    - with_index: whether to deliver `(batch, numbers)`, with the numbers of the samples.
    - out: makes the memory of a batch: `out(shape, dtype)` returns an array. It is used again when nobody uses it.
    - on_error: "raise"; or "skip": a batch that needs a chunk which cannot be read is left out, logged as a warning of
      the logger "simplezarr", and counted in `skipped`. All other batches are what and where they would be, also after
      `load_state_dict`. Ranks may then get different numbers of batches.

    Raise ValueError for arguments that do not fit each other, and if the window is too small, with the size it needs.
    Warn if an epoch has no batch: there are no samples, or with `drop_last` fewer than fill one. That is no error,
    because a program may go on with an empty validation set, and loaders of other libraries are empty without a word.

    A chunk that can't be read raises in `next` for each batch that needs it. The next call gives the batch that
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
        scale: Scales = None,
        prefetch: int = 2,
        cache: int | str | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        indices: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        transform: Callable[[Any], Any] | None = None,
        with_index: bool = False,
        out: Allocate | None = None,
        on_error: OnError = "raise",
    ):
        fields = cached(
            fit(make_fields(arrays, samples, cast), scale), None if cache is None else as_size(cache, "cache")
        )
        schedule = Schedule(
            fields,
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
        if not schedule.batches:
            warnings.warn(schedule.why_empty(), stacklevel=2)
        self._delivery = Delivery(fields, schedule, transform, with_index, out, on_error)

    # ------------------------------------------------------------ batches

    def __iter__(self) -> Epoch:
        """Return an iterator of the next epoch's batches; after `load_state_dict` of the rest of the saved epoch.

        Each call begins another epoch. Iterators do not depend on each other.
        """
        return self._delivery.begin_next()

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

    @property
    def skipped(self) -> int:
        """The number of batches that this process could not read and left out, with `on_error="skip"`."""
        return self._delivery.skipped

    def set_epoch(self, epoch: int) -> None:
        """Let the next iterator begin with this epoch."""
        if epoch < 0:
            raise ValueError(f"epoch: must be at least 0, not {epoch}")
        self._delivery.go_to(int(epoch), 0)

    # ------------------------------------------------------------ order and costs

    def order(self, epoch: int) -> np.ndarray:
        """Return the numbers of the samples of an epoch (int64), in the order in which this rank gets them."""
        return self._schedule.order(epoch)

    def starts(self, numbers: ArrayLike, epoch: int) -> np.ndarray:
        """Return where samples of an epoch begin in the first array: shape (n, k), for k axes they are cut along."""
        field = self._delivery.fields[0]
        return field.starts(np.asarray(numbers), self._schedule.seed, epoch)

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
        return self._delivery.state()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iterator go on behind the last batch that had been delivered.

        Other numbers of threads give the same batches. So do other world sizes that divide that of the first start, if
        all its ranks had delivered equally many batches. Raise ValueError for a state of a loader that delivers other
        batches, with what differs.
        """
        self._delivery.go_to(*self._schedule.restore(state))

    @property
    def _schedule(self) -> Schedule:
        return self._delivery.schedule


def delivery_of(loader: Loader) -> Delivery:
    """Return what is behind a loader, for the other modules of this package."""
    return loader._delivery
