"""Read what a call asks for, or a batch of calls, by the job that suits the store."""

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.jobs.chunk_source import ChunkSource
from simplezarr.engine.jobs.protocols import ListedSelection

def read(
    source: ChunkSource, selected: Plan | ListedSelection, out: np.ndarray, fields: str | list[str] | None = None
) -> None:
    """Decode what is selected, or some fields of it, into `out`. Chunks are cast to its data type."""

def read_batch(source: ChunkSource, shape: tuple[int, ...], plans: list[Plan], outs: list[np.ndarray]) -> None:
    """Do `read` for each plan of an array of `shape`, all into arrays of one data type; read each chunk only once."""

def read_boxes(
    source: ChunkSource,
    shape: tuple[int, ...],
    starts: np.ndarray,
    lengths: tuple[int, ...],
    first: np.ndarray,
    outs: list[np.ndarray],
    out: np.ndarray,
    row: np.ndarray,
    conversion: tuple[np.ndarray, np.ndarray, int] | None,
    threads: int,
) -> None:
    """Decode boxes of one shape, `lengths`, of an array of `shape`, and each chunk once."""
