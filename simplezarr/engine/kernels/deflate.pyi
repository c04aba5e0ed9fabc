"""gzip (RFC 1952) and zlib (RFC 1950) as kernels, by zlib-ng from the compression archive."""

from simplezarr.engine.kernels.compressors import CompiledCodec

def gzip_codec(level: int = 5) -> CompiledCodec:
    """Return the codec gzip (RFC 1952), level 0 to 9."""

def zlib_codec(level: int = 1) -> CompiledCodec:
    """Return the codec zlib (RFC 1950), level -1 to 9."""
