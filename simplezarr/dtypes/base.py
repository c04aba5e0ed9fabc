"""What a data type is, and what the modules of this package share."""

import base64
import binascii
import reprlib
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, as_json, check_integer, show

__all__ = [
    "MAX_ITEMSIZE",
    "DataType",
    "as_bytes",
    "base64_of",
    "bytes_of",
    "configured_length",
    "numbers_to_bytes",
    "refused_value",
]

MAX_ITEMSIZE = 1 << 30


@dataclass(frozen=True, slots=True)
class DataType:
    """A data type of the specification, or one that `register_dtype` has made known.

    `numpy` is in native byte order. `swap_unit` is the size in bytes of the numbers whose byte order the codec `bytes`
    sets: 4 for complex64, 1 where there is no order, 0 where there are numbers of several sizes. An element is always
    `bytes`: as NumPy holds it or, where elements vary in size, the bytes of the string alone.

    A subclass says by which `names` it goes in metadata, makes its instances in `from_configuration` and `from_numpy`,
    and converts fill values. `array_bytes` is the codec that an array gets where none is named.
    """

    names: ClassVar[tuple[str, ...]] = ()
    array_bytes: ClassVar[str] = "bytes"
    #: Whether elements vary in size, so that NumPy holds references and no bytes may be copied.
    is_variable: ClassVar[bool] = False
    #: Whether stored bytes may be such that NumPy must not see them before `checked` has.
    needs_check: ClassVar[bool] = False
    #: Types of the JSON fill values that callers in Python may use too, because NumPy gives them no other meaning.
    json_values: ClassVar[tuple[type, ...]] = (str, list, dict)

    name: str
    numpy: np.dtype
    swap_unit: int

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        """Makes the data type that metadata call `name`; errors begin with `where` and name the member."""
        raise NotImplementedError(f"{cls.__name__} has no from_configuration")

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        """Returns the data type that stores a NumPy dtype of any byte order, `None` if it is not one of this class."""
        return None

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory; where elements vary in size, of what refers to one."""
        return self.numpy.itemsize

    @property
    def default_fill(self) -> bytes:
        """The element for what is not stored where nothing else was said: all zero bytes, NaT, or no bytes."""
        return bytes(self.numpy.itemsize)

    def scalar(self, element: bytes) -> Any:
        """Returns an element as NumPy's indexing would: a NumPy scalar, or `str` or `bytes` of any length."""
        return np.frombuffer(element, self.numpy)[0]

    def swapped(self, array: np.ndarray) -> np.ndarray:
        """Returns the elements of a contiguous one-dimensional array, each number's bytes the other way round."""
        if self.swap_unit == 1:
            return array
        return array.view(f"u{self.swap_unit}").byteswap().view(array.dtype)

    def checked(self, array: np.ndarray) -> np.ndarray:
        """Returns the elements of an array in the form that NumPy needs; ValueError for what no element can be."""
        return array

    def needs_text(self, value: Any) -> bool:
        """Whether `fill_from_json` must see the numbers in `value` as `NumberText` to round them correctly."""
        return False

    def fill_from_json(self, value: Any, where: str) -> bytes:
        """Returns the element that the JSON fill value stands for."""
        raise NotImplementedError(f"{type(self).__name__} has no fill_from_json")

    def fill_to_json(self, element: bytes) -> object:
        """Returns the JSON fill value that stands for exactly this element."""
        raise NotImplementedError(f"{type(self).__name__} has no fill_to_json")

    def fill_from_value(self, value: Any, where: str) -> bytes:
        """Return the element that NumPy's assignment makes of a Python value.

        Raise MetadataError for a value that NumPy refuses, or that would not be the same afterwards; floats are
        rounded. A value of one of the types `json_values` that NumPy refuses is read as JSON.

        >>> from simplezarr.dtypes import parse_dtype
        >>> parse_dtype("int16").fill_from_value(3.0, "fill_value")
        b'\\x03\\x00'
        """
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]
        if isinstance(value, np.generic) and value.dtype == self.numpy and not self.is_variable:
            return value.tobytes()  # bit for bit: a NaN may carry a payload
        element = self.assigned(value)
        if element is not None:
            return element
        if isinstance(value, self.json_values):
            return self.fill_from_json(as_json(value), where)
        raise refused_value(value, self, where)

    def assigned(self, value: Any) -> bytes | None:
        """Return the element that NumPy's assignment makes of a value; None if it is refused or would lose anything."""
        if isinstance(value, np.complexfloating):
            value = complex(value)  # NumPy refuses this one for real numbers, and only warns of its own
        element = np.zeros((), self.numpy)
        try:
            with np.errstate(all="ignore"):
                element[()] = value
            is_kept = self.keeps(value, element)
        except (TypeError, ValueError, OverflowError):
            return None
        return element.tobytes() if is_kept else None

    def keeps(self, value: Any, element: np.ndarray) -> bool:
        """Return whether an element, to which NumPy has assigned a value, is still that value."""
        return bool(element[()] == value)

    @property
    def wanted(self) -> str:
        """What Python values `fill_from_value` takes, for messages."""
        return f"a value that NumPy's {self.numpy} can hold"

    def to_json(self) -> str | JsonObject:
        """Returns the member `data_type`."""
        return self.name


def refused_value(value: Any, data_type: DataType, where: str) -> MetadataError:
    """Return the error for a Python value that is not one of the data type."""
    return MetadataError(f"{where}: {reprlib.repr(value)} is not a value of {data_type.name}; give {data_type.wanted}")


def as_bytes(value: Any) -> bytes | None:
    """Return bytes, or what is like them, as `bytes`; None for any other value."""
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else None


def configured_length(name: str, configuration: JsonObject, unit: int, where: str) -> int:
    """Returns the member `length_bytes`, a positive multiple of `unit` and the only member."""
    if "length_bytes" not in configuration:
        raise MetadataError(f"{where}.configuration.length_bytes: missing; {name} needs it")
    length = configuration["length_bytes"]
    check_integer(length, unit, MAX_ITEMSIZE, f"{where}.configuration.length_bytes")
    if length % unit:
        raise MetadataError(f"{where}.configuration.length_bytes: {length} is not a multiple of {unit} ({name})")
    return length


def numbers_to_bytes(value: Any) -> bytes | None:
    """Returns a list of integers from 0 to 255 as bytes, `None` if it is anything else."""
    if type(value) is list and all(type(n) is int and 0 <= n <= 255 for n in value):
        return bytes(value)
    return None


def bytes_of(text: Any, where: str, name: str) -> bytes:
    """Returns what a string in base64 (RFC 4648) stands for."""
    try:
        if type(text) is str:
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise MetadataError(f"{where}: {show(text)} is not a string in base64, as a fill value of {name} must be")


def base64_of(data: bytes) -> str:
    """Returns bytes in base64.

    >>> base64_of(b"zarr")
    'emFycg=='
    """
    return base64.b64encode(data).decode()
