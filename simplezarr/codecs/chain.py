"""A codec chain becomes a pipeline: once, when an array is opened."""

import sys
from functools import lru_cache
from typing import Any

import numpy as np

from simplezarr._decode import decode_chunk
from simplezarr._encode import encode_chunk
from simplezarr._pipeline import CodecFailure, Pipeline
from simplezarr.codecs.base import BoundedCodec, ChunkSpec, Codec, resolve_chain, split_chain
from simplezarr.codecs.bytes import Bytes
from simplezarr.codecs.sharding import Sharding
from simplezarr.codecs.transpose import Transpose
from simplezarr.errors import MetadataError

SLACK = 1 << 20  # bytes that an encoded value may have beyond twice the decoded: frames, headers, padding
SLACK_PER_CHUNK = 1 << 10  # the same for each inner chunk of a shard
UNLIMITED = sys.maxsize // 4
# What chunks may decode to whose size does not follow from their shape, as those of text, so that a few stored bytes
# can't take all memory: so many bytes, and so many for each stored byte and for each element.
FREE_BYTES = 64 << 20
FREE_PER_BYTE = 256
FREE_PER_ELEMENT = 1 << 10
MAX_NDIM = 64  # as NumPy; the index of a shard has one dimension more than the shard


@lru_cache(maxsize=256)
def bind(codecs: tuple[Codec, ...], spec: ChunkSpec, where: str = "codecs") -> Pipeline:
    """The pipeline that decodes chunks of `spec` which `codecs` have encoded; the same one for equal arguments.

    Raises MetadataError, naming the member below `where`, for a chain that can't encode such chunks.
    """
    chain: Any = split_chain(codecs, where)
    array_array, array_bytes, bytes_bytes = chain
    specs, encoded = resolve_chain(codecs, spec, where)
    native = (
        all(type(codec) is Transpose for codec in array_array)
        and (type(array_bytes) is Sharding or (type(array_bytes) is Bytes and has_transform(array_bytes, specs[-1])))
        and all(codec.kernel is not None for codec in bytes_bytes)
    )
    limits, most = _size_limits(array_bytes, bytes_bytes, specs[-1])
    fill = spec.fill
    if spec.dtype.is_variable:  # such arrays go the way of `objects`; the pipeline knows where inner chunks lie
        fill = bytes(spec.dtype.itemsize)
    if not native:
        python = python_chain(codecs, spec, where)
        return Pipeline(spec.shape, identity(spec), spec.dtype.numpy, 0, fill, most, python=python)
    shard: dict[str, Any] = {}
    if type(array_bytes) is Sharding:
        shard = _shard_parts(array_bytes, specs[-1], f"{where}[{len(array_array)}].configuration")
    return Pipeline(
        spec.shape,
        stored_order(array_array, spec),
        spec.dtype.numpy,
        0 if shard else transform(array_bytes, spec),
        fill,
        most if encoded is None else encoded,
        kernels=tuple([codec.kernel for codec in reversed(bytes_bytes)]),
        limits=limits,
        **shard,
    )


def identity(spec: ChunkSpec) -> tuple[int, ...]:
    return tuple(range(len(spec.shape)))


def stored_order(transposes: tuple[Any, ...], spec: ChunkSpec) -> tuple[int, ...]:
    """Axis i of what the transposes make is axis order[i] of the chunk."""
    order = identity(spec)
    for transpose in transposes:
        order = tuple([order[axis] for axis in transpose.permutation(len(order))])
    return order


def has_transform(codec: Bytes, spec: ChunkSpec) -> bool:
    """Whether one of the transforms of csrc/copy.h makes elements of what is stored."""
    if spec.dtype.numpy == np.bool_:
        return True
    return not spec.dtype.needs_check and (not codec.swaps or spec.dtype.swap_unit > 0)


def transform(codec: Bytes, spec: ChunkSpec) -> int:
    """What happens to elements while they are copied, as csrc/copy.h numbers it: nothing, truth values, or a swap."""
    if spec.dtype.numpy == np.bool_:
        return 1
    return spec.dtype.swap_unit if spec.dtype.swap_unit > 1 and codec.swaps else 0


def _shard_parts(codec: Sharding, spec: ChunkSpec, where: str) -> dict:
    index = codec.index_spec(spec)
    if len(index.shape) > MAX_NDIM:
        raise MetadataError(
            f"{where}.chunk_shape: {len(spec.shape)} dimensions; the limit for shards is {MAX_NDIM - 1}"
        )
    return {
        "inner": bind(codec.codecs, codec.inner_spec(spec), f"{where}.codecs"),
        "index": bind(codec.index_codecs, index, f"{where}.index_codecs"),
        "index_nbytes": resolve_chain(codec.index_codecs, index, f"{where}.index_codecs")[1],
        "index_first": codec.index_location == "start",
        "write_order": codec.write_order(spec.shape),
    }


def _size_limits(array_bytes: Any, bytes_bytes: tuple, spec: ChunkSpec) -> tuple[tuple[int, ...], int]:
    """The most bytes that each bytes -> bytes codec, in decoding order, may decode to; and the most stored bytes.

    A checksum has a size; what a compressor makes of n bytes is never much more than n.
    """
    size = array_bytes.resolve(spec)
    most = size if size is not None else UNLIMITED
    if type(array_bytes) is Sharding and not spec.dtype.is_variable:
        most = _loose(spec.nbytes) + array_bytes.index_spec(spec).nbytes * (1 + SLACK_PER_CHUNK // 16)
    limits: list[int] = []
    for codec in bytes_bytes:
        limits.insert(0, most)
        size = codec.resolve(size)
        loose = _loose(most) if isinstance(codec, BoundedCodec) else UNLIMITED  # nothing is known of the others
        most = loose if size is None else size
    return tuple(limits), most


def _loose(nbytes: int) -> int:
    return min(2 * nbytes + SLACK, UNLIMITED)


@lru_cache(maxsize=256)
def python_chain(codecs: tuple[Codec, ...], spec: ChunkSpec, where: str = "codecs") -> "PythonChain":
    """The chain that decodes chunks of `spec` which `codecs` have encoded, codec by codec; raises as `bind`."""
    chain: Any = split_chain(codecs, where)
    array_array, array_bytes, bytes_bytes = chain
    specs = resolve_chain(codecs, spec, where)[0]
    limits, _ = _size_limits(array_bytes, bytes_bytes, specs[-1])
    return PythonChain(array_array, array_bytes, bytes_bytes, specs, limits)


class PythonChain:
    """A chain with at least one codec in plain Python: each codec in turn, on bytes and arrays."""

    def __init__(self, array_array: tuple, array_bytes: Any, bytes_bytes: tuple, specs: list, limits: tuple):
        self.array_array, self.array_bytes, self.bytes_bytes = array_array, array_bytes, bytes_bytes
        self.specs, self.limits = specs, limits
        self.shard = _whole_shard(array_bytes, specs[-1]) if type(array_bytes) is Sharding else None

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


class _NativeShard:
    """A shard between codecs in Python, decoded and encoded as a whole by the engine."""

    def __init__(self, codec: Sharding, spec: ChunkSpec):
        self.pipeline = bind((codec,), spec)

    def decode(self, data: bytes) -> np.ndarray:
        return decode_chunk(self.pipeline, data)

    def encode(self, array: np.ndarray) -> bytes:
        return encode_chunk(self.pipeline, array)


def _whole_shard(codec: Sharding, spec: ChunkSpec) -> Any:
    if not spec.dtype.is_variable:
        return _NativeShard(codec, spec)
    from simplezarr.codecs.variable import VariableShard

    return VariableShard(codec, spec)
