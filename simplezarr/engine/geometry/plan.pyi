"""The indexing engine: a selection becomes a start, a count and a step per axis, split at chunk borders on the fly."""

from collections.abc import Iterable
from typing import Any, final

import numpy as np

class NotBasic(IndexError):
    """A key with something other than integers, slices, an ellipsis and None: not (only) a basic selection."""

@final
class Plan:
    """What the basic selection `key` of an array of `shape`, stored in `chunks`, asks for and where it goes."""

    @property
    def n(self) -> int:
        """Stored chunks touched."""
    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""
    @property
    def scalar(self) -> bool:
        """Integers on every axis and nothing else: NumPy gives a scalar."""
    def __init__(self, key: Any, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None: ...
    def projections(self, axis: int) -> list[tuple[int, int, int, int]]:
        """[(chunk, first element in the chunk, first element of the result, count)] along one axis."""
    def ranges(self) -> list[tuple[range, int]]:
        """For each axis of the array, the range of elements that is selected, and which axis of the result that is, or -1."""
    def view(self, out: np.ndarray) -> np.ndarray:
        """The result with one axis for each axis of the array, along which elements come in the array's order."""
    def block(self, i: int) -> tuple[tuple[int, ...], tuple[Any, ...], tuple[Any, ...]]:
        """Chunk number i of the product: its index, the selection of its elements, and that of their places in `view`."""

def chunk_plan(
    index: Iterable[int], shape: tuple[int, ...], chunks: tuple[int, ...], stored: tuple[int, ...]
) -> Plan:
    """The plan of one whole chunk, also where it sticks out of the array."""
