"""Reading: each stored object that a request touches, opened, decoded and copied out."""

from typing import final

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.jobs.chunk_source import ChunkSource
from simplezarr.engine.jobs.job import Job
from simplezarr.engine.jobs.protocols import ListedSelection

@final
class ReadJob(Job):
    """A read under way."""

def read(source: ChunkSource, selected: Plan | ListedSelection, out: np.ndarray) -> None:
    """Decode what is selected into `out`, an array of its shape and of the pipeline's data type."""

def read_batch(source: ChunkSource, shape: tuple[int, ...], plans: list[Plan], outs: list[np.ndarray]) -> None:
    """Decode what each plan of an array of `shape` selects into its own array; as `read`, but each chunk only once."""
