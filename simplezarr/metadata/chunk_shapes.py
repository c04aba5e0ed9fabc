"""Chunk shapes: those that "auto" chooses, and the short forms that callers may give.

>>> auto_chunks((1000, 1000, 1000), 2 << 20, 2)
(100, 100, 100)
>>> auto_chunks((20, 5000, 5000), 1 << 20, 4)
(20, 125, 100)
>>> whole_axes((16,), (100, 200), "chunks")
(16, 200)
"""

import math
import operator

import numpy as np

from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import check_integers, show
from simplezarr.schema.limits import MAX_LENGTH, MAX_NDIM

__all__ = [
    "as_lengths",
    "auto_chunks",
    "auto_shards",
    "check_chunk_size",
    "check_lengths",
    "dividing_chunks",
    "whole_axes",
]

_WHOLE_BUDGETS = 4  # how many budgets the axes that do not grow may have
_NEAR = 1.5  # how far a chunk length may be from the desired one, as a factor


def auto_chunks(shape: tuple[int, ...], nbytes: int, itemsize: int) -> tuple[int, ...]:
    """Return the shape of chunks of about `nbytes` bytes: as close to a cube as the array allows, and cut evenly.

    Axes are taken from the shortest to the longest. A short axis is not cut, so the longer ones get more of the budget.
    A length that divides the axis is preferred if it is within a factor of 1.5 of the desired one.
    An axis of length 0 is to grow, usually by what lies along the other axes. So these are whole if that is at most
    four times the budget. The axes that grow share half of the budget: a chunk is written again for each part of it.

    >>> auto_chunks((0, 721, 1440), 2 << 20, 4), auto_chunks((0, 24), 2 << 20, 8)
    ((1, 721, 1440), (5461, 24))
    """
    budget = max(1.0, nbytes / itemsize)
    whole = math.prod([length for length in shape if length])
    if 0 in shape and whole <= _WHOLE_BUDGETS * budget:
        grow = shape.count(0)
        side = max(1, int(max(1.0, budget / 2 / whole) ** (1 / grow)))
        return tuple([length or side for length in shape])
    chunks = [1] * len(shape)
    axes = sorted(range(len(shape)), key=lambda axis: shape[axis] or MAX_LENGTH)
    for done, axis in enumerate(axes):
        side = max(1.0, budget ** (1 / (len(axes) - done)))
        length = shape[axis]
        chunks[axis] = _even_length(length, side) if length else int(side)
        budget = max(1.0, budget / chunks[axis])
    return tuple(chunks)


def auto_shards(shape: tuple[int, ...], chunks: tuple[int, ...], nbytes: int, itemsize: int) -> tuple[int, ...]:
    """Return the shape of shards of about `nbytes` bytes, whole multiples of the chunks.

    >>> auto_shards((1000, 1000, 1000), (100, 100, 100), 64 << 20, 2)
    (400, 200, 500)
    """
    grid = tuple([-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True)])
    counts = auto_chunks(grid, nbytes, math.prod(chunks) * itemsize)
    return tuple([count * chunk for count, chunk in zip(counts, chunks, strict=True)])


def dividing_chunks(shards: tuple[int, ...], nbytes: int, itemsize: int) -> tuple[int, ...]:
    """Return the shape of chunks of about `nbytes` bytes that fill shards of a given shape.

    >>> dividing_chunks((512, 1000), 1 << 18, 4)
    (256, 250)
    """
    sides = auto_chunks(shards, nbytes, itemsize)
    return tuple([_nearest_divisor(length, side) for length, side in zip(shards, sides, strict=True)])


def _even_length(length: int, side: float) -> int:
    """Return the length of chunks that cut an axis evenly, within a factor of 1.5 of `side` unless the axis is shorter.

    >>> _even_length(1440, 724), _even_length(1009, 700), _even_length(1009, 100)
    (720, 1009, 101)
    """
    if length <= _NEAR * side:
        return length
    divisor = _nearest_divisor(length, side)
    if max(divisor / side, side / divisor) <= _NEAR:
        return divisor
    even = math.ceil(length / round(length / side))
    return even if even <= _NEAR * side else int(side)


def _nearest_divisor(length: int, side: float) -> int:
    """Return the divisor of `length` that is closest to `side` in proportion, among those that are cheap to find."""
    numbers = np.arange(1, min(math.isqrt(length), 1 << 16) + 1)
    small: list[int] = numbers[length % numbers == 0].tolist()
    return min((*small, *[length // n for n in small]), key=lambda n: abs(math.log(n / side)))


def check_lengths(value: object, where: str, least: int = 0) -> tuple[int, ...]:
    """Return a list with a length for each axis as a tuple; raise MetadataError for anything else.

    >>> check_lengths([4, 0], "shape")
    (4, 0)
    """
    lengths = check_integers(value, least, MAX_LENGTH, where)
    if len(lengths) > MAX_NDIM:
        raise MetadataError(f"{where}: {len(lengths)} dimensions; the limit is {MAX_NDIM}")
    return lengths


def check_chunk_size(nbytes: int, where: str) -> None:
    """Raise MetadataError if a chunk has more bytes than memory can address."""
    if nbytes > MAX_LENGTH:
        raise MetadataError(f"{where}: chunks of {nbytes} bytes; the limit is {MAX_LENGTH}")


def as_lengths(value: object, ndim: int | None, least: int, where: str) -> tuple[int, ...]:
    """Return a caller's lengths as a tuple; for one dimension, a number alone is enough.

    Raise MetadataError, or TypeError for a boolean; both begin with the argument's name, `where`.

    >>> as_lengths(5, 1, 0, "shape")
    (5,)
    """
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{where}: {value!r} is not a length; give a number, or a tuple with one for each dimension")
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        try:
            value = (operator.index(value),)  # type: ignore[arg-type]
        except TypeError:
            raise MetadataError(f"{where}: {show(value)} is neither a number nor a tuple of numbers") from None
        if ndim not in (None, 1):
            raise MetadataError(f"{where}: {value[0]} is one number for {ndim} dimensions; give a tuple")
    return check_lengths(value, where, least)


def whole_axes(value: object, shape: tuple[int, ...], where: str) -> tuple[int, ...]:
    """Return a chunk length for every axis: -1, or a missing one at the end, stands for the whole axis.

    >>> whole_axes(-1, (4, 0), "chunks")
    (4, 1)
    """
    if isinstance(value, (int, np.integer)) and value == -1:
        value = ()
    lengths = as_lengths(value, len(shape), -1, where)
    if len(lengths) > len(shape):
        raise MetadataError(f"{where}: {show(lengths)} has {len(lengths)} entries for {len(shape)} dimensions")
    for i, length in enumerate(lengths):
        if length == 0:
            raise MetadataError(f"{where}[{i}]: 0 is not a chunk length; -1 stands for the whole axis")
    lengths += (-1,) * (len(shape) - len(lengths))
    return tuple([max(1, whole) if length == -1 else length for length, whole in zip(lengths, shape, strict=True)])
