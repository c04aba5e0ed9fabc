"""Check the numbers that stores are made with.

A bool or a text taken as a number would be a slow disaster instead of an error: one request at a time, one second.
"""

import numpy as np

__all__ = ["check_amount", "check_count"]


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
