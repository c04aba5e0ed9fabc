"""Feeding training, side by side: `python asv_bench/loading.py [--rounds 3] [--only ROW] [--contenders NAME;…]`.

Each contender delivers epochs of batches of samples of the same files (zstd, page cache warm), in a process of its own.
In every round each does one epoch, in turn. Of each: microseconds of processor time (with worker processes) and of wall
time a sample, medians; both as multiples of the floor's; and how well the order mixed that it delivered.

The floor decodes each chunk once a window, or once a batch of the uniform order, in C. It copies or converts the
samples in two threads, and does nothing else. All orders hold the same window. Contenders are in `feeding/`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Process:
    """A contender that serves rows."""

    def __init__(self, name, top):
        self.name = name
        command = [sys.executable, __file__, "--serve", name, "--data", str(top)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self):
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(row, processes, rounds):
    """Return for each contender that can do the row what it measured."""
    for process in processes:
        process.send(f"row {row}")
    able = [process for process in processes if process.answer() == "ready"]
    times = {process.name: [] for process in able}
    for _ in range(rounds + 1):  # the first one warms up
        for process in able:
            process.send("go")
            answer = process.answer().split()
            if answer:
                times[process.name].append([float(seconds) / int(answer[0]) * 1e6 for seconds in answer[1:]])
    results = {}
    for process in able:
        process.send("order")
        mix = process.answer().split()
        if len(times[process.name]) > rounds and mix:
            cpu, wall = (statistics.median(column) for column in zip(*times[process.name][1:], strict=True))
            results[process.name] = {"cpu": cpu, "wall": wall, "mix": float(mix[0]), "lift": float(mix[1])}
    return results


def main():
    sys.path.insert(0, str(HERE))
    from feeding.data import write
    from feeding.rows import ROWS
    from feeding.table import markdown, show
    from feeding.worker import CONTENDERS, serve

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW")
    parser.add_argument("--contenders", default=";".join(CONTENDERS))
    parser.add_argument("--json", type=Path, help="results are added to those in this file")
    parser.add_argument("--markdown", action="store_true", help="measure nothing; print the results in that file")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / f"simplezarr-loading-{os.getuid()}")
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, str(arguments.data))
        return
    kept = json.loads(arguments.json.read_text()) if arguments.json and arguments.json.exists() else {}
    if arguments.markdown:
        print(markdown(kept))
        return
    arguments.data.mkdir(exist_ok=True)
    write(arguments.data)
    print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
    processes = [Process(name, arguments.data) for name in arguments.contenders.split(";")]
    for row in arguments.only or ROWS:
        kept[row] = measure(row, processes, arguments.rounds)
        show(row, kept[row])
        if arguments.json:
            arguments.json.write_text(json.dumps(kept, indent=1))
    for process in processes:
        process.close()


if __name__ == "__main__":
    main()
