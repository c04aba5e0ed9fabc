"""Data types by their names in the metadata, and by NumPy dtypes.

The core types are imported here. The module of any other type is imported when a name or a dtype first needs it.
"""

import importlib
from typing import Any, TypeVar

import numpy as np

from simplezarr.dtypes.base import DataType
from simplezarr.dtypes.numbers import Bool, Complex, Float, Integer
from simplezarr.errors import UnsupportedError
from simplezarr.schema import parse_cache
from simplezarr.schema.extensions import parse_extension, show

__all__ = ["of_numpy", "parse_dtype", "register_dtype"]

# By module below simplezarr.dtypes, and by class: the names in the metadata.
_BUILTIN: dict[str, dict[str, tuple[str, ...]]] = {
    "variable": {"String": ("string",), "ByteString": ("bytes", "variable_length_bytes", "binary")},
    "fixed": {
        "Utf32": ("fixed_length_utf32",),
        "NullTerminated": ("null_terminated_bytes",),
        "Raw": ("raw_bytes",),
    },
    "times": {"Datetime64": ("numpy.datetime64",), "Timedelta64": ("numpy.timedelta64",)},
    "records": {"Struct": ("struct",), "Structured": ("structured",)},
    "small": {
        "SmallFloat": (
            *("bfloat16", "float8_e3m4", "float8_e4m3", "float8_e5m2", "float8_e8m0fnu"),
            *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e4m3b11fnuz"),
            *("float6_e2m3fn", "float6_e3m2fn", "float4_e2m1fn"),
        ),
        "SmallInteger": ("int2", "int4", "uint2", "uint4"),
    },
}
_HOMES = {
    name: (module, cls) for module, classes in _BUILTIN.items() for cls, names in classes.items() for name in names
}
# By kind of a NumPy dtype: names of the data types that may store it.
_KINDS = {
    "T": ("string",),
    "O": ("bytes",),
    "U": ("fixed_length_utf32",),
    "S": ("null_terminated_bytes",),
    "M": ("numpy.datetime64",),
    "m": ("numpy.timedelta64",),
    "V": ("struct", "raw_bytes"),
}

D = TypeVar("D", bound=DataType)

_classes: dict[str, type[DataType]] = {name: cls for cls in (Bool, Integer, Float, Complex) for name in cls.names}
_core = {name: cls.from_configuration(name, {}, name) for name, cls in _classes.items()}
_registered: list[type[DataType]] = []


def register_dtype(cls: type[D]) -> type[D]:
    """Register a data type by its `names`, and return it, so that it can decorate a class.

    A class that is registered later by the same name replaces it. Raise TypeError for anything but a class of a data
    type with names.

    The class derives from `simplezarr.dtypes.DataType` and has `names`, `from_configuration`, `from_numpy` (to
    create arrays with it by a NumPy dtype), `fill_from_json` and `fill_to_json`.
    """
    if not (isinstance(cls, type) and issubclass(cls, DataType)):
        raise TypeError(f"{cls!r} is not a subclass of DataType")
    if not cls.names or not all(isinstance(name, str) and name for name in cls.names):
        raise TypeError(f"{cls!r} has no names; set the class attribute `names` to a tuple of strings")
    for name in cls.names:
        _classes[name] = cls
        _core.pop(name, None)
    _registered.insert(0, cls)
    parse_cache.clear()
    return cls


def parse_dtype(value: Any, where: str = "data_type") -> DataType:
    """Return the data type that the member `data_type`, or a name alone, describes.

    Raise MetadataError for wrong JSON, UnsupportedError for an unknown name; both begin with `where`.

    >>> parse_dtype({"name": "r24"}).numpy
    dtype('V3')
    >>> parse_dtype({"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 10}}).numpy
    dtype('<M8[10s]')
    """
    if type(value) is str and value in _core:
        return _core[value]
    name, configuration, _ = parse_extension(value, where)
    found = _class(name)
    if found is None:
        known = ", ".join(sorted([*_classes, *_HOMES]))
        raise UnsupportedError(f"{where}: unknown data type {show(name)}; known are {known} and r8, r16, ...")
    return found.from_configuration(name, configuration, where)


def of_numpy(dtype: np.dtype) -> DataType:
    """Return the data type that stores elements of a NumPy dtype of any byte order; raise UnsupportedError without one.

    >>> of_numpy(np.dtype("V3")).name
    'r24'
    >>> of_numpy(np.dtypes.StringDType()).name, of_numpy(np.dtype(object)).name
    ('string', 'bytes')
    """
    for cls in _registered:
        found = cls.from_numpy(dtype)
        if found is not None:
            return found
    core = _core.get(dtype.type.__name__) or _core.get(dtype.name)  # NumPy takes long to spell the latter
    if core is not None:
        return core
    for name in (dtype.name, *_KINDS.get(dtype.kind, ())):  # types of ml_dtypes are found by their names
        found = _builtin(name).from_numpy(dtype) if name in _HOMES else None
        if found is not None:
            return found
    raise UnsupportedError(f"NumPy dtype {dtype.str!r} has no data type; register one with register_dtype")


def _class(name: str) -> type[DataType] | None:
    if name in _classes:
        return _classes[name]
    if name in _HOMES:
        return _builtin(name)
    if name[:1] == "r" and not name[1:].strip("0123456789.+-"):  # r24, also misspelled
        return _builtin("raw_bytes")
    return None


def _builtin(name: str) -> type[DataType]:
    module, cls = _HOMES[name]
    found: type[DataType] = getattr(importlib.import_module(f"simplezarr.dtypes.{module}"), cls)
    return found
