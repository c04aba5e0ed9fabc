"""Selections that want several regions of one unit of reading, so that each unit is fetched and decoded once."""

from typing import final

import numpy as np

from simplezarr.engine.chunks.pipeline import CodecPipeline
from simplezarr.engine.geometry.plan import Plan

@final
class Scatter:
    """Which regions of which units a selection wants, of an array of `shape` that is stored through `pipeline`."""

    @property
    def n(self) -> int:
        """Stored objects touched."""
    @property
    def nunits(self) -> int:
        """Units of reading touched."""
    def __init__(self, pipeline: CodecPipeline, shape: tuple[int, ...]) -> None: ...
    def select(
        self, plan: Plan, lists: list[tuple[tuple[int, ...], list[np.ndarray], int, tuple[int, ...]]], out: np.ndarray
    ) -> None:
        """Lists of points times a basic selection, into `out`."""
    def crop(self, plans: list[Plan], outs: list[np.ndarray]) -> None:
        """A batch of basic selections, and the array that each goes into."""
