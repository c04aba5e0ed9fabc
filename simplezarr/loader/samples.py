"""What a sample is: one of n boxes of one shape, along some axes of the arrays.

A sample is known by its number. Where its box begins is a function of the number, for crops also of the seed and the
epoch.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from simplezarr.stores.settings import check_count

__all__ = ["AxisName", "Boxes", "Rows", "SampleKind", "Windows", "check_axes", "check_lengths"]

#: An axis by its number, or by its name in `dimension_names`.
AxisName = int | str


class SampleKind(Protocol):
    """A kind of samples: where the box of each lies on the axes that it is cut along."""

    @property
    def axes(self) -> tuple[AxisName, ...]:
        """The axes that samples are cut along. All others are taken whole."""

    @property
    def extent(self) -> tuple[int, ...]:
        """The length of the box along each of these axes, from its first element to its last."""

    @property
    def stride(self) -> int:
        """The distance between the elements of a box along its only axis; 1 unless windows have another."""

    @property
    def squeezed(self) -> bool:
        """Whether samples do not have these axes."""

    @property
    def per_cell(self) -> int:
        """How many chunks along each axis are a cell; 0: as many as the window has room for."""

    def count(self, lengths: tuple[int, ...]) -> int:
        """Return the number of samples in arrays of these lengths along the axes; 0 or less if there are none."""

    def starts(self, numbers: np.ndarray, lengths: tuple[int, ...], seed: int, epoch: int) -> np.ndarray:
        """Return where the boxes begin: an array of intp with a row for each number, a column for each axis."""

    def begins_at(self, steps: tuple[int, ...]) -> bool:
        """Return whether all boxes begin at multiples of these numbers, one for each axis."""


@dataclass(frozen=True)
class Rows:
    """Each index along an axis is a sample, which does not have that axis.

    >>> Rows().count((500,)), Rows().starts(np.array([3, 7]), (500,), 0, 0).tolist()
    (500, [[3], [7]])
    """

    axis: AxisName = 0
    extent = (1,)
    stride, squeezed, per_cell = 1, True, 1

    @property
    def axes(self) -> tuple[AxisName, ...]:
        """The axis."""
        return (self.axis,)

    def count(self, lengths: tuple[int, ...]) -> int:
        """Return the length of the axis."""
        return lengths[0]

    def starts(self, numbers: np.ndarray, lengths: tuple[int, ...], seed: int, epoch: int) -> np.ndarray:
        """Return the numbers, as a column."""
        return numbers.astype(np.intp).reshape(-1, 1)

    def begins_at(self, steps: tuple[int, ...]) -> bool:
        """Return whether the step is 1."""
        return steps == (1,)


@dataclass(frozen=True)
class Windows:
    """Windows along an axis: sample k has `length` elements, the first of them number `offset + k * step`.

    stride: the distance between two elements of a window. offset: moves all windows, so several views of one array can
    be samples together: `{"x": Windows(4), "y": Windows(1, offset=4)}`.

    >>> Windows(4, step=2).count((11,)), Windows(4, step=2).starts(np.array([0, 3]), (11,), 0, 0).tolist()
    (4, [[0], [6]])
    """

    length: int
    step: int = 1
    stride: int = 1
    offset: int = 0
    axis: AxisName = 0
    squeezed, per_cell = False, 1

    def __post_init__(self) -> None:
        for name in ("length", "step", "stride"):
            check_count(getattr(self, name), f"Windows: {name}")
        if self.offset < 0:
            raise ValueError(f"Windows: offset must be at least 0, not {self.offset}")

    @property
    def axes(self) -> tuple[AxisName, ...]:
        """The axis."""
        return (self.axis,)

    @property
    def extent(self) -> tuple[int, ...]:
        """The length of a window, from its first element to its last."""
        return ((self.length - 1) * self.stride + 1,)

    def count(self, lengths: tuple[int, ...]) -> int:
        """Return the number of windows that end within the axis."""
        return (lengths[0] - self.offset - self.extent[0]) // self.step + 1

    def starts(self, numbers: np.ndarray, lengths: tuple[int, ...], seed: int, epoch: int) -> np.ndarray:
        """Return the first element of each window."""
        return (numbers.astype(np.intp) * self.step + self.offset).reshape(-1, 1)

    def begins_at(self, steps: tuple[int, ...]) -> bool:
        """Return whether step and offset are multiples."""
        return self.step % steps[0] == 0 and self.offset % steps[0] == 0


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of one shape at given places, for example the tiles of an image.

    - starts: integers of shape (n, k), the first element of each box along each axis.
    - shape: k lengths.
    - axes: of the arrays, by default the first ones.

    >>> Boxes([[0, 0], [4, 6]], (4, 6)).count((8, 12))
    2
    """

    table: np.ndarray = field(repr=False)
    shape: tuple[int, ...]
    axes: tuple[AxisName, ...] = ()
    digest: str = ""
    stride, squeezed, per_cell = 1, False, 1

    def __init__(self, starts: ArrayLike, shape: Sequence[int], axes: Sequence[AxisName] = ()):
        lengths, table = check_lengths(shape, "Boxes"), np.asarray(starts)
        if table.ndim != 2 or table.shape[1] != len(lengths) or table.dtype.kind not in "iu":
            message = f"Boxes: starts has shape {table.shape} and type {table.dtype}"
            raise ValueError(f"{message}; it must be integers of shape (n, {len(lengths)})")
        table = np.array(table, np.intp, order="C")
        table.flags.writeable = False
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "shape", lengths)
        object.__setattr__(self, "axes", check_axes(axes, lengths, "Boxes"))
        object.__setattr__(self, "digest", f"{zlib.crc32(table.tobytes()):08x}")

    def __reduce__(self) -> tuple[type, tuple[np.ndarray, tuple[int, ...], tuple[AxisName, ...]]]:
        return Boxes, (self.table, self.shape, self.axes)

    @property
    def extent(self) -> tuple[int, ...]:
        """The shape."""
        return self.shape

    def count(self, lengths: tuple[int, ...]) -> int:
        """Return the number of boxes. Raise ValueError if one of them does not lie within the arrays."""
        ends = np.subtract(lengths, self.shape)
        bad = np.flatnonzero(((self.table < 0) | (self.table > ends)).any(axis=1))
        if len(bad):
            begin = tuple(self.table[bad[0]].tolist())
            raise ValueError(f"Boxes: box {bad[0]} at {begin} of shape {self.shape} does not lie within {lengths}")
        return len(self.table)

    def starts(self, numbers: np.ndarray, lengths: tuple[int, ...], seed: int, epoch: int) -> np.ndarray:
        """Return the given places."""
        starts: np.ndarray = self.table[numbers]
        return starts

    def begins_at(self, steps: tuple[int, ...]) -> bool:
        """Return whether all given places are multiples."""
        return not (self.table % steps).any()


def check_lengths(shape: Sequence[int], name: str) -> tuple[int, ...]:
    if not isinstance(shape, Sequence) or not shape:
        raise ValueError(f"{name}: shape must be at least one length, not {shape!r}")
    return tuple([check_count(n, f"{name}: shape") for n in shape])


def check_axes(axes: Sequence[AxisName], shape: tuple[int, ...], name: str) -> tuple[AxisName, ...]:
    """Return the axes, by default the first ones. Raise ValueError unless there is one for each length."""
    if not axes:
        return tuple(range(len(shape)))
    if isinstance(axes, str) or len(axes) != len(shape) or len(set(axes)) != len(shape):
        raise ValueError(f"{name}: axes must be {len(shape)} different ones, not {axes!r}")
    return tuple(axes)
