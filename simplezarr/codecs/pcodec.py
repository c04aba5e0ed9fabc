"""The codec `numcodecs.pcodec`: a standalone file of pcodec (https://github.com/pcodec/pcodec), by the package pcodec.

Described at https://numcodecs.readthedocs.io/en/stable/compression/pcodec.html.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayBytesCodec, ChunkSpec, Data
from simplezarr.codecs.registry import register_codec
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import check_choice, check_integer
from simplezarr.schema.extras import extra

__all__ = ["Pcodec"]

_TYPES = frozenset(("int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "float32", "float64"))
_DELTAS = ("auto", "none", "try_consecutive", "try_lookback")


@register_codec
@dataclass(frozen=True, slots=True)
class Pcodec(ArrayBytesCodec):
    """Compress numbers with pcodec.

    - level: 0, fastest, to 12, smallest.
    - mode_spec: `"auto"` or `"classic"`.
    - delta_spec: `"auto"`, `"none"`, `"try_consecutive"` or `"try_lookback"`.
    - delta_encoding_order: 0 to 7; only with the delta_spec `"auto"` or `"try_consecutive"`.
    - paging_spec, equal_pages_up_to: the most numbers of a page.

    `resolve` raises MetadataError for data types other than integers and floating-point numbers of 2 to 8 bytes.
    Encoding and decoding raise UnsupportedError without the package pcodec.

    >>> Pcodec(level=4).to_json()["configuration"]["level"]
    4
    """

    name: ClassVar[str] = "numcodecs.pcodec"
    encoder_only: ClassVar[dict[str, object]] = {
        "level": 8,
        "mode_spec": "auto",
        "delta_spec": "auto",
        "paging_spec": "equal_pages_up_to",
        "delta_encoding_order": None,
        "equal_pages_up_to": 262144,
    }
    self_describing: ClassVar[bool] = True
    level: int = 8
    mode_spec: str = "auto"
    delta_spec: str = "auto"
    paging_spec: str = "equal_pages_up_to"
    delta_encoding_order: int | None = None
    equal_pages_up_to: int = 262144

    def __post_init__(self) -> None:
        check_integer(self.level, 0, 12, "level")
        check_choice(self.mode_spec, ("auto", "classic"), "mode_spec")
        check_choice(self.delta_spec, _DELTAS, "delta_spec")
        check_choice(self.paging_spec, ("equal_pages_up_to",), "paging_spec")
        if self.delta_encoding_order is not None:
            check_integer(self.delta_encoding_order, 0, 7, "delta_encoding_order")
            if self.delta_spec not in ("auto", "try_consecutive"):
                raise MetadataError(f'delta_encoding_order: not for delta_spec "{self.delta_spec}"')
        check_integer(self.equal_pages_up_to, 1, 2**24, "equal_pages_up_to")

    def resolve(self, spec: ChunkSpec) -> None:
        if spec.dtype.name not in _TYPES:
            raise MetadataError(f"{self.name} can't take {spec.dtype.name}")

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        package, standalone = _packages()
        numbers = np.ascontiguousarray(array, spec.dtype.numpy).reshape(-1)
        return bytes(standalone.simple_compress(numbers, self._settings(package)))

    def _settings(self, package: Any) -> Any:
        deltas, order = package.DeltaSpec, self.delta_encoding_order
        if order is not None:
            delta = deltas.try_consecutive(order)
        elif self.delta_spec == "try_consecutive":
            raise ValueError("delta_encoding_order: missing; set it to write with delta_spec try_consecutive")
        else:
            delta = getattr(deltas, "no_op" if self.delta_spec == "none" else self.delta_spec)()
        return package.ChunkConfig(
            compression_level=self.level,
            delta_spec=delta,
            mode_spec=getattr(package.ModeSpec, self.mode_spec)(),
            paging_spec=package.PagingSpec.equal_pages_up_to(self.equal_pages_up_to),
        )

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        decoded = np.empty(spec.size, spec.dtype.numpy)
        progress = _packages()[1].simple_decompress_into(bytes(data), decoded)
        if progress.n_processed != spec.size or not progress.finished:
            raise ValueError(f"the data do not hold exactly the {spec.size} numbers of a chunk")
        return decoded.reshape(spec.shape)


def _packages() -> tuple[Any, Any]:
    return extra("pcodec", "chunks by pcodec"), extra("pcodec", "chunks by pcodec", "pcodec.standalone")
