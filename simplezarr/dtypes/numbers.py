"""Booleans, integers, floats and complex numbers: the data types of the core specification.

>>> Float.from_numpy(np.dtype(">f4")).fill_from_json("NaN", "fill_value") == np.float32("nan").tobytes()
True
"""

import math
import sys
from typing import Any, ClassVar, Self

import numpy as np

from simplezarr.dtypes.base import DataType
from simplezarr.dtypes.floats import NumberText, float_from_json, float_to_json, may_tie
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, refuse_unknown, show
from simplezarr.schema.leniency import tolerate

__all__ = ["Bool", "Complex", "Float", "Integer", "integer_from_json", "keeps_float"]


class _Number(DataType):
    __slots__ = ()

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        refuse_unknown(configuration, (), f"{where}.configuration")
        dtype = np.dtype(_ALIASES.get(name, name))
        return cls(dtype.name, dtype, dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize)

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        return cls.from_configuration(dtype.name, {}, "dtype") if dtype.name in cls.names else None


class Bool(_Number):
    """Booleans, a byte each."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("bool",)
    needs_check: ClassVar[bool] = True

    def checked(self, array: np.ndarray) -> np.ndarray:
        return np.not_equal(array.view(np.uint8), 0)  # for NumPy, bytes other than 0 and 1 are undefined behaviour

    @property
    def wanted(self) -> str:
        return "True or False"

    def fill_from_json(self, value: Any, where: str) -> bytes:
        if type(value) is not bool:
            raise MetadataError(f"{where}: {show(value)} is neither true nor false, which a fill value of bool must be")
        return b"\1" if value else b"\0"

    def fill_to_json(self, element: bytes) -> bool:
        return element != b"\0"


class Integer(_Number):
    """Signed integers in two's complement, and unsigned integers."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = (
        *("int8", "int16", "int32", "int64"),
        *("uint8", "uint16", "uint32", "uint64"),
    )

    def keeps(self, value: Any, element: np.ndarray) -> bool:
        if isinstance(value, (str, bytes)):  # NumPy reads a number in a string exactly or not at all
            return True
        return bool(element.item() == (value.item() if isinstance(value, np.generic) else value))

    @property
    def wanted(self) -> str:
        bounds = np.iinfo(self.numpy)
        return f"an integer from {bounds.min} to {bounds.max}, or create the array with another dtype"

    def fill_from_json(self, value: Any, where: str) -> bytes:
        bounds = np.iinfo(self.numpy)
        number = integer_from_json(value, int(bounds.min), int(bounds.max), where, self.name)
        return number.to_bytes(self.numpy.itemsize, sys.byteorder, signed=self.numpy.kind == "i")

    def fill_to_json(self, element: bytes) -> int:
        return int.from_bytes(element, sys.byteorder, signed=self.numpy.kind == "i")


class Float(_Number):
    """Floating-point numbers of IEEE 754."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("float16", "float32", "float64")

    def needs_text(self, value: Any) -> bool:
        return may_tie(value, self.numpy.itemsize)

    def keeps(self, value: Any, element: np.ndarray) -> bool:
        return keeps_float(value, float(element))

    @property
    def wanted(self) -> str:
        return f"a number within the range of {self.name}"

    def fill_from_json(self, value: Any, where: str) -> bytes:
        return float_from_json(value, self.numpy.itemsize, where)

    def fill_to_json(self, element: bytes) -> float | str:
        return float_to_json(element)


class Complex(_Number):
    """Complex numbers: a real and an imaginary part, each a float."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("complex64", "complex128", "complex_float32", "complex_float64")

    def needs_text(self, value: Any) -> bool:
        return type(value) is list and any(may_tie(part, self.swap_unit) for part in value)

    def keeps(self, value: Any, element: np.ndarray) -> bool:
        given = complex(value) if isinstance(value, str) else value
        if not hasattr(given, "imag"):
            return keeps_float(given, float(element.real))
        return keeps_float(given.real, float(element.real)) and keeps_float(given.imag, float(element.imag))

    @property
    def wanted(self) -> str:
        return f"a number within the range of {self.name}"

    def fill_from_json(self, value: Any, where: str) -> bytes:
        if type(value) is not list or len(value) != 2:
            raise MetadataError(f"{where}: {show(value)} is not a list of a real and an imaginary part ({self.name})")
        return b"".join(float_from_json(part, self.swap_unit, f"{where}[{i}]") for i, part in enumerate(value))

    def fill_to_json(self, element: bytes) -> list[Any]:
        unit = self.swap_unit
        return [float_to_json(element[:unit]), float_to_json(element[unit:])]


def keeps_float(value: Any, number: float) -> bool:
    """Return whether a number is finite, infinite or NaN if the value, of which it was rounded, is."""
    if value is None or isinstance(value, (complex, np.complexfloating)):
        return False
    if isinstance(value, (str, bytes)):
        is_finite = "inf" not in str(value).lower()
        value = float(value)
    else:
        is_finite = -math.inf < value < math.inf
    return math.isnan(number) == (value != value) and math.isinf(number) == (not is_finite and value == value)


_ALIASES = {"complex_float32": "complex64", "complex_float64": "complex128"}


def integer_from_json(value: Any, low: int, high: int, where: str, name: str) -> int:
    """Return an integer from `low` to `high`, also if it is spelled with a fraction or an exponent.

    Raise MetadataError for anything else.
    """
    if type(value) is NumberText:  # next to a fraction in the same fill value
        value = float(value)
    # From 2**53 on, a double may stand for a neighbour of the number that is spelled.
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        tolerate("integral-fill", where, f"{value!r} as a fill value of {name}")
        value = int(value)
    if type(value) is int and low <= value <= high:
        return value
    raise MetadataError(
        f"{where}: {show(value)} is not an integer from {low} to {high}, which a fill value of {name} must be"
    )
