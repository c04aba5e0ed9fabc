"""A codec chain becomes a pipeline: once, when an array is opened.

>>> from simplezarr.codecs.zstd import Zstd
>>> from simplezarr.dtypes import parse_dtype
>>> bind((Bytes("little"), Zstd()), ChunkSpec((10, 10), parse_dtype("uint16"), bytes(2))).shape
(10, 10)
"""

from functools import lru_cache
from typing import Any

import numpy as np

from simplezarr.codecs.base import ChunkSpec, Codec, Data, resolve_chain, split_chain
from simplezarr.codecs.bytes import Bytes
from simplezarr.codecs.limits import size_limits
from simplezarr.codecs.python_pipeline import PythonPipeline, WholeShard
from simplezarr.codecs.shard_index import ShardIndex
from simplezarr.codecs.sharding import Sharding
from simplezarr.codecs.transpose import Transpose
from simplezarr.codecs.variable_shard import VariableShard
from simplezarr.engine.chunks.decode import decode_chunk
from simplezarr.engine.chunks.encode import encode_chunk
from simplezarr.engine.chunks.pipeline import CodecPipeline
from simplezarr.errors import MetadataError
from simplezarr.schema.limits import MAX_NDIM

__all__ = ["bind", "python_pipeline", "shard_index", "stored_order"]


@lru_cache(maxsize=256)
def bind(codecs: tuple[Codec, ...], spec: ChunkSpec, where: str = "codecs") -> CodecPipeline:
    """Return the pipeline that decodes chunks of `spec` which `codecs` have encoded; the same one for equal arguments.

    Raise MetadataError, which names the member below `where`, for a chain that can't encode such chunks.
    """
    heads, middle, tails = split_chain(codecs, where)
    specs, encoded = resolve_chain(codecs, spec, where)
    compiled = [codec.compiled for codec in reversed(tails)]
    is_native = (
        all(type(codec) is Transpose for codec in heads)
        and (type(middle) is Sharding or (type(middle) is Bytes and _has_transform(middle, specs[-1])))
        and None not in compiled
    )
    limits, most = size_limits(middle, tails, specs[-1])
    fill = spec.fill
    if spec.dtype.is_variable:  # `transfer.variable` reads such arrays; the pipeline knows where inner chunks lie
        fill = bytes(spec.dtype.itemsize)
    if not is_native:
        python = python_pipeline(codecs, spec, where)
        return CodecPipeline(spec.shape, _identity(spec), spec.dtype.numpy, 0, fill, most, python=python)
    shard: dict[str, Any] = {}
    if type(middle) is Sharding:
        shard = _shard_parts(middle, specs[-1], f"{where}[{len(heads)}].configuration")
    return CodecPipeline(
        spec.shape,
        stored_order(heads, spec),
        spec.dtype.numpy,
        _transform(middle, spec) if type(middle) is Bytes else 0,
        fill,
        most if encoded is None else encoded,
        kernels=tuple([codec for codec in compiled if codec is not None]),
        limits=limits,
        **shard,
    )


def _identity(spec: ChunkSpec) -> tuple[int, ...]:
    return tuple(range(len(spec.shape)))


def stored_order(transposes: tuple[Codec, ...], spec: ChunkSpec) -> tuple[int, ...]:
    """Return the order of axes after some transposes: axis i of what they make is axis order[i] of the chunk."""
    order = _identity(spec)
    for transpose in transposes:
        assert isinstance(transpose, Transpose)
        order = tuple([order[axis] for axis in transpose.permutation(len(order))])
    return order


def _has_transform(codec: Bytes, spec: ChunkSpec) -> bool:
    """Return whether one of the transforms of csrc/array/copy.h makes elements of what is stored."""
    if spec.dtype.numpy == np.bool_:
        return True
    return not spec.dtype.needs_check and (not codec.swaps or spec.dtype.swap_unit > 0)


def _transform(codec: Bytes, spec: ChunkSpec) -> int:
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
    """Return the index of shards of `spec`; raise as `bind` does."""
    index, where = codec.index_spec(spec), f"{where}.index_codecs"
    nbytes = resolve_chain(codec.index_codecs, index, where)[1] or 0
    return ShardIndex(codec, spec, bind(codec.index_codecs, index, where), nbytes)


@lru_cache(maxsize=256)
def python_pipeline(codecs: tuple[Codec, ...], spec: ChunkSpec, where: str = "codecs") -> PythonPipeline:
    """Return the pipeline that runs each codec in Python; raise as `bind` does."""
    chain = split_chain(codecs, where)
    _, middle, tails = chain
    specs = resolve_chain(codecs, spec, where)[0]
    limits, _ = size_limits(middle, tails, specs[-1])
    shard = _whole_shard(middle, specs[-1]) if type(middle) is Sharding else None
    return PythonPipeline(chain, specs, limits, shard)


class _NativeShard:
    """A shard between codecs in Python, which the engine decodes and encodes as a whole."""

    def __init__(self, codec: Sharding, spec: ChunkSpec):
        self.pipeline = bind((codec,), spec)

    def decode(self, data: Data) -> np.ndarray:
        return decode_chunk(self.pipeline, data)

    def encode(self, array: np.ndarray) -> bytes:
        return encode_chunk(self.pipeline, array)


def _whole_shard(codec: Sharding, spec: ChunkSpec) -> WholeShard:
    if not spec.dtype.is_variable:
        return _NativeShard(codec, spec)
    inner = python_pipeline(codec.codecs, codec.inner_spec(spec), "configuration.codecs")
    return VariableShard(codec, spec, inner, shard_index(codec, spec))
