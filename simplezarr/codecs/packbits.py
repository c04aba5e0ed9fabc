"""The codec `packbits`: elements of a few bits each, without the space between them.

See https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/packbits. `numcodecs.packbits` is another codec,
which stores the bits in the opposite order.

>>> from simplezarr.dtypes import parse_dtype
>>> spec = ChunkSpec((9,), parse_dtype("bool"), b"\\0")
>>> PackBits().encode(np.array([1, 0, 1, 1, 0, 0, 0, 0, 1], bool), spec).hex()
'0d01'
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayBytesCodec, ChunkSpec, Data
from simplezarr.codecs.configuration import without_nulls
from simplezarr.codecs.registry import register_codec
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_choice, check_integer
from simplezarr.schema.leniency import tolerate

__all__ = ["PackBits"]

_PADDINGS = ("none", "first_byte", "last_byte")
_NARROW = {
    **dict.fromkeys(("bool",), 1),
    **dict.fromkeys(("int2", "uint2"), 2),
    **dict.fromkeys(("int4", "uint4", "float4_e2m1fn", "complex_float4_e2m1fn"), 4),
    **dict.fromkeys(("float6_e2m3fn", "float6_e3m2fn", "complex_float6_e2m3fn", "complex_float6_e3m2fn"), 6),
}
_MAX_BIT = 63
_PIECE = 1 << 16  # numbers that are unpacked at a time, each bit to a byte; a multiple of 8


@register_codec
@dataclass(frozen=True, slots=True)
class PackBits(ArrayBytesCodec):
    """Store only some bits of each number, the least significant first.

    - padding_encoding: where a byte with the number of padding bits stands, `"first_byte"`, `"last_byte"` or `"none"`.
    - first_bit, last_bit: which bits of a number are stored; None for the first and the last one it has.

    `resolve` raises MetadataError for data types other than numbers and bool, and for bits that a number does not have.

    >>> from simplezarr.dtypes import parse_dtype
    >>> spec = ChunkSpec((2,), parse_dtype("uint8"), bytes(1))
    >>> PackBits(last_bit=3).encode(np.array([1, 15], "uint8"), spec).hex()
    'f1'
    """

    name: ClassVar[str] = "packbits"
    words: ClassVar[tuple[str, ...]] = ("padding_encoding",)
    padding_encoding: str = "none"
    first_bit: int | None = None
    last_bit: int | None = None

    def __post_init__(self) -> None:
        check_choice(self.padding_encoding, _PADDINGS, "padding_encoding")
        for member in ("first_bit", "last_bit"):
            if getattr(self, member) is not None:
                check_integer(getattr(self, member), 0, _MAX_BIT, member)
        if self.last_bit is not None and self.last_bit < (self.first_bit or 0):
            raise MetadataError(f"last_bit: {self.last_bit} is less than first_bit")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        # If the default is wrong, the size of a chunk shows it.
        return without_nulls(configuration, ("padding_encoding",), f"{where}.configuration")

    def resolve(self, spec: ChunkSpec) -> int:
        parts, _, first, last = self._layout(spec)
        return (spec.size * parts * (last - first + 1) + 7) // 8 + (self.padding_encoding != "none")

    def _layout(self, spec: ChunkSpec) -> tuple[int, int, int, int]:
        """Return the numbers per element, the bytes of each, and the first and last of its bits that are stored."""
        dtype = spec.dtype
        parts = 2 if dtype.name.startswith("complex") else 1
        size = dtype.itemsize // parts
        numeric = dtype.numpy.kind in "biufc" or dtype.name in _NARROW or "float" in dtype.name
        if not numeric or size not in (1, 2, 4, 8):
            raise MetadataError(f"{self.name} can't take {dtype.name}")
        most = _NARROW.get(dtype.name, 8 * size) - 1
        for member in ("first_bit", "last_bit"):
            if (getattr(self, member) or 0) > most:
                raise MetadataError(f"configuration.{member}: {dtype.name} has bits 0 to {most}")
        return parts, size, self.first_bit or 0, most if self.last_bit is None else self.last_bit

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        _, size, first, last = self._layout(spec)
        numbers = np.ascontiguousarray(array, spec.dtype.numpy.newbyteorder("<")).reshape(-1).view(np.uint8)
        rows = numbers.reshape(-1, size)
        pieces = []
        for begin in range(0, len(rows), _PIECE):
            bits = np.unpackbits(rows[begin : begin + _PIECE], axis=1, bitorder="little")[:, first : last + 1]
            pieces.append(np.packbits(bits.reshape(-1), bitorder="little").tobytes())
        packed = b"".join(pieces)
        padding = bytes([-len(rows) * (last - first + 1) % 8])
        if self.padding_encoding == "none":
            return packed
        return padding + packed if self.padding_encoding == "first_byte" else packed + padding

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        parts, size, first, last = self._layout(spec)
        stored = np.frombuffer(data, np.uint8)
        expected, width = self.resolve(spec), last - first + 1
        count = spec.size * parts
        unpadded = self.padding_encoding != "none" and width == 8 * size and stored.size == expected - 1
        if unpadded:
            tolerate("no-padding", self.name)
        elif stored.size != expected:
            raise ValueError(f"{stored.size} bytes instead of {expected}")
        elif self.padding_encoding != "none":
            at = 0 if self.padding_encoding == "first_byte" else -1
            if stored[at] != -count * width % 8:
                raise ValueError(f"{stored[at]} bits of padding for {count} numbers of {width} bits")
            stored = stored[1:] if at == 0 else stored[:-1]
        numbers = np.empty((count, size), np.uint8)
        signed = spec.dtype.name.startswith("int")
        for begin in range(0, count, _PIECE):
            piece = stored[begin * width // 8 : (begin + _PIECE) * width // 8]
            numbers[begin : begin + _PIECE] = _unpacked(piece, numbers[begin : begin + _PIECE], first, last, signed)
        stored_type = spec.dtype.numpy.newbyteorder("<")
        return numbers.reshape(-1).view(stored_type).astype(spec.dtype.numpy, copy=False).reshape(spec.shape)


def _unpacked(stored: np.ndarray, numbers: np.ndarray, first: int, last: int, signed: bool) -> np.ndarray:
    """Return the bytes of as many numbers as `numbers` has rows, of which bits `first` to `last` are stored."""
    count, size = numbers.shape
    width = last - first + 1
    bits = np.zeros((count, 8 * size), np.uint8)
    bits[:, first : last + 1] = np.unpackbits(stored, count=count * width, bitorder="little").reshape(-1, width)
    if signed:
        bits[:, last + 1 :] = bits[:, last : last + 1]
    return np.packbits(bits, axis=1, bitorder="little")
