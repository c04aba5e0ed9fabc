"""The codec `numcodecs.shuffle`: the first bytes of all elements, then the second bytes, and so on.

Bytes behind the last whole element stay where they are, as in HDF5. (numcodecs refuses such data.)
Described at https://numcodecs.readthedocs.io/en/stable/filter/shuffle.html.

>>> Shuffle(4).encode(bytes(range(8))).hex()
'0004010502060307'
"""

from dataclasses import dataclass
from typing import ClassVar

from simplezarr.codecs.base import ChunkSpec, NativeCodec
from simplezarr.codecs.registry import register_codec
from simplezarr.engine.kernels import numcodecs
from simplezarr.engine.kernels.compressors import CompiledCodec
from simplezarr.schema.extensions import check_integer

__all__ = ["Shuffle"]


@register_codec
@dataclass(frozen=True, slots=True)
class Shuffle(NativeCodec):
    """Group the bytes of elements by their significance, so that they compress better.

    - elementsize: bytes of an element, None for the size of the data type. Up to 1 nothing changes.

    >>> Shuffle(2).decode(Shuffle(2).encode(b"abcd"))
    b'abcd'
    """

    name: ClassVar[str] = "numcodecs.shuffle"
    elementsize: int | None = None

    def __post_init__(self) -> None:
        if self.elementsize is not None:
            check_integer(self.elementsize, 0, 2**31 - 1, "elementsize")

    @property
    def unfitted(self) -> bool:
        return self.elementsize is None

    def fit(self, spec: ChunkSpec) -> "Shuffle":
        return Shuffle(spec.dtype.itemsize) if self.elementsize is None else self

    def resolve(self, nbytes: int | None) -> int | None:
        return nbytes

    @property
    def compiled(self) -> CompiledCodec:
        return numcodecs.shuffle_codec(self.elementsize or 1)
