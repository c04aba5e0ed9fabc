"""Write: encode each stored object that a request touches, and replace the old one."""

from typing import final

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.jobs.chunk_source import ChunkSource
from simplezarr.engine.jobs.object_builder import ObjectBuilder
from simplezarr.engine.jobs.protocols import ListedSelection

@final
class WriteJob(ObjectBuilder):
    """A write in progress."""

def write(
    source: ChunkSource,
    selected: Plan | ListedSelection,
    value: np.ndarray,
    shape: tuple[int, ...],
    keep_empty: bool = False,
) -> None:
    """Store `value` at the selected elements. If an element is selected several times, the last value stays."""
