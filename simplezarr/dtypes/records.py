"""Records: `struct`, packed fields with names, and its older form `structured`.

>>> point = Struct.from_numpy(np.dtype([("x", ">f4"), ("n", "u1")], align=True))
>>> point.numpy
dtype([('x', '<f4'), ('n', 'u1')])
>>> point.fill_to_json(point.default_fill)
{'x': 0.0, 'n': 0}
"""

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from simplezarr.dtypes import registry
from simplezarr.dtypes.base import MAX_ITEMSIZE, DataType, bytes_of, refused_value
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.schema.extensions import JsonObject, check_integers, refuse_unknown, show
from simplezarr.schema.limits import MAX_NDIM

__all__ = ["Field", "Struct", "Structured"]

MAX_DEPTH = 16


_Change = Callable[[np.ndarray], np.ndarray]


class Field(NamedTuple):
    """A field of a record: an element, or an array of elements of `shape` in C order."""

    name: str
    data_type: DataType
    shape: tuple[int, ...] = ()

    @property
    def itemsize(self) -> int:
        """Bytes of the field."""
        return self.data_type.itemsize * math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Struct(DataType):
    """Records: `fields` one behind the other, without gaps."""

    names: ClassVar[tuple[str, ...]] = ("struct",)

    fields: tuple[Field, ...]

    @classmethod
    def of_fields(cls, fields: tuple[Field, ...], where: str) -> Self:
        """Return the record of some fields; raise MetadataError for equal names, and for too many bytes or levels."""
        names = [field.name for field in fields]
        if not fields:
            raise MetadataError(f"{where}: no fields; a record has at least one")
        for i, field in enumerate(fields):
            if not field.name or field.name in names[:i]:
                problem = "used twice" if field.name else "empty"
                raise MetadataError(f"{where}[{i}]: the name {show(field.name)} is {problem}")
            if field.data_type.is_variable:
                raise MetadataError(f"{where}[{i}]: {field.data_type.name} varies in size; a field must not")
        if sum(field.itemsize for field in fields) > MAX_ITEMSIZE:
            raise MetadataError(f"{where}: more than {MAX_ITEMSIZE} bytes in all, the limit for an element")
        if _depth(fields) > MAX_DEPTH:
            raise MetadataError(f"{where}: records are nested more than {MAX_DEPTH} deep")
        dtype = np.dtype([(field.name, field.data_type.numpy, field.shape) for field in fields])
        units = {field.data_type.swap_unit for field in fields}
        return cls(cls.names[0], dtype, units.pop() if len(units) == 1 else 0, fields)

    @classmethod
    def from_configuration(cls, name: str, configuration: JsonObject, where: str) -> Self:
        refuse_unknown(configuration, ("fields",), f"{where}.configuration")
        place = f"{where}.configuration.fields"
        fields = configuration.get("fields")
        if type(fields) is not list:
            raise MetadataError(
                f"{place}: {show(fields) if 'fields' in configuration else 'missing; it'} must be a list"
            )
        return cls.of_fields(tuple([cls._field(item, f"{place}[{i}]") for i, item in enumerate(fields)]), place)

    @classmethod
    def _field(cls, item: Any, where: str) -> Field:
        if type(item) is not dict or not item.keys() >= {"name", "data_type"}:
            raise MetadataError(f"{where}: {show(item)} is not an object with name and data_type")
        refuse_unknown(item, ("name", "data_type"), where)
        data_type = registry.parse_dtype(item["data_type"], f"{where}.data_type")
        return Field(_field_name(item["name"], f"{where}.name"), data_type)

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> Self | None:
        if dtype.names is None or dtype.fields is None:
            return None
        parts = [(name, dtype.fields[name][0]) for name in dtype.names]
        fields = [Field(name, registry.of_numpy(part.base), part.shape) for name, part in parts]
        try:
            return cls.of_fields(tuple(fields), "fields")
        except MetadataError as error:
            raise UnsupportedError(f"NumPy dtype {dtype}: {error}") from None

    @property
    def default_fill(self) -> bytes:
        return b"".join([field.data_type.default_fill * math.prod(field.shape) for field in self.fields])

    @property
    def needs_check(self) -> bool:  # type: ignore[override]
        return any(field.data_type.needs_check for field in self.fields)

    def swapped(self, array: np.ndarray) -> np.ndarray:
        return self._each(array, [(field, field.data_type.swapped) for field in self.fields])

    def checked(self, array: np.ndarray) -> np.ndarray:
        return self._each(
            array, [(field, field.data_type.checked) for field in self.fields if field.data_type.needs_check]
        )

    def _each(self, array: np.ndarray, changes: list[tuple[Field, _Change]]) -> np.ndarray:
        """Return a copy with some fields changed by functions, which get contiguous arrays of one dimension."""
        changed = array.copy()
        for field, change in changes:
            part = np.ascontiguousarray(array[field.name])
            changed[field.name] = change(part.reshape(-1)).reshape(part.shape)
        return changed

    def _elements(self, element: bytes) -> Iterator[tuple[Field, bytes]]:
        start = 0
        for field in self.fields:
            yield field, element[start : start + field.itemsize]
            start += field.itemsize

    def needs_text(self, value: Any) -> bool:
        return type(value) is dict and any(
            _any_text(field.data_type, len(field.shape), value.get(field.name)) for field in self.fields
        )

    def fill_from_value(self, value: Any, where: str) -> bytes:
        """Take a tuple or a mapping of values for the fields, a record, or one number for all fields."""
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]
        if isinstance(value, np.void) and value.dtype == self.numpy:
            return value.tobytes()
        parts = self._values(value)
        if parts is None:
            raise refused_value(value, self, where)
        return b"".join(
            [
                _part_from_value(field.data_type, field.shape, part, f"{where}.{field.name}")
                for field, part in zip(self.fields, parts, strict=True)
            ]
        )

    def _values(self, value: Any) -> Sequence[Any] | None:
        """Return a Python value for each field; None if the value is not one of a record."""
        names = [field.name for field in self.fields]
        if isinstance(value, np.void) and value.dtype.names is not None:
            theirs = list(value.dtype.names)
            is_sorted_otherwise = theirs != names and sorted(theirs) == sorted(names)  # NumPy assigns by position
            value = () if is_sorted_otherwise else tuple([value[name] for name in theirs])
        if isinstance(value, Mapping):
            return [value[name] for name in names] if value.keys() == set(names) else None
        if isinstance(value, tuple):
            return value if len(value) == len(names) else None
        return [value] * len(names) if isinstance(value, (int, float, complex, np.number, np.bool_)) else None

    @property
    def wanted(self) -> str:
        return f"a tuple or a dict with a value for each of the fields {', '.join(f.name for f in self.fields)}"

    def fill_from_json(self, value: Any, where: str) -> bytes:
        if type(value) is not dict:
            raise MetadataError(f"{where}: {show(value)} is not an object with a value for each field")
        refuse_unknown(value, [field.name for field in self.fields], where)
        parts = []
        for field in self.fields:
            if field.name not in value:
                raise MetadataError(f"{where}.{field.name}: missing; each field needs a value")
            parts.append(_part_from_json(field.data_type, field.shape, value[field.name], f"{where}.{field.name}"))
        return b"".join(parts)

    def fill_to_json(self, element: bytes) -> JsonObject:
        return {
            field.name: _part_to_json(field.data_type, field.shape, part) for field, part in self._elements(element)
        }

    def to_json(self) -> JsonObject:
        for field in self.fields:
            if field.shape:
                raise UnsupportedError(
                    f"data_type: the field {show(field.name)} is an array of shape {field.shape}, which Zarr 3 can't "
                    "spell; give the array more dimensions, or the record more fields"
                )
        fields = [{"name": field.name, "data_type": field.data_type.to_json()} for field in self.fields]
        return {"name": "struct", "configuration": {"fields": fields}}


class Structured(Struct):
    """The older form of `struct`: fields are `[name, data type]`, or have a shape too, and fill values may be base64.

    It is read but never written: `to_json` returns the form of `struct`.
    """

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ("structured",)

    @classmethod
    def _field(cls, item: Any, where: str) -> Field:
        if type(item) is dict:
            return super()._field(item, where)
        if type(item) is not list or len(item) not in (2, 3):
            raise MetadataError(f"{where}: {show(item)} is not a list of name and data type")
        shape = check_integers(item[2], 1, MAX_ITEMSIZE, f"{where}[2]") if len(item) == 3 else ()
        if len(shape) > MAX_NDIM:
            raise MetadataError(f"{where}[2]: {len(shape)} dimensions; the limit is {MAX_NDIM}")
        return Field(_field_name(item[0], f"{where}[0]"), registry.parse_dtype(item[1], f"{where}[1]"), shape)

    @classmethod
    def from_numpy(cls, dtype: np.dtype) -> None:
        return None

    def fill_from_json(self, value: Any, where: str) -> bytes:
        """Take an object, or the element's bytes in base64, in little endian."""
        if type(value) is dict:
            return super().fill_from_json(value, where)
        element = bytes_of(value, where, self.name)
        if len(element) != self.numpy.itemsize:
            raise MetadataError(f"{where}: {len(element)} bytes in base64; {self.name} has {self.numpy.itemsize}")
        array = np.frombuffer(element, self.numpy)
        return self.checked(array if sys.byteorder == "little" else self.swapped(array)).tobytes()


def _field_name(name: Any, where: str) -> str:
    if type(name) is not str:
        raise MetadataError(f"{where}: {show(name)} is not a string")
    return name


def _depth(fields: tuple[Field, ...]) -> int:
    inner = [_depth(field.data_type.fields) for field in fields if isinstance(field.data_type, Struct)]
    return 1 + max(inner, default=0)


def _any_text(data_type: DataType, axes: int, value: Any) -> bool:
    if axes and type(value) is list:
        return any(_any_text(data_type, axes - 1, item) for item in value)
    return data_type.needs_text(value)


def _part_from_json(data_type: DataType, shape: tuple[int, ...], value: Any, where: str) -> bytes:
    """Return a field's bytes; an array of elements is a list of lists."""
    if not shape:
        return data_type.fill_from_json(value, where)
    if type(value) is not list or len(value) != shape[0]:
        raise MetadataError(f"{where}: {show(value)} is not a list of {shape[0]} values")
    return b"".join([_part_from_json(data_type, shape[1:], item, f"{where}[{i}]") for i, item in enumerate(value)])


def _part_from_value(data_type: DataType, shape: tuple[int, ...], value: Any, where: str) -> bytes:
    """Return a field's bytes; an array of elements is a sequence of sequences, or one value for all."""
    if not shape:
        return data_type.fill_from_value(value, where)
    several = (list, np.ndarray) if isinstance(data_type, Struct) else (list, np.ndarray, tuple)  # a tuple is a record
    if not isinstance(value, several):
        return _part_from_value(data_type, (), value, where) * math.prod(shape)
    if len(value) != shape[0]:
        raise MetadataError(f"{where}: {len(value)} values; give {shape[0]}, or one for all")
    return b"".join([_part_from_value(data_type, shape[1:], item, f"{where}[{i}]") for i, item in enumerate(value)])


def _part_to_json(data_type: DataType, shape: tuple[int, ...], part: bytes) -> object:
    if not shape:
        return data_type.fill_to_json(part)
    size = len(part) // shape[0]
    return [_part_to_json(data_type, shape[1:], part[i * size : (i + 1) * size]) for i in range(shape[0])]
