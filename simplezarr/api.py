"""Opening nodes: from a path, a URL, a dict or a store to an Array or a Group."""

import os
from typing import Literal

from simplezarr.array import Array
from simplezarr.documents import NAMES, has_metadata, write_metadata
from simplezarr.errors import MetadataError, NodeNotFoundError, UnsupportedError
from simplezarr.group import Group, find_node
from simplezarr.keys import join, normalize_path
from simplezarr.metadata import GroupMetadata
from simplezarr.stores.base import Store
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore

StoreLike = Store | str | os.PathLike | dict


def as_store(store: StoreLike) -> Store:
    """A store object: as it is, over a local directory (a path or a file:// URL), or over a dict.

    >>> as_store({"zarr.json": b"{}"})
    MemoryStore(1 key)
    """
    if isinstance(store, Store):
        return store
    if isinstance(store, dict):
        return MemoryStore(store)
    if not isinstance(store, str | os.PathLike):
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


def open(store: StoreLike, path: str = "", *, mode: Literal["r", "r+"] = "r") -> Array | Group:
    """Opens the array or group at a path of a store.

    store: a Store, a local path, a file:// URL, or a dict of bytes (an in-memory store over it). mode: "r" for reading,
    "r+" to change what is there. Raises NodeNotFoundError where there is no node, MetadataError for a document that is
    not valid, UnsupportedError for one that uses what this library doesn't know.

    >>> open({"zarr.json": b'{"zarr_format": 3, "node_type": "group"}'})
    <Group /: empty>
    """
    _check_mode(mode, ("r", "r+"))
    return _open(as_store(store), normalize_path(path), mode)


def open_array(store: StoreLike, path: str = "", *, mode: Literal["r", "r+"] = "r") -> Array:
    """Opens an array; as `open`, but a group raises MetadataError."""
    node = open(store, path, mode=mode)
    if not isinstance(node, Array):
        raise MetadataError(f"{node.name} of {node.store!r} is a group, not an array; open_group opens it")
    return node


def open_group(store: StoreLike, path: str = "", *, mode: Literal["r", "r+", "a"] = "r") -> Group:
    """Opens a group; as `open`, but an array raises MetadataError, and mode "a" makes the group where it is missing."""
    _check_mode(mode, ("r", "r+", "a"))
    store, path = as_store(store), normalize_path(path)
    if mode == "a" and not has_metadata(store, path):
        write_metadata(store, path, GroupMetadata())
    node = _open(store, path, mode)
    if not isinstance(node, Group):
        raise MetadataError(f"{node.name} of {node.store!r} is an array, not a group; open_array opens it")
    return node


def _open(store: Store, path: str, mode: str) -> Array | Group:
    node = find_node(store, path, read_only=mode == "r")
    if node is None:
        keys = ", ".join(repr(join(path, name)) for name in NAMES)
        raise NodeNotFoundError(f"there is no array or group at /{path} of {store!r}: it has none of the keys {keys}")
    return node


def _check_mode(mode: str, known: tuple[str, ...]) -> None:
    if mode not in known:
        raise ValueError(f"mode must be one of {', '.join(map(repr, known))}, not {mode!r}")
