"""The codec `sharding_indexed`: inner chunks, encoded one by one, and an index of their places.

>>> from simplezarr.codecs.bytes import Bytes
>>> shard = Sharding((32, 32), (Bytes("little"),))
>>> [codec.name for codec in shard.index_codecs], shard.index_location
(['bytes', 'crc32c'], 'end')
"""

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from simplezarr.codecs.base import ArrayBytesCodec, ChunkSpec, Codec, fit_chain, resolve_chain
from simplezarr.codecs.bytes import Bytes
from simplezarr.codecs.configuration import as_integers
from simplezarr.codecs.crc32c import Crc32c
from simplezarr.codecs.parse import as_codec, check_list, parse_codecs, placed
from simplezarr.codecs.registry import register_codec
from simplezarr.dtypes import parse_dtype
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_choice, check_integers, refuse_unknown, show
from simplezarr.schema.leniency import tolerate
from simplezarr.schema.limits import MAX_LENGTH

__all__ = ["Sharding"]

MAX_DEPTH = 8
_LOCATIONS = ("end", "start")
_ORDERS = ("lexicographic", "colexicographic", "morton", "unordered")
_MEMBERS = ("chunk_shape", "codecs", "index_codecs", "index_location")
_KNOWN = frozenset(_MEMBERS)
_REQUIRED = _MEMBERS[:3]
_INDEX_DTYPE = parse_dtype("uint64")


@register_codec
@dataclass(frozen=True, slots=True)
class Sharding(ArrayBytesCodec):
    """Store a chunk as a shard of inner chunks, each of which can be read by itself.

    Specified at https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/.

    - chunk_shape: of an inner chunk, in the axes of the array that the codec gets; it divides the shard's shape.
    - codecs: the chain of an inner chunk.
    - index_codecs: the chain of the index, whose encoded size must be fixed.
    - index_location: where the index stands, `"end"` or `"start"`.
    - skipped: names of inner codecs that are unknown and not needed; such a shard can be read but not written.
    - subchunk_write_order: the order in which inner chunks are written, `"lexicographic"` (C order, also for
      `"unordered"`), `"colexicographic"` (Fortran order) or `"morton"`. It is not stored. Any order can be read.

    `resolve` raises MetadataError if inner chunks do not fill a shard, or a chain can't encode what it gets.

    >>> Sharding((2,), ["bytes", "zstd"]).grid((6,))
    (3,)
    """

    name: ClassVar[str] = "sharding_indexed"
    chunk_shape: tuple[int, ...]
    codecs: tuple[Codec, ...]
    index_codecs: tuple[Codec, ...] = (Bytes("little"), Crc32c())
    index_location: str = "end"
    skipped: tuple[str, ...] = field(default=(), repr=False)
    subchunk_write_order: str = field(default=_ORDERS[0], kw_only=True)

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        # Documents of arrays of length 0 may have the length 0; `resolve` decides whether it is wrong.
        set_field(self, "chunk_shape", check_integers(self.chunk_shape, 0, MAX_LENGTH, "chunk_shape"))
        set_field(self, "codecs", _as_codecs(self.codecs, "codecs"))
        set_field(self, "index_codecs", _as_codecs(self.index_codecs, "index_codecs"))
        check_choice(self.index_location, _LOCATIONS, "index_location")
        check_choice(self.subchunk_write_order, _ORDERS, "subchunk_write_order")
        if self.depth > MAX_DEPTH:
            raise MetadataError(f"codecs: shards nested {self.depth} deep; the limit is {MAX_DEPTH}")

    @classmethod
    def from_configuration(cls, configuration: JsonObject | None, where: str) -> Self:
        configuration = configuration or {}
        place = f"{where}.configuration"
        if not configuration.keys() <= _KNOWN:
            refuse_unknown(configuration, _MEMBERS, place)
        for member in _REQUIRED:
            if member not in configuration:
                raise MetadataError(f"{place}.{member}: missing; {cls.name} needs it")
        skipped: list[str] = []
        codecs = parse_codecs(configuration["codecs"], f"{place}.codecs", skipped)
        index_codecs = parse_codecs(configuration["index_codecs"], f"{place}.index_codecs", skipped)
        for codec in codecs:
            skipped += getattr(codec, "skipped", ())
        try:
            location = _location(configuration, f"{place}.index_location")
            chunk_shape = as_integers(configuration["chunk_shape"], f"{place}.chunk_shape")
            return cls(chunk_shape, codecs, index_codecs, location, tuple(skipped))
        except MetadataError as error:
            raise MetadataError(f"{place}.{error}") from None

    def to_json(self) -> JsonObject:
        configuration = {
            "chunk_shape": list(self.chunk_shape),
            "codecs": [codec.to_json() for codec in self.codecs],
            "index_codecs": [codec.to_json() for codec in self.index_codecs],
            "index_location": self.index_location,
        }
        return {"name": self.name, "configuration": configuration}

    @property
    def depth(self) -> int:
        """How deep shards are nested: 1 if the inner chunks are not shards."""
        return 1 + max([codec.depth for codec in self.codecs if isinstance(codec, Sharding)], default=0)

    @property
    def unfitted(self) -> bool:
        return any(codec.unfitted for codec in (*self.codecs, *self.index_codecs))

    @property
    def decodes_only(self) -> bool:
        return bool(self.skipped) or any(codec.decodes_only for codec in (*self.codecs, *self.index_codecs))

    def fit(self, spec: ChunkSpec) -> "Sharding":
        inner, index = self.inner_spec(spec), self.index_spec(spec)
        codecs = fit_chain(self.codecs, inner, "configuration.codecs")
        index_codecs = fit_chain(self.index_codecs, index, "configuration.index_codecs")
        return replace(self, codecs=codecs, index_codecs=index_codecs)

    def inner_spec(self, spec: ChunkSpec) -> ChunkSpec:
        """Return the spec of the inner chunks of a shard."""
        return ChunkSpec(self.chunk_shape, spec.dtype, spec.fill)

    def index_spec(self, spec: ChunkSpec) -> ChunkSpec:
        """Return the spec of a shard's index: offset and length of each inner chunk, all ones if it is not stored."""
        return ChunkSpec((*self.grid(spec.shape), 2), _INDEX_DTYPE, b"\xff" * 8)

    def grid(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of inner chunks along each axis of a shard; raise MetadataError unless they fill it."""
        where = "configuration.chunk_shape"
        inner = self.chunk_shape
        if len(inner) != len(shape):
            raise MetadataError(f"{where}: {list(inner)} has {len(inner)} entries for {len(shape)} dimensions")
        for i, (length, part) in enumerate(zip(shape, inner, strict=True)):
            if part == 0 or length % part:
                raise MetadataError(f"{where}[{i}]: {part} does not divide the shard's length {length}")
        return tuple([length // part for length, part in zip(shape, inner, strict=True)])

    def write_order(self, shape: tuple[int, ...]) -> bytes | None:
        """Return the numbers of the inner chunks in the order of writing, as int64; None if that is C order."""
        grid = self.grid(shape)
        if not grid:
            return None
        if self.subchunk_write_order == "colexicographic":
            numbers = np.arange(math.prod(grid)).reshape(grid)
            return numbers.T.astype(np.int64).tobytes()
        return _morton(grid).tobytes() if self.subchunk_write_order == "morton" else None

    def resolve(self, spec: ChunkSpec) -> None:
        index = self.index_spec(spec)
        if index.nbytes > MAX_LENGTH:
            raise MetadataError(
                f"configuration.chunk_shape: an index of {index.nbytes} bytes is too large; choose larger inner chunks"
            )
        resolve_chain(self.codecs, self.inner_spec(spec), "configuration.codecs")
        if resolve_chain(self.index_codecs, index, "configuration.index_codecs")[1] is None:
            names = ", ".join(codec.name for codec in self.index_codecs)
            raise MetadataError(f"configuration.index_codecs: {names} have no fixed size, which an index needs")


def _location(configuration: JsonObject, where: str) -> str:
    """Return where the index stands; null is read as the default. The index's checksum shows if that is wrong."""
    location: str | None = configuration.get("index_location", "end")
    if location is None or location == "":
        tolerate("null-setting", where)
        return "end"
    if type(location) is str and location not in _LOCATIONS and location.lower() in _LOCATIONS:
        tolerate("spelled-setting", where, f"{show(location)} is read as {show(location.lower())}")
        return location.lower()
    return location


def _morton(grid: tuple[int, ...]) -> np.ndarray:
    """Return the numbers of a grid's chunks, sorted by Morton code: bits of the axes in turn, as many as each has."""
    codes = np.zeros(grid, np.int64)
    place = 0
    for bit in range(max([(length - 1).bit_length() for length in grid], default=0)):
        for axis, length in enumerate(grid):
            if bit < (length - 1).bit_length():
                indices = np.arange(length).reshape(-1, *(1,) * (len(grid) - axis - 1))
                codes |= (indices >> bit & 1) << place
                place += 1
    return np.argsort(codes, axis=None, kind="stable").astype(np.int64)


def _as_codecs(value: object, where: str) -> tuple[Codec, ...]:
    return tuple(placed([as_codec(codec, f"{where}[{i}]") for i, codec in enumerate(check_list(value, where))]))
