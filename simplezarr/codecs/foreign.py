"""Codecs that are registered with numcodecs: known by their ids in Zarr 2, as `numcodecs.<id>` in Zarr 3.

numcodecs is imported only if simplezarr does not know an id. Such a codec does not say whether it takes arrays or
bytes, so its place in the chain decides.
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

__all__ = [
    "PREFIX",
    "Foreign",
    "ForeignArrays",
    "ForeignBytes",
    "ForeignElements",
    "find",
    "place",
    "refuse_pickle",
    "take_elements",
]

PREFIX = "numcodecs."


@dataclass(frozen=True, slots=True)
class Foreign(Codec):
    """A codec with numcodecs' interface, without a place in a chain.

    - text: its JSON in Zarr 2.
    - kind: its class.
    - codec: the object of numcodecs.
    """

    name: ClassVar[str] = "numcodecs"
    text: str
    kind: type = field(repr=False)
    codec: Any = field(compare=False, repr=False)

    @property
    def configuration(self) -> JsonObject:
        """The members that Zarr 2 stores, `id` among them."""
        members: JsonObject = json.loads(self.text)
        return members

    @property
    def called(self) -> str:
        """The name in Zarr 3."""
        return f"{PREFIX}{self.configuration['id']}"

    def to_json(self) -> JsonObject:
        return {"name": self.called, "configuration": {m: v for m, v in self.configuration.items() if m != "id"}}

    def encode(self, data: Any) -> Any:
        """Return what the codec encodes an array or bytes to."""
        return self.codec.encode(data)

    def decode(self, data: Any) -> Any:
        """Return what the codec decodes data to."""
        return self.codec.decode(data)


def refuse_pickle(id: str, where: str) -> None:
    """Raise UnsupportedError for the id of numcodecs' pickles."""
    if id == "pickle":
        raise UnsupportedError(f'{where}: "pickle" is never read, because unpickling runs code that the data contain')


def find(id: str, configuration: JsonObject, where: str) -> Foreign | None:
    """Return the codec that is registered with numcodecs as `id`; None without one, or without numcodecs.

    Raise UnsupportedError for pickles, MetadataError if the codec's class refuses the configuration.
    """
    refuse_pickle(id, where)
    try:
        registry: Any = importlib.import_module("numcodecs.registry")
    except ImportError:
        return None
    except Exception as error:  # such as a version that does not work with the installed NumPy
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
    """Return the codecs of a chain, with a kind of codec for each that comes from numcodecs.

    Behind an array -> bytes codec it is bytes -> bytes, before one it is array -> array. In a chain without such a
    codec the first one is array -> bytes.
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
    """Return the chain for Zarr 2, in which a codec of numcodecs behind `bytes` gets the elements themselves."""
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
    """A codec with the name and the JSON of its `item`."""

    __slots__ = ()
    item: Foreign

    def to_json(self) -> JsonObject:
        return self.item.to_json()

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.item.called


@dataclass(frozen=True, slots=True)
class ForeignBytes(_Named, BytesBytesCodec):
    """A codec of numcodecs from bytes to bytes."""

    item: Foreign

    def encode(self, data: Data) -> bytes:
        return _as_bytes(self.item.encode(bytes(data)))

    def decode(self, data: Data) -> bytes:
        return _as_bytes(self.item.decode(np.frombuffer(data, np.uint8)))


@dataclass(frozen=True, slots=True)
class ForeignArrays(_Named, ArrayArrayCodec):
    """A codec of numcodecs from arrays to arrays of the same shape and data type."""

    item: Foreign

    def encode(self, array: np.ndarray) -> np.ndarray:
        made = _as_bytes(self.item.encode(np.ascontiguousarray(array)))
        return np.frombuffer(made, array.dtype).reshape(array.shape)

    def decode(self, array: np.ndarray, spec: ChunkSpec) -> np.ndarray:
        made = _as_bytes(self.item.decode(np.ascontiguousarray(array)))
        return spec.dtype.checked(np.frombuffer(made, spec.dtype.numpy)).reshape(spec.shape)


@dataclass(frozen=True, slots=True)
class ForeignElements(_Named, ArrayBytesCodec):
    """Codecs of numcodecs from arrays to bytes.

    - items: the codecs; the first one gets the elements.
    - elements: the codec whose stored form of the elements it gets.
    - is_reversed: whether the chunk has the array's axes in reverse, so that the codec gets it in Fortran order.
    """

    items: tuple[Foreign, ...]
    elements: ArrayBytesCodec
    is_reversed: bool = False

    @property
    def item(self) -> Foreign:  # type: ignore[override]
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
        data = np.frombuffer(data, np.uint8)  # as zarr-python does
        for item in reversed(self.items):
            data = item.decode(data)
        return self.elements.decode(_as_bytes(data), spec)
