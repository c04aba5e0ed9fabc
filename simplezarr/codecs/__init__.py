"""The codecs. Each class is imported when it is first asked for.

>>> from simplezarr import codecs
>>> codecs.Zstd(level=3)
Zstd(level=3, checksum=False)
"""

from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, ChunkSpec, Codec
from simplezarr.codecs.registry import BUILTIN, codec_class, register_codec

_EXPORTS = {attribute: name for name, (_, attribute) in BUILTIN.items()}

__all__ = [
    "ArrayArrayCodec",
    "ArrayBytesCodec",
    "BytesBytesCodec",
    "ChunkSpec",
    "Codec",
    "codec_class",
    "register_codec",
    *_EXPORTS,
]


def __getattr__(name: str) -> type[Codec]:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return codec_class(_EXPORTS[name])


def __dir__() -> list[str]:
    return __all__
