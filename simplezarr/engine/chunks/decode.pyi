"""Decoding through a pipeline: stored bytes to their places in the caller's buffer, without the GIL."""


import numpy as np
from typing_extensions import Buffer

from simplezarr.engine.chunks.pipeline import CodecPipeline

def decode_chunk(pipeline: CodecPipeline, data: Buffer) -> np.ndarray:
    """The whole chunk stored in `data` (bytes), as an array. ValueError where it can't be decoded."""
