"""Reading: each stored object that a plan touches, opened, decoded and placed."""

import numpy as np
from typing_extensions import disjoint_base

from simplezarr._job import Job
from simplezarr._source import Source
from simplezarr._plan import Plan

@disjoint_base
class Read(Job):
    """A read under way."""

def read(source: Source, plan: Plan, out: np.ndarray) -> None:
    """Decodes what the plan selects into `out`, an array of the plan's shape and the pipeline's data type."""
