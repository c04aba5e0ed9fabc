"""A codec chain becomes a pipeline: once, when an array is opened."""

from functools import lru_cache
from typing import Any

import numpy as np

from simplezarr.codecs.base import ChunkSpec, Codec, resolve_chain, split_chain
from simplezarr.codecs.bytes import Bytes
from simplezarr.codecs.limits import size_limits
from simplezarr.codecs.python_chain import PythonChain
from simplezarr.codecs.shard_index import ShardIndex
from simplezarr.codecs.sharding import Sharding
from simplezarr.codecs.transpose import Transpose
from simplezarr.codecs.variable_shard import VariableShard
from simplezarr.engine.chunks.decode import decode_chunk
from simplezarr.engine.chunks.encode import encode_chunk
from simplezarr.engine.chunks.pipeline import Pipeline
from simplezarr.errors import MetadataError
from simplezarr.schema.limits import MAX_NDIM


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
        and all(codec.compiled is not None for codec in bytes_bytes)
    )
    limits, most = size_limits(array_bytes, bytes_bytes, specs[-1])
    fill = spec.fill
    if spec.dtype.is_variable:  # `transfer.variable` reads such arrays; the pipeline knows where inner chunks lie
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
        kernels=tuple([codec.compiled for codec in reversed(bytes_bytes)]),
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
    """Whether one of the transforms of csrc/array/copy.h makes elements of what is stored."""
    if spec.dtype.numpy == np.bool_:
        return True
    return not spec.dtype.needs_check and (not codec.swaps or spec.dtype.swap_unit > 0)


def transform(codec: Bytes, spec: ChunkSpec) -> int:
    """Return what happens to elements while they are copied, as csrc/array/copy.h numbers it."""
    if spec.dtype.numpy == np.bool_:
        return 1
    return spec.dtype.swap_unit if spec.dtype.swap_unit > 1 and codec.swaps else 0


def _shard_parts(codec: Sharding, spec: ChunkSpec, where: str) -> dict[str, Any]:
    if len(spec.shape) >= MAX_NDIM:  # the index has one dimension more than the shard
        raise MetadataError(
            f"{where}.chunk_shape: {len(spec.shape)} dimensions; the limit for shards is {MAX_NDIM - 1}"
        )
    index = shard_index(codec, spec, where)
    return {
        "inner": bind(codec.codecs, codec.inner_spec(spec), f"{where}.codecs"),
        "index": index.pipeline,
        "index_nbytes": index.nbytes,
        "index_first": index.is_first,
        "write_order": codec.write_order(spec.shape),
    }


def shard_index(codec: Sharding, spec: ChunkSpec, where: str = "configuration") -> ShardIndex:
    """Return the index of shards of `spec`; raise as `bind`."""
    index, where = codec.index_spec(spec), f"{where}.index_codecs"
    nbytes = resolve_chain(codec.index_codecs, index, where)[1] or 0
    return ShardIndex(codec, spec, bind(codec.index_codecs, index, where), nbytes)


@lru_cache(maxsize=256)
def python_chain(codecs: tuple[Codec, ...], spec: ChunkSpec, where: str = "codecs") -> PythonChain:
    """The chain that decodes chunks of `spec` which `codecs` have encoded, codec by codec; raises as `bind`."""
    chain: Any = split_chain(codecs, where)
    array_array, array_bytes, bytes_bytes = chain
    specs = resolve_chain(codecs, spec, where)[0]
    limits, _ = size_limits(array_bytes, bytes_bytes, specs[-1])
    shard = _whole_shard(array_bytes, specs[-1]) if type(array_bytes) is Sharding else None
    return PythonChain(array_array, array_bytes, bytes_bytes, specs, limits, shard)


class _NativeShard:
    """A shard between codecs in Python, decoded and encoded as a whole by the engine."""

    def __init__(self, codec: Sharding, spec: ChunkSpec):
        self.pipeline = bind((codec,), spec)

    def decode(self, data: bytes) -> np.ndarray:
        return decode_chunk(self.pipeline, data)

    def encode(self, array: np.ndarray) -> bytes:
        return encode_chunk(self.pipeline, array)


def _whole_shard(codec: Sharding, spec: ChunkSpec) -> "_NativeShard | VariableShard":
    if not spec.dtype.is_variable:
        return _NativeShard(codec, spec)
    inner = python_chain(codec.codecs, codec.inner_spec(spec), "configuration.codecs")
    return VariableShard(codec, spec, inner, shard_index(codec, spec))
