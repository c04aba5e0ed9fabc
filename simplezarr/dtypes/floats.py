"""Floating point between JSON and exact bits, with one rounding.

>>> float_from_json("NaN", 4, "fill_value") == struct.pack("=f", math.nan)
True
"""

import math
import struct
import sys
from typing import Any

from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import show

__all__ = ["HEX_DIGITS", "NumberText", "float_from_json", "float_to_json", "may_tie", "round_to_odd"]

HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class NumberText(str):
    """A JSON number as it is spelled, so that it is rounded once to a type narrower than a double."""

    __slots__ = ()


# By size in bytes: the format of `struct`, the number of stored fraction bits, and as integers the bits of infinity and
# of the NaN that the specification spells "NaN".
_FLOATS = {
    2: ("=e", 10, 0x7C00, 0x7E00),
    4: ("=f", 23, 0x7F800000, 0x7FC00000),
    8: ("=d", 52, 0x7FF0000000000000, 0x7FF8000000000000),
}


def float_from_json(value: Any, size: int, where: str) -> bytes:
    """Return the element of `size` bytes for a JSON fill value; raise MetadataError if it is wrong."""
    code, _, _, nan = _FLOATS[size]
    kind = type(value)
    if kind is float:
        return _pack(code, value)
    if kind is int or kind is NumberText:
        return _pack(code, _to_double(value) if size == 8 else round_to_odd(value))
    if kind is str:
        if value == "NaN":
            return nan.to_bytes(size, sys.byteorder)
        if value == "Infinity" or value == "-Infinity":
            return _pack(code, float(value))
        if value.startswith("0x") and len(value) == 2 + 2 * size and HEX_DIGITS.issuperset(value[2:]):
            return int(value, 16).to_bytes(size, sys.byteorder)
    raise MetadataError(
        f"{where}: {show(value)} is neither a number nor one of "
        f'"NaN", "Infinity", "-Infinity" and "0x" with {2 * size} hexadecimal digits'
    )


def float_to_json(element: bytes) -> float | str:
    """Return the JSON fill value for exactly this element."""
    size = len(element)
    code, _, infinity, nan = _FLOATS[size]
    bits = int.from_bytes(element, sys.byteorder)
    magnitude = bits & ~(1 << (8 * size - 1))
    if magnitude < infinity:
        return float(struct.unpack(code, element)[0])
    if magnitude == infinity:
        return "Infinity" if bits == magnitude else "-Infinity"
    return "NaN" if bits == nan else f"0x{bits:0{2 * size}x}"


def _pack(code: str, value: float) -> bytes:
    """Return a double rounded once, ties to even; infinity beyond the type's range."""
    try:
        return struct.pack(code, value)
    except OverflowError:
        return struct.pack(code, math.copysign(math.inf, value))


def may_tie(value: Any, size: int) -> bool:
    """Return whether a double, itself rounded from JSON text, may lie halfway between two values of a narrower type.

    Only then the text decides the direction. Otherwise, rounding twice gives the same as rounding once. A halfway point
    has one bit more than the type, so the double's last bits are zero.
    """
    if size == 8 or type(value) is not float:
        return False
    code, fraction = _FLOATS[size][:2]
    if struct.unpack(code, _pack(code, value))[0] == value:
        return False
    return not _bits_of(value) & ((1 << (51 - fraction)) - 1)


def _bits_of(value: float) -> int:
    return int.from_bytes(struct.pack("=d", value), sys.byteorder)


def _to_double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def round_to_odd(value: int | NumberText) -> float:
    """Return a double that rounds to every narrower type as the exact number does.

    Of the two doubles around an inexact number this is the one with an odd last bit. It is never halfway between two
    narrower values, and it is on the same side of each halfway point as the number.
    """
    exact: Any = value  # int or Decimal
    if type(value) is NumberText:
        from decimal import Decimal  # an import of some ms, for numbers that are rare

        exact = Decimal(value)
    nearest = _to_double(exact)
    if math.isinf(nearest) or nearest == exact:
        return nearest
    if _bits_of(nearest) & 1:
        return nearest
    return math.nextafter(nearest, math.inf if exact > nearest else -math.inf)
