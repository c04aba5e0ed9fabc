"""From the JSON of documents, and from what callers in Python give, to codecs.

>>> parse_codec({"name": "gzip", "configuration": {"level": 5}}, "codecs[0]")
Gzip(level=5)
"""

from typing import Any

from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, Codec
from simplezarr.codecs.registry import codec_class, is_known
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.schema.extensions import JsonObject, as_json, parse_extension, show
from simplezarr.schema.leniency import CODEC_ALIASES, collect, repeat, tolerate

__all__ = ["MAX_CODECS", "as_codec", "parse_codec", "parse_codecs", "placed"]

MAX_CODECS = 64


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
    try:
        found = codec_class(name)
    except UnsupportedError as error:
        foreign = _foreign(name, configuration, where)
        if foreign is not None:
            return foreign
        raise UnsupportedError(f"{where}: {error}") from error.__cause__
    return found.from_configuration(configuration, where)


def _with_moved_members(value: object, where: str) -> JsonObject | None:
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


def _foreign(name: str, configuration: JsonObject, where: str) -> Codec | None:
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
            if type(item) is not dict or item.get("must_understand") is not False or is_known(item["name"]):
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
