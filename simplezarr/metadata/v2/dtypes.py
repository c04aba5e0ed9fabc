"""Data types and fill values in Zarr 2: NumPy's type strings, which have the byte order, and base64.

>>> data_type, stored = parse_type(">u2", None, "dtype")
>>> data_type.name, byte_order(stored), type_to_json(data_type, stored)
('uint16', 'big', '>u2')
>>> fill_from_json("AAAAAAAA+D8=", *parse_type("|V8", None, "dtype"), "fill_value").hex()
'000000000000f83f'
"""

import math
import re
import sys
from typing import Any

import numpy as np

from simplezarr.dtypes import DataType, of_numpy, parse_dtype
from simplezarr.dtypes.base import MAX_ITEMSIZE, base64_of, bytes_of
from simplezarr.dtypes.variable import Objects
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.schema.extensions import check_integers, show
from simplezarr.schema.leniency import tolerate

__all__ = ["OBJECT", "byte_order", "fill_from_json", "fill_to_json", "parse_type", "type_to_json"]

OBJECT = "|O"  # elements that vary in size; a filter decides what they are
_MAX_DEPTH = 16

_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "c": (8, 16), "M": (8,), "m": (8,)}
_read_type = re.compile(r"([<>|])([biufcSUVMm])(0|[1-9][0-9]{0,9})(?:\[([1-9][0-9]{0,9})?([A-Za-z]{1,7})\])?").fullmatch
_TIME_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic")
# The names that tensorstore writes for types without a type string in NumPy.
_is_integer = re.compile(r"[+-]?[0-9]{1,20}").fullmatch
_PLAIN_NAMES = re.compile(r"bfloat16|u?int[24]|float[468]_[a-z0-9]+").fullmatch
_OBJECT_TYPES = {
    "vlen-utf8": "string",
    "vlen-bytes": "bytes",
    "categorize": "string",
    **dict.fromkeys(("vlen-array", "json2", "msgpack2"), "object"),
}

Stored = tuple[DataType, np.dtype]


def parse_type(value: Any, object_filter: str | None, where: str) -> Stored:
    """Return the data type that the member `dtype` describes, and the NumPy dtype with the byte orders of the chunks.

    object_filter: the id of the filter that decides what objects are, None without one. Raise MetadataError for a wrong
    member, UnsupportedError for an unknown type.
    """
    if value == OBJECT:
        name = _OBJECT_TYPES.get(object_filter or "")
        if name is None:
            known = " and ".join(map(show, _OBJECT_TYPES))
            raise UnsupportedError(
                f"{where}: {show(value)} with {show(object_filter) if object_filter else 'no'} filter for objects; "
                f"known are {known}"
            )
        data_type = Objects.make() if name == "object" else parse_dtype(name, where)
        return data_type, data_type.numpy
    if type(value) is str and _PLAIN_NAMES(value):
        data_type = parse_dtype(value, where)
        return data_type, data_type.numpy
    stored = _parse_numpy(value, where, 0)
    try:
        if stored.itemsize == 0:
            tolerate("empty-type", where)
            return of_numpy(np.dtype(f"{stored.kind}1")), stored
        return of_numpy(stored), stored
    except UnsupportedError as error:
        raise UnsupportedError(f"{where}: {error}") from None


def _parse_numpy(value: Any, where: str, depth: int) -> np.dtype:
    """Return a NumPy dtype. A grammar checks strings first, because NumPy's parser accepts much more than these."""
    if type(value) is list:
        return _parse_fields(value, where, depth)
    match = _read_type(value) if type(value) is str else None
    if match is None:
        raise MetadataError(f'{where}: {show(value)} is neither a NumPy type string such as "<i4" nor a list of fields')
    order, kind, size, _, unit = match.groups()
    if kind in _SIZES and int(size) not in _SIZES[kind]:
        raise UnsupportedError(f"{where}: {show(value)} has a size that is not known; known are {_SIZES[kind]}")
    if int(size) * (4 if kind == "U" else 1) > MAX_ITEMSIZE:
        raise MetadataError(f"{where}: {show(value)} is larger than {MAX_ITEMSIZE} bytes")
    if order == "|" and kind not in "bSV" and not (kind in "iu" and size == "1"):
        raise MetadataError(f'{where}: {show(value)} has no byte order; it must begin with "<" or ">"')
    if unit is not None and (kind not in "Mm" or unit not in _TIME_UNITS):
        raise MetadataError(f"{where}: {show(value)} has a unit that is not known; known are {', '.join(_TIME_UNITS)}")
    return np.dtype(match[0])


def _parse_fields(fields: list[Any], where: str, depth: int) -> np.dtype:
    if not fields or depth == _MAX_DEPTH:
        problem = "nested too deeply" if fields else "empty; give at least one field"
        raise MetadataError(f"{where}: {problem}")
    parsed: list[tuple[Any, ...]] = []
    fields = _with_names(fields, where)
    for i, item in enumerate(fields):
        place = f"{where}[{i}]"
        if type(item) is not list or len(item) not in (2, 3) or type(item[0]) is not str or not item[0]:
            raise MetadataError(
                f"{place}: {show(item)} is not a list of a field's name, its type and, optionally, its shape"
            )
        dtype = _parse_numpy(item[1], place, depth + 1)
        shape = check_integers(item[2] if len(item) == 3 else [], 1, MAX_ITEMSIZE, f"{place}[2]")
        if len(shape) > _MAX_DEPTH or math.prod(shape) * dtype.itemsize > MAX_ITEMSIZE:
            raise MetadataError(f"{place}: {show(item)} is larger than {MAX_ITEMSIZE} bytes")
        if dtype.itemsize == 0:
            tolerate("empty-field", place)
            continue
        parsed.append((item[0], dtype, shape))
    if len({name for name, _, _ in parsed}) < len(parsed):
        raise MetadataError(f"{where}: {show(fields)} has a name twice")
    if sum(dtype.itemsize * math.prod(shape) for _, dtype, shape in parsed) > MAX_ITEMSIZE:
        raise MetadataError(f"{where}: {show(fields)} is larger than {MAX_ITEMSIZE} bytes")
    if not parsed:
        raise UnsupportedError(f"{where}: {show(fields)} has no field of any size")
    return np.dtype(parsed)


def _with_names(fields: list[Any], where: str) -> list[Any]:
    """Return the fields; gaps before aligned fields get the names that NumPy gives them: `f` and their number."""
    named = list(fields)
    for i, item in enumerate(fields):
        if type(item) is list and len(item) == 2 and item[0] == "" and type(item[1]) is str and item[1][:2] == "|V":
            taken = [field[0] for field in named if type(field) is list and field]
            name = f"f{i}"
            while name in taken:
                name += "_"
            tolerate("padding", f"{where}[{i}]", show(name))
            named[i] = [name, item[1]]
    return named


def byte_order(stored: np.dtype) -> str | None:
    """Return `"little"` or `"big"`, `"mixed"` for a structure of both, None without an order.

    >>> byte_order(np.dtype([("a", "<u2"), ("b", ">f4")]))
    'mixed'
    """
    if stored.fields is not None:
        orders = {byte_order(field[0]) for field in stored.fields.values()} - {None}
        return "mixed" if len(orders) > 1 else next(iter(orders), None)
    if stored.subdtype is not None:
        return byte_order(stored.base)
    return {"<": "little", ">": "big", "=": sys.byteorder}.get(stored.byteorder)


def type_to_json(data_type: DataType, stored: np.dtype) -> str | list[Any]:
    """Return the member `dtype`."""
    if data_type.name in _OBJECT_TYPES.values():
        return OBJECT
    if _PLAIN_NAMES(data_type.name):
        return data_type.name
    return _fields_to_json(stored)


def _fields_to_json(stored: np.dtype) -> str | list[Any]:
    if stored.fields is None:
        unit, factor = np.datetime_data(stored) if stored.kind in "Mm" else ("", 1)
        return f"{stored.str}[{factor}generic]" if unit == "generic" and factor > 1 else stored.str
    fields = []
    for name in stored.names or ():
        dtype = stored.fields[name][0]
        shape = [list(dtype.shape)] if dtype.shape else []
        fields.append([name, _fields_to_json(dtype.base), *shape])
    return fields


# ---- fill values ----


def fill_from_json(value: Any, data_type: DataType, stored: np.dtype, where: str) -> bytes:
    """Return the element, in the machine's byte order, for a fill value; null means the data type's default.

    Raise MetadataError, which begins with `where`, for a wrong value.
    """
    if value is None:
        return data_type.default_fill
    if stored.itemsize == 0:
        return data_type.default_fill
    kind = stored.kind
    if type(value) is int and value == 0 and kind in "SUVTO" and data_type.name != "object":
        tolerate("zero-fill", where)
        return data_type.default_fill
    if (kind in "SV" and not _PLAIN_NAMES(data_type.name)) or (kind == "c" and type(value) is str):
        return _from_base64(value, data_type, stored, where)
    if kind == "c" and type(value) is list:
        value = [_number(part, f"{where}[{i}]") for i, part in enumerate(value)]
    elif kind == "f" or _PLAIN_NAMES(data_type.name):
        value = _number(value, where)
    elif kind in "iu" and type(value) is str and _is_integer(value):
        tolerate("text-fill", where)
        value = int(value)
    elif kind == "b" and type(value) is int and value in (0, 1):
        tolerate("integer-bool", where)
        value = bool(value)
    return data_type.fill_from_json(value, where)


def _number(value: Any, where: str) -> Any:
    """Return a floating-point number as Zarr 3 spells it."""
    if type(value) is float and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if type(value) is str and value not in ("NaN", "Infinity", "-Infinity"):
        try:
            number = float(value)
        except ValueError:
            message = f'{where}: {show(value)} is neither a number nor one of "NaN", "Infinity", "-Infinity"'
            raise MetadataError(message) from None
        tolerate("text-fill", where)
        return _number(number, where)
    return value


def _from_base64(value: Any, data_type: DataType, stored: np.dtype, where: str) -> bytes:
    data, size = bytes_of(value, where, data_type.name), stored.itemsize
    if len(data) > size or (len(data) < size and stored.kind != "S"):
        raise MetadataError(f"{where}: {len(data)} bytes in base64; an element has {size}")
    elements = np.frombuffer(data.ljust(size, b"\0"), stored)
    try:
        return data_type.checked(elements.astype(data_type.numpy)).tobytes()
    except ValueError as error:
        raise MetadataError(f"{where}: {error}") from None


def fill_to_json(element: bytes, data_type: DataType, stored: np.dtype) -> Any:
    """Return the fill value for exactly this element; raise UnsupportedError if Zarr 2 can't spell it."""
    if stored.kind in "SV" and not _PLAIN_NAMES(data_type.name):
        return base64_of(np.frombuffer(element, data_type.numpy).astype(stored).tobytes())
    if stored.kind in "Mm":  # some software does not know "NaT"
        return int.from_bytes(element, sys.byteorder, signed=True)
    value = data_type.fill_to_json(element)
    for part in value if type(value) is list else [value]:
        if stored.kind in "fc" and type(part) is str and part.startswith("0x"):
            raise UnsupportedError(f"Zarr 2 has no spelling for the NaN {part} as a fill value; use numpy.nan")
    return value
