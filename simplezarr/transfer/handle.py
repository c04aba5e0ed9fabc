"""What an array is at one moment, as everything below `nodes` gets it, and what moves its elements.

A handle never changes. An array that is resized gets another one in a single assignment, so a thread that is at work
with the old handle sees the old array throughout.
"""

from typing import Any, NamedTuple

import numpy as np

from simplezarr.codecs.chain import bind
from simplezarr.engine.chunks.pipeline import CodecPipeline
from simplezarr.engine.jobs.chunk_source import ChunkSource
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.hierarchy.changes import check_writable
from simplezarr.hierarchy.inventory import inner_shape
from simplezarr.metadata.chunk_keys import join
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.runtime.trace import Traced
from simplezarr.stores.base import Store
from simplezarr.stores.resolve import observed, plain
from simplezarr.transfer.protocol import Transfer
from simplezarr.transfer.regular import RegularTransfer

__all__ = ["ArrayHandle", "open_handle"]


class ArrayHandle(NamedTuple):
    """An array in a store, in the shape that it has at one moment.

    chunks: the shape of the unit of reading. grid: that of the stored objects into which plans cut selections; all of a
    rectilinear array is one, which its transfer cuts itself. obstacles: why the array can't be written, if so.
    write_empty_chunks: whether chunks that are all fill value are stored.
    """

    plain_store: Store
    path: str
    metadata: ArrayMetadata
    shape: tuple[int, ...]
    dtype: np.dtype
    chunks: tuple[int, ...]
    grid: tuple[int, ...]
    source: ChunkSource
    plain_transfer: Transfer
    obstacles: list[str]
    read_only: bool
    write_empty_chunks: bool

    @property
    def store(self) -> Store:
        """The store; while tracing is on, one that reports its requests."""
        return observed(self.plain_store)

    @property
    def transfer(self) -> Transfer:
        """What moves the elements; while tracing is on, it reports its requests and failures."""
        return self._traced_transfer()

    @property
    def name(self) -> str:
        """The absolute path, "/" for an array at the root of its store."""
        return f"/{self.path}"

    @property
    def fill_value(self) -> Any:
        """The value of elements that are not stored, as a NumPy scalar. Raise MetadataError if it is not usable."""
        if self.metadata.fill_problem:
            raise MetadataError(self.metadata.fill_problem).of_store(self.plain_store)
        return self.metadata.data_type.scalar(self.metadata.fill)

    def check_writable(self) -> None:
        """Raise ReadOnlyError or UnsupportedError if the array can't be written."""
        check_writable(self)
        if self.obstacles:
            message = f"array {self.name} can only be read: {'; '.join(self.obstacles)}"
            raise UnsupportedError(message).of_store(self.plain_store)

    def with_metadata(self, metadata: ArrayMetadata) -> "ArrayHandle":
        """Return a handle of the same array with other metadata, whose chunks are stored as before."""
        if metadata.grid is None:  # otherwise the shape of the largest chunk may differ
            object.__setattr__(metadata, "bound", self.metadata.bound)  # binding is most of what a handle costs
            if metadata.shape == self.shape:  # nothing that reads or writes depends on the rest
                return self._replace(metadata=metadata)
        return open_handle(self.plain_store, self.path, metadata, self.read_only, self.write_empty_chunks, self.source)

    def _traced_transfer(self) -> Transfer:
        """Return a transfer that reports its requests, and the chunks that it cannot decode or encode."""
        from simplezarr.transfer.tracing import TracingTransfer  # needed rarely

        return TracingTransfer(_rare_transfer(self.store, self.path, self.metadata, self.write_empty_chunks))

    def with_empty_chunks(self, write: bool) -> "ArrayHandle":
        """Return a handle of the same array that stores chunks which are all fill value, or deletes them."""
        return open_handle(self.store, self.path, self.metadata, self.read_only, write, self.source)


for _name in ("store", "transfer"):  # without a Python call while tracing is off
    _traced = getattr(ArrayHandle, _name)
    setattr(ArrayHandle, _name, property(Traced(f"plain_{_name}", _traced.fget), doc=_traced.__doc__))


def open_handle(
    store: Store,
    path: str,
    metadata: ArrayMetadata,
    read_only: bool,
    write_empty_chunks: bool,
    source: ChunkSource | None = None,
) -> ArrayHandle:
    """Return the handle of an array that `metadata` describe.

    source: that of an earlier handle of the array, which keeps the indexes of shards.
    """
    store = plain(store)
    pipeline, chunks, obstacles = metadata.bound or _bind(store, path, metadata)
    if source is None:
        source = ChunkSource(pipeline, store, metadata.chunk_keys, path, chunks)
    if metadata.grid is None and not metadata.data_type.is_variable and not metadata.fill_problem:
        transfer: Transfer = RegularTransfer(store, source, metadata, chunks, write_empty_chunks)
    else:
        transfer = _rare_transfer(store, path, metadata, write_empty_chunks)
    shape = metadata.shape
    grid = metadata.chunk_shape if metadata.grid is None else tuple([max(1, length) for length in shape])
    dtype = metadata.data_type.numpy
    return ArrayHandle(
        store, path, metadata, shape, dtype, chunks, grid, source, transfer, obstacles, read_only, write_empty_chunks
    )


def _rare_transfer(store: Store, path: str, metadata: ArrayMetadata, write_empty_chunks: bool) -> Transfer:
    """Return the transfer of an array; the modules of the rare kinds are loaded when there is such an array."""

    def regular(metadata: ArrayMetadata) -> RegularTransfer:
        kind = RegularTransfer
        if metadata.data_type.is_variable:
            from simplezarr.transfer.variable import VariableTransfer

            kind = VariableTransfer
        pipeline, chunks, _ = _bind(store, path, metadata)
        source = ChunkSource(pipeline, store, metadata.chunk_keys, path, chunks)
        return kind(store, source, metadata, chunks, write_empty_chunks)

    def filled(metadata: ArrayMetadata) -> Transfer:
        if metadata.grid is None:
            return regular(metadata)
        from simplezarr.transfer.rectilinear import RectilinearTransfer

        return RectilinearTransfer(store, metadata, inner_shape(metadata), regular)

    if not metadata.fill_problem:
        return filled(metadata)
    from simplezarr.transfer.unfilled import UnfilledTransfer

    return UnfilledTransfer(store, path, metadata, filled)


def _bind(store: Store, path: str, metadata: ArrayMetadata) -> tuple[CodecPipeline, tuple[int, ...], list[str]]:
    """Return what arrays of these metadata share: the pipeline, the unit of reading, and why they can't be written."""
    try:
        pipeline = bind(metadata.codecs, metadata.spec)
    except (MetadataError, UnsupportedError) as error:
        raise type(error)(f"{join(path, metadata.document)}: {error}").of_store(store) from None
    obstacles = [f"{codec} can't be written" for codec in metadata.codecs if codec.decodes_only]
    bound = pipeline, inner_shape(metadata), metadata.obstacles + obstacles
    object.__setattr__(metadata, "bound", bound)  # not part of their value, and the same for every array
    return bound
