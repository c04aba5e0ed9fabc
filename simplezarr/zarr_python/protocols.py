"""The parts of zarr-python's objects that are used, for type checkers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

__all__ = [
    "Batch",
    "Buffer",
    "Items",
    "NDBuffer",
    "NotServedError",
    "Pipeline",
    "Spec",
    "StorePath",
    "ZarrArray",
    "ZarrMetadata",
    "ZarrStore",
    "host_array",
]


class NotServedError(Exception):
    """What is left to the pipeline of zarr-python, and why. Nothing has been read or written when it is raised."""


class Buffer(Protocol):
    """The bytes of a stored value."""

    def to_bytes(self) -> bytes: ...


class NDBuffer(Protocol):
    """The array of a caller."""

    def as_ndarray_like(self) -> Any: ...


class StorePath(Protocol):
    """The place of a chunk: a store, and the key in it."""

    @property
    def store(self) -> "ZarrStore": ...
    @property
    def path(self) -> str: ...


class ZarrStore(Protocol):
    """A `zarr.abc.store.Store`."""

    @property
    def read_only(self) -> bool: ...
    @property
    def supports_listing(self) -> bool: ...
    @property
    def supports_writes(self) -> bool: ...


class Config(Protocol):
    """The settings of an array."""

    @property
    def write_empty_chunks(self) -> bool: ...


class Spec(Protocol):
    """What zarr-python says about a chunk: the shape is that of the stored unit."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def config(self) -> Config: ...


class ZarrMetadata(Protocol):
    """The metadata of an array."""

    @property
    def zarr_format(self) -> int: ...
    def to_buffer_dict(self, prototype: Any) -> dict[str, Buffer]: ...


class ZarrArray(Protocol):
    """A `zarr.Array`."""

    @property
    def store(self) -> ZarrStore: ...
    @property
    def path(self) -> str: ...
    @property
    def read_only(self) -> bool: ...


#: The selection within a chunk or within the result: a tuple of integers, slices and arrays, or one of these.
Selector = Any
#: The place of a chunk, its description, what is selected of it, where that is in the result, whether it is all of it.
Item = tuple[StorePath, Spec, Selector, Selector, bool]
Items = Iterable[Item]
Batch = Sequence[Item]


class Pipeline(Protocol):
    """A codec pipeline of zarr-python."""

    supports_partial_decode: bool
    supports_partial_encode: bool

    def __iter__(self) -> Iterator[object]: ...
    def evolve_from_array_spec(self, array_spec: Spec) -> "Pipeline": ...
    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None: ...
    def compute_encoded_size(self, byte_length: int, array_spec: Spec) -> int: ...
    async def decode(self, items: Iterable[tuple[Any, Spec]]) -> Iterable[Any]: ...
    async def encode(self, items: Iterable[tuple[Any, Spec]]) -> Iterable[Any]: ...
    async def read(
        self, batch_info: Items, out: NDBuffer, drop_axes: tuple[int, ...] = ()
    ) -> tuple[dict[str, str], ...]: ...
    async def write(self, batch_info: Items, value: NDBuffer, drop_axes: tuple[int, ...] = ()) -> None: ...


def host_array(buffer: NDBuffer) -> np.ndarray:
    """Return the array of a buffer. Raise NotServedError if it is not in the memory of the host."""
    array = buffer.as_ndarray_like()
    if type(array) is not np.ndarray:
        raise NotServedError(f"arrays of type {type(array).__name__}")
    return array
