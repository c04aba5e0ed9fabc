"""Many basic selections at once: each chunk that several of them touch is fetched and decoded once."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from simplezarr._chunks import Source
from simplezarr._plan import NotBasic, Plan
from simplezarr._read_scatter import read_batch

__all__ = ["read_many"]


def read_many(array: Any, source: Source, selections: Iterable[Any], out: np.ndarray | None) -> Any:
    """What `Array.read_many` documents."""
    try:
        plans = [Plan(selection, array.shape, array.chunks) for selection in selections]
    except NotBasic as error:
        raise IndexError(f"{error}; many selections at once must be basic ones") from None
    if out is None:
        results = [np.empty(plan.shape, array.dtype) for plan in plans]
        read_batch(source, array.shape, plans, results)
        return [result[()] if plan.scalar else result for plan, result in zip(plans, results, strict=True)]
    check_out(out, array.dtype, (len(plans), *(plans[0].shape if plans else np.shape(out)[1:])))
    for i, plan in enumerate(plans):
        if plan.shape != out.shape[1:]:
            raise ValueError(
                f"selection {i} has shape {plan.shape}, but the others {out.shape[1:]}: they don't go into one array"
            )
    read_batch(source, array.shape, plans, [out[i, ...] for i in range(len(plans))])
    return out


def check_out(out: Any, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Raise unless `out` is a writable array of this data type and shape."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array, not {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"out is {out.dtype} of shape {out.shape}, but {dtype} of shape {shape} is selected")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
