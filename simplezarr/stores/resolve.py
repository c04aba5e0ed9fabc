"""From what callers give (a path, a URL, a dict, a store) to a store."""

import os

from simplezarr.errors import UnsupportedError
from simplezarr.stores.base import Store
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore

__all__ = ["StoreLike", "as_store"]

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
