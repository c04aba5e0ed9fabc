"""Text and bytes of any length between chunks of `vlen-utf8` and `vlen-bytes` and arrays of NumPy."""

import numpy as np
from typing_extensions import Buffer

def decode_text(data: Buffer, count: int) -> np.ndarray:
    """Return the `count` strings of a vlen-utf8 chunk as a StringDType array. Raise ValueError if it is corrupt."""

def encode_text(strings: np.ndarray) -> bytes:
    """Return a contiguous StringDType array as a vlen-utf8 chunk. Raise ValueError for missing or too long strings."""

def decode_bytes(data: Buffer, count: int) -> np.ndarray:
    """Return the `count` items of a vlen-bytes chunk as an object array of bytes. Raise ValueError if it is corrupt."""

def encode_bytes(items: list[bytes]) -> bytes:
    """Return a list of bytes as a vlen-bytes chunk. Raise TypeError for other items, ValueError for too many."""
