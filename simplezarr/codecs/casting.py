"""Cast arrays of real numbers, with a choice of rounding and of what to do with numbers that are out of range.

>>> cast(np.array([-1.5, 300.5]), np.dtype("uint8"), "towards-zero", "wrap")
array([255,  44], dtype=uint8)
"""

from collections.abc import Callable

import numpy as np

__all__ = ["ROUNDINGS", "cast"]

_INTEGERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nearest-even": np.rint,
    "towards-zero": np.trunc,
    "towards-positive": np.ceil,
    "towards-negative": np.floor,
    "nearest-away": lambda x: np.trunc(x) + np.where(np.abs(x - np.trunc(x)) >= 0.5, np.copysign(1.0, x), 0.0),
}
ROUNDINGS = tuple(_INTEGERS)


def cast(array: np.ndarray, target: np.dtype, rounding: str, out_of_range: str | None) -> np.ndarray:
    """Return an array of integers or floating-point numbers as `target`, another such type.

    Numbers are rounded first, as if exponents had no bounds. Then `out_of_range` decides: None raises ValueError,
    `"clamp"` takes the nearest value and `"wrap"` the lower bits.
    """
    with np.errstate(all="ignore"):
        if _holds_all(array.dtype, target):
            return array.astype(target)
        if target.kind == "f":
            round_ = _float_to_float if array.dtype.kind == "f" else _integer_to_float
            result = round_(array, target, rounding)
            beyond = np.isinf(result) & np.isfinite(array)
            if out_of_range is None and beyond.any():
                raise _error(array[beyond], target)
            return result
        if array.dtype.kind == "f":
            return _float_to_integer(array, target, rounding, out_of_range)
        return _integer_to_integer(array, target, out_of_range)


def _holds_all(source: np.dtype, target: np.dtype) -> bool:
    # NumPy calls int64 -> float64 safe, although it rounds
    return np.can_cast(source, target, "safe") and (source.kind == target.kind or source.itemsize < target.itemsize)


def _error(values: np.ndarray, target: np.dtype) -> ValueError:
    return ValueError(f"{values.flat[0]} is out of the range of {target}")


def _integer_to_integer(array: np.ndarray, target: np.dtype, out_of_range: str | None) -> np.ndarray:
    if out_of_range == "wrap":
        return array.astype(target)
    own, limits = np.iinfo(array.dtype), np.iinfo(target)
    least, most = max(own.min, limits.min), min(own.max, limits.max)
    inside: np.ndarray = np.clip(array, least, most)
    if out_of_range is None and (inside != array).any():
        raise _error(array[inside != array], target)
    return inside.astype(target)


def _float_to_integer(array: np.ndarray, target: np.dtype, rounding: str, out_of_range: str | None) -> np.ndarray:
    if not np.isfinite(array).all():
        raise ValueError(f"{array[~np.isfinite(array)].flat[0]} is not an integer; map it with scalar_map")
    rounded = _INTEGERS[rounding](array.astype(np.float64))
    limits = np.iinfo(target)
    outside = (rounded < float(limits.min)) | (rounded >= float(int(limits.max) + 1))
    if not outside.any():
        return rounded.astype(target)
    if out_of_range is None:
        raise _error(array[outside], target)
    result = np.where(outside, 0.0, rounded).astype(target)
    values = rounded[outside]
    if out_of_range == "clamp":
        result[outside] = np.where(values < 0, target.type(limits.min), target.type(limits.max))
    else:
        low_bits = np.fmod(np.abs(values), 2.0**limits.bits).astype(np.uint64)  # exact, and below 2**64
        result[outside] = np.where(values < 0, np.uint64(0) - low_bits, low_bits).astype(target)
    return result


def _integer_to_float(array: np.ndarray, target: np.dtype, rounding: str) -> np.ndarray:
    """Return integers as floating-point numbers: the magnitude is rounded to the bits of the fraction.

    A double holds the rounded magnitude exactly.
    """
    negative = array < 0
    magnitude = array.astype(np.uint64)
    magnitude = np.where(negative, np.uint64(0) - magnitude, magnitude)
    keep = np.finfo(target).nmant + 1
    # The length in bits of each half by itself, because a double holds 32 bits exactly, but not 64.
    high = np.frexp((magnitude >> np.uint64(32)).astype(np.float64))[1] + 32
    low = np.frexp((magnitude & np.uint64(0xFFFFFFFF)).astype(np.float64))[1]
    dropped = np.maximum(np.where(magnitude >> np.uint64(32), high, low) - keep, 0).astype(np.uint64)
    unit = np.uint64(1) << dropped
    rest = magnitude & (unit - np.uint64(1))
    base = magnitude - rest
    up = _rounds_up(rest, unit, base, negative, rounding)
    value = base.astype(np.float64) + np.where(up, unit, np.uint64(0)).astype(np.float64)
    signed: np.ndarray = np.where(negative, -value, value)
    return signed.astype(target)


def _rounds_up(rest: np.ndarray, unit: np.ndarray, base: np.ndarray, negative: np.ndarray, rounding: str) -> np.ndarray:
    """Return whether each magnitude base + rest is rounded to the next larger multiple of its unit, not to `base`."""
    if rounding == "towards-zero":
        return np.zeros(rest.shape, bool)
    if rounding in ("towards-positive", "towards-negative"):
        up: np.ndarray = (rest > 0) & (negative == (rounding == "towards-negative"))
    else:
        half = unit >> np.uint64(1)
        tie = (rest == half) & (rest > 0)
        odd = (base & unit) != 0
        up = (rest > half) | (tie & (odd if rounding == "nearest-even" else True))
    return up


def _float_to_float(array: np.ndarray, target: np.dtype, rounding: str) -> np.ndarray:
    nearest = array.astype(target)
    if rounding == "nearest-even":
        return nearest
    exact, value = array.astype(np.float64), nearest.astype(np.float64)
    infinity = target.type(np.inf)
    # In comparisons the first power of two that is too large stands for infinity.
    limit = 2.0 ** np.finfo(target).maxexp
    value = np.where(np.isinf(nearest) & np.isfinite(array), np.copysign(limit, exact), value)
    below, above = np.nextafter(nearest, -infinity), np.nextafter(nearest, infinity)
    if rounding == "nearest-away":
        other = np.where(np.abs(value) < np.abs(exact), np.where(exact < 0, below, above), nearest)
        bound = np.where(np.isinf(other), np.copysign(limit, exact), other.astype(np.float64))
        tie = np.isfinite(array) & (value != exact) & (value + (bound - value) / 2 == exact)
        return np.where(tie, other, nearest).astype(target)
    down = np.broadcast_to(rounding == "towards-negative", exact.shape) | ((rounding == "towards-zero") & (exact > 0))
    too_high = np.isfinite(array) & (value > exact) & down
    too_low = np.isfinite(array) & (value < exact) & ~down
    result = np.where(too_high, below, np.where(too_low, above, nearest))
    # From the first power of two that is too large, every direction leads to infinity.
    return np.where(np.isfinite(array) & (np.abs(exact) >= limit), np.copysign(infinity, exact), result).astype(target)
