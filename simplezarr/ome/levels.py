"""The levels of a pyramid: how many, of which shapes, and where their elements are.

>>> level_shapes((5, 100, 100), [(1, 2, 2)] * 2)
[(5, 100, 100), (5, 50, 50), (5, 25, 25)]
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from simplezarr.errors import MetadataError
from simplezarr.ome.axes import Axis, by_axis
from simplezarr.ome.document import Dataset
from simplezarr.schema.extensions import show

__all__ = ["Factors", "level_factors", "level_layout", "level_shapes", "placed_levels", "square_chunks"]

Factors = tuple[int, ...]

_MOST_LEVELS = 64


def level_factors(
    shape: tuple[int, ...], axes: Sequence[Axis], chunks: tuple[int, ...], levels: int | str, factors: object
) -> list[Factors]:
    """Return the factors from each level to the next one. Raise MetadataError for arguments that make no pyramid.

    An axis of length 1 has factor 1 from then on. With "auto", the last level is the first one of which the longest
    axis in space is not longer than a chunk.
    """
    asked = _asked_factors(axes, factors)
    most = _MOST_LEVELS if isinstance(levels, str) else levels
    if (isinstance(levels, str) and levels != "auto") or type(most) is not int or most < 1:
        raise MetadataError(f'levels: {show(levels)} is neither "auto" nor a number of at least 1')
    found: list[Factors] = []
    space = [i for i, axis in enumerate(axes) if axis.type == "space"]
    while len(found) + 1 < most:
        if levels == "auto" and all(shape[i] <= chunks[i] for i in space):
            break
        step = tuple([factor if length > 1 else 1 for factor, length in zip(asked, shape, strict=True)])
        if prod(step) == 1:
            if levels == "auto":
                break
            raise MetadataError(f"levels: {show(levels)}; level {len(found)} of shape {shape} can't be halved")
        found.append(step)
        shape = _halved(shape, step)
    return found


def _asked_factors(axes: Sequence[Axis], factors: object) -> Factors:
    names = [axis.name for axis in axes]
    if isinstance(factors, Mapping):
        given = by_axis(factors, names, "factors", 1)
    else:
        given = {axis.name: factors if axis.type == "space" else 1 for axis in axes}
    for axis in axes:
        factor = given[axis.name]
        if type(factor) is not int or factor not in (1, 2):
            raise MetadataError(f"factors: {show(factor)}; give 2, which halves, or a mapping of axes to 1 or 2")
        if factor == 2 and axis.type != "space":
            raise MetadataError(f"factors: {axis.name!r} is not an axis in space; only these are halved")
    return tuple([given[name] for name in names])


def _halved(shape: tuple[int, ...], factors: Factors) -> tuple[int, ...]:
    return tuple([-(-length // factor) for length, factor in zip(shape, factors, strict=True)])


def level_shapes(shape: tuple[int, ...], factors: Sequence[Factors]) -> list[tuple[int, ...]]:
    """Return the shapes of all levels: halves are rounded up, so no elements are lost at the edges."""
    shapes = [shape]
    for step in factors:
        shapes.append(_halved(shapes[-1], step))
    return shapes


def placed_levels(first: Dataset, paths: Sequence[str], factors: Sequence[Factors]) -> list[Dataset]:
    """Return the levels after the first one. An element lies at the centre of those that it is made of."""
    placed, whole = [], (1,) * len(first.scale)
    for path, step in zip(paths, factors, strict=True):
        whole = tuple([a * b for a, b in zip(whole, step, strict=True)])
        scale = tuple([a * b for a, b in zip(first.scale, whole, strict=True)])
        sides = zip(first.translation, scale, first.scale, strict=True)
        placed.append(Dataset(path, scale, tuple([offset + (new - old) / 2 for offset, new, old in sides])))
    return placed


def square_chunks(shape: tuple[int, ...], axes: Sequence[Axis], nbytes: int, itemsize: int) -> tuple[int, ...]:
    """Return the shape of chunks of at most `nbytes` bytes: powers of two in space, 1 along other axes.

    >>> square_chunks((40, 4000, 4000), [Axis(name, "space") for name in "zyx"], 1 << 21, 2)
    (40, 128, 128)
    """
    sides = [1] * len(shape)
    space = [i for i, axis in enumerate(axes) if axis.type == "space"]
    growing = True
    while growing:
        wider = [min(2 * side, max(shape[i], 1)) if i in space else 1 for i, side in enumerate(sides)]
        growing = wider != sides and prod(wider) * itemsize <= nbytes
        sides = wider if growing else sides
    return tuple(sides)


def level_layout(
    shape: tuple[int, ...], chunks: tuple[int, ...], shards: tuple[int, ...] | None
) -> tuple[tuple[int, ...], Any]:
    """Return chunks and shards of a level, not longer than the level itself; shards are False if there are none."""
    inner = tuple([min(chunk, max(length, 1)) for chunk, length in zip(chunks, shape, strict=True)])
    if shards is None:
        return inner, False
    whole = [-(-max(length, 1) // chunk) * chunk for length, chunk in zip(shape, inner, strict=True)]
    outer = [min(shard // chunk * chunk, n) for shard, chunk, n in zip(shards, inner, whole, strict=True)]
    return inner, tuple(outer)
