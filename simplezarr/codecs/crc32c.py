"""The codec `crc32c`: the bytes, followed by their CRC-32C (RFC 3720) as four little-endian bytes.

>>> Crc32c().resolve(10), Crc32c().to_json()
(14, {'name': 'crc32c'})
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simplezarr.codecs.base import NativeCodec
from simplezarr.codecs.registry import register_codec

if TYPE_CHECKING:
    from simplezarr.engine.kernels.compressors import CompiledCodec

__all__ = ["Crc32c"]

_CHECKSUM_SIZE = 4


@register_codec
@dataclass(frozen=True, slots=True)
class Crc32c(NativeCodec):
    """A checksum, verified when a chunk is read."""

    name: ClassVar[str] = "crc32c"
    self_describing: ClassVar[bool] = True

    def resolve(self, nbytes: int | None) -> int | None:
        return None if nbytes is None else nbytes + _CHECKSUM_SIZE

    @property
    def compiled(self) -> "CompiledCodec":
        from simplezarr.engine.kernels import compressors

        return compressors.crc32c_codec()
