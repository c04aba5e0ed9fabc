"""The codec `gzip`: one gzip member (RFC 1952).

>>> Gzip(level=1).to_json()
{'name': 'gzip', 'configuration': {'level': 1}}
"""

from dataclasses import dataclass
from typing import ClassVar

from simplezarr.codecs.base import NativeCodec
from simplezarr.codecs.registry import register_codec
from simplezarr.engine.kernels import deflate
from simplezarr.engine.kernels.compressors import CompiledCodec
from simplezarr.schema.extensions import check_integer

__all__ = ["Gzip"]


@register_codec
@dataclass(frozen=True, slots=True)
class Gzip(NativeCodec):
    """Compress bytes as a gzip member (RFC 1952); several members are read too.

    Specified at https://zarr-specs.readthedocs.io/en/latest/v3/codecs/gzip/.

    - level: 0, stored without compression, to 9, smallest.

    >>> Gzip().decode(Gzip().encode(b"zarr"))
    b'zarr'
    """

    name: ClassVar[str] = "gzip"
    required: ClassVar[tuple[str, ...]] = ("level",)
    encoder_only: ClassVar[dict[str, object]] = {"level": 5}
    self_describing: ClassVar[bool] = True
    lowest: ClassVar[int] = 0
    level: int = 5

    def __post_init__(self) -> None:
        check_integer(self.level, self.lowest, 9, "level")

    @property
    def compiled(self) -> CompiledCodec:
        return deflate.gzip_codec(self.level)
