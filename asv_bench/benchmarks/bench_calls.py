"""Python functions called by one operation, compiled ones that Python calls included: a count that does not jitter."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import simplezarr as sz

from .common import Stored, write_some

READS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "whole": ("cube-raw", lambda stored: stored[...]),
    "slab": ("cube-raw", lambda stored: stored[10:100, ::2]),
    "shards": ("sharded-raw", lambda stored: stored[...]),
    "one element": ("tiny-raw", lambda stored: stored[100, 50, 3]),
    "get_chunk": ("tiny-raw", lambda stored: stored.get_chunk((1, 2, 3))),
}


def count_calls(do: Callable[[], Any]) -> int:
    """Count calls of Python functions and, from Python, of built-in ones, while ``do`` runs in this thread alone.

    The compiled functions of simplezarr are not counted here. Their cost is in the instructions that `counting` counts.
    """
    calls, threads = 0, sz.get_num_threads()

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        place = getattr(argument, "__module__", None) or type(getattr(argument, "__self__", None)).__module__
        own = place.startswith("simplezarr.")
        calls += event == "call" or (event == "c_call" and not own)

    sz.set_num_threads(1)  # or chance says which thread does what
    sys.setprofile(note)
    try:
        do()
    finally:
        sys.setprofile(None)
        sz.set_num_threads(threads)
    return calls - 2  # do itself, and the call that ends the count


def calls_of_write(chunks: int) -> int:
    """Count the calls of one assignment to all of an array of so many chunks."""
    given = np.arange(chunks * 1000, dtype="uint16")
    with tempfile.TemporaryDirectory() as place:
        stored = sz.create_array(place, data=given, chunks=(1000,), codecs=[], overwrite=True)
        return count_calls(lambda: stored.write(np.s_[...], given))


def calls_of_open() -> int:
    """Count the calls of opening one more of many arrays that have equal documents."""
    with tempfile.TemporaryDirectory() as place:
        for name in ("a", "b"):
            sz.create_array(f"{place}/{name}", shape=(100, 100), dtype="uint16", chunks=(10, 10))
        sz.open(f"{place}/a")
        return count_calls(lambda: sz.open(f"{place}/b"))


def calls_of_all() -> dict[str, int]:
    """Count the calls of every operation here, by name."""
    told = {"open": calls_of_open(), **{f"write {chunks}": calls_of_write(chunks) for chunks in (1, 64)}}
    with tempfile.TemporaryDirectory() as place:
        write_some(Path(place), {name for name, _ in READS.values()})
        for read, (name, do) in READS.items():
            stored = sz.open(f"{place}/{name}")
            do(stored)  # what is done once only
            told[f"read {read}"] = count_calls(partial(do, stored))
    return told


class PythonCalls(Stored):
    """The number must not grow with that of the chunks."""

    params: ClassVar = [list(READS)]
    param_names: ClassVar = ["read"]

    def track_calls(self, root: str, read: str) -> int:
        name, do = READS[read]
        stored = self.open(root, name)
        do(stored)  # what is done once only
        return count_calls(lambda: do(stored))

    track_calls.unit = "calls"


class PythonCallsOfWrite:
    params: ClassVar = [[1, 64]]
    param_names: ClassVar = ["chunks"]

    def track_calls(self, chunks: int) -> int:
        if not hasattr(sz, "create_array"):
            raise NotImplementedError("this version writes no arrays")
        return calls_of_write(chunks)

    track_calls.unit = "calls"


class PythonCallsOfOpen:
    def track_calls(self) -> int:
        return calls_of_open()

    track_calls.unit = "calls"
