"""Compressors of numcodecs that are no part of the specification: `numcodecs.zlib`, `bz2`, `lzma` and `lz4`.

Their formats are described at https://numcodecs.readthedocs.io/en/stable/compression/index.html.

>>> codec = Bz2(level=9)
>>> codec.decode(codec.encode(b"zarr" * 1000), limit=4000) == b"zarr" * 1000
True
"""

import bz2
import lzma
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from simplezarr.codecs.base import BoundedCodec, Data, NativeCodec
from simplezarr.codecs.registry import register_codec
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_integer, show

if TYPE_CHECKING:
    from simplezarr.engine.kernels.compressors import CompiledCodec

__all__ = ["Bz2", "Lz4", "Lzma", "Zlib"]

_MAX_INT32 = 2**31 - 1
_LZ4_MAX_NBYTES = 0x7E000000
_DECODER_MEMORY = 1 << 28  # for the window of an LZMA stream, whatever size of it the stream demands
_MAX_FILTERS = 4
_FIRST_PIECE = 1 << 10  # bytes of a stream that are decompressed first
# Between two calls of the compressor, Ctrl-C is heard: after so many bytes of input, and so many of output.
_INPUT_PIECE = 1 << 16
_OUTPUT_PIECE = 1 << 20


@register_codec
@dataclass(frozen=True, slots=True)
class Zlib(NativeCodec):
    """A zlib stream (RFC 1950); `level` goes from -1, zlib's default, and 0, stored as it is, to 9, smallest."""

    name: ClassVar[str] = "numcodecs.zlib"
    encoder_only: ClassVar[dict[str, object]] = {"level": 1}
    self_describing: ClassVar[bool] = True
    level: int = 1

    def __post_init__(self) -> None:
        check_integer(self.level, -1, 9, "level")

    @property
    def compiled(self) -> "CompiledCodec":
        from simplezarr.engine.kernels import deflate

        return deflate.zlib_codec(self.level)


@register_codec
@dataclass(frozen=True, slots=True)
class Bz2(BoundedCodec):
    """bzip2 streams; `level` goes from 1, blocks of 100 kB, to 9, blocks of 900 kB."""

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
    """LZMA in the container `format`: 1 xz, 2 alone (.lzma), 3 raw, which needs `filters`.

    `check` is the integrity check of xz (-1: CRC64), `preset` from 0 to 9 the level; numbers and filters as in Python's
    module `lzma`.
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
                raise MetadataError("preset: must be null where there are filters")
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
    """One stream: the same bytes as if all data were given at once."""
    view = memoryview(data).cast("B")
    pieces = [compressor.compress(view[at : at + _INPUT_PIECE]) for at in range(0, len(view), _INPUT_PIECE)]
    return b"".join([*pieces, compressor.flush()])


def _decompress(start: Any, data: Data, limit: int | None) -> bytes:
    """What the streams in `data`, one behind the other, decompress to; no more than `limit` + 1 bytes are ever made.

    Each stream gets its input in pieces that grow: a decoder keeps a copy of what it does not use, and of very many
    small streams each would copy all that follow.
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
    """The number of bytes in four bytes, little endian, then one block of LZ4; more `acceleration` compresses less."""

    name: ClassVar[str] = "numcodecs.lz4"
    encoder_only: ClassVar[dict[str, object]] = {"acceleration": 1}
    self_describing: ClassVar[bool] = True
    acceleration: int = 1

    def __post_init__(self) -> None:
        check_integer(self.acceleration, -_MAX_INT32, _MAX_INT32, "acceleration")

    def resolve(self, nbytes: int | None) -> None:
        if nbytes is not None and nbytes > _LZ4_MAX_NBYTES:
            raise MetadataError(f"chunks of {nbytes} bytes; lz4 takes at most {_LZ4_MAX_NBYTES}, choose smaller chunks")

    @property
    def compiled(self) -> "CompiledCodec":
        from simplezarr.engine.kernels import numcodecs

        return numcodecs.lz4_codec(self.acceleration)
