"""Read and write Zarr arrays and groups, of Zarr versions 3 and 2.

    open(store)                       return the Array or Group that is stored; also open_array, open_group
    create_array(store, shape=, ...)  create an Array; create_group creates a Group
    require_array(store, ...)         open an Array, or create it; exists(store) tells whether there is a node
    save(store, data), load(store)    store a NumPy array, or a dict of arrays; read it back

A store is a path, a URL, a dict, or an object such as LocalStore, MemoryStore, HTTPStore, WrapperStore, SlowStore. An
Array is read and written like a NumPy array: `a[10:200, ::2]`. A Group is a mapping from names to Arrays and Groups.

    get_num_threads, set_num_threads  the number of threads of one call
    register_codec, register_dtype    add a codec or a data type
    codecs, stores                    the classes of the codecs, and of the stores
    testing, utils                    suites for authors of codecs and stores; tools such as check
    s_                                `numpy.s_`, which makes keys: `s_[10:200, ::2]`
    ZarrError                         the base of all errors; ZarrWarning of all warnings

>>> import simplezarr
>>> a = simplezarr.create_array({}, data=[[1, 2], [3, 4]])
>>> a[:, 0].tolist()
[1, 3]
"""

# Importing this module loads no other one. Each public name loads its module when it is first used.

import importlib
import os
import time
from _thread import get_ident
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import s_

    from simplezarr import codecs, stores, testing, utils
    from simplezarr.api import (
        create_array,
        create_group,
        exists,
        load,
        open,
        open_array,
        open_group,
        require_array,
        save,
    )
    from simplezarr.codecs.registry import register_codec
    from simplezarr.dtypes import register_dtype
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
    from simplezarr.nodes.array import Array
    from simplezarr.nodes.group import Group
    from simplezarr.runtime.executor import get_num_threads, set_num_threads
    from simplezarr.stores import (
        CacheStore,
        HTTPStore,
        LocalStore,
        MemoryStore,
        SlowStore,
        Store,
        WrapperStore,
        ZipStore,
    )

__version__ = "0.1.0"

_MODULES = {
    "numpy": ("s_",),
    "simplezarr.api": (
        "create_array",
        "create_group",
        "exists",
        "load",
        "open",
        "open_array",
        "open_group",
        "require_array",
        "save",
    ),
    "simplezarr.nodes.array": ("Array",),
    "simplezarr.codecs.registry": ("register_codec",),
    "simplezarr.dtypes": ("register_dtype",),
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
    "simplezarr.runtime.executor": ("get_num_threads", "set_num_threads"),
    "simplezarr.nodes.group": ("Group",),
    "simplezarr.stores": (
        "CacheStore",
        "HTTPStore",
        "LocalStore",
        "MemoryStore",
        "SlowStore",
        "Store",
        "WrapperStore",
        "ZipStore",
    ),
}
_PACKAGES = ("codecs", "stores", "testing", "utils")
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Array",
    "CacheStore",
    "ChunkError",
    "Group",
    "HTTPStore",
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
    "ZipStore",
    "codecs",
    "create_array",
    "create_group",
    "exists",
    "get_num_threads",
    "load",
    "open",
    "open_array",
    "open_group",
    "register_codec",
    "register_dtype",
    "require_array",
    "s_",
    "save",
    "set_num_threads",
    "stores",
    "testing",
    "utils",
]


if not TYPE_CHECKING:  # otherwise any name would pass the type checker

    def __getattr__(name: str) -> object:
        try:
            if name in _PACKAGES:
                return importlib.import_module(f"simplezarr.{name}")
            if name not in _HOMES:
                raise AttributeError(_missing(name))
            value = getattr(importlib.import_module(_HOMES[name]), name)
        except ImportError as error:
            _check_built(error)
            raise
        globals()[name] = value
        return value


def _missing(name: str) -> str:
    if name.startswith("_"):  # as tools ask; nothing is loaded for them
        return f"module {__name__!r} has no attribute {name!r}"
    from simplezarr.nodes.other_names import missing_from_package

    return missing_from_package(name)


def _check_built(error: ImportError) -> None:
    """Raise ImportError with the remedy if this is a source tree whose compiled modules were not built."""
    from importlib.util import find_spec

    tree = os.path.dirname(os.path.dirname(__file__))
    if find_spec(f"{__name__}.runtime.pool") is None and os.path.exists(os.path.join(tree, "setup.py")):
        remedy = "start Python in another directory, or build it there: pip install -e ."
        message = f"{tree}: this source tree is not built, and hides an installed {__name__}"
        raise ImportError(f"{message}; {remedy}", name=error.name) from error


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


#: Top-level names of everything that the package imports, now or later.
_ROOTS = {
    "simplezarr",
    "numpy",
    "concurrent",
    "importlib",
    "logging",
    "threading",
    "urllib",
    "decimal",
    "numcodecs",
    "ml_dtypes",
}
_IMPORT_WAIT_SECONDS = 10.0


def _finish_imports() -> None:
    """Wait, before a fork, until no other thread is importing a module that the child may need.

    Otherwise the child would inherit the locked import locks without the thread that releases them.
    """
    end = time.monotonic() + _IMPORT_WAIT_SECONDS
    while _imports_elsewhere() and time.monotonic() < end:
        time.sleep(0.001)


def _imports_elsewhere() -> bool:
    locks = getattr(getattr(importlib, "_bootstrap", None), "_module_locks", {})
    for name, reference in [*locks.items()]:
        if name.partition(".")[0] in _ROOTS and getattr(reference(), "owner", None) not in (None, get_ident()):
            return True
    return False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_finish_imports)
