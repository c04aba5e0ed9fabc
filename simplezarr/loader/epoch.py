"""An epoch as an iterator: the batches of one or several streams in turn."""

from collections.abc import Callable
from typing import Any

import numpy as np

from simplezarr.errors import ZarrError
from simplezarr.loader.fields import ALONE
from simplezarr.loader.ring import CONSUMED, BatchMemory
from simplezarr.loader.schedule import Schedule
from simplezarr.loader.stream import Stream

__all__ = ["Epoch", "Progress"]


class Progress:
    """How many batches of an epoch have been delivered. A loader that keeps it does not keep the iterator."""

    def __init__(self, number: int, delivered: int):
        self.number, self.delivered = number, delivered


class Epoch:
    """An iterator of an epoch's batches. Threads read ahead of it until it ends, is closed or is no longer used.

    skip: is called with the number of each batch that cannot be read, and why; then the iterator goes on with the next
    batch. None: the error is raised.
    """

    def __init__(
        self,
        schedule: Schedule,
        number: int,
        first: int,
        *,
        transform: Callable[[Any], Any] | None,
        with_index: bool,
        memory: BatchMemory,
        skip: Callable[[int, Exception], None] | None = None,
    ):
        self.progress, self._skip = Progress(number, first), skip
        self._fields, self._transform, self._with_index = schedule.fields, transform, with_index
        plans = schedule.plans(number)
        n = len(plans)
        kept = (
            sum([plan.ring for plan in plans]) + CONSUMED
        )  # all that were in use, so the next epoch allocates nothing
        self._streams = [
            Stream(
                schedule.fields,
                plan,
                schedule.batch_size,
                seed=schedule.seed,
                epoch=number,
                first=(first - k + n - 1) // n,
                memory=memory,
                kept=kept,
            )
            for k, plan in enumerate(plans)
        ]

    @property
    def number(self) -> int:
        """The number of the epoch."""
        return self.progress.number

    @property
    def delivered(self) -> int:
        """How many batches have been delivered, with those that came before this iterator."""
        return self.progress.delivered

    def __iter__(self) -> "Epoch":
        return self

    def __next__(self) -> Any:
        """Return the next batch: an array, or arrays by name; with their numbers if the loader was asked for them."""
        while True:
            number = self.delivered
            try:
                numbers, arrays = self._next()
            except (ZarrError, OSError) as error:  # what stores and codecs raise
                if self._skip is None or self.delivered == number:
                    raise
                self._skip(number, error)
            else:
                break
        batch = self._batch(arrays)
        if self._transform is not None:
            batch = self._transform(batch)
        return (batch, numbers) if self._with_index else batch

    def _next(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the numbers of the next batch's samples, and its arrays. What cannot be read is passed over."""
        stream = self._streams[self.delivered % len(self._streams)]
        before = stream.delivered
        try:
            return stream.next()
        finally:
            self.progress.delivered += stream.delivered - before

    def ready(self) -> bool:
        """Return whether the next call of `next` need not wait for a read."""
        return self._streams[self.delivered % len(self._streams)].ready()

    def close(self) -> None:
        """Stop reading ahead. Reads in progress end by themselves."""
        for stream in self._streams:
            stream.close()

    def __del__(self) -> None:
        for stream in getattr(self, "_streams", ()):
            stream.close()

    def _batch(self, arrays: list[np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
        if self._fields[0].name == ALONE:
            return arrays[0]
        return {field.name: values for field, values in zip(self._fields, arrays, strict=True)}
