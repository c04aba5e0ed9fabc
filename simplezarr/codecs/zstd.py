"""The codec `zstd`: a Zstandard frame (RFC 8878).

>>> Zstd(level=3).to_json()
{'name': 'zstd', 'configuration': {'level': 3, 'checksum': False}}
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from simplezarr.codecs.base import NativeCodec
from simplezarr.codecs.registry import register_codec
from simplezarr.schema.extensions import check_flag, check_integer

if TYPE_CHECKING:
    from simplezarr.engine.kernels.compressors import CompiledCodec

__all__ = ["Zstd"]

_LEVELS = (-131072, 22)


@register_codec
@dataclass(frozen=True, slots=True)
class Zstd(NativeCodec):
    """`level` 0 is the library's default; with `checksum`, a frame carries a checksum of its content."""

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
    def compiled(self) -> "CompiledCodec":
        from simplezarr.engine.kernels import compressors

        return compressors.zstd_codec(self.level, self.checksum)
