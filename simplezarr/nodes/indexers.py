"""Ways to index an array other than NumPy's: `a.oindex`, `a.vindex` and `a.blocks`."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.hierarchy.inventory import iter_indexes
from simplezarr.indexing.selection import Selection, expanded, orthogonal_selection, pointwise_selection
from simplezarr.metadata.grids import Axis
from simplezarr.nodes.protocols import HasHandle
from simplezarr.transfer.dispatch import read_key, write_key
from simplezarr.transfer.handle import ArrayHandle

__all__ = ["Blocks", "OIndex", "VIndex"]


class Indexer:
    """An array, indexed in another way."""

    __slots__ = ("_array",)

    def __init__(self, array: HasHandle):
        self._array = array

    @staticmethod
    def _select(handle: ArrayHandle, key: Any) -> Selection | Plan:
        """Return what a key selects of an array."""
        raise NotImplementedError

    def __getitem__(self, key: Any) -> Any:
        return read_key(self._array._handle, key, by=self._select)

    def __setitem__(self, key: Any, value: Any) -> None:
        write_key(self._array._handle, key, value, by=self._select)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._array!r}>"


class OIndex(Indexer):
    """Orthogonal indexing: each array or mask selects along its own axis, as slices do.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, data=[[9, 9, 9, 9], [1, 2, 3, 4], [9, 9, 9, 9]], chunks=(1, 4))
    >>> a.oindex[[1, 0], [True, False, False, True]]
    array([[1, 4],
           [9, 9]])
    """

    __slots__ = ()

    @staticmethod
    def _select(handle: ArrayHandle, key: Any) -> Selection | Plan:
        return orthogonal_selection(key, handle.shape, handle.grid)


class VIndex(Indexer):
    """Pointwise indexing: the arrays are broadcast together and give the coordinates of points.

    Masks and slices may select along other axes; the axes of the points come first. Integers alone give a scalar.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, data=[[9, 9, 9, 9], [1, 2, 3, 4], [9, 9, 9, 9]], chunks=(1, 4))
    >>> a.vindex[[1, 0, 1], [0, 0, -1]]
    array([1, 9, 4])
    """

    __slots__ = ()

    @staticmethod
    def _select(handle: ArrayHandle, key: Any) -> Selection | Plan:
        return pointwise_selection(key, handle.shape, handle.grid)


class Blocks(Indexer):
    """Indexing by stored object (chunk or shard), with integers and slices of step 1.

    The selected blocks are read as one array, clipped to the array's bounds. An integer selects one block and keeps its
    axis. Iteration reads one block after another, in C order; `len` is the number of all blocks.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, data=[[9, 9, 9, 9], [1, 2, 3, 4], [9, 9, 9, 9]], chunks=(1, 4))
    >>> a.blocks[-2, 0]
    array([[1, 2, 3, 4]])
    >>> a.blocks.shape
    (3, 1)
    """

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of blocks along each dimension."""
        return self._array._handle.metadata.grid_shape

    def __len__(self) -> int:
        return math.prod(self.shape)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in iter_indexes(self.shape))

    @staticmethod
    def _select(handle: ArrayHandle, key: Any) -> Selection | Plan:
        return Plan(_block_key(key, handle.metadata.axes), handle.shape, handle.grid)


def _block_key(key: Any, axes: Sequence[Axis]) -> tuple[slice, ...]:
    """Return a key of the grid of stored objects as a key of elements: integers and slices become slices.

    >>> from simplezarr.metadata.grids import Axis
    >>> _block_key((1, slice(0, 2)), (Axis((2,), (0, 6), (0, 3)), Axis((1,), (0, 4), (0, 4))))
    (slice(2, 4, None), slice(0, 2, None))
    """
    result: list[slice] = []
    for item in expanded(key if isinstance(key, tuple) else (key,), len(axes)):
        if item is Ellipsis:
            continue
        axis = axes[len(result)]
        count = axis.chunk_starts[-1]
        if isinstance(item, slice):
            start, stop, step = item.indices(count)
            if step != 1:
                raise IndexError(f"{item}: blocks are selected with slices of step 1")
        elif item is not None and not isinstance(item, (bool, np.bool_)) and hasattr(item, "__index__"):
            number = item.__index__()
            if not -count <= number < count:
                raise IndexError(
                    f"index {number} is out of bounds for axis {len(result)} with size {count} (of the grid of blocks)"
                )
            start = number % count
            stop = start + 1
        else:
            raise IndexError(f"blocks are selected with integers, slices and `...`, not {item!r}")
        result.append(slice(axis.begin(start), axis.begin(max(start, stop))))
    return tuple(result)
