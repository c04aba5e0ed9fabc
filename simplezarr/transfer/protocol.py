"""What moves the elements of an array: one class for each kind of array, behind one protocol."""

from typing import NamedTuple, Protocol

import numpy as np

from simplezarr.engine.chunks.moves import convert
from simplezarr.engine.geometry.plan import Plan
from simplezarr.indexing.selection import Selection

__all__ = ["Boxes", "Conversion", "Fields", "Index", "Places", "Transfer", "in_order"]

Index = tuple[int, ...]
Fields = str | list[str] | None  # the name of a field, or a list of names


class Boxes(NamedTuple):
    """Boxes of one shape within an array.

    starts: the first element of each, as intp of shape (boxes, axes) without gaps.
    shape: the lengths of every box, one for each axis.
    """

    starts: np.ndarray
    shape: Index

    def plans(self, shape: Index, stored: Index) -> list[Plan]:
        """Return the plan of each box in an array of `shape`, over stored objects of another shape."""
        starts = self.starts.tolist()
        return [Plan(tuple(map(slice, start, map(int.__add__, start, self.shape))), shape, stored) for start in starts]

    def points(self) -> tuple[np.ndarray, ...]:
        """Return an index array for each axis: those of all elements, in the order of the boxes.

        >>> [index.tolist() for index in Boxes(np.array([[0, 3], [1, 2]]), (1, 2)).points()]
        [[[[0]], [[1]]], [[[3, 4]], [[2, 3]]]]
        """
        ndim = len(self.shape)
        along = [np.arange(n).reshape(n, *(1,) * (ndim - axis - 1)) for axis, n in enumerate(self.shape)]
        return tuple([self.starts[:, axis].reshape(-1, *(1,) * ndim) + along[axis] for axis in range(ndim)])


class Places(NamedTuple):
    """Where boxes of one shape go: each to a row of one of several arrays.

    outs: arrays of shape (rows, *shape of a box), all of one data type. Those that have rows have the same strides
    along the axes of a box.
    out, row: which of them each box goes to, and its row there; as intp.
    """

    outs: list[np.ndarray]
    out: np.ndarray
    row: np.ndarray

    def views(self) -> list[np.ndarray]:
        """Return an array for each box."""
        pairs = zip(self.out.tolist(), self.row.tolist(), strict=True)
        return [self.outs[out][row, ...] for out, row in pairs]

    def first(self) -> np.ndarray:
        """Return the first array that has rows."""
        return next(out for out in self.outs if len(out))

    def put(self, values: np.ndarray, conversion: "Conversion | None" = None) -> None:
        """Put values of shape (boxes, *shape of a box) in their places; converted, or else cast."""
        if conversion is not None:
            numbers, (scale, offset, axis) = np.empty(values.shape, conversion.dtype), conversion.factors()
            convert(values, numbers, scale, offset, axis if axis < 0 else axis + 1)
            values = numbers
        for number, out in enumerate(self.outs):
            chosen = np.flatnonzero(self.out == number)
            out[self.row[chosen]] = values[chosen]


def in_order(values: np.ndarray) -> Places:
    """Return the places of boxes that are the rows of one array, in their order."""
    return Places([values], np.zeros(len(values), np.intp), np.arange(len(values)))


class Conversion(NamedTuple):
    """Numbers that become others as they are copied: y = x * scale + offset.

    x is taken as a float64, multiplied and added to with one rounding each, and rounded once to `dtype`. What is too
    large becomes infinite, and NaN stays. A single offset of 0 adds nothing, so that -0.0 stays. Missing chunks have
    the fill value, converted.

    dtype: float16, bfloat16 (of ml_dtypes), float32 or float64.
    scale, offset: numbers, or an array of one for each element along an axis of a box.
    """

    dtype: np.dtype
    scale: float | np.ndarray = 1.0
    offset: float | np.ndarray = 0.0
    axis: int | None = None

    def factors(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Return scale and offset as contiguous arrays of one length, and the axis or -1, for the engine."""
        scale, offset = np.asarray(self.scale, np.float64), np.asarray(self.offset, np.float64)
        if self.axis is None:
            return scale.reshape(1), (offset if offset != 0 else -np.zeros(())).reshape(1), -1
        together = np.broadcast_arrays(scale, offset)
        return np.ascontiguousarray(together[0]), np.ascontiguousarray(together[1]), self.axis


class Transfer(Protocol):
    """Moves elements between NumPy arrays and the chunks of an array; chosen when the array is opened.

    Every method raises ChunkError for a chunk that can't be decoded, and what the store raises.
    """

    @property
    def shares_chunks(self) -> bool:
        """Whether `read_many` fetches and decodes a chunk once for all plans that touch it."""

    def read(self, selection: Plan | Selection, out: np.ndarray, fields: Fields = None) -> None:
        """Decode what is selected into an array of the selection's shape; cast to its data type, chunk by chunk.

        fields: of records, if the array is for these alone; none of them is itself an array.
        """

    def write(self, selection: Plan | Selection, values: np.ndarray) -> None:
        """Store values of the selection's shape, in a data type that NumPy can cast to the array's."""

    def read_many(self, plans: list[Plan], outs: list[np.ndarray]) -> None:
        """Decode what each plan selects into its own array, as `read`; all arrays have one data type."""

    def read_boxes(self, boxes: Boxes, places: Places, conversion: Conversion | None, threads: int) -> None:
        """Decode boxes into their places, each chunk once; converted, or else cast as `read`.

        threads: the most threads that work on it; 0: as many as `read` has.
        """

    def read_chunk(self, index: Index, out: np.ndarray | None) -> np.ndarray:
        """Decode a whole chunk, into `out` if it is given. Raise IndexError if the grid has no such chunk."""

    def chunk_box(self, index: Index) -> tuple[tuple[slice, ...], tuple[int, ...]]:
        """Return a chunk's elements within the array, and its full shape. Raise IndexError as `read_chunk`."""

    def encoded_chunk(self, index: Index) -> bytes | None:
        """Return the stored bytes of a chunk, None if it is not stored. Raise IndexError as `read_chunk`."""
