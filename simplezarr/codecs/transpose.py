"""The codec `transpose`: the axes of a chunk in another order.

>>> import numpy as np
>>> Transpose((1, 2, 0)).encode(np.zeros((2, 3, 4))).shape
(3, 4, 2)
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ChunkSpec
from simplezarr.codecs.registry import register_codec
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_integers, show
from simplezarr.schema.leniency import tolerate
from simplezarr.schema.limits import MAX_NDIM

__all__ = ["Transpose"]

_LETTERS = ("C", "F")


@register_codec
@dataclass(frozen=True, slots=True)
class Transpose(ArrayArrayCodec):
    """Store the axes of a chunk in another order.

    Specified at https://zarr-specs.readthedocs.io/en/latest/v3/codecs/transpose/.

    - order: a permutation; axis `i` of the encoded chunk is axis `order[i]` of the chunk. The letters `"C"` (no change)
      and `"F"` (reversed) stand for a permutation until `fit` replaces them.

    `resolve` raises MetadataError for a chunk with another number of axes.

    >>> Transpose((1, 0)).to_json()
    {'name': 'transpose', 'configuration': {'order': [1, 0]}}
    """

    name: ClassVar[str] = "transpose"
    order: tuple[int, ...] | str

    def __post_init__(self) -> None:
        if isinstance(self.order, str) and self.order in _LETTERS:
            return
        order = check_integers(self.order, 0, MAX_NDIM - 1, "order")
        if sorted(order) != list(range(len(order))):
            raise MetadataError(f"order: {show(order)} is not a permutation of 0 to {len(order) - 1}")
        object.__setattr__(self, "order", order)

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        if configuration.get("order") in _LETTERS:
            tolerate("transpose-letter", f"{where}.configuration.order")
        return configuration

    @property
    def unfitted(self) -> bool:
        return isinstance(self.order, str)

    def fit(self, spec: ChunkSpec) -> "Transpose":
        return Transpose(self.permutation(len(spec.shape)))

    def permutation(self, ndim: int) -> tuple[int, ...]:
        """Return `order` for a chunk of `ndim` axes; raise MetadataError if it is for another number of axes."""
        if isinstance(self.order, str):
            return tuple(range(ndim)) if self.order == "C" else tuple(reversed(range(ndim)))
        if len(self.order) != ndim:
            raise MetadataError(
                f"configuration.order: {show(self.order)} has {len(self.order)} entries for {ndim} dimensions"
            )
        return self.order

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        order = self.permutation(len(spec.shape))
        return ChunkSpec(tuple([spec.shape[axis] for axis in order]), spec.dtype, spec.fill)

    def encode(self, array: np.ndarray) -> np.ndarray:
        return array.transpose(self.permutation(array.ndim))

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        order = self.permutation(array.ndim)
        return array.transpose([order.index(axis) for axis in range(array.ndim)])
