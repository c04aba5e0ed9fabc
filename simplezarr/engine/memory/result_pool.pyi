"""Allocate arrays to read into, at addresses where files are read at full speed."""

import numpy as np

def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return a C-contiguous array as `numpy.empty` does. It owns its memory. A handler set by the application is used."""
