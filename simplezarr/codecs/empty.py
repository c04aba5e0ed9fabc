"""Chunks whose elements have no size: they hold nothing, so their bytes are not looked at.

>>> from simplezarr.dtypes import parse_dtype
>>> NoBytes().decode(b"", ChunkSpec((2,), parse_dtype("r8"), bytes(1))).tolist()
[b'\\x00', b'\\x00']
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayBytesCodec, ChunkSpec, Data
from simplezarr.errors import UnsupportedError
from simplezarr.schema.extensions import JsonObject

__all__ = ["NoBytes"]


@dataclass(frozen=True, slots=True)
class NoBytes(ArrayBytesCodec):
    """Decode elements of no size, such as those of NumPy's `S0`, as empty elements of the smallest size."""

    name: ClassVar[str] = "elements of no size"

    def to_json(self) -> JsonObject:
        raise UnsupportedError("elements of no size can't be written")

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        return np.zeros(spec.shape, spec.dtype.numpy)
