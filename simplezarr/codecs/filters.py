"""Array -> array codecs of numcodecs: `numcodecs.delta`, `fixedscaleoffset`, `quantize`, `astype` and `packbits`.

Described at https://numcodecs.readthedocs.io/en/stable/filter/index.html. Their data types are NumPy's type strings.
The byte order in these is ignored, because the codecs get and give numbers.

>>> Delta("<i2").encode(np.array([10, 12, 9], "int16"))
array([10,  2, -3], dtype=int16)
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ChunkSpec
from simplezarr.codecs.registry import register_codec
from simplezarr.dtypes import of_numpy, parse_dtype
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_integer, show

__all__ = ["AsType", "Delta", "FixedScaleOffset", "NumcodecsPackBits", "Quantize", "check_dtype"]

_LONGEST_NAME = 16
_DIGITS = 300  # decimal digits that doubles reach
_UINT8 = parse_dtype("uint8")


def check_dtype(value: object, kinds: str, where: str) -> None:
    """Raise MetadataError unless a value names a NumPy data type of one of the kinds."""
    try:
        known = type(value) is str and len(value) <= _LONGEST_NAME and np.dtype(value).kind in kinds
    except (TypeError, ValueError, SyntaxError):
        known = False
    if not known:
        raise MetadataError(f"{where}: {show(value)} is not a NumPy data type that this codec takes")


def _native(name: str | None) -> np.dtype:
    return np.dtype(name).newbyteorder("=")


class _Filter(ArrayArrayCodec):
    """Base of filters from elements of one NumPy data type, `decoded`, to as many of another, `encoded`.

    The fields `dtype` and `astype` name these. `kinds` are the kinds of NumPy data types that the filter takes.
    """

    __slots__ = ()
    kinds: ClassVar[str]

    def __post_init__(self) -> None:
        for member in ("dtype", "astype"):
            if getattr(self, member, None) is not None:
                check_dtype(getattr(self, member), self.kinds, member)

    @property
    def decoded(self) -> np.dtype:
        return _native(self.dtype)  # type: ignore[attr-defined]

    @property
    def encoded(self) -> np.dtype:
        return _native(self.astype or self.dtype)  # type: ignore[attr-defined]

    @property
    def unfitted(self) -> bool:
        return self.dtype is None  # type: ignore[attr-defined]

    def fit(self, spec: ChunkSpec) -> Self:
        return replace(self, dtype=spec.dtype.numpy.str) if self.unfitted else self  # type: ignore[type-var]

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        given, decoded = spec.dtype.numpy, self.decoded
        same_kind = given.kind in "iufc" if decoded.kind in "iufc" else given.kind == decoded.kind
        if not same_kind or given.itemsize != decoded.itemsize:
            raise MetadataError(f"{self.name} for {decoded} can't take {spec.dtype.name}")
        if decoded.kind == "c" and self.encoded.kind != "c":
            raise MetadataError(f"{self.name} can't make {self.encoded} of {decoded}")
        fill = self.convert(np.frombuffer(spec.fill, self.decoded))
        return ChunkSpec(spec.shape, of_numpy(self.encoded), fill.astype(self.encoded).tobytes())

    def convert(self, elements: np.ndarray) -> np.ndarray:
        """Return encoded elements, which a cast to `encoded` follows."""
        with np.errstate(all="ignore"):
            return elements.astype(self.encoded)

    def restore(self, elements: np.ndarray) -> np.ndarray:
        """Return decoded elements, which a cast to `decoded` follows."""
        return elements

    def encode(self, array: np.ndarray) -> np.ndarray:
        elements = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).view(self.decoded)
        with np.errstate(all="ignore"):
            return self.convert(elements).astype(self.encoded, copy=False).reshape(array.shape)

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        elements = np.ascontiguousarray(array, self.encoded)
        with np.errstate(all="ignore"):
            decoded = self.restore(elements).astype(self.decoded, copy=False)
        return decoded.view(spec.dtype.numpy).reshape(spec.shape)


@register_codec
@dataclass(frozen=True, slots=True)
class Delta(_Filter):
    """Store the differences between neighbours in C order.

    - dtype: NumPy's type in which they are computed, None for that of the array.
    - astype: NumPy's type in which they are stored, None for the same.

    >>> Delta("<i2").decode(np.array([10, 2, -3], "int16"), ChunkSpec((3,), parse_dtype("int16"), bytes(2))).tolist()
    [10, 12, 9]
    """

    name: ClassVar[str] = "numcodecs.delta"
    kinds: ClassVar[str] = "iufc"
    dtype: str | None = None
    astype: str | None = None

    def convert(self, elements: np.ndarray) -> np.ndarray:
        flat = elements.reshape(-1)
        encoded = np.empty(flat.shape, self.encoded)
        encoded[:1] = flat[:1]
        encoded[1:] = np.diff(flat)
        return encoded

    def restore(self, elements: np.ndarray) -> np.ndarray:
        decoded = np.empty(elements.size, self.decoded)
        np.cumsum(elements.reshape(-1), out=decoded)
        return decoded


@register_codec
@dataclass(frozen=True, slots=True)
class FixedScaleOffset(_Filter):
    """Store (x - offset) · scale, rounded to integers.

    - offset, scale: numbers; the scale must not be 0.
    - dtype: NumPy's type of the numbers, None for that of the array.
    - astype: NumPy's type in which they are stored, None for the same.

    >>> FixedScaleOffset(offset=10, scale=10, dtype="<f8", astype="<u1").encode(np.array([10.1, 12.0])).tolist()
    [1, 20]
    """

    name: ClassVar[str] = "numcodecs.fixedscaleoffset"
    kinds: ClassVar[str] = "iuf"
    offset: float
    scale: float
    dtype: str | None = None
    astype: str | None = None

    def __post_init__(self) -> None:
        for member in ("offset", "scale"):
            value = getattr(self, member)
            if type(value) not in (int, float) or abs(value) >= 2**1023 or value != value:
                raise MetadataError(f"{member}: {show(value)} is not a number that a double can hold")
        if self.scale == 0:
            raise MetadataError("scale: 0 is not a scale; give another number")
        _Filter.__post_init__(self)

    def convert(self, elements: np.ndarray) -> np.ndarray:
        return np.around((elements - float(self.offset)) * float(self.scale))

    def restore(self, elements: np.ndarray) -> np.ndarray:
        return elements / float(self.scale) + float(self.offset)


@register_codec
@dataclass(frozen=True, slots=True)
class Quantize(_Filter):
    """Round floating-point numbers to a multiple of a power of two that keeps some decimal digits.

    - digits: decimal digits behind the point to keep, -300 to 300.
    - dtype: NumPy's type of the numbers, None for that of the array.
    - astype: NumPy's type in which they are stored, None for the same.

    >>> Quantize(digits=1, dtype="<f8").encode(np.array([0.26, 1.0])).tolist()
    [0.25, 1.0]
    """

    name: ClassVar[str] = "numcodecs.quantize"
    kinds: ClassVar[str] = "f"
    encoder_only: ClassVar[dict[str, object]] = {"digits": 0}
    digits: int
    dtype: str | None = None
    astype: str | None = None

    def __post_init__(self) -> None:
        check_integer(self.digits, -_DIGITS, _DIGITS, "digits")
        _Filter.__post_init__(self)

    def convert(self, elements: np.ndarray) -> np.ndarray:
        exponent = math.log10(10.0**-self.digits)
        exponent = math.floor(exponent) if exponent < 0 else math.ceil(exponent)
        scale = 2.0 ** math.ceil(math.log2(10.0**-exponent))
        return np.around(scale * elements) / scale


@register_codec
@dataclass(frozen=True, slots=True)
class AsType(_Filter):
    """Store numbers as another of NumPy's types, by NumPy's casts.

    - encode_dtype: the type in which they are stored.
    - decode_dtype: their type in the array, None for that of the array.

    >>> AsType("<u1", "<f8").encode(np.array([1.0, 2.0])).dtype.name
    'uint8'
    """

    name: ClassVar[str] = "numcodecs.astype"
    encode_dtype: str
    decode_dtype: str | None = None

    def __post_init__(self) -> None:
        check_dtype(self.encode_dtype, "biufc", "encode_dtype")
        if self.decode_dtype is not None:
            check_dtype(self.decode_dtype, "biufc", "decode_dtype")

    @property
    def decoded(self) -> np.dtype:
        return _native(self.decode_dtype)

    @property
    def encoded(self) -> np.dtype:
        return _native(self.encode_dtype)

    @property
    def unfitted(self) -> bool:
        return self.decode_dtype is None

    def fit(self, spec: ChunkSpec) -> "AsType":
        return AsType(self.encode_dtype, spec.dtype.numpy.str) if self.unfitted else self


@register_codec
@dataclass(frozen=True, slots=True)
class NumcodecsPackBits(ArrayArrayCodec):
    """Store booleans as bits, the most significant first, behind a byte with the number of padding bits.

    `decode` raises ValueError if that number is wrong.

    >>> NumcodecsPackBits().encode(np.array([1, 0, 1, 1, 0, 0, 0, 0, 1], bool)).tobytes().hex()
    '07b080'
    """

    name: ClassVar[str] = "numcodecs.packbits"

    def to_json(self) -> JsonObject:
        return {"name": self.name, "configuration": {}}  # zarr-python needs the member even if it is empty

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        if spec.dtype.name != "bool":
            raise MetadataError(f"{self.name} takes bool, not {spec.dtype.name}")
        return ChunkSpec((1 + (spec.size + 7) // 8,), _UINT8, b"\0")

    def encode(self, array: np.ndarray) -> np.ndarray:
        return np.append(np.uint8(-array.size % 8), np.packbits(array.reshape(-1)))

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        if array[0] != -spec.size % 8:
            raise ValueError(f"{array[0]} bits of padding for {spec.size} elements")
        return np.unpackbits(array[1:], count=spec.size).astype(bool).reshape(spec.shape)
