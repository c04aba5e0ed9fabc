"""The codec `bytes`: the elements in C order, each number in the byte order `endian`.

>>> import numpy as np
>>> from simplezarr.codecs.base import ChunkSpec
>>> from simplezarr.dtypes import parse_dtype
>>> Bytes("big").encode(np.array([1, 2], "uint16"), ChunkSpec((2,), parse_dtype("uint16"), bytes(2))).hex()
'00010002'
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayBytesCodec, ChunkSpec, Data
from simplezarr.codecs.registry import register_codec
from simplezarr.errors import ChunkError, MetadataError
from simplezarr.extensions import check_choice
from simplezarr.leniency import tolerate

__all__ = ["Bytes"]

_ENDIANS = ("little", "big")


@register_codec
@dataclass(frozen=True, slots=True)
class Bytes(ArrayBytesCodec):
    """Elements as they are; `endian` is `"little"` or `"big"`, or `None` for data of single bytes."""

    name: ClassVar[str] = "bytes"
    endian: str | None = "little"

    def __post_init__(self) -> None:
        if self.endian is not None:
            check_choice(self.endian, _ENDIANS, "endian")

    @classmethod
    def adapt(cls, configuration: dict, where: str) -> dict:
        if "endian" not in configuration:
            return {**configuration, "endian": None}
        if configuration["endian"] is None:
            tolerate("null-endian", f"{where}.configuration.endian")
        return configuration

    def fit(self, spec: ChunkSpec) -> "Bytes":
        return Bytes(None) if spec.dtype.swap_unit == 1 else self

    def resolve(self, spec: ChunkSpec) -> int:
        if self.endian is None and spec.dtype.swap_unit > 1:
            raise MetadataError(f'configuration.endian: missing; {spec.dtype.name} needs "little" or "big"')
        return spec.nbytes

    def _stored(self, spec: ChunkSpec) -> np.dtype:
        dtype = spec.dtype.numpy
        return dtype.newbyteorder("<" if self.endian == "little" else ">") if self.endian else dtype

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        return array.astype(self._stored(spec), copy=False).tobytes()

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        size = len(memoryview(data).cast("B"))
        if size != spec.nbytes:
            raise ChunkError(
                f"{size} bytes, but a chunk of shape {spec.shape} and type {spec.dtype.name} has {spec.nbytes}",
                codec=self.name,
            )
        if spec.dtype.name == "bool":
            # A bool of NumPy must be 0 or 1; other bytes would be undefined behaviour there.
            return (np.frombuffer(data, np.uint8) != 0).reshape(spec.shape)
        return np.frombuffer(data, self._stored(spec)).reshape(spec.shape)
