"""Arrays to read into: memory of NumPy's own, but where it lies in its pages files are read at full speed."""

import numpy as np

def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """As `numpy.empty`, C-contiguous. The array owns its memory; a memory handler that is not NumPy's own is respected."""
