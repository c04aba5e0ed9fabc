"""Text and bytes of any length between chunks of `vlen-utf8` and `vlen-bytes` and arrays of NumPy."""

import numpy as np
from typing_extensions import Buffer

def decode_text(data: Buffer, count: int) -> np.ndarray:
    """The `count` strings of a vlen-utf8 chunk, as a StringDType array. ValueError where that can't be."""

def encode_text(strings: np.ndarray) -> bytes:
    """The vlen-utf8 chunk of a contiguous one-dimensional StringDType array. ValueError for missing or too long ones."""

def decode_bytes(data: Buffer, count: int) -> np.ndarray:
    """The `count` items of a vlen-bytes chunk, as an object array of bytes. ValueError where that can't be."""

def encode_bytes(items: list[bytes]) -> bytes:
    """The vlen-bytes chunk of a list of bytes. TypeError for what is not bytes, ValueError for too many."""
