"""Reading: open, decode and copy out each stored object that a request touches."""

from typing import final

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.jobs.chunk_source import ChunkSource
from simplezarr.engine.jobs.job import Job
from simplezarr.engine.jobs.protocols import ListedSelection

@final
class ReadJob(Job):
    """A read in progress."""

def read(source: ChunkSource, selected: Plan | ListedSelection, out: np.ndarray) -> None:
    """Decode what is selected into `out`, an array of the selection's shape and of the pipeline's data type."""

def read_batch(source: ChunkSource, shape: tuple[int, ...], plans: list[Plan], outs: list[np.ndarray]) -> None:
    """Decode what each plan of an array of `shape` selects into its own array; read each chunk only once."""
