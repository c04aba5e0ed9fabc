"""Checksums of numcodecs other than `crc32c`: `numcodecs.crc32`, `adler32`, `fletcher32` and `jenkins_lookup3`.

Each adds four bytes, a little-endian number, which decoding verifies and removes: ValueError if it is wrong.
Described at https://numcodecs.readthedocs.io/en/stable/checksum32.html.

>>> Adler32().encode(bytes(range(8))).hex()
'1d005c000001020304050607'
"""

import zlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simplezarr.codecs.base import BoundedCodec, Data, NativeCodec
from simplezarr.codecs.configuration import without_nulls
from simplezarr.codecs.registry import register_codec
from simplezarr.engine.kernels import numcodecs
from simplezarr.engine.kernels.compressors import CompiledCodec
from simplezarr.schema.extensions import JsonObject, check_choice, check_integer
from simplezarr.schema.extras import extra

__all__ = ["Adler32", "Checksum", "Crc32", "Fletcher32", "JenkinsLookup3"]

CHECKSUM_SIZE = 4  # bytes
_LOCATIONS = ("start", "end")


class Checksum(BoundedCodec):
    """Base of checksums of four bytes; a field `location` says whether they stand at the `"start"` or the `"end"`."""

    __slots__ = ()
    words: ClassVar[tuple[str, ...]] = ("location",)

    def __post_init__(self) -> None:
        check_choice(getattr(self, "location", "end"), _LOCATIONS, "location")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        # A wrong location is noticed, because the checksum then does not match.
        return without_nulls(configuration, ("location",), f"{where}.configuration")

    def checksum(self, data: Data) -> int:
        """Return the checksum of some bytes."""
        raise NotImplementedError(f"codec {self.name} has no checksum")

    @property
    def first(self) -> bool:
        """Whether the checksum stands before the data."""
        return getattr(self, "location", "end") == "start"

    def resolve(self, nbytes: int | None) -> int | None:
        return None if nbytes is None else nbytes + CHECKSUM_SIZE

    def encode(self, data: Data) -> bytes:
        stored = self.checksum(data).to_bytes(CHECKSUM_SIZE, "little")
        return stored + bytes(data) if self.first else bytes(data) + stored

    def decode(self, data: Data, limit: int | None = None) -> bytes:
        view = memoryview(data).cast("B")
        if len(view) < CHECKSUM_SIZE:
            raise ValueError(f"{len(view)} bytes are too few for a checksum")
        stored, rest = view[-CHECKSUM_SIZE:], view[:-CHECKSUM_SIZE]
        if self.first:
            stored, rest = view[:CHECKSUM_SIZE], view[CHECKSUM_SIZE:]
        if limit is not None and len(rest) > limit:
            raise ValueError(f"decodes to {len(rest)} bytes instead of at most {limit}")
        found, expected = self.checksum(rest), int.from_bytes(stored, "little")
        if found != expected:
            raise ValueError(f"checksum {expected:#010x} is stored, but the data have {found:#010x}")
        return bytes(rest)


@register_codec
@dataclass(frozen=True, slots=True)
class Crc32(Checksum):
    """Add a CRC-32 (RFC 1952).

    - location: `"start"` or `"end"` of the data.

    >>> Crc32().encode(b"123456789")[:4].hex()
    '2639f4cb'
    """

    name: ClassVar[str] = "numcodecs.crc32"
    location: str = "start"

    def checksum(self, data: Data) -> int:
        return zlib.crc32(data)


@register_codec
@dataclass(frozen=True, slots=True)
class Adler32(Checksum):
    """Add an Adler-32 (RFC 1950).

    - location: `"start"` or `"end"` of the data.

    >>> Adler32().decode(Adler32().encode(b"zarr"))
    b'zarr'
    """

    name: ClassVar[str] = "numcodecs.adler32"
    location: str = "start"

    def checksum(self, data: Data) -> int:
        return zlib.adler32(data)


@register_codec
@dataclass(frozen=True, slots=True)
class Fletcher32(NativeCodec):
    """Add Fletcher's checksum, as HDF5 computes it, behind the data.

    >>> Fletcher32().encode(bytes(range(8)))[8:].hex()
    '100c1e14'
    """

    name: ClassVar[str] = "numcodecs.fletcher32"
    self_describing: ClassVar[bool] = True

    def to_json(self) -> JsonObject:
        return {"name": self.name, "configuration": {}}  # zarr-python needs the member even if it is empty

    def resolve(self, nbytes: int | None) -> int | None:
        return None if nbytes is None else nbytes + CHECKSUM_SIZE

    @property
    def compiled(self) -> CompiledCodec:
        return numcodecs.fletcher32_codec()


@register_codec
@dataclass(frozen=True, slots=True)
class JenkinsLookup3(Checksum):
    """Add Bob Jenkins' lookup3, as HDF5 computes it, behind the data.

    - initval: the value to begin with, 0 to 2**32 - 1.

    Encoding and decoding raise UnsupportedError without the package numcodecs, which computes it.

    >>> JenkinsLookup3().resolve(10)
    14
    """

    name: ClassVar[str] = "numcodecs.jenkins_lookup3"
    initval: int = 0

    def __post_init__(self) -> None:
        check_integer(self.initval, 0, 2**32 - 1, "initval")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        # numcodecs lists a prefix of bytes, which JSON can not spell
        return {member: value for member, value in configuration.items() if (member, value) != ("prefix", None)}

    def checksum(self, data: Data) -> int:
        lookup = extra("numcodecs", "jenkins_lookup3 checksums", "numcodecs.checksum32")
        return int(lookup.jenkins_lookup3(np.frombuffer(data, np.uint8), self.initval))
