"""Arrays: metadata as attributes, `a[selection]`, and the verbs with their futures."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.attributes import Attributes
from simplezarr.nodes.closing import ClosesStore
from simplezarr.nodes.described import Described
from simplezarr.nodes.indexers import Blocks, OIndex, VIndex
from simplezarr.nodes.lazy import LazyIndex, whole_lazy
from simplezarr.nodes.missing import missing_chunks
from simplezarr.nodes.operators import StoredValues
from simplezarr.nodes.regions import Region, as_index, iter_regions
from simplezarr.nodes.resize import append, refreshed, resize
from simplezarr.nodes.token import array_token
from simplezarr.runtime import executor
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.base import Store
from simplezarr.transfer.copy_source import CopySource
from simplezarr.transfer.dispatch import read_key, read_many, write_chunk, write_key
from simplezarr.transfer.handle import ArrayHandle, open_handle
from simplezarr.transfer.read_queue import ReadQueue

if TYPE_CHECKING:
    from simplezarr.runtime.executor import Future


class Array(Described, StoredValues, ClosesStore):
    """A Zarr array (Zarr 3 core specification, "Array"). `simplezarr.open` and `create_array` make them.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, data=[1, 2, 9, 9], dtype="u1", chunks=2)
    >>> a[::-1]
    array([9, 9, 2, 1], dtype=uint8)
    >>> a.read_future(sz.s_[1:3]).result()
    array([2, 9], dtype=uint8)
    """

    __slots__ = ("_handle", "_queue")

    _handle: ArrayHandle  # replaced as a whole, so that each call sees one shape

    def __init__(
        self,
        store: Store,
        path: str,
        metadata: ArrayMetadata,
        *,
        read_only: bool = True,
        write_empty_chunks: bool = False,
    ):
        self._handle = open_handle(store, path, metadata, read_only, write_empty_chunks)
        self._queue: ReadQueue | None = None

    # ------------------------------------------------------------ what it is

    @property
    def write_empty_chunks(self) -> bool:
        """Whether chunks that are all fill value are stored; otherwise they are deleted."""
        return self._handle.write_empty_chunks

    @write_empty_chunks.setter
    def write_empty_chunks(self, write: bool) -> None:
        self._change_handle(lambda handle: handle.with_empty_chunks(write))

    @property
    def attrs(self) -> Attributes:
        """The user's attributes, a mapping; changes are stored if the array was opened with mode "r+"."""
        return Attributes(self)

    def __contains__(self, value: Any) -> bool:
        """Return whether an element equals the value, as NumPy compares them; read one row of chunks at a time."""
        if not self.shape or np.ndim(value) >= self.ndim:
            return value in np.asarray(self)
        starts = range(0, len(self), self.chunks[0])
        return any(value in self[start : start + self.chunks[0]] for start in starts)

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator of rows; read one row of chunks at a time."""
        starts = range(0, len(self), self.chunks[0] if self.shape else 1)
        return (row for start in starts for row in self[start : start + self.chunks[0]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(f"{self!r} can't become a NumPy array without a copy")
        return np.asarray(self.read(), dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        kind = partial(type(self), read_only=self.read_only, write_empty_chunks=self.write_empty_chunks)
        return kind, (self.store, self.path, self.metadata)

    def __dask_tokenize__(self) -> tuple[str, ...]:
        """Return what tells the array from others by its store, path and metadata. Nothing is read.

        Elements that change do not change it.
        """
        return array_token(self._handle)

    # ------------------------------------------------------------ reading

    def __getitem__(self, selection: Any) -> Any:
        """Return what is selected, as NumPy's indexing does: an array, or a scalar. `read` says what is raised."""
        return read_key(self._handle, selection)

    def _ipython_key_completions_(self) -> list[str]:
        return [*(self.dtype.names or ())]

    @property
    def oindex(self) -> OIndex:
        """Orthogonal indexing: each array or mask selects along its own axis."""
        return OIndex(self)

    @property
    def vindex(self) -> VIndex:
        """Pointwise indexing: the arrays are coordinates of points."""
        return VIndex(self)

    @property
    def blocks(self) -> Blocks:
        """Indexing by stored object: chunks, or shards."""
        return Blocks(self)

    @property
    def lazy(self) -> LazyIndex:
        """Selections that read nothing yet: `a.lazy[10:200, ::2]` (see `simplezarr.nodes.lazy.Lazy`)."""
        return LazyIndex(self)

    def __copy_source__(self) -> CopySource:
        """Describe the array as a value that is copied (see `transfer.array_copy`)."""
        return whole_lazy(self).__copy_source__()

    def read(self, selection: Any = ..., *, out: np.ndarray | None = None) -> Any:
        """Return `a[selection]`: an array, or a scalar if integers select one element.

        - selection: as NumPy's; `simplezarr.s_[...]` spells slices.
        - out: an array of exactly that shape, with any strides, which is returned. Chunks are decoded into it, or cast
          to its data type as by `np.copyto(..., casting="same_kind")`. After an error its content is undefined.

        Raise IndexError for a bad selection, ValueError for an `out` of another shape, TypeError for one of a data type
        that is not cast to, ChunkError for a chunk that can't be decoded, and OSError if reading fails.

        >>> import numpy as np
        >>> import simplezarr as sz
        >>> a = sz.create_array({}, data=[[1, 2], [3, 4]])
        >>> a.read(sz.s_[:, 0], out=np.empty(2, "f4"))
        array([1., 3.], dtype=float32)
        """
        return read_key(self._handle, selection, out)

    def read_future(self, selection: Any = ..., *, out: np.ndarray | None = None) -> "Future[Any]":
        """Return a Future of `read(selection, out=out)`; `asyncio.wrap_future` makes one for asyncio.

        Reads that wait for a thread are made together, so a chunk that several of them select is decoded once.
        """
        queue, handle = self._queue, self._handle
        if queue is None or not queue.serves(handle):
            queue = self._queue = ReadQueue(handle)  # if two threads make one each, both are served
        return queue.read(selection, out)

    def iter_chunks(self, unit: Literal["shard", "chunk"] = "shard", *, stored: bool = False) -> Iterator[Region]:
        """Return an iterator of the array's regions in C order: tuples of slices, clipped to the shape.

        - unit: "shard" for the unit of writing (chunks in an array without shards), "chunk" for that of reading.
        - stored: only regions that are stored. This lists the store, and for chunks in shards reads all indexes.

        >>> import simplezarr as sz
        >>> a = sz.create_array({}, data=[1, 2, 3], chunks=2)
        >>> [a[region].sum() for region in a.iter_chunks()]
        [np.int64(3), np.int64(3)]
        """
        return iter_regions(self._handle, unit, stored)

    def missing(self, selection: Any = ...) -> list[tuple[int, ...]]:
        """Return the indexes of the chunks of a selection that are not stored, in C order; they are all fill value.

        selection: as NumPy's. No chunk is read, only the indexes of shards. The store is listed if more than half of
        the grid is selected, otherwise it is asked for each chunk. Raise IndexError for a bad selection, ChunkError for
        the index of a shard that can't be decoded, and OSError if reading fails.

        >>> import simplezarr as sz
        >>> a = sz.create_array({}, shape=(4, 4), dtype="u1", chunks=(2, 2))
        >>> a[0, 0] = 1
        >>> a.missing(), a.missing(sz.s_[1])
        ([(0, 1), (1, 0), (1, 1)], [(0, 1)])
        """
        return missing_chunks(self._handle, selection)

    def get_chunk(self, index: tuple[int, ...] | int, *, out: np.ndarray | None = None) -> np.ndarray:
        """Return a chunk of the grid, at its full shape also at the array's edge; with `out`, in it.

        In one dimension a number is an index too. A chunk that is not stored is all fill value. Raise IndexError if the
        grid has no such chunk, otherwise as `read`.

        >>> import simplezarr as sz
        >>> sz.create_array({}, data=[1, 2, 3], chunks=2, fill_value=9).get_chunk(1)
        array([3, 9])
        """
        return self._handle.transfer.read_chunk(index if type(index) is tuple else as_index(index), out)

    def get_chunk_future(self, index: tuple[int, ...] | int, *, out: np.ndarray | None = None) -> "Future[Any]":
        """Return a Future of `get_chunk(index, out=out)`."""
        return executor.submit(self.get_chunk, index, out=out, width=executor.concurrency_for(self.store))

    def get_encoded_chunk(self, index: tuple[int, ...] | int) -> bytes | None:
        """Return the stored bytes of a chunk (in shards, of the inner chunk); None if it is not stored."""
        return self._handle.transfer.encoded_chunk(as_index(index))

    def read_many(self, selections: Iterable[Any], *, out: np.ndarray | None = None) -> Any:
        """Return `a[selection]` for each of many basic selections, as a list.

        A chunk that several of them touch is fetched and decoded once. out: an array of shape (n, *shape) for n
        selections of that shape; selection i is decoded into out[i], and `out` is returned. Raise as `read`.

        >>> import simplezarr as sz
        >>> sz.create_array({}, data=[1, 2, 3], chunks=2).read_many([sz.s_[:2], sz.s_[1:]])
        [array([1, 2]), array([2, 3])]
        """
        return read_many(self._handle, selections, out)

    def read_many_future(self, selections: Iterable[Any], *, out: np.ndarray | None = None) -> "Future[Any]":
        """Return a Future of `read_many(selections, out=out)`."""
        return executor.submit(self.read_many, list(selections), out=out, width=executor.concurrency_for(self.store))

    # ------------------------------------------------------------ writing

    def __setitem__(self, selection: Any, value: Any) -> None:
        """Store a value where it is selected, with NumPy's broadcasting and casting, as `write` does."""
        write_key(self._handle, selection, value)

    def write(self, selection: Any, value: Any) -> None:
        """Do `a[selection] = value`, with NumPy's broadcasting and casting.

        The shape is checked before anything is written. A chunk, or shard, is replaced as a whole or not at all, and
        concurrent writers of other parts of it lose nothing. An `Array`, a lazy selection of one, or an object with a
        shape, a NumPy dtype and `[]`, such as a dataset of h5py, is copied part by part, so it may be larger than
        memory. Chunks that are stored in the same way are copied as bytes, also if they are damaged.

        Raise IndexError for a bad selection, ValueError for a value that does not fit, ReadOnlyError, ChunkError for a
        chunk that must be changed but can't be decoded, and OSError if reading or writing fails. After an error, each
        chunk is as before or as it should be.

        >>> import simplezarr as sz
        >>> a = sz.create_array({}, shape=4, dtype="u1", chunks=2, fill_value=9)
        >>> a.write(sz.s_[:3], 1)
        >>> a[...]
        array([1, 1, 1, 9], dtype=uint8)
        """
        write_key(self._handle, selection, value)

    def write_future(self, selection: Any, value: Any) -> "Future[None]":
        """Return a Future of `write(selection, value)`. The value must not change before it is done."""
        return executor.submit(self.write, selection, value, width=executor.concurrency_for(self.store))

    def set_chunk(self, index: tuple[int, ...] | int, data: Any) -> None:
        """Replace a chunk of the grid.

        data: for the full chunk, whose part outside the array is not stored, or for the part within the array. Raise
        IndexError if the grid has no such chunk, ValueError for data of another shape, otherwise as `write`.
        """
        write_chunk(self._handle, as_index(index), data)

    def set_chunk_future(self, index: tuple[int, ...] | int, data: Any) -> "Future[None]":
        """Return a Future of `set_chunk(index, data)`."""
        return executor.submit(self.set_chunk, index, data, width=executor.concurrency_for(self.store))

    def resize(self, shape: tuple[int, ...] | int) -> None:
        """Change the shape in place. Elements that are cut off are gone; new ones have the fill value.

        shape: a length for each dimension; a number alone for one dimension. The chunks to clear are either counted off
        or listed, whichever are fewer. Other objects that were opened from the same array keep their shape. Raise
        ReadOnlyError, and MetadataError for a shape that is not valid.

        >>> import simplezarr as sz
        >>> a = sz.create_array({}, shape=4, dtype="u1", fill_value=9)
        >>> a.resize(6)
        >>> a[...]
        array([9, 9, 9, 9, 9, 9], dtype=uint8)
        """
        self._reshape(resize(self._handle, shape))

    def append(self, data: Any, axis: int = 0) -> tuple[int, ...]:
        """Write data behind the end along an axis; return the new shape.

        data: anything that NumPy takes for an array, as long as the array along all other axes. The shape is changed
        after the data are written, so no reader sees a part; in buckets before, so a reader may see fill values.
        Concurrent appends lose nothing, also from several processes if the store's locks or conditions reach them.
        Raise ValueError for data that don't fit, otherwise as `write`.

        >>> import simplezarr as sz
        >>> sz.create_array({}, data=[1, 2]).append([3])
        (3,)
        """
        self._reshape(append(self._handle, data, axis))
        return self.shape

    def refresh(self) -> None:
        """Take the stored shape and attributes. Raise MetadataError if the array was replaced or deleted.

        >>> import simplezarr as sz
        >>> a, b = sz.create_array(store := {}, data=[1, 2]), sz.open_array(store, mode="r+")
        >>> b.append([3]), a.refresh(), a.shape
        ((3,), None, (3,))
        """
        self._change_metadata(lambda _: refreshed(self._handle))

    def _reshape(self, metadata: ArrayMetadata) -> None:
        self._change_metadata(lambda before: replace(metadata, attributes=before.attributes))

    def _change_metadata(self, change: Callable[[ArrayMetadata], ArrayMetadata]) -> None:
        self._change_handle(lambda handle: handle.with_metadata(change(handle.metadata)))

    def _change_handle(self, change: Callable[[ArrayHandle], ArrayHandle]) -> None:
        with KeyLock(self, "handle"):  # of changes by several threads none is lost
            self._handle = change(self._handle)
