"""Chains with at least one codec in plain Python."""

from typing import Any

import numpy as np

from simplezarr.codecs.base import BoundedCodec, ChunkSpec
from simplezarr.codecs.limits import FREE_BYTES, FREE_PER_BYTE, FREE_PER_ELEMENT, UNLIMITED
from simplezarr.engine.chunks.pipeline import CodecFailure

__all__ = ["PythonChain"]


class PythonChain:
    """A chain with at least one codec in plain Python: each codec in turn, on bytes and arrays."""

    def __init__(
        self, array_array: tuple, array_bytes: Any, bytes_bytes: tuple, specs: list, limits: tuple, shard: Any
    ):
        self.array_array, self.array_bytes, self.bytes_bytes = array_array, array_bytes, bytes_bytes
        self.specs, self.limits = specs, limits
        self.shard = shard  # what decodes and encodes whole shards, if the chain makes these

    def __call__(self, data: bytes) -> np.ndarray:
        """The decoded chunk, of the first spec's shape and data type. CodecFailure where a codec raises."""
        data = self.unwrap(data)
        codec = self.array_bytes
        try:
            array = self.shard.decode(data) if self.shard else codec.decode(data, self.specs[-1])
            for codec, spec in zip(reversed(self.array_array), reversed(self.specs[:-1]), strict=True):
                array = codec.decode(array, spec)
            return _checked(array, self.specs[0], "decodes")
        except Exception as error:
            raise _failure(codec, error) from error

    def unwrap(self, data: bytes) -> bytes:
        """What the array -> bytes codec made. CodecFailure where a codec behind it raises."""
        codec = None
        most = self.most(len(data))
        try:
            for codec, limit in zip(reversed(self.bytes_bytes), self.limits, strict=True):
                bounded = isinstance(codec, BoundedCodec)
                data = codec.decode(data, min(limit, most)) if bounded else codec.decode(data)
        except Exception as error:
            raise _failure(codec, error) from error
        return data

    def most(self, stored: int) -> int:
        """The most bytes that a step of the chain may decode `stored` bytes to, where nothing else limits it."""
        spec = self.specs[0]
        size = FREE_BYTES + FREE_PER_BYTE * stored + FREE_PER_ELEMENT * spec.size + 2 * spec.nbytes
        return min(size, UNLIMITED)

    def encode(self, array: np.ndarray) -> bytes:
        """The encoded chunk; `array` is the codecs' to keep. CodecFailure where one of them raises."""
        codec = None
        try:
            for codec, spec in zip(self.array_array, self.specs[1:], strict=True):
                array = _checked(codec.encode(array), spec, "encodes")
            codec = self.array_bytes
            data = self.shard.encode(array) if self.shard else codec.encode(array, self.specs[-1])
            for codec in self.bytes_bytes:
                data = codec.encode(data)
            return data if type(data) is bytes else bytes(data)
        except Exception as error:
            raise _failure(codec, error) from error


def _checked(array: Any, spec: ChunkSpec, verb: str) -> np.ndarray:
    if isinstance(array, np.ndarray) and array.shape == spec.shape and array.dtype == spec.dtype.numpy:
        return array
    found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
    raise ValueError(f"{verb} to {found} instead of {spec.dtype.numpy} of shape {spec.shape}")


def _failure(codec: Any, error: Exception) -> CodecFailure:
    if isinstance(error, (MemoryError, RecursionError)):  # says nothing of the chunk
        raise error
    name = getattr(codec, "name", type(codec).__name__)
    text = str(error)
    return CodecFailure(text if text.startswith(f"{name}:") else f"{name}: {text}", name)
