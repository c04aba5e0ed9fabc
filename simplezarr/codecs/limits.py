"""Limits of what stored bytes may decode to."""

import sys
from typing import Any

from simplezarr.codecs.base import BoundedCodec, ChunkSpec
from simplezarr.codecs.sharding import Sharding

SLACK = 1 << 20  # bytes that an encoded value may have beyond twice the decoded: frames, headers, padding
SLACK_PER_CHUNK = 1 << 10  # the same for each inner chunk of a shard
UNLIMITED = sys.maxsize // 4
# What chunks may decode to whose size does not follow from their shape, as those of text, so that a few stored bytes
# can't take all memory: so many bytes, and so many for each stored byte and for each element.
FREE_BYTES = 64 << 20
FREE_PER_BYTE = 256
FREE_PER_ELEMENT = 1 << 10


def size_limits(array_bytes: Any, bytes_bytes: tuple, spec: ChunkSpec) -> tuple[tuple[int, ...], int]:
    """The most bytes that each bytes -> bytes codec, in decoding order, may decode to; and the most stored bytes.

    A checksum has a size; what a compressor makes of n bytes is never much more than n.
    """
    size = array_bytes.resolve(spec)
    most = size if size is not None else UNLIMITED
    if type(array_bytes) is Sharding and not spec.dtype.is_variable:
        most = _loose(spec.nbytes) + array_bytes.index_spec(spec).nbytes * (1 + SLACK_PER_CHUNK // 16)
    limits: list[int] = []
    for codec in bytes_bytes:
        limits.insert(0, most)
        size = codec.resolve(size)
        loose = _loose(most) if isinstance(codec, BoundedCodec) else UNLIMITED  # nothing is known of the others
        most = loose if size is None else size
    return tuple(limits), most


def _loose(nbytes: int) -> int:
    return min(2 * nbytes + SLACK, UNLIMITED)
