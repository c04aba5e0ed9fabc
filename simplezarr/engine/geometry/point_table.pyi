"""Points on some axes of an array: index arrays that belong together become a table of chunks."""

from typing import final

import numpy as np

def taken(array: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return array.take(order); look for Ctrl-C between runs."""

def rank(numbers: np.ndarray) -> np.ndarray:
    """Return the rank of each number among the different numbers."""

def changes(numbers: np.ndarray) -> np.ndarray:
    """Return the positions at which runs of equal numbers begin."""

@final
class PointTable:
    """Points of an array, given by index arrays for some of its axes, and the chunks that hold them."""

    @property
    def order(self) -> np.ndarray | None:
        """The position of each point among the given ones; None if they were sorted."""
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
        """Return [(stored object, unit in it, offsets of points in the unit, their positions among the given points)]."""
