"""Data types: the name in the metadata, the NumPy dtype, and the fill value between JSON and an element's exact bytes.

An element is always `bytes` in native byte order, so that NaN payloads and the sign of zero survive.

>>> parse_dtype("float32").fill_from_json("NaN", "fill_value") == np.float32("nan").tobytes()
True
>>> of_numpy(np.dtype(">u2")).name
'uint16'
"""

import math
import struct
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.extensions import parse_extension, refuse_unknown, show
from simplezarr.leniency import tolerate

__all__ = ["DataType", "NumberText", "of_numpy", "parse_dtype"]

_MAX_ITEMSIZE = 1 << 30
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class NumberText(str):
    """A JSON number as it is spelled, for rounding it once to a type that is narrower than a double."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DataType:
    """A data type of the specification.

    `numpy` is in native byte order; `swap_unit` is the size in bytes of the numbers whose byte order the codec `bytes`
    sets: 4 for complex64, 1 where there is no order.
    """

    name: str
    numpy: np.dtype
    swap_unit: int

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.numpy.itemsize

    @property
    def default_fill(self) -> bytes:
        """The element that is all zero bytes."""
        return bytes(self.numpy.itemsize)

    def scalar(self, element: bytes) -> np.generic:
        """Returns an element as a NumPy scalar."""
        return np.frombuffer(element, self.numpy)[0]

    def needs_text(self, value: Any) -> bool:
        """Whether `fill_from_json` must see the numbers in `value` as `NumberText` to round them correctly."""
        return False

    def fill_from_json(self, value: Any, where: str) -> bytes:
        """Returns the element that the JSON fill value stands for."""
        raise NotImplementedError

    def fill_to_json(self, element: bytes) -> object:
        """Returns the JSON fill value that stands for exactly this element."""
        raise NotImplementedError

    def to_json(self) -> str | dict:
        """Returns the member `data_type`."""
        return self.name


class _Bool(DataType):
    __slots__ = ()

    def fill_from_json(self, value: Any, where: str) -> bytes:
        if type(value) is not bool:
            raise MetadataError(f"{where}: {show(value)} is neither true nor false, as a fill value of bool must be")
        return b"\1" if value else b"\0"

    def fill_to_json(self, element: bytes) -> bool:
        return element != b"\0"


class _Integer(DataType):
    __slots__ = ()

    def fill_from_json(self, value: Any, where: str) -> bytes:
        # Above 2**53 a double may stand for a neighbour of the number that was written.
        if type(value) is float and value.is_integer() and abs(value) < 2**53:
            tolerate("integral-fill", where, f"{value!r} as a fill value of {self.name}")
            value = int(value)
        if type(value) is int:
            try:
                return value.to_bytes(self.numpy.itemsize, sys.byteorder, signed=self.numpy.kind == "i")
            except OverflowError:
                pass
        bounds = np.iinfo(self.numpy)
        raise MetadataError(
            f"{where}: {show(value)} is not an integer from {bounds.min} to {bounds.max}, "
            f"as a fill value of {self.name} must be"
        )

    def fill_to_json(self, element: bytes) -> int:
        return int.from_bytes(element, sys.byteorder, signed=self.numpy.kind == "i")


class _Float(DataType):
    __slots__ = ()

    def needs_text(self, value: Any) -> bool:
        return _may_tie(value, self.numpy.itemsize)

    def fill_from_json(self, value: Any, where: str) -> bytes:
        return _float_from_json(value, self.numpy.itemsize, where)

    def fill_to_json(self, element: bytes) -> float | str:
        return _float_to_json(element)


class _Complex(DataType):
    __slots__ = ()

    def needs_text(self, value: Any) -> bool:
        return type(value) is list and any(_may_tie(part, self.swap_unit) for part in value)

    def fill_from_json(self, value: Any, where: str) -> bytes:
        if type(value) is not list or len(value) != 2:
            raise MetadataError(f"{where}: {show(value)} is not a list of a real and an imaginary part ({self.name})")
        return b"".join(_float_from_json(part, self.swap_unit, f"{where}[{i}]") for i, part in enumerate(value))

    def fill_to_json(self, element: bytes) -> list:
        unit = self.swap_unit
        return [_float_to_json(element[:unit]), _float_to_json(element[unit:])]


class _Raw(DataType):
    __slots__ = ()

    def fill_from_json(self, value: Any, where: str) -> bytes:
        size = self.numpy.itemsize
        if type(value) is list and len(value) == size and all(type(n) is int and 0 <= n <= 255 for n in value):
            return bytes(value)
        raise MetadataError(f"{where}: {show(value)} is not a list of {size} integers from 0 to 255 ({self.name})")

    def fill_to_json(self, element: bytes) -> list:
        return list(element)


# ---- floating point: exact bits, one rounding ----

# Per size in bytes: the struct format, the bits of the stored fraction, and as integers the bits of infinity and of
# the NaN that the specification writes "NaN".
_FLOATS = {
    2: ("=e", 10, 0x7C00, 0x7E00),
    4: ("=f", 23, 0x7F800000, 0x7FC00000),
    8: ("=d", 52, 0x7FF0000000000000, 0x7FF8000000000000),
}


def _float_from_json(value: Any, size: int, where: str) -> bytes:
    code, _, _, nan = _FLOATS[size]
    kind = type(value)
    if kind is float:
        return _pack(code, value)
    if kind is int or kind is NumberText:
        return _pack(code, _to_double(value) if size == 8 else _round_to_odd(value))
    if kind is str:
        if value == "NaN":
            return nan.to_bytes(size, sys.byteorder)
        if value == "Infinity" or value == "-Infinity":
            return _pack(code, float(value))
        if value.startswith("0x") and len(value) == 2 + 2 * size and _HEX_DIGITS.issuperset(value[2:]):
            return int(value, 16).to_bytes(size, sys.byteorder)
    raise MetadataError(
        f"{where}: {show(value)} is neither a number nor one of "
        f'"NaN", "Infinity", "-Infinity" and "0x" with {2 * size} hexadecimal digits'
    )


def _float_to_json(element: bytes) -> float | str:
    size = len(element)
    code, _, infinity, nan = _FLOATS[size]
    bits = int.from_bytes(element, sys.byteorder)
    magnitude = bits & ~(1 << (8 * size - 1))
    if magnitude < infinity:
        return struct.unpack(code, element)[0]
    if magnitude == infinity:
        return "Infinity" if bits == magnitude else "-Infinity"
    return "NaN" if bits == nan else f"0x{bits:0{2 * size}x}"


def _pack(code: str, value: float) -> bytes:
    """Rounds a double once, ties to even; beyond the type's range that is infinity."""
    try:
        return struct.pack(code, value)
    except OverflowError:
        return struct.pack(code, math.copysign(math.inf, value))


def _may_tie(value: Any, size: int) -> bool:
    """Whether a double, itself rounded from JSON text, may lie halfway between two values of a narrower type.

    Only then the text decides the direction: everywhere else rounding twice gives the same as rounding once. A halfway
    point has one bit more than the type, so the double's last bits are zero.
    """
    if size == 8 or type(value) is not float:
        return False
    code, fraction = _FLOATS[size][:2]
    if struct.unpack(code, _pack(code, value))[0] == value:
        return False
    return struct.unpack("=Q", struct.pack("=d", value))[0] & ((1 << (51 - fraction)) - 1) == 0


def _to_double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _round_to_odd(value: int | NumberText) -> float:
    """Returns a double that rounds to every narrower type as the exact number does.

    Of the two doubles around an inexact number the one with the odd last bit is taken: it is never halfway between two
    narrower values, and on the same side of each halfway point as the number.
    """
    exact: Any = value
    if type(value) is NumberText:
        from decimal import Decimal  # an import of some ms, for numbers that hardly ever occur

        exact = Decimal(value)
    nearest = _to_double(exact)
    if math.isinf(nearest) or nearest == exact:
        return nearest
    if struct.unpack("=Q", struct.pack("=d", nearest))[0] & 1:
        return nearest
    return math.nextafter(nearest, math.inf if exact > nearest else -math.inf)


# ---- the table of names ----

_KINDS = {"b": _Bool, "i": _Integer, "u": _Integer, "f": _Float, "c": _Complex}
_NAMES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)


def _plain(name: str) -> DataType:
    dtype = np.dtype(name)
    return _KINDS[dtype.kind](name, dtype, dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize)


_TYPES = {name: _plain(name) for name in _NAMES}


def parse_dtype(value: Any, where: str = "data_type") -> DataType:
    """Reads the member `data_type`.

    >>> parse_dtype({"name": "r24"}).numpy
    dtype('V3')
    """
    if type(value) is str and value in _TYPES:
        return _TYPES[value]
    name, configuration, _ = parse_extension(value, where)
    found = _TYPES.get(name) or _parse_raw(name, where)
    if found is None:
        known = ", ".join(_NAMES)
        raise UnsupportedError(f"{where}: unknown data type {name!r}; known are {known} and r8, r16, ...")
    refuse_unknown(configuration, (), f"{where}.configuration")
    return found


def _parse_raw(name: str, where: str) -> DataType | None:
    bits = name[1:]
    if name[:1] != "r" or bits.strip("0123456789.+-"):
        return None
    if bits.isdigit() and bits[0] != "0" and len(bits) <= len(str(8 * _MAX_ITEMSIZE)):
        size, rest = divmod(int(bits), 8)
        if not rest and size <= _MAX_ITEMSIZE:
            return _Raw(name, np.dtype((np.void, size)), 1)
    raise MetadataError(f"{where}: {show(name)} is not 'r' and a positive multiple of 8, at most {8 * _MAX_ITEMSIZE}")


def of_numpy(dtype: np.dtype) -> DataType:
    """Returns the data type that stores elements of a NumPy dtype, whatever its byte order.

    >>> of_numpy(np.dtype("V3")).name
    'r24'
    """
    if dtype.name in _TYPES:
        return _TYPES[dtype.name]
    is_raw = dtype.type is np.void and dtype.fields is None and dtype.subdtype is None
    if is_raw and 0 < dtype.itemsize <= _MAX_ITEMSIZE:
        return _Raw(f"r{8 * dtype.itemsize}", dtype, 1)
    raise UnsupportedError(f"NumPy dtype {dtype.str!r} has no data type; known are {', '.join(_NAMES)} and V1, V2, ...")
