"""Other ways to index an array than NumPy's: `a.oindex`, `a.vindex` and `a.blocks`."""

from typing import Any

from simplezarr._plan import Plan
from simplezarr.access import put, take
from simplezarr.selection import Selection, block_key, orthogonal_selection, pointwise_selection

__all__ = ["Blocks", "OIndex", "VIndex"]


class View:
    """An array, indexed in another way."""

    __slots__ = ("_array",)

    def __init__(self, array: Any):
        self._array = array  # an Array

    def _select(self, key: Any) -> Selection | Plan:
        raise NotImplementedError

    def __getitem__(self, key: Any) -> Any:
        return take(self._array, self._select(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        self._array._check_writable()
        put(self._array, self._select(key), value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._array!r}>"


class OIndex(View):
    """Orthogonal indexing: each array or mask selects along its own axis, as slices do.

    >>> import simplezarr as sz
    >>> store = {"zarr.json": b'''{"zarr_format": 3, "node_type": "array", "shape": [3, 4], "data_type": "uint8",
    ...     "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 4]}},
    ...     "chunk_key_encoding": {"name": "default"}, "fill_value": 9, "codecs": [{"name": "bytes"}]}''',
    ...     "c/1/0": bytes([1, 2, 3, 4])}
    >>> sz.open(store).oindex[[1, 0], [True, False, False, True]]
    array([[1, 4],
           [9, 9]], dtype=uint8)
    """

    __slots__ = ()

    def _select(self, key: Any) -> Selection | Plan:
        return orthogonal_selection(key, self._array.shape, self._array._grid)


class VIndex(View):
    """Pointwise indexing: the arrays are broadcast together and give the coordinates of points. Masks and slices may
    stand for other axes; the axes of the points come first.

    >>> import simplezarr as sz
    >>> store = {"zarr.json": b'''{"zarr_format": 3, "node_type": "array", "shape": [3, 4], "data_type": "uint8",
    ...     "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 4]}},
    ...     "chunk_key_encoding": {"name": "default"}, "fill_value": 9, "codecs": [{"name": "bytes"}]}''',
    ...     "c/1/0": bytes([1, 2, 3, 4])}
    >>> sz.open(store).vindex[[1, 0, 1], [0, 0, -1]]
    array([1, 9, 4], dtype=uint8)
    """

    __slots__ = ()

    def _select(self, key: Any) -> Selection | Plan:
        return pointwise_selection(key, self._array.shape, self._array._grid)


class Blocks(View):
    """The grid of stored objects (chunks; shards where there are shards), indexed with integers and slices: what is
    selected is read as one array, clipped to the array's bounds. An integer selects one block and keeps its axis.

    >>> import simplezarr as sz
    >>> store = {"zarr.json": b'''{"zarr_format": 3, "node_type": "array", "shape": [3, 4], "data_type": "uint8",
    ...     "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 4]}},
    ...     "chunk_key_encoding": {"name": "default"}, "fill_value": 9, "codecs": [{"name": "bytes"}]}''',
    ...     "c/1/0": bytes([1, 2, 3, 4])}
    >>> sz.open(store).blocks[-2, 0]
    array([[1, 2, 3, 4]], dtype=uint8)
    """

    __slots__ = ()

    def _select(self, key: Any) -> Selection | Plan:
        array = self._array
        return Plan(block_key(key, array.shape, array._grid), array.shape, array._grid)
