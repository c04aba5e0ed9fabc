"""Kernels of codecs that come from numcodecs: lz4, shuffle, fletcher32."""

from simplezarr.engine.kernels.compressors import CompiledCodec

def lz4_codec(acceleration: int = 1) -> CompiledCodec:
    """Return the codec LZ4: the decoded size as 4 bytes little endian, then one block."""

def shuffle_codec(elementsize: int) -> CompiledCodec:
    """Return the codec that sorts the bytes of elements, each of `elementsize` bytes (at least 1), by significance."""

def fletcher32_codec() -> CompiledCodec:
    """Return Fletcher's checksum as in HDF5, 4 bytes little endian behind the data."""
