"""Stored arrays as arrays of dask, and arrays of dask stored.

Blocks may begin and end anywhere: writers of parts of one chunk or shard lose nothing, from threads, processes or
machines whose store locks or conditions reach each other. So nothing is locked by dask, and nothing is rechunked.

>>> import simplezarr as sz
>>> import simplezarr.dask
>>> a = sz.create_array({}, shape=(40, 60), dtype="f4", chunks=(10, 10), shards=(20, 20))
>>> x = simplezarr.dask.from_array(a, chunks="shards")
>>> x.chunks
((20, 20), (20, 20, 20))
>>> simplezarr.dask.store(x.rechunk(7) + 1, a)
>>> float(x.sum().compute())
2400.0
"""

import math
import uuid
from itertools import accumulate
from typing import Any, Unpack

import dask
import dask.array as da
import numpy as np
from dask.utils import parse_bytes

from simplezarr.api import create_array
from simplezarr.metadata.chunk_shapes import dividing_chunks
from simplezarr.nodes.arguments import CHUNK_NBYTES, RATIO
from simplezarr.nodes.array import Array
from simplezarr.nodes.keywords import CreateKeywords
from simplezarr.nodes.lazy import Lazy
from simplezarr.runtime.workers import share_processors
from simplezarr.stores.resolve import StoreLike

__all__ = ["create", "from_array", "store"]

Chunks = tuple[tuple[int, ...], ...]


def from_array(a: Array, chunks: Any = "auto") -> da.Array:
    """Return an array of dask that reads a stored array.

    chunks: the blocks.

    - "auto": of about the size of dask's setting `array.chunk-size`, and whole shards if one is not larger, otherwise
      whole chunks.
    - a size such as "256KiB", or a number of bytes as text: the same of that size.
    - "shards", "chunks": a shard (without shards a chunk), or a chunk each.
    - anything else is taken as dask takes it: a tuple of lengths, or of tuples of lengths.

    No block cuts a chunk in two, unless it is given as a tuple. The name of the result depends on the array's store,
    path and metadata, not on its elements, so persisted blocks are used again also if the elements have changed.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, shape=(1000, 1000), dtype="f4", chunks=(100, 100))
    >>> from_array(a, "1MiB").chunks
    ((500, 500), (500, 500))
    """
    meta = np.empty((0,) * a.ndim, a.dtype)
    return da.from_array(_Source(a), chunks=_blocks(a, chunks), meta=meta, inline_array=True)


def store(x: da.Array, a: Array, region: Any = None, *, compute: bool = True) -> da.Array | None:
    """Write an array of dask to a stored array, or to a part of it.

    region: a selection of `a` that has the shape of `x`, by default all. Blocks need not lie on chunks or shards, but
    those that do are written faster.

    With compute=False return a small array of dask instead, which writes when it is computed.

    Raise TypeError for what is not an array of dask, ValueError for a shape that does not fit, or blocks of unknown
    shape, IndexError for a bad region, and ReadOnlyError. What else may fail is raised when it is computed, as by
    `Array.write`.

    >>> import simplezarr as sz
    >>> a = sz.create_array({}, shape=6, dtype="i4", chunks=4)
    >>> store(da.arange(3, chunks=2), a, region=sz.s_[1:4])
    >>> a[...]
    array([0, 0, 1, 2, 0, 0], dtype=int32)
    """
    written = _written(x, a, region)
    if not compute:
        return written
    dask.compute(written)
    return None


def create(
    x: da.Array, store: StoreLike, path: str = "", *, compute: bool = True, **arguments: Unpack[CreateKeywords]
) -> Array:
    """Create an array for an array of dask, store `x` in it, and return it.

    - compute: False leaves the array empty; `store(x, a)` writes it later.
    - arguments: as those of `create_array`. Without `chunks` and `shards`, chunks are chosen that divide the blocks of
      `x`, so each chunk is written once.

    Raise TypeError for what is not an array of dask, ValueError for blocks of unknown shape, otherwise as
    `create_array`.

    >>> a = create(da.ones((300, 400), chunks=(120, 400)), {}, attributes={"unit": "m"})
    >>> a, float(a[...].sum())
    (<Array / (300, 400) float64 chunks=(120, 400)>, 120000.0)
    """
    _check_known(x)
    arguments.setdefault("shape", x.shape)
    arguments.setdefault("dtype", x.dtype)
    if "shards" not in arguments and arguments.get("like") is None:
        arguments.setdefault("chunks", _dividing(x.chunks, x.dtype.itemsize))
    a = create_array(store, path, **arguments)
    if compute:
        dask.compute(_written(x, a, None))
    return a


class _Source:
    """An array as dask reads it, in a worker's threads."""

    __slots__ = ("array",)

    def __init__(self, array: Array):
        self.array = array

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each dimension."""
        return self.array.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype:
        """Data type of the elements."""
        return self.array.dtype

    def __getitem__(self, key: Any) -> Any:
        share_processors()
        return self.array[key]

    def __dask_tokenize__(self) -> tuple[str, ...]:
        return self.array.__dask_tokenize__()


def _written(x: da.Array, a: Array, region: Any) -> da.Array:
    """Return a small array of dask that writes `x` when it is computed."""
    _check_known(x)
    target = a.lazy[... if region is None else region]
    if x.shape != target.shape:
        part = f"region {region} of it has shape" if region is not None else "it has shape"
        raise ValueError(f"x has shape {x.shape}, but array {a.name}: {part} {target.shape}; give a region that fits x")
    target[..., None][..., :0].write(np.empty(0, a.dtype))  # nothing, but raises if the array can't be written
    return x.map_blocks(
        _write_block,
        target=target,
        call=uuid.uuid4().hex,  # so that no earlier result is taken for this one
        dtype=np.bool_,
        meta=np.empty((0,) * x.ndim, np.bool_),
        chunks=tuple([(1,) * len(lengths) for lengths in x.chunks]),
    ).all()


def _write_block(block: np.ndarray, target: Lazy, call: str, block_info: Any = None) -> np.ndarray:
    """Write a block to its part of the target."""
    share_processors()
    place = tuple([slice(start, stop) for start, stop in block_info[0]["array-location"]])
    target[(*place, ...)].write(block)
    return np.ones((1,) * block.ndim, np.bool_)


def _check_known(x: da.Array) -> None:
    if not isinstance(x, da.Array):
        remedy = "assign it, a[...] = x, or make an array of dask of it with dask.array.from_array(x)"
        raise TypeError(f"x: {type(x).__name__} is not an array of dask; {remedy}")
    if any(math.isnan(length) for lengths in x.chunks for length in lengths):
        raise ValueError(f"x has blocks of unknown shape: {x.chunks}; call x.compute_chunk_sizes() before")


# ---- blocks ----


def _blocks(a: Array, chunks: Any) -> Chunks:
    """Return the lengths of the blocks along each axis that `from_array` documents."""
    unit = a.shards or a.chunks
    if chunks in ("shards", "chunks"):
        return _cut(a, a.chunks if chunks == "chunks" else unit)
    if isinstance(chunks, str):
        size = dask.config.get("array.chunk-size") if chunks == "auto" else chunks
        try:
            nbytes = parse_bytes(size)
        except ValueError as error:
            message = f'chunks={chunks!r} must be "auto", "shards", "chunks", a size as "256KiB", or lengths'
            raise ValueError(message) from error
        elements = nbytes // max(1, a.dtype.itemsize)
        if math.prod(unit) > elements:
            unit = a.chunks
        return _cut(a, _grown(a.shape, unit, elements))
    lengths: Chunks = da.core.normalize_chunks(chunks, a.shape, dtype=a.dtype, previous_chunks=unit)
    return lengths


def _grown(shape: tuple[int, ...], unit: tuple[int, ...], elements: int) -> tuple[int, ...]:
    """Return a multiple of a unit with about so many elements, and about as many units along each axis.

    >>> _grown((1000, 1000), (100, 100), 260_000), _grown((1000, 30), (100, 100), 100_000)
    ((500, 500), (1000, 100))
    """
    most = [-(-length // side) for length, side in zip(shape, unit, strict=True)]
    counts = [1] * len(unit)
    for doubles in (True, False):
        grows = True
        while grows:
            grows = False
            for axis in sorted(range(len(unit)), key=lambda axis: (counts[axis], -axis)):
                count = min(counts[axis] * 2 if doubles else counts[axis] + 1, most[axis])
                sides = [n * min(side, length or 1) for n, side, length in zip(counts, unit, shape, strict=True)]
                if count > counts[axis] and math.prod(sides) // counts[axis] * count <= elements:
                    counts[axis], grows = count, True
                    break
    return tuple([n * side for n, side in zip(counts, unit, strict=True)])


def _cut(a: Array, lengths: tuple[int, ...]) -> Chunks:
    """Return blocks of these lengths; in a rectilinear grid, of as many whole chunks as fit in them."""
    if a.metadata.grid is None:
        sides = zip(a.shape, lengths, strict=True)
        return tuple([(side,) * (n // side) + (n % side,) * (n % side > 0) or (0,) for n, side in sides])
    result = []
    for axis, n, side in zip(a.metadata.axes, a.shape, lengths, strict=True):
        ends = [min(axis.begin(number + 1), n) for number in range(axis.chunk_starts[-1])]
        blocks, begin, last = [], 0, 0
        for end in ends:
            if end - begin > side and last > begin:
                blocks.append(last - begin)
                begin = last
            last = end
        result.append((*blocks, last - begin))
    return tuple(result)


def _dividing(chunks: Chunks, itemsize: int) -> tuple[int, ...]:
    """Return the shape of chunks that divide blocks: no block begins within one.

    >>> _dividing(((120, 120, 60), (40, 60)), 8)
    (120, 40)
    """
    common = [math.gcd(*[*accumulate(lengths)][:-1]) or lengths[0] or 1 for lengths in chunks]
    return dividing_chunks(tuple(common), RATIO * CHUNK_NBYTES, itemsize)
