"""Stores keep values by key.

>>> store = MemoryStore()
>>> store.set("a/b", b"123")
>>> store.list_dir("a/")
['b']
"""

import importlib
from typing import TYPE_CHECKING

from simplezarr.engine.files.reader import Reader
from simplezarr.stores.base import Store, byte_view, check_key, check_prefix, clip_range, names_below
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore
from simplezarr.stores.slow import SlowStore
from simplezarr.stores.wrapper import WrapperStore

if TYPE_CHECKING:
    from simplezarr.stores.cache.store import CacheStore
    from simplezarr.stores.fsspec.store import FsspecStore
    from simplezarr.stores.http.store import HTTPStore
    from simplezarr.stores.object.store import ObjectStore
    from simplezarr.stores.reference import ReferenceStore
    from simplezarr.stores.zarr import ZarrStore
    from simplezarr.stores.zip.store import ZipStore

#: Stores whose modules are loaded when they are first used, because they take longer to load or need an extra.
_LATER = {
    "CacheStore": "simplezarr.stores.cache.store",
    "FsspecStore": "simplezarr.stores.fsspec.store",
    "HTTPStore": "simplezarr.stores.http.store",
    "ObjectStore": "simplezarr.stores.object.store",
    "ReferenceStore": "simplezarr.stores.reference",
    "ZarrStore": "simplezarr.stores.zarr",
    "ZipStore": "simplezarr.stores.zip.store",
}

__all__ = [
    "CacheStore",
    "FsspecStore",
    "HTTPStore",
    "LocalStore",
    "MemoryStore",
    "ObjectStore",
    "Reader",
    "ReferenceStore",
    "SlowStore",
    "Store",
    "WrapperStore",
    "ZarrStore",
    "ZipStore",
    "byte_view",
    "check_key",
    "check_prefix",
    "clip_range",
    "names_below",
]


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = found
    return found
