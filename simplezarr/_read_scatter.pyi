"""Reading for selections that want several regions of one unit: each unit is fetched and decoded once, then placed."""

import numpy as np
from typing_extensions import disjoint_base

from simplezarr._source import Source
from simplezarr._plan import Plan
from simplezarr._read import Read
from simplezarr.selection import Selection

def read_selection(source: Source, selection: Selection, out: np.ndarray) -> None:
    """Decodes what a `Selection` wants into `out`, an array of its shape and the pipeline's data type; as `read`."""

def read_batch(source: Source, shape: tuple[int, ...], plans: list[Plan], outs: list[np.ndarray]) -> None:
    """Decodes what each plan of an array of `shape` selects into its own array; as `read`, but each unit only once."""

@disjoint_base
class ReadScatter(Read):
    """A read under way; what is wanted of a stored object is an `Opened`."""
