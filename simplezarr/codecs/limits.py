"""Limits of what stored bytes may decode to: sizes in the data are never trusted."""

import sys

from simplezarr.codecs.base import ArrayBytesCodec, BoundedCodec, BytesBytesCodec, ChunkSpec
from simplezarr.codecs.sharding import Sharding

SLACK = 1 << 20  # bytes that an encoded value may have beyond twice the decoded: frames, headers, padding
SLACK_PER_CHUNK = 1 << 10  # the same for each inner chunk of a shard
UNLIMITED = sys.maxsize // 4
# The size of text does not follow from the shape of a chunk. Such a chunk may decode to so many bytes, and so many more
# for each stored byte and for each element. A few stored bytes thus can't take all memory.
FREE_BYTES = 64 << 20
FREE_PER_BYTE = 256
FREE_PER_ELEMENT = 1 << 10


def size_limits(
    array_bytes: ArrayBytesCodec, bytes_bytes: tuple[BytesBytesCodec, ...], spec: ChunkSpec
) -> tuple[tuple[int, ...], int]:
    """Return the most bytes that each bytes -> bytes codec may decode to, in decoding order, and the most stored bytes.

    spec: what the array -> bytes codec gets. The encoded form of n bytes is never much larger than n for a
    `BoundedCodec`, and of any size for another codec that does not say its size.
    """
    size = array_bytes.resolve(spec)
    most = size if size is not None else UNLIMITED
    if type(array_bytes) is Sharding and not spec.dtype.is_variable:
        most = _loose(spec.nbytes) + array_bytes.index_spec(spec).nbytes * (1 + SLACK_PER_CHUNK // 16)
    limits: list[int] = []
    for codec in bytes_bytes:
        limits.insert(0, most)
        size = codec.resolve(size)
        loose = _loose(most) if isinstance(codec, BoundedCodec) else UNLIMITED
        most = loose if size is None else size
    return tuple(limits), most


def _loose(nbytes: int) -> int:
    return min(2 * nbytes + SLACK, UNLIMITED)
