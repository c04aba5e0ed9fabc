"""Kernels of codecs that come from numcodecs: lz4, shuffle, fletcher32."""

from simplezarr.engine.kernels.compressors import CompiledCodec

def lz4_codec(acceleration: int = 1) -> CompiledCodec:
    """The number of bytes in four bytes, little endian, and one block of LZ4."""

def shuffle_codec(elementsize: int) -> CompiledCodec:
    """The bytes of elements of `elementsize` bytes, at least 1, by significance."""

def fletcher32_codec() -> CompiledCodec:
    """Fletcher's checksum as in HDF5, 4 bytes little endian behind the data."""
