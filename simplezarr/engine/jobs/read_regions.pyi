"""Reading for selections that want several regions of one unit: each unit is fetched and decoded once, then placed."""

import numpy as np
from typing_extensions import disjoint_base

from simplezarr.engine.jobs.chunk_source import Source
from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.jobs.read import Read
from simplezarr.engine.jobs.protocols import ListedSelection

def read_selection(source: Source, selection: ListedSelection, out: np.ndarray) -> None:
    """Decodes what a `Selection` wants into `out`, an array of its shape and the pipeline's data type; as `read`."""

def read_batch(source: Source, shape: tuple[int, ...], plans: list[Plan], outs: list[np.ndarray]) -> None:
    """Decodes what each plan of an array of `shape` selects into its own array; as `read`, but each unit only once."""

@disjoint_base
class ReadScatter(Read):
    """A read under way; what is wanted of a stored object is an `Opened`."""
