"""The indexing engine: a selection becomes a start, a count and a step per axis, split at chunk borders on the fly."""

from collections.abc import Iterable
from typing import Any, final

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
    def rows(self, axis: int) -> list[tuple[int, int, int, int]]:
        """[(chunk, first element in the chunk, first element of the result, count)] along one axis."""

def chunk_plan(
    index: Iterable[int], shape: tuple[int, ...], chunks: tuple[int, ...], stored: tuple[int, ...]
) -> Plan:
    """The plan of one whole chunk, also where it sticks out of the array."""
