"""Crops: boxes of one shape at random places, uniform over all positions or weighted by chunks."""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simplezarr.loader.counter_random import Purpose, chances, draw, random_bits
from simplezarr.loader.samples import AxisName, check_axes, check_lengths
from simplezarr.stores.settings import check_count

__all__ = ["Crops"]


class _Places(NamedTuple):
    """Where crops of an array may begin, for each chunk.

    - steps: crops begin at multiples of these numbers, one for each axis. Places are counted in them.
    - first, counts: for each axis the first place in each chunk, and the number of places there.
    - cumulated: the chances of the chunks in C order, cumulated; None if all places are equally likely.
    """

    steps: tuple[int, ...]
    first: tuple[np.ndarray, ...]
    counts: tuple[np.ndarray, ...]
    cumulated: np.ndarray | None


@dataclass(frozen=True, repr=False)
class Crops:
    """Boxes of one shape at random places: `per_epoch` of them, other ones in each epoch.

    Places are uniform over all positions at which the box lies within the array. So elements near the border are in
    fewer crops than those inside.

    - axes: of the arrays, by default the first ones.
    - cell: how many chunks along each axis are read together. By default as many as the window has room for.
    - weights: a number of at least 0 for each chunk of the first array, along `axes`: how many times as often a crop
      begins at one of the chunk's positions. Or a mask of the chunks that crops begin in. Within a chunk all positions
      are equally likely. Equal weights are the same as none.

    >>> crops = Crops((2, 3), per_epoch=100)
    >>> starts = crops.starts(np.arange(100), (4, 5), seed=0, epoch=0)
    >>> starts.min(axis=0).tolist(), starts.max(axis=0).tolist()
    ([0, 0], [2, 2])
    """

    shape: tuple[int, ...]
    per_epoch: int
    axes: tuple[AxisName, ...] = ()
    cell: int | None = None
    weights: ArrayLike | None = field(default=None, compare=False)
    digest: str = field(default="", init=False)
    _places: _Places | None = field(default=None, init=False, compare=False)
    stride, squeezed = 1, False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", check_lengths(self.shape, "Crops"))
        object.__setattr__(self, "axes", check_axes(self.axes, self.shape, "Crops"))
        check_count(self.per_epoch, "Crops: per_epoch")
        if self.cell is not None:
            check_count(self.cell, "Crops: cell")
        if self.weights is not None:
            weights = np.array(self.weights, np.float64, order="C")
            if not np.isfinite(weights).all() or (weights < 0).any():
                raise ValueError("Crops: weights must be finite numbers of at least 0, or a mask")
            weights.flags.writeable = False
            object.__setattr__(self, "weights", weights)
            object.__setattr__(self, "digest", f"{zlib.crc32(weights.tobytes()):08x}")

    @property
    def extent(self) -> tuple[int, ...]:
        """The shape."""
        return self.shape

    @property
    def per_cell(self) -> int:
        """How many chunks along each axis are a cell."""
        return self.cell or 0

    def count(self, lengths: tuple[int, ...]) -> int:
        """Return `per_epoch`, or 0 if the box is larger than the arrays."""
        fits = all(n <= length for n, length in zip(self.shape, lengths, strict=True))
        return self.per_epoch if fits else 0

    def starts(self, numbers: np.ndarray, lengths: tuple[int, ...], seed: int, epoch: int) -> np.ndarray:
        """Return a random place for each number."""
        starts = np.empty((len(numbers), len(self.shape)), np.intp)
        steps, first, counts, cumulated = self._places or _Places((1,) * len(self.shape), (), (), None)
        chunks: Sequence[np.ndarray] = ()
        if cumulated is not None:
            chunk = draw(cumulated, numbers, seed, epoch, Purpose.CROP_CHUNKS)
            chunks = np.unravel_index(chunk, tuple([len(of_axis) for of_axis in counts]))
        for axis, (n, length) in enumerate(zip(self.shape, lengths, strict=True)):
            bits = random_bits(numbers, seed, epoch, Purpose.CROPS, axis)
            if chunks:
                places = bits % counts[axis][chunks[axis]].astype(np.uint64) + first[axis][chunks[axis]]
            else:
                places = bits % np.uint64((length - n) // steps[axis] + 1)
            starts[:, axis] = places * np.uint64(steps[axis])
        return starts

    def begins_at(self, steps: tuple[int, ...]) -> bool:
        """Return whether all places are multiples."""
        mine = self._places.steps if self._places else (1,) * len(steps)
        return all(own % step == 0 for own, step in zip(mine, steps, strict=True))

    def fitted(self, edges: Sequence[np.ndarray], lengths: tuple[int, ...], steps: tuple[int, ...]) -> "Crops":
        """Return these crops for an array, with the chances of its chunks.

        - edges: the first element of each chunk, for each axis.
        - lengths: of the array along these axes.
        - steps: crops begin at multiples of these.

        Raise ValueError if there is not a weight for each chunk, or nowhere for a crop to begin.
        """
        if (self.weights is None and max(steps) == 1) or not self.count(lengths):
            return self
        first, counts = [], []
        for begins, length, n, step in zip(edges, lengths, self.shape, steps, strict=True):
            ends = (length - n) // step + 1
            bounds = np.minimum(np.append(-(-begins // step), ends), ends).astype(np.uint64)
            first.append(bounds[:-1])
            counts.append(np.diff(bounds))
        places = _Places(steps, tuple(first), tuple(counts), self._cumulated(counts))
        other = replace(self)
        object.__setattr__(other, "_places", places)
        return other

    def _cumulated(self, counts: Sequence[np.ndarray]) -> np.ndarray | None:
        """Return the cumulated chances of the chunks. counts: for each axis the number of places in each chunk."""
        if self.weights is None:
            return None
        weights, shape = np.asarray(self.weights), tuple([len(of_axis) for of_axis in counts])
        if weights.shape != shape:
            raise ValueError(
                f"Crops: weights have shape {weights.shape}, but the first array has chunks of shape {shape} along "
                "the axes of the crops; give a number for each"
            )
        weighted = weights * math.prod(np.ix_(*[of_axis.astype(np.float64) for of_axis in counts]))
        if not weighted.any():
            raise ValueError("Crops: all chunks that a crop may begin in have weight 0; give one of them another")
        return chances(weighted.reshape(-1))

    def __repr__(self) -> str:
        weights = f", weights={self.digest}" if self.digest else ""
        return f"Crops(shape={self.shape}, per_epoch={self.per_epoch}, axes={self.axes}, cell={self.cell}{weights})"
