"""The regions of an array by chunk or by stored object, as keys that select them."""

import operator
from collections.abc import Iterator

from simplezarr.hierarchy.inventory import (
    chunk_axes,
    grid_shape,
    iter_indexes,
    iter_stored,
    iter_stored_chunks,
    sharding_of,
)
from simplezarr.transfer.handle import ArrayHandle

__all__ = ["Region", "as_index", "iter_regions"]

Region = tuple[slice, ...]


def as_index(index: tuple[int, ...] | int) -> tuple[int, ...]:
    """Return the index of a chunk as a tuple; in one dimension, a number is an index too.

    >>> as_index(3), as_index((3, 4))
    ((3,), (3, 4))
    """
    if type(index) is tuple:
        return index
    try:
        operator.index(index)  # type: ignore[arg-type]
    except TypeError:
        return tuple(index)  # type: ignore[arg-type]
    return (index,)  # type: ignore[return-value]


def iter_regions(handle: ArrayHandle, unit: str, stored: bool) -> Iterator[Region]:
    """Return an iterator of what `Array.iter_chunks` documents."""
    if unit not in ("shard", "chunk"):
        raise ValueError(f"unit: {unit!r} is not a unit; give 'shard' (of writing) or 'chunk' (of reading)")
    metadata, axes = handle.metadata, handle.metadata.axes
    place = handle.store, handle.path, metadata
    if unit == "chunk" and sharding_of(metadata) is not None:
        axes = chunk_axes(metadata, handle.chunks)
        bounds = grid_shape(metadata, handle.chunks)
        indexes = iter_stored_chunks(*place, handle.chunks) if stored else iter_indexes(bounds)
    else:
        indexes = iter_stored(*place) if stored else iter_indexes(metadata.grid_shape)

    def region(index: tuple[int, ...]) -> Region:
        sides = zip(axes, index, handle.shape, strict=True)
        return tuple([slice(axis.begin(i), min(axis.begin(i + 1), length)) for axis, i, length in sides])

    return map(region, indexes)
