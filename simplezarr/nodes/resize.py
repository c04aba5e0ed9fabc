"""Change an array's shape.

The part of a chunk outside its array may hold anything: the specification leaves it open, and elements that were cut
off or half appended may be there. So the elements that only one of two shapes has are cleared before the document
changes. Chunks that lie among them are deleted, others get the fill value there. If that is interrupted, the array has
its old shape, and the elements that both shapes have are untouched. Some of those to be cut off may be gone.
"""

import math
import operator
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice, product
from typing import Any

import numpy as np

from simplezarr.engine.chunks.in_flight import Writing
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.hierarchy.changes import change_node
from simplezarr.hierarchy.documents import read_metadata
from simplezarr.hierarchy.inventory import Index, stored_indexes
from simplezarr.metadata.chunk_keys import join
from simplezarr.metadata.chunk_shapes import as_lengths
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.runtime import executor
from simplezarr.runtime.runs import runs
from simplezarr.transfer.copy_source import copy_source
from simplezarr.transfer.dispatch import read_key, write_key
from simplezarr.transfer.handle import ArrayHandle
from simplezarr.transfer.values import as_array

__all__ = ["append", "refreshed", "resize"]

Shape = tuple[int, ...]
_FEW = 64  # for so many chunks a store is not listed
_BATCH = 1 << 16  # chunks that are cleared at a time
_MANY = 1 << 24  # chunks that are not deleted one by one, whether stored or not


def resize(handle: ArrayHandle, shape: Any) -> ArrayMetadata:
    """Give a stored array a new shape; return its metadata."""
    handle.check_writable()
    ndim = len(handle.shape)
    shape = as_lengths(shape, ndim, 0, "shape")
    if len(shape) != ndim:
        raise MetadataError(f"shape: {shape} has {len(shape)} entries for {ndim} dimensions")

    def change(stored: Any) -> ArrayMetadata:
        _check_same_layout(handle, stored)
        return _reaching(stored, shape)

    @contextmanager
    def cleared(both: tuple[Any, ArrayMetadata]) -> Iterator[None]:
        stored, changed = both
        _clear(handle, changed, stored.shape)
        yield

    return change_node(handle.store, handle.path, change, cleared)


def refreshed(handle: ArrayHandle) -> ArrayMetadata:
    """Return the metadata that are stored by now. Raise MetadataError if the array was replaced or deleted."""
    stored = read_metadata(handle.store, handle.path)
    _check_same_layout(handle, stored)
    assert isinstance(stored, ArrayMetadata)
    return stored


def append(handle: ArrayHandle, data: Any, axis: int) -> ArrayMetadata:
    """Write data behind the end of a stored array, then make that its end; return its metadata.

    In this order no reader sees an array whose end is missing. The document's lock is held throughout, so concurrent
    appends come one after another. If updates of the store are conditional, see `_append_reserved`.
    """
    handle.check_writable()
    data = data if copy_source(data) is not None else as_array(data, handle.dtype, "data")
    axis = _check_axis(axis, len(handle.shape))
    _grown(handle.shape, data, axis)  # raises if the data don't fit

    def change(stored: Any) -> ArrayMetadata:
        _check_same_layout(handle, stored)
        return _reaching(stored, _grown(stored.shape, data, axis))

    if handle.store.conditional:
        return _append_reserved(handle, change, data, axis)

    @contextmanager
    def written(both: tuple[Any, ArrayMetadata]) -> Iterator[None]:
        stored, grown = both
        place = tuple([slice(None)] * axis + [slice(stored.shape[axis], None)])
        try:
            write_key(handle.with_metadata(grown), place, data)
            yield
        except BaseException:
            _forget(handle, grown, stored.shape)
            raise

    return change_node(handle.store, handle.path, change, written)


def _append_reserved(
    handle: ArrayHandle, change: Callable[[Any], ArrayMetadata], data: np.ndarray, axis: int
) -> ArrayMetadata:
    """Append if no lock excludes all other writers: take the place behind the end first, then write the data there.

    In the other order two writers would write to one place. Until the data are written, readers see the fill value.
    """
    before: Shape = ()

    def reserve(stored: Any) -> ArrayMetadata:
        nonlocal before
        before = stored.shape
        return change(stored)

    def release(stored: Any) -> ArrayMetadata:
        return _reaching(stored, before) if stored.shape == grown.shape else stored

    grown = change_node(handle.store, handle.path, reserve)
    place = tuple([slice(before[axis] if i == axis else 0, n) for i, n in enumerate(grown.shape)])
    try:
        write_key(handle.with_metadata(_to_chunk_ends(grown)), place, data)
    except BaseException:
        with suppress(Exception):  # the first error is the one to raise
            change_node(handle.store, handle.path, release)
        raise
    return grown


def _to_chunk_ends(metadata: ArrayMetadata) -> ArrayMetadata:
    """Return the metadata of an array that ends where chunks end.

    A write to it keeps what other appenders have stored in the last chunks.
    """
    grid, shape = metadata.grid, metadata.shape
    if grid is not None:
        return replace(metadata, shape=tuple([grid.axis(i, n).element_starts[-1] for i, n in enumerate(shape)]))
    return replace(metadata, shape=tuple([-(-n // c) * c for n, c in zip(shape, metadata.chunk_shape, strict=True)]))


def _forget(handle: ArrayHandle, grown: ArrayMetadata, old: Shape) -> None:
    """Clear what a failed append has left, unless the array has the new shape.

    Errors are not raised here: the one of the append is, and what is left lies outside the array.
    """
    with suppress(Exception):
        stored = read_metadata(handle.store, handle.path)
        if isinstance(stored, ArrayMetadata) and stored.shape == old:
            _clear(handle, grown, old)


def _check_axis(axis: Any, ndim: int) -> int:
    if axis is None or isinstance(axis, (bool, np.bool_)):
        raise TypeError(f"axis: {axis!r} is not an axis; give its number")
    number: int = operator.index(axis)
    if not -ndim <= number < ndim:
        remedy = f"give one from {-ndim} to {ndim - 1}" if ndim else "it can't grow; create an array with an axis"
        raise IndexError(f"axis: {number} is not an axis of an array of {ndim} dimensions; {remedy}")
    return number % ndim


def _grown(shape: Shape, data: np.ndarray, axis: int) -> Shape:
    """Return the shape with the data appended."""
    if len(data.shape) != len(shape) or any(
        i != axis and a != b for i, (a, b) in enumerate(zip(data.shape, shape, strict=True))
    ):
        remedy = "the other lengths must be the same"
        raise ValueError(f"data: shape {data.shape} can't be appended to {shape} along axis {axis}; {remedy}")
    return as_lengths((*shape[:axis], shape[axis] + data.shape[axis], *shape[axis + 1 :]), None, 0, "shape")


def _check_same_layout(handle: ArrayHandle, stored: Any) -> None:
    """Raise MetadataError if the node has been replaced since it was opened."""
    if not isinstance(stored, ArrayMetadata) or stored != _in_place_of(stored, handle.metadata):
        message = f"{handle.name} of {handle.store!r} was replaced since it was opened; open it again"
        raise MetadataError(message).of_store(handle.store)


def _in_place_of(stored: ArrayMetadata, opened: ArrayMetadata) -> ArrayMetadata:
    """Return the metadata that were opened with those members of the stored ones that may change."""
    changing = {name: getattr(stored, name) for name in ("shape", "attributes", "dimension_names", "extra")}
    if stored.grid and opened.grid:  # it changes with the shape
        changing |= {"grid": stored.grid, "chunk_shape": stored.chunk_shape}
    return replace(opened, **changing)


def _reaching(metadata: ArrayMetadata, shape: Shape) -> ArrayMetadata:
    """Return an array's metadata with another shape, and a grid that reaches as far."""
    if metadata.grid is None:
        return replace(metadata, shape=shape)
    grid = metadata.grid.reaching(shape)
    grid.check(shape, "chunk_shapes")
    return replace(metadata, shape=shape, grid=grid, chunk_shape=grid.largest)


def _clear(handle: ArrayHandle, metadata: ArrayMetadata, shape: Shape) -> None:
    """Clear the elements that only one of two shapes has. The grid of `metadata` reaches as far as both."""
    low = replace(metadata, shape=tuple(map(min, metadata.shape, shape)))
    high = replace(metadata, shape=tuple(map(max, metadata.shape, shape)))
    candidates = iter(_candidates(handle, low, high))
    while batch := [*islice(candidates, _BATCH)]:
        _clear_chunks(handle, low, high, batch)


def _clear_chunks(handle: ArrayHandle, low: ArrayMetadata, high: ArrayMetadata, indexes: list[Index]) -> None:
    """Delete the chunks that lie outside `low`, and put the fill value where other chunks do."""
    kept = low.grid_shape
    gone: list[Index] = []
    edges: list[Index] = []
    for index in indexes:
        inside = all(i < n for i, n in zip(index, kept, strict=True))
        (edges if inside else gone).append(index)
    width = executor.concurrency_for(handle.store)
    with Writing():
        if gone:
            handle.store.delete_many([join(handle.path, low.chunk_keys.key(index)) for index in gone])
    if edges:
        whole = handle.with_empty_chunks(False).with_metadata(high)
        executor.parallel_for(lambda i: _clear_edge(whole, edges[i], low.shape), len(edges), width)


def _candidates(handle: ArrayHandle, low: ArrayMetadata, high: ArrayMetadata) -> Iterable[Index]:
    """Return the chunks that have elements within `high` but outside `low` and that may be stored.

    They are counted off, or the stored ones are listed, whichever are fewer: a grid may have 10**15 chunks of which
    hardly any is stored.
    """
    whole, sides = high.grid_shape, zip(low.axes, low.shape, high.grid_shape, high.shape, strict=True)
    inner = tuple([axis.whole(a) if a < b else total for axis, a, total, b in sides])  # chunks that lie within `low`
    count = math.prod(whole) - math.prod(inner)
    if count > _FEW:
        try:
            listed = stored_indexes(handle.store, handle.path, high, at_most=count)
        except UnsupportedError:  # can't be listed
            listed = None
            if count > _MANY:
                raise UnsupportedError(
                    f"array {handle.name}: a change of its shape must clear {count} chunks that may be stored, and "
                    f"{handle.store!r} can't list those that are; give it a `list` method"
                ) from None
        if listed is not None:
            return [
                index
                for index in listed
                if all(map(operator.lt, index, whole)) and not all(map(operator.lt, index, inner))
            ]
    return _around(whole, inner)


def _around(whole: Shape, inner: Shape) -> Iterator[Index]:
    """Yield the indexes below `whole` that are not below `inner`.

    >>> [*_around((2, 3), (1, 2))]
    [(1, 0), (1, 1), (1, 2), (0, 2)]
    """
    for axis, (n, first) in enumerate(zip(whole, inner, strict=True)):
        if first == n:
            continue  # otherwise `product` would list all other axes
        before = [range(part) for part in inner[:axis]]
        behind = [range(part) for part in whole[axis + 1 :]]
        yield from product(*before, range(first, n), *behind)


def _clear_edge(handle: ArrayHandle, index: Index, low: Shape) -> None:
    """Put the fill value where a chunk lies outside `low`, unless it is there already."""
    axes = handle.metadata.axes
    start = [axis.begin(i) for axis, i in zip(axes, index, strict=True)]
    stop = [min(axis.begin(i + 1), length) for axis, i, length in zip(axes, index, handle.shape, strict=True)]
    fill = np.asarray(handle.fill_value)
    for axis, limit in enumerate(low):
        if limit < stop[axis]:
            box = [slice(*ends) for ends in zip(start, stop, strict=True)]
            box[axis] = slice(max(limit, start[axis]), stop[axis])
            if not _is_all(read_key(handle, tuple(box)), fill):
                write_key(handle, tuple(box), fill)
            stop[axis] = limit


def _is_all(values: np.ndarray, fill: np.ndarray) -> bool:
    """Return whether all elements are the fill value, bit for bit."""
    if values.dtype.hasobject:
        return False  # not known, so it is written
    elements = np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(-1, fill.itemsize)
    one = np.frombuffer(fill.tobytes(), np.uint8)
    return all(bool((elements[index] == one).all()) for index in runs(elements.shape))
