"""Many basic selections at once: each chunk that several of them touch is fetched and decoded once."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from simplezarr.engine.geometry.plan import NotBasic, Plan
from simplezarr.engine.jobs.read_regions import read_batch
from simplezarr.engine.memory.result_pool import empty
from simplezarr.errors import ChunkError
from simplezarr.transfer.values import check_out

__all__ = ["is_plain", "read_many"]


def is_plain(array: Any) -> bool:
    """Whether the engine reads an array: its elements are plain memory, and its grid is regular."""
    return not array.metadata.data_type.is_variable and not array._is_composed


def read_many(array: Any, selections: Iterable[Any], out: np.ndarray | None) -> Any:
    """What `Array.read_many` documents."""
    selections = list(selections)
    try:
        plans = [Plan(selection, array.shape, array._grid) for selection in selections]
    except NotBasic as error:
        raise IndexError(f"{error}; many selections at once must be basic ones") from None
    if out is None:
        results = [empty(plan.shape, array.dtype) for plan in plans]
        _fill(array, selections, plans, results)
        return [result[()] if plan.scalar else result for plan, result in zip(plans, results, strict=True)]
    check_out(out, array.dtype, (len(plans), *(plans[0].shape if plans else np.shape(out)[1:])))
    for i, plan in enumerate(plans):
        if plan.shape != out.shape[1:]:
            raise ValueError(
                f"selection {i} has shape {plan.shape}, but the others {out.shape[1:]}: they don't go into one array"
            )
    _fill(array, selections, plans, [out[i, ...] for i in range(len(plans))])
    return out


def _fill(array: Any, selections: list[Any], plans: list[Plan], outs: list[np.ndarray]) -> None:
    """Reads each selection into its array."""
    if not array.metadata.data_type.is_variable and not array.metadata.fill_problem:
        batches = array._batches(plans, outs) if array._is_composed else [(array, plans, outs)]
        try:
            for regular, parts, places in batches:
                read_batch(regular._source, regular.shape, parts, places)
            return
        except ChunkError:
            pass  # it may be a chunk that `Array.read` copes with; else it raises this
    for selection, out in zip(selections, outs, strict=True):
        array.read(selection, out=out)
