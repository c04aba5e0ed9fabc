"""Counts the instructions that reading and writing cost for each chunk, under valgrind's callgrind.

    python asv_bench/instructions.py            # all tasks
    python asv_bench/instructions.py read-raw   # one

Each task runs in one thread over an array in memory, with few chunks and with many: the difference, divided by that in
chunks, is the price of a chunk without that of a call. It hardly changes from run to run, and so can be compared from
commit to commit. Needs valgrind, and about a minute for each task.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FEW, MANY, REPEATS = 64, 1024, 4
CHUNK = 64  # elements
TASKS = {
    "read-raw": ("[]", "stored.read(out=values)"),
    "read-zstd": ("['zstd']", "stored.read(out=values)"),
    "read-crc32c": ("['crc32c']", "stored.read(out=values)"),
    "write-raw": ("[]", "stored[...] = values"),
    "write-zstd": ("['zstd']", "stored[...] = values"),
}
PROGRAM = """
import sys
import numpy as np
import simplezarr as sz
sz.set_num_threads(1)
chunks, repeats = map(int, sys.argv[1:])
values = np.arange(chunks * {chunk}, dtype="uint16") | 1
stored = sz.create_array(sz.MemoryStore(), data=values, chunks=({chunk},), codecs={codecs})
for _ in range(repeats):
    {do}
"""


def count(program: str, chunks: int, repeats: int) -> int:
    """Instructions of the whole process."""
    with tempfile.TemporaryDirectory() as place:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={place}/out", sys.executable, "-c", program]
        path = os.pathsep.join([str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": path.strip(os.pathsep)}
        told = subprocess.run([*command, str(chunks), str(repeats)], env=environment, capture_output=True, text=True)
    if told.returncode:
        raise SystemExit(told.stderr)
    return int(re.search(r"Collected : (\d+)", told.stderr)[1])


def per_chunk(codecs: str, do: str) -> float:
    """By the difference of differences: what starts the process and makes the array drops out."""
    program = PROGRAM.format(chunk=CHUNK, codecs=codecs, do=do)
    few, many = (count(program, n, 1 + REPEATS) - count(program, n, 1) for n in (FEW, MANY))
    return (many - few) / (REPEATS * (MANY - FEW))


def main() -> None:
    for name in sys.argv[1:] or TASKS:
        print(f"{name:12} {per_chunk(*TASKS[name]):8.0f} instructions for each chunk of {2 * CHUNK} bytes", flush=True)


if __name__ == "__main__":
    main()
