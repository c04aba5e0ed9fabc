"""Make a block of the next level of a block of elements in memory."""

from collections.abc import Callable

import numpy as np

from simplezarr.engine.chunks import shrink
from simplezarr.engine.chunks.moves import converts
from simplezarr.errors import MetadataError
from simplezarr.runtime.runs import assign
from simplezarr.schema.extensions import show

__all__ = ["METHODS", "check_method", "halve"]


def _nearest(values: np.ndarray, out: np.ndarray, factors: tuple[int, ...]) -> None:
    assign(out, values[tuple([slice(None, None, factor) for factor in factors])])


#: What makes one element of up to eight, by the name of the method.
METHODS: dict[str, Callable[[np.ndarray, np.ndarray, tuple[int, ...]], None]] = {
    "mean": shrink.mean,
    "nearest": _nearest,
    "mode": shrink.mode,
}


def check_method(method: str, dtype: np.dtype) -> None:
    """Raise MetadataError unless elements of this data type can be halved by a method."""
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise MetadataError(f"method: {show(method)} is not one of {known}")
    if dtype.hasobject or dtype.kind == "T":
        raise MetadataError(f"data: elements of {dtype} make no image; give numbers")
    is_number = converts(dtype.newbyteorder("="), np.dtype("f8"))
    if method == "mean" and (dtype.kind == "b" or not is_number):
        raise MetadataError(f"method: 'mean' is for integers and floats, not {dtype}; give 'nearest' or 'mode'")
    if method == "mode" and not is_number:
        raise MetadataError(f"method: 'mode' is for integers, floats and booleans, not {dtype}; give 'nearest'")


def halve(values: np.ndarray, out: np.ndarray, factors: tuple[int, ...], method: str) -> None:
    """Write to `out` one element for each two of `values` along the axes of factor 2.

    out: has the lengths of `values`, divided by the factors and rounded up. The last element of an odd length is alone.
    Of "mean" and "mode" see `csrc/array/shrink.h`; "nearest" takes the first element.

    >>> out = np.empty((2, 2), "u1")
    >>> halve(np.array([[1, 2, 7], [3, 5, 8], [4, 4, 9]], "u1"), out, (2, 2), "mean")
    >>> out.tolist()
    [[3, 8], [4, 9]]
    """
    if values.shape[-1] > 1 and values.strides[-1] != values.itemsize:
        values = np.ascontiguousarray(values)
    METHODS[method](values, out, factors)
