"""Codecs of the specification under the names and with the settings of numcodecs; they store the same bytes."""

from dataclasses import dataclass
from typing import ClassVar

from simplezarr.codecs.base import Data
from simplezarr.codecs.blosc import SHUFFLE_NUMBERS, SHUFFLES, Blosc
from simplezarr.codecs.checksums import Checksum
from simplezarr.codecs.gzip import Gzip
from simplezarr.codecs.registry import register_codec
from simplezarr.codecs.zstd import Zstd
from simplezarr.engine.kernels import compressors
from simplezarr.engine.kernels.compressors import CompiledCodec
from simplezarr.schema.extensions import JsonObject

__all__ = ["NumcodecsBlosc", "NumcodecsCrc32c", "NumcodecsGzip", "NumcodecsZstd"]


@register_codec
@dataclass(frozen=True, slots=True)
class NumcodecsZstd(Zstd):
    """Compress as `Zstd` does, under the name that numcodecs gives it.

    >>> NumcodecsZstd(level=3).to_json()["name"]
    'numcodecs.zstd'
    """

    name: ClassVar[str] = "numcodecs.zstd"
    required: ClassVar[tuple[str, ...]] = ()


@register_codec
@dataclass(frozen=True, slots=True)
class NumcodecsGzip(Gzip):
    """Compress as `Gzip` does, under the name that numcodecs gives it; `level` may be -1, for zlib's default.

    >>> NumcodecsGzip().level
    1
    """

    name: ClassVar[str] = "numcodecs.gzip"
    required: ClassVar[tuple[str, ...]] = ()
    lowest: ClassVar[int] = -1
    level: int = 1


@register_codec
@dataclass(frozen=True, slots=True)
class NumcodecsBlosc(Blosc):
    """Compress as `Blosc` does, under the name that numcodecs gives it; in the metadata `shuffle` is a number.

    >>> NumcodecsBlosc(shuffle="bitshuffle").to_json()["configuration"]["shuffle"]
    2
    """

    name: ClassVar[str] = "numcodecs.blosc"
    required: ClassVar[tuple[str, ...]] = ()
    cname: str = "lz4"

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        shuffle = configuration.get("shuffle", 1)
        if type(shuffle) is int:  # -1 is automatic
            shuffle = SHUFFLES.get(1 if shuffle == -1 else shuffle, shuffle)
        return {**configuration, "shuffle": shuffle}

    def to_json(self) -> JsonObject:
        document = Blosc.to_json(self)
        document["configuration"]["shuffle"] = SHUFFLE_NUMBERS[self.shuffle]
        return document


@register_codec
@dataclass(frozen=True, slots=True)
class NumcodecsCrc32c(Checksum):
    """Add a CRC-32C as `Crc32c` does, under the name that numcodecs gives it.

    - location: `"start"` or `"end"` of the data.

    >>> NumcodecsCrc32c(location="start").encode(b"123456789")[:4].hex()
    '839206e3'
    """

    name: ClassVar[str] = "numcodecs.crc32c"
    location: str = "end"

    @property
    def compiled(self) -> CompiledCodec | None:
        return None if self.first else _crc32c()

    def checksum(self, data: Data) -> int:
        return int.from_bytes(_crc32c().encode(data)[-4:], "little")


def _crc32c() -> CompiledCodec:

    return compressors.crc32c_codec()
