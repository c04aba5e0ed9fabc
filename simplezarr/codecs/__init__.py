"""The codecs. Each class is imported at its first use.

>>> from simplezarr import codecs
>>> codecs.Zstd(level=3)
Zstd(level=3, checksum=False)
"""

from typing import TYPE_CHECKING

from simplezarr.codecs.base import (
    ArrayArrayCodec,
    ArrayBytesCodec,
    BytesBytesCodec,
    ChunkSpec,
    Codec,
    split_chain,
)
from simplezarr.codecs.registry import BUILTIN, codec_class, register_codec

if TYPE_CHECKING:  # the same classes, for type checkers: at run time `__getattr__` imports them
    from simplezarr.codecs.base64 import Base64 as Base64
    from simplezarr.codecs.bitround import BitRound as BitRound
    from simplezarr.codecs.bitround import NumcodecsBitRound as NumcodecsBitRound
    from simplezarr.codecs.blosc import Blosc as Blosc
    from simplezarr.codecs.bytes import Bytes as Bytes
    from simplezarr.codecs.cast_value import CastValue as CastValue
    from simplezarr.codecs.categorize import Categorize as Categorize
    from simplezarr.codecs.checksums import Adler32 as Adler32
    from simplezarr.codecs.checksums import Crc32 as Crc32
    from simplezarr.codecs.checksums import Fletcher32 as Fletcher32
    from simplezarr.codecs.checksums import JenkinsLookup3 as JenkinsLookup3
    from simplezarr.codecs.compressors import Bz2 as Bz2
    from simplezarr.codecs.compressors import Lz4 as Lz4
    from simplezarr.codecs.compressors import Lzma as Lzma
    from simplezarr.codecs.compressors import Zlib as Zlib
    from simplezarr.codecs.crc32c import Crc32c as Crc32c
    from simplezarr.codecs.filters import AsType as AsType
    from simplezarr.codecs.filters import Delta as Delta
    from simplezarr.codecs.filters import FixedScaleOffset as FixedScaleOffset
    from simplezarr.codecs.filters import NumcodecsPackBits as NumcodecsPackBits
    from simplezarr.codecs.filters import Quantize as Quantize
    from simplezarr.codecs.gzip import Gzip as Gzip
    from simplezarr.codecs.numcodecs import NumcodecsBlosc as NumcodecsBlosc
    from simplezarr.codecs.numcodecs import NumcodecsCrc32c as NumcodecsCrc32c
    from simplezarr.codecs.numcodecs import NumcodecsGzip as NumcodecsGzip
    from simplezarr.codecs.numcodecs import NumcodecsZstd as NumcodecsZstd
    from simplezarr.codecs.objects import Json2 as Json2
    from simplezarr.codecs.objects import MsgPack2 as MsgPack2
    from simplezarr.codecs.objects import VLenArray as VLenArray
    from simplezarr.codecs.packbits import PackBits as PackBits
    from simplezarr.codecs.pcodec import Pcodec as Pcodec
    from simplezarr.codecs.reshape import Reshape as Reshape
    from simplezarr.codecs.reshape import Squeeze as Squeeze
    from simplezarr.codecs.scale_offset import ScaleOffset as ScaleOffset
    from simplezarr.codecs.sharding import Sharding as Sharding
    from simplezarr.codecs.shuffle import Shuffle as Shuffle
    from simplezarr.codecs.transpose import Transpose as Transpose
    from simplezarr.codecs.vlen import VLenBytes as VLenBytes
    from simplezarr.codecs.vlen import VLenUtf8 as VLenUtf8
    from simplezarr.codecs.zfp import Zfp as Zfp
    from simplezarr.codecs.zfp import Zfpy as Zfpy
    from simplezarr.codecs.zstd import Zstd as Zstd

_EXPORTS = {attribute: name for name, (_, attribute) in BUILTIN.items()}

__all__ = [
    "ArrayArrayCodec",
    "ArrayBytesCodec",
    "BytesBytesCodec",
    "ChunkSpec",
    "Codec",
    "codec_class",
    "register_codec",
    "split_chain",
    *_EXPORTS,
]


if not TYPE_CHECKING:  # which would find any name here

    def __getattr__(name: str) -> type[Codec]:
        if name not in _EXPORTS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return codec_class(_EXPORTS[name])


def __dir__() -> list[str]:
    return __all__
