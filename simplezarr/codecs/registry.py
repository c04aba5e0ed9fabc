"""From a codec's name to its class.

The codecs of simplezarr are imported when first named; packages are searched for the entry point group
`simplezarr.codecs` only when a name is unknown. Nothing is ever imported by a name that comes from data.

>>> codec_class("gzip")
<class 'simplezarr.codecs.gzip.Gzip'>
"""

import importlib
from typing import TypeVar

from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, Codec
from simplezarr.errors import UnsupportedError
from simplezarr.schema import parse_cache
from simplezarr.schema.extensions import show

__all__ = ["BUILTIN", "codec_class", "is_known", "register_codec"]

GROUP = "simplezarr.codecs"

# Name in the metadata -> module below simplezarr.codecs and class.
BUILTIN = {
    "bytes": ("bytes", "Bytes"),
    "transpose": ("transpose", "Transpose"),
    "zstd": ("zstd", "Zstd"),
    "gzip": ("gzip", "Gzip"),
    "blosc": ("blosc", "Blosc"),
    "crc32c": ("crc32c", "Crc32c"),
    "sharding_indexed": ("sharding", "Sharding"),
    "vlen-utf8": ("vlen", "VLenUtf8"),
    "vlen-bytes": ("vlen", "VLenBytes"),
    "bitround": ("bitround", "BitRound"),
    "cast_value": ("cast_value", "CastValue"),
    "packbits": ("packbits", "PackBits"),
    "reshape": ("reshape", "Reshape"),
    "scale_offset": ("scale_offset", "ScaleOffset"),
    "zfp": ("zfp", "Zfp"),
    "zarrs.squeeze": ("reshape", "Squeeze"),
    "numcodecs.adler32": ("checksums", "Adler32"),
    "numcodecs.astype": ("filters", "AsType"),
    "numcodecs.base64": ("base64", "Base64"),
    "numcodecs.bitround": ("bitround", "NumcodecsBitRound"),
    "numcodecs.blosc": ("numcodecs", "NumcodecsBlosc"),
    "numcodecs.bz2": ("compressors", "Bz2"),
    "numcodecs.categorize": ("categorize", "Categorize"),
    "numcodecs.crc32": ("checksums", "Crc32"),
    "numcodecs.crc32c": ("numcodecs", "NumcodecsCrc32c"),
    "numcodecs.delta": ("filters", "Delta"),
    "numcodecs.fixedscaleoffset": ("filters", "FixedScaleOffset"),
    "numcodecs.fletcher32": ("checksums", "Fletcher32"),
    "numcodecs.gzip": ("numcodecs", "NumcodecsGzip"),
    "numcodecs.jenkins_lookup3": ("checksums", "JenkinsLookup3"),
    "numcodecs.json2": ("objects", "Json2"),
    "numcodecs.lz4": ("compressors", "Lz4"),
    "numcodecs.lzma": ("compressors", "Lzma"),
    "numcodecs.msgpack2": ("objects", "MsgPack2"),
    "numcodecs.packbits": ("filters", "NumcodecsPackBits"),
    "numcodecs.pcodec": ("pcodec", "Pcodec"),
    "numcodecs.quantize": ("filters", "Quantize"),
    "numcodecs.shuffle": ("shuffle", "Shuffle"),
    "numcodecs.vlen-array": ("objects", "VLenArray"),
    "numcodecs.zfpy": ("zfp", "Zfpy"),
    "numcodecs.zlib": ("compressors", "Zlib"),
    "numcodecs.zstd": ("numcodecs", "NumcodecsZstd"),
}

C = TypeVar("C", bound=Codec)

_classes: dict[str, type[Codec]] = {}


def register_codec(cls: type[C]) -> type[C]:
    """Makes a codec class known by its `name`; usable as a decorator. A later class of that name takes its place."""
    if not (isinstance(cls, type) and issubclass(cls, (ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec))):
        raise TypeError(f"{cls!r} is not a subclass of ArrayArrayCodec, ArrayBytesCodec or BytesBytesCodec")
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not name:
        raise TypeError(f"{cls!r} has no codec name; set the class attribute `name`")
    _classes[name] = cls
    parse_cache.clear()
    return cls


def codec_class(name: str) -> type[Codec]:
    """Returns the class of the codec called `name`; raises `UnsupportedError` if there is none.

    >>> codec_class("zstd").__name__
    'Zstd'
    """
    found = _classes.get(name) or _import_builtin(name) or _load_entry_point(name)
    if found is None:
        raise UnsupportedError(
            f"unknown codec {show(name)}; register its class with register_codec, "
            f"or install a package that has it in the entry point group {GROUP}"
        )
    return found


def _import_builtin(name: str) -> type[Codec] | None:
    if name not in BUILTIN:
        return None
    module, attribute = BUILTIN[name]
    found: type[Codec] = getattr(importlib.import_module(f"simplezarr.codecs.{module}"), attribute)
    return _classes.setdefault(name, found)


def _load_entry_point(name: str) -> type[Codec] | None:
    from importlib.metadata import entry_points  # slow, and only for names that nobody registered

    for entry in entry_points(group=GROUP, name=name):
        try:
            found = register_codec(entry.load())
        except (MemoryError, RecursionError):  # say nothing of the codec
            raise
        except Exception as error:
            raise UnsupportedError(f"codec {show(name)}: its entry point {entry.value!r} failed: {error}") from error
        if found.name != name:
            raise UnsupportedError(f"codec {show(name)}: its entry point {entry.value!r} is called {found.name!r}")
        return found
    return None


def is_known(name: str) -> bool:
    """Return whether the class of a codec's name has been found before."""
    return name in _classes
