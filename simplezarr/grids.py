"""Chunk grids: how an array is cut into chunks.

>>> parse_grid({"name": "regular", "configuration": {"chunk_shape": [2, 3]}}, "chunk_grid")
(2, 3)
"""

from dataclasses import replace

from simplezarr.codecs.base import Codec
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.extensions import check_integers, parse_extension, refuse_unknown, show
from simplezarr.leniency import tolerate

__all__ = ["CHUNK_SHAPE", "MAX_LENGTH", "parse_grid", "without_zeros"]

MAX_LENGTH = 2**63 - 1
CHUNK_SHAPE = "chunk_grid.configuration.chunk_shape"


def parse_grid(value: object, where: str) -> tuple[int, ...]:
    """Reads the member `chunk_grid`."""
    name, configuration, _ = parse_extension(value, where)
    if name != "regular":
        raise UnsupportedError(f"{where}: unknown chunk grid {show(name)}; known is 'regular'")
    if "chunk_shape" not in configuration:
        raise MetadataError(f"{where}.configuration.chunk_shape: missing; a regular grid needs it")
    refuse_unknown(configuration, ("chunk_shape",), f"{where}.configuration")
    return check_integers(configuration["chunk_shape"], 0, MAX_LENGTH, f"{where}.configuration.chunk_shape")


Unit = tuple[tuple[int, ...], tuple[Codec, ...]]


def without_zeros(shape: tuple[int, ...], chunk_shape: tuple[int, ...], codecs: tuple[Codec, ...], where: str) -> Unit:
    """Returns chunk shape and codecs with the chunk lengths of 0 replaced, which empty arrays may have."""
    for i, length in enumerate(chunk_shape):
        if length == 0 and shape[i]:
            raise MetadataError(f"{where}[{i}]: 0 is not an integer from 1 to {MAX_LENGTH}")
    replaced = _positive(shape, chunk_shape, codecs)
    if replaced != (chunk_shape, codecs):
        tolerate("empty-chunk", where)
    return replaced


def _positive(shape: tuple[int, ...], chunk_shape: tuple[int, ...], codecs: tuple[Codec, ...]) -> Unit:
    from simplezarr.codecs.sharding import Sharding  # imported with the first shard otherwise

    least = tuple([0 if length else 1 for length in shape])
    head = codecs[0] if codecs else None
    if type(head) is Sharding and len(head.chunk_shape) == len(shape):
        inner, inner_codecs = _positive(shape, head.chunk_shape, head.codecs)
        codecs = (replace(head, chunk_shape=inner, codecs=inner_codecs), *codecs[1:])
        least = inner
    return tuple([length or other for length, other in zip(chunk_shape, least, strict=True)]), codecs
