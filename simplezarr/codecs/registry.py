"""Classes of codecs by their names.

A codec of simplezarr is imported when its name first occurs. For an unknown name, installed packages are searched for
the entry point group `simplezarr.codecs`. A name in a document never chooses which module is imported.

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

# By name in the metadata: the module below simplezarr.codecs and the class.
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
    """Register a codec class by its `name`, and return it, so that it can decorate a class.

    A class that is registered later by the same name replaces it. Raise TypeError for anything but a codec class with a
    name.
    """
    if not (isinstance(cls, type) and issubclass(cls, (ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec))):
        raise TypeError(f"{cls!r} is not a subclass of ArrayArrayCodec, ArrayBytesCodec or BytesBytesCodec")
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not name:
        raise TypeError(f"{cls!r} has no codec name; set the class attribute `name`")
    _classes[name] = cls
    parse_cache.clear()
    return cls


def codec_class(name: str) -> type[Codec]:
    """Return the class of the codec called `name`; raise UnsupportedError if there is none.

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
    from importlib.metadata import entry_points  # a slow import, which only unknown names need

    for entry in entry_points(group=GROUP, name=name):
        try:
            found = register_codec(entry.load())
        except (MemoryError, RecursionError):  # of the process, not of the codec
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
