"""Arrays whose fill value can't be used: what is stored is read as ever, what is not stored raises."""

import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from simplezarr.dtypes import DataType
from simplezarr.engine.geometry.plan import Plan
from simplezarr.errors import ChunkError
from simplezarr.indexing.selection import Selection
from simplezarr.metadata.layout import zero_element
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.array import Array
from simplezarr.nodes.rectilinear import RectilinearArray
from simplezarr.stores.base import Store
from simplezarr.transfer.dispatch import take

__all__ = ["UnfilledArray"]


class UnfilledArray(Array):
    """An array without a fill value; it can't be written.

    The engine fills what is not stored. So everything is read twice, with two fill values, and must be the same: such
    arrays are rare, and a check in the engine would cost all others.
    """

    __slots__ = ("_twins",)
    _is_composed = True

    def __init__(self, store: Store, path: str, metadata: ArrayMetadata, **options: Any):
        super().__init__(store, path, metadata, **options)
        fills = zero_element(metadata.data_type), _another_element(metadata.data_type)
        kind = Array if metadata.grid is None else RectilinearArray
        self._twins = [kind(store, path, replace(metadata, fill=fill, fill_problem="")) for fill in fills]
        self._grid, self._chunks = self._twins[0]._grid, self._twins[0].chunks

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Number of chunks along each dimension."""
        return self._twins[0].grid_shape

    def _take(self, what: Plan | Selection, out: np.ndarray) -> None:
        take(self._twins[0], what, out)
        again = np.empty(out.shape, out.dtype)
        take(self._twins[1], what, again)
        if not _is_same(out, again):
            raise self._not_stored(self._chunk_that_differs(what, out, again))

    def get_chunk(self, index: tuple[int, ...], *, out: np.ndarray | None = None) -> np.ndarray:
        """As `Array.get_chunk`, but a chunk that is not stored raises ChunkError."""
        chunk = self._twins[0].get_chunk(index, out=out)
        if not _is_same(chunk, self._twins[1].get_chunk(index)):
            raise self._not_stored(tuple(index))
        return chunk

    def _chunk_that_differs(self, what: Plan | Selection, out: np.ndarray, again: np.ndarray) -> tuple[int, ...] | None:
        """Return the index of a chunk of which not all is stored, if there is a simple way to tell."""
        if not isinstance(what, Plan) or self.metadata.grid is not None:
            return None
        one, other = what.view(out), what.view(again)
        for i in range(what.n):
            index, _, places = what.block(i)
            if not _is_same(one[places], other[places]):
                return tuple(index)
        return None

    def _not_stored(self, index: tuple[int, ...] | None) -> ChunkError:
        which = "what is selected" if index is None else f"chunk {index}"
        message = f"array {self.name}: not all of {which} is stored, and the fill value is not usable"
        key = None if index is None else self.metadata.chunk_keys.key(index)
        return ChunkError(f"{message}: {self.metadata.fill_problem}", path=self.path, index=index, key=key)


def _is_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two arrays of one data type have the same elements, bit for bit."""
    if one.dtype.kind in "OT":
        return bool((one == other).all())
    return bool(one.tobytes() == other.tobytes())


def _another_element(data_type: DataType) -> bytes:
    """Return an element other than that of zero bytes."""
    if data_type.is_variable:
        return b"\1"
    fields = getattr(data_type, "fields", None)
    if fields is not None:
        return b"".join([_another_element(field.data_type) * math.prod(field.shape) for field in fields])
    unit = max(1, data_type.swap_unit)
    return (1).to_bytes(unit, sys.byteorder) * (data_type.itemsize // unit)
