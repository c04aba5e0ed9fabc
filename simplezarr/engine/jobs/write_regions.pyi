"""Writing for selections with lists of points: each unit is decoded, changed at all its points and encoded once."""

import numpy as np
from typing_extensions import disjoint_base

from simplezarr.engine.jobs.chunk_source import Source
from simplezarr.engine.jobs.write import Write
from simplezarr.engine.jobs.protocols import ListedSelection

def write_selection(
    source: Source, selection: ListedSelection, value: np.ndarray, shape: tuple[int, ...], keep_empty: bool = False
) -> None:
    """Stores `value` where a `Selection` of an array of `shape` points to; of several values for one place, the last."""

@disjoint_base
class WriteScatter(Write):
    """A write under way; what is written of a stored object is a `Touched`."""
