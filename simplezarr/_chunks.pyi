"""The chunks of an array, and jobs on many of them: any number of threads that draw from one counter."""

from typing import final

from typing_extensions import disjoint_base

from simplezarr._pipeline import Pipeline
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
    def encoded_chunk(self, index: tuple[int, ...]) -> bytes | None:
        """The stored bytes of one unit of reading, or None where it is not stored."""

@final
class ShardIndex:
    """A shard's decoded index and the identity of the file it was read from."""

@disjoint_base
class Job:
    """One read or write under way: what `drain` needs to do its share of it."""

    def drain(self) -> None:
        """Does units until none is left, or one has failed."""
    def throw(self) -> None:
        """Raises what the first failure was, with the place where it happened."""
