"""Text and bytes of any length: `string` and `bytes`. NumPy holds references to them, which must not be copied.

>>> String.from_numpy(np.dtypes.StringDType()).scalar("é".encode())
'é'
"""

import json
from typing import Any, ClassVar, Self

import numpy as np

from simplezarr.dtypes.base import DataType, as_bytes, base64_of, bytes_of, numbers_to_bytes
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.schema.extensions import JsonObject, refuse_unknown, show
from simplezarr.schema.leniency import tolerate

__all__ = ["ByteString", "Objects", "String"]


class _Variable(DataType):
    __slots__ = ()
    is_variable: ClassVar[bool] = True
    json_values: ClassVar[tuple[type, ...]] = ()

    @property
    def default_fill(self) -> bytes:
        return b""


class String(_Variable):
    """Text, stored as UTF-8: NumPy's `StringDType`."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("string",)
    array_bytes: ClassVar[str] = "vlen-utf8"

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        refuse_unknown(configuration, (), f"{where}.configuration")
        return cls(name, np.dtypes.StringDType(), 1)

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        if dtype.kind != "T":
            return None
        if hasattr(dtype, "na_object"):
            raise UnsupportedError(f"{dtype}: missing values can't be stored; use StringDType() without na_object")
        return cls(cls.names[0], np.dtypes.StringDType(), 1)

    def assigned(self, value: Any) -> bytes | None:
        """Take text, and bytes that are UTF-8."""
        try:
            if isinstance(value, str):
                return value.encode()
            data = as_bytes(value)
            if data is not None:
                data.decode()
            return data
        except UnicodeError:
            return None

    @property
    def wanted(self) -> str:
        return "text that UTF-8 can spell"

    def scalar(self, element: bytes) -> str:
        return element.decode()

    def fill_from_json(self, value: Any, where: str) -> bytes:
        if type(value) is not str:
            raise MetadataError(f"{where}: {show(value)} is not a string, which a fill value of {self.name} must be")
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise MetadataError(f"{where}: {show(value)} has a lone surrogate, which UTF-8 can't spell") from None

    def fill_to_json(self, element: bytes) -> str:
        return element.decode()


class ByteString(_Variable):
    """Bytes of any length: an object array of `bytes`. zarr-python writes the name `variable_length_bytes`."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("bytes", "variable_length_bytes", "binary")
    array_bytes: ClassVar[str] = "vlen-bytes"
    json_values: ClassVar[tuple[type, ...]] = (list,)

    def assigned(self, value: Any) -> bytes | None:
        """Take bytes, a bytearray or a memoryview."""
        return as_bytes(value)

    @property
    def wanted(self) -> str:
        return "bytes"

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        refuse_unknown(configuration, (), f"{where}.configuration")
        if name == "binary":
            tolerate("dtype-alias", where, "'binary' is 'bytes'")
        return cls(cls.names[0], np.dtype(object), 1)

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        return cls(cls.names[0], dtype, 1) if dtype.kind == "O" else None

    def scalar(self, element: bytes) -> bytes:
        return element

    def fill_from_json(self, value: Any, where: str) -> bytes:
        """Take a list of numbers, or base64."""
        data = bytes_of(value, where, self.name) if type(value) is str else numbers_to_bytes(value)
        if data is None:
            raise MetadataError(f"{where}: {show(value)} is neither base64 nor a list of integers from 0 to 255")
        return data

    def fill_to_json(self, element: bytes) -> str:
        return base64_of(element)


class Objects(_Variable):
    """Any Python objects, which the object codecs of Zarr 2 decode; an element is JSON. Zarr 3 has no such type."""

    __slots__ = ()

    @classmethod
    def make(cls) -> Self:
        """Return the data type."""
        return cls("object", np.dtype(object), 1)

    @property
    def default_fill(self) -> bytes:
        return b"null"

    def scalar(self, element: bytes) -> Any:
        return json.loads(element)

    def fill_from_json(self, value: Any, where: str) -> bytes:
        if isinstance(value, list | dict):
            raise MetadataError(
                f"{where}: {show(value)} is not one object; give a number, a string, true, false or null"
            )
        return json.dumps(value).encode()

    def fill_to_json(self, element: bytes) -> Any:
        return json.loads(element)
