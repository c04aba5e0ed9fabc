"""Copy or cast elements in pieces, with pauses between them: into a chunk, out of one, or at listed places."""

import numpy as np

def converts(source: np.dtype, target: np.dtype) -> bool:
    """Return whether the kernel converts numbers of one data type to another."""

def convert(values: np.ndarray, out: np.ndarray, scale: np.ndarray, offset: np.ndarray, axis: int) -> None:
    """Convert an array of numbers into another of its shape: values * scale + offset, rounded once."""
