"""Resolve the arguments of `create_array`: from shapes, dtypes and codecs as callers write them to `ArrayMetadata`.

All are checked before anything is written. Errors begin with the name of the argument.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, ChunkSpec, Codec, fit_chain
from simplezarr.codecs.bytes import Bytes
from simplezarr.codecs.chain import bind
from simplezarr.codecs.foreign import take_elements
from simplezarr.codecs.parse import MAX_CODECS, as_codec, placed
from simplezarr.codecs.sharding import Sharding
from simplezarr.codecs.zstd import Zstd
from simplezarr.dtypes import DataType, as_data_type, depends_on_elements, parse_dtype
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.hierarchy.inventory import chunk_codecs, inner_shape, sharding_of
from simplezarr.metadata.chunk_keys import ChunkKeys
from simplezarr.metadata.chunk_shapes import (
    as_lengths,
    auto_chunks,
    auto_shards,
    check_chunk_size,
    dividing_chunks,
    whole_axes,
)
from simplezarr.metadata.grids import Rectilinear, as_rectilinear
from simplezarr.metadata.json_document import plain_attributes
from simplezarr.metadata.v2.documents import ArrayMetadataV2
from simplezarr.metadata.v3 import ArrayMetadata, check_dimension_names
from simplezarr.schema.extensions import as_json, show
from simplezarr.transfer.array_like import to_numpy
from simplezarr.transfer.copy_source import copy_source
from simplezarr.transfer.values import as_array, check_text

__all__ = ["as_attributes", "as_data", "as_like", "check_format", "resolve_arguments"]

CHUNK_NBYTES = 1 << 20  # stored bytes that chunks="auto" aims at
SHARD_NBYTES = 64 << 20  # the same for shards="auto"
RATIO = 2  # what compressors are taken to make of data of which nothing is known


def resolve_arguments(
    *,
    shape: Any,
    dtype: Any,
    chunks: Any,
    shards: Any,
    codecs: Any,
    fill_value: Any,
    chunk_key_encoding: Any,
    dimension_names: Any,
    attributes: Any,
    zarr_format: int,
) -> ArrayMetadata:
    """Return the metadata that the arguments of `create_array` ask for."""
    check_format(zarr_format)
    chunks, shards = _as_automatic(chunks, shards)
    shape = as_lengths(shape, None, 0, "shape")
    objects = np.array(fill_value, object) if isinstance(fill_value, (str, bytes)) else None
    data_type = as_data_type(dtype, objects)
    fill = _as_element(fill_value, data_type)
    chain = _as_chain(codecs, data_type)
    chunks, shards, grid = _as_grid(chunks, shards, shape)
    inner, outer = _shapes(shape, data_type.itemsize, chunks, shards, chain)
    chain = _fitted(chain, ChunkSpec(inner, data_type, fill), "chunks")
    if outer is not None:
        chain = _fitted((Sharding(inner, chain),), ChunkSpec(outer, data_type, fill), "shards")
    if grid is not None:
        spec = ChunkSpec(outer or inner, data_type, fill)
        _check_lengths(grid, chain, spec, "chunks" if outer is None else "shards")
    names = _as_names(dimension_names, len(shape))
    cls: type[ArrayMetadata] = ArrayMetadata
    if zarr_format == ArrayMetadataV2.zarr_format:
        cls = ArrayMetadataV2
        chain = _for_v2(chain, names, shards, grid)
        chunk_key_encoding = "v2" if chunk_key_encoding == "default" else chunk_key_encoding
    keys, attributes = _as_keys(chunk_key_encoding), as_attributes(attributes)
    return cls(shape, data_type, outer or inner, keys, fill, chain, attributes, names, grid=grid)


#: The defaults of `create_array` that `like` replaces.
_DEFAULTS = {
    "shape": None,
    "chunks": "auto",
    "shards": None,
    "codecs": "auto",
    "fill_value": None,
    "chunk_key_encoding": "default",
    "dimension_names": None,
    "attributes": None,
}


def as_like(like: ArrayMetadata, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `create_array`, with those that are at their defaults taken from an array."""
    left = {name for name, default in _DEFAULTS.items() if _is_same(given[name], default)}
    unit = like.chunk_shape if like.grid is None else [n if isinstance(n, int) else [*n] for n in like.grid.axes]
    same_type = given["dtype"] == like.data_type
    if same_type and left >= {"chunks", "shards", "codecs"}:
        layout: dict[str, Any] = {"chunks": unit, "shards": None, "codecs": like.codecs}
    else:
        chain = [codec for codec in chunk_codecs(like) if same_type or not isinstance(codec, Bytes)]
        chunks, shards = (unit, None) if sharding_of(like) is None else (inner_shape(like), unit)
        layout = {"chunks": chunks, "shards": shards, "codecs": chain}
    taken = {
        **layout,
        "shape": like.shape,
        "fill_value": None if like.fill_problem else like.data_type.scalar(like.fill),
        "chunk_key_encoding": like.chunk_keys.to_json() if given["zarr_format"] == like.zarr_format else "default",
        "dimension_names": like.dimension_names,
        "attributes": like.attributes,
    }
    return {name: taken[name] if name in left else value for name, value in given.items()}


def _is_same(value: object, default: str | None) -> bool:
    return value is None if default is None else isinstance(value, str) and value == default


def _as_keys(value: Any) -> ChunkKeys:
    """Return the chunk keys that a name, a name and a separator, or a Zarr JSON object mean."""
    if isinstance(value, (tuple, list)) and len(value) == 2:
        value = {"name": value[0], "configuration": {"separator": value[1]}}
    return ChunkKeys.from_json(as_json(value), "chunk_key_encoding")


def _as_names(names: Any, ndim: int) -> tuple[str | None, ...] | None:
    if names is None:
        return None
    listed = [*names] if isinstance(names, Iterable) and not isinstance(names, str) else names
    return check_dimension_names(as_json(listed), ndim, "dimension_names")


def check_format(zarr_format: object) -> None:
    """Raise UnsupportedError unless `zarr_format` can be written."""
    is_number = isinstance(zarr_format, (int, np.integer)) and not isinstance(zarr_format, bool)
    if not is_number or zarr_format not in (ArrayMetadata.zarr_format, ArrayMetadataV2.zarr_format):
        raise UnsupportedError(f"zarr_format: {show(zarr_format)} can't be written; 2 and 3 can")


def _for_v2(chain: tuple[Codec, ...], names: object, shards: object, grid: object) -> tuple[Codec, ...]:
    """Return the chain as Zarr 2 stores it. Raise UnsupportedError for arguments that Zarr 2 does not have."""
    if names is not None:
        raise UnsupportedError('dimension_names: not in Zarr 2; xarray reads the attribute "_ARRAY_DIMENSIONS"')
    if shards is not None:
        raise UnsupportedError("shards: not in Zarr 2; take zarr_format=3")
    if grid is not None:
        raise UnsupportedError("chunks: in Zarr 2 all are of one shape; take zarr_format=3 for lists of lengths")
    return take_elements(chain)


def as_attributes(attributes: Any) -> dict[str, Any]:
    """Return the argument `attributes` as JSON."""
    if attributes is None:
        return {}
    if not isinstance(attributes, Mapping):
        raise TypeError(f"attributes: a mapping is needed, not {type(attributes).__name__}")
    return plain_attributes(attributes)


# ---- data, data type, fill value ----


def as_data(data: Any, shape: Any, dtype: Any) -> tuple[Any, Any, Any]:
    """Return `data` as an array (if copied part by part, as it is), and its shape and dtype unless they are given."""
    if isinstance(data, Mapping):
        raise TypeError("data: a mapping; simplezarr.save makes a group of arrays of it")
    if copy_source(data) is not None:
        is_bytes = depends_on_elements(data.dtype if dtype is None else dtype)
        dtype = "bytes" if is_bytes else dtype  # no other stored elements are objects in memory
    else:
        data, dtype = _as_array(data, dtype)
    if shape is None:
        shape = data.shape
    elif as_lengths(shape, None, 0, "shape") != data.shape:
        raise MetadataError(f"shape: {show(shape)}, but data have the shape {show(data.shape)}; give one of them")
    return data, shape, data.dtype if dtype is None else dtype


def _as_array(data: Any, dtype: Any) -> tuple[np.ndarray, Any]:
    """Return data that are not stored yet as an array, and their data type."""
    is_plain = not hasattr(data, "dtype")
    if is_plain and dtype is not None and not depends_on_elements(dtype):
        data_type = as_data_type(dtype)
        return as_array(data, data_type.numpy), data_type  # raises for numbers that don't fit
    array = to_numpy(data, "data")
    if is_plain and array.dtype.kind in "US":
        check_text(data, array.dtype, "data")  # NumPy makes text of numbers and None in a list with text
    if dtype is None and array.dtype.kind == "T":
        dtype = "string"
        check_text(array, parse_dtype(dtype).numpy, "data")  # some may be missing
    return array, as_data_type(array.dtype if dtype is None else dtype, array)


def _as_element(value: Any, data_type: DataType) -> bytes:
    """Return the fill value as an element; raise MetadataError unless the data type has such a value."""
    return data_type.default_fill if value is None else data_type.fill_from_value(value, "fill_value")


# ---- codecs and chunks ----


def _as_automatic(chunks: Any, shards: Any) -> tuple[Any, Any]:
    """Return both with "auto" for True, and for chunks None, and with None for shards False."""
    if isinstance(chunks, (bool, np.bool_)) and not chunks:
        raise TypeError('chunks: False is not a chunk shape; give -1 for one chunk, "auto", or a tuple of lengths')
    if isinstance(shards, (bool, np.bool_)):
        shards = "auto" if shards else None
    return "auto" if chunks is None or isinstance(chunks, (bool, np.bool_)) else chunks, shards


def _as_chain(codecs: Any, data_type: DataType) -> tuple[Codec, ...]:
    """Return the codecs of a chain; insert the data type's array -> bytes codec if there is none."""
    array_bytes = as_codec(data_type.array_bytes, "codecs")
    if isinstance(codecs, str) and codecs == "auto":
        return array_bytes, Zstd()
    if codecs is None:
        raise TypeError('codecs: None; give [] for no compression, or "auto"')
    if isinstance(codecs, (str, Codec, Mapping)) or hasattr(codecs, "codec_id"):
        codecs = [codecs]
    if not isinstance(codecs, Sequence) or isinstance(codecs, bytes):
        raise MetadataError(f'codecs: {show(codecs)} is neither "auto", a codec, nor a list of codecs')
    if len(codecs) > MAX_CODECS:
        raise MetadataError(f"codecs: {len(codecs)} codecs; the limit is {MAX_CODECS}")
    chain = [as_codec(codec, f"codecs[{i}]") for i, codec in enumerate(codecs)]
    for i, codec in enumerate(chain):
        if codec.decodes_only:
            raise UnsupportedError(f"codecs[{i}]: {codec!r} can't be written")
    if not any(isinstance(codec, ArrayBytesCodec) for codec in chain):
        heads = sum(isinstance(codec, ArrayArrayCodec) for codec in chain)
        chain.insert(heads, array_bytes)
    return tuple(placed(chain))


def _fitted(chain: tuple[Codec, ...], spec: ChunkSpec, chunks: str) -> tuple[Codec, ...]:
    """Return the chain as it is stored. Raise MetadataError, naming the argument `chunks`, if it can't encode them."""
    check_chunk_size(spec.nbytes, chunks)
    chain = fit_chain(chain, spec, "codecs")
    bind(chain, spec)
    return chain


def _as_grid(chunks: Any, shards: Any, shape: tuple[int, ...]) -> tuple[Any, Any, Rectilinear | None]:
    """Return chunks and shards, with the largest lengths in place of lists, and the grid that lists mean."""
    grid = as_rectilinear(chunks, shape, "chunks")
    if shards is None:
        return chunks if grid is None else grid.largest, None, grid
    if grid is not None:
        raise UnsupportedError("chunks: within shards all have one shape; give lists of lengths for the shards")
    grid = as_rectilinear(shards, shape, "shards")
    if grid is not None and isinstance(chunks, str):
        raise MetadataError(f"chunks: {show(chunks)}; in shards of several shapes, give the shape of the chunks")
    return chunks, shards if grid is None else grid.largest, grid


def _check_lengths(grid: Rectilinear, chain: tuple[Codec, ...], spec: ChunkSpec, where: str) -> None:
    """Raise unless the chain can encode chunks of each of the grid's lengths; `spec` has the largest."""
    for i, runs in enumerate(grid.axes):
        for edge in {runs} if isinstance(runs, int) else {edge for edge, _ in runs}:
            try:
                bind(chain, replace(spec, shape=(*spec.shape[:i], edge, *spec.shape[i + 1 :])))
            except (MetadataError, UnsupportedError) as error:
                raise type(error)(f"{where}[{i}]: length {edge}: {error}") from None


Shapes = tuple[tuple[int, ...], tuple[int, ...] | None]


def _shapes(shape: tuple[int, ...], itemsize: int, chunks: Any, shards: Any, chain: tuple[Codec, ...]) -> Shapes:
    """Return the shape of the chunks, and that of the shards, if any."""
    ratio = RATIO if any(isinstance(codec, BytesBytesCodec) and _size_varies(codec) for codec in chain) else 1
    auto = isinstance(chunks, str)
    if auto and chunks != "auto":
        raise MetadataError(f'chunks: {show(chunks)} is neither "auto" nor a tuple of lengths')
    if any(isinstance(codec, Sharding) for codec in chain) and (auto or shards is not None):
        raise MetadataError(
            "codecs: with sharding_indexed among them, chunks is the shape of the shards and shards is left out"
        )
    if shards is None:
        return auto_chunks(shape, ratio * CHUNK_NBYTES, itemsize) if auto else whole_axes(chunks, shape, "chunks"), None
    if isinstance(shards, str):
        if shards != "auto":
            raise MetadataError(f'shards: {show(shards)} is neither None, "auto" nor a tuple of lengths')
        inner = auto_chunks(shape, ratio * CHUNK_NBYTES, itemsize) if auto else whole_axes(chunks, shape, "chunks")
        return inner, auto_shards(shape, inner, ratio * SHARD_NBYTES, itemsize)
    if auto:
        outer = whole_axes(shards, shape, "shards")
        return dividing_chunks(outer, ratio * CHUNK_NBYTES, itemsize), outer
    inner = whole_axes(chunks, shape, "chunks")
    # the whole axis, in shards, is so many whole chunks
    padded = tuple([-(-length // chunk) * chunk for length, chunk in zip(shape, inner, strict=True)])
    outer = whole_axes(shards, tuple(map(max, padded, inner)), "shards")
    for i, (length, chunk) in enumerate(zip(outer, inner, strict=True)):
        if length % chunk:
            remedy = f"give one, such as {-(-length // chunk) * chunk}"
            raise MetadataError(f"shards[{i}]: {length} is not a multiple of chunks[{i}], which is {chunk}; {remedy}")
    return inner, outer


def _size_varies(codec: BytesBytesCodec) -> bool:
    """Return whether the codec's output may be smaller than its input."""
    try:
        return codec.resolve(CHUNK_NBYTES) is None
    except MetadataError:  # not every codec takes any size; the chain is checked with the real one
        return False
