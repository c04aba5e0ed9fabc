"""The codec `bytes`: the elements in C order, each number in the byte order `endian`.

>>> import numpy as np
>>> from simplezarr.codecs.base import ChunkSpec
>>> from simplezarr.dtypes import parse_dtype
>>> Bytes("big").encode(np.array([1, 2], "uint16"), ChunkSpec((2,), parse_dtype("uint16"), bytes(2))).hex()
'00010002'
"""

import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayBytesCodec, ChunkSpec, Codec, Data
from simplezarr.codecs.registry import register_codec
from simplezarr.errors import ChunkError, MetadataError
from simplezarr.schema.extensions import JsonObject, check_choice
from simplezarr.schema.leniency import tolerate

__all__ = ["Bytes", "is_big_endian"]

_ENDIANS = ("little", "big")


@register_codec
@dataclass(frozen=True, slots=True)
class Bytes(ArrayBytesCodec):
    """Store elements as they are, in C order.

    Specified at https://zarr-specs.readthedocs.io/en/latest/v3/codecs/bytes/.

    - endian: the byte order of each number, `"little"` or `"big"`; None if elements have no byte order.

    `resolve` raises MetadataError for elements that vary in size, and without `endian` for elements that have an order.

    >>> Bytes("big").to_json()
    {'name': 'bytes', 'configuration': {'endian': 'big'}}
    """

    name: ClassVar[str] = "bytes"
    words: ClassVar[tuple[str, ...]] = ("endian",)
    endian: str | None = "little"

    def __post_init__(self) -> None:
        if self.endian is not None:
            check_choice(self.endian, _ENDIANS, "endian")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        if "endian" not in configuration:
            return {**configuration, "endian": None}
        if configuration["endian"] is None:
            tolerate("null-endian", f"{where}.configuration.endian")
        return configuration

    @property
    def unfitted(self) -> bool:
        return self.endian is None

    @property
    def swaps(self) -> bool:
        """Whether numbers are stored in another byte order than the machine's."""
        return self.endian is not None and self.endian != sys.byteorder

    def fit(self, spec: ChunkSpec) -> "Bytes":
        if spec.dtype.swap_unit == 1:
            return Bytes(None)
        if self.endian is None and spec.dtype.name == "structured":
            tolerate("structured-endian", "codecs: bytes.configuration.endian")
            return Bytes("little")
        return self

    def resolve(self, spec: ChunkSpec) -> int:
        dtype = spec.dtype
        if dtype.is_variable:
            raise MetadataError(f"{dtype.name} varies in size, which bytes can't store; use {dtype.array_bytes}")
        if self.endian is None and dtype.swap_unit != 1:
            raise MetadataError(f'configuration.endian: missing; {dtype.name} needs "little" or "big"')
        return spec.nbytes

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        data = np.ascontiguousarray(array, spec.dtype.numpy).reshape(-1)
        return (spec.dtype.swapped(data) if self.swaps else data).tobytes()

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        size = len(memoryview(data).cast("B"))
        if size != spec.nbytes:
            raise ChunkError(
                f"{size} bytes, but a chunk of shape {spec.shape} and type {spec.dtype.name} has {spec.nbytes}",
                codec=self.name,
            )
        array = np.frombuffer(data, spec.dtype.numpy)
        if self.swaps:
            array = spec.dtype.swapped(array)
        return spec.dtype.checked(array).reshape(spec.shape)


def is_big_endian(codecs: tuple[Codec, ...]) -> bool:
    """Return whether a chain stores numbers in big endian, itself or in the inner chunks of its shards."""
    return any(
        codec.endian == "big" if type(codec) is Bytes else is_big_endian(getattr(codec, "codecs", ()))
        for codec in codecs
    )
