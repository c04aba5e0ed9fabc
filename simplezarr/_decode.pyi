"""Decoding through a pipeline: stored bytes to their places in the caller's buffer, without the GIL."""

from collections.abc import Buffer

import numpy as np

from simplezarr._pipeline import Pipeline

def decode_chunk(pipeline: Pipeline, data: Buffer) -> np.ndarray:
    """The whole chunk stored in `data` (bytes), as an array. ValueError where it can't be decoded."""
