"""The codec `crc32c`: the bytes, followed by their CRC-32C (RFC 3720) as four little-endian bytes.

>>> Crc32c().resolve(10), Crc32c().to_json()
(14, {'name': 'crc32c'})
"""

from dataclasses import dataclass
from typing import ClassVar

from simplezarr.codecs.base import NativeCodec
from simplezarr.codecs.registry import register_codec
from simplezarr.engine.kernels import compressors
from simplezarr.engine.kernels.compressors import CompiledCodec

__all__ = ["Crc32c"]


@register_codec
@dataclass(frozen=True, slots=True)
class Crc32c(NativeCodec):
    """Add a CRC-32C (RFC 3720), which decoding verifies and removes.

    Specified at https://zarr-specs.readthedocs.io/en/latest/v3/codecs/crc32c/. `decode` raises ValueError if the
    checksum does not match the bytes.

    >>> Crc32c().encode(b"123456789")[9:].hex()
    '839206e3'
    """

    name: ClassVar[str] = "crc32c"
    self_describing: ClassVar[bool] = True

    def resolve(self, nbytes: int | None) -> int | None:
        return None if nbytes is None else nbytes + 4

    @property
    def compiled(self) -> CompiledCodec:
        return compressors.crc32c_codec()
