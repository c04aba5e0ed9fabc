"""Make stores of the objects of other libraries. They are told by the modules of their classes; none is imported."""

import importlib
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Protocol
from weakref import WeakValueDictionary

from simplezarr.runtime.key_locks import KeyLock
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
    return maker("object.store", "ObjectStore")(value)


def _of_fsspec(value: Any) -> Store | None:
    """Return a store over an `FSMap`."""
    return maker("fsspec.store", "FsspecStore")(value.fs, value.root) if hasattr(value, "root") else None


class _UPath(Protocol):
    protocol: str
    fs: object
    path: str


def _of_upath(value: _UPath) -> Store | None:
    """Return a store over a `UPath`."""
    if value.protocol in ("", "file", "local"):
        return LocalStore(value.path)
    return maker("fsspec.store", "FsspecStore")(value.fs, value.path)


class _ZarrStore(Protocol):
    read_only: bool


def _of_zarr(value: _ZarrStore) -> Store | None:
    """Return a store over a store of zarr-python 3. Those of zarr-python 2 are mappings.

    The stores that zarr-python itself has are read directly, at the place that they name.
    """
    if not hasattr(value, "supports_listing"):
        return None
    cls = type(value)
    unwrap = _UNWRAPPED.get(cls.__name__) if cls.__module__.startswith("zarr.storage.") else None
    if unwrap is None:
        return maker("zarr", "ZarrStore")(value)
    made = unwrap(value)
    if value.read_only:
        made.read_only = True
    return made


class _ZarrBuffers(MutableMapping[str, Any]):
    """The values of a `MemoryStore` of zarr-python, which are its buffers, as bytes."""

    def __init__(self, buffers: MutableMapping[str, Any]):
        self.buffers = buffers

    def __getitem__(self, key: str) -> bytes:
        value: bytes = self.buffers[key].to_bytes()
        return value

    def __setitem__(self, key: str, value: bytes) -> None:
        self.buffers[key] = importlib.import_module("zarr.core.buffer.cpu").Buffer.from_bytes(value)

    def __delitem__(self, key: str) -> None:
        del self.buffers[key]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self.buffers))  # a copy, because other threads may add keys meanwhile

    def __len__(self) -> int:
        return len(self.buffers)


#: By identity of the buffers. There is one of them at a time, because locks belong to it (see `MemoryStore.lock`).
_views: "WeakValueDictionary[int, _ZarrBuffers]" = WeakValueDictionary()


def _view_of(buffers: MutableMapping[str, Any]) -> _ZarrBuffers:
    with KeyLock(_views, str(id(buffers))):
        return _views.setdefault(id(buffers), _ZarrBuffers(buffers))


#: By zarr-python's name of the store. An archive that is being written is not complete yet, so there is none to read.
_UNWRAPPED: dict[str, Callable[[Any], Store]] = {
    "FsspecStore": lambda value: maker("fsspec.store", "FsspecStore")(value.fs, value.path),
    "LocalStore": lambda value: LocalStore(value.root),
    "MemoryStore": lambda value: MemoryStore(_view_of(getattr(value, "_store_dict"))),  # noqa: B009
    "ObjectStore": lambda value: maker("object.store", "ObjectStore")(value.store),
    "ZipStore": lambda value: maker("zip.store", "ZipStore")(value.path),
}


def _of_icechunk(value: Any) -> Store | None:
    """Return a store over a session, or over its store."""
    inner = getattr(value, "store", None)
    return _of_zarr(value) or (None if inner is None else _of_zarr(inner))


#: By the package of the class, or of a class that it derives from.
_ADAPTERS: dict[str, Callable[[Any], Store | None]] = {
    "fsspec": _of_fsspec,
    "icechunk": _of_icechunk,
    "obstore": _of_obstore,
    "upath": _of_upath,
    "zarr": _of_zarr,
}
