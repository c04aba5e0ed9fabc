"""The arguments of a loader, checked: its rank, its samples, and their weights."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from simplezarr.loader.counter_random import chances
from simplezarr.loader.fields import Field

__all__ = ["check_rank", "count_samples", "cumulated", "select"]


def check_rank(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return both as integers, of which the first is less than the second."""
    if (rank is None) != (world_size is None):
        raise ValueError("rank, world_size: give both or none of them")
    if rank is None or world_size is None:
        return 0, 1
    if not 0 <= rank < world_size:
        raise ValueError(f"rank: must be at least 0 and less than world_size, which is {world_size}; not {rank}")
    return int(rank), int(world_size)


def count_samples(fields: Sequence[Field]) -> int:
    """Return how many samples there are. Raise ValueError if the arrays are not aligned."""
    first = fields[0]
    for field in fields[1:]:
        if field.lengths != first.lengths:
            message = f"array {field.array.name} has {field.lengths} elements along the axes of the samples"
            raise ValueError(f"{message}, but array {first.array.name} has {first.lengths}; they must be aligned")
    counts = [field.samples.count(field.lengths) for field in fields]
    if min(counts) <= 0 and any(isinstance(n, int) and n for n in first.lengths):
        small = fields[int(np.argmin(counts))]
        raise ValueError(
            f"array {small.array.name} of shape {small.array.shape} has no sample: {small.samples!r} is larger"
        )
    return max(0, min(counts))


def select(n: int, indices: ArrayLike | None) -> np.ndarray:
    """Return the numbers of the samples to deliver (int64)."""
    if indices is None:
        return np.arange(n)
    chosen = np.asarray(indices)
    if chosen.dtype == bool:
        if chosen.shape != (n,):
            raise ValueError(f"indices: a mask must have shape ({n},), not {chosen.shape}")
        return np.flatnonzero(chosen)
    if chosen.ndim != 1 or (chosen.dtype.kind not in "iu" and chosen.size):
        raise ValueError(
            f"indices: must be one-dimensional integers or a mask, not {chosen.dtype} of shape {chosen.shape}"
        )
    if chosen.size and (chosen.min() < 0 or chosen.max() >= n):
        raise ValueError(f"indices: must be at least 0 and less than {n}, the number of samples")
    return chosen.astype(np.int64)


def cumulated(weights: ArrayLike | None, n: int) -> np.ndarray | None:
    """Return the cumulated shares of the weights, or None."""
    if weights is None:
        return None
    values = np.asarray(weights, np.float64)
    if values.shape != (n,) or not np.isfinite(values).all() or (values < 0).any() or not values.sum() > 0:
        raise ValueError(f"weights: must be {n} numbers of at least 0, one for each sample, and not all 0")
    return chances(values)
