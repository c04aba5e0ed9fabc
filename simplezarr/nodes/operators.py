"""Python's operators on stored arrays: they read one element, or raise with the remedy.

>>> import simplezarr as sz
>>> float(sz.create_array({}, data=5))
5.0
>>> sz.create_array({}, data=[1, 2]) == 1
Traceback (most recent call last):
    ...
TypeError: == compares values that are stored: read them first, as in a[...] == 1
"""

import datetime
import math
import numbers
import reprlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from simplezarr.nodes.other_names import refuse_array_name
from simplezarr.nodes.properties import ReadOnly

__all__ = ["StoredValues"]

#: What NumPy would compare with every element.
_VALUES = (numbers.Number, np.generic, str, bytes, list, tuple, datetime.date, datetime.timedelta)


def _is_value(other: object) -> bool:
    return isinstance(other, _VALUES) or (hasattr(other, "__array__") and not isinstance(other, StoredValues))


def _comparison(symbol: str) -> Callable[[Any, object], Any]:
    def compare(self: object, other: object) -> Any:
        remedy = f"read them first, as in a[...] {symbol} {reprlib.repr(other)}"
        raise TypeError(f"{symbol} compares values that are stored: {remedy}")

    return compare


def _equality(symbol: str, name: str, identity: str) -> Callable[[Any, object], Any]:
    refuse = _comparison(symbol)

    def compare(self: object, other: object) -> Any:
        if isinstance(other, StoredValues):
            return NotImplemented  # so they are equal if they are the same object
        if other is None:
            raise TypeError(f"{symbol} compares values that are stored; write a {identity} None")
        if not _is_value(other):
            answer = getattr(type(other), name)(other, self)  # an object that equals anything, in a test
            if answer is not NotImplemented:
                return answer
        return refuse(self, other)

    return compare


def _operation(symbol: str) -> Callable[[Any, object], Any]:
    def operate(self: object, other: object) -> Any:
        raise TypeError(f"{symbol} takes values that are stored: read them first, as in a[...] {symbol} ...")

    return operate


class StoredValues:
    """A handle of elements that are stored, which is not a number and not an array in memory.

    Two handles are equal if they are the same object. A comparison with values would have to read them all, so it is
    refused, as is one with an object that does not say itself what it equals.
    """

    __slots__ = ()
    shape: ReadOnly[tuple[int, ...]]

    __hash__ = object.__hash__
    __eq__ = _equality("==", "__eq__", "is")
    __ne__ = _equality("!=", "__ne__", "is not")
    __lt__, __le__ = _comparison("<"), _comparison("<=")
    __gt__, __ge__ = _comparison(">"), _comparison(">=")
    __add__ = __radd__ = _operation("+")
    __sub__ = __rsub__ = _operation("-")
    __mul__ = __rmul__ = _operation("*")
    __truediv__ = __rtruediv__ = _operation("/")
    __floordiv__ = __rfloordiv__ = _operation("//")
    __mod__ = __rmod__ = _operation("%")
    __pow__ = __rpow__ = _operation("**")
    __matmul__ = __rmatmul__ = _operation("@")
    __and__ = __rand__ = _operation("&")
    __or__ = __ror__ = _operation("|")
    __xor__ = __rxor__ = _operation("^")

    if not TYPE_CHECKING:  # otherwise any name would pass the type checker
        __getattr__ = refuse_array_name

    def __delitem__(self, selection: object) -> None:
        raise TypeError("del: stored elements can't be deleted; assign to them, or cut the end off with resize")

    def __bool__(self) -> bool:
        if math.prod(self.shape) != 1:
            how_many = "an empty array" if 0 in self.shape else "an array with more than one element"
            raise ValueError(f"the truth value of {how_many} is ambiguous; use a[...].any(), a[...].all() or len(a)")
        return bool(np.asarray(self))

    def __float__(self) -> float:
        return float(self._single())

    def __int__(self) -> int:
        return int(self._single())

    def __complex__(self) -> complex:
        return complex(self._single())

    def _single(self) -> np.ndarray:
        """Return the only element."""
        if self.shape:
            raise TypeError(f"an array of shape {self.shape} is not a single number; select one element")
        return np.asarray(self)
