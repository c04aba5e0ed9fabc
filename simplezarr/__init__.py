"""simplezarr: a simple, elegant and efficient Zarr implementation."""

from numpy import s_

from simplezarr import codecs
from simplezarr.api import open, open_array, open_group
from simplezarr.array import Array
from simplezarr.codecs.registry import register_codec
from simplezarr.errors import (
    ChunkError,
    MetadataError,
    NodeExistsError,
    NodeNotFoundError,
    ReadOnlyError,
    UnsupportedError,
    ZarrError,
    ZarrWarning,
)
from simplezarr.executor import get_num_threads, set_num_threads
from simplezarr.group import Group
from simplezarr.stores import LocalStore, MemoryStore, SlowStore, Store, WrapperStore

__version__ = "0.1.0"

__all__ = [
    "Array",
    "ChunkError",
    "Group",
    "LocalStore",
    "MemoryStore",
    "MetadataError",
    "NodeExistsError",
    "NodeNotFoundError",
    "ReadOnlyError",
    "SlowStore",
    "Store",
    "UnsupportedError",
    "WrapperStore",
    "ZarrError",
    "ZarrWarning",
    "codecs",
    "get_num_threads",
    "open",
    "open_array",
    "open_group",
    "register_codec",
    "s_",
    "set_num_threads",
]
