"""Arrays whose fill value can't be used: stored chunks are read, missing chunks raise ChunkError."""

import math
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simplezarr.dtypes import DataType
from simplezarr.engine.geometry.plan import Plan
from simplezarr.errors import ChunkError, UnsupportedError
from simplezarr.indexing.selection import Selection
from simplezarr.metadata.layout import zero_element
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.runtime.runs import assign
from simplezarr.stores.base import Store
from simplezarr.transfer.protocol import Boxes, Conversion, Fields, Index, Places, Transfer, in_order
from simplezarr.transfer.values import check_out

__all__ = ["UnfilledTransfer"]


class UnfilledTransfer:
    """Reads everything twice, with two fill values, and raises ChunkError unless both are the same.

    Such arrays are rare, and a check in the engine would slow all others down. They can't be written.

    filled: makes the transfer of the same array with a usable fill value.
    """

    __slots__ = ("metadata", "path", "store", "twins")
    shares_chunks = False

    def __init__(self, store: Store, path: str, metadata: ArrayMetadata, filled: Callable[[ArrayMetadata], Transfer]):
        self.store, self.path, self.metadata = store, path, metadata
        fills = zero_element(metadata.data_type), _another_element(metadata.data_type)
        self.twins = [filled(replace(metadata, fill=fill, fill_problem="")) for fill in fills]

    def read(self, selection: Plan | Selection, out: np.ndarray, fields: Fields = None) -> None:
        """Decode what is selected into `out`. Raise ChunkError if not all of it is stored."""
        dtype = self.metadata.data_type.numpy
        casts = fields is not None or out.dtype != dtype  # then two fill values may become the same
        once = np.empty(out.shape, dtype) if casts else out
        again = np.empty(out.shape, dtype)
        self.twins[0].read(selection, once)
        self.twins[1].read(selection, again)
        if not _is_same(once, again):
            raise self._not_stored(self._chunk_that_differs(selection, once, again))
        if casts:
            assign(out, once if fields is None else once[fields])

    def read_many(self, plans: list[Plan], outs: list[np.ndarray]) -> None:
        """Decode what each plan selects into its own array, one after another."""
        for plan, out in zip(plans, outs, strict=True):
            self.read(plan, out)

    def read_boxes(self, boxes: Boxes, places: Places, conversion: Conversion | None, threads: int) -> None:
        """Decode boxes into their places. Raise ChunkError if not all of them are stored."""
        shape = (len(boxes.starts), *boxes.shape)
        once, again = np.empty(shape, self.metadata.data_type.numpy), np.empty(shape, self.metadata.data_type.numpy)
        self.twins[0].read_boxes(boxes, in_order(once), None, threads)
        self.twins[1].read_boxes(boxes, in_order(again), None, threads)
        if not _is_same(once, again):
            plans = boxes.plans(self.metadata.shape, self.metadata.chunk_shape)
            i = [_is_same(*pair) for pair in zip(once, again, strict=True)].index(False)
            raise self._not_stored(self._chunk_that_differs(plans[i], once[i, ...], again[i, ...]))
        places.put(once, conversion)

    def read_chunk(self, index: Index, out: np.ndarray | None) -> np.ndarray:
        """Decode a whole chunk. Raise ChunkError if it is not stored."""
        dtype = self.metadata.data_type.numpy
        if out is not None:
            check_out(out, dtype, self.chunk_box(index)[1], self.path)
        chunk = self.twins[0].read_chunk(index, out if out is not None and out.dtype == dtype else None)
        if not _is_same(chunk, self.twins[1].read_chunk(index, None)):
            raise self._not_stored(tuple(index))
        if out is None or out is chunk:
            return chunk
        assign(out, chunk)
        return out

    def write(self, selection: Plan | Selection, values: np.ndarray) -> None:
        """Raise UnsupportedError: the handle of such an array has an obstacle to writing."""
        message = f"array /{self.path} can only be read: {self.metadata.fill_problem}"
        raise UnsupportedError(message).of_store(self.store)

    def chunk_box(self, index: Index) -> tuple[tuple[slice, ...], tuple[int, ...]]:
        """Return a chunk's elements within the array, and its full shape."""
        return self.twins[0].chunk_box(index)

    def encoded_chunk(self, index: Index) -> bytes | None:
        """Return the stored bytes of a chunk, None if it is not stored."""
        return self.twins[0].encoded_chunk(index)

    def _chunk_that_differs(self, selection: Plan | Selection, out: np.ndarray, again: np.ndarray) -> Index | None:
        """Return the index of a chunk of which not all is stored, if there is a simple way to tell."""
        if not isinstance(selection, Plan) or self.metadata.grid is not None:
            return None
        one, other = selection.view(out), selection.view(again)
        for i in range(selection.n):
            index, _, places = selection.block(i)
            if not _is_same(one[places], other[places]):
                return tuple(index)
        return None

    def _not_stored(self, index: Index | None) -> ChunkError:
        which = "what is selected" if index is None else f"chunk {index}"
        message = f"array /{self.path}: not all of {which} is stored, and the fill value is not usable"
        key = None if index is None else self.metadata.chunk_keys.key(index)
        error = ChunkError(f"{message}: {self.metadata.fill_problem}", path=self.path, index=index, key=key)
        return error.of_store(self.store)


def _is_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two arrays of one data type have the same elements, bit for bit."""
    if one.dtype.kind in "OT":
        return bool((one == other).all())
    return bool(one.tobytes() == other.tobytes())


def _another_element(data_type: DataType) -> bytes:
    """Return an element that differs from the one of zero bytes."""
    if data_type.is_variable:
        return b"\1"
    fields = getattr(data_type, "fields", None)
    if fields is not None:
        return b"".join([_another_element(field.data_type) * math.prod(field.shape) for field in fields])
    unit = max(1, data_type.swap_unit)
    return (1).to_bytes(unit, sys.byteorder) * (data_type.itemsize // unit)
