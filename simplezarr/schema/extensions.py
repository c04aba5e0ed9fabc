"""Extension objects, the `{"name": ..., "configuration": {...}}` of Zarr documents, and checks of the values in them.

>>> parse_extension("bytes", "codecs[0]")
('bytes', {}, True)
>>> parse_extension({"name": "gzip", "configuration": {"level": 1}}, "codecs[1]")
('gzip', {'level': 1}, True)
"""

import json
import math
import operator
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from simplezarr.errors import MetadataError
from simplezarr.schema.leniency import tolerate

__all__ = [
    "JsonObject",
    "as_json",
    "check_choice",
    "check_flag",
    "check_integer",
    "check_integers",
    "parse_extension",
    "refuse_unknown",
    "show",
]

#: The members of an object in a document, by name.
JsonObject = dict[str, Any]

_EXTENSION_MEMBERS = frozenset(("name", "configuration", "must_understand"))
_NO_CONFIGURATION: JsonObject = {}
_NONFINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}
_SHOWN = 60  # characters of a wrong value that a message quotes


def show(value: object) -> str:
    """Return a value as JSON spells it, cut to a length that fits into a message.

    >>> show([None, True])
    '[null, true]'
    """
    text = json.dumps(value, default=repr)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def as_json(value: object) -> object:
    """Return a caller's Python value as plain JSON types, as `json.loads` would make them.

    - NumPy's scalars and arrays, subclasses of `str`, `int` and `float`, tuples and mappings lose their types.
    - NumPy's dtypes become their names, NaN and infinities become the words that Zarr uses.
    - Other objects stay as they are; the parser of the JSON refuses them.

    >>> as_json({"name": np.str_("gzip"), "configuration": {"level": np.int8(1), "order": (1, 0)}})
    {'name': 'gzip', 'configuration': {'level': 1, 'order': [1, 0]}}
    """
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, Mapping):
        return {as_json(name): as_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)  # a subclass may show something else
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _NONFINITE.get(float(value), "NaN")
    if isinstance(value, (np.ndarray, np.generic)):
        return as_json(value.tolist())
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, (np.generic, bool, int, float))):
        return np.dtype(value).name
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return value


def parse_extension(value: object, where: str) -> tuple[str, JsonObject, bool]:
    """Return name, configuration and `must_understand` of an extension, given as an object or as its name alone.

    Raise MetadataError, which begins with `where`, for anything else.
    """
    if type(value) is str:
        return value, {}, True
    if type(value) is not dict:
        raise MetadataError(f'{where}: {show(value)} is neither a name nor an object with the member "name"')
    if not value.keys() <= _EXTENSION_MEMBERS:
        refuse_unknown(value, _EXTENSION_MEMBERS, where)
    name = value.get("name")
    if type(name) is not str:
        raise MetadataError(f"{where}.name: {show(name) if 'name' in value else 'missing; it'} must be a string")
    configuration = value.get("configuration", _NO_CONFIGURATION)
    if configuration is None:
        tolerate("null-member", f"{where}.configuration")
        configuration = _NO_CONFIGURATION
    if type(configuration) is not dict:
        raise MetadataError(f"{where}.configuration: {show(configuration)} is not an object; leave it out if empty")
    # Only the JSON boolean false lifts the duty to understand: 0, null and "false" do not.
    return name, configuration, value.get("must_understand") is not False


def refuse_unknown(members: JsonObject, known: Collection[str], where: str) -> None:
    """Raise MetadataError that names the first of the members that is not a known one."""
    for name in members:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise MetadataError(f"{where}.{name}: unknown member (known here: {allowed})")


def check_integer(value: object, low: int, high: int, where: str) -> int:
    """Return an integer from `low` to `high`; raise MetadataError for anything else, also for a boolean."""
    if isinstance(value, int) and low <= value <= high and not isinstance(value, bool):
        return value
    raise MetadataError(f"{where}: {show(value)} is not an integer from {low} to {high}")


def check_flag(value: object, where: str) -> None:
    """Raise MetadataError unless a value is a boolean."""
    if type(value) is not bool:
        raise MetadataError(f"{where}: {show(value)} is neither true nor false")


def check_choice(value: object, choices: tuple[str, ...], where: str) -> None:
    """Raise MetadataError unless a value is one of some strings."""
    if not isinstance(value, str) or value not in choices:
        raise MetadataError(f"{where}: {show(value)} is not one of {', '.join(map(show, choices))}")


def check_integers(value: object, low: int, high: int, where: str) -> tuple[int, ...]:
    """Return integers from `low` to `high` as a tuple; raise MetadataError for anything else.

    value: a list; callers in Python may also give tuples, and integers of NumPy.
    """
    if not isinstance(value, (list, tuple)):
        raise MetadataError(f"{where}: {show(value)} is not a list of integers")
    for i, item in enumerate(value):
        if type(item) is not int:
            return _exact_integers(value, low, high, where)
        if not low <= item <= high:
            raise MetadataError(f"{where}[{i}]: {show(item)} is not an integer from {low} to {high}")
    return tuple(value)


def _exact_integers(value: list[Any] | tuple[Any, ...], low: int, high: int, where: str) -> tuple[int, ...]:
    numbers = []
    for i, item in enumerate(value):
        try:
            number = None if isinstance(item, bool) else operator.index(item)
        except TypeError:
            number = None
        numbers.append(int(check_integer(item if number is None else number, low, high, f"{where}[{i}]")))
    return tuple(numbers)
