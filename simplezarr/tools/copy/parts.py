"""Cut an array into parts that are copied one after another, or by several workers.

A part consists of whole stored objects, so no two parts write one of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import lcm, prod

from simplezarr.hierarchy.inventory import iter_indexes
from simplezarr.nodes.array import Array

__all__ = ["Parts"]

Part = tuple[slice, ...]


class Parts:
    """The parts of an array. They are cut when they are iterated over.

    - array: the one that is written.
    - periods: how many elements of a chunk of the source follow each other along each axis. Parts end with such chunks,
      so that none is decoded twice, unless the parts would get too large.
    - nbytes: of a part, unless a stored object is larger.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, shape=(10, 4), dtype="u1", chunks=(2, 2))
    >>> [(part[0].start, part[0].stop) for part in Parts(a, (3, 4), 24)]
    [(0, 6), (6, 10)]
    """

    def __init__(self, array: Array, periods: tuple[int, ...], nbytes: int):
        metadata = array.metadata
        self.axes, self.shape, self.grid = metadata.axes, array.shape, metadata.grid_shape
        most = max(nbytes // max(array.itemsize, 1), 1)
        units = metadata.chunk_shape
        joined = [lcm(unit, max(period, 1)) // unit for unit, period in zip(units, periods, strict=True)]
        counts = [min(n, most_units or 1) for n, most_units in zip(joined, self.grid, strict=True)]
        if metadata.grid is not None or self._size(counts, units) > most:
            counts = [1] * len(units)
        for axis in reversed(range(len(units))):
            while counts[axis] < self.grid[axis]:
                doubled = [*counts]
                doubled[axis] *= 2
                if self._size(doubled, units) > most:
                    break
                counts = doubled
        self.counts = counts
        self.numbers = tuple([-(-n // count) for n, count in zip(self.grid, counts, strict=True)])

    def _size(self, counts: list[int], units: tuple[int, ...]) -> int:
        sides = zip(counts, units, self.shape, strict=True)
        return prod([min(count * unit, max(length, 1)) for count, unit, length in sides])

    def __len__(self) -> int:
        return prod(self.numbers)

    def __iter__(self) -> Iterator[Part]:
        return map(self._part, iter_indexes(self.numbers))

    def holding(self, boxes: Iterable[Sequence[range]]) -> "Parts | list[Part]":
        """Return the parts that hold an element of a box, in C order; itself if these are all."""
        found: set[tuple[int, ...]] = set()
        for box in boxes:
            if all(box):
                found.update(product(*map(self._numbers, range(len(box)), box)))
                if len(found) == len(self):
                    return self
        return [self._part(index) for index in sorted(found)]

    def _numbers(self, axis: int, along: range) -> range:
        """Return the numbers of the parts along an axis that hold elements of a range."""
        first, last = (self.axes[axis].whole(element) // self.counts[axis] for element in (along[0], along[-1]))
        return range(first, last + 1)

    def _part(self, index: tuple[int, ...]) -> Part:
        sides = zip(self.axes, index, self.counts, self.grid, self.shape, strict=True)
        return tuple(
            [
                slice(axis.begin(i * count), min(axis.begin(min((i + 1) * count, units)), length))
                for axis, i, count, units, length in sides
            ]
        )
