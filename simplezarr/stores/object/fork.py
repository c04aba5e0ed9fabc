"""Use obstore after a fork.

The extension of obstore drives its sockets by threads that the parent has and a forked child has not. Each request in
the child would wait for them without end. So the child loads a private copy of the extension, which starts threads of
its own, and makes its stores anew on it.
"""

import importlib.util
import os
import sys
from importlib.machinery import ExtensionFileLoader
from types import ModuleType
from typing import Any

from simplezarr.errors import StoreError
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.schema.extras import extra

__all__ = ["current_process", "extension", "here"]

_MODULE = "obstore._obstore"


class _Process:
    """The state of one process: `is_stale` says that its parent had loaded obstore, `copy` is the private one."""

    def __init__(self, is_stale: bool):
        self.is_stale = is_stale
        self.copy: ModuleType | None = None


_process = _Process(False)


def current_process() -> object:
    """Return an object that is another one in a forked child."""
    return _process


def extension() -> ModuleType:
    """Return the compiled module of obstore; raise an UnsupportedError that names the extra if it is missing."""
    return extra("obstore", "object stores", _MODULE)


def here(store: object) -> tuple[Any, object]:
    """Return the module whose functions to call in this process, and the store to call them with."""
    module = extension()
    if not _process.is_stale or type(store).__name__ == "MemoryStore":  # a MemoryStore needs no threads
        return module, store
    with KeyLock(_process, "obstore"):
        copy = _process.copy = _process.copy or _private_copy(module)
    args, kwargs = store.__getnewargs_ex__()  # type: ignore[attr-defined]
    return copy, getattr(copy._store, type(store).__name__)(*args, **kwargs)


def _private_copy(module: ModuleType) -> ModuleType:
    """Load the file of an extension once more, as if it were another file, so that its static variables are new."""
    try:
        fd = os.memfd_create("obstore")
        with open(str(module.__file__), "rb") as file:
            while os.sendfile(fd, file.fileno(), None, 1 << 30):
                pass
        # The descriptor stays open: the system's loader knows a library by its path, which must not come again in a
        # child of this process.
        path, name = f"/proc/self/fd/{fd}", f"simplezarr_obstore_{os.getpid()}._obstore"
        spec = importlib.util.spec_from_file_location(name, path, loader=ExtensionFileLoader(name, path))
        assert spec is not None
        assert spec.loader is not None
        copy = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(copy)
    except (AttributeError, ImportError, OSError) as error:
        raise StoreError(
            f"obstore: cannot be used in a process that was forked after it was loaded ({error}); start processes with "
            "the method 'spawn' or 'forkserver'"
        ) from None
    return copy


def _after_fork_in_child() -> None:
    global _process
    _process = _Process(_process.is_stale or _MODULE in sys.modules)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
