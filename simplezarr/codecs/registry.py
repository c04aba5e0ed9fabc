"""From a codec's name to its class, and from JSON to codecs.

The codecs of simplezarr are imported when first named; packages are searched for the entry point group
`simplezarr.codecs` only when a name is unknown. Nothing is ever imported by a name that comes from data.

>>> parse_codec({"name": "gzip", "configuration": {"level": 5}}, "codecs[0]")
Gzip(level=5)
"""

import importlib
from typing import Any

from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, Codec
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.extensions import as_json, parse_extension, remembered, show
from simplezarr.leniency import CODEC_ALIASES, collect, repeat, tolerate

__all__ = ["BUILTIN", "as_codec", "codec_class", "parse_codec", "parse_codecs", "placed", "register_codec"]

GROUP = "simplezarr.codecs"
MAX_CODECS = 64

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

_classes: dict[str, type[Codec]] = {}


def register_codec(cls: type[Codec]) -> type[Codec]:
    """Makes a codec class known by its `name`; usable as a decorator. A later class of that name takes its place."""
    if not (isinstance(cls, type) and issubclass(cls, (ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec))):
        raise TypeError(f"{cls!r} is not a subclass of ArrayArrayCodec, ArrayBytesCodec or BytesBytesCodec")
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not name:
        raise TypeError(f"{cls!r} has no codec name; set the class attribute `name`")
    _classes[name] = cls
    remembered.clear()
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


def parse_codec(value: object, where: str) -> Codec:
    """Reads one codec, in its object or its short-hand form."""
    if type(value) is dict and "configuration" in value and value["configuration"] in (None, []):
        tolerate("null-member", f"{where}.configuration")
        value = {member: item for member, item in value.items() if member != "configuration"}
    try:
        name, configuration, _ = parse_extension(value, where)
    except MetadataError:
        moved = _with_moved_members(value, where)
        if moved is None:
            raise
        name, configuration, _ = parse_extension(moved, where)
    if name in CODEC_ALIASES:
        tolerate("codec-alias", where, f"{name!r} is {CODEC_ALIASES[name]!r}")
        name = CODEC_ALIASES[name]
    found = _classes.get(name)
    if found is None:
        try:
            found = codec_class(name)
        except UnsupportedError as error:
            foreign = _foreign(name, configuration, where)
            if foreign is not None:
                return foreign
            raise UnsupportedError(f"{where}: {error}") from error.__cause__
    return found.from_configuration(configuration, where)


def _with_moved_members(value: object, where: str) -> dict | None:
    """Return a codec's object with members that are beside its configuration in it, if decoding needs none of them."""
    name = value.get("name") if type(value) is dict else None
    if type(value) is not dict or type(name) is not str:
        return None
    try:
        found = codec_class(CODEC_ALIASES.get(name, name))
    except UnsupportedError:
        return None
    configuration = value.get("configuration", {})
    if not found.self_describing or type(configuration) is not dict:
        return None
    kept = {member: value[member] for member in ("name", "must_understand") if member in value}
    beside = {member: item for member, item in value.items() if member not in (*kept, "configuration")}
    if any(member in getattr(found, "__dataclass_fields__", ()) for member in beside):
        tolerate("moved-members", where, ", ".join(beside))
    return {**kept, "configuration": {**beside, **configuration}}


def _foreign(name: str, configuration: dict, where: str) -> Codec | None:
    """Return a codec registered with numcodecs, still without a place in its chain."""
    from simplezarr.codecs import foreign

    id = name.removeprefix(foreign.PREFIX)
    return foreign.find(id, configuration, where) if id != name else None


def placed(codecs: list[Codec]) -> list[Codec]:
    """Return the codecs of a chain, those of numcodecs as what they are at their places."""
    if all(isinstance(codec, ArrayArrayCodec | ArrayBytesCodec | BytesBytesCodec) for codec in codecs):
        return codecs
    from simplezarr.codecs import foreign

    return foreign.place(codecs)


def parse_codecs(value: object, where: str, skipped: list[str] | None = None) -> tuple[Codec, ...]:
    """Return the codecs of a document's list.

    An unknown one whose `must_understand` is false is left out and named in `skipped`. If no codec makes bytes of
    arrays, as in documents of GDAL 3.10, plain elements in little endian are what the next codec got.
    """
    if type(value) is not list:
        raise MetadataError(f"{where}: {show(value)} is not a list of codecs")
    if len(value) > MAX_CODECS:
        raise MetadataError(f"{where}: {len(value)} codecs; the limit is {MAX_CODECS}")
    codecs: list[Codec] = []
    for i, item in enumerate(value):
        try:
            codecs.append(parse_codec(item, f"{where}[{i}]"))
        except UnsupportedError:
            if type(item) is not dict or item.get("must_understand") is not False or item["name"] in _classes:
                raise
            tolerate("skipped-extension", f"{where}[{i}]", f"codec {item['name']!r}")
            if skipped is not None:
                skipped.append(item["name"])
    skips = len(codecs) < len(value)
    codecs = placed(codecs)
    if codecs and not skips and not any(isinstance(codec, ArrayBytesCodec) for codec in codecs):
        tolerate("no-bytes", where)
        codecs.insert(sum(isinstance(codec, ArrayArrayCodec) for codec in codecs), codec_class("bytes")())
    return tuple(codecs)


def as_codec(value: object, where: str) -> Codec:
    """Returns the codec that a caller in Python means: a codec, its JSON object, or a name for its default settings.

    >>> as_codec("zstd", "codecs[1]")
    Zstd(level=0, checksum=False)
    """
    if isinstance(value, Codec):
        return value
    if hasattr(value, "get_config") and hasattr(value, "codec_id"):
        return _of_numcodecs(value, where)
    if not isinstance(value, str):
        with collect() as cases:
            codec = parse_codec(as_json(value), where)
        for case, message in cases:
            if case == "unusable-setting":  # leniency is for what others have stored
                raise UnsupportedError(f"{message.rpartition(';')[0]}; such chunks can't be written")
            repeat(case, message)
        return codec
    value = str.__str__(value)
    try:
        return codec_class(CODEC_ALIASES.get(value, value))()
    except UnsupportedError as error:
        foreign = _foreign(value, {}, where)
        if foreign is not None:
            return foreign
        raise UnsupportedError(f"{where}: {error}") from error.__cause__
    except TypeError as error:
        raise MetadataError(f"{where}: {value!r} has no default settings; give them in an object: {error}") from None


def _of_numcodecs(value: Any, where: str) -> Codec:
    """Return the codec that is an object of numcodecs."""
    configuration = dict(value.get_config())
    id = configuration.pop("id")
    name = id if id.startswith("vlen-") else f"numcodecs.{id}"
    return parse_codec({"name": name, "configuration": configuration}, where)
