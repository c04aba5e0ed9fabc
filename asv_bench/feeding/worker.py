"""A contender in a process of its own, which does epochs when it is told to."""

from __future__ import annotations

import os
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import numpy as np

from feeding.delivery import Contender
from feeding.libraries import FUSED, ZARRS, tensorstore_with, zarr_of, zarrista
from feeding.loaders import annbatch_on, dataloader, insitubatch, scdataset
from feeding.ours import floor, loader, read_future
from feeding.rows import Task

CONTENDERS: dict[str, Contender] = {
    "floor": floor,
    "loader": loader,
    "read_future": read_future,
    "tensorstore": tensorstore_with(0),
    "tensorstore, cache": tensorstore_with(64 << 20),
    "zarrista": zarrista,
    "zarrs": zarr_of(ZARRS),
    "zarr-python": zarr_of(FUSED),
    "DataLoader": dataloader(0),
    "DataLoader, 2 workers": dataloader(2),
    "annbatch": annbatch_on(ZARRS),
    "annbatch, fused": annbatch_on(FUSED),
    "insitubatch": insitubatch,
    "scDataset": scdataset,
}


def processor_seconds() -> float:
    """Return the processor time of this process and its children."""
    total = time.process_time()
    for child in active_children():
        user, system = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        total += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return total


def mixing(task: Task, batches: list[np.ndarray]) -> tuple[float, float]:
    """Return the chunks of a batch as a share of those of a uniform order, and how much more often two are of one."""
    batches = [part for part in batches if len(part) == task.batch]
    chunks = [task.chunk_numbers(np.asarray(part)) for part in batches]
    counts = np.unique(np.concatenate(chunks), return_counts=True)[1].astype(float)
    total, b = counts.sum(), task.batch
    expected = (1 - (1 - counts / total) ** b).sum()
    runs = [np.unique(part, return_counts=True)[1] for part in chunks]
    same = sum([(part * (part - 1)).sum() for part in runs]) / (len(runs) * b * (b - 1))
    return np.mean([len(part) for part in runs]) / expected, same / (
        (counts * (counts - 1)).sum() / (total * (total - 1))
    )


def serve(name: str, top: str) -> None:
    """Answer commands: `row NAME` with "ready" or "none", `order` with its mixing, `go` with the costs of an epoch."""
    delivery = task = None
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries may print
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "row":
            task = Task(Path(top), argument)
            try:
                delivery = CONTENDERS[name](task)
            except ImportError as error:
                print(f"{name}: {error}")
                delivery = None
            answer = "ready" if delivery else "none"
        elif command == "order":
            quality = mixing(task, delivery.order()) if delivery.order else (1.0, 1.0)
            answer = "{:.3f} {:.3f}".format(*quality)
        else:
            begun = time.perf_counter(), processor_seconds()
            count = sum([len(batch) for batch in delivery.batches()])
            answer = f"{count} {processor_seconds() - begun[1]} {time.perf_counter() - begun[0]}"
        print(answer, file=answers, flush=True)
