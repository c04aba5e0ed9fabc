"""Change JSON objects in their text: members that are not changed keep their spelling, byte for byte.

A document may hold values that this library does not write, or does not understand: NaN, 1e400, an old name of a codec,
the same member twice. So a change of a document never goes through its parsed form.

>>> patch(b'{"a": 1.0, "b": {"c": 1e400, "d": 1}}', {"b": Members({"d": REMOVED, "e": [2]})})
b'{"a": 1.0, "b": {"c": 1e400, "e": [2]}}'
"""

import json
import re
from collections.abc import Mapping

__all__ = ["REMOVED", "WHITESPACE", "Members", "Text", "after", "encode_value", "object_text", "patch", "value_end"]

WHITESPACE = " \t\n\r"
_BYTE_ORDER_MARK = "\ufeff"
_skip_whitespace = re.compile(r"[ \t\n\r]*").match
_find_tokens = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL).finditer
_begin_member = re.compile(r'[ \t\n\r]*"([^"\\]*)"[ \t\n\r]*:[ \t\n\r]*').match
_end_member = re.compile(r"[ \t\n\r]*([,}])").match
_SCALAR = re.compile(r'[^,\[\]{}" \t\n\r]+')
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_decode_name = json.JSONDecoder(strict=False).raw_decode
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_encode_ascii = json.JSONEncoder(allow_nan=False).encode

#: In place of the value of a member: remove the member.
REMOVED = object()


class Text(str):
    """The text of a value."""

    __slots__ = ()


class Members(dict[str, object]):
    """In place of the value of a member: changes of the members of that object."""

    __slots__ = ()


#: The name of a member; where the name begins, where the value begins and ends, and the comma or brace behind it.
_Member = tuple[str, int, int, int, int]


def patch(document: bytes, changes: Mapping[str, object]) -> bytes:
    """Return a JSON object with some members changed; a new member is added at the end.

    changes: by name a JSON value, `Text`, `REMOVED`, or `Members` of an object, which replace any other value. If a
    member occurs twice, the last one is changed and the others are removed.

    Raise ValueError for text that is not a JSON object, and for a value that JSON doesn't have.
    """
    text = str(document, "utf-8", "surrogateescape").removeprefix(_BYTE_ORDER_MARK)
    start = after(text, 0)
    patched, end = _patch_object(text, start, changes, indent="\n  ")
    return (patched + text[end:]).encode("utf-8", "surrogateescape")


def object_text(members: Mapping[str, object], separator: str = ", ") -> Text:
    """Return the text of an object, some of whose values may be `Text`."""
    spelled = [f"{encode_value(name)}: {encode_value(value)}" for name, value in members.items()]
    return Text(f"{{{separator.join(spelled)}}}")


def encode_value(value: object) -> str:
    """Return the text of a JSON value; raise ValueError or TypeError if JSON doesn't have it."""
    if isinstance(value, Text):
        return value
    try:
        text = _encode(value)
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:  # for a lone surrogate, which only an escape can spell
        return _encode_ascii(value)
    except RecursionError:
        raise ValueError("a value is nested too deeply for Python's JSON encoder") from None
    return text


def value_end(text: str, at: int) -> int:
    """Return where a value ends, by its quotes and brackets alone: it may be damaged, or nested very deeply.

    >>> value_end('{"a": [1, "]", {"b": }], "c": 1}', 6)
    23
    """
    if text[at : at + 1] in ("{", "["):
        depth = 0
        for token in _find_tokens(text, at):
            first = token.group()[0]
            depth += (first in "{[") - (first in "}]")
            if not depth:
                return token.end()
    elif text[at : at + 1] == '"':
        string: re.Match[str] | None = next(_find_tokens(text, at), None)
        if string is not None and string.start() == at:
            return string.end()
    else:
        scalar = _SCALAR.match(text, at)
        if scalar is not None:
            return scalar.end()
    raise json.JSONDecodeError("Expecting a value, or its end", text, at)


def _members_of(text: str, start: int) -> tuple[list[_Member], int]:
    """Return the members of the object that begins at `start`, and the place behind its brace."""
    if text[start : start + 1] != "{":
        raise json.JSONDecodeError("Expecting an object", text, start)
    members: list[_Member] = []
    at = start + 1
    if text[(empty := after(text, at)) : empty + 1] == "}":
        return members, empty + 1
    while True:
        begun = _begin_member(text, at)
        if begun is None:
            name, begin, value = _name_of(text, at)
        else:
            name, begin, value = begun[1], begun.start(1) - 1, begun.end()
        end, stop = _ends(text, value)
        members.append((name, begin, value, end, stop))
        at = stop + 1
        if text[stop] == "}":
            return members, at


def _name_of(text: str, at: int) -> tuple[str, int, int]:
    """Return the name of a member, which may have escapes, and where the name and the value begin."""
    begin = after(text, at)
    if text[begin : begin + 1] != '"':
        raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, begin)
    name, at = _decode_name(text, begin)
    at = after(text, at)
    if text[at : at + 1] != ":":
        raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
    return str(name), begin, after(text, at + 1)


def _ends(text: str, at: int) -> tuple[int, int]:
    """Return where a value ends, and where the comma or brace behind it is."""
    try:
        end = _scan(text, at)[1]
        ended = _end_member(text, end)
    except (StopIteration, ValueError, RecursionError):  # missing, damaged, too many digits, nested too deeply
        ended = None
    if ended is None:
        end = value_end(text, at)
        ended = _end_member(text, end)
    if ended is None:
        raise json.JSONDecodeError("Expecting ',' delimiter", text, after(text, end))
    return end, ended.start(1)


def _patch_object(text: str, start: int, changes: Mapping[str, object], indent: str) -> tuple[str, int]:
    """Return the changed text of the object that begins at `start`, and where the object ends."""
    members, end = _members_of(text, start)
    kept: dict[object, tuple[str, str, str]] = {}  # the space before a member, the member, the space behind it
    at = start + 1
    for number, (name, begin, value, close, stop) in enumerate(members):
        lead, trail, at = text[at:begin], text[close:stop], stop + 1
        if name not in changes:  # the same name may occur again
            kept[number] = lead, text[begin:close], trail
            continue
        kept.pop(name, None)
        change = changes[name]
        if change is not REMOVED:
            kept[name] = lead, text[begin:value] + _changed(text, value, change), trail
    body = ",".join(map("".join, kept.values()))
    there = {member[0] for member in members}
    new = [(name, change) for name, change in changes.items() if name not in there and change is not REMOVED]
    if not members and not new:
        return text[start:end], end
    if new:
        lead, _, trail = [*kept.values()][-1] if kept else (indent, "", indent[:-2])
        lead = lead or (" " if members else "")
        added = f",{lead}".join([f"{encode_value(name)}: {_changed('', 0, change)}" for name, change in new])
        body = f"{body.removesuffix(trail)}{',' if kept else ''}{lead}{added}{trail}"
    return f"{{{body}}}", end


def _changed(text: str, at: int, change: object) -> str:
    """Return the text of a member's new value; the old one begins at `at`."""
    if not isinstance(change, Members):
        return encode_value(change)
    if text[at : at + 1] == "{":
        return _patch_object(text, at, change, "")[0]
    return _patch_object("{}", 0, change, "")[0]


def after(text: str, at: int) -> int:
    """Return the place of the next character that is not white space."""
    return _skip_whitespace(text, at).end()  # type: ignore[union-attr]
