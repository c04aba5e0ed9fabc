"""The codec `zstd`: a Zstandard frame (RFC 8878).

>>> Zstd(level=3).to_json()
{'name': 'zstd', 'configuration': {'level': 3, 'checksum': False}}
"""

from dataclasses import dataclass
from typing import ClassVar

from simplezarr.codecs.base import NativeCodec
from simplezarr.codecs.registry import register_codec
from simplezarr.engine.kernels import compressors
from simplezarr.engine.kernels.compressors import CompiledCodec
from simplezarr.schema.extensions import check_flag, check_integer

__all__ = ["Zstd"]

_LEVELS = (-131072, 22)


@register_codec
@dataclass(frozen=True, slots=True)
class Zstd(NativeCodec):
    """Compress bytes as a Zstandard frame (RFC 8878).

    Specified at https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/zstd.

    - level: -131072, fastest, to 22, smallest; 0 for the library's default.
    - checksum: whether a frame has a checksum of its content; decoding verifies one in any case.

    >>> Zstd().decode(Zstd(checksum=True).encode(b"zarr"))
    b'zarr'
    """

    name: ClassVar[str] = "zstd"
    required: ClassVar[tuple[str, ...]] = ("level",)
    encoder_only: ClassVar[dict[str, object]] = {"level": 0, "checksum": False}
    self_describing: ClassVar[bool] = True
    level: int = 0
    checksum: bool = False

    def __post_init__(self) -> None:
        check_integer(self.level, *_LEVELS, "level")
        check_flag(self.checksum, "checksum")

    @property
    def compiled(self) -> CompiledCodec:
        return compressors.zstd_codec(self.level, self.checksum)
