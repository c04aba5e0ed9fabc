"""Compressors of numcodecs that the specification does not have: `numcodecs.zlib`, `bz2`, `lzma` and `lz4`.

Described at https://numcodecs.readthedocs.io/en/stable/compression/index.html.

>>> codec = Bz2(level=9)
>>> codec.decode(codec.encode(b"zarr" * 1000), limit=4000) == b"zarr" * 1000
True
"""

import bz2
import lzma
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from simplezarr.codecs.base import BoundedCodec, Data, NativeCodec
from simplezarr.codecs.registry import register_codec
from simplezarr.engine.kernels import deflate, numcodecs
from simplezarr.engine.kernels.compressors import CompiledCodec
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_integer, show

__all__ = ["Bz2", "Lz4", "Lzma", "Zlib"]

_MAX_INT32 = 2**31 - 1
_LZ4_MAX_NBYTES = 0x7E000000
_DECODER_MEMORY = 1 << 28  # bytes for the window of an LZMA stream; a stream that demands more is refused
_MAX_FILTERS = 4
_FIRST_PIECE = 1 << 10  # bytes of a stream that are decompressed first
# Ctrl-C is noticed between two calls of the compressor: after so many bytes of input, and so many of output.
_INPUT_PIECE = 1 << 16
_OUTPUT_PIECE = 1 << 20


@register_codec
@dataclass(frozen=True, slots=True)
class Zlib(NativeCodec):
    """Compress bytes as a zlib stream (RFC 1950).

    - level: 0, stored without compression, to 9, smallest; -1 for zlib's default.

    >>> Zlib(level=9).decode(Zlib(level=9).encode(b"zarr"))
    b'zarr'
    """

    name: ClassVar[str] = "numcodecs.zlib"
    encoder_only: ClassVar[dict[str, object]] = {"level": 1}
    self_describing: ClassVar[bool] = True
    level: int = 1

    def __post_init__(self) -> None:
        check_integer(self.level, -1, 9, "level")

    @property
    def compiled(self) -> CompiledCodec:
        return deflate.zlib_codec(self.level)


@register_codec
@dataclass(frozen=True, slots=True)
class Bz2(BoundedCodec):
    """Compress bytes as a bzip2 stream; several streams are read too.

    - level: the size of blocks, from 1 (100 kB) to 9 (900 kB).

    >>> Bz2(level=1).to_json()
    {'name': 'numcodecs.bz2', 'configuration': {'level': 1}}
    """

    name: ClassVar[str] = "numcodecs.bz2"
    encoder_only: ClassVar[dict[str, object]] = {"level": 1}
    self_describing: ClassVar[bool] = True
    level: int = 1

    def __post_init__(self) -> None:
        check_integer(self.level, 1, 9, "level")

    def encode(self, data: Data) -> bytes:
        return _compress(bz2.BZ2Compressor(self.level), data)

    def decode(self, data: Data, limit: int | None = None) -> bytes:
        return _decompress(bz2.BZ2Decompressor, data, limit)


@register_codec
@dataclass(frozen=True, slots=True)
class Lzma(BoundedCodec):
    """Compress bytes with LZMA; numbers and filters are those of Python's module `lzma`.

    - format: the container, 1 for xz, 2 for `.lzma`, 3 for raw, which needs `filters`.
    - check: the integrity check of xz, -1 for CRC64.
    - preset: the level, 0 to 9, None for the default.
    - filters: a list of objects in place of a preset.

    Decoding raises an error for streams whose window takes more than 256 MiB.

    >>> Lzma(preset=1).decode(Lzma(preset=1).encode(b"zarr"))
    b'zarr'
    """

    name: ClassVar[str] = "numcodecs.lzma"
    encoder_only: ClassVar[dict[str, object]] = {"check": -1, "preset": None, "filters": None}
    format: int = lzma.FORMAT_XZ
    check: int = -1
    preset: int | None = None
    filters: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        check_integer(self.format, lzma.FORMAT_XZ, lzma.FORMAT_RAW, "format")
        check_integer(self.check, -1, lzma.CHECK_ID_MAX, "check")
        if self.preset is not None:
            check_integer(self.preset, 0, 9 | lzma.PRESET_EXTREME, "preset")
        if self.filters is not None:
            object.__setattr__(self, "filters", _as_filters(self.filters))
            if self.preset is not None:
                raise MetadataError("preset: must be null if there are filters")
        elif self.format == lzma.FORMAT_RAW:
            raise MetadataError("filters: missing; format 3, raw, needs them")

    def to_json(self) -> JsonObject:
        configuration: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        configuration["filters"] = self._filters
        return {"name": self.name, "configuration": configuration}

    @property
    def _filters(self) -> list[JsonObject] | None:
        return None if self.filters is None else [dict(item) for item in self.filters]

    def encode(self, data: Data) -> bytes:
        return _compress(lzma.LZMACompressor(self.format, self.check, self.preset, self._filters), data)

    def decode(self, data: Data, limit: int | None = None) -> bytes:
        return _decompress(self._decoder, data, limit)

    def _decoder(self) -> lzma.LZMADecompressor:
        if self.format == lzma.FORMAT_RAW:
            return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=self._filters)
        return lzma.LZMADecompressor(self.format, memlimit=_DECODER_MEMORY)


def _as_filters(value: object) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= _MAX_FILTERS:
        raise MetadataError(f"filters: {show(value)} is not a list of 1 to {_MAX_FILTERS} filters")
    filters = []
    for i, item in enumerate(value):
        try:
            members = dict(item)
        except (TypeError, ValueError):
            raise MetadataError(f"filters[{i}]: {show(item)} is not an object") from None
        for member, number in members.items():
            most = _DECODER_MEMORY if member == "dict_size" else 2**63 - 1
            check_integer(number, 0, most, f"filters[{i}].{member}")
        filters.append(tuple(members.items()))
    try:
        lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[dict(item) for item in filters])
    except (ValueError, TypeError, lzma.LZMAError) as error:
        raise MetadataError(f"filters: {error}") from None
    return tuple(filters)


def _compress(compressor: Any, data: Data) -> bytes:
    """Return one stream: the same bytes as if the compressor got all data at once."""
    view = memoryview(data).cast("B")
    pieces = [compressor.compress(view[at : at + _INPUT_PIECE]) for at in range(0, len(view), _INPUT_PIECE)]
    return b"".join([*pieces, compressor.flush()])


def _decompress(start: Any, data: Data, limit: int | None) -> bytes:
    """Return what the streams in `data`, one behind the other, decompress to; never make more than `limit` + 1 bytes.

    Each stream gets its input in pieces that grow. A decoder copies the input that it does not use. If it got all input
    at once, each of many small streams would copy all that follow.
    """
    pieces: list[bytes] = []
    size = 0
    view = memoryview(data).cast("B")
    at = 0
    while at < len(view) or not at:
        decoder, piece = start(), _FIRST_PIECE
        while not decoder.eof:
            if limit is not None and size > limit:
                raise ValueError(f"decodes to more than {limit} bytes")
            if at == len(view) and decoder.needs_input:
                raise ValueError("the compressed data end too early")
            given = view[at : at + piece] if decoder.needs_input else view[:0]
            most = _OUTPUT_PIECE if limit is None else min(limit - size + 1, _OUTPUT_PIECE)
            pieces.append(decoder.decompress(given, most))
            size += len(pieces[-1])
            at += len(given)
            piece = min(2 * piece, _OUTPUT_PIECE)
        at -= len(decoder.unused_data)
        if not view[at : at + 1].tobytes().strip(b"\0") and not view[at:].tobytes().strip(b"\0"):
            break  # the end, or the padding that xz allows behind a stream
    if limit is not None and size > limit:
        raise ValueError(f"decodes to more than {limit} bytes")
    return b"".join(pieces)


@register_codec
@dataclass(frozen=True, slots=True)
class Lz4(NativeCodec):
    """Compress bytes as one block of LZ4 behind their number in four bytes, little endian.

    - acceleration: a larger number compresses faster and less.

    `resolve` raises MetadataError for chunks of more than 0x7e000000 bytes.

    >>> Lz4().encode(b"zarr").hex()
    '04000000407a617272'
    """

    name: ClassVar[str] = "numcodecs.lz4"
    encoder_only: ClassVar[dict[str, object]] = {"acceleration": 1}
    self_describing: ClassVar[bool] = True
    acceleration: int = 1

    def __post_init__(self) -> None:
        check_integer(self.acceleration, -_MAX_INT32, _MAX_INT32, "acceleration")

    def resolve(self, nbytes: int | None) -> None:
        if nbytes is not None and nbytes > _LZ4_MAX_NBYTES:
            raise MetadataError(f"chunks of {nbytes} bytes; lz4 takes at most {_LZ4_MAX_NBYTES}: choose smaller chunks")

    @property
    def compiled(self) -> CompiledCodec:
        return numcodecs.lz4_codec(self.acceleration)
