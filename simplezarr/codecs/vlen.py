"""The codecs `vlen-utf8` and `vlen-bytes`: the number of elements, then the size and the bytes of each.

>>> from simplezarr.dtypes import parse_dtype
>>> spec = ChunkSpec((2,), parse_dtype("string"), b"")
>>> VLenUtf8().encode(np.array(["a", "hé"], spec.dtype.numpy), spec).hex(" ", 4)
'02000000 01000000 61030000 0068c3a9'
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayBytesCodec, ChunkSpec, Data
from simplezarr.codecs.registry import register_codec
from simplezarr.engine.kernels import vlen
from simplezarr.errors import MetadataError
from simplezarr.runtime.runs import assign

__all__ = ["VLenBytes", "VLenUtf8"]


class _VLen(ArrayBytesCodec):
    __slots__ = ()
    data_type: ClassVar[str]

    def resolve(self, spec: ChunkSpec) -> None:
        if spec.dtype.name != self.data_type:
            raise MetadataError(f"{self.name} stores {self.data_type}, not {spec.dtype.name}")


@register_codec
@dataclass(frozen=True, slots=True)
class VLenUtf8(_VLen):
    """Store text of any length in UTF-8; only for the data type `string`.

    Specified at https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/vlen-utf8.

    `encode` raises ValueError for more than 2**32 - 1 elements or bytes of one, `decode` for bytes that are not text.

    >>> VLenUtf8().to_json()
    {'name': 'vlen-utf8'}
    """

    name: ClassVar[str] = "vlen-utf8"
    data_type: ClassVar[str] = "string"

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        if array.dtype != spec.dtype.numpy or not array.flags.c_contiguous:
            given, array = array, np.empty(array.shape, spec.dtype.numpy)
            assign(array, given)
        return vlen.encode_text(array.reshape(-1))

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        return vlen.decode_text(data, spec.size).reshape(spec.shape)


@register_codec
@dataclass(frozen=True, slots=True)
class VLenBytes(_VLen):
    """Store bytes of any length; only for the data type `bytes`.

    Specified at https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/vlen-bytes. Raises as `VLenUtf8`.

    >>> from simplezarr.dtypes import parse_dtype
    >>> VLenBytes().encode(np.array([b"a"], object), ChunkSpec((1,), parse_dtype("bytes"), b"")).hex()
    '010000000100000061'
    """

    name: ClassVar[str] = "vlen-bytes"
    data_type: ClassVar[str] = "bytes"

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        return vlen.encode_bytes(array.reshape(-1).tolist())

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        return vlen.decode_bytes(data, spec.size).reshape(spec.shape)
