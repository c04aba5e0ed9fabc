"""Stores keep values by key.

>>> store = MemoryStore()
>>> store.set("a/b", b"123")
>>> store.list_dir("a/")
['b']
"""

from simplezarr.engine.files.reader import Reader
from simplezarr.stores.base import Store, byte_view, check_key, check_prefix, clip_range, names_below
from simplezarr.stores.local import LocalStore
from simplezarr.stores.memory import MemoryStore
from simplezarr.stores.slow import SlowStore
from simplezarr.stores.wrapper import WrapperStore

__all__ = [
    "LocalStore",
    "MemoryStore",
    "Reader",
    "SlowStore",
    "Store",
    "WrapperStore",
    "byte_view",
    "check_key",
    "check_prefix",
    "clip_range",
    "names_below",
]
