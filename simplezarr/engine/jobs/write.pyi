"""Writing: each stored object that a plan touches, encoded and put in place of what was stored."""

import numpy as np
from typing_extensions import disjoint_base

from simplezarr.engine.jobs.chunk_source import Source
from simplezarr.engine.jobs.object_builder import Make
from simplezarr.engine.geometry.plan import Plan

@disjoint_base
class Write(Make):
    """A write under way."""

def write(source: Source, plan: Plan, value: np.ndarray, shape: tuple[int, ...], keep_empty: bool = False) -> None:
    """Stores `value` where the plan selects."""
