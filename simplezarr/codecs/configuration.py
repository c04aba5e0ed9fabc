"""Codecs from stored configurations, also from those that are not quite what a codec's fields take.

Other software writes numbers as text, words for booleans, and leaves settings out that mean the default.

- A setting that decoding needs is read, with a warning, if its meaning is certain. Otherwise it is an error.
- A setting that only `encode` needs never keeps chunks from being read. If it is missing, the default takes its place.
  If it can't be used, the codec only decodes.

>>> from simplezarr.codecs.zstd import Zstd
>>> make(Zstd, {"level": 3}, "codecs[1].configuration")
Zstd(level=3, checksum=False)
"""

import math
import re
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol, TypeVar, get_args, get_origin

from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, refuse_unknown, show
from simplezarr.schema.leniency import tolerate

__all__ = ["as_integers", "as_number", "make", "without_nulls"]

_WORDS = {
    **dict.fromkeys(("yes", "true", "on", "1", 1), True),
    **dict.fromkeys(("no", "false", "off", "0", "", 0), False),
}
_is_integer = re.compile(r"\s*[+-]?[0-9]{1,19}(\.0*)?\s*").fullmatch
_is_float = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*").fullmatch
_member_of = re.compile(r"(\w+)(?:[\[.][^:]*)?: (.*)", re.DOTALL).fullmatch


class Configurable(Protocol):
    """What a codec's class says about its configuration; `Codec` describes each attribute."""

    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    encoder_only: ClassVar[dict[str, object]]
    words: ClassVar[tuple[str, ...]]
    self_describing: ClassVar[bool]


C = TypeVar("C", bound=Configurable)


def make(cls: type[C], configuration: JsonObject, where: str) -> C:
    """Return the codec that a stored configuration describes.

    where: the place of its members, for messages. Raise MetadataError if a member that decoding needs is wrong.
    """
    missing = [member for member in cls.required if member not in configuration]
    try:
        if not missing:
            return cls(**configuration)
    except (MetadataError, TypeError, ValueError):
        pass
    if not is_dataclass(cls):
        return _exact(cls, configuration, where)
    return _lenient(cls, configuration, where)


def _exact(cls: type[C], configuration: JsonObject, where: str) -> C:
    try:
        return cls(**configuration)
    except MetadataError as error:
        raise MetadataError(f"{where}.{error}") from None
    except (TypeError, ValueError) as error:
        _check_members(cls, configuration, where)
        raise MetadataError(f"{where}: {error}") from error


def _check_members(cls: type[Configurable], configuration: JsonObject, where: str) -> None:
    members: tuple[Field[Any], ...] = fields(cls) if is_dataclass(cls) else ()
    refuse_unknown(configuration, [field.name for field in members], where)
    for field in members:
        if field.name not in configuration and field.default is MISSING and field.default_factory is MISSING:
            raise MetadataError(f"{where}.{field.name}: missing; {cls.name} needs it")


def _lenient(cls: type[C], configuration: JsonObject, where: str) -> C:
    by_name = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    usable: dict[str, Any] = {}
    problems: dict[str, str] = {}
    cases: dict[str, tuple[str, str]] = {}
    for member, value in configuration.items():
        if member in by_name:
            usable[member] = _read(by_name[member], value, member in cls.words)
            if not _same(usable[member], value):
                cases[member] = "spelled-setting", f"{show(value)} is read as {show(usable[member])}"
        elif member == "id" and cls.name == f"numcodecs.{value}":  # as in Zarr 2
            cases[member] = "spelled-setting", f"{show(value)} is the name"
        elif cls.self_describing:
            problems[member] = "unknown member"
        else:
            refuse_unknown(configuration, by_name, where)
    for field in by_name.values():
        if field.name in cls.encoder_only or (field.default is None and usable.get(field.name) is not None):
            _put_default(cls, field, usable, problems, cases)
    for member in cls.required:
        if member not in usable and member not in cls.encoder_only:
            raise MetadataError(f"{where}.{member}: missing; {cls.name} needs it")
    codec = _with_stand_ins(cls, usable, problems, where)
    for member, problem in problems.items():
        tolerate("unusable-setting", f"{where}.{member}", problem)
    for member, (case, detail) in cases.items():
        if member not in problems:
            tolerate(case, f"{where}.{member}", detail)
    return _decoding_only(codec, configuration, problems) if problems else codec


def _put_default(
    cls: type[Configurable], field: Field[Any], usable: JsonObject, problems: JsonObject, cases: JsonObject
) -> None:
    """Use the default for a setting that is missing, null or empty; note in `problems` that there is no default."""
    member, value = field.name, usable.get(field.name)
    if value is not None and value != "" and value != []:
        return
    if field.default is MISSING:
        problems[member] = "missing" if value is None else f"{show(value)} has no meaning"
        usable[member] = cls.encoder_only[member]
    elif member in usable:
        del usable[member]
        if value is not None or field.default is not None:
            cases[member] = "null-setting", "" if value is None else f"{show(value)} is null"
    elif member in cls.required:
        cases[member] = "missing-setting", ""


def _with_stand_ins(cls: type[C], usable: JsonObject, problems: JsonObject, where: str) -> C:
    """Return the codec with the values of `encoder_only` in place of settings that can't be used; note these."""
    first: MetadataError | None = None
    while True:
        try:
            return _exact(cls, usable, where)
        except MetadataError as error:
            first = first or error
            found = _member_of(str(error).removeprefix(f"{where}."))
            member = found[1] if found else ""
            if member not in cls.encoder_only or member in problems:
                raise first from None
            usable[member], problems[member] = cls.encoder_only[member], found[2]  # type: ignore[index]


# ---- values ----


def _read(field: Field[Any], value: Any, is_word: bool) -> Any:
    """Return a value as the field takes it; unchanged if its meaning is not certain."""
    if is_word and type(value) is str:
        return value.strip().lower()
    for kind in get_args(field.type) or (field.type,):
        if kind is bool:
            return _as_flag(value)
        if kind is int:
            return _as_integer(value)
        if kind is float and type(value) is str and _is_float(value):
            return float(value)
        if get_origin(kind) is tuple and type(value) is list and get_args(kind) == (int, ...):
            return [_as_integer(item) for item in value]
    return value


def without_nulls(configuration: JsonObject, members: tuple[str, ...], where: str) -> JsonObject:
    """Return a configuration without those of the members that are null or empty: both mean the default."""
    empty = [member for member in members if member in configuration and configuration[member] in (None, "")]
    for member in empty:
        tolerate("null-setting", f"{where}.{member}")
    return {member: value for member, value in configuration.items() if member not in empty} if empty else configuration


def as_number(value: Any, where: str) -> Any:
    """Return a number that is spelled as text as a number; anything else unchanged."""
    if type(value) is not str or not (_is_integer(value) or _is_float(value)):
        return value
    found = _as_integer(value) if _is_integer(value) else float(value)
    tolerate("spelled-setting", where, f"{show(value)} is read as {show(found)}")
    return found


def as_integers(value: Any, where: str) -> Any:
    """Return a list with text and floating-point numbers read as integers; anything else unchanged."""
    if type(value) is not list:
        return value
    found = [_as_integer(item) for item in value]
    if not _same(found, value):
        tolerate("spelled-setting", where, f"{show(value)} is read as {show(found)}")
    return found


def _same(a: Any, b: Any) -> bool:
    if type(a) is list and type(b) is list:
        return [type(item) for item in a] == [type(item) for item in b] and a == b
    return type(a) is type(b) and a == b


def _as_flag(value: Any) -> Any:
    if type(value) is str:
        return _WORDS.get(value.strip().lower(), value)
    return _WORDS.get(value, value) if type(value) in (int, float) else value


def _as_integer(value: Any) -> Any:
    if type(value) is str and _is_integer(value):
        return int(value.partition(".")[0])
    if type(value) is float and math.isfinite(value) and value == int(value) and abs(value) < 2**53:
        return int(value)
    return value


# ---- codecs that only decode ----


class _DecodingOnly:
    """Mixin of codecs whose settings for encoding can't be used; their metadata stay as they are stored."""

    __slots__ = ()
    stored: JsonObject
    problems: dict[str, str]

    @property
    def decodes_only(self) -> bool:
        return True

    def to_json(self) -> JsonObject:
        return {"name": self.name, "configuration": self.stored}  # type: ignore[attr-defined]

    def fit(self, spec: object) -> object:
        plain = self.__reduce__()[1][0]
        return _decoding_only(plain.fit(spec), self.stored, self.problems)

    def __repr__(self) -> str:
        said = ", ".join(f"{member}: {problem}" for member, problem in self.problems.items())
        return f"{self.name} ({said})"  # type: ignore[attr-defined]

    def __reduce__(self) -> tuple[Any, ...]:
        cls = type(self).__bases__[1]
        plain = cls(**{field.name: getattr(self, field.name) for field in fields(cls)})
        return _decoding_only, (plain, self.stored, self.problems)


@lru_cache(maxsize=64)
def _decoding_only_class(cls: type[Configurable]) -> type:
    return type(cls.__name__, (_DecodingOnly, cls), {"__slots__": ("problems", "stored"), "__module__": cls.__module__})


def _decoding_only(codec: Any, stored: JsonObject, problems: dict[str, str]) -> Any:
    cls: Any = type(codec)
    found = _decoding_only_class(cls)(**{field.name: getattr(codec, field.name) for field in fields(codec)})
    object.__setattr__(found, "stored", stored)
    object.__setattr__(found, "problems", problems)
    return found
