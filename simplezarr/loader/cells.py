"""Cells: samples that are read together because their boxes begin in the same chunks of the first array."""

import math
from collections.abc import Sequence

import numpy as np

from simplezarr.hierarchy.inventory import chunk_axes
from simplezarr.loader.fields import Field

__all__ = ["CellGrid", "best_cells"]

_OPEN_CELLS = 4  # cells of crops that lie in the ring, at least


class CellGrid:
    """The chunks of an array along the axes that samples are cut along, `per_cell` of them along each axis a cell."""

    def __init__(self, field: Field, per_cell: int):
        self.field, self.per_cell = field, per_cell
        self.edges = [chunk_starts(field, axis)[::per_cell] for axis in field.axes]
        self.lengths = [field.array.chunks[axis] * per_cell for axis in field.axes]  # of a cell, in elements

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of cells along each axis."""
        return tuple([len(edges) for edges in self.edges])

    def numbers(self, starts: np.ndarray) -> np.ndarray:
        """Return the number of each sample's cell (int64), from where its box begins, shape (n, k)."""
        number = np.zeros(len(starts), np.int64)
        equal = self.field.array.metadata.grid is None
        for axis, (edges, length) in enumerate(zip(self.edges, self.lengths, strict=True)):
            begin = starts[:, axis]
            number *= len(edges)
            number += begin // length if equal else np.searchsorted(edges, begin, side="right") - 1
        return number

    def decoded_bytes(self, fields: Sequence[Field]) -> float:
        """Return about how many bytes of chunks are decoded for the samples of a cell."""
        return sum([self._decoded_bytes(field) for field in fields])

    def _decoded_bytes(self, field: Field) -> float:
        array = field.array
        nbytes = float(array.dtype.itemsize)
        for axis, (length, chunk) in enumerate(zip(array.shape, array.chunks, strict=True)):
            if axis not in field.axes:
                nbytes *= length
                continue
            k = field.axes.index(axis)
            cell = self.lengths[k] * (float(field.scale[k]) if field.scale else 1)
            touched = math.ceil((cell + field.box[axis] - 1) / chunk) * chunk
            nbytes *= min(length, touched if cell % chunk == 0 else touched + chunk)
        return nbytes


def best_cells(fields: Sequence[Field], samples: float, room: int) -> CellGrid:
    """Return the cells of crops that decode least and fit into the window.

    samples: of an epoch of one stream. room: samples that the window holds.
    """
    best, least, size = CellGrid(fields[0], 1), math.inf, 1
    while True:
        grid = CellGrid(fields[0], size)
        each = samples / math.prod(grid.shape)
        cost = grid.decoded_bytes(fields) / max(each, 1.0)
        if size > 1 and each > room / _OPEN_CELLS:
            return best
        if cost < least:
            best, least = grid, cost
        if max(grid.shape) == 1:
            return best
        size *= 2


def chunk_starts(field: Field, axis: int) -> np.ndarray:
    """Return the first element of each chunk along an axis of the field's array."""
    array = field.array
    if array.metadata.grid is None:
        return np.arange(0, max(1, array.shape[axis]), array.chunks[axis])
    runs = chunk_axes(array.metadata, array.chunks)[axis]
    return np.array([runs.begin(number) for number in range(max(1, runs.chunk_starts[-1]))])
