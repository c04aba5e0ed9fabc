"""Find, fetch and name the stored objects of an array, and cache the indexes of its shards."""

from typing import final

from simplezarr.engine.chunks.pipeline import CodecPipeline
from simplezarr.engine.jobs.protocols import ByteStore, Keys
from simplezarr.errors import ChunkError

@final
class ChunkSource:
    """The chunks of one array: where they are stored and how they are decoded."""

    @property
    def pipeline(self) -> CodecPipeline: ...
    @property
    def store(self) -> ByteStore: ...
    @property
    def path(self) -> str: ...
    def __init__(self, pipeline: CodecPipeline, store: ByteStore, keys: Keys, path: str, chunks: tuple[int, ...]) -> None: ...
    def key(self, index: tuple[int, ...]) -> str:
        """Return the key of a stored object: of a shard if the array has shards, otherwise of a chunk."""
    def failure(self, index: tuple[int, ...], key: str, why: str, codec: str | None = None) -> ChunkError:
        """Return the ChunkError for a chunk, by its index and the key of its stored object."""
    def encoded_chunk(self, index: tuple[int, ...]) -> bytes | None:
        """Return the stored bytes of one chunk, or None if it is not stored."""

@final
class ShardIndex:
    """A shard's decoded index and the version of the shard that it was read from."""
