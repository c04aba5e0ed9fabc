"""Encoding through a pipeline: elements from their places in the caller's buffer to stored bytes, without the GIL."""


import numpy as np

from simplezarr.engine.chunks.pipeline import CodecPipeline

def encode_chunk(pipeline: CodecPipeline, array: np.ndarray) -> bytes:
    """A whole chunk, an array of the pipeline's shape and data type (any strides), as its encoded bytes."""
