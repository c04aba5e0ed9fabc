"""The codec `cast_value`: numbers as numbers of another data type.

See https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/cast_value.

>>> CastValue("int8", out_of_range="clamp").encode(np.array([0.5, 1.5, 300]))
array([  0,   2, 127], dtype=int8)
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ChunkSpec
from simplezarr.codecs.casting import ROUNDINGS, cast
from simplezarr.codecs.configuration import without_nulls
from simplezarr.codecs.registry import register_codec
from simplezarr.dtypes import DataType, of_numpy, parse_dtype
from simplezarr.errors import MetadataError
from simplezarr.schema.extensions import JsonObject, check_choice, refuse_unknown, show

__all__ = ["CastValue"]

_RANGES = ("clamp", "wrap")
_DIRECTIONS = ("encode", "decode")
_MAX_PAIRS = 1 << 16
_KINDS = "iuf"

Pairs = tuple[tuple[Any, Any], ...]


@register_codec
@dataclass(frozen=True, slots=True)
class CastValue(ArrayArrayCodec):
    """Cast numbers to another data type, and back; both types are integers or floating-point numbers.

    - data_type: the type that is stored.
    - rounding: `"nearest-even"` (also None), `"nearest-away"`, `"towards-zero"`, `"towards-positive"` or
      `"towards-negative"`.
    - out_of_range: `"clamp"` stores the nearest value or infinity, `"wrap"` drops higher bits; None: an error.
    - scalar_map: under `"encode"` and `"decode"` lists of pairs, a value and what stands for it, as JSON fill values.
      They are applied before anything else.

    `resolve` raises MetadataError if the fill value is not the same after a cast and back. `encode` and `decode` raise
    ValueError for values out of range.

    >>> CastValue("uint8", scalar_map={"encode": [["NaN", 0]]}).encode(np.array([np.nan, 7.0]))
    array([0, 7], dtype=uint8)
    """

    name: ClassVar[str] = "cast_value"
    words: ClassVar[tuple[str, ...]] = ("rounding", "out_of_range")
    data_type: str
    rounding: str | None = None
    out_of_range: str | None = None
    scalar_map: tuple[tuple[str, Pairs], ...] | None = None

    def __post_init__(self) -> None:
        target = parse_dtype(self.data_type, "data_type")
        object.__setattr__(self, "data_type", target.to_json())
        _check_type(target, "data_type")
        if self.rounding is not None:
            check_choice(self.rounding, ROUNDINGS, "rounding")
        if self.out_of_range is not None:
            check_choice(self.out_of_range, _RANGES, "out_of_range")
            if self.out_of_range == "wrap" and target.numpy.kind == "f":
                raise MetadataError(f'out_of_range: "wrap" is for integers, not for {target.name}')
        if self.scalar_map is not None:
            object.__setattr__(self, "scalar_map", _as_map(self.scalar_map))

    @classmethod
    def adapt(cls, configuration: JsonObject, where: str) -> JsonObject:
        return without_nulls(configuration, ("rounding", "out_of_range", "scalar_map"), f"{where}.configuration")

    def to_json(self) -> JsonObject:
        members = {"data_type": self.data_type, "rounding": self.rounding, "out_of_range": self.out_of_range}
        configuration: dict[str, Any] = {member: value for member, value in members.items() if value is not None}
        if self.scalar_map is not None:
            configuration["scalar_map"] = {way: [list(pair) for pair in pairs] for way, pairs in self.scalar_map}
        return {"name": self.name, "configuration": configuration}

    def resolve(self, spec: ChunkSpec) -> ChunkSpec:
        _check_type(spec.dtype, "the array's data type")
        target = parse_dtype(self.data_type)
        fill = np.frombuffer(spec.fill, spec.dtype.numpy)
        try:
            encoded = self.encode(fill)
            decoded = self.decode(encoded, ChunkSpec(fill.shape, spec.dtype, spec.fill))
        except ValueError as error:
            raise MetadataError(f"the fill value {fill[0]} can't be cast to {target.name} and back: {error}") from None
        if not np.array_equal(decoded, fill, equal_nan=fill.dtype.kind == "f"):
            raise MetadataError(f"the fill value {fill[0]} is {encoded[0]} in {target.name} and {decoded[0]} again")
        return ChunkSpec(spec.shape, target, encoded.tobytes())

    def encode(self, array: np.ndarray) -> np.ndarray:
        source = of_numpy(array.dtype)
        return self._cast(array, source, parse_dtype(self.data_type), "encode")

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        return self._cast(array, parse_dtype(self.data_type), spec.dtype, "decode")

    def _cast(self, array: np.ndarray, source: DataType, target: DataType, way: str) -> np.ndarray:
        array = array.astype(source.numpy, copy=False)
        keys, values = self._map(way, source, target)
        rounding, out_of_range = self.rounding or ROUNDINGS[0], self.out_of_range
        if target.numpy.kind == "f" and out_of_range == "wrap":
            out_of_range = None  # decoded integers are never out of range
        if keys is None or not array.size:
            return cast(array, target.numpy, rounding, out_of_range)
        at = np.minimum(np.searchsorted(keys, array), keys.size - 1)
        mapped = keys[at] == array
        if array.dtype.kind == "f":
            mapped |= np.isnan(keys[at]) & np.isnan(array)
        result = np.empty(array.shape, target.numpy)
        result[mapped] = values[at[mapped]]
        result[~mapped] = cast(array[~mapped], target.numpy, rounding, out_of_range)
        return result

    def _map(self, way: str, source: DataType, target: DataType) -> tuple[Any, Any]:
        """Return the values that are mapped, sorted and distinct, and what stands for them; twice None without any."""
        pairs = dict(self.scalar_map or ()).get(way)
        if not pairs:
            return None, None
        where = f"configuration.scalar_map.{way}"
        keys = b"".join([source.fill_from_json(key, f"{where}[{i}][0]") for i, (key, _) in enumerate(pairs)])
        values = b"".join([target.fill_from_json(value, f"{where}[{i}][1]") for i, (_, value) in enumerate(pairs)])
        unique, first = np.unique(np.frombuffer(keys, source.numpy), return_index=True)
        return unique, np.frombuffer(values, target.numpy)[first]


def _check_type(dtype: DataType, where: str) -> None:
    if dtype.numpy.kind not in _KINDS:
        raise MetadataError(f"{where}: {dtype.name} is neither a type of integers nor of floating-point numbers")


def _as_map(value: Any) -> tuple[tuple[str, Pairs], ...]:
    if not isinstance(value, (dict, tuple)):
        raise MetadataError(f'scalar_map: {show(value)} is not an object with "encode" and "decode"')
    members = dict(value)
    refuse_unknown(members, _DIRECTIONS, "scalar_map")
    return tuple([(way, _as_pairs(members[way], f"scalar_map.{way}")) for way in _DIRECTIONS if way in members])


def _as_pairs(value: Any, where: str) -> Pairs:
    if not isinstance(value, (list, tuple)) or len(value) > _MAX_PAIRS:
        raise MetadataError(f"{where}: {show(value)} is not a list of at most {_MAX_PAIRS} pairs")
    for i, pair in enumerate(value):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise MetadataError(f"{where}[{i}]: {show(pair)} is not a pair")
        for item in pair:
            if type(item) not in (int, float, str):
                raise MetadataError(f"{where}[{i}]: {show(item)} is not a number, or a string that stands for one")
    return tuple([(_infinity(pair[0]), _infinity(pair[1])) for pair in value])


def _infinity(value: Any) -> Any:
    """Return a value of a map; `"+Infinity"`, which the codec's description shows, as the fill value `"Infinity"`."""
    return "Infinity" if value == "+Infinity" else value
