"""Arrays whose elements have one size, in chunks of one shape: the engine moves their elements."""

import operator
from collections.abc import Callable

import numpy as np

from simplezarr.engine.geometry.plan import Plan, chunk_plan
from simplezarr.engine.jobs.chunk_source import ChunkSource
from simplezarr.engine.jobs.read_request import read, read_batch, read_boxes
from simplezarr.engine.jobs.write import write
from simplezarr.engine.memory.result_pool import empty
from simplezarr.errors import ChunkError
from simplezarr.indexing.selection import Selection
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.schema.leniency import tolerate
from simplezarr.stores.base import Store
from simplezarr.transfer.clipped_chunks import padding_source
from simplezarr.transfer.protocol import Boxes, Conversion, Fields, Index, Places
from simplezarr.transfer.values import check_out

__all__ = ["RegularTransfer"]


class RegularTransfer:
    """Reads and writes through the engine; does what `Transfer` says.

    chunks: the shape of the unit of reading. keep_empty: whether chunks that are all fill value are stored.
    """

    __slots__ = ("chunks", "keep_empty", "metadata", "source", "store")
    shares_chunks = True

    def __init__(
        self, store: Store, source: ChunkSource, metadata: ArrayMetadata, chunks: tuple[int, ...], keep_empty: bool
    ):
        self.store, self.source, self.metadata = store, source, metadata
        self.chunks, self.keep_empty = chunks, keep_empty

    def read(self, selection: Plan | Selection, out: np.ndarray, fields: Fields = None) -> None:
        """Decode what is selected into `out`."""
        try:
            read(self.source, selection, out, fields)
        except ChunkError as error:
            self._padded(error, lambda source: read(source, selection, out, fields))

    def write(self, selection: Plan | Selection, values: np.ndarray) -> None:
        """Store values where they are selected."""
        write(self.source, selection, values, self.metadata.shape, self.keep_empty)

    def read_many(self, plans: list[Plan], outs: list[np.ndarray]) -> None:
        """Decode what each plan selects into its own array, and each chunk once."""
        try:
            read_batch(self.source, self.metadata.shape, plans, outs)
        except ChunkError:  # it may be a chunk that `read` copes with; otherwise that raises the error
            for plan, out in zip(plans, outs, strict=True):
                self.read(plan, out)

    def read_boxes(self, boxes: Boxes, places: Places, conversion: Conversion | None, threads: int) -> None:
        """Decode boxes into their places, each chunk once."""
        out = places.first()
        if out.dtype.hasobject:  # what it refers to takes more memory than the elements that are stored
            self.read_many(boxes.plans(self.metadata.shape, self.metadata.chunk_shape), places.views())
            return
        factors = None if conversion is None else conversion.factors()

        def read(source: ChunkSource) -> None:
            read_boxes(source, self.metadata.shape, boxes.starts, boxes.shape, out, *places, factors, threads)

        try:
            read(self.source)
        except ChunkError as error:
            self._padded(error, read)

    def read_chunk(self, index: Index, out: np.ndarray | None) -> np.ndarray:
        """Decode a whole chunk, also its part outside the array."""
        metadata = self.metadata
        plan = chunk_plan(index, metadata.shape, self.chunks, metadata.chunk_shape)
        if out is None:
            out = empty(plan.shape, metadata.data_type.numpy)
        else:
            check_out(out, metadata.data_type.numpy, plan.shape, self.source.path)
        self.read(plan, out)
        return out

    def chunk_box(self, index: Index) -> tuple[tuple[slice, ...], tuple[int, ...]]:
        """Return a chunk's elements within the array, and its full shape."""
        index, shape = self._checked(index), self.metadata.shape
        sides = zip(index, self.chunks, shape, strict=True)
        return tuple([slice(i * size, min((i + 1) * size, length)) for i, size, length in sides]), self.chunks

    def encoded_chunk(self, index: Index) -> bytes | None:
        """Return the stored bytes of a chunk, None if it is not stored."""
        return self.source.encoded_chunk(self._checked(index))

    def _padded(self, error: ChunkError, read: Callable[[ChunkSource], None]) -> None:
        """Read once more, with chunks at the edge that are stored without their part outside the array.

        Raise the error if it has another reason.
        """
        source = padding_source(self.store, self.source.path, self.metadata, error)
        if source is None:
            raise error
        try:
            read(source)
        except ChunkError as other:
            other.store = self.store  # not the one that pads
            raise
        tolerate("cropped-chunk", f"array /{source.path}, chunk {error.index}")

    def _checked(self, index: Index) -> Index:
        """Return a chunk's index as integers. Raise IndexError if the grid has no such chunk."""
        chunk_plan(index, self.metadata.shape, self.chunks, self.metadata.chunk_shape)
        return tuple(map(operator.index, index))
