"""Make a store of a path, a URL, a mapping, or an object of another library."""

import os
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from simplezarr.runtime.trace import active_logger
from simplezarr.stores.base import Store
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore

__all__ = ["StoreLike", "ZarrLike", "as_store", "observed", "plain", "takes_options", "written"]

_FILES = (".zip", ".ozx", "json", "parq", "quet")  # the ends of paths of archives and references, as in `urls`


class _Obstore(Protocol):
    """A store of obstore."""

    def head(self, path: str) -> Any: ...


class ZarrLike(Protocol):
    """A store of zarr-python, such as those of icechunk and VirtualiZarr."""

    @property
    def supports_listing(self) -> bool: ...
    @property
    def supports_writes(self) -> bool: ...


class _Session(Protocol):
    """A session of icechunk."""

    @property
    def store(self) -> ZarrLike: ...


StoreLike = Store | str | os.PathLike[str] | MutableMapping[str, Any] | _Obstore | ZarrLike | _Session


def as_store(store: StoreLike, options: Mapping[str, object] | None = None) -> Store:
    """Return a store: the given one, or one over a local directory, over what a URL names, or over a mapping.

    A path that ends in .zip or .ozx is an archive, unless it is a directory. A file that ends in .json has kerchunk's
    references, and so may a directory that ends in .parq or .parquet. Objects of obstore, fsspec and zarr-python are
    taken too.

    options: of the store that the scheme of a URL picks; nothing else takes any (see `takes_options`).

    While tracing is on, return a store around it that reports each request.

    >>> as_store({"zarr.json": b"{}"})
    MemoryStore(1 key)
    """
    if isinstance(store, str):  # first, because `isinstance` of abstract classes costs more
        may_be_url = ":" in store or store[-4:] in _FILES
        made = _of_url(store, options) if may_be_url else LocalStore(store)
    elif isinstance(store, Store):
        made = store
    elif isinstance(store, dict):
        made = MemoryStore(store)
    else:
        made = _of_other(store)
    return made if active_logger() is None else observed(made)


def takes_options(store: StoreLike) -> bool:
    """Return whether `as_store` takes options for this: for a URL of another place than this machine.

    >>> takes_options("https://example.com/a.zarr"), takes_options("a.zarr"), takes_options({})
    (True, False, False)
    """
    if not isinstance(store, str) or ":" not in store:
        return False
    from simplezarr.stores import urls

    return urls.takes_options(store)


def written(store: Store, given: StoreLike, path: str, overwrite: bool) -> AbstractContextManager[Store]:
    """Return a context with the store for a call that writes all that is below a path, and is done at the end of it.

    store: what `as_store` made of `given`. If that named an archive, it is a new one, which the context completes.
    """
    if isinstance(given, Store) or type(plain(store)).__module__ != "simplezarr.stores.zip.store":
        return nullcontext(store)
    from simplezarr.stores.zip.store import new_archive

    return as_store(new_archive(plain(store), path, overwrite))


def observed(store: Store) -> Store:
    """Return a store that reports its requests."""
    from simplezarr.stores.tracing import TracingStore  # needed rarely

    return store if isinstance(store, TracingStore) else TracingStore(store)


def plain(store: Store) -> Store:
    """Return the store that the application passed, without the one that reports its requests."""
    return store if store._reported is None else store._reported


def _of_url(text: str, options: Mapping[str, object] | None) -> Store:
    from simplezarr.stores import urls  # its imports take 4 ms

    return urls.store_of_url(text, options or {}) if urls.is_url(text) else LocalStore(text)


def _of_other(store: object) -> Store:
    if isinstance(store, os.PathLike) and type(store).__module__.partition(".")[0] != "upath":
        path = os.fspath(store)
        return as_store(path) if isinstance(path, str) else LocalStore(store)
    from simplezarr.stores.adapters import adapt

    made = adapt(store)
    if made is None:
        given = "None" if store is None else type(store).__name__
        raise TypeError(f"store: {given} is not a store; give a path, a URL, a dict or a Store")
    return made
