"""Times and durations: `numpy.datetime64` and `numpy.timedelta64`.

>>> Datetime64.from_numpy(np.dtype("M8[10us]")).to_json()
{'name': 'numpy.datetime64', 'configuration': {'unit': 'us', 'scale_factor': 10}}
"""

import sys
from typing import Any, ClassVar, Self

import numpy as np

from simplezarr.dtypes.base import DataType
from simplezarr.dtypes.numbers import integer_from_json
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_choice, check_integer, refuse_unknown

__all__ = ["Datetime64", "Timedelta64"]

_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "μs", "ns", "ps", "fs", "as", "generic")
_NOT_A_TIME = (-(2**63)).to_bytes(8, sys.byteorder, signed=True)


class _Time(DataType):
    """A count of `scale_factor` units, as a signed integer of 64 bits."""

    __slots__ = ()
    json_values: ClassVar[tuple[type, ...]] = ()
    _code: ClassVar[str]
    _scalar: ClassVar[type[np.datetime64] | type[np.timedelta64]]

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        place = f"{where}.configuration"
        refuse_unknown(configuration, ("unit", "scale_factor"), place)
        for member in ("unit", "scale_factor"):
            if member not in configuration:
                raise MetadataError(f"{place}.{member}: missing; {name} needs it")
        unit, factor = configuration["unit"], configuration["scale_factor"]
        check_choice(unit, _UNITS, f"{place}.unit")
        check_integer(factor, 1, 2**31 - 1, f"{place}.scale_factor")
        return cls(name, np.dtype(f"{cls._code}[{factor}{'us' if unit == 'μs' else unit}]"), 8)

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        return cls(cls.names[0], dtype.newbyteorder("="), 8) if dtype.kind == cls._code[0] else None

    @property
    def default_fill(self) -> bytes:
        return _NOT_A_TIME

    def assigned(self, value: Any) -> bytes | None:
        """Take counts, times of any unit that are whole counts, text that NumPy parses, and times of Python."""
        kind = type(self)._scalar
        if hasattr(value, "to_numpy"):  # NumPy would lose the nanoseconds of pandas
            value = value.to_numpy()
        if isinstance(value, (np.datetime64, np.timedelta64)) and np.isnat(value):
            return _NOT_A_TIME
        if isinstance(value, (bool, np.bool_)):
            return None
        if isinstance(value, (int, np.integer)) and not isinstance(value, np.timedelta64):
            number = int(value)
            return number.to_bytes(8, sys.byteorder, signed=True) if -(2**63) <= number < 2**63 else None
        try:
            given = value if isinstance(value, kind) else kind(value)
            element = np.zeros((), self.numpy)
            element[()] = given
            is_kept = bool(element.astype(given.dtype) == given)
        except (TypeError, ValueError, OverflowError):
            return None
        return element.tobytes() if is_kept or np.isnat(given) else None

    @property
    def wanted(self) -> str:
        unit, factor = np.datetime_data(self.numpy)
        return f"a time that is a whole count of {factor} {unit}, the count itself, or NaT"

    def fill_from_json(self, value: Any, where: str) -> bytes:
        if value == "NaT" and type(value) is str:
            return _NOT_A_TIME
        number = integer_from_json(value, -(2**63), 2**63 - 1, where, f'{self.name} that is not "NaT"')
        return number.to_bytes(8, sys.byteorder, signed=True)

    def fill_to_json(self, element: bytes) -> int | str:
        return "NaT" if element == _NOT_A_TIME else int.from_bytes(element, sys.byteorder, signed=True)

    def to_json(self) -> JsonObject:
        unit, factor = np.datetime_data(self.numpy)
        return {"name": self.name, "configuration": {"unit": unit, "scale_factor": factor}}


class Datetime64(_Time):
    """Points in time, counted from 1970."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("numpy.datetime64",)
    _code: ClassVar[str] = "M8"
    _scalar: ClassVar[type[np.datetime64]] = np.datetime64


class Timedelta64(_Time):
    """Durations."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("numpy.timedelta64",)
    _code: ClassVar[str] = "m8"
    _scalar: ClassVar[type[np.timedelta64]] = np.timedelta64
