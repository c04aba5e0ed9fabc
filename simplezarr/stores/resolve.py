"""Make a store of a path, a URL or a dict."""

import os
from typing import Any

from simplezarr.errors import UnsupportedError
from simplezarr.runtime.trace import active_logger
from simplezarr.stores.base import Store
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore

__all__ = ["StoreLike", "as_store", "observed", "plain"]

StoreLike = Store | str | os.PathLike[str] | dict[str, Any]


def as_store(store: StoreLike) -> Store:
    """Return a store: the given one, one over a local directory (a path or a file:// URL), or one over a dict.

    While tracing is on, return a store around it that reports each request.

    >>> as_store({"zarr.json": b"{}"})
    MemoryStore(1 key)
    """
    if isinstance(store, str):  # first, because `isinstance` of abstract classes costs more
        made: Store = LocalStore(_file_url_path(store) if "://" in store else store)
    elif isinstance(store, Store):
        made = store
    elif isinstance(store, dict):
        made = MemoryStore(store)
    elif isinstance(store, os.PathLike):
        made = LocalStore(store)
    else:
        given = "None" if store is None else type(store).__name__
        raise TypeError(f"store: {given} is not a store; give a path, a file:// URL, a dict or a Store")
    return made if active_logger() is None else observed(made)


def observed(store: Store) -> Store:
    """Return a store that reports its requests."""
    from simplezarr.stores.tracing import TracingStore  # needed rarely

    return store if isinstance(store, TracingStore) else TracingStore(store)


def plain(store: Store) -> Store:
    """Return the store that the application passed, without the one that reports its requests."""
    return store if store._reported is None else store._reported


def _file_url_path(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.scheme != "file":
        remedy = "give a path or a file:// URL, or subclass simplezarr.Store"
        raise UnsupportedError(f"{url!r}: there is no store for URLs of {parts.scheme!r}; {remedy}")
    if parts.netloc not in ("", "localhost"):
        remedy = f"a local path has three slashes: 'file:///{parts.netloc}{parts.path}'"
        raise UnsupportedError(f"{url!r}: {parts.netloc!r} would be another machine; {remedy}")
    return unquote(parts.path)
