"""Codecs of Python objects, which Zarr 2 has: `numcodecs.vlen-array`, `numcodecs.json2` and `numcodecs.msgpack2`.

They only decode. An element is what numcodecs gives: an array, or a value of JSON or msgpack. Described at
https://numcodecs.readthedocs.io/en/stable/other/vlen.html and the pages beside it. Pickles run code, so they are never
read.

>>> from simplezarr.dtypes.variable import Objects
>>> spec = ChunkSpec((2,), Objects.make(), b"null")
>>> Json2().decode(b'[[1, 2], null, "|O", [2]]', spec)
array([list([1, 2]), None], dtype=object)
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayBytesCodec, ChunkSpec, Data
from simplezarr.codecs.filters import check_dtype
from simplezarr.codecs.registry import register_codec
from simplezarr.engine.kernels import vlen
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_choice, check_flag, show
from simplezarr.schema.extras import extra

__all__ = ["Json2", "MsgPack2", "VLenArray"]

_ENCODINGS = ("utf-8", "utf8", "UTF-8", "ascii", "latin-1", "utf-16", "utf-32")


def _object_array(items: Sequence[Any], spec: ChunkSpec) -> np.ndarray:
    """Return the chunk of some items; NumPy does not look into items that are lists or arrays."""
    array = np.empty(spec.size, spec.dtype.numpy)
    for i, item in enumerate(items):
        array[i] = item
    return array.reshape(spec.shape)


@register_codec
@dataclass(frozen=True, slots=True)
class VLenArray(ArrayBytesCodec):
    """Decode one-dimensional arrays of any length.

    - dtype: NumPy's type of their elements, such as `"<i4"`.

    >>> VLenArray("<i4").dtype
    '<i4'
    """

    name: ClassVar[str] = "numcodecs.vlen-array"
    dtype: str

    def __post_init__(self) -> None:
        check_dtype(self.dtype, "biufcmMSU", "dtype")

    def resolve(self, spec: ChunkSpec) -> None:
        _check_type(self.name, spec)

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        items = vlen.decode_bytes(data, spec.size)
        return _object_array([np.frombuffer(item, self.dtype) for item in items.tolist()], spec)


class _Listed(ArrayBytesCodec):
    """Base of codecs that store a list of the elements, the data type of the array and its shape.

    The elements are in C order, also if the array's order is "F".
    """

    __slots__ = ()
    self_describing: ClassVar[bool] = True

    def resolve(self, spec: ChunkSpec) -> None:
        _check_type(self.name, spec)

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        items = self.items(data)
        if type(items) is not list or len(items) < 2 or type(items[-1]) is not list:
            raise ValueError("the data are not a list of elements, data type and shape")
        shape, items = items[-1], items[:-2]
        if any(type(length) is not int for length in shape) or math.prod(shape) != spec.size:
            raise ValueError(f"an array of shape {shape} in a chunk of shape {spec.shape}")
        for length in shape[1:]:
            if any(type(item) is not list or len(item) != length for item in items):
                raise ValueError(f"the elements are not those of an array of shape {shape}")
            items = [element for item in items for element in item]
        if len(items) != spec.size:
            raise ValueError(f"{len(items)} elements in a chunk of {spec.size}")
        return _object_array(items, spec)

    def items(self, data: Data) -> Any:
        """Return the stored list."""
        raise NotImplementedError(f"codec {self.name} does not decode")


@register_codec
@dataclass(frozen=True, slots=True)
class Json2(_Listed):
    """Decode values of JSON.

    - encoding: of the text, such as `"utf-8"`.
    - strict: whether control characters in strings are an error.

    >>> Json2(strict=False).to_json()["configuration"]
    {'encoding': 'utf-8', 'strict': False}
    """

    name: ClassVar[str] = "numcodecs.json2"
    encoding: str = "utf-8"
    strict: bool = True

    def __post_init__(self) -> None:
        check_choice(self.encoding, _ENCODINGS, "encoding")
        check_flag(self.strict, "strict")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        return {member: configuration[member] for member in ("encoding", "strict") if member in configuration}

    def items(self, data: Data) -> Any:
        text = bytes(data).decode(self.encoding)
        try:
            return json.loads(text, strict=self.strict)
        except RecursionError:
            raise ValueError("lists or objects are nested too deeply") from None


@register_codec
@dataclass(frozen=True, slots=True)
class MsgPack2(_Listed):
    """Decode values of msgpack; raise UnsupportedError without the package msgpack.

    - raw: whether msgpack's older type of strings is read as bytes.

    >>> MsgPack2().to_json()
    {'name': 'numcodecs.msgpack2', 'configuration': {'raw': False}}
    """

    name: ClassVar[str] = "numcodecs.msgpack2"
    raw: bool = False

    def __post_init__(self) -> None:
        check_flag(self.raw, "raw")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        return {"raw": configuration["raw"]} if "raw" in configuration else {}

    def items(self, data: Data) -> Any:
        return extra("msgpack", "chunks by msgpack2").unpackb(bytes(data), raw=self.raw)


def _check_type(name: str, spec: ChunkSpec) -> None:
    if spec.dtype.name != "object":
        raise MetadataError(f"{name} stores objects, not {show(spec.dtype.name)}")
