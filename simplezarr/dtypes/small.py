"""Numbers of at most 16 bits that NumPy lacks: `bfloat16`, `float8_*`, `float6_*`, `float4_*`, `int4` and the like.

Their NumPy dtypes come from the package `ml_dtypes`. Without it, these types raise UnsupportedError. Their fill values
are converted here, from the bits of each format.

>>> SmallFloat.from_configuration("bfloat16", {}, "data_type").fill_from_json(1.0, "fill_value").hex()
'803f'
"""

import math
import sys
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from simplezarr.dtypes.base import DataType
from simplezarr.dtypes.floats import HEX_DIGITS, NumberText, round_to_odd
from simplezarr.dtypes.numbers import integer_from_json, keeps_float
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.schema.extensions import JsonObject, refuse_unknown, show
from simplezarr.schema.extras import extra

__all__ = ["SmallFloat", "SmallInteger"]


class _Format(NamedTuple):
    """The number of bits of sign, exponent and fraction; the bias; the bits of the largest number, infinity and NaN."""

    sign: int
    exponent: int
    fraction: int
    bias: int
    largest: int
    infinity: int | None = None
    nan: int | None = None


_FORMATS = {
    "bfloat16": _Format(1, 8, 7, 127, 0x7F7F, 0x7F80, 0x7FC0),
    "float8_e3m4": _Format(1, 3, 4, 3, 0x6F, 0x70, 0x78),
    "float8_e4m3": _Format(1, 4, 3, 7, 0x77, 0x78, 0x7C),
    "float8_e5m2": _Format(1, 5, 2, 15, 0x7B, 0x7C, 0x7E),
    "float8_e4m3fn": _Format(1, 4, 3, 7, 0x7E, None, 0x7F),
    "float8_e4m3b11fnuz": _Format(1, 4, 3, 11, 0x7F, None, 0x80),
    "float8_e4m3fnuz": _Format(1, 4, 3, 8, 0x7F, None, 0x80),
    "float8_e5m2fnuz": _Format(1, 5, 2, 16, 0x7F, None, 0x80),
    "float8_e8m0fnu": _Format(0, 8, 0, 127, 0xFE, None, 0xFF),
    "float6_e2m3fn": _Format(1, 2, 3, 1, 0x1F),
    "float6_e3m2fn": _Format(1, 3, 2, 3, 0x1F),
    "float4_e2m1fn": _Format(1, 2, 1, 1, 0x7),
}


class _Small(DataType):
    __slots__ = ()

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        refuse_unknown(configuration, (), f"{where}.configuration")
        ml_dtypes = extra("ml_dtypes", f"{where}: elements of {name}")
        if not hasattr(ml_dtypes, name):
            raise UnsupportedError(f"{where}: {name} is not in ml_dtypes {ml_dtypes.__version__}; install a newer one")
        dtype = np.dtype(getattr(ml_dtypes, name))
        return cls(name, dtype, dtype.itemsize)

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        return cls.from_configuration(dtype.name, {}, "dtype") if dtype.name in cls.names else None


class SmallInteger(_Small):
    """Integers of 2 and 4 bits, a byte each; the upper bits are ignored."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("int2", "int4", "uint2", "uint4")

    @property
    def _bits(self) -> int:
        return int(self.name[-1])

    def keeps(self, value: Any, element: np.ndarray) -> bool:
        return bool(int(element) == value)

    @property
    def wanted(self) -> str:
        return f"an integer of {self._bits} bits"

    def fill_from_json(self, value: Any, where: str) -> bytes:
        bits = self._bits
        low, high = (0, (1 << bits) - 1) if self.name[0] == "u" else (-(1 << bits - 1), (1 << bits - 1) - 1)
        return bytes([integer_from_json(value, low, high, where, self.name) & ((1 << bits) - 1)])

    def fill_to_json(self, element: bytes) -> int:
        bits = self._bits
        number = element[0] & ((1 << bits) - 1)
        return number - (1 << bits) if self.name[0] == "i" and number >> (bits - 1) else number


class SmallFloat(_Small):
    """Floating-point numbers of few bits; some formats have no infinity, NaN, zero or sign."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = tuple(_FORMATS)

    def needs_text(self, value: Any) -> bool:
        # A point halfway between two values has one bit more than the format. See `floats.may_tie`.
        bits = _FORMATS[self.name].fraction + 2
        return type(value) is float and value != 0 and math.ldexp(math.frexp(value)[0], bits).is_integer()

    def keeps(self, value: Any, element: np.ndarray) -> bool:
        """Return False also if a format without infinity or NaN has taken its largest number for one of these."""
        number = float(element)
        largest = float(np.array(_FORMATS[self.name].largest, f"u{self.itemsize}").view(self.numpy))
        return keeps_float(value, number) and (abs(number) != largest or abs(float(value)) <= largest)

    @property
    def wanted(self) -> str:
        return f"a number that {self.name} has"

    def fill_from_json(self, value: Any, where: str) -> bytes:
        return self._bits_from_json(value, where).to_bytes(self.itemsize, sys.byteorder)

    def _bits_from_json(self, value: Any, where: str) -> int:
        form = _FORMATS[self.name]
        digits = 2 * self.itemsize
        if type(value) in (int, float, NumberText):
            return self._round(round_to_odd(value), value, where)
        named = {"NaN": form.nan, "Infinity": form.infinity}
        if form.infinity is not None:
            named["-Infinity"] = form.infinity | self._sign_bit
        if type(value) is str:
            found = named.get(value)
            if found is not None:
                return found
            if value.startswith("0x") and len(value) == 2 + digits and HEX_DIGITS.issuperset(value[2:]):
                bits = int(value, 16)
                if bits < 2 * self._sign_bit:
                    return bits
        known = ", ".join([f'"{name}"' for name, bits in named.items() if bits is not None])
        raise MetadataError(
            f"{where}: {show(value)} is neither a number nor one of {known or 'the strings'} and "
            f'"0x" with {digits} hexadecimal digits for the bits of {self.name}'
        )

    @property
    def _sign_bit(self) -> int:
        """The highest bit, which is the sign in all formats except one."""
        form = _FORMATS[self.name]
        return 1 << (form.sign + form.exponent + form.fraction - 1)

    def _round(self, number: float, value: Any, where: str) -> int:
        """Return the bits of the nearest number, ties to even; `number` comes from `round_to_odd`."""
        form = _FORMATS[self.name]
        sign = self._sign_bit if math.copysign(1.0, number) < 0 else 0
        size = abs(number)
        bits = form.largest + 1
        if size < math.inf:
            lowest = (1 if form.fraction else 0) - form.bias
            exponent = max(math.frexp(size)[1] - 1, lowest) if size else lowest
            bits = ((exponent + form.bias - 1) << form.fraction) + round(math.ldexp(size, form.fraction - exponent))
        if bits > form.largest and form.infinity is not None:
            bits = form.infinity
        elif not 0 <= bits <= form.largest or (sign and not form.sign):
            raise MetadataError(f"{where}: {show(value)} is beyond the range of {self.name}")
        return bits if bits | sign == form.nan else bits | sign  # -0 would be the only NaN of some formats

    def fill_to_json(self, element: bytes) -> float | str:
        form = _FORMATS[self.name]
        bits = int.from_bytes(element, sys.byteorder) & (2 * self._sign_bit - 1)
        magnitude = bits & (self._sign_bit - 1) if form.sign else bits
        if bits == form.nan:
            return "NaN"
        if magnitude == form.infinity:
            return "Infinity" if bits == magnitude else "-Infinity"
        if magnitude > form.largest:
            return f"0x{bits:0{2 * self.itemsize}x}"
        exponent, fraction = magnitude >> form.fraction, magnitude & ((1 << form.fraction) - 1)
        if form.fraction and not exponent:
            number = math.ldexp(fraction, 1 - form.bias - form.fraction)
        else:
            number = math.ldexp((1 << form.fraction) + fraction, exponent - form.bias - form.fraction)
        return number if bits == magnitude else -number
