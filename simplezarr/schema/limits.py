"""Limits of arrays that follow from NumPy and the machine, not from the specification."""

__all__ = ["MAX_LENGTH", "MAX_NDIM"]

MAX_NDIM = 64  # dimensions of an array in NumPy
MAX_LENGTH = 2**63 - 1  # elements along an axis, and bytes of a chunk: what a signed integer of 64 bits can count
