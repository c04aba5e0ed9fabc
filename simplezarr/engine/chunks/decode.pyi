"""Decode stored bytes through a pipeline into the caller's buffer, without the GIL."""


import numpy as np
from typing_extensions import Buffer

from simplezarr.engine.chunks.pipeline import CodecPipeline

def decode_chunk(pipeline: CodecPipeline, data: Buffer) -> np.ndarray:
    """Return the whole chunk stored in `data` (bytes) as an array. Raise ValueError if it cannot be decoded."""
