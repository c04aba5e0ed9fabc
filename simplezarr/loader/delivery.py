"""What a `Loader` delivers and how far it has come: the object behind it, which `simplezarr.torch` uses too."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from simplezarr.loader.epoch import Epoch, Progress
from simplezarr.loader.fields import Field
from simplezarr.loader.ring import Allocate, BatchMemory
from simplezarr.loader.schedule import Schedule

__all__ = ["Delivery", "OnError"]

OnError = Literal["raise", "skip"]


class Delivery:
    """Epochs of a schedule, and the memory of their batches.

    - fields, schedule: what a batch holds, and in which order.
    - transform, with_index, out, on_error: the arguments of `Loader`.
    - skipped: how many batches could not be read and were left out.

    It pickles without its memory, and without what its iterators have delivered or skipped.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        schedule: Schedule,
        transform: Callable[[Any], Any] | None,
        with_index: bool,
        out: Allocate | None,
        on_error: OnError,
    ):
        if on_error not in ("raise", "skip"):
            raise ValueError(f'on_error: must be "raise" or "skip", not {on_error!r}')
        self.fields, self.schedule = fields, schedule
        self.transform, self.with_index, self.out, self.on_error = transform, with_index, out, on_error
        self._next_epoch, self._first, self.skipped = 0, 0, 0
        self._progress: Progress | None = None
        self.memory = BatchMemory(fields, schedule.batch_size, out)

    def begin(self, epoch: int, batch: int, memory: BatchMemory | None = None) -> Epoch:
        """Return an iterator of an epoch that begins with one of its batches. The place of this object stays.

        memory: for the batches; by default its own.
        """
        return Epoch(
            self.schedule,
            epoch,
            batch,
            transform=self.transform,
            with_index=self.with_index,
            memory=memory or self.memory,
            skip=partial(self._skip, epoch) if self.on_error == "skip" else None,
        )

    def _skip(self, epoch: int, batch: int, error: Exception) -> None:
        """Count a batch that cannot be read, and log why."""
        from logging import getLogger

        self.skipped += 1
        getLogger("simplezarr").warning("batch %d of epoch %d is skipped: %s", batch, epoch, error)

    def begin_next(self, memory: BatchMemory | None = None) -> Epoch:
        """Return an iterator of the next epoch, or of the rest of one that was saved. The next call gives the next."""
        epoch = self.begin(self._next_epoch, self._first, memory)
        self._progress, self._next_epoch, self._first = epoch.progress, self._next_epoch + 1, 0
        return epoch

    def go_to(self, epoch: int, batch: int) -> None:
        """Let the next iterator begin with a batch of an epoch."""
        self._next_epoch, self._first, self._progress = epoch, batch, None

    def state(self) -> dict[str, Any]:
        """Return where the newest iterator is."""
        epoch, batch = self._next_epoch, self._first
        if self._progress is not None:
            epoch, batch = self._progress.number, self._progress.delivered
            if batch >= self.schedule.batches:
                epoch, batch = epoch + 1, 0
        return self.schedule.state(epoch, batch)

    def split(self, part: int, parts: int) -> "Delivery":
        """Return what one of several worker processes delivers of this."""
        other: Delivery = object.__new__(Delivery)
        other.__setstate__({**self.__getstate__(), "schedule": self.schedule.split(part, parts)})
        return other

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_progress": None, "skipped": 0}
        del state["memory"]
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        memory = BatchMemory(state["fields"], state["schedule"].batch_size, state["out"])
        self.__dict__.update(state, memory=memory)
