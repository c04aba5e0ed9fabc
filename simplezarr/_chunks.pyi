"""Where chunks come from: stored objects, or inner chunks of a shard; read by any number of threads from one counter."""

from typing import final

import numpy as np

from simplezarr._pipeline import Pipeline
from simplezarr._plan import Plan
from simplezarr.keys import ChunkKeys
from simplezarr.stores.base import Store

@final
class Source:
    """The chunks of one array: where they are stored and how they are decoded."""

    @property
    def pipeline(self) -> Pipeline: ...
    @property
    def store(self) -> Store: ...
    @property
    def path(self) -> str: ...
    def __init__(self, pipeline: Pipeline, store: Store, keys: ChunkKeys, path: str, chunks: tuple[int, ...]) -> None: ...
    def key(self, index: tuple[int, ...]) -> str:
        """The store's key of a stored chunk (a shard where there are shards)."""
    def read(self, plan: Plan, out: np.ndarray) -> None:
        """Decodes what the plan selects into `out`, an array of the plan's shape and the pipeline's data type."""
    def encoded_chunk(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of one unit of reading, or None where it is not stored."""
