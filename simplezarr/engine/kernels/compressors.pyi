"""The compressors and checksums as kernels behind one C function type."""

from typing import final

from typing_extensions import Buffer

@final
class CompiledCodec:
    """A bytes -> bytes codec with its settings, made by one of the functions below."""

    @property
    def name(self) -> str:
        """The codec's name in the Zarr specification."""
    def decode(self, data: Buffer, limit: int | None = None) -> bytes:
        """Return the decoded bytes. Raise ValueError if data are corrupt or decode to more than `limit` bytes."""
    def encode(self, data: Buffer) -> bytes:
        """Return the encoded bytes."""

def zstd_codec(level: int = 0, checksum: bool = False) -> CompiledCodec:
    """Return the codec zstd (RFC 8878), level -131072 to 22, 0 for the library's default."""

def blosc_codec(
    cname: str = "zstd", clevel: int = 5, shuffle: str = "noshuffle", typesize: int = 1, blocksize: int = 0
) -> CompiledCodec:
    """Return the codec Blosc 1; cname blosclz, lz4, lz4hc, snappy (only read), zlib or zstd; clevel 0 to 9."""

def crc32c_codec() -> CompiledCodec:
    """Return the checksum CRC-32C (RFC 3720), 4 bytes little endian behind the data."""
