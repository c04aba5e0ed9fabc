"""Create arrays, with the groups above them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack, cast

import numpy as np

from simplezarr.dtypes import as_data_type
from simplezarr.errors import MetadataError, NodeExistsError
from simplezarr.hierarchy.changes import create_node, format_above
from simplezarr.hierarchy.documents import read_metadata
from simplezarr.metadata.chunk_keys import normalize_path
from simplezarr.metadata.chunk_shapes import as_lengths
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.arguments import as_data, as_like, resolve_arguments
from simplezarr.nodes.array import Array
from simplezarr.nodes.keywords import ArrayKeywords, RequireArguments, StorageOptions, resolve_store, split_keywords
from simplezarr.schema.leniency import warn
from simplezarr.stores.base import Store
from simplezarr.stores.resolve import StoreLike
from simplezarr.transfer.array_copy import ALL_BOXES_BYTES, may_lie_below
from simplezarr.transfer.copy_source import copy_source
from simplezarr.transfer.values import as_values

if TYPE_CHECKING:
    from simplezarr.nodes.keywords import ChunkKeysLike, ChunkLengths, CodecLike, DTypeName, Lengths

__all__ = ["create_array", "require_array"]


def create_array(
    store: StoreLike,
    path: str = "",
    *,
    shape: "Lengths | None" = None,
    dtype: "DTypeName | None" = None,
    data: Any = None,
    chunks: "ChunkLengths | None" = "auto",
    shards: "ChunkLengths | None" = None,
    codecs: "CodecLike | Sequence[CodecLike]" = "auto",
    fill_value: Any = None,
    chunk_key_encoding: "ChunkKeysLike" = "default",
    dimension_names: Iterable[str | None] | None = None,
    attributes: Mapping[str, Any] | None = None,
    zarr_format: int | None = None,
    write_empty_chunks: bool = False,
    overwrite: bool = False,
    like: Array | None = None,
    **storage_options: Unpack[StorageOptions],
) -> Array:
    """Create an array, and the groups above it that are missing.

    - shape, dtype: lengths (a number for one dimension), and a NumPy dtype, the name of a Zarr data type, or `str` or
      `bytes` for elements of any length.
    - data: anything that NumPy takes for an array, which is written. Its shape and dtype are taken unless others are
      given. A stored array, and any other object with a shape, a NumPy dtype and `[]`, such as a dataset of h5py, is
      copied part by part, so it may be larger than memory.
    - chunks: the unit of reading, in elements along each axis. -1, or nothing at the end, is the whole axis. "auto"
      aims at 1 MiB stored, and assumes that compressors halve the data. A list in place of a length, as in
      [[10, 20, 30], 5], makes a rectilinear grid; in the list, (20, 3) means three times 20.
    - shards: the unit of writing, multiples of chunks, also as lists. None stores each chunk by itself, "auto" aims at
      64 MiB.
    - codecs: "auto" (little-endian bytes and zstd), or a list in the order of encoding, of codec objects
      (`sz.codecs.Zstd(level=3)`), Zarr JSON objects and names; one alone is a list of one. `bytes` is inserted if no
      other codec makes bytes of arrays. With shards, the list is for the chunks in them.
    - fill_value: a value that NumPy can assign to one element without loss (floats are rounded): b"abc" for "S5",
      "2020-01-01" or NaT for dates, a tuple or dict for a record. None is zero, empty text, NaT for times.
    - chunk_key_encoding: "default", "v2", or a Zarr JSON object, for the separator.
    - dimension_names: a str or None for each dimension. attributes: a mapping, as in `Attributes`.
    - zarr_format: 3, or 2 for an array without shards and dimension names, whose chunk keys are those of "v2". None is
      that of the nearest group above, otherwise 3.
    - write_empty_chunks: store chunks that are all fill value, now and through the array that is returned.
    - overwrite: remove the node that is there, and all below it, after all arguments were checked. If `data` is a
      stored array there, or below, it is read into memory first. Objects that were opened before must not be used
      again: they would write to the new node.
    - like: an Array. Its shape (unless there are data), data type, chunks, shards, codecs, fill value, chunk keys,
      dimension names and attributes are taken for arguments that are left at their defaults.
    - storage_options: as in `open`.

    The document is written last, when the data are complete. Raise NodeExistsError, ReadOnlyError, and MetadataError or
    UnsupportedError that names the argument. Nothing is written then.

    >>> import numpy as np
    >>> a = create_array({}, "a/b", data=np.arange(6).reshape(2, 3), chunks=(1, -1), codecs=["gzip", "crc32c"])
    >>> a, a[1, ::-1]
    (<Array /a/b (2, 3) int64 chunks=(1, 3)>, array([5, 4, 3]))
    """
    if like is not None and not isinstance(like, Array):
        raise TypeError(f"like: a simplezarr.Array is needed, not {type(like).__name__}")
    store, path = resolve_store(store, storage_options, "create_array"), normalize_path(path, new=True)
    if zarr_format is None:
        zarr_format = format_above(store, path)
    if dtype is None and like is not None:
        dtype = like.metadata.data_type
    if data is not None:
        data, shape, dtype = as_data(data, shape, dtype)
    given = {
        "shape": shape,
        "dtype": dtype,
        "chunks": chunks,
        "shards": shards,
        "codecs": codecs,
        "fill_value": fill_value,
        "chunk_key_encoding": chunk_key_encoding,
        "dimension_names": dimension_names,
        "attributes": attributes,
        "zarr_format": zarr_format,
    }
    if like is not None:
        given = as_like(like.metadata, given)
    if given["shape"] is None or given["dtype"] is None:
        raise TypeError("create_array needs shape and dtype, or data")
    metadata = resolve_arguments(**given)
    array = Array(store, path, metadata, read_only=False, write_empty_chunks=write_empty_chunks)
    fill = None if data is None else partial(array.write, ..., _checked_data(array, data, overwrite))
    create_node(store, path, metadata, overwrite=overwrite, fill=fill)
    return array


def require_array(
    store: StoreLike,
    path: str = "",
    *,
    shape: "Lengths",
    dtype: "DTypeName",
    **arguments: Unpack[RequireArguments],
) -> Array:
    """Open an array for writing; create it if it is missing. Two processes may do so at the same time.

    - shape, dtype: as in `create_array`. Those of a stored array must be equal, but a length of 0 stands for any.
    - arguments: of `create_array`, for an array that is missing. Those of a stored array may differ. Storage options as
      in `open`.

    Raise MetadataError if the stored array has another shape or data type, NodeExistsError for a group, and otherwise
    as `create_array`.

    >>> store = {}
    >>> require_array(store, "x", shape=(0, 3), dtype="f4").append([[1, 2, 3]])
    (1, 3)
    >>> require_array(store, "x", shape=(0, 3), dtype="f4")[0]
    array([1., 2., 3.], dtype=float32)
    """
    options, own = split_keywords(arguments, ArrayKeywords.__annotations__)
    store, path = resolve_store(store, options, "require_array"), normalize_path(path, new=True)
    array = _stored_array(store, path)
    if array is None:
        try:
            return create_array(store, path, shape=shape, dtype=dtype, **cast(ArrayKeywords, own))
        except NodeExistsError:  # another creator was faster, or something else is in the way
            array = _stored_array(store, path)
            if array is None:
                raise
    lengths, data_type = as_lengths(shape, None, 0, "shape"), as_data_type(dtype)
    same = len(lengths) == array.ndim and all(n in (0, stored) for n, stored in zip(lengths, array.shape, strict=True))
    if not same or data_type != array.metadata.data_type:
        asked = f"{lengths} of {data_type.name}"
        raise MetadataError(
            f"{array!r} of {store!r} is not of shape and dtype {asked}; overwrite it or open it as it is"
        ).of_store(store)
    if own.get("write_empty_chunks"):
        array.write_empty_chunks = True
    return array


def _stored_array(store: Store, path: str) -> Array | None:
    """Return the array at a path, opened for writing, None if there is no node. Raise NodeExistsError for a group."""
    metadata = read_metadata(store, path)
    if metadata is None:
        return None
    if not isinstance(metadata, ArrayMetadata):
        raise NodeExistsError(f"/{path} of {store!r} is a group, not an array; choose another path").of_store(store)
    return Array(store, path, metadata, read_only=False)


def _checked_data(array: Array, data: Any, overwrite: bool) -> Any:
    """Return data that can be written to a new array. Raise before anything is written if they can't be."""
    as_values(np.empty(0, data.dtype), array.dtype, (0,))  # raises if there is no cast
    source = copy_source(data)
    if source is not None:
        stored = source.handle
        if not overwrite or stored is None or not may_lie_below(stored, array.store, array.path):
            return data  # copied part by part
        if source.nbytes > ALL_BOXES_BYTES:
            message = f"data: {data!r} will be overwritten, so its {source.nbytes:,} bytes are read into memory first"
            warn(f"{message}; write to another place to copy in bounded memory")
    return as_values(data, array.dtype, array.shape)
