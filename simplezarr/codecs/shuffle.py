"""The codec `numcodecs.shuffle`: the first bytes of all elements, then the second bytes, and so on.

As in HDF5, which leaves bytes behind the last whole element where they are; numcodecs refuses such data.
Described at https://numcodecs.readthedocs.io/en/stable/filter/shuffle.html.

>>> Shuffle(4).encode(bytes(range(8))).hex()
'0004010502060307'
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simplezarr.codecs.base import ChunkSpec, NativeCodec
from simplezarr.codecs.registry import register_codec
from simplezarr.schema.extensions import check_integer

if TYPE_CHECKING:
    from simplezarr.engine.kernels.compressors import CompiledCodec

__all__ = ["Shuffle"]

_MAX_ELEMENT_SIZE = 2**31 - 1


@register_codec
@dataclass(frozen=True, slots=True)
class Shuffle(NativeCodec):
    """Elements of `elementsize` bytes, `None` for the size of the data type; up to 1 nothing changes."""

    name: ClassVar[str] = "numcodecs.shuffle"
    elementsize: int | None = None

    def __post_init__(self) -> None:
        if self.elementsize is not None:
            check_integer(self.elementsize, 0, _MAX_ELEMENT_SIZE, "elementsize")

    @property
    def unfitted(self) -> bool:
        return self.elementsize is None

    def fit(self, spec: ChunkSpec) -> "Shuffle":
        return Shuffle(spec.dtype.itemsize) if self.elementsize is None else self

    def resolve(self, nbytes: int | None) -> int | None:
        return nbytes

    @property
    def compiled(self) -> "CompiledCodec":
        from simplezarr.engine.kernels import numcodecs

        return numcodecs.shuffle_codec(self.elementsize or 1)
