"""The cast of samples on their way into a batch: `y = x * scale + offset`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["Cast"]

Factor = float | Sequence[float]


@dataclass(frozen=True)
class Cast:
    """Deliver elements as another data type: `x * scale + offset`, computed and rounded once, while they are copied.

    - dtype: float32, float16, bfloat16 or float64 if there is a scale or an offset, otherwise any that NumPy casts to.
    - scale, offset: a number, or a number for each index along one axis of the sample, for example for each channel.
    - axis: that axis of the sample, as it is stored; by default the last.
    - channels_first: whether the sample's last axis is delivered as its first.

    Nothing is clipped, and NaN stays NaN. Without scale and offset, elements are cast as by `astype`.

    >>> Cast("float32", scale=1 / 255).dtype
    dtype('float32')
    """

    dtype: np.dtype
    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    axis: int = -1
    channels_first: bool = False

    def __init__(
        self,
        dtype: DTypeLike,
        scale: Factor = 1.0,
        offset: Factor = 0.0,
        axis: int = -1,
        channels_first: bool = False,
    ):
        object.__setattr__(self, "dtype", np.dtype(dtype))
        object.__setattr__(self, "scale", _factor(scale, "scale"))
        object.__setattr__(self, "offset", _factor(offset, "offset"))
        object.__setattr__(self, "axis", axis)
        object.__setattr__(self, "channels_first", channels_first)
        if not self.plain and self.dtype.name not in ("float16", "bfloat16", "float32", "float64"):
            raise ValueError(f"Cast: with scale or offset dtype must be a float type, not {self.dtype}")

    @property
    def plain(self) -> bool:
        """Whether the cast has neither scale nor offset."""
        return self.scale == 1.0 and self.offset == 0.0


def _factor(value: Factor, name: str) -> float | tuple[float, ...]:
    """Return a finite number, or a tuple of them."""
    numbers = np.asarray(value, np.float64)
    if numbers.ndim > 1 or not np.isfinite(numbers).all():
        raise ValueError(f"Cast: {name} must be a number, or one for each channel, not {value!r}")
    return float(numbers) if numbers.ndim == 0 else tuple(numbers.tolist())
