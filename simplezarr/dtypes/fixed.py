"""Text and bytes of a fixed size: `fixed_length_utf32`, `null_terminated_bytes` and raw bytes, `r<N>`.

>>> Utf32.from_numpy(np.dtype(">U3")).to_json()
{'name': 'fixed_length_utf32', 'configuration': {'length_bytes': 12}}
>>> Raw.from_configuration("raw_bytes", {"length_bytes": 3}, "data_type").to_json()
'r24'
"""

import sys
from typing import Any, ClassVar, Self

import numpy as np

from simplezarr.dtypes.base import (
    MAX_ITEMSIZE,
    DataType,
    as_bytes,
    base64_of,
    bytes_of,
    configured_length,
    numbers_to_bytes,
)
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.schema.extensions import JsonObject, refuse_unknown, show

__all__ = ["NullTerminated", "Raw", "Utf32"]

_LAST_CODE_POINT = 0x10FFFF


class _FixedBytes(DataType):
    """Bytes of a fixed size."""

    __slots__ = ()

    def assigned(self, value: Any) -> bytes | None:
        """Take bytes; zeros at the end are added as NumPy does, or cut off."""
        size = self.numpy.itemsize
        data = value.tobytes() if isinstance(value, np.void) else as_bytes(value)
        if data is None or data[size:].strip(b"\0"):
            return None
        return data[:size].ljust(size, b"\0")

    @property
    def wanted(self) -> str:
        return f"bytes, at most {self.numpy.itemsize} of them"


class Raw(_FixedBytes):
    """Bytes without a meaning, `r<N>` for N bits; zarr-python calls it `raw_bytes`."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("raw_bytes",)
    json_values: ClassVar[tuple[type, ...]] = (list,)

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        if name in cls.names:
            return cls._of_size(configured_length(name, configuration, 1, where))
        refuse_unknown(configuration, (), f"{where}.configuration")
        return cls._of_size(_size_in_name(name, where))

    @classmethod
    def _of_size(cls, size: int) -> Self:
        return cls(f"r{8 * size}", np.dtype((np.void, size)), 1)

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        is_raw = dtype.type is np.void and dtype.fields is None and dtype.subdtype is None
        return cls._of_size(_size(dtype)) if is_raw else None

    def fill_from_json(self, value: Any, where: str) -> bytes:
        """Take the specification's list of numbers, and base64, which zarr-python and tensorstore write."""
        size = self.numpy.itemsize
        data = bytes_of(value, where, self.name) if type(value) is str else numbers_to_bytes(value)
        if data is None or len(data) != size:
            wanted = f"a list of {size} integers from 0 to 255, nor as many bytes in base64"
            raise MetadataError(f"{where}: {show(value)} is neither {wanted} ({self.name})")
        return data

    def fill_to_json(self, element: bytes) -> list[Any]:
        return list(element)


class NullTerminated(_FixedBytes):
    """Bytes of a fixed size, in which zeros at the end only fill up: NumPy's `S`. zarr-python and GDAL write it."""

    __slots__ = ()
    json_values: ClassVar[tuple[type, ...]] = ()
    names: ClassVar[tuple[str, ...]] = ("null_terminated_bytes",)

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        return cls(name, np.dtype((np.bytes_, configured_length(name, configuration, 1, where))), 1)

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        return cls(cls.names[0], np.dtype((np.bytes_, _size(dtype))), 1) if dtype.kind == "S" else None

    def assigned(self, value: Any) -> bytes | None:
        """Take bytes, and text in ASCII."""
        if isinstance(value, str):
            if not value.isascii():
                return None
            value = value.encode()
        return super().assigned(value)

    @property
    def wanted(self) -> str:
        return f"{super().wanted}, or text in ASCII"

    def fill_from_json(self, value: Any, where: str) -> bytes:
        data = bytes_of(value, where, self.name)
        if len(data) > self.numpy.itemsize:
            raise MetadataError(f"{where}: {len(data)} bytes in base64; {self.name} has {self.numpy.itemsize}")
        return data.ljust(self.numpy.itemsize, b"\0")

    def fill_to_json(self, element: bytes) -> str:
        return base64_of(element)

    def to_json(self) -> JsonObject:
        return {"name": self.name, "configuration": {"length_bytes": self.numpy.itemsize}}


class Utf32(DataType):
    """Text of a fixed number of code points, in which zeros at the end only fill up: NumPy's `U`."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("fixed_length_utf32",)
    needs_check: ClassVar[bool] = True
    json_values: ClassVar[tuple[type, ...]] = ()

    def assigned(self, value: Any) -> bytes | None:
        """Take text, and bytes in ASCII."""
        data = as_bytes(value)
        if data is not None and data.isascii():
            value = data.decode()
        size = self.numpy.itemsize
        if not isinstance(value, str) or len(value.rstrip("\0")) * 4 > size:
            return None
        return value.encode(_CODEC, "surrogatepass")[:size].ljust(size, b"\0")

    @property
    def wanted(self) -> str:
        return f"text of at most {self.numpy.itemsize // 4} characters"

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        return cls(name, np.dtype((np.str_, configured_length(name, configuration, 4, where) // 4)), 4)

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        return cls(cls.names[0], np.dtype((np.str_, _size(dtype) // 4)), 4) if dtype.kind == "U" else None

    def checked(self, array: np.ndarray) -> np.ndarray:
        """Raise ValueError for numbers that are not code points. Lone surrogates occur, and `str` can hold them."""
        units = array.view(np.uint32)
        if units.size and units.max() > _LAST_CODE_POINT:
            raise ValueError(f"{hex(units.max())} in {self.name} is beyond the last code point, 0x10ffff")
        return array

    def fill_from_json(self, value: Any, where: str) -> bytes:
        if type(value) is not str:
            raise MetadataError(f"{where}: {show(value)} is not a string, which a fill value of {self.name} must be")
        if len(value) * 4 > self.numpy.itemsize:
            raise MetadataError(
                f"{where}: {show(value)} has {len(value)} code points; an element has {self.numpy.itemsize // 4}"
            )
        return value.encode(_CODEC, "surrogatepass").ljust(self.numpy.itemsize, b"\0")

    def fill_to_json(self, element: bytes) -> str:
        return element.decode(_CODEC, "surrogatepass").rstrip("\0")

    def to_json(self) -> JsonObject:
        return {"name": self.name, "configuration": {"length_bytes": self.numpy.itemsize}}


_CODEC = "utf-32-le" if sys.byteorder == "little" else "utf-32-be"


def _size(dtype: np.dtype) -> int:
    if 0 < dtype.itemsize <= MAX_ITEMSIZE:
        return dtype.itemsize
    raise UnsupportedError(
        f"NumPy dtype {dtype.str!r} has elements of {dtype.itemsize} bytes; 1 to {MAX_ITEMSIZE} can be stored"
    )


def _size_in_name(name: str, where: str) -> int:
    """Return the bytes of an element of the type called `r<N>`."""
    bits = name[1:]
    if bits.isdigit() and bits[0] != "0" and len(bits) <= len(str(8 * MAX_ITEMSIZE)):
        size, rest = divmod(int(bits), 8)
        if not rest and size <= MAX_ITEMSIZE:
            return size
    raise MetadataError(f"{where}: {show(name)} is not 'r' and a positive multiple of 8, at most {8 * MAX_ITEMSIZE}")
