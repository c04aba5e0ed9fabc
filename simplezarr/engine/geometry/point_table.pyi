"""Points on some axes of an array: where an index array, or several that belong together, becomes a table of chunks."""

from typing import final

import numpy as np

def taken(array: np.ndarray, order: np.ndarray) -> np.ndarray:
    """array.take(order), for Ctrl-C to end."""

def rank(numbers: np.ndarray) -> np.ndarray:
    """Numbers with the order of the given ones, but no larger than there are different ones."""

def changes(numbers: np.ndarray) -> np.ndarray:
    """Where a run of equal numbers begins."""

@final
class PointTable:
    """Points of an array, given by index arrays for some of its axes, and the chunks they lie in."""

    @property
    def order(self) -> np.ndarray | None:
        """The position, among the points as they were given, of each of them; None: they were sorted."""
    def __init__(
        self,
        axes: tuple[int, ...],
        indices: list[np.ndarray],
        n: int,
        shape: tuple[int, ...],
        stored: tuple[int, ...],
        units: tuple[int, ...],
        strides: tuple[int, ...],
    ) -> None: ...
    def table(self) -> list[tuple[tuple[int, ...], tuple[int, ...], list[int], list[int]]]:
        """[(stored object, unit in it, offsets of points in the unit, their positions among those given)]"""
