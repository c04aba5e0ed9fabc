"""Build the levels of a pyramid in stages, each in bounded memory, by threads or by the workers of a cluster.

A task of a stage makes a part of its last level. For each block of a level it makes the blocks of the level below one
after the other, takes their elements while they are in memory, and writes each block when it is complete. So it holds
at most one block of each level. All blocks that are written consist of whole stored objects, so no two tasks write one
of them, and none is read to be changed.

The next stage reads the last level of the one before. A stage ends with a level that still has parts for all threads.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from simplezarr.nodes.array import Array
from simplezarr.ome.halving import halve
from simplezarr.ome.levels import Factors
from simplezarr.runtime import executor
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.tools.cluster import Client, on_cluster, thread_count
from simplezarr.tools.copy.parts import Parts
from simplezarr.transfer.array_copy import ALL_BOXES_BYTES
from simplezarr.transfer.copy_source import CopySource, copy_source

if TYPE_CHECKING:
    from simplezarr.tools.copy.copy import Progress

__all__ = ["Pyramid", "build"]

_TASKS = 4  # the least number of tasks for each thread, if there are as many stored objects

Box = tuple[slice, ...]
Data = Array | np.ndarray | CopySource


@dataclass(frozen=True, slots=True)
class Pyramid:
    """What is read and what is written, from fine to coarse.

    - source: what the first level is made of: an array that is stored, or in memory, or what is read part by part.
    - levels: the arrays that are written. factors: for each of them, from the one before.
    """

    source: Data
    levels: tuple[Array, ...]
    factors: tuple[Factors, ...]
    method: str

    def made(self, level: int, base: int, box: Box) -> np.ndarray:
        """Return the elements of a level in a box; write them, and those of the levels down to a base, which is read.

        The base -1 is the source.
        """
        if level == base:
            return self._read(level, box)
        factors, pieces = self.factors[level], [*self._pieces(level, box)]
        if prod(factors) == 1:
            block = self.made(level - 1, base, pieces[0])
        else:
            target = self.levels[level]
            block = np.empty([side.stop - side.start for side in box], target.dtype)
            for piece in pieces:
                values = self.made(level - 1, base, piece)
                halve(values, block[_halved(piece, box, factors)], factors, self.method)
                del values  # before the next one is made
        self.levels[level].write(box, block)
        return block

    def _read(self, level: int, box: Box) -> np.ndarray:
        source = self.levels[level] if level >= 0 else self.source
        if isinstance(source, CopySource):
            shape = [side.stop - side.start for side in box]
            values = source.read(box, np.empty(prod(shape), source.dtype))
        else:
            values = source.read(box) if isinstance(source, Array) else source[box]
        return values.astype(self.levels[0].dtype, copy=False)  # the machine's byte order

    def _pieces(self, level: int, box: Box) -> Iterator[Box]:
        """Yield the boxes of the level before that a block is made of: whole stored objects, and whole pairs."""
        sides = zip(box, self.factors[level], self._shape(level - 1), self._piece(level), strict=True)
        axes = [
            [
                slice(begin, min(begin + piece, side.stop * factor, length))
                for begin in range(side.start * factor, min(side.stop * factor, length), piece)
            ]
            for side, factor, length, piece in sides
        ]
        return product(*axes)

    def _shape(self, level: int) -> tuple[int, ...]:
        return self.levels[level].shape if level >= 0 else self.source.shape

    def _piece(self, level: int) -> tuple[int, ...]:
        """Return the lengths of the blocks of the level before that the blocks of a level are made of."""
        factors = self.factors[level]
        if prod(factors) == 1:
            return tuple([max(length, 1) for length in self._shape(level)])  # the whole block
        units = self.levels[max(level - 1, 0)].metadata.chunk_shape
        if level == 0:  # whole chunks of the source
            units = tuple([-(-n // period) * period for n, period in zip(units, self.periods, strict=True)])
        return tuple([n if n % factor == 0 else n * factor for n, factor in zip(units, factors, strict=True)])

    def held(self, level: int, base: int, box: Box) -> int:
        """Return the bytes of the blocks that are in memory at a time, at most."""
        blocks = [box]
        for lower in range(level, base, -1):
            blocks.append(next(self._pieces(lower, blocks[-1])))
        count = sum([prod([side.stop - side.start for side in block]) for block in blocks])
        return int(count) * self.levels[level].itemsize

    @property
    def periods(self) -> tuple[int, ...]:
        """How many elements of a chunk of the source follow each other along each axis."""
        source = self.source
        if isinstance(source, Array):
            source = source.__copy_source__()
        found = source.periods if isinstance(source, CopySource) else None
        return found or (1,) * len(source.shape)

    def reads_whole_chunks(self) -> bool:
        """Return whether blocks of the source that small blocks of the first level are made of are whole chunks."""
        units = zip(self.levels[0].metadata.chunk_shape, self.factors[0], strict=True)
        sides = zip([unit * factor for unit, factor in units], self.periods, self.source.shape, strict=True)
        return all(side % period == 0 or side >= length for side, period, length in sides)


def _halved(piece: Box, box: Box, factors: Factors) -> Box:
    """Return where in a block the elements are that a piece of the level before becomes."""
    sides = zip(piece, box, factors, strict=True)
    return tuple([slice(p.start // n - b.start, -(-p.stop // n) - b.start) for p, b, n in sides])


def build(pyramid: Pyramid, client: Client | None, progress: "Progress | None") -> None:
    """Write all levels. progress: as of `copy`."""
    source = pyramid.source
    if isinstance(source, Array) and (client is None or not source.store.in_memory):
        _Building(pyramid, client, progress).run()
        return
    described = copy_source(source)
    pyramid = pyramid if described is None else replace(pyramid, source=described)
    _Building(pyramid, client, progress, is_here=True).run()


class _Building:
    """One call of `build`. is_here: the source can't be read by workers."""

    def __init__(
        self, pyramid: Pyramid, client: Client | None, progress: "Progress | None", is_here: bool = False
    ) -> None:
        self.pyramid, self.client, self.progress = pyramid, client, progress
        stores = [level.store for level in pyramid.levels[:1]]
        if isinstance(pyramid.source, Array):
            stores.append(pyramid.source.store)
        self.width = max(map(executor.concurrency_for, stores))
        self.threads = self.width if client is None else thread_count(client)
        self.stages = [*self._stages(client is not None and is_here)]
        self.total, self.done = sum([len(parts) for _, _, parts, _ in self.stages]), 0

    def run(self) -> None:
        for base, level, parts, client in self.stages:
            if client is not None:
                pyramid = self.pyramid if base < 0 else replace(self.pyramid, source=self.pyramid.levels[0])
                tasks = ((pyramid, level, base, part) for part in parts)
                for made in on_cluster(client, build_part, tasks):
                    self._count(made)
            else:
                self._run_here(base, level, [*parts])

    def _run_here(self, base: int, level: int, parts: list[Box]) -> None:
        def task(i: int) -> None:
            self._count(build_part(self.pyramid, level, base, parts[i]))

        held = self.pyramid.held(level, base, parts[0]) if parts else 1
        executor.parallel_for(task, len(parts), max(1, min(self.width, ALL_BOXES_BYTES // max(held, 1))))

    def _stages(self, source_is_here: bool) -> Iterator[tuple[int, int, Parts, Client | None]]:
        """Yield for each stage its base, its last level, the parts of that, and the cluster that does it."""
        pyramid, base, last = self.pyramid, -1, len(self.pyramid.levels) - 1
        while base < last:
            level = base + 1
            if base >= 0 or (pyramid.reads_whole_chunks() and not source_is_here):
                wanted = min(_TASKS * self.threads, self._units(level))
                level = max([i for i in range(level, last + 1) if self._units(i) >= wanted])
            periods = (1,) * len(pyramid.source.shape)
            if base < 0:
                whole = [prod(steps) for steps in zip(*pyramid.factors[: level + 1], strict=True)]
                periods = tuple([-(-n // factor) for n, factor in zip(pyramid.periods, whole, strict=True)])
            array = pyramid.levels[level]
            nbytes = min(array.nbytes // (_TASKS * self.threads), ALL_BOXES_BYTES // (2 * self.width))
            here = source_is_here and base < 0
            yield base, level, Parts(array, periods, nbytes), None if here else self.client
            base = level

    def _units(self, level: int) -> int:
        return prod(self.pyramid.levels[level].metadata.grid_shape)

    def _count(self, parts: int) -> None:
        with KeyLock(self, "done"):
            self.done += parts
            if self.progress is not None:
                self.progress(self.done, self.total)


def build_part(pyramid: Pyramid, level: int, base: int, part: Box) -> int:
    """Make a part of a level and of those below it, down to a base; return 1. It may be done twice."""
    pyramid.made(level, base, part)
    return 1
