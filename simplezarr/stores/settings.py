"""Check the numbers that stores are made with.

A bool or a text taken as a number would be a slow disaster instead of an error: one request at a time, one second.
"""

import re

import numpy as np

__all__ = ["as_size", "check_amount", "check_count"]

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}


def check_count(value: object, name: str) -> int:
    """Return an integer of at least 1, or raise ValueError, which begins with the argument's name.

    >>> check_count(64, "concurrency")
    64
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: must be at least 1, an integer, not {value!r}")
    return int(value)


def check_amount(value: object, name: str, unit: str, *, zero: bool = False) -> float:
    """Return a number of more than 0, with `zero` of at least 0; raise ValueError otherwise.

    >>> check_amount(0.5, "timeout", "seconds")
    0.5
    """
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not (value > 0 or (zero and value == 0)):  # type: ignore[operator]
        raise ValueError(f"{name}: must be {'at least' if zero else 'more than'} 0 {unit}, not {value!r}")
    return float(value)  # type: ignore[arg-type]


def as_size(size: int | str, name: str = "size") -> int:
    """Return a number of bytes; text has a unit. Raise ValueError, which begins with the argument's name.

    >>> as_size("20 GiB"), as_size("1.5 MB"), as_size(4096)
    (21474836480, 1500000, 4096)
    """
    if isinstance(size, str):
        match = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]*)\s*", size)
        unit = _UNITS.get(match.group(2).upper()) if match else None
        if match is None or unit is None or match.group(1).count(".") > 1 or match.group(1) == ".":
            raise ValueError(f"{name}: {size!r} is not a size; write a number of bytes, or text such as '20 GiB'")
        size = int(float(match.group(1)) * unit)
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        raise ValueError(f"{name}: {size!r} is not a positive number of bytes")
    return size
