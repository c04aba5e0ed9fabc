"""Halve the resolution of arrays in memory, with the GIL released."""

import numpy as np

def mean(values: np.ndarray, out: np.ndarray, factors: tuple[int, ...]) -> None:
    """Write the means of pairs along the axes of factor 2 to `out`. Raise KeyError for what is not a number."""

def mode(values: np.ndarray, out: np.ndarray, factors: tuple[int, ...]) -> None:
    """Write the most frequent elements to `out`. They have 1, 2, 4 or 8 bytes."""
