"""Arrays of zarr-python as arrays of this library, and back."""

import importlib
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from simplezarr.api import open_array
from simplezarr.errors import UnsupportedError
from simplezarr.nodes.array import Array
from simplezarr.stores.base import Store
from simplezarr.stores.fsspec.store import FsspecStore
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore
from simplezarr.stores.object.store import ObjectStore
from simplezarr.stores.resolve import plain
from simplezarr.stores.zarr import ZarrStore
from simplezarr.zarr_python.protocols import ZarrArray

if TYPE_CHECKING:
    import zarr

__all__ = ["from_zarr", "to_zarr"]


def from_zarr(z: ZarrArray) -> Array:
    """Return the array of this library for a `zarr.Array`: at the same place, for reading or for writing as that.

    Values in a `zarr.storage.MemoryStore` are shared. Raise TypeError for anything else, and as `simplezarr.open`.

    >>> import zarr
    >>> z = zarr.create_array({}, shape=4, dtype="u1")
    >>> a = from_zarr(z)
    >>> a[1:3] = 7
    >>> z[:]
    array([0, 7, 7, 0], dtype=uint8)
    """
    if not isinstance(z, _zarr().Array):
        raise TypeError(f"z: {type(z).__name__} is not a zarr.Array; simplezarr.open takes stores and paths")
    return open_array(z.store, z.path, mode="r" if z.read_only else "r+")


def to_zarr(a: Array) -> "zarr.Array[Any]":
    """Return the `zarr.Array` for an array: at the same place, for reading or for writing as that.

    Values in memory are shared. It reads and writes through this library if the setting `codec_pipeline.path` says so.
    Raise TypeError for anything but an `Array`, and UnsupportedError for a store that zarr-python has no twin of.

    >>> import simplezarr as sz
    >>> to_zarr(sz.create_array({}, data=[1, 2]))[:]
    array([1, 2])
    """
    if not isinstance(a, Array):
        raise TypeError(f"a: {type(a).__name__} is not a simplezarr.Array; create_array makes one of data")
    package = _zarr()
    store, prefix = _zarr_store(plain(a.store))
    path = "/".join(filter(None, (prefix.strip("/"), a.path)))
    made: zarr.Array[Any] = package.open_array(store=store, path=path or None, mode="r" if a.read_only else "r+")
    return made


def _zarr() -> Any:
    try:
        return importlib.import_module("zarr")
    except ImportError as error:
        raise UnsupportedError("simplezarr.zarr_python: needs the package 'zarr': pip install 'zarr>=3.1'") from error


def _zarr_store(store: Store) -> tuple[Any, str]:
    """Return the store of zarr-python at the place of a store, and the path there."""
    storage = importlib.import_module("zarr.storage")
    if type(store) is LocalStore:
        return storage.LocalStore(store.root, read_only=store.read_only), ""
    if type(store) is MemoryStore:
        values: MutableMapping[str, Any] = store.values
        buffers = getattr(values, "buffers", None)
        made = storage.MemoryStore(_Buffers(values) if buffers is None else buffers, read_only=store.read_only)
        return made, ""
    if type(store) is ZarrStore:
        return store.store, ""
    if type(store) is ObjectStore:
        return storage.ObjectStore(store.store, read_only=store.read_only), store.prefix
    if type(store) is FsspecStore:
        return storage.FsspecStore(_asynchronous(store.fs), path=store.path, read_only=store.read_only), ""
    message = f"to_zarr: zarr-python has no store like {store!r}; open its place with zarr-python"
    raise UnsupportedError(message).of_store(store)


def _asynchronous(fs: Any) -> Any:
    """Return a file system of fsspec with coroutines."""
    if fs.async_impl:
        return type(fs)(*fs.storage_args, **{**fs.storage_options, "asynchronous": True})
    wrapper = importlib.import_module("fsspec.implementations.asyn_wrapper").AsyncFileSystemWrapper
    return wrapper(fs, asynchronous=True)


class _Buffers(MutableMapping[str, Any]):
    """The values of a store in memory as buffers of zarr-python."""

    def __init__(self, values: MutableMapping[str, Any]):
        self.values_of_store = values
        self._from_bytes = importlib.import_module("zarr.core.buffer.cpu").Buffer.from_bytes

    def __getitem__(self, key: str) -> Any:
        return self._from_bytes(bytes(self.values_of_store[key]))

    def __setitem__(self, key: str, value: Any) -> None:
        self.values_of_store[key] = value.to_bytes()

    def __delitem__(self, key: str) -> None:
        del self.values_of_store[key]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self.values_of_store))

    def __len__(self) -> int:
        return len(self.values_of_store)
