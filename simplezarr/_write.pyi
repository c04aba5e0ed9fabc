"""Writing: each stored object that a plan touches, encoded and put in place of what was stored."""

import numpy as np
from typing_extensions import disjoint_base

from simplezarr._source import Source
from simplezarr._make import Make
from simplezarr._plan import Plan

@disjoint_base
class Write(Make):
    """A write under way."""

def write(source: Source, plan: Plan, value: np.ndarray, shape: tuple[int, ...], keep_empty: bool = False) -> None:
    """Stores `value` where the plan selects."""
