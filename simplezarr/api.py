"""Opening and creating nodes: from a path, a URL, a dict or a store to an Array or a Group."""

import os
import warnings
from functools import partial
from typing import Any, Literal

import numpy as np

from simplezarr.array import Array
from simplezarr.copying import ALL_BOXES_BYTES, may_lie_below
from simplezarr.create import array_metadata, as_data
from simplezarr.errors import MetadataError, NodeNotFoundError, UnsupportedError, ZarrWarning
from simplezarr.group import Group, find_node, make_array, new_group, require_group
from simplezarr.hierarchy import create_node, format_above
from simplezarr.keys import join, normalize_path
from simplezarr.stores.base import Store
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore
from simplezarr.values import as_values, source_of

StoreLike = Store | str | os.PathLike | dict


def as_store(store: StoreLike) -> Store:
    """A store object: as it is, over a local directory (a path or a file:// URL), or over a dict.

    >>> as_store({"zarr.json": b"{}"})
    MemoryStore(1 key)
    """
    if not isinstance(store, str):  # asked first, as questions to abstract classes cost more
        if isinstance(store, Store):
            return store
        if isinstance(store, dict):
            return MemoryStore(store)
        if not isinstance(store, os.PathLike):
            raise TypeError(f"a store is a path, a URL, a dict or a Store, not {type(store).__name__}")
    path = os.fspath(store)
    if isinstance(path, str) and "://" in path:
        return LocalStore(_file_url_path(path))
    return LocalStore(path)


def _file_url_path(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise UnsupportedError(f"no store for the URL {url!r}: only file:// URLs and paths can be opened by name")
    return unquote(parts.path)


def open(
    store: StoreLike, path: str = "", *, mode: Literal["r", "r+"] = "r", consolidated: bool = True
) -> Array | Group:
    """Opens the array or group at a path of a store.

    store: a Store, a local path, a file:// URL, or a dict of bytes (an in-memory store over it). mode: "r" for reading,
    "r+" to change what is there. consolidated: whether a group that is opened for reading answers from its consolidated
    metadata, if it holds any: what is below it is then as of when these were made, and the store isn't asked.

    Raises NodeNotFoundError where there is no node, MetadataError for a document that is not valid, UnsupportedError
    for one that uses what this library doesn't know.

    >>> open({"zarr.json": b'{"zarr_format": 3, "node_type": "group"}'})
    <Group /: empty>
    """
    _check_mode(mode, ("r", "r+"))
    return _open(as_store(store), normalize_path(path), mode, consolidated)


def open_array(store: StoreLike, path: str = "", *, mode: Literal["r", "r+"] = "r") -> Array:
    """Opens an array; as `open`, but a group raises MetadataError."""
    node = open(store, path, mode=mode)
    if not isinstance(node, Array):
        raise MetadataError(f"{node.name} of {node.store!r} is a group, not an array; open_group opens it")
    return node


def open_group(
    store: StoreLike, path: str = "", *, mode: Literal["r", "r+", "a"] = "r", consolidated: bool = True
) -> Group:
    """Opens a group; as `open`, but an array raises MetadataError, and mode "a" makes the group where it is missing."""
    _check_mode(mode, ("r", "r+", "a"))
    store, path = as_store(store), normalize_path(path)
    if mode == "a":
        return require_group(store, path)
    node = _open(store, path, mode, consolidated)
    if not isinstance(node, Group):
        raise MetadataError(f"{node.name} of {node.store!r} is an array, not a group; open_array opens it")
    return node


def create_array(
    store: StoreLike,
    path: str = "",
    *,
    shape: Any = None,
    dtype: Any = None,
    data: Any = None,
    chunks: Any = "auto",
    shards: Any = None,
    codecs: Any = "auto",
    fill_value: Any = None,
    chunk_key_encoding: Any = "default",
    dimension_names: Any = None,
    attributes: Any = None,
    zarr_format: int | None = None,
    write_empty_chunks: bool = False,
    overwrite: bool = False,
) -> Array:
    """Creates an array, and the groups above it that are missing.

    shape, dtype: lengths (a number for one dimension) and a NumPy dtype, the name of a Zarr data type, or `str` or
    `bytes` for elements of any length; or
    data: anything that NumPy takes for an array, which is written; shape and dtype are its own unless they are given.
    chunks: the unit of reading, in elements along each axis; -1, or nothing at the end, is the whole axis. "auto" aims
    at 1 MiB stored, taking compressors to halve the data. A list of lengths in place of one, as in [[10, 20, 30], 5],
    makes a rectilinear grid; in the list, (20, 3) stands for three times 20.
    shards: the unit of writing, multiples of chunks, also as lists; None stores each chunk by itself, "auto" aims at
    64 MiB.
    codecs: "auto", for bytes (little-endian) and zstd, or a list in the order of encoding, of codec objects
    (`sz.codecs.Zstd(level=3)`), Zarr JSON objects and names. `bytes` is put in if nothing else makes bytes of arrays.
    With shards, the list is for the chunks in them.
    fill_value: what NumPy's assignment to one element of the dtype takes without loss (floats are rounded): b"abc" for
    "S5", "2020-01-01" or NaT for dates, a tuple or dict for a record. None: zero, no text, NaT for times.
    chunk_key_encoding: "default", "v2", or a Zarr JSON object, for the separator.
    dimension_names: a str or None for each dimension. attributes: a mapping, as in `Attributes`.
    zarr_format: 3, or 2 for an array without shards and names of dimensions, its chunk keys being those of "v2". None:
    that of the nearest group above, otherwise 3.
    write_empty_chunks: store chunks that are all fill value, now and through the array that is returned.
    overwrite: remove the node that is there, and all below it, once all arguments are known to be valid. If `data` are
    a stored array there, or below, they are read into memory before; other stored arrays are copied part by part.
    Handles of what was there are not to be used any more: what is written through them goes to the new node.

    The array appears with its document, which is written last, when the data are complete. Raises NodeExistsError,
    ReadOnlyError, MetadataError or UnsupportedError naming the argument; nothing is written then.

    >>> import numpy as np
    >>> a = create_array({}, "a/b", data=np.arange(6).reshape(2, 3), chunks=(1, -1), codecs=["gzip", "crc32c"])
    >>> a, a[1, ::-1]
    (<Array /a/b (2, 3) int64 chunks=(1, 3)>, array([5, 4, 3]))
    """
    store, path = as_store(store), normalize_path(path, new=True)
    if zarr_format is None:
        zarr_format = format_above(store, path)
    if data is not None:
        data, shape, dtype = as_data(data, shape, dtype)
    if shape is None or dtype is None:
        raise TypeError("create_array needs shape and dtype, or data")
    metadata = array_metadata(
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        shards=shards,
        codecs=codecs,
        fill_value=fill_value,
        chunk_key_encoding=chunk_key_encoding,
        dimension_names=dimension_names,
        attributes=attributes,
        zarr_format=zarr_format,
    )
    array = make_array(store, path, metadata, read_only=False, write_empty_chunks=write_empty_chunks)
    fill = None if data is None else partial(array.write, ..., _checked_data(array, data, overwrite))
    create_node(store, path, metadata, overwrite=overwrite, fill=fill)
    return array


def _checked_data(array: Array, data: Any, overwrite: bool) -> Any:
    """Return data that can be written to a new array; raise what is wrong with them before anything is written."""
    as_values(np.empty(0, data.dtype), array.dtype, (0,))  # raises if there is no cast
    source = source_of(data)
    if source is not None:
        if not overwrite or not may_lie_below(source, array.store, array.path):
            return data  # copied part by part
        if source.nbytes > ALL_BOXES_BYTES:
            message = f"data: {data!r} is deleted by the overwriting, so its {source.nbytes:,} bytes are read before"
            warnings.warn(f"{message}; write to another place to copy in bounded memory", ZarrWarning, stacklevel=3)
    return as_values(data, array.dtype, array.shape)


def create_group(
    store: StoreLike, path: str = "", *, attributes: Any = None, zarr_format: int | None = None, overwrite: bool = False
) -> Group:
    """Creates a group, and those above it that are missing. NodeExistsError if there is a node, unless `overwrite`.

    >>> create_group({}, "a/b", attributes={"title": "new"}).attrs
    {'title': 'new'}
    """
    store, path = as_store(store), normalize_path(path)
    return new_group(store, path, attributes=attributes, zarr_format=zarr_format, overwrite=overwrite)


def save(store: StoreLike, data: Any, path: str = "", **arguments: Any) -> None:
    """Stores a NumPy array, or what NumPy takes for one; the other arguments are those of `create_array`.

    >>> store = {}
    >>> save(store, [1.5, 2.5])
    >>> load(store)
    array([1.5, 2.5])
    """
    if data is None:
        raise TypeError("save needs data, an array")
    create_array(store, path, data=data, **arguments)


def load(store: StoreLike, path: str = "") -> np.ndarray:
    """Reads a whole array into memory."""
    return open_array(store, path).read()


def _open(store: Store, path: str, mode: str, consolidated: bool) -> Array | Group:
    node = find_node(store, path, read_only=mode == "r", consolidated=consolidated)
    if node is None:
        keys = ", ".join(repr(join(path, name)) for name in ("zarr.json", ".zarray", ".zgroup"))
        message = f"there is no array or group at /{path} of {store!r}: it has none of the keys {keys}"
        raise NodeNotFoundError(message, lambda: _describe(store, path))
    return node


def _describe(store: Store, path: str) -> str:
    from simplezarr.foreign import describe

    return describe(store, path)


def _check_mode(mode: str, known: tuple[str, ...]) -> None:
    if mode not in known:
        raise ValueError(f"mode must be one of {', '.join(map(repr, known))}, not {mode!r}")
