"""Make stores of the objects of other libraries. They are told by the modules of their classes; none is imported."""

from collections.abc import Callable, MutableMapping
from typing import Any, Protocol

from simplezarr.stores.base import Store
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore
from simplezarr.stores.urls import maker

__all__ = ["adapt"]


def adapt(value: object) -> Store | None:
    """Return a store over an object of another library, or over a mapping of keys to bytes. None for anything else.

    >>> adapt({"a": b"1"}), adapt(5)
    (MemoryStore(1 key), None)
    """
    for cls in type(value).__mro__:
        adapter = _ADAPTERS.get(cls.__module__.partition(".")[0])
        made = None if adapter is None else adapter(value)
        if made is not None:
            return made
    return MemoryStore(value) if isinstance(value, MutableMapping) else None


def _of_obstore(value: Any) -> Store | None:
    return maker("object", "ObjectStore")(value)


def _of_fsspec(value: Any) -> Store | None:
    """Return a store over an `FSMap`."""
    return maker("fsspec", "FsspecStore")(value.fs, value.root) if hasattr(value, "root") else None


class _UPath(Protocol):
    protocol: str
    fs: object
    path: str


def _of_upath(value: _UPath) -> Store | None:
    """Return a store over a `UPath`."""
    if value.protocol in ("", "file", "local"):
        return LocalStore(value.path)
    return maker("fsspec", "FsspecStore")(value.fs, value.path)


def _of_zarr(value: Any) -> Store | None:
    """Return a store over a store of zarr-python 3. Those of zarr-python 2 are mappings."""
    return maker("zarr", "ZarrStore")(value) if hasattr(value, "supports_listing") else None


def _of_icechunk(value: Any) -> Store | None:
    """Return a store over a session, or over its store."""
    return _of_zarr(value) or _of_zarr(getattr(value, "store", None))


#: By the package of the class, or of a class that it derives from.
_ADAPTERS: dict[str, Callable[[Any], Store | None]] = {
    "fsspec": _of_fsspec,
    "icechunk": _of_icechunk,
    "obstore": _of_obstore,
    "upath": _of_upath,
    "zarr": _of_zarr,
}
