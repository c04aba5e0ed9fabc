"""Codecs of the specification under the names and with the settings of numcodecs; the same bytes, the same kernels.

>>> NumcodecsBlosc(shuffle="bitshuffle").to_json()["configuration"]["shuffle"]
2
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simplezarr.codecs.blosc import Blosc
from simplezarr.codecs.checksums import Checksum
from simplezarr.codecs.gzip import Gzip
from simplezarr.codecs.registry import register_codec
from simplezarr.codecs.zstd import Zstd
from simplezarr.schema.extensions import JsonObject, check_choice

if TYPE_CHECKING:
    from simplezarr.codecs.base import Data
    from simplezarr.engine.kernels.compressors import CompiledCodec

__all__ = ["NumcodecsBlosc", "NumcodecsCrc32c", "NumcodecsGzip", "NumcodecsZstd"]

_SHUFFLES = {0: "noshuffle", 1: "shuffle", 2: "bitshuffle", -1: "shuffle"}  # -1: by bits where the items are bytes
_NUMBERS = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}


@register_codec
@dataclass(frozen=True, slots=True)
class NumcodecsZstd(Zstd):
    """`zstd`, by the name `numcodecs.zstd`."""

    name: ClassVar[str] = "numcodecs.zstd"
    required: ClassVar[tuple[str, ...]] = ()


@register_codec
@dataclass(frozen=True, slots=True)
class NumcodecsGzip(Gzip):
    """`gzip`, by the name `numcodecs.gzip`."""

    name: ClassVar[str] = "numcodecs.gzip"
    required: ClassVar[tuple[str, ...]] = ()
    lowest: ClassVar[int] = -1
    level: int = 1


@register_codec
@dataclass(frozen=True, slots=True)
class NumcodecsBlosc(Blosc):
    """`blosc`, by the name `numcodecs.blosc`; in the metadata `shuffle` is a number."""

    name: ClassVar[str] = "numcodecs.blosc"
    required: ClassVar[tuple[str, ...]] = ()
    cname: str = "lz4"

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        shuffle = configuration.get("shuffle", 1)
        return {**configuration, "shuffle": _SHUFFLES.get(shuffle, shuffle) if type(shuffle) is int else shuffle}

    def to_json(self) -> JsonObject:
        document = Blosc.to_json(self)
        document["configuration"]["shuffle"] = _NUMBERS[self.shuffle]
        return document


@register_codec
@dataclass(frozen=True, slots=True)
class NumcodecsCrc32c(Checksum):
    """`crc32c`, by the name `numcodecs.crc32c`, and at the `location` `"start"` or `"end"` of the data."""

    name: ClassVar[str] = "numcodecs.crc32c"
    location: str = "end"

    def __post_init__(self) -> None:
        check_choice(self.location, ("start", "end"), "location")

    @property
    def compiled(self) -> "CompiledCodec | None":
        return None if self.first else _crc32c()

    def checksum(self, data: "Data") -> int:
        return int.from_bytes(_crc32c().encode(data)[-4:], "little")


def _crc32c() -> "CompiledCodec":
    from simplezarr.engine.kernels import compressors

    return compressors.crc32c_codec()
