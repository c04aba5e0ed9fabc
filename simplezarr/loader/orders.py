"""The order of an epoch: which sample is in which row of which batch, and which samples are read together.

Everything here is a function of the arguments alone, and is known before anything is read.
"""

from typing import NamedTuple

import numpy as np

from simplezarr.loader.counter_random import Purpose, permutation, random_bits, sorting, uniform

__all__ = [
    "ORDER_VERSION",
    "Plan",
    "by_cells",
    "chunk_order",
    "cut_cells",
    "given_order",
    "listed_order",
    "needed_ring",
    "ranked",
    "run_starts",
    "split_evenly",
    "uniform_order",
]

#: Is part of every saved state. A change that gives other orders changes it.
ORDER_VERSION = 1


_TURNS = 16  # parts of the cells whose samples are read in turn, in the order "uniform"
_SPARSE = 8  # times as many numbers as samples: a table of all numbers is then slower than sorting


class Plan(NamedTuple):
    """The samples that one stream of an epoch delivers.

    - numbers: of the samples in the order in which they are delivered; `batch_size` of them are a batch.
    - positions: of the same samples in that order, listed in the order in which they are read.
    - bounds: of the groups that are read together, in `positions`; one more than there are groups.
    - cells: the number of the cell of each sample, in the order of `numbers`; empty if none were made.
    """

    numbers: np.ndarray
    positions: np.ndarray
    bounds: np.ndarray
    cells: np.ndarray


def split_evenly(n: int, parts: int, part: int) -> slice:
    """Return one of `parts` slices of n things, whose lengths differ by at most 1.

    >>> [split_evenly(7, 3, part) for part in range(3)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 7, None)]
    """
    return slice(n * part // parts, n * (part + 1) // parts)


def given_order(numbers: np.ndarray, batch_size: int, ring: int) -> Plan:
    """Return the plan of samples that are delivered as they are listed.

    Batches are read several at a time, so that chunks which they share are decoded once: at first one, then twice as
    many each time, up to half of the ring.
    """
    batches, most = -(-len(numbers) // batch_size), max(1, ring // 2)
    ends, step = [0], 1
    while ends[-1] < batches:
        ends.append(min(batches, ends[-1] + step))
        step = min(most, 2 * step)
    bounds = np.minimum(np.array(ends, np.int64) * batch_size, len(numbers))
    return Plan(numbers, np.arange(len(numbers)), bounds, np.empty(0, np.int64))


def uniform_order(numbers: np.ndarray, cells: np.ndarray, batch_size: int, ring: int) -> Plan:
    """Return the plan of samples that are delivered as they are listed, and of which cells are read once a ring.

    cells: the number of each sample's cell.

    The cells are dealt to parts. The samples of a part are read together, those of as many batches as the ring has. The
    parts take turns, at batches that are evenly apart, so that reading goes on evenly. If a ring has less than two
    samples of a cell, little is shared, and the plan is that of `given_order`.
    """
    n, held = len(numbers), ring * batch_size
    count, ranks = ranked(cells)
    if 2 * count > min(n, held):
        return given_order(numbers, batch_size, ring)
    parts = min(_TURNS, count, ring)
    part = ranks * parts // count
    turn = np.zeros(n, np.int64) if n <= held else (np.arange(n) // batch_size + part * ring // parts) // ring
    group = turn * parts + part
    positions = np.lexsort((ranks, group))
    bounds = np.append(np.flatnonzero(np.diff(group[positions], prepend=-1)), n)
    return Plan(numbers, positions, bounds, cells)


def listed_order(numbers: np.ndarray, cells: np.ndarray, batch_size: int, ring: int, least: int) -> Plan:
    """Return the plan of samples that are delivered as they are listed, and read cell by cell as far as they lie so.

    cells: the number of each sample's cell. least: samples that are worth reading together.
    """
    n = len(numbers)
    if ring < 3:
        return given_order(numbers, batch_size, ring)
    most = (ring - 1) // 2 * batch_size
    ends = np.union1d(run_starts(cells), np.append(np.arange(0, n, most), n))
    return Plan(numbers, np.arange(n), _group_bounds(ends, min(least, most)), cells)


def by_cells(numbers: np.ndarray, cells: np.ndarray, *words: int) -> np.ndarray:
    """Return the order that brings cells together, the cells and the samples of each in random order.

    cells: the number of each sample's cell.
    """
    count, ranks = ranked(cells)
    bits = np.uint64(count.bit_length())
    place = np.empty(count, np.uint64)
    place[permutation(count, *words, Purpose.CELLS)] = np.arange(count, dtype=np.uint64)
    place <<= np.uint64(64) - bits
    key = random_bits(np.arange(len(numbers)), *words, Purpose.WITHIN)
    key >>= bits
    key |= place[ranks]
    return sorting(key)


def ranked(cells: np.ndarray) -> tuple[int, np.ndarray]:
    """Return how many different cells there are, and for each sample how many of them come before its own.

    cells: the number of each sample's cell, at least 0.

    >>> ranked(np.array([7, 5, 7]))
    (2, array([1, 0, 1]))
    """
    n, last = len(cells), int(cells.max(initial=-1))
    if last > _SPARSE * n:
        names, ranks = np.unique(cells, return_inverse=True)
        return len(names), ranks.reshape(-1)
    upto = np.cumsum(np.bincount(cells, minlength=1) > 0)  # seven times as fast as sorting
    return int(upto[-1]), (upto - 1)[cells]


def run_starts(cells: np.ndarray) -> np.ndarray:
    """Return where in the list another cell begins than that of the sample before.

    >>> run_starts(np.array([7, 7, 5])).tolist()
    [0, 2]
    """
    begins = np.ones(len(cells), bool)
    np.not_equal(cells[1:], cells[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def chunk_order(numbers: np.ndarray, cells: np.ndarray, batch_size: int, ring: int, least: int, *words: int) -> Plan:
    """Return the plan of samples that are listed cell by cell: each is delivered at a random place near its cell's.

    - cells: the number of each sample's cell; equal ones follow each other.
    - ring: how many batches are held at a time. No group has samples in more batches.
    - least: samples that are worth reading together.

    The samples of a cell are spread evenly over as many batches as the ring allows, with a random place in each part.
    Near the beginning and the end of the epoch, places are mirrored, so that every batch is full.
    """
    n = len(numbers)
    first = run_starts(cells)  # of each cell
    bounds = _group_bounds(np.append(first, n), least)
    width = float(n) if ring * batch_size >= n else float((ring - 1) * batch_size)
    while True:
        positions = _spread(n, first, bounds, width, *words)
        widest = _widest(positions, bounds, batch_size) if n else 0
        if widest <= ring or width == 0:
            break
        width = max(0.0, width - (widest - ring) * batch_size / 4 - 1)  # random places have made a group a little wider
    delivered = np.empty(n, np.int64)
    delivered[positions] = np.arange(n)
    return Plan(numbers[delivered], positions, bounds, cells[delivered])


def cut_cells(cells: np.ndarray, most: int) -> np.ndarray:
    """Return the numbers of cells anew, so that none has more than `most` samples. A cut cell is read more than once.

    cells: the number of each sample's cell; equal ones follow each other.

    >>> cut_cells(np.array([7, 7, 7, 5]), 2).tolist()
    [0, 0, 1, 2]
    """
    first = run_starts(cells)
    within = np.arange(len(cells)) - np.repeat(first, np.diff(np.append(first, len(cells))))
    numbers: np.ndarray = np.cumsum(within % most == 0) - 1
    return numbers


def needed_ring(cells: np.ndarray, batch_size: int) -> int:
    """Return the least number of batches that a ring for `chunk_order` must hold."""
    largest = int(np.diff(np.append(run_starts(cells), len(cells))).max(initial=0))
    return min(-(-len(cells) // batch_size), 2 + -(-largest // batch_size))


def _group_bounds(ends: np.ndarray, least: int) -> np.ndarray:
    """Return every bound of a cell that is at least `least` samples behind the one before."""
    bounds = [0]
    n = int(ends[-1])
    while bounds[-1] < n:
        k = int(np.searchsorted(ends, min(n, bounds[-1] + least)))
        bounds.append(int(ends[k]))
    return np.array(bounds, np.int64)


def _spread(n: int, first: np.ndarray, bounds: np.ndarray, width: float, *words: int) -> np.ndarray:
    """Return the position of each sample among the n that are delivered."""
    counts = np.diff(np.append(first, n))
    parts = np.arange(n) - np.repeat(first, counts)
    random = uniform(np.arange(n), *words, Purpose.SPREAD)
    if width >= n:
        key = random * n
    else:
        group = np.searchsorted(bounds, first, side="right") - 1
        begin = (bounds[group] + bounds[group + 1] - width) / 2
        key = np.abs(np.repeat(begin, counts) + (parts + random) / np.repeat(counts, counts) * width)
        key = n - np.abs(n - key)
    key *= 2.0 ** (63 - n.bit_length())  # at most n before
    positions = np.empty(n, np.int64)
    positions[sorting(key.astype(np.uint64))] = np.arange(n)
    return positions


def _widest(positions: np.ndarray, bounds: np.ndarray, batch_size: int) -> int:
    """Return the number of batches from the first to the last of the group that has most."""
    low = np.minimum.reduceat(positions, bounds[:-1]) // batch_size
    high = np.maximum.reduceat(positions, bounds[:-1]) // batch_size
    return int((high - low).max()) + 1
