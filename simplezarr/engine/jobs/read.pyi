"""Reading: each stored object that a plan touches, opened, decoded and placed."""

import numpy as np
from typing_extensions import disjoint_base

from simplezarr.engine.jobs.job import Job
from simplezarr.engine.jobs.chunk_source import Source
from simplezarr.engine.geometry.plan import Plan

@disjoint_base
class Read(Job):
    """A read under way."""

def read(source: Source, plan: Plan, out: np.ndarray) -> None:
    """Decodes what the plan selects into `out`, an array of the plan's shape and the pipeline's data type."""
