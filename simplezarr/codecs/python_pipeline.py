"""The pipeline of a chain with at least one codec in plain Python."""

from typing import Protocol

import numpy as np

from simplezarr.codecs.base import BoundedCodec, ChunkSpec, Codec, Data, SplitChain
from simplezarr.codecs.limits import FREE_BYTES, FREE_PER_BYTE, FREE_PER_ELEMENT, UNLIMITED
from simplezarr.engine.chunks.pipeline import CodecFailure

__all__ = ["PythonPipeline", "WholeShard"]


class WholeShard(Protocol):
    """What decodes and encodes whole shards for a chain with a codec in plain Python."""

    def decode(self, data: Data) -> np.ndarray:
        """Return the elements of a shard."""

    def encode(self, array: np.ndarray) -> bytes:
        """Return the shard of an array."""


class PythonPipeline:
    """Runs a chain codec by codec, on bytes and arrays; `codecs.chain.python_pipeline` makes it.

    - specs: the chunk, and what each array -> array codec makes of it.
    - limits: the most bytes that each bytes -> bytes codec may decode to, in decoding order.
    - shard: decodes and encodes the shards of a chain that makes such, otherwise None.

    Every method raises CodecFailure for the first codec that raises.
    """

    def __init__(self, chain: SplitChain, specs: list[ChunkSpec], limits: tuple[int, ...], shard: WholeShard | None):
        self.array_array, self.array_bytes, self.bytes_bytes = chain
        self.specs, self.limits, self.shard = specs, limits, shard

    def __call__(self, data: bytes) -> np.ndarray:
        """Return the decoded chunk, of the first spec's shape and data type."""
        codec: Codec = self.array_bytes
        encoded = self.unwrap(data)
        try:
            array = self.shard.decode(encoded) if self.shard else self.array_bytes.decode(encoded, self.specs[-1])
            for head, spec in zip(reversed(self.array_array), reversed(self.specs[:-1]), strict=True):
                codec = head
                array = head.decode(array, spec)
            return _checked(array, self.specs[0], "decodes")
        except Exception as error:
            raise _failure(codec, error) from error

    def unwrap(self, data: bytes) -> bytes:
        """Return what the array -> bytes codec made."""
        codec: Codec = self.array_bytes
        most = self.most(len(data))
        try:
            for tail, limit in zip(reversed(self.bytes_bytes), self.limits, strict=True):
                codec = tail
                data = tail.decode(data, min(limit, most)) if isinstance(tail, BoundedCodec) else tail.decode(data)
        except Exception as error:
            raise _failure(codec, error) from error
        return data

    def most(self, stored: int) -> int:
        """Return the most bytes that a step may decode `stored` bytes to, if nothing else limits it."""
        spec = self.specs[0]
        size = FREE_BYTES + FREE_PER_BYTE * stored + FREE_PER_ELEMENT * spec.size + 2 * spec.nbytes
        return min(size, UNLIMITED)

    def encode(self, array: np.ndarray) -> bytes:
        """Return the encoded chunk. The codecs may keep or change the array."""
        codec: Codec = self.array_bytes
        try:
            for head, spec in zip(self.array_array, self.specs[1:], strict=True):
                codec = head
                array = _checked(head.encode(array), spec, "encodes")
            codec = self.array_bytes
            data = self.shard.encode(array) if self.shard else self.array_bytes.encode(array, self.specs[-1])
            for tail in self.bytes_bytes:
                codec = tail
                data = tail.encode(data)
            return data if type(data) is bytes else bytes(data)
        except Exception as error:
            raise _failure(codec, error) from error


def _checked(array: object, spec: ChunkSpec, verb: str) -> np.ndarray:
    if isinstance(array, np.ndarray) and array.shape == spec.shape and array.dtype == spec.dtype.numpy:
        return array
    found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
    raise ValueError(f"{verb} to {found} instead of {spec.dtype.numpy} of shape {spec.shape}")


def _failure(codec: Codec, error: Exception) -> CodecFailure:
    if isinstance(error, (MemoryError, RecursionError)):  # of the process, not of the chunk
        raise error
    text = str(error)
    return CodecFailure(text if text.startswith(f"{codec.name}:") else f"{codec.name}: {text}", codec.name)
