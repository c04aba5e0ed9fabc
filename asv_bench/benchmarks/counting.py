"""What a chunk costs, counted: instructions, copies, allocations, calls to the file system, hand-overs of the GIL.

Every task runs in one thread with few chunks and with many; the difference, divided by that in chunks, is the price of
a chunk without that of a call. Such counts hardly change from run to run, so they can have limits (`limits.toml`).

Allocations and file calls are counted by a library that is loaded before the C library (`counted.c`; Linux, needs a C
compiler); Python's own allocator is left out of use, so that Python objects count. The rest needs valgrind: its
callgrind tells how often functions were called.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

FEW, MANY = 16, 208  # whole shards
CHUNK = 256  # elements of 2 bytes: so few that what is done for each chunk shows
#: Codecs, chunks in a shard or None, whether in memory, and what is done.
TASKS: dict[str, tuple[str, int | None, bool, str]] = {
    "read-raw": ("[]", None, False, "stored.read(out=values)"),
    "read-zstd": ("['zstd']", None, False, "stored.read(out=values)"),
    "read-crc32c": ("['crc32c']", None, False, "stored.read(out=values)"),
    "read-shards": ("['zstd']", 16, False, "stored.read(out=values)"),
    "read-reversed": ("['zstd']", None, False, "stored.read(np.s_[::-1], out=values)"),
    "read-cast": ("['zstd']", None, False, "stored.read(out=floats)"),
    "read-converted": ("['zstd']", None, False, "read_boxes(stored._handle, boxes, places, conversion, threads=1)"),
    "read-points": ("[]", None, True, "stored.read(points, out=picked)"),
    "read-memory": ("['zstd']", None, True, "stored.read(out=values)"),
    "write-raw": ("[]", None, False, "stored[...] = values"),
    "write-zstd": ("['zstd']", None, False, "stored[...] = values"),
    "write-shards": ("['zstd']", 16, False, "stored[...] = values"),
}
#: The functions of which calls are counted, by callgrind.
CALLS = {
    "copies": ("sz_copy", "sz_gather", "sz_copy_run", "sz_convert", "sz_convert_points"),
    "gil": ("PyEval_SaveThread", "PyGILState_Ensure"),
}
HERE = Path(__file__).resolve().parent
PROGRAM = """
import ctypes, json, sys, tempfile, time
import numpy as np
import simplezarr as sz
from simplezarr.transfer.boxes import Boxes, Conversion, Places, read_boxes
few, many, size, tasks, folder = json.loads(sys.argv[1])
library = ctypes.CDLL(None)
library.counted_end.argtypes = [ctypes.c_char_p]
now = (ctypes.c_longlong * 2)()

def counted():
    library.counted(now)
    return list(now)

def measure(name, codecs, shard, memory, do, chunks):
    values = np.arange(chunks * size, dtype="u2") | 1
    with tempfile.TemporaryDirectory() as place:
        shards = (size * shard,) if shard else None
        store = sz.MemoryStore() if memory else place
        chain = eval(codecs)
        stored = sz.create_array(store, data=values, chunks=(size,), shards=shards, codecs=chain)
        time.sleep(0.2 if shard else 0)  # the index of a shard that is just being written is not kept
        code = compile(do, name, "exec")
        floats = np.empty(values.shape, "f4")
        starts = np.arange(0, values.size, size // 4).reshape(-1, 1)  # each chunk is cut into four boxes
        rows = np.arange(len(starts))[::-1]
        points = starts[::-1, 0] + 3  # four of each chunk
        names = {
            "stored": stored, "values": values, "np": np, "floats": floats, "points": points, "picked": values[points],
            "read_boxes": read_boxes,
            "boxes": Boxes(starts, (size // 4,)), "places": Places([floats.reshape(len(rows), -1)], rows * 0, rows),
            "conversion": Conversion(np.dtype("f4"), 1 / 255, -0.5),
        }
        for _ in range(3):
            exec(code, names)  # what is done once only
        before = counted()
        exec(code, names)
        after = counted()
        if folder:
            library.counted_begin()
            exec(code, names)
            library.counted_end(f"{name} {chunks}".encode())
    return [b - a for a, b in zip(before, after)]

sz.set_num_threads(1)
from simplezarr.engine.kernels import context
getattr(context, "_look_every", int)(1 << 40)  # Ctrl-C is looked for by the clock, which is slow under valgrind
told = {name: [measure(name, *task, chunks) for chunks in (few, many)] for name, task in tasks.items()}
print(json.dumps(told))
"""


class CannotCountError(Exception):
    """What is missing on this machine, or did not work."""


def build(folder: Path) -> Path:
    """Compile the library that counts."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if sys.platform != "linux" or not compiler:
        raise CannotCountError("allocations are counted on Linux, with a C compiler")
    library = folder / "counted.so"
    command = [*compiler.split(), "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", library, HERE / "counted.c", "-ldl"]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise CannotCountError(f"the counting library can't be compiled: {made.stderr}")
    return library


def run(tasks: dict[str, Any], folder: Path, callgrind: bool) -> dict[str, list[list[int]]]:
    """Run the program and return its output; with callgrind, its dumps are in the folder."""
    command = [sys.executable, "-c", PROGRAM, json.dumps([FEW, MANY, CHUNK, tasks, str(folder) if callgrind else ""])]
    if callgrind:
        options = ["--instr-atstart=no", "--compress-strings=no", "--compress-pos=no"]
        command = ["valgrind", "--tool=callgrind", *options, f"--callgrind-out-file={folder}/out", *command]
    import simplezarr

    package = str(Path(simplezarr.__file__).resolve().parents[1])  # the one that was found here, installed or not
    environment = {
        **os.environ,
        "LD_PRELOAD": str(build(folder)),
        "PYTHONMALLOC": "malloc",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": package,
    }
    told = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    if told.returncode:
        raise CannotCountError(f"the counting program failed: {told.stderr[-2000:]}")
    return json.loads(told.stdout)


def dumped(folder: Path) -> dict[str, dict[str, int]]:
    """Return instructions, and calls of functions of interest, by the names of the dumps."""
    found = {}
    for path in folder.glob("out.*"):
        text = path.read_text()
        trigger = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
        if trigger is None:
            continue
        counts = {"instructions": int(re.search(r"^summary: (\d+)", text, re.M)[1])}
        for name, functions in CALLS.items():
            ends = "|".join(functions)
            calls = re.findall(rf"^cfn=(?:{ends})(?:'\d+)?\ncalls=(\d+)", text, re.M)
            counts[name] = sum(map(int, calls))
        found[trigger[1]] = counts
    return found


@cache
def allocations() -> dict[str, dict[str, float]]:
    """Return allocations and file calls of a chunk for each task."""
    with tempfile.TemporaryDirectory() as folder:
        told = run(TASKS, Path(folder), callgrind=False)
    return {
        name: {what: (many[i] - few[i]) / (MANY - FEW) for i, what in enumerate(("allocations", "file_calls"))}
        for name, (few, many) in told.items()
    }


@cache
def profiled() -> dict[str, dict[str, float]]:
    """Return instructions, copies and hand-overs of the GIL of a chunk for each task, as callgrind counts them."""
    if not shutil.which("valgrind"):
        raise CannotCountError("instructions are counted by valgrind, which is not there")
    with tempfile.TemporaryDirectory() as folder:
        run(TASKS, Path(folder), callgrind=True)
        found = dumped(Path(folder))
    if not found:
        raise CannotCountError("valgrind's headers were not there when the counting library was compiled")
    if not found[f"read-reversed {MANY}"]["copies"] or not found[f"read-memory {MANY}"]["gil"]:
        raise CannotCountError("calls are counted by the functions' names, which have been stripped")
    return {
        name: {
            what: (found[f"{name} {MANY}"][what] - found[f"{name} {FEW}"][what]) / (MANY - FEW)
            for what in ("instructions", *CALLS)
        }
        for name in TASKS
    }
