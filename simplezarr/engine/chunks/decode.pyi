"""Decoding through a pipeline: from stored bytes to their places in the caller's buffer, without the GIL."""


import numpy as np
from typing_extensions import Buffer

from simplezarr.engine.chunks.pipeline import CodecPipeline

def decode_chunk(pipeline: CodecPipeline, data: Buffer) -> np.ndarray:
    """Return the whole chunk stored in `data` (bytes) as an array; raise ValueError if it cannot be decoded."""
