"""gzip (RFC 1952) and zlib (RFC 1950) as kernels, by zlib-ng from the compression archive."""

from simplezarr.engine.kernels.compressors import Kernel

def gzip_kernel(level: int = 5) -> Kernel:
    """gzip (RFC 1952), level 0 to 9."""

def zlib_kernel(level: int = 1) -> Kernel:
    """zlib (RFC 1950), level -1 to 9."""
