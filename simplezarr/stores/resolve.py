"""Make a store of a path, a URL or a dict."""

import os

from simplezarr.errors import UnsupportedError
from simplezarr.stores.base import Store
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore

__all__ = ["StoreLike", "as_store"]

StoreLike = Store | str | os.PathLike | dict


def as_store(store: StoreLike) -> Store:
    """Return a store: the given one, one over a local directory (a path or a file:// URL), or one over a dict.

    >>> as_store({"zarr.json": b"{}"})
    MemoryStore(1 key)
    """
    if not isinstance(store, str):  # first, because `isinstance` of abstract classes costs more
        if isinstance(store, Store):
            return store
        if isinstance(store, dict):
            return MemoryStore(store)
        if not isinstance(store, os.PathLike):
            raise TypeError(f"store: must be a path, a URL, a dict or a Store, not {type(store).__name__}")
    path = os.fspath(store)
    if isinstance(path, str) and "://" in path:
        return LocalStore(_file_url_path(path))
    return LocalStore(path)


def _file_url_path(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise UnsupportedError(f"{url!r}: no store for this kind of URL; pass a path, a file:// URL or a Store")
    return unquote(parts.path)
