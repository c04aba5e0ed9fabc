"""Codecs that others have registered with numcodecs: by their ids in Zarr 2, as `numcodecs.<id>` in Zarr 3.

numcodecs is imported if an id is unknown here, and only then. Nothing says whether such a codec takes arrays or bytes:
its place in the chain decides.
"""

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, ChunkSpec, Codec, Data
from simplezarr.codecs.bytes import Bytes
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.schema.extensions import JsonObject
from simplezarr.schema.leniency import not_repeatable

__all__ = ["PREFIX", "Foreign", "ForeignArrays", "ForeignBytes", "ForeignElements", "find", "place", "take_elements"]

PREFIX = "numcodecs."


@dataclass(frozen=True, slots=True)
class Foreign(Codec):
    """A codec of numcodecs' interface, without a place in a chain. `text` is its JSON in Zarr 2, `kind` its class."""

    name: ClassVar[str] = "numcodecs"
    text: str
    kind: type = field(repr=False)
    codec: Any = field(compare=False, repr=False)

    @property
    def configuration(self) -> JsonObject:
        """The members as Zarr 2 stores them, `id` among them."""
        return json.loads(self.text)

    @property
    def called(self) -> str:
        """The name in Zarr 3."""
        return PREFIX + self.configuration["id"]

    def to_json(self) -> JsonObject:
        return {"name": self.called, "configuration": {m: v for m, v in self.configuration.items() if m != "id"}}

    def encode(self, data: Any) -> Any:
        """Return what the codec makes of an array or of bytes."""
        return self.codec.encode(data)

    def decode(self, data: Any) -> Any:
        """Return what the codec had made that of."""
        return self.codec.decode(data)


def find(id: str, configuration: JsonObject, where: str) -> Foreign | None:
    """Return the codec registered with numcodecs as `id`, None if there is none or no numcodecs.

    Raises UnsupportedError for pickles, MetadataError if the codec's class refuses the configuration.
    """
    if id == "pickle":
        raise UnsupportedError(f'{where}: "pickle" is never read: unpickling runs code that the data bring along')
    try:
        registry: Any = importlib.import_module("numcodecs.registry")
    except ImportError:
        return None
    except Exception as error:  # numcodecs beside packages that it does not work with
        raise UnsupportedError(f"{where}: {id!r} is unknown, and numcodecs can't be imported: {error}") from error
    members = {**configuration, "id": id}
    try:
        codec = registry.get_codec(dict(members))
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        if id not in registry.codec_registry:
            return None
        raise MetadataError(f"{where}: the codec registered with numcodecs as {id!r} refuses it: {error}") from error
    not_repeatable()  # another class may be registered by this id
    return Foreign(json.dumps(members), type(codec), codec)


def place(codecs: Sequence[Codec]) -> list[Codec]:
    """Return the codecs of a chain, each from numcodecs as a codec of what it gets and makes at its place.

    Behind an array -> bytes codec it is bytes -> bytes, before one array -> array. In a chain that has none, the first
    one is it.
    """
    placed: list[Codec] = []
    made = False
    for i, codec in enumerate(codecs):
        if isinstance(codec, Foreign):
            if made:
                codec = ForeignBytes(codec)
            elif any(isinstance(later, ArrayBytesCodec) for later in codecs[i:]):
                codec = ForeignArrays(codec)
            else:
                codec = ForeignElements((codec,), Bytes("little"))
        made = made or isinstance(codec, ArrayBytesCodec)
        placed.append(codec)
    return placed


def take_elements(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """Return the chain as Zarr 2 has it: a codec of numcodecs behind `bytes` gets the elements themselves."""
    for i, codec in enumerate(codecs[:-1]):
        behind = codecs[i + 1]
        if isinstance(codec, Bytes) and isinstance(behind, ForeignBytes):
            return (*codecs[:i], ForeignElements((behind.item,), codec), *codecs[i + 2 :])
    return codecs


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, bytes):
        return data
    if isinstance(data, np.ndarray | np.generic):
        if data.dtype.hasobject:
            raise ValueError(f"an array of {data.dtype} instead of bytes")
        return data.tobytes(order="A")
    return bytes(memoryview(data).cast("B"))


class _Named(Codec):
    __slots__ = ()

    def to_json(self) -> JsonObject:
        return self.item.to_json()  # type: ignore[attr-defined]

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.item.called  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class ForeignBytes(_Named, BytesBytesCodec):
    """Bytes to bytes."""

    item: Foreign

    def encode(self, data: Data) -> bytes:
        return _as_bytes(self.item.encode(bytes(data)))

    def decode(self, data: Data) -> bytes:
        return _as_bytes(self.item.decode(np.frombuffer(data, np.uint8)))


@dataclass(frozen=True, slots=True)
class ForeignArrays(_Named, ArrayArrayCodec):
    """Arrays to arrays of the same shape and data type."""

    item: Foreign

    def encode(self, array: np.ndarray) -> np.ndarray:
        made = _as_bytes(self.item.encode(np.ascontiguousarray(array)))
        return np.frombuffer(made, array.dtype).reshape(array.shape)

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        made = _as_bytes(self.item.decode(np.ascontiguousarray(array)))
        return spec.dtype.checked(np.frombuffer(made, spec.dtype.numpy)).reshape(spec.shape)


@dataclass(frozen=True, slots=True)
class ForeignElements(_Named, ArrayBytesCodec):
    """Arrays to bytes, by one codec or several: the first gets the elements, in the form that `elements` stores.

    With `is_reversed`, the array comes with its axes reversed and is given in Fortran order.
    """

    items: tuple[Foreign, ...]
    elements: ArrayBytesCodec
    is_reversed: bool = False

    @property
    def item(self) -> Foreign:
        """The first codec."""
        return self.items[0]

    @property
    def unfitted(self) -> bool:
        return self.elements.unfitted

    def fit(self, spec: ChunkSpec) -> "ForeignElements":
        return replace(self, elements=self.elements.fit(spec))  # type: ignore[arg-type]

    def resolve(self, spec: ChunkSpec) -> None:
        self.elements.resolve(spec)

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        stored = getattr(self.elements, "stored", None) or spec.dtype.numpy.newbyteorder(
            ">" if getattr(self.elements, "endian", None) == "big" else "<"
        )
        data: Any = np.frombuffer(bytearray(self.elements.encode(array, spec)), stored).reshape(spec.shape)
        data = data.T if self.is_reversed else data
        for item in self.items:
            data = item.encode(data)
        return _as_bytes(data)

    def decode(self, data: Any, spec: ChunkSpec) -> np.ndarray:
        data = np.frombuffer(data, np.uint8)  # as zarr-python gives it
        for item in reversed(self.items):
            data = item.decode(data)
        return self.elements.decode(_as_bytes(data), spec)
