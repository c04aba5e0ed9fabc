"""Axes of images: their names, types and units, as callers give them and as documents have them.

>>> resolve_axes("cyx", 3, {"y": "micrometer", "x": "micrometer"})[1]
Axis(name='y', type='space', unit='micrometer')
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import show

__all__ = ["Axis", "by_axis", "parse_axes", "resolve_axes"]

_TYPES = {"t": "time", "time": "time", "c": "channel", "channel": "channel", "z": "space", "y": "space", "x": "space"}
_ORDER = ("time", "channel", "space")
_DEFAULTS = {2: "yx", 5: "tczyx"}  # of other numbers of axes there are several


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of an image. Its type is "time", "channel", "space" or another text, None if it has none."""

    name: str
    type: str | None
    unit: str | None = None

    def to_json(self) -> dict[str, str]:
        """Return the axis as a member of a document."""
        members = {"name": self.name, "type": self.type, "unit": self.unit}
        return {name: value for name, value in members.items() if value is not None}


def resolve_axes(axes: Iterable[str] | None, ndim: int, units: Mapping[str, str | None]) -> tuple[Axis, ...]:
    """Return the axes that a caller has named. Raise MetadataError for what the specification does not allow.

    axes: names. None is "yx" for two, and "tczyx" for five.
    """
    names = tuple(axes if axes is not None else _DEFAULTS.get(ndim, ()))
    if axes is None and not names:
        raise MetadataError(f'axes: needed for {ndim} dimensions; give the names of all, such as "czyx"')
    if len(names) != ndim or not all(isinstance(name, str) and name for name in names) or len({*names}) != ndim:
        raise MetadataError(f"axes: {show(list(names))} are not names of {ndim} different axes")
    found = tuple([Axis(name, _TYPES.get(name), units.get(name)) for name in names])
    _check_order(found)
    return found


def _check_order(axes: tuple[Axis, ...]) -> None:
    ranks = [_ORDER.index(axis.type) if axis.type in _ORDER else _ORDER.index("channel") for axis in axes]
    counts = [ranks.count(rank) for rank in range(len(_ORDER))]
    if ranks != sorted(ranks) or counts[0] > 1 or counts[1] > 1 or counts[2] not in (2, 3):
        rule = "at most one of time, then at most one of channels or of anything else, then two or three of z, y, x"
        raise MetadataError(f"axes: {show([axis.name for axis in axes])}; OME-Zarr takes {rule}")


def by_axis(given: Any, names: Sequence[str], where: str, default: Any) -> dict[str, Any]:
    """Return a value for each axis: those of a mapping or a sequence, otherwise the default. Raise MetadataError.

    >>> by_axis({"x": 0.5}, "yx", "scale", 1.0), by_axis([2, 0.5], "yx", "scale", 1.0)
    ({'y': 1.0, 'x': 0.5}, {'y': 2, 'x': 0.5})
    """
    if given is None:
        return dict.fromkeys(names, default)
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise MetadataError(f"{where}: {show(unknown)} are not among the axes {show(list(names))}")
        return {name: given.get(name, default) for name in names}
    if isinstance(given, str) or not hasattr(given, "__len__") or len(given) != len(names):
        raise MetadataError(f"{where}: {show(given)} is neither a mapping of axes nor {len(names)} values")
    return dict(zip(names, given, strict=True))


def parse_axes(members: object, where: str) -> tuple[Axis, ...]:
    """Return the axes of a document. Raise MetadataError if they are not valid."""
    if not isinstance(members, list) or not members:
        raise MetadataError(f"{where}: {show(members)} is not a list of axes")
    return tuple([_parse_axis(axis, f"{where}[{i}]") for i, axis in enumerate(members)])


def _parse_axis(members: object, where: str) -> Axis:
    if not isinstance(members, dict) or not isinstance(members.get("name"), str):
        raise MetadataError(f"{where}: {show(members)} is not an axis with a name")
    given = [members.get(key) for key in ("type", "unit")]
    kind, unit = [value if isinstance(value, str) else None for value in given]
    return Axis(members["name"], kind, unit)
