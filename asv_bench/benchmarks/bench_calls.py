"""Python functions called by one operation, compiled ones that Python calls included: a count that does not jitter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

import simplezarr as sz

from .common import CUBE_SHAPE, Stored, values

OPERATIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "whole": ("cube-raw", lambda stored: stored[...]),
    "slab": ("cube-raw", lambda stored: stored[10:100, ::2]),
    "shards": ("sharded-raw", lambda stored: stored[...]),
    "one element": ("tiny-raw", lambda stored: stored[100, 50, 3]),
    "get_chunk": ("tiny-raw", lambda stored: stored.get_chunk((1, 2, 3))),
}


def count_calls(do: Callable[[], Any]) -> int:
    """Calls of Python functions and, from Python, of compiled ones in this thread, while ``do`` runs."""
    calls = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        do()
    finally:
        sys.setprofile(None)
    return calls - 2  # do itself, and the call that ends the count


class PythonCalls(Stored):
    params: ClassVar = [list(OPERATIONS)]
    param_names: ClassVar = ["operation"]

    def track_calls(self, root: str, operation: str) -> int:
        name, do = OPERATIONS[operation]
        stored = self.open(root, name)
        do(stored)  # what is done once only
        return count_calls(lambda: do(stored)) - 1

    def track_calls_of_write(self, root: str, operation: str) -> int:
        if operation != "whole":
            raise NotImplementedError("one way to write is enough")
        if not hasattr(sz, "create_array"):
            raise NotImplementedError("this version writes no arrays")
        given = values(CUBE_SHAPE)
        stored = sz.create_array(sz.MemoryStore(), shape=CUBE_SHAPE, dtype="uint16", chunks=(32, 32, 32), codecs=[])
        stored[...] = given
        return count_calls(lambda: stored.write(np.s_[...], given)) - 1

    track_calls.unit = track_calls_of_write.unit = "calls"
