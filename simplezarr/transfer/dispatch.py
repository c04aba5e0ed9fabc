"""From keys and values to an array's transfer: what a key selects, results allocated, values checked and copied."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from simplezarr.engine.chunks.in_flight import Writing
from simplezarr.engine.geometry.plan import NotBasic, Plan
from simplezarr.engine.memory.result_pool import empty
from simplezarr.indexing.selection import Selection, numpy_selection, split_fields
from simplezarr.runtime.runs import assign
from simplezarr.transfer.array_copy import plan_copy
from simplezarr.transfer.handle import ArrayHandle
from simplezarr.transfer.protocol import Index
from simplezarr.transfer.values import as_array, as_values, check_out, check_text

__all__ = ["read", "read_key", "read_many", "select", "write", "write_chunk", "write_key"]

Select = Callable[[ArrayHandle, Any], Plan | Selection]


def select(handle: ArrayHandle, key: Any) -> Plan | Selection:
    """Return what a key without fields selects, as NumPy understands it. Raise IndexError for a bad key."""
    try:
        return Plan(key, handle.shape, handle.grid)
    except NotBasic:
        pass  # so that its traceback is not shown with that of an error below
    return numpy_selection(key, handle.shape, handle.grid)


def read_key(handle: ArrayHandle, key: Any, out: np.ndarray | None = None, by: Select = select) -> Any:
    """Return what `array[key]` gives, in `out` if it is given.

    key: as NumPy's, for records with names of fields. by: says what the rest of the key selects.
    """
    fields, key = (None, key) if handle.dtype.names is None else split_fields(handle.dtype, key)
    selection = by(handle, key)
    if fields is None:
        return read(handle, selection, out)
    if out is None:
        return read(handle, selection)[fields]
    field = handle.dtype[fields]
    check_out(out, field.base, (*selection.shape, *field.shape), handle.path)
    if field.shape:
        assign(out, read(handle, selection)[fields])
    else:
        handle.transfer.read(selection, out, fields)
    return out


def read(handle: ArrayHandle, selection: Plan | Selection, out: np.ndarray | None = None) -> Any:
    """Return what is selected, in `out` if it is given; a scalar if NumPy gives one.

    Raise as `check_out` for an `out` that does not fit, ChunkError for a chunk that can't be decoded, and what the
    store raises.
    """
    scalar = out is None and selection.scalar
    if out is None:
        out = empty(selection.shape, handle.dtype)
    else:
        check_out(out, handle.dtype, selection.shape, handle.path)
    handle.transfer.read(selection, out)
    return out[()] if scalar else out


def read_many(handle: ArrayHandle, keys: Iterable[Any], out: np.ndarray | None) -> Any:
    """Return what `Array.read_many` documents."""
    try:
        plans = [Plan(key, handle.shape, handle.grid) for key in keys]
    except NotBasic as error:
        raise IndexError(f"{error}; many selections at once must be basic ones") from None
    if out is None:
        results = [empty(plan.shape, handle.dtype) for plan in plans]
        handle.transfer.read_many(plans, results)
        return [result[()] if plan.scalar else result for plan, result in zip(plans, results, strict=True)]
    shape = (len(plans), *(plans[0].shape if plans else np.shape(out)[1:]))
    check_out(out, handle.dtype, shape, handle.path)
    for i, plan in enumerate(plans):
        if plan.shape != out.shape[1:]:
            raise ValueError(f"selection {i} has shape {plan.shape}, but out[{i}] has {out.shape[1:]}; leave out `out`")
    handle.transfer.read_many(plans, [out[i, ...] for i in range(len(plans))])
    return out


def write_key(handle: ArrayHandle, key: Any, value: Any, by: Select = select) -> None:
    """Do what `array[key] = value` does.

    Fields of records are changed in records that are read before, so two threads must not change fields of one record
    at the same time. Raise as `Array.write`.
    """
    handle.check_writable()
    fields, key = (None, key) if handle.dtype.names is None else split_fields(handle.dtype, key)
    selection = by(handle, key)
    if fields is not None:
        record = read(handle, selection, np.empty(selection.shape, handle.dtype))
        value = np.asarray(value) if hasattr(value, "__array__") else value
        check_text(value, handle.dtype[fields])
        record[fields] = value
        value = record if record.ndim else record[()]
    write(handle, selection, value)


def write(handle: ArrayHandle, selection: Plan | Selection, value: Any) -> None:
    """Write a value to what is selected; if it is stored itself, part by part unless it must be read first."""
    copy = plan_copy(handle, selection, value) if type(selection) is Plan and type(value) is not np.ndarray else None
    if copy is not None:
        with Writing():
            copy.run(lambda box, values: write(handle, select(handle, box), values))
        return
    values = as_values(value, handle.dtype, selection.shape, element=selection.scalar, now=type(selection) is not Plan)
    with Writing():
        handle.transfer.write(selection, values)


def write_chunk(handle: ArrayHandle, index: Index, data: Any) -> None:
    """Write a chunk of the grid, with data for all of it or for the part within the array."""
    handle.check_writable()
    box, shape = handle.transfer.chunk_box(index)
    inside = tuple([part.stop - part.start for part in box])
    data = as_array(data, handle.dtype)
    if data.shape not in (shape, inside):
        part = f", or {inside} for the part within the array" if inside != shape else ""
        raise ValueError(f"data for chunk {tuple(index)} has shape {data.shape}; it must have {shape}{part}")
    write(handle, select(handle, box), data[tuple([slice(length) for length in inside])])
