"""Work on large arrays in runs of elements, because Python notices Ctrl-C only between two calls of NumPy."""

import math
from collections.abc import Iterator
from types import EllipsisType
from typing import Any

import numpy as np

__all__ = ["assign", "runs"]

_RUN = 1 << 17  # elements that one call of NumPy copies or compares


def runs(shape: tuple[int, ...]) -> Iterator[tuple[int | slice | EllipsisType, ...]]:
    """Yield the indexes that cut an array of this shape into views of at most 2**17 elements, in C order.

    >>> [index for index in runs((2, 200_000))]
    [(0, slice(0, 131072, None), Ellipsis), (0, slice(131072, 262144, None), Ellipsis), \
(1, slice(0, 131072, None), Ellipsis), (1, slice(131072, 262144, None), Ellipsis)]
    """
    row = math.prod(shape[1:])
    if not shape or row * shape[0] <= _RUN:
        yield (...,)
    elif row <= _RUN:
        for start in range(0, shape[0], _RUN // row):
            yield slice(start, start + _RUN // row), ...
    else:
        for number in range(shape[0]):
            for index in runs(shape[1:]):
                yield number, *index


def assign(target: np.ndarray, value: Any) -> None:
    """Do `target[...] = value`, run by run; `value` is one element or an array of the same shape.

    >>> target = np.zeros((2, 3))
    >>> assign(target, np.arange(6).reshape(2, 3))
    >>> target[1].tolist()
    [3.0, 4.0, 5.0]
    """
    many = isinstance(value, np.ndarray)
    for index in runs(target.shape):
        target[index] = value[index] if many else value
