"""Encode the caller's buffer through a pipeline to stored bytes, without the GIL."""


import numpy as np

from simplezarr.engine.chunks.pipeline import CodecPipeline

def encode_chunk(pipeline: CodecPipeline, array: np.ndarray) -> bytes:
    """Return the encoded bytes of a whole chunk: an array of the pipeline's shape and data type."""
