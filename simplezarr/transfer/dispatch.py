"""Reading and writing what is selected of an `Array`: which of the ways through the engine it takes."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from simplezarr.codecs.chain import python_pipeline
from simplezarr.engine.chunks.in_flight import Writing
from simplezarr.engine.geometry.plan import NotBasic, Plan
from simplezarr.engine.jobs.chunk_source import Source
from simplezarr.engine.jobs.read import read
from simplezarr.engine.jobs.read_regions import read_selection
from simplezarr.engine.jobs.write import write
from simplezarr.engine.jobs.write_regions import write_selection
from simplezarr.engine.memory.result_pool import empty
from simplezarr.errors import ChunkError
from simplezarr.indexing.selection import Selection, numpy_selection, split_fields
from simplezarr.schema.leniency import tolerate
from simplezarr.transfer.array_copy import plan_copy
from simplezarr.transfer.clipped_chunks import whole_source
from simplezarr.transfer.values import as_array, as_values, check_out, check_text
from simplezarr.transfer.variable import Elements, read_objects, write_objects

__all__ = ["assign", "assign_chunk", "fetch", "put", "select", "take"]

Select = Callable[[Any, Any], Plan | Selection]


def fetch(array: Any, key: Any, out: np.ndarray | None = None, by: Select | None = None) -> Any:
    """Return what `array[key]` gives, in `out` if it is given; `by` says what the rest of the key selects."""
    fields, key = (None, key) if array.dtype.names is None else split_fields(array.dtype, key)
    what = (by or select)(array, key)
    if fields is None:
        return take(array, what, out)
    values = take(array, what)[fields]
    if out is None:
        return values
    check_out(out, array.dtype[fields], np.shape(values))
    out[...] = values
    return out


def assign(array: Any, key: Any, value: Any, by: Select | None = None) -> None:
    """Do what `array[key] = value` does. Fields are changed in what is read before: not at the same time by several."""
    fields, key = (None, key) if array.dtype.names is None else split_fields(array.dtype, key)
    what = (by or select)(array, key)
    if fields is not None:
        record = take(array, what, np.empty(what.shape, array.dtype))
        value = np.asarray(value) if hasattr(value, "__array__") else value
        check_text(value, array.dtype[fields])
        record[fields] = value
        value = record if record.ndim else record[()]
    put(array, what, value)


def assign_chunk(array: Any, index: tuple[int, ...], data: Any) -> None:
    """Assign to a chunk of the grid, with data for all of it or for the part within the array."""
    index = tuple(map(operator.index, index))
    box = tuple(
        [
            slice(i * size, min((i + 1) * size, length))
            for i, size, length in zip(index, array.chunks, array.shape, strict=True)
        ]
    )
    inside = tuple([part.stop - part.start for part in box])
    data = as_array(data, array.dtype)
    if data.shape not in (array.chunks, inside):
        part = f", or {inside} without what lies outside the array" if inside != array.chunks else ""
        raise ValueError(f"data for chunk {index} has shape {data.shape}; it must have {array.chunks}{part}")
    array[box] = data[tuple([slice(length) for length in inside])]


def select(array: Any, key: Any) -> Plan | Selection:
    """Return what a key without fields selects, as NumPy understands it."""
    try:
        return Plan(key, array.shape, array._grid)
    except NotBasic:
        pass  # its traceback would only confuse who gets an error below
    return numpy_selection(key, array.shape, array._grid)


def take(array: Any, what: Plan | Selection, out: np.ndarray | None = None) -> Any:
    """Reads what is selected, into `out` if it is given; a scalar where NumPy gives one."""
    scalar = out is None and what.scalar
    if out is None:
        out = empty(what.shape, array.dtype)
    else:
        check_out(out, array.dtype, what.shape)
    if array._is_composed:
        array._take(what, out)
    elif array.metadata.data_type.is_variable:
        chain = python_pipeline(array.metadata.codecs, array.metadata.spec)
        read_objects(array._source, chain, _elements(array, what), out)
    else:
        try:
            _read(array._source, what, out)
        except ChunkError as error:
            whole = whole_source(array.store, array.path, array.metadata, error)
            if whole is None:
                raise
            _read(whole, what, out)
            tolerate("cropped-chunk", f"array {array.name}, chunk {error.index}")
    return out[()] if scalar else out


def put(array: Any, what: Plan | Selection, value: Any) -> None:
    """Writes a value to what is selected; a stored array part by part, where that can be."""
    basic = isinstance(what, Plan)
    copy = plan_copy(array, what, value) if isinstance(what, Plan) and type(value) is not np.ndarray else None
    if copy is not None:
        with Writing():
            copy.run(lambda box, values: put(array, select(array, box), values))
        return
    values = as_values(value, array.dtype, what.shape, element=what.scalar, now=not basic)
    with Writing():
        if array._is_composed:
            array._put(what, values)
        elif array.metadata.data_type.is_variable:
            chain = python_pipeline(array.metadata.codecs, array.metadata.spec)
            write_objects(array._source, chain, _elements(array, what), values, array.shape, array.write_empty_chunks)
        else:
            if isinstance(what, Plan):
                write(array._source, what, values, array.shape, array.write_empty_chunks)
            else:
                write_selection(array._source, what, values, array.shape, array.write_empty_chunks)


def _read(source: Source, what: Plan | Selection, out: np.ndarray) -> None:
    if type(what) is Plan:
        read(source, what, out)
    else:
        read_selection(source, what, out)


def _elements(array: Any, what: Plan | Selection) -> "Plan | Elements":
    return Elements(what, array._grid) if isinstance(what, Selection) else what
