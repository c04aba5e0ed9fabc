"""The codecs `zfp` and `numcodecs.zfpy`: streams of zfp (https://zfp.readthedocs.io), by the package zfpy.

See https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/zfp.

>>> Zfp("fixed_rate", rate=8.0).to_json()
{'name': 'zfp', 'configuration': {'mode': 'fixed_rate', 'rate': 8.0}}
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayBytesCodec, ChunkSpec, Data
from simplezarr.codecs.registry import register_codec
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.schema.extensions import JsonObject, check_choice, check_integer, show
from simplezarr.schema.extras import extra

__all__ = ["Zfp", "Zfpy"]

_TYPES = ("int32", "int64", "float32", "float64")
_PARAMETERS = {
    "reversible": (),
    "expert": ("minbits", "maxbits", "maxprec", "minexp"),
    "fixed_accuracy": ("tolerance",),
    "fixed_rate": ("rate",),
    "fixed_precision": ("precision",),
}
_MODES = {2: "rate", 3: "precision", 4: "tolerance"}  # zfpy's numbers, and their parameters
_MAX_AXES = 4
_BLOCK_BITS = 1 << 15  # more bits than zfp ever uses for a block
_QUIET_BITS = 192  # the most bits that a block of zeros takes if blocks have no fixed size


@register_codec
@dataclass(frozen=True, slots=True)
class Zfp(ArrayBytesCodec):
    """Compress numbers as a zfp stream without header.

    - mode: `"reversible"`, `"fixed_accuracy"`, `"fixed_rate"`, `"fixed_precision"` or `"expert"`.
    - tolerance: the largest absolute error, of the mode fixed_accuracy.
    - rate: bits per number, of the mode fixed_rate.
    - precision: bit planes, of the mode fixed_precision.
    - minbits, maxbits, maxprec, minexp: of the mode expert.

    `resolve` raises MetadataError for data types other than int32, int64, float32 and float64 and for more than 4
    dimensions, and UnsupportedError for the mode expert, which the package zfpy does not offer. Encoding and decoding
    raise UnsupportedError without that package.

    >>> Zfp("fixed_accuracy", tolerance=0.01).to_json()["configuration"]
    {'mode': 'fixed_accuracy', 'tolerance': 0.01}
    """

    name: ClassVar[str] = "zfp"
    words: ClassVar[tuple[str, ...]] = ("mode",)
    mode: str
    tolerance: float | None = None
    rate: float | None = None
    precision: int | None = None
    minbits: int | None = None
    maxbits: int | None = None
    maxprec: int | None = None
    minexp: int | None = None

    def __post_init__(self) -> None:
        check_choice(self.mode, tuple(_PARAMETERS), "mode")
        for member in (name for names in _PARAMETERS.values() for name in names):
            value = getattr(self, member)
            if (value is not None) != (member in _PARAMETERS[self.mode]):
                state = "missing; needed for" if value is None else "unknown in"
                raise MetadataError(f"{member}: {state} mode {self.mode}")
            if value is None:
                continue
            if member not in ("tolerance", "rate"):
                check_integer(value, -(2**15) if member == "minexp" else 0, 2**15, member)
            elif type(value) not in (int, float) or not 0 <= value < math.inf:
                raise MetadataError(f"{member}: {show(value)} is not a number from 0 on")

    def resolve(self, spec: ChunkSpec) -> None:
        _check(self.name, spec)
        if self.mode == "expert":
            raise UnsupportedError("configuration.mode: the package zfpy can't read or write mode expert")

    @property
    def _setting(self) -> JsonObject:
        return {member: getattr(self, member) for member in _PARAMETERS[self.mode]}

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        return bytes(_zfpy().compress_numpy(_field(array, spec), write_header=False, **self._setting))

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        zfpy = _zfpy()
        shape = spec.shape or (1,)
        padded = _padded(data, shape, math.floor((self.rate or 0) * 4 ** len(shape)))
        decoded = zfpy._decompress(padded, zfpy.dtype_to_ztype(spec.dtype.numpy), shape, **self._setting)
        return np.asarray(decoded).reshape(spec.shape)


@register_codec
@dataclass(frozen=True, slots=True)
class Zfpy(ArrayBytesCodec):
    """Compress numbers as a zfp stream with header, as numcodecs writes it.

    - mode: 2 for a fixed `rate`, 3 for a fixed `precision`, 4 for a fixed `tolerance`.
    - tolerance: the largest absolute error; below 0 the stream is reversible.
    - rate: bits per number; precision: bit planes.

    Raises as `Zfp`.

    >>> Zfpy(mode=2, rate=8).mode
    2
    """

    name: ClassVar[str] = "numcodecs.zfpy"
    encoder_only: ClassVar[dict[str, object]] = {"mode": 4, "tolerance": -1, "rate": -1, "precision": -1}
    self_describing: ClassVar[bool] = True
    mode: int = 4
    tolerance: float = -1
    rate: float = -1
    precision: int = -1

    def __post_init__(self) -> None:
        if self.mode not in _MODES or type(self.mode) is not int:
            raise MetadataError(f"mode: {show(self.mode)} is not one of 2, 3, 4")
        for member in ("tolerance", "rate"):
            value = getattr(self, member)
            if type(value) not in (int, float) or not abs(value) < math.inf:
                raise MetadataError(f"{member}: {show(value)} is not a number")
        check_integer(self.precision, -1, 64, "precision")

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        # Some versions of numcodecs list what they derive from the other members.
        return {member: value for member, value in configuration.items() if member != "compression_kwargs"}

    def resolve(self, spec: ChunkSpec) -> None:
        _check(self.name, spec)

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        setting = {_MODES[self.mode]: getattr(self, _MODES[self.mode])}
        return bytes(_zfpy().compress_numpy(_field(array, spec), write_header=True, **setting))

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        zfpy = _zfpy()
        shape = spec.shape or (1,)
        if len(data) < _HEADER_SIZE:
            raise ValueError(f"{len(data)} bytes are too few for a header")
        header = zfpy.header(bytes(data[:_HEADER_SIZE]) + bytes(_HEADER_SIZE))
        found = tuple([header[axis] for axis in ("nw", "nz", "ny", "nx") if header[axis]])
        if found != shape or np.dtype(header["type"]) != spec.dtype.numpy:
            raise ValueError(f"a field of {np.dtype(header['type'])} {found} instead of {spec.dtype.name} {shape}")
        padded = _padded(data, shape, header["config"]["expert"]["minbits"])
        return np.asarray(zfpy.decompress_numpy(padded)).reshape(spec.shape)


_HEADER_SIZE = 24  # bytes: its 148 bits, rounded up to words of 64


def _zfpy() -> Any:
    return extra("zfpy", "chunks by zfp")


def _check(name: str, spec: ChunkSpec) -> None:
    if spec.dtype.name not in _TYPES:
        raise MetadataError(f"{name} takes {', '.join(_TYPES)}, not {spec.dtype.name}")
    if len(spec.shape) > _MAX_AXES:
        raise MetadataError(f"{name} takes at most {_MAX_AXES} dimensions, not {len(spec.shape)}")


def _field(array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
    return np.ascontiguousarray(array, spec.dtype.numpy).reshape(spec.shape or (1,))


def _padded(data: Data, shape: tuple[int, ...], block_bits: int) -> bytes:
    """Return a stream and zero bytes behind it: zfp does not look for the end, but ends within them.

    block_bits: the fixed size of a block, 0 if blocks have none.
    """
    blocks = math.prod([(length + 3) // 4 for length in shape])
    if len(data) < blocks * block_bits // 8:
        raise ValueError(f"{len(data)} bytes are too few for {blocks} blocks of {block_bits} bits")
    return bytes(data) + bytes((blocks * _QUIET_BITS + _BLOCK_BITS) // 8 + 64)
