"""Codecs from the JSON of documents and from the arguments of callers in Python.

>>> parse_codec({"name": "gzip", "configuration": {"level": 5}}, "codecs[0]")
Gzip(level=5)
"""

from typing import Any

from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, Codec
from simplezarr.codecs.registry import codec_class, is_known
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.schema.extensions import JsonObject, as_json, parse_extension, show
from simplezarr.schema.leniency import CODEC_ALIASES, collect, repeat, tolerate

__all__ = ["MAX_CODECS", "as_codec", "check_list", "find_codec", "parse_codec", "parse_codecs", "placed"]

MAX_CODECS = 64


def parse_codec(value: object, where: str) -> Codec:
    """Return the codec that its JSON object, or its name alone, describes.

    Raise MetadataError for wrong JSON, UnsupportedError for an unknown codec; both begin with `where`.
    """
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
    found = find_codec(name, configuration, where)
    return found if isinstance(found, Codec) else found.from_configuration(configuration, where)


def _with_moved_members(value: object, where: str) -> JsonObject | None:
    """Return a codec's object with members beside its configuration moved into it, None if decoding may need them."""
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


def find_codec(name: str, configuration: JsonObject, where: str) -> type[Codec] | Codec:
    """Return the class of the codec called `name`, or the codec itself if it is registered with numcodecs.

    Such a codec has no place in a chain yet. Raise UnsupportedError, which begins with `where`, for an unknown name.
    """
    try:
        return codec_class(name)
    except UnsupportedError as error:
        from simplezarr.codecs import foreign

        id = name.removeprefix(foreign.PREFIX)
        found = foreign.find(id, configuration, where) if id != name else None
        if found is None:
            raise UnsupportedError(f"{where}: {error}") from error.__cause__
        return found


def placed(codecs: list[Codec]) -> list[Codec]:
    """Return the codecs of a chain, with a kind of codec for each that comes from numcodecs."""
    if all(isinstance(codec, ArrayArrayCodec | ArrayBytesCodec | BytesBytesCodec) for codec in codecs):
        return codecs
    from simplezarr.codecs import foreign

    return foreign.place(codecs)


def check_list(value: object, where: str) -> list[Any]:
    """Return the items of a list or tuple of codecs; raise MetadataError for anything else, and for too many."""
    if not isinstance(value, (list, tuple)):
        raise MetadataError(f"{where}: {show(value)} is not a list of codecs")
    if len(value) > MAX_CODECS:
        raise MetadataError(f"{where}: {len(value)} codecs; the limit is {MAX_CODECS}")
    return [*value]


def parse_codecs(value: object, where: str, skipped: list[str] | None = None) -> tuple[Codec, ...]:
    """Return the codecs of a document's list; raise as `parse_codec`.

    An unknown codec whose `must_understand` is false is left out and named in `skipped`. If no codec makes bytes of
    arrays, as in documents of GDAL 3.10, plain elements in little endian are assumed.
    """
    items = check_list(value, where)
    codecs: list[Codec] = []
    for i, item in enumerate(items):
        try:
            codecs.append(parse_codec(item, f"{where}[{i}]"))
        except UnsupportedError:
            if type(item) is not dict or item.get("must_understand") is not False or is_known(item["name"]):
                raise
            tolerate("skipped-extension", f"{where}[{i}]", f"codec {item['name']!r}")
            if skipped is not None:
                skipped.append(item["name"])
    skips = len(codecs) < len(items)
    codecs = placed(codecs)
    if codecs and not skips and not any(isinstance(codec, ArrayBytesCodec) for codec in codecs):
        tolerate("no-bytes", where)
        codecs.insert(sum(isinstance(codec, ArrayArrayCodec) for codec in codecs), codec_class("bytes")())
    return tuple(codecs)


def as_codec(value: object, where: str) -> Codec:
    """Return the codec that a caller gives as a codec, its JSON object, or its name for the default settings.

    Objects of numcodecs are taken too. Raise as `parse_codec`, and for settings that can't be used for writing.

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
            if case == "unusable-setting":  # leniency is for stored documents
                raise UnsupportedError(f"{message.rpartition(';')[0]}; such chunks can't be written")
            repeat(case, message)
        return codec
    value = str.__str__(value)
    found = find_codec(CODEC_ALIASES.get(value, value), {}, where)
    try:
        return found if isinstance(found, Codec) else found()
    except TypeError as error:
        raise MetadataError(f"{where}: {value!r} has no default settings; give them in an object: {error}") from None


def _of_numcodecs(value: Any, where: str) -> Codec:
    """Return the codec that an object of numcodecs stands for."""
    configuration = dict(value.get_config())
    id = configuration.pop("id")
    name = id if id.startswith("vlen-") else f"numcodecs.{id}"
    return parse_codec({"name": name, "configuration": configuration}, where)
