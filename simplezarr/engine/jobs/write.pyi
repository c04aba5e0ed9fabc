"""Writing: each stored object that a request touches, encoded and put in place of what was stored."""

from typing import final

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.jobs.chunk_source import ChunkSource
from simplezarr.engine.jobs.object_builder import ObjectBuilder
from simplezarr.engine.jobs.protocols import ListedSelection

@final
class WriteJob(ObjectBuilder):
    """A write under way."""

def write(
    source: ChunkSource,
    selected: Plan | ListedSelection,
    value: np.ndarray,
    shape: tuple[int, ...],
    keep_empty: bool = False,
) -> None:
    """Store `value` where the selection points to; of several values for one place, the last."""
