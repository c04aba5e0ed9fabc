"""The codec `scale_offset`: (x - offset) · scale in the arithmetic of the data type.

See https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/scale_offset.

>>> ScaleOffset(offset=1000).encode(np.array([1000, 1255], "uint16"))
array([  0, 255], dtype=uint16)
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ChunkSpec
from simplezarr.codecs.configuration import as_number, without_nulls
from simplezarr.codecs.registry import register_codec
from simplezarr.dtypes import DataType, of_numpy
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, show

__all__ = ["ScaleOffset"]


@register_codec
@dataclass(frozen=True, slots=True)
class ScaleOffset(ArrayArrayCodec):
    """Store (x - offset) · scale, in the arithmetic of the data type.

    - offset: None for 0; scale: None for 1. Both are spelled as JSON fill values of the data type.

    `encode` and `decode` raise ValueError for integers that leave the data type, and `decode` for stored integers that
    the scale does not divide.

    >>> ScaleOffset(offset=10, scale=2).encode(np.array([10.5, 11.0]))
    array([1., 2.])
    """

    name: ClassVar[str] = "scale_offset"
    offset: int | float | str | None = None
    scale: int | float | str | None = None

    def __post_init__(self) -> None:
        for member in ("offset", "scale"):
            value = getattr(self, member)
            if value is not None and type(value) not in (int, float, str):
                raise MetadataError(f"{member}: {show(value)} is not a number, or a string that stands for one")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        place = f"{where}.configuration"
        configuration = without_nulls(configuration, ("offset", "scale"), place)
        return {member: as_number(value, f"{place}.{member}") for member, value in configuration.items()}

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        if spec.dtype.numpy.kind not in "iuf":
            raise MetadataError(f"{self.name} takes integers and floating-point numbers, not {spec.dtype.name}")
        if self._numbers(spec.dtype)[1] == 0:
            raise MetadataError(f"configuration.scale: {show(self.scale)} is 0 in {spec.dtype.name}; it must not be")
        try:
            fill = self.encode(np.frombuffer(spec.fill, spec.dtype.numpy))
        except ValueError as error:
            raise MetadataError(f"the fill value: {error}") from None
        return ChunkSpec(spec.shape, spec.dtype, fill.tobytes())

    def _numbers(self, dtype: DataType) -> tuple[Any, Any]:
        """Return the offset and the scale, as NumPy scalars of the data type."""
        offset, scale = self.offset or 0, 1 if self.scale is None else self.scale
        return (
            dtype.scalar(dtype.fill_from_json(offset, "configuration.offset")),
            dtype.scalar(dtype.fill_from_json(scale, "configuration.scale")),
        )

    def encode(self, array: np.ndarray) -> np.ndarray:
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        offset, scale = self._numbers(of_numpy(array.dtype))
        if array.dtype.kind != "f":
            low, high = _bounds(array.dtype)
            offset_, scale_ = int(offset), int(scale)
            # Between these, x - offset and its product with the scale can be represented.
            least, most = max(low, _smallest(low, high, scale_)), min(high, _largest(low, high, scale_))
            _check(array, least + offset_, most + offset_, "encoded")
        with np.errstate(all="ignore"):
            encoded: np.ndarray = (array - offset) * scale
        return encoded

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        array = array.astype(spec.dtype.numpy, copy=False)
        offset, scale = self._numbers(spec.dtype)
        decoded: np.ndarray
        with np.errstate(all="ignore"):
            if array.dtype.kind == "f":
                decoded = array / scale + offset
                return decoded
            if np.any(array % scale):
                raise ValueError(f"values that the scale {scale} does not divide")
            low, high = _bounds(array.dtype)
            least, most = max(low, low - int(offset)), min(high, high - int(offset))
            ends = least * int(scale), most * int(scale)
            _check(array, min(ends), max(ends), "decoded")
            decoded = array // scale + offset
        return decoded


def _bounds(dtype: np.dtype) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _smallest(low: int, high: int, scale: int) -> int:
    """Return the smallest integer whose product with `scale` is from `low` to `high`."""
    return -(-low // scale) if scale > 0 else -(-high // scale)


def _largest(low: int, high: int, scale: int) -> int:
    """Return the largest integer whose product with `scale` is from `low` to `high`."""
    return high // scale if scale > 0 else low // scale


def _check(array: np.ndarray, least: int, most: int, what: str) -> None:
    if array.size and (int(array.min()) < least or int(array.max()) > most):
        raise ValueError(
            f"values from {array.min()} to {array.max()}; only those from {least} to {most} can be {what} "
            f"within {array.dtype}"
        )
