"""Reading and writing what is selected of an array: the steps that all ways of selecting share.

`array` is an `Array` in all of these.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from simplezarr._plan import NotBasic, Plan
from simplezarr._read import read
from simplezarr._read_scatter import read_batch, read_selection
from simplezarr._write import write
from simplezarr._write_scatter import write_selection
from simplezarr.selection import Selection, numpy_selection
from simplezarr.values import as_values

__all__ = ["check_out", "put", "read_many", "select", "take"]


def select(array: Any, key: Any) -> Plan | Selection:
    """What a key asks for, as NumPy understands it."""
    try:
        return Plan(key, array.shape, array._grid)
    except NotBasic:
        pass  # its traceback would only confuse who gets an error below
    return numpy_selection(key, array.shape, array._grid)


def take(array: Any, selected: Plan | Selection, out: np.ndarray | None = None) -> Any:
    """Reads what is selected, into `out` where there is one; a scalar where NumPy gives one."""
    scalar = out is None and selected.scalar
    if out is None:
        out = np.empty(selected.shape, array.dtype)
    else:
        check_out(out, array.dtype, selected.shape)
    if isinstance(selected, Plan):
        read(array._source, selected, out)
    else:
        read_selection(array._source, selected, out)
    return out[()] if scalar else out


def put(array: Any, selected: Plan | Selection, value: Any) -> None:
    """Writes a value to what is selected."""
    if isinstance(selected, Plan):
        values = as_values(value, array.dtype, selected.shape, element=selected.scalar)
        write(array._source, selected, values, array.shape, array.write_empty_chunks)
    else:
        values = as_values(value, array.dtype, selected.shape, now=True)
        write_selection(array._source, selected, values, array.shape, array.write_empty_chunks)


def read_many(array: Any, selections: Iterable[Any], out: np.ndarray | None) -> Any:
    """What `Array.read_many` documents."""
    try:
        plans = [Plan(selection, array.shape, array.chunks) for selection in selections]
    except NotBasic as error:
        raise IndexError(f"{error}; many selections at once must be basic ones") from None
    if out is None:
        results = [np.empty(plan.shape, array.dtype) for plan in plans]
        read_batch(array._source, array.shape, plans, results)
        return [result[()] if plan.scalar else result for plan, result in zip(plans, results, strict=True)]
    check_out(out, array.dtype, (len(plans), *(plans[0].shape if plans else np.shape(out)[1:])))
    for i, plan in enumerate(plans):
        if plan.shape != out.shape[1:]:
            raise ValueError(
                f"selection {i} has shape {plan.shape}, but the others {out.shape[1:]}: they don't go into one array"
            )
    read_batch(array._source, array.shape, plans, [out[i, ...] for i in range(len(plans))])
    return out


def check_out(out: Any, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Raise unless `out` is a writable array of this data type and shape."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array, not {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"out is {out.dtype} of shape {out.shape}, but {dtype} of shape {shape} is selected")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
