"""The codec `numcodecs.base64`: bytes as text (RFC 4648), as old arrays of Zarr 2 have them.

>>> Base64().encode(b"zarr")
b'emFycg=='
"""

import binascii
from dataclasses import dataclass
from typing import ClassVar

from simplezarr.codecs.base import BoundedCodec, Data
from simplezarr.codecs.registry import register_codec

__all__ = ["Base64"]


@register_codec
@dataclass(frozen=True, slots=True)
class Base64(BoundedCodec):
    """Store bytes as base64 text: four characters for each three bytes, the last ones padded with "=".

    Described at https://numcodecs.readthedocs.io/en/stable/other/base64.html.

    >>> Base64().resolve(4), Base64().decode(b"emFycg==")
    (8, b'zarr')
    """

    name: ClassVar[str] = "numcodecs.base64"

    def resolve(self, nbytes: int | None) -> int | None:
        return None if nbytes is None else -(-nbytes // 3) * 4

    def encode(self, data: Data) -> bytes:
        return binascii.b2a_base64(data, newline=False)

    def decode(self, data: Data, limit: int | None = None) -> bytes:
        decoded = binascii.a2b_base64(data, strict_mode=True)  # shorter than the text, so it needs no limit before
        if limit is not None and len(decoded) > limit:
            raise ValueError(f"decodes to {len(decoded)} bytes instead of at most {limit}")
        return decoded
