"""From the arguments of a loader to the plans of an epoch: the samples of a rank, their order, and the ring."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simplezarr.loader.arguments import check_rank, count_samples, cumulated, select
from simplezarr.loader.cells import CellGrid, best_cells
from simplezarr.loader.counter_random import Purpose, draw, permutation
from simplezarr.loader.crops import Crops
from simplezarr.loader.fields import Field
from simplezarr.loader.orders import (
    Plan,
    by_cells,
    chunk_order,
    cut_cells,
    given_order,
    listed_order,
    needed_ring,
    run_starts,
    split_evenly,
    uniform_order,
)
from simplezarr.loader.states import as_state, batch_of, check_state, checksum, shorten, shown
from simplezarr.runtime.executor import concurrency_for, get_num_threads

__all__ = ["Schedule", "Shuffle", "StreamPlan"]

Shuffle = Literal["chunks", "uniform", False]

_GROUP_BYTES = 4 << 20  # of decoded chunks that are worth a call of the engine
_OPEN_GROUPS = 8  # at least so many lie in the ring


class StreamPlan(NamedTuple):
    """The plan of one stream of an epoch, its batches, and how many of them are held at a time."""

    plan: Plan
    batches: int
    ring: int


class Schedule:
    """The arguments of a `Loader`, checked, and what follows from them for each epoch.

    The samples of an epoch are dealt to streams, one for each rank of the first start. Later a rank may serve several
    streams: then it delivers a batch of each in turn, so all world sizes that divide the number of streams see the same
    batches.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        *,
        batch_size: int,
        shuffle: Shuffle,
        window: int,
        seed: int,
        drop_last: bool,
        prefetch: int,
        rank: int | None,
        world_size: int | None,
        indices: ArrayLike | None,
        weights: ArrayLike | None,
    ):
        if shuffle not in ("chunks", "uniform", False):
            raise ValueError(f'shuffle: must be "chunks", "uniform" or False, not {shuffle!r}')
        if isinstance(seed, bool) or not hasattr(seed, "__index__") or seed < 0:
            raise ValueError(f"seed: must be an integer of at least 0, not {seed!r}")
        if isinstance(prefetch, bool) or prefetch < 0:
            raise ValueError(f"prefetch: must be a number of batches of at least 0, not {prefetch!r}")
        self.fields, self.batch_size, self.shuffle, self.window = tuple(fields), batch_size, shuffle, window
        self.seed, self.drop_last, self.prefetch = int(seed), drop_last, prefetch
        self.rank, self.world_size = check_rank(rank, world_size)
        self.streams, self.part, self.parts = self.world_size, 0, 1
        self.samples = count_samples(self.fields)
        self._numbers = select(self.samples, indices)
        self._shares = cumulated(weights, len(self._numbers))
        self._planned: tuple[int, list[StreamPlan]] | None = None
        self.room = self.window // self.batch_bytes
        if not self.room:
            raise ValueError(f"window: {window} bytes hold no batch; one has {self.batch_bytes} bytes")
        self.plans(0)  # raises if the window is too small

    # ------------------------------------------------------------ sizes

    @property
    def batch_bytes(self) -> int:
        """Bytes of a batch as it is delivered."""
        return max(1, self.batch_size * sum([field.nbytes for field in self.fields]))

    @property
    def listed(self) -> int:
        """Samples of an epoch, of all ranks."""
        return len(self._numbers)

    @property
    def batches(self) -> int:
        """Batches of an epoch that this rank delivers, or this part of a rank."""
        return self._part_batches * (self.streams // self.world_size)

    @property
    def _stream_batches(self) -> int:
        n = len(self._numbers)
        if self.drop_last:
            return n // self.streams // self.batch_size
        return math.ceil(math.ceil(n / self.streams) / self.batch_size)

    @property
    def _part_batches(self) -> int:
        return (self._stream_batches - self.part + self.parts - 1) // self.parts

    def why_empty(self) -> str:
        """Return why an epoch has no batches, and what to do."""
        n = len(self._numbers)
        if not n:
            return "Loader: there are no samples, so an epoch has no batches; check the arrays and `indices`"
        share = "" if self.streams == 1 else f" of {n} for each of {self.streams} ranks"
        return (
            f"Loader: {n // self.streams} samples{share} fill no batch of {self.batch_size}, so an epoch has no "
            "batches; make batch_size smaller, or give drop_last=False"
        )

    # ------------------------------------------------------------ plans

    def plans(self, epoch: int) -> list[StreamPlan]:
        """Return the plan of each stream that this rank serves. Raise ValueError if the window is too small."""
        if self._planned is None or self._planned[0] != epoch:
            numbers, cells = self._listed(epoch)
            mine = range(self.rank, self.streams, self.world_size)
            self._planned = epoch, [self._plan(numbers, cells, stream, epoch) for stream in mine]
        return self._planned[1]

    def order(self, epoch: int) -> np.ndarray:
        """Return the numbers of the samples that this rank delivers in an epoch."""
        plans = self.plans(epoch)
        batches = [
            plan.plan.numbers[batch * self.batch_size : (batch + 1) * self.batch_size]
            for batch in range(self._part_batches)
            for plan in plans
        ]
        return np.concatenate(batches) if batches else np.empty(0, np.int64)

    def _listed(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the samples of an epoch, for all ranks, in the order in which they are dealt, and their cells."""
        numbers = self._numbers
        n, words = len(numbers), (self.seed, epoch)
        if self._shares is not None:
            numbers = numbers[draw(self._shares, np.arange(n), *words, Purpose.WEIGHTS)]
        if self.shuffle == "uniform":
            numbers = numbers[permutation(n, *words, Purpose.PERMUTATION)]
        field = self.fields[0]
        starts = field.starts(numbers, self.seed, epoch)
        cells = self.grid.numbers(starts)
        if self.shuffle == "chunks":
            order = by_cells(numbers, cells, *words)
            numbers, cells = numbers[order], cells[order]
        return numbers, cells

    def _plan(self, numbers: np.ndarray, cells: np.ndarray, stream: int, epoch: int) -> StreamPlan:
        """Return the plan of a stream, or of this part of it."""
        share = split_evenly(len(numbers), self.streams, stream)
        b, batches = self.batch_size, self._part_batches
        if not self.shuffle and self.parts > 1:
            places = self._in_turn(share, len(numbers))
            return self._by_chunks(numbers[places], cells[places], batches, stream, epoch)
        before = sum([(self._stream_batches - part + self.parts - 1) // self.parts for part in range(self.part)])
        begin = share.start + before * b
        end = share.stop if self.part == self.parts - 1 else min(share.stop, begin + batches * b)
        if not self.drop_last and self.streams > 1 and batches:  # equal counts on all ranks
            begin = min(begin, len(numbers) - 1)  # a rank without samples of its own repeats one of another
            end = max(end, begin + 1)
            numbers, cells = np.resize(numbers[begin:end], batches * b), np.resize(cells[begin:end], batches * b)
        else:
            numbers, cells = numbers[begin:end], cells[begin:end]
        if self.shuffle == "uniform":
            ring = min(self.room, max(1, batches))
            plan = given_order(numbers, b, ring) if self._overlaps else uniform_order(numbers, cells, b, ring)
            return StreamPlan(plan, batches, ring + self.prefetch)
        return self._by_chunks(numbers, cells, batches, stream, epoch)

    def _in_turn(self, share: slice, n: int) -> np.ndarray:
        """Return the places of this part's samples: parts that are asked in turn deliver the given order."""
        b, places = self.batch_size, np.arange(share.start, share.stop)
        if not self.drop_last and self.streams > 1 and n:
            places = np.resize(places if len(places) else [min(share.start, n - 1)], self._stream_batches * b)
        chosen: np.ndarray = places[np.arange(len(places)) // b % self.parts == self.part]
        return chosen

    def _by_chunks(self, numbers: np.ndarray, cells: np.ndarray, batches: int, stream: int, epoch: int) -> StreamPlan:
        b = self.batch_size
        each = max(1, len(numbers)) / max(1, len(run_starts(cells)))  # samples of a cell
        least = max(1, int(each * _GROUP_BYTES / max(1.0, self.grid.decoded_bytes(self.fields))))
        if not self.shuffle:
            ring = min(self.room, 2 + 3 * least // b)
            plan = listed_order(numbers, cells, b, ring, least)
            return StreamPlan(plan, batches, ring + self._ahead(each, plan))
        needed = needed_ring(cells, b)
        if needed > self.room > 2 and self._varies:
            cells = cut_cells(cells, (self.room - 2) * b)
            needed = needed_ring(cells, b)
        if needed > self.room:
            message = f"window: {self.window} bytes are too small to read chunks once an epoch"
            raise ValueError(f'{message}; {needed * self.batch_bytes} are needed, or shuffle="uniform"')
        ring = min(self.room, max(1, -(-len(numbers) // b)))
        least = max(1, min(least, ring * b // _OPEN_GROUPS))
        plan = chunk_order(numbers, cells, b, ring, least, self.seed, epoch, stream, self.part)
        return StreamPlan(plan, batches, ring + self._ahead(each, plan))

    @property
    def _overlaps(self) -> bool:
        """Whether many samples lie in more than one cell of the first array, so that reading by cells decodes more."""
        field, lengths = self.fields[0], self.grid.lengths
        return any(8 * (n - 1) > length for n, length in zip(field.samples.extent, lengths, strict=True))

    @property
    def _varies(self) -> bool:
        """Whether other epochs have other numbers of samples in a cell. Then cells that are too large are cut."""
        return self._shares is not None or isinstance(self.fields[0].samples, Crops)

    def _ahead(self, each: float, plan: Plan) -> int:
        """Return how many batches are read ahead, besides those of the window. The order does not depend on it.

        each: samples of a cell. A group fills batches from the first to the last of the window. So each group that is
        read at the same time needs batches of its own behind them: one for each thread, and one that waits for the next
        free thread. If a store takes time to answer, as many requests are under way as it allows. Half of the window
        bounds both.
        """
        far = [concurrency_for(field.array.store) for field in self.fields if not field.near]
        threads = get_num_threads()
        group = len(plan.positions) / max(1, len(plan.bounds) - 1)
        wanted = max(far) * each if far else (threads + 1) * group if threads > 1 else 0
        return max(self.prefetch, min(self.room // 2, math.ceil(wanted / self.batch_size)))

    @property
    def grid(self) -> CellGrid:
        """The cells of the first array."""
        field = self.fields[0]
        if field.samples.per_cell:
            return CellGrid(field, field.samples.per_cell)
        return best_cells(self.fields, len(self._numbers) / self.streams, self.room * self.batch_size)

    # ------------------------------------------------------------ state and shares

    def split(self, part: int, parts: int) -> "Schedule":
        """Return the schedule of a part of this rank's batches."""
        other: Schedule = object.__new__(Schedule)
        other.__dict__.update(self.__dict__, part=part, parts=parts, _planned=None)
        return other

    def state(self, epoch: int, batch: int) -> dict[str, Any]:
        """Return what `Loader.state_dict` returns."""
        return as_state(self.fingerprint, self.seed, epoch, batch, self.streams, self.world_size)

    def restore(self, state: Mapping[str, Any]) -> tuple[int, int]:
        """Return the epoch and the batch at which to go on. Raise ValueError for a state of another loader."""
        check_state(state, self.state(0, 0))
        streams = int(state["world_size"])
        batch = batch_of(state, self.world_size)
        if streams != self.streams:
            self.streams, self._planned = streams, None
        return int(state["epoch"]), batch

    @cached_property
    def fingerprint(self) -> dict[str, str]:
        """Return what the batches depend on, as short texts."""
        numbers, shares = self._numbers, self._shares
        return {
            "arrays": shorten([shown(field) for field in self.fields]),
            "samples": shorten([repr(field.samples) for field in self.fields]),
            "batch_size": str(self.batch_size),
            "shuffle": str(self.shuffle),
            "window": str(self.window),
            "drop_last": str(self.drop_last),
            "indices": f"{len(numbers)} {checksum(numbers)}",
            "weights": "" if shares is None else checksum(shares),
        }

    def text(self) -> str:
        """Return what `repr` of the loader shows."""
        field = self.fields[0]
        arrays = ", ".join([f"{field.name or 'array'} {field.array.shape} {field.dtype}" for field in self.fields])
        order = f"shuffle={self.shuffle!r}"
        return f"{arrays}: {self.batches} batches of {self.batch_size} {field.samples!r}, {order}"
