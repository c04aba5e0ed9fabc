"""The codec `bitround`: numbers with fewer significant bits, which compress better.

See https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/bitround.

>>> BitRound(keepbits=3).encode(np.array([0.1, 1.2, 1234.5], "float32")).tolist()
[0.1015625, 1.25, 1280.0]
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ChunkSpec
from simplezarr.codecs.registry import register_codec
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import check_integer

__all__ = ["BitRound", "NumcodecsBitRound"]

_MAX_BITS = 64


@register_codec
@dataclass(frozen=True, slots=True)
class BitRound(ArrayArrayCodec):
    """Round numbers so that few of their bits are set; decoding changes nothing.

    - keepbits: how many bits to keep, 1 to 64. Of a floating-point number these are bits of the fraction, of an integer
      the bits from the highest set one down.

    Rounds to the nearest such number, ties to even. NaN stays as it is. `resolve` raises MetadataError for data types
    other than integers, floating-point and complex numbers and times.

    >>> BitRound(keepbits=2).encode(np.array([1000, 1001], "uint16")).tolist()
    [1024, 1024]
    """

    name: ClassVar[str] = "bitround"
    encoder_only: ClassVar[dict[str, object]] = {"keepbits": 1}
    self_describing: ClassVar[bool] = True
    fewest: ClassVar[int] = 1
    keepbits: int

    def __post_init__(self) -> None:
        check_integer(self.keepbits, self.fewest, _MAX_BITS, "keepbits")

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        dtype = spec.dtype.numpy
        if dtype.kind not in "iufcmM" and spec.dtype.name != "bfloat16":
            raise MetadataError(f"{self.name} can't take {spec.dtype.name}")
        fill = self.encode(np.frombuffer(spec.fill, dtype))
        return ChunkSpec(spec.shape, spec.dtype, fill.tobytes())

    def encode(self, array: np.ndarray) -> np.ndarray:
        native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        if native.dtype.kind in "iumM":
            bits = native.view(f"u{native.itemsize}")
            rounded = _round(bits, _bit_lengths(bits), self.keepbits)
            return rounded.view(native.dtype).reshape(array.shape)
        part = native.itemsize // 2 if native.dtype.kind == "c" else native.itemsize
        fraction = {2: 10, 4: 23, 8: 52}[part] if native.dtype.kind in "fc" else 7
        bits = native.reshape(-1).view(f"u{part}")
        magnitude = bits & ~bits.dtype.type(1 << (8 * part - 1))
        infinity = (1 << (8 * part - 1)) - (1 << fraction)
        # rounding could carry a NaN into infinity
        rounded = np.where(magnitude > infinity, bits, _round(bits, np.full_like(bits, fraction), self.keepbits))
        return rounded.view(native.dtype).reshape(array.shape)

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        return array


@register_codec
@dataclass(frozen=True, slots=True)
class NumcodecsBitRound(BitRound):
    """Round numbers as `BitRound` does, under the name that numcodecs gives it; `keepbits` may be 0.

    >>> NumcodecsBitRound(keepbits=0).encode(np.array([1.4, 1.6])).tolist()
    [1.0, 2.0]
    """

    name: ClassVar[str] = "numcodecs.bitround"
    fewest: ClassVar[int] = 0


def _bit_lengths(bits: np.ndarray) -> np.ndarray:
    lengths = np.zeros_like(bits)
    rest = bits.copy()
    for shift in (32, 16, 8, 4, 2, 1):
        if shift < 8 * bits.itemsize:
            high = rest >> bits.dtype.type(shift)
            more = high != 0
            lengths += more.astype(bits.dtype) * bits.dtype.type(shift)
            rest = np.where(more, high, rest)
    lengths += rest != 0
    return lengths


def _round(bits: np.ndarray, lengths: np.ndarray, keep: int) -> np.ndarray:
    """Return numbers rounded to the highest `keep` of their lowest `lengths` bits, ties to even.

    A number that would overflow gets the largest value that has those bits.
    """
    one = bits.dtype.type(1)
    dropped = np.where(lengths > keep, lengths - np.minimum(lengths, keep).astype(bits.dtype), 0).astype(bits.dtype)
    # half of what is dropped, less one if the lowest bit that is kept is even
    half = np.where(dropped > 0, one << np.maximum(dropped, one) - one, 0).astype(bits.dtype)
    odd = bits >> dropped & one
    summand = np.where(dropped > 0, half - one + odd, 0).astype(bits.dtype)
    total = bits + summand
    total = np.where(total < bits, ~bits.dtype.type(0), total)
    rounded: np.ndarray = total >> dropped << dropped
    return rounded
