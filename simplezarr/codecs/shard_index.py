"""The index of a shard: offset and length of each inner chunk, as the codec `sharding_indexed` stores them.

>>> from simplezarr.codecs.base import ChunkSpec
>>> from simplezarr.codecs.chain import shard_index
>>> from simplezarr.codecs.sharding import Sharding
>>> from simplezarr.dtypes import parse_dtype
>>> index = shard_index(Sharding((2,), ("bytes",), ("bytes",)), ChunkSpec((4,), parse_dtype("uint8"), b"\\0"))
>>> entries = index.empty()
>>> entries[1] = 0, 2
>>> shard = b"ab" + index.encode(entries)
>>> index.entry(index.entries(index.cut(shard)), (0,)), index.entry(index.entries(index.cut(shard)), (1,))
(None, (0, 2))
"""

import numpy as np

from simplezarr.codecs.base import ChunkSpec, Data
from simplezarr.codecs.sharding import Sharding
from simplezarr.engine.chunks.decode import decode_chunk
from simplezarr.engine.chunks.encode import encode_chunk
from simplezarr.engine.chunks.pipeline import CodecFailure, CodecPipeline
from simplezarr.schema.limits import MAX_LENGTH

__all__ = ["Entry", "ShardIndex", "failure"]

NOT_STORED = 2**64 - 1  # offset and length of an inner chunk that is not stored

Entry = tuple[int, int]  # offset and length of an inner chunk, in bytes


def failure(message: str) -> CodecFailure:
    """Return the error of a shard that can't be decoded."""
    return CodecFailure(f"{Sharding.name}: {message}", Sharding.name)


class ShardIndex:
    """The index of shards of one shape; `codecs.chain.shard_index` makes it.

    - codec: the sharding codec; spec: what it gets.
    - pipeline, nbytes: the index codecs, bound, and the size of what they make.

    `grid` is the number of inner chunks along each axis of the shard as it is stored.
    """

    def __init__(self, codec: Sharding, spec: ChunkSpec, pipeline: CodecPipeline, nbytes: int):
        self.pipeline, self.nbytes = pipeline, nbytes
        self.is_first = codec.index_location == "start"
        self.grid = codec.grid(spec.shape)

    @property
    def start(self) -> int:
        """Where the index begins: 0, or a negative number that counts from the shard's end, as stores take it."""
        return 0 if self.is_first else -self.nbytes

    def cut(self, shard: Data) -> Data:
        """Return the encoded index of a shard; of a shard that is too short, all of it."""
        return shard[: self.nbytes] if self.is_first else shard[max(0, len(shard) - self.nbytes) :]

    def entries(self, encoded: Data) -> np.ndarray:
        """Return offset and length of each inner chunk: unsigned integers of shape (*grid, 2).

        Raise CodecFailure if the encoded index is damaged or too short.
        """
        try:
            if len(encoded) != self.nbytes:
                raise ValueError(f"{len(encoded)} bytes instead of {self.nbytes}")
            return decode_chunk(self.pipeline, encoded)
        except (CodecFailure, ValueError) as error:
            raise failure(f"its index can't be decoded: {error}") from error.__cause__

    def stored(self, entries: np.ndarray) -> np.ndarray:
        """Return, for each inner chunk, whether it is stored."""
        stored: np.ndarray = (entries != NOT_STORED).any(-1)
        return stored

    def entry(self, entries: np.ndarray, index: tuple[int, ...]) -> Entry | None:
        """Return offset and length of one inner chunk, None if it is not stored.

        Raise CodecFailure if they are beyond any shard.
        """
        offset, nbytes = entries[index].tolist()
        if offset == nbytes == NOT_STORED:
            return None
        if offset + nbytes > MAX_LENGTH:
            raise failure(f"the index places inner chunk {index} at {offset}, {nbytes} bytes long")
        return offset, nbytes

    def end(self, entries: np.ndarray) -> int:
        """Return the number of the byte behind the last inner chunk, 0 if nothing is stored.

        Entries that `entry` refuses do not count.
        """
        offsets, lengths = entries[..., 0].reshape(-1), entries[..., 1].reshape(-1)
        # Both terms of each sum are below 2**63, so it does not wrap.
        can_be = (offsets <= MAX_LENGTH) & (lengths <= MAX_LENGTH)
        ends = offsets[can_be] + lengths[can_be]
        return int(ends[ends <= MAX_LENGTH].max(initial=0))

    def empty(self) -> np.ndarray:
        """Return the entries of a shard in which nothing is stored."""
        return np.full((*self.grid, 2), NOT_STORED, np.uint64)

    def encode(self, entries: np.ndarray) -> bytes:
        """Return the encoded index."""
        return encode_chunk(self.pipeline, entries)
