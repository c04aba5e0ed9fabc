"""Read: open, decode and copy out each stored object that a request touches."""

from typing import final

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.jobs.chunk_source import ChunkSource
from simplezarr.engine.jobs.job import Job
from simplezarr.engine.jobs.protocols import ListedSelection

@final
class ReadJob(Job):
    """A read in progress."""

def read(
    source: ChunkSource, selected: Plan | ListedSelection, out: np.ndarray, fields: str | list[str] | None = None
) -> None:
    """Decode what is selected, or some fields of it, into `out`. Chunks are cast to its data type."""

def read_batch(source: ChunkSource, shape: tuple[int, ...], plans: list[Plan], outs: list[np.ndarray]) -> None:
    """Do `read` for each plan of an array of `shape`, all into arrays of one data type; read each chunk only once."""
