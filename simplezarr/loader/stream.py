"""One stream of an epoch in progress: groups of samples are read into the ring while its batches are handed out.

Threads of the pool read ahead, as far as the ring has room. The consumer's thread reads too while it waits. Whatever
the threads do, the batches are those of the plan.
"""

import os
from collections.abc import Sequence

import numpy as np

from simplezarr.errors import ChunkError
from simplezarr.loader.fields import Field, joined, read_together
from simplezarr.loader.ring import BatchMemory, Ring
from simplezarr.loader.schedule import StreamPlan
from simplezarr.runtime import executor
from simplezarr.runtime.sync import Condition

__all__ = ["Stream"]

WAITING, READING, DONE = 0, 1, 2


class Stream:
    """Reads the samples of a plan, and hands out its batches in their order.

    - plan: the order, the number of batches, and how many are held at a time. Samples behind the last are not read.
    - first: the batch to begin with. Samples of earlier ones are not read.
    - memory, kept: the memory of batches, and how many of them it keeps at most when nobody uses them.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        plan: StreamPlan,
        batch_size: int,
        *,
        seed: int,
        epoch: int,
        first: int = 0,
        memory: BatchMemory,
        kept: int,
    ):
        self.fields, self.batch_size, self.seed, self.epoch, self.delivered = fields, batch_size, seed, epoch, first
        self.plan, self.batches, self.width = plan
        self.ring = Ring(memory, kept)
        self.closed = False
        self.errors: dict[int, BaseException] = {}  # by batch
        self._condition, self._process, self._helpers, self._reading = Condition(), os.getpid(), 0, 0
        self._near = all(field.near for field in fields)
        self._joined = joined(fields)
        self._plan_groups(first)

    def _plan_groups(self, first: int) -> None:
        """Find the batches of each group, and the order in which the groups are needed."""
        plan, b = self.plan, self.batch_size
        batch = plan.positions // b
        wanted = (batch >= first) & (batch < self.batches)
        self._batch, self._row = batch, plan.positions - batch * b  # of each sample, in the order of reading
        self._missing = np.bincount(batch[wanted], minlength=self.batches)
        self._rows = self._missing.copy()
        bounds = plan.bounds[:-1]
        if len(bounds):
            beyond = self.batches
            self._low = np.minimum.reduceat(np.where(wanted, batch, beyond), bounds)
            self._high = np.maximum.reduceat(np.where(wanted, batch, -1), bounds)
        else:
            self._low = self._high = np.empty(0, np.int64)
        needed = np.flatnonzero(self._high >= 0)
        self._order = needed[np.argsort(self._low[needed], kind="stable")].tolist()
        self._state = np.full(len(bounds), DONE, np.int8)
        self._state[self._order] = WAITING
        self._next = 0  # every group before it in that order has been claimed

    # ------------------------------------------------------------ the consumer

    def next(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the numbers of the next batch's samples, and an array for each field.

        Raise StopIteration after the last batch. If a chunk of the batch cannot be read, raise that error. The call
        after it returns the batch that follows.
        """
        batch = self.delivered
        if batch >= self.batches or self.closed:
            raise StopIteration
        if self._process != os.getpid():
            self._adopt()
        self._call_helpers()
        while not self._is_over(batch):
            group = self._claim() if self._reading < self._most_threads() else None
            if group is not None:
                self._read_claimed(group)
                continue
            with self._condition:
                if not self._is_over(batch) and self._reading:
                    self._condition.wait(1.0)
        with self._condition:
            self.delivered = batch + 1
            error = self.errors.pop(batch, None)
            if error is None:
                arrays = self.ring.take(batch, int(self._rows[batch]))
            else:
                self.ring.drop(batch)
        self._call_helpers()
        if error is not None:
            raise error
        return self.plan.numbers[batch * self.batch_size : (batch + 1) * self.batch_size].copy(), arrays

    def ready(self) -> bool:
        """Return whether `next` returns or raises without a read."""
        return self.closed or self.delivered >= self.batches or self._is_over(self.delivered)

    def close(self) -> None:
        """Let no further read begin."""
        with self._condition:
            self.closed = True
            self.ring.close()

    def _is_over(self, batch: int) -> bool:
        """Return whether a batch is complete or cannot be read."""
        return self._missing[batch] == 0 or batch in self.errors

    def _adopt(self) -> None:
        """In a forked child, read again what threads of the parent were reading: they do not exist here."""
        self._condition, self._process, self._helpers, self._reading = Condition(), os.getpid(), 0, 0
        self._state[self._state == READING] = WAITING
        self._next = 0

    # ------------------------------------------------------------ groups

    def _claim(self) -> int | None:
        """Return a group that nobody reads yet and whose last batch is within the ring, or None."""
        with self._condition:
            while self._next < len(self._order) and self._state[self._order[self._next]] != WAITING:
                self._next += 1
            if self.closed or self._next == len(self._order):
                return None
            group: int = self._order[self._next]
            if self._high[group] >= self.delivered + self.width:
                return None
            self._next += 1
            self._state[group] = READING
            self._reading += 1
            return group

    def _read_claimed(self, group: int) -> None:
        """Read a claimed group. If an interrupt ends this early, the group waits again."""
        state = WAITING
        try:
            self._read_group(group)
            state = DONE
        finally:
            with self._condition:
                self._state[group] = state
                self._reading -= 1
                if state == WAITING:
                    self._next = 0
                self._condition.notify_all()

    def _read_group(self, group: int) -> None:
        chosen = self._wanted(np.arange(*self.plan.bounds[group : group + 2]))
        try:
            self._read(chosen)
        except Exception as error:
            self._read_apart(chosen, error)
        else:
            self._count(chosen)

    def _read(self, chosen: np.ndarray) -> None:
        """Read chosen samples into their batches. They are given by their places in the order of reading."""
        with self._condition:  # a batch that cannot be read may be passed over at any time
            chosen = self._wanted(chosen)
            if not len(chosen):
                return
            batch, row = self._batch[chosen], self._row[chosen]
            low, high = int(batch.min()), int(batch.max())
            boxes = [self.ring.boxes(number) for number in range(low, high + 1)]
        batch -= low
        numbers = self.plan.numbers[self.plan.positions[chosen]]
        starts = self._starts(numbers)
        for members in self._joined:
            fields = [self.fields[k] for k in members]
            views = [[of_batch[k] for of_batch in boxes] for k in members]
            read_together(fields, [starts[field.name] for field in fields], views, batch, row, self._threads())

    def _wanted(self, chosen: np.ndarray) -> np.ndarray:
        """Return those of chosen samples whose batches have not been delivered and are not behind the last."""
        batch = self._batch[chosen]
        if len(batch) and batch.min() >= self.delivered and batch.max() < self.batches:
            return chosen
        wanted: np.ndarray = chosen[(batch >= self.delivered) & (batch < self.batches)]
        return wanted

    def _threads(self) -> int:
        """Return how many threads may work on a group: one alone if others have groups of their own."""
        threads = executor.get_num_threads()
        return 1 if self._near and self._reading + self._count_ready(threads) >= threads else 0

    def _starts(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Return where the samples of each field begin. Fields with equal samples share them."""
        starts, made = {}, {}
        for field in self.fields:
            kind = id(field.samples), field.lengths
            if kind not in made:
                made[kind] = field.samples.starts(numbers, field.lengths, self.seed, self.epoch)
            starts[field.name] = field.scaled(made[kind])
        return starts

    def _count(self, chosen: np.ndarray) -> None:
        """Count the samples of batches that have been read."""
        batch = self._batch[chosen]
        low = int(batch.min(initial=self.batches))
        batch -= low
        read = np.bincount(batch)
        with self._condition:
            self._missing[low : low + len(read)] -= read

    def _read_apart(self, chosen: np.ndarray, error: Exception) -> None:
        """Find the batches of a group that cannot be read, and read the others.

        The error belongs to the first batch that needs the chunk which it names. If it names none, each batch is read
        again, and errors that come again belong to their batches. An error that does not come again is still raised,
        for the first batch.
        """
        batch = self._batch[chosen]
        failing = self._first_with(chosen, error)
        failures = {} if failing is None else {failing: error}
        read: list[np.ndarray] = []
        for number in np.unique(batch).tolist():
            if number == failing:
                continue
            part = chosen[batch == number]
            try:
                self._read(part)
            except Exception as other:
                failures[number] = other
            else:
                read.append(part)
        self.errors.update(failures or {int(batch.min()): error})  # before any of the batches is complete
        for part in read:
            self._count(part)

    def _first_with(self, chosen: np.ndarray, error: Exception) -> int | None:
        """Return the first batch that needs the chunk which the error names, None if it names none."""
        if not isinstance(error, ChunkError) or error.index is None:
            return None
        starts = self._starts(self.plan.numbers[self.plan.positions[chosen]])
        for field in self.fields:
            if field.array.path == error.path:
                touching = field.touches(starts[field.name], error.index)
                if touching.any():
                    return int(self._batch[chosen[touching]].min())
        return None

    # ------------------------------------------------------------ helpers

    def _call_helpers(self) -> None:
        """Have threads of the pool read groups, as many as there are groups that may be read and threads."""
        if self.closed or executor.runs_inline():
            return
        threads = self._most_threads()
        with self._condition:
            wanted = min(self._count_ready(threads), threads - self._helpers)
            self._helpers += max(0, wanted)
        for _ in range(wanted):
            if not executor.enqueue(self._help, threads):
                with self._condition:
                    self._helpers -= 1

    def _most_threads(self) -> int:
        """Return how many threads may read groups at a time: more than may compute if stores take time to answer."""
        return min([executor.concurrency_for(field.array.store) for field in self.fields])

    def _count_ready(self, most: int) -> int:
        """Return how many groups nobody reads yet that may be read; `most` at most."""
        ready = self._order[self._next : self._next + most]
        return sum([bool(self._high[group] < self.delivered + self.width) for group in ready])

    def _help(self) -> None:
        """Read groups until none may be read."""
        try:
            while (group := self._claim()) is not None:
                self._read_claimed(group)
        except BaseException:  # the group waits again, and the consumer's thread will meet the same
            pass
        finally:
            with self._condition:
                self._helpers -= 1
