"""Kernels of codecs that come from numcodecs: lz4, shuffle, fletcher32."""

from simplezarr.engine.kernels.compressors import Kernel

def lz4_kernel(acceleration: int = 1) -> Kernel:
    """The number of bytes in four bytes, little endian, and one block of LZ4."""

def shuffle_kernel(elementsize: int) -> Kernel:
    """The bytes of elements of `elementsize` bytes, at least 1, by significance."""

def fletcher32_kernel() -> Kernel:
    """Fletcher's checksum as in HDF5, 4 bytes little endian behind the data."""
