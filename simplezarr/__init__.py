"""simplezarr: a simple, elegant and efficient Zarr implementation.

`import simplezarr` loads nothing else; each public name loads its module when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy import s_

    from simplezarr import codecs
    from simplezarr.api import create_array, create_group, load, open, open_array, open_group, save
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

_MODULES = {
    "numpy": ("s_",),
    "simplezarr.api": ("create_array", "create_group", "load", "open", "open_array", "open_group", "save"),
    "simplezarr.array": ("Array",),
    "simplezarr.codecs.registry": ("register_codec",),
    "simplezarr.errors": (
        "ChunkError",
        "MetadataError",
        "NodeExistsError",
        "NodeNotFoundError",
        "ReadOnlyError",
        "UnsupportedError",
        "ZarrError",
        "ZarrWarning",
    ),
    "simplezarr.executor": ("get_num_threads", "set_num_threads"),
    "simplezarr.group": ("Group",),
    "simplezarr.stores": ("LocalStore", "MemoryStore", "SlowStore", "Store", "WrapperStore"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

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
    "create_array",
    "create_group",
    "get_num_threads",
    "load",
    "open",
    "open_array",
    "open_group",
    "register_codec",
    "s_",
    "save",
    "set_num_threads",
]


def __getattr__(name: str) -> Any:
    if name == "codecs":
        return importlib.import_module("simplezarr.codecs")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
