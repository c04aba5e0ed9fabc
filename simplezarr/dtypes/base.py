"""The base class of data types, and what its subclasses share."""

import base64
import binascii
import reprlib
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, as_json, check_integer, refuse_unknown, show

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

MAX_ITEMSIZE = 1 << 30  # bytes of an element


@dataclass(frozen=True, slots=True)
class DataType:
    """A data type of the specification, or one that `register_dtype` has registered.

    - name: in the metadata.
    - numpy: the NumPy dtype, in the machine's byte order.
    - swap_unit: bytes of the numbers whose byte order the codec `bytes` sets: 4 for complex64, 1 without an order, 0
      for numbers of several sizes.

    An element is always `bytes`: as NumPy holds it or, if elements vary in size, the bytes of the string alone.

    A subclass has the `names` by which the metadata call it. It makes its instances in `from_configuration` and
    `from_numpy`, and converts fill values. `array_bytes` is the codec of an array for which no codec is given.
    """

    names: ClassVar[tuple[str, ...]] = ()
    array_bytes: ClassVar[str] = "bytes"
    #: Whether elements vary in size; NumPy then holds references, and their bytes must not be copied.
    is_variable: ClassVar[bool] = False
    #: Whether stored bytes must go through `checked` before NumPy may use them.
    needs_check: ClassVar[bool] = False
    #: Types of JSON fill values that a caller in Python may use too, because NumPy gives them no other meaning.
    json_values: ClassVar[tuple[type, ...]] = (str, list, dict)

    name: str
    numpy: np.dtype
    swap_unit: int

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        """Return the data type that the metadata call `name`; raise MetadataError, which begins with `where`."""
        raise NotImplementedError(f"{cls.__name__} has no from_configuration")

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        """Return the data type that stores a NumPy dtype of any byte order; None if it is not one of this class."""
        return None

    @property
    def itemsize(self) -> int:
        """The number of bytes of one element in memory; of a reference, if elements vary in size."""
        return self.numpy.itemsize

    @property
    def default_fill(self) -> bytes:
        """The fill value for which none is given: zero bytes, NaT, or no bytes."""
        return bytes(self.numpy.itemsize)

    def scalar(self, element: bytes) -> Any:
        """Return an element as NumPy's indexing does: a NumPy scalar, or `str` or `bytes` of any length."""
        return np.frombuffer(element, self.numpy)[0]

    def swapped(self, array: np.ndarray) -> np.ndarray:
        """Return the elements of a contiguous one-dimensional array with the bytes of each number reversed."""
        if self.swap_unit == 1:
            return array
        return array.view(f"u{self.swap_unit}").byteswap().view(array.dtype)

    def checked(self, array: np.ndarray) -> np.ndarray:
        """Return the elements of an array in a form that NumPy can use; raise ValueError if one is not valid."""
        return array

    def needs_text(self, value: Any) -> bool:
        """Return whether `fill_from_json` needs the numbers in a value as `NumberText`, to round them correctly."""
        return False

    def fill_from_json(self, value: Any, where: str) -> bytes:
        """Return the element for a JSON fill value; raise MetadataError, which begins with `where`, if it is wrong."""
        raise NotImplementedError(f"{type(self).__name__} has no fill_from_json")

    def fill_to_json(self, element: bytes) -> object:
        """Return the JSON fill value for exactly this element."""
        raise NotImplementedError(f"{type(self).__name__} has no fill_to_json")

    def fill_from_value(self, value: Any, where: str) -> bytes:
        """Return the element that NumPy's assignment makes of a Python value.

        Raise MetadataError for a value that NumPy refuses, or that would change; floats may be rounded. A value of one
        of the types `json_values` that NumPy refuses is read as JSON.

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
        """Return the element that NumPy's assignment makes of a value; None if NumPy refuses it or it would change."""
        if isinstance(value, np.complexfloating):
            value = complex(value)  # NumPy refuses `complex` for real numbers, but only warns of its own type
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
        """The Python values that `fill_from_value` takes, for messages."""
        return f"a value that NumPy's {self.numpy} can hold"

    def to_json(self) -> str | JsonObject:
        """Return the member `data_type`."""
        return self.name


def refused_value(value: Any, data_type: DataType, where: str) -> MetadataError:
    """Return the error for a Python value that is not one of the data type."""
    return MetadataError(f"{where}: {reprlib.repr(value)} is not a value of {data_type.name}; give {data_type.wanted}")


def as_bytes(value: Any) -> bytes | None:
    """Return bytes, a bytearray or a memoryview as `bytes`; None for any other value."""
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else None


def configured_length(name: str, configuration: JsonObject, unit: int, where: str) -> int:
    """Return the member `length_bytes`, a positive multiple of `unit`; raise MetadataError for any other member."""
    refuse_unknown(configuration, ("length_bytes",), f"{where}.configuration")
    if "length_bytes" not in configuration:
        raise MetadataError(f"{where}.configuration.length_bytes: missing; {name} needs it")
    length = check_integer(configuration["length_bytes"], unit, MAX_ITEMSIZE, f"{where}.configuration.length_bytes")
    if length % unit:
        raise MetadataError(f"{where}.configuration.length_bytes: {length} is not a multiple of {unit} ({name})")
    return length


def numbers_to_bytes(value: Any) -> bytes | None:
    """Return a list of integers from 0 to 255 as bytes; None for anything else."""
    if type(value) is list and all(type(n) is int and 0 <= n <= 255 for n in value):
        return bytes(value)
    return None


def bytes_of(text: Any, where: str, name: str) -> bytes:
    """Return the bytes of a string in base64 (RFC 4648); raise MetadataError for anything else."""
    try:
        if type(text) is str:
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise MetadataError(f"{where}: {show(text)} is not a string in base64, which a fill value of {name} must be")


def base64_of(data: bytes) -> str:
    """Return bytes in base64.

    >>> base64_of(b"zarr")
    'emFycg=='
    """
    return base64.b64encode(data).decode()
