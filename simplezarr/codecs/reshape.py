"""The codecs `reshape` and `zarrs.squeeze`: a chunk's elements, in C order, as an array of another shape.

See https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/reshape.

>>> from simplezarr.dtypes import parse_dtype
>>> spec = ChunkSpec((100, 50, 64, 3), parse_dtype("uint8"), b"\\0")
>>> Reshape([[0, 1], [2], 3]).resolve(spec).shape
(5000, 64, 3)
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ChunkSpec
from simplezarr.codecs.registry import register_codec
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_integer, check_integers, show
from simplezarr.schema.limits import MAX_LENGTH, MAX_NDIM

__all__ = ["Reshape", "Squeeze"]


@register_codec
@dataclass(frozen=True, slots=True)
class Reshape(ArrayArrayCodec):
    """Give the elements of a chunk another shape, in C order.

    - shape: for each axis of the encoded chunk its length, or a list of the chunk's axes whose lengths are multiplied.
      One item may be -1, for the length that is left.

    `resolve` raises MetadataError for a chunk of another size, and if listed axes would be cut otherwise.

    >>> Reshape([-1]).encode(np.zeros((2, 3))).shape
    (6,)
    """

    name: ClassVar[str] = "reshape"
    shape: tuple[int | tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not isinstance(self.shape, (list, tuple)) or len(self.shape) > MAX_NDIM:
            raise MetadataError(f"shape: {show(self.shape)} is not a list of at most {MAX_NDIM} items")
        items: list[int | tuple[int, ...]] = []
        for i, item in enumerate(self.shape):
            if isinstance(item, (list, tuple)):
                items.append(check_integers(item, 0, MAX_NDIM, f"shape[{i}]"))
            else:
                if item != -1 or type(item) is not int:
                    check_integer(item, 1, MAX_LENGTH, f"shape[{i}]")
                items.append(item)
        if items.count(-1) > 1:
            raise MetadataError(f"shape: {show(self.shape)} has -1 more than once")
        axes = [axis for item in items if type(item) is tuple for axis in item]
        if axes != sorted(set(axes)):
            raise MetadataError(f"shape: {show(self.shape)} does not name axes in increasing order")
        object.__setattr__(self, "shape", tuple(items))

    def to_json(self) -> JsonObject:
        shape = [list(item) if type(item) is tuple else item for item in self.shape]
        return {"name": self.name, "configuration": {"shape": shape}}

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        return ChunkSpec(self._encoded(spec.shape), spec.dtype, spec.fill)

    def _encoded(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        lengths: list[int] = []
        for i, item in enumerate(self.shape):
            if isinstance(item, int):
                lengths.append(item)
                continue
            if item and item[-1] >= len(shape):
                raise MetadataError(f"configuration.shape[{i}]: axis {item[-1]} of {len(shape)} dimensions")
            lengths.append(math.prod(shape[axis] for axis in item))
        size = math.prod(shape)
        if -1 in lengths:
            rest = -math.prod(lengths)
            lengths[lengths.index(-1)] = size // rest if rest and size % rest == 0 else 0
        if math.prod(lengths) != size:
            wanted = show(self.to_json()["configuration"]["shape"])
            raise MetadataError(f"configuration.shape: {wanted} does not have the size of a chunk of shape {shape}")
        for i, item in enumerate(self.shape):
            if type(item) is tuple and item:
                before, after = math.prod(shape[: item[0]]), math.prod(shape[item[-1] + 1 :])
                if math.prod(lengths[:i]) != before or math.prod(lengths[i + 1 :]) != after:
                    raise MetadataError(f"configuration.shape[{i}]: does not keep the axes {list(item)} in their place")
        return tuple(lengths)

    def encode(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(self._encoded(array.shape))

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        return array.reshape(spec.shape)


@register_codec
@dataclass(frozen=True, slots=True)
class Squeeze(ArrayArrayCodec):
    """Drop the axes of length 1; if there are no others, one stays. zarrs had this codec before `reshape`.

    >>> Squeeze().encode(np.zeros((4, 1, 3, 1))).shape
    (4, 3)
    """

    name: ClassVar[str] = "zarrs.squeeze"

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        return ChunkSpec(_squeezed(spec.shape), spec.dtype, spec.fill)

    def encode(self, array: np.ndarray) -> np.ndarray:
        return array.reshape(_squeezed(array.shape))

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        return array.reshape(spec.shape)


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([length for length in shape if length != 1]) or (1,)
