"""Documents of nodes as JSON (RFC 8259): bytes to the top-level members and back.

Reading takes Python's C scanner over the whole document. Where that meets something unusual, the top level is walked
member by member instead: an object with the same member twice is wrong, but not within attributes; the tokens NaN and
Infinity are read within attributes only, where some writers put them; and a fill value may be wanted as it is spelled.

>>> load(b'{"zarr_format": 3, "node_type": "group"}', "zarr.json")
{'zarr_format': 3, 'node_type': 'group'}
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from simplezarr.dtypes import NumberText
from simplezarr.errors import MetadataError
from simplezarr.extensions import show
from simplezarr.leniency import tolerate

__all__ = ["check_attributes", "dump", "load", "load_exact_fill", "plain_attributes"]

MAX_SIZE = 64 << 20
_LARGE = 1 << 16

_WHITESPACE = " \t\n\r"
_skip_whitespace = re.compile(r"[ \t\n\r]*").match
_LENIENT_MEMBERS = ("attributes", "consolidated_metadata")


class _UnusualError(ValueError):
    """The document has a token NaN, Infinity or -Infinity, or an object with the same member twice."""


def _refuse_constant(token: str) -> float:
    raise _UnusualError(f"the token {token} is not JSON")


def _unique(members: list[tuple[str, object]]) -> dict:
    unique = dict(members)
    if len(unique) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in unique if names.count(name) > 1)
        raise _UnusualError(f"the member {show(twice)} occurs twice")
    return unique


_strict = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_unique).raw_decode
_standard = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
_lenient = json.JSONDecoder().raw_decode
_exact = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=NumberText).raw_decode


def load(document: bytes, key: str) -> dict:
    """Returns the top-level members of a document; errors begin with `key`."""
    try:
        return _load(_text(document, key), key)
    except json.JSONDecodeError as error:
        raise MetadataError(f"{key}: not a JSON document: {error}") from None
    except UnicodeDecodeError as error:
        raise MetadataError(f"{key}: not UTF-8: {error}") from None
    except RecursionError:
        raise MetadataError(f"{key}: arrays or objects are nested too deeply") from None
    except MetadataError:
        raise
    except ValueError as error:  # Python's limit on the digits of an integer
        raise MetadataError(f"{key}: {error}") from None


def load_exact_fill(document: bytes, key: str) -> object:
    """Returns the member `fill_value` of a document that `load` has read, its fractions as `NumberText`."""
    return _walk(_text(document, key), key, _decode_fill_exactly)["fill_value"]


def _text(document: bytes, key: str) -> str:
    if len(document) > MAX_SIZE:
        raise MetadataError(f"{key}: {len(document)} bytes; the limit for a metadata document is {MAX_SIZE}")
    text = str(document, "utf-8")
    if not text.startswith("{"):
        text = text.removeprefix("\ufeff").lstrip(_WHITESPACE)
        if not text.startswith("{"):
            raise MetadataError(f"{key}: {'empty' if not text else 'not a JSON object'}; it must be one JSON object")
    return text


def _load(text: str, key: str) -> dict:
    # Copies of other documents are large and may have what is unusual: rather once with care than twice.
    if len(text) < _LARGE or '"consolidated_metadata"' not in text:
        try:
            members, end = _strict(text)
        except _UnusualError:
            return _walk(text, key, _decode_member)
        if end != len(text):
            _check_end(text, end)
        return members
    return _walk(text, key, _decode_member)


def _check_end(text: str, end: int) -> None:
    if text[end:].strip(_WHITESPACE):
        raise json.JSONDecodeError("Extra data", text, end)


Decode = Callable[[str, str, int, str], tuple[object, int]]


def _walk(text: str, key: str, decode: Decode) -> dict:
    """Reads the top level member by member; `decode` reads each value. `text` begins with the opening brace."""
    members: dict = {}
    at = _after(text, 1)
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        name, at = _strict(text, at)
        if name in members:
            raise MetadataError(f"{key}: the member {show(name)} occurs twice")
        at = _after(text, at)
        if text[at : at + 1] != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
        members[name], at = decode(name, text, _after(text, at + 1), key)
        at = _after(text, at)
        if text[at : at + 1] == ",":
            at = _after(text, at + 1)
            if text[at : at + 1] == "}":
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        elif text[at : at + 1] != "}":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    _check_end(text, at + 1)
    return members


def _after(text: str, at: int) -> int:
    return _skip_whitespace(text, at).end()  # type: ignore[union-attr]


def _decode_member(name: str, text: str, at: int, key: str) -> tuple[object, int]:
    if name not in _LENIENT_MEMBERS:
        try:
            return _strict(text, at)
        except _UnusualError as error:
            raise MetadataError(f"{key}: {name}: {error}") from None
    try:
        return _standard(text, at)
    except _UnusualError:
        tolerate("nonfinite-attributes", f"{key}: {name}")
        return _lenient(text, at)


def _decode_fill_exactly(name: str, text: str, at: int, key: str) -> tuple[object, int]:
    return (_exact if name == "fill_value" else _lenient)(text, at)


# ---- writing ----


def dump(members: dict) -> bytes:
    """Returns a document: strict JSON in UTF-8, a line for each top-level member.

    >>> print(dump({"zarr_format": 3, "shape": [2, 3]}).decode())
    {
      "zarr_format": 3,
      "shape": [2, 3]
    }
    """
    try:
        return _spell(members, ascii_only=False).encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can spell
        return _spell(members, ascii_only=True).encode()


def _spell(members: dict, ascii_only: bool) -> str:
    encode = json.JSONEncoder(ensure_ascii=ascii_only, allow_nan=False).encode
    return "{\n" + ",\n".join([f"  {encode(name)}: {encode(value)}" for name, value in members.items()]) + "\n}"


def check_attributes(value: object, where: str = "attributes") -> None:
    """Raises `TypeError` or `ValueError`, naming the place, unless `value` is strict JSON.

    >>> check_attributes({"scale": [1.0, float("nan")]})
    Traceback (most recent call last):
    ...
    ValueError: attributes["scale"][1]: nan is not JSON; store a string such as "NaN", or leave it out
    """
    try:
        _check_json(value, where)
    except RecursionError:
        raise ValueError(f"{where}: nested too deeply, or a value contains itself") from None


def _check_json(value: object, where: str) -> None:
    if value is None or isinstance(value, (str, bool, int)):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f'{where}: {value} is not JSON; store a string such as "NaN", or leave it out')
    elif isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise TypeError(f"{where}: the name {name!r} is not a str, as JSON needs")
            _check_json(item, f"{where}[{show(name)}]")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _check_json(item, f"{where}[{i}]")
    else:
        kind = type(value).__name__
        raise TypeError(f"{where}: {kind} is not JSON; convert it, NumPy values with .item() or .tolist()")


def plain_attributes(attributes: Mapping) -> dict:
    """Returns attributes as strict JSON, in containers of their own: NumPy scalars and arrays as numbers and lists.

    >>> plain_attributes({"scale": np.float32(0.5), "range": (np.int8(0), np.array([1, 2]))})
    {'scale': 0.5, 'range': [0, [1, 2]]}
    """
    try:
        plain = _plain(attributes)
    except RecursionError:
        raise ValueError("attributes: nested too deeply, or a value contains itself") from None
    check_attributes(plain)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
