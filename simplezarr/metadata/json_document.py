"""Documents of nodes as JSON (RFC 8259): bytes to the top-level members and back.

Python's C scanner reads the whole document. If it meets something unusual, the top level is read member by member:

- An object with the same member twice is wrong, except within attributes.
- The tokens NaN and Infinity are read only within attributes, where some writers use them.
- A fill value can be read as it is spelled.
- Attributes, and copies of documents, that can't be read are `Unusable`, so that the data stay readable.

>>> load(b'{"zarr_format": 3, "node_type": "group"}', "zarr.json")
{'zarr_format': 3, 'node_type': 'group'}
"""

import json
import math
from collections.abc import Callable, Container, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np

from simplezarr.dtypes import NumberText
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, show
from simplezarr.schema.json_text import WHITESPACE, after, encode_value, value_end
from simplezarr.schema.leniency import tolerate

__all__ = ["AllBut", "Unusable", "check_attributes", "copy_json", "dump", "load", "load_exact_fill", "plain_attributes"]

MAX_SIZE = 64 << 20  # bytes of a document
_LARGE = 1 << 16  # bytes
_SCALARS = frozenset((str, int, float, bool, type(None)))
_MAX_DEPTH = 10_000  # of written values; more than Python's encoder takes

#: Members in which a name may occur twice, because some writers of attributes repeat names.
_LOOSE = ("attributes", "consolidated_metadata", "metadata")


class AllBut:
    """All members except those that are needed to read the chunks.

    - needed: the members that are needed.
    - known: the other members that may be left out if they can't be read at all; None for any.
    """

    def __init__(self, *needed: str, known: Container[str] | None = None):
        self.needed, self.known = frozenset(needed), known

    def __contains__(self, name: object) -> bool:
        return name not in self.needed

    def may_lose(self, name: str) -> bool:
        """Return whether the document is readable without a member that can't be read."""
        return name in self and (self.known is None or name in self.known)


_LENIENT_MEMBERS = AllBut(
    *("zarr_format", "node_type", "shape", "data_type", "chunk_grid", "chunk_key_encoding", "codecs"),
    known=("attributes", "consolidated_metadata", "fill_value", "dimension_names"),
)


class Unusable(dict[str, Any]):
    """An object that can't be read, in the form of an empty one; it must never replace the stored one.

    reason: the message of the error, which begins with the place.
    """

    __slots__ = ("reason",)

    def __init__(self, reason: str):
        super().__init__()
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason,)


class _UnusualError(ValueError):
    """The document has a token NaN, Infinity or -Infinity, or an object with the same member twice."""


def _refuse_constant(token: str) -> float:
    raise _UnusualError(f"the token {token} is not JSON")


def _unique(members: list[tuple[str, object]]) -> JsonObject:
    unique = dict(members)
    if len(unique) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in unique if names.count(name) > 1)
        raise _UnusualError(f"the member {show(twice)} occurs twice")
    return unique


_strict = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_unique).raw_decode
_standard = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
_lenient = json.JSONDecoder().raw_decode
_exact = json.JSONDecoder(parse_float=NumberText).raw_decode
_unique_lenient = json.JSONDecoder(object_pairs_hook=_unique).raw_decode


def load(document: bytes, key: str, lenient: Container[str] | None = _LENIENT_MEMBERS) -> JsonObject:
    """Return the top-level members of a document; raise MetadataError, which begins with `key`.

    lenient: the members that may be unusual, None for all. By default these are the members of a `zarr.json` that the
    chunks don't depend on. Members of an `AllBut` that can't be read at all are `Unusable`.
    """
    try:
        return _load(_text(document, key), key, lenient)
    except (ValueError, RecursionError) as error:
        members = _load_around(document, key, lenient) if isinstance(lenient, AllBut) else None
        if members is None:
            raise _described(error, key) from None
        return members


def _described(error: Exception, key: str) -> MetadataError:
    if isinstance(error, MetadataError):
        return error
    if isinstance(error, json.JSONDecodeError):
        return MetadataError(f"{key}: not a JSON document: {error}; restore the document, or write the node again")
    if isinstance(error, UnicodeDecodeError):
        return MetadataError(f"{key}: not UTF-8: {error}; restore the document, or write the node again")
    if isinstance(error, RecursionError):
        return MetadataError(f"{key}: arrays or objects are nested too deeply")
    return MetadataError(f"{key}: {error}")  # Python's limit on the digits of an integer


def _load_around(document: bytes, key: str, lenient: AllBut) -> JsonObject | None:
    """Return the top-level members of a document with lenient ones that can't be read; None if more is wrong."""
    try:
        return _walk(_text(document, key, "surrogateescape"), key, partial(_decode_around, lenient))
    except (ValueError, RecursionError):
        return None


def _decode_around(lenient: AllBut, name: str, text: str, at: int, key: str) -> tuple[object, int]:
    if not lenient.may_lose(name):
        value, end = _decode_member(lenient, name, text, at, key)
        text[at:end].encode()  # raises if it is not UTF-8
        return value, end
    try:
        value, end = _decode_member(lenient, name, text, at, key)
        text[at:end].encode()
    except RecursionError:
        return Unusable(f"{key}: {name}: nested too deeply"), value_end(text, at)
    except UnicodeEncodeError:
        return Unusable(f"{key}: {name}: not UTF-8"), value_end(text, at)
    except MetadataError as error:
        return Unusable(str(error)), value_end(text, at)
    except ValueError as error:
        return Unusable(f"{key}: {name}: {error}"), value_end(text, at)
    return value, end


def load_exact_fill(document: bytes, key: str) -> object:
    """Return the member `fill_value` of a document that `load` has read, with fractions as `NumberText`."""
    return _walk(_text(document, key), key, _decode_fill_exactly)["fill_value"]


def _text(document: bytes, key: str, errors: str = "strict") -> str:
    if len(document) > MAX_SIZE:
        raise MetadataError(f"{key}: {len(document)} bytes; the limit for a metadata document is {MAX_SIZE}")
    text = str(document, "utf-8", errors)
    if not text.startswith("{"):
        text = text.removeprefix("\ufeff").lstrip(WHITESPACE)
        if text.startswith("<"):
            raise MetadataError(f"{key}: an HTML page or XML, not a JSON object; check that the URL or path is right")
        if not text.startswith("{"):
            raise MetadataError(f"{key}: {'empty' if not text else 'not a JSON object'}; it must be one JSON object")
    return text


def _load(text: str, key: str, lenient: Container[str] | None) -> JsonObject:
    # Copies of other documents are large and may be unusual: one careful pass is cheaper than two.
    if len(text) < _LARGE or '"consolidated_metadata"' not in text:
        members: JsonObject
        try:
            members, end = _strict(text)
        except _UnusualError:
            return _walk(text, key, partial(_decode_member, lenient))
        if end != len(text):
            _check_end(text, end)
        return members
    return _walk(text, key, partial(_decode_member, lenient))


def _check_end(text: str, end: int) -> None:
    if text[end:].strip(WHITESPACE):
        raise json.JSONDecodeError("Extra data", text, end)


Decode = Callable[[str, str, int, str], tuple[object, int]]


def _walk(text: str, key: str, decode: Decode) -> JsonObject:
    """Return the top-level members, read one by one by `decode`; `text` begins with the opening brace."""
    members: JsonObject = {}
    at = after(text, 1)
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        name, at = _strict(text, at)
        if name in members:
            raise MetadataError(f"{key}: the member {show(name)} occurs twice")
        at = after(text, at)
        if text[at : at + 1] != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
        members[name], at = decode(name, text, after(text, at + 1), key)
        at = after(text, at)
        if text[at : at + 1] == ",":
            at = after(text, at + 1)
            if text[at : at + 1] == "}":
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        elif text[at : at + 1] != "}":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    _check_end(text, at + 1)
    return members


def _decode_member(lenient: Container[str] | None, name: str, text: str, at: int, key: str) -> tuple[object, int]:
    if lenient is not None and name not in lenient:
        try:
            return _strict(text, at)
        except _UnusualError as error:
            raise MetadataError(f"{key}: {name}: {error}") from None
    is_loose = lenient is None or name in _LOOSE
    try:
        return (_standard if is_loose else _strict)(text, at)
    except _UnusualError:
        pass
    try:
        value = (_lenient if is_loose else _unique_lenient)(text, at)
    except _UnusualError as error:
        raise MetadataError(f"{key}: {name}: {error}") from None
    tolerate("nonfinite-attributes", f"{key}: {name}")
    return value


def _decode_fill_exactly(name: str, text: str, at: int, key: str) -> tuple[object, int]:
    return (_exact if name == "fill_value" else _lenient)(text, at)


# ---- writing ----

_encode_name = lru_cache(256)(encode_value)  # of the same members again and again


def dump(members: JsonObject) -> bytes:
    """Return a document: strict JSON in UTF-8, a line for each top-level member.

    >>> print(dump({"zarr_format": 3, "shape": [2, 3]}).decode())
    {
      "zarr_format": 3,
      "shape": [2, 3]
    }
    """
    spelled = [f"  {_encode_name(name)}: {encode_value(value)}" for name, value in members.items()]
    return ("{\n" + ",\n".join(spelled) + "\n}").encode()


def check_attributes(value: object, where: str = "attributes") -> None:
    """Raise TypeError or ValueError, which names the place, unless a value is strict JSON.

    >>> check_attributes({"scale": [1.0, float("nan")]})
    Traceback (most recent call last):
    ...
    ValueError: attributes["scale"][1]: nan is not JSON; store a string such as "NaN", or leave it out
    """
    todo: list[tuple[object, _Place, int]] = [(value, (None, where), 0)]
    while todo:
        item, place, depth = todo.pop()
        if isinstance(item, dict):
            for name in item:
                if not isinstance(name, str):
                    raise TypeError(f"{_spelled(place)}: the name {name!r} is not a str, as JSON needs")
            below = [(part, (place, name), depth + 1) for name, part in item.items()]
        elif isinstance(item, (list, tuple)):
            below = [(part, (place, i), depth + 1) for i, part in enumerate(item)]
        else:
            _check_scalar(item, place)
            continue
        if depth > _MAX_DEPTH:
            raise ValueError(f"{where}: nested too deeply, or a value contains itself")
        todo += reversed(below)


_Place = tuple[Any, Any]  # the place above or None, and the name or number there


def _spelled(place: _Place) -> str:
    parts = []
    above, name = place
    while above is not None:
        parts.append(f"[{show(name)}]")
        above, name = above
    return "".join([str(name), *reversed(parts)])


def _check_scalar(value: object, place: _Place) -> None:
    if value is None or isinstance(value, (str, bool, int)):
        return
    if not isinstance(value, float):
        kind = type(value).__name__
        raise TypeError(f"{_spelled(place)}: {kind} is not JSON; convert it, NumPy values with .item() or .tolist()")
    if not math.isfinite(value):
        raise ValueError(f'{_spelled(place)}: {value} is not JSON; store a string such as "NaN", or leave it out')


def plain_attributes(attributes: Mapping[str, Any]) -> JsonObject:
    """Return a deep copy of attributes as strict JSON: NumPy scalars become numbers, arrays lists.

    Raise as `check_attributes`.

    >>> plain_attributes({"scale": np.float32(0.5), "range": (np.int8(0), np.array([1, 2]))})
    {'scale': 0.5, 'range': [0, [1, 2]]}
    """
    plain: JsonObject = copy_json(dict(attributes))
    check_attributes(plain)
    return plain


def copy_json(value: Any) -> Any:
    """Return a deep copy of a JSON value; values of NumPy, mappings and tuples in it become JSON too.

    Raise ValueError if it is nested more deeply than any document.

    >>> copy_json({"a": (1, {"b": np.int8(2)})})
    {'a': [1, {'b': 2}]}
    """
    box = [value]
    todo: list[tuple[Any, int]] = [(box, 0)]
    while todo:
        container, depth = todo.pop()
        if depth > _MAX_DEPTH:
            raise ValueError("attributes: nested too deeply, or a value contains itself")
        for name, item in container.items() if isinstance(container, dict) else enumerate(container):
            if type(item) in _SCALARS:
                continue
            if isinstance(item, (np.generic, np.ndarray)):
                container[name] = item.tolist()
            elif isinstance(item, (Mapping, list, tuple)):
                container[name] = dict(item) if isinstance(item, Mapping) else [*item]
                todo.append((container[name], depth + 1))
    return box[0]
