"""The indexing engine: a selection becomes a start, a count and a step per axis, split at chunk borders on the fly."""

from collections.abc import Iterable
from typing import Any, final

import numpy as np

class NotBasic(IndexError):
    """The key has items other than integers, slices, an ellipsis and None, so it is not a basic selection.

    It is made of the item, which may be long. The message is made when it is shown, because most such keys are served.
    """

@final
class Plan:
    """The basic selection `key` of an array of `shape`, divided into `chunks`."""

    @property
    def n(self) -> int:
        """Number of stored objects touched."""
    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""
    @property
    def scalar(self) -> bool:
        """Whether the key has only integers, one for each axis, for which NumPy returns a scalar."""
    def __init__(self, key: Any, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None: ...
    def projections(self, axis: int) -> list[tuple[int, int, int, int]]:
        """Return [(chunk, first element in the chunk, first element of the result, count)] along one axis."""
    def ranges(self) -> list[tuple[range, int]]:
        """Return, for each axis of the array, the range of selected elements and the axis of the result, or -1."""
    def view(self, out: np.ndarray) -> np.ndarray:
        """Return a view of the result with the axes of the array, along which the elements ascend."""
    def block(self, i: int) -> tuple[tuple[int, ...], tuple[Any, ...], tuple[Any, ...]]:
        """Return the index of the i-th chunk, the selection of its elements, and that of their places in `view`."""

def chunk_plan(
    index: Iterable[int], shape: tuple[int, ...], chunks: tuple[int, ...], stored: tuple[int, ...]
) -> Plan:
    """Return the plan of one whole chunk, also of one that extends beyond the array."""
