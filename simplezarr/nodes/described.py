"""What an array is: its metadata, its shape, its chunks, as properties."""

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from simplezarr.codecs.base import Codec
from simplezarr.hierarchy.inventory import chunk_codecs, count_chunks, grid_shape, shard_shape, stored_bytes
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.properties import ReadOnly
from simplezarr.stores.base import Store
from simplezarr.transfer.handle import ArrayHandle

if TYPE_CHECKING:
    from simplezarr.nodes.info import ArrayInfo

__all__ = ["Described"]


class Described:
    """What an array is, by its handle."""

    __slots__ = ()

    _handle: ArrayHandle

    store = ReadOnly[Store]("_handle.store", "open the array in the other store", "The store that the array is in.")
    path = ReadOnly[str]("_handle.path", "open the other array", "The path in the store, without outer slashes.")
    metadata = ReadOnly[ArrayMetadata]("_handle.metadata", "create another array", "The metadata that are stored.")
    read_only = ReadOnly[bool]("_handle.read_only", 'open the array with mode="r+"', "Whether it can only be read.")
    shape = ReadOnly[tuple[int, ...]]("_handle.shape", "resize(shape) changes it", "Length along each dimension.")
    dtype = ReadOnly[np.dtype](
        "_handle.dtype", "create another array", "Data type of the elements, in the machine's byte order."
    )
    chunks = ReadOnly[tuple[int, ...]](
        "_handle.chunks", "create another array", "Shape of the unit of reading: chunk, or inner chunk."
    )

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements in memory."""
        return self.size * self.itemsize

    @property
    def fill_value(self) -> Any:
        """The value of elements that are not stored, as a NumPy scalar."""
        return self._handle.fill_value

    @property
    def dimension_names(self) -> tuple[str | None, ...] | None:
        """A name or None for each dimension; None if the metadata have no names."""
        return self.metadata.dimension_names

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """The codecs of a chunk in encoding order, with shards of an inner one; `metadata.codecs` has the whole chain.

        With `chunks` and `shards`, `create_array` takes them for an array that is stored in the same way.
        """
        return chunk_codecs(self.metadata)

    @property
    def name(self) -> str:
        """The absolute path, "/" for an array at the root of its store."""
        return f"/{self.path}"

    @property
    def shards(self) -> tuple[int, ...] | None:
        """Shape of the unit of storage, or None if chunks are stored one by one."""
        return shard_shape(self.metadata)

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Number of chunks along each dimension."""
        handle = self._handle
        return grid_shape(handle.metadata, handle.chunks)

    @property
    def nchunks(self) -> int:
        """Number of chunks, stored or not."""
        return prod(self.grid_shape)

    @property
    def nchunks_stored(self) -> int:
        """Number of stored chunks, at most `nchunks`; with shards, of inner chunks.

        This lists the store and reads the index of every shard. UnsupportedError if the store can't be listed.
        """
        return count_chunks(self.store, self.path, self.metadata, self.chunks)

    @property
    def nbytes_stored(self) -> int:
        """Bytes of the stored chunks or shards, without the metadata. This lists the store."""
        return stored_bytes(self.store, self.path, self.metadata)

    @property
    def info(self) -> "ArrayInfo":
        """A description, whose `repr` has a few lines and whose attributes have the values. This lists the store."""
        from simplezarr.nodes.info import array_info  # needed rarely

        return array_info(self._handle)

    def __repr__(self) -> str:
        shards = f" shards={self.shards}" if self.shards else ""
        return f"<Array {self.name} {self.shape} {self.dtype} chunks={self.chunks}{shards}>"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d array")
        return self.shape[0]
