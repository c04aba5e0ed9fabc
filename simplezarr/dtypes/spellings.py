"""Data types as callers in Python give them: NumPy's dtypes, Python's types, Zarr's names and JSON objects.

>>> as_data_type(str).name, as_data_type(">f4").name, as_data_type({"name": "r24"}).name
('string', 'float32', 'r24')
"""

from typing import Any

import numpy as np

from simplezarr.dtypes.base import DataType
from simplezarr.dtypes.registry import of_numpy, parse_dtype
from simplezarr.errors import UnsupportedError
from simplezarr.schema.extensions import as_json

__all__ = ["as_data_type", "depends_on_elements"]

#: Types of any length, which NumPy takes for dtypes of length 0.
_ANY_LENGTH: dict[Any, str] = {str: "string", np.str_: "string", "str": "string", bytes: "bytes", np.bytes_: "bytes"}


def as_data_type(dtype: Any, elements: np.ndarray | None = None) -> DataType:
    """Return the data type that a caller means.

    - dtype: a DataType, a name or an object of Zarr's JSON, or what NumPy takes for a dtype. `str` and `bytes` are
      types of any length.
    - elements: decide whether `object` means text or bytes; None if the caller gives none.

    Raise UnsupportedError for anything else, TypeError for objects that are neither all text nor all bytes.
    """
    if isinstance(dtype, DataType):
        return dtype
    if isinstance(dtype, type) and issubclass(dtype, np.dtype):
        dtype = dtype()  # type: ignore[call-overload]  # such as numpy.dtypes.StringDType
    dtype = as_json(dtype) if isinstance(dtype, (str, dict)) else dtype
    if isinstance(dtype, (type, str)) and dtype in _ANY_LENGTH:
        return parse_dtype(_ANY_LENGTH[dtype])
    if isinstance(dtype, (str, dict)):
        try:
            return parse_dtype(dtype, "dtype")
        except UnsupportedError:
            if isinstance(dtype, dict):
                raise
    try:
        numpy = np.dtype(dtype)
        if elements is not None and depends_on_elements(numpy) and numpy.kind != "O":
            numpy = elements.astype(numpy).dtype
    except (TypeError, ValueError) as error:
        raise UnsupportedError(f"dtype: {dtype!r} is neither a NumPy dtype nor the name of a data type") from error
    try:
        found = of_numpy(numpy)
    except UnsupportedError as error:
        raise UnsupportedError(f"dtype: {error}") from None
    return parse_dtype(_kind_of_objects(elements)) if numpy.kind == "O" and found.name == "bytes" else found


def depends_on_elements(dtype: Any) -> bool:
    """Return whether the meaning of `dtype` depends on the elements: of objects, and of text without a length."""
    if isinstance(dtype, DataType) or (isinstance(dtype, (type, str)) and dtype in _ANY_LENGTH):
        return False
    try:
        numpy = np.dtype(dtype)
    except (TypeError, ValueError):
        return False  # one of Zarr's names, or an error later
    return numpy.kind == "O" or (numpy.kind in "US" and numpy.itemsize == 0)


def _kind_of_objects(elements: np.ndarray | None) -> str:
    """Return the name of the data type for elements that are all text or all bytes."""
    items = [] if elements is None else elements.reshape(-1).tolist()
    for name, kind in (("string", str), ("bytes", bytes)):
        if items and isinstance(items[0], kind):
            wrong = next((i for i, item in enumerate(items) if not isinstance(item, kind)), None)
            if wrong is None:
                return name
            raise TypeError(_wrong_object(elements, wrong, items[wrong], f"the elements before it are {kind.__name__}"))
    if items:
        raise TypeError(_wrong_object(elements, 0, items[0], "all objects must be str, or all must be bytes"))
    raise TypeError('dtype: object says nothing about the elements; give "string" or "bytes"')


def _wrong_object(elements: Any, number: int, item: object, problem: str) -> str:
    index = ", ".join(map(str, np.unravel_index(number, elements.shape)))
    return f"data[{index}]: {item!r} is {type(item).__name__}, but {problem}; convert the data, or name their dtype"
