"""Calls to the file system that fail, or during which something happens.

A library that is loaded before the C library asks a function about each call.

`run(function, …)` calls a function of a test module in a process that has the library; there `faults(decide)` begins to
ask `decide(name, path, fd)` about each call. Its answer is an errno, 0 to let the call pass, or -n to let it read or
write n bytes at most. What it does itself is not asked about. Linux, needs a C compiler.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.support.helpers import PYTHON, same_package

COMPILER = os.environ.get("CC") or shutil.which("cc") or ""
needs_faults = pytest.mark.skipif(
    sys.platform != "linux" or not COMPILER, reason="faults are made on Linux, with a C compiler"
)


@cache
def _folder():
    return tempfile.TemporaryDirectory()


@cache
def library():
    """Compile the library; its path."""
    path = Path(_folder().name) / "faults.so"
    source = Path(__file__).with_name("faults.c")
    command = [*COMPILER.split(), "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", path, source, "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path


def run(function, *args, seconds=120):
    """Call a function of a test module with texts as arguments, in a process in which calls can fail."""
    code = f"import sys; from {function.__module__} import {function.__name__} as f; f(*sys.argv[1:])"
    command = [*PYTHON, "-c", code, *map(str, args)]
    environment = {**same_package(), "LD_PRELOAD": str(library())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@contextmanager
def faults(decide):
    """Within this, ask `decide` about each call of this thread's process."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int)
    asked = kind(lambda name, path, fd: decide(name.decode(), os.fsdecode(path), fd))
    setter = ctypes.CDLL(None).faults_set
    setter(asked)
    try:
        yield
    finally:
        setter(None)


def failing(call, code, nth=0, *, times=1):
    """Return a `decide` that lets calls of a name fail from number `nth` on, so many times or (0) always.

    Its `seen` tells how many there were.
    """

    def decide(name, path, fd):
        if name != call:
            return 0
        decide.seen += 1
        return code if decide.seen > nth and (not times or decide.seen <= nth + times) else 0

    decide.seen = 0
    return decide
