"""Chunk grids: how an array is cut into chunks.

>>> parse_grid({"name": "regular", "configuration": {"chunk_shape": [2, 3]}}, "chunk_grid")
(2, 3)
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simplezarr.codecs.base import Codec
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.metadata.chunk_shapes import check_lengths, whole_axes
from simplezarr.schema.extensions import (
    check_choice,
    check_integer,
    check_integers,
    parse_extension,
    refuse_unknown,
    show,
)
from simplezarr.schema.leniency import tolerate
from simplezarr.schema.limits import MAX_LENGTH

__all__ = [
    "CHUNK_SHAPE",
    "Axis",
    "Rectilinear",
    "as_numbers",
    "as_rectilinear",
    "parse_grid",
    "regular_to_json",
    "without_zeros",
]

CHUNK_SHAPE = "chunk_grid.configuration.chunk_shape"


MAX_RUNS = 1 << 20  # of an axis

Run = tuple[int, int]  # the length of chunks, and how many of them follow each other


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a rectilinear grid, as far as the array reaches.

    Run i has chunks of length `edges[i]`, its first element is `starts[i]` and its first chunk `firsts[i]`; behind the
    last run these are the ends.
    """

    edges: tuple[int, ...]
    starts: tuple[int, ...]
    firsts: tuple[int, ...]

    def run(self, number: int) -> int:
        """The run that has chunk `number`, or ends with it."""
        return min(bisect_right(self.firsts, number), len(self.edges)) - 1

    def begin(self, number: int) -> int:
        """The first element of chunk `number`; of the one behind the last, the end.

        >>> [Axis((1, 4), (0, 3, 7), (0, 3, 4)).begin(number) for number in range(5)]
        [0, 1, 2, 3, 7]
        """
        run = self.run(number)
        return self.starts[run] + (number - self.firsts[run]) * self.edges[run] if self.edges else 0

    def whole(self, length: int) -> int:
        """How many chunks lie wholly before element `length`, which is none behind the last chunk."""
        run = bisect_right(self.starts, length) - 1
        if run == len(self.edges):
            return self.firsts[-1]
        return self.firsts[run] + (length - self.starts[run]) // self.edges[run]


@dataclass(frozen=True, slots=True)
class Rectilinear:
    """A grid whose chunks may be of any length along each axis: for an axis runs, or a number that is repeated.

    Runs are never expanded: a chunk is found by bisection.

    >>> grid = Rectilinear((3, ((1, 3), (4, 1))))
    >>> grid.largest
    (3, 4)
    >>> grid.axis(1, 6)
    Axis(edges=(1, 4), starts=(0, 3, 7), firsts=(0, 3, 4))
    >>> grid.reaching((20, 12)).axes
    (3, ((1, 3), (4, 3)))
    """

    axes: tuple[int | tuple[Run, ...], ...]

    @property
    def largest(self) -> tuple[int, ...]:
        """The largest length of a chunk along each axis."""
        return tuple([runs if isinstance(runs, int) else max((n for n, _ in runs), default=1) for runs in self.axes])

    def axis(self, number: int, length: int) -> Axis:
        """The axis `number` of an array that is of `length` there."""
        runs = self.axes[number]
        edges, starts, firsts = [], [0], [0]
        for edge, count in ((runs, length),) if isinstance(runs, int) else runs:
            if starts[-1] >= length:
                break
            used = min(count, -(-(length - starts[-1]) // edge))
            edges.append(edge)
            starts.append(starts[-1] + used * edge)
            firsts.append(firsts[-1] + used)
        return Axis(tuple(edges), tuple(starts), tuple(firsts))

    def reaching(self, shape: tuple[int, ...]) -> "Rectilinear":
        """The grid for an array of `shape`: where the lengths end before, the last of them is repeated."""
        return Rectilinear(
            tuple(
                [
                    runs if isinstance(runs, int) else _reaching(runs, length)
                    for runs, length in zip(self.axes, shape, strict=True)
                ]
            )
        )

    def check(self, shape: tuple[int, ...], where: str) -> None:
        """Raises unless the grid is one for arrays of `shape`."""
        if len(self.axes) != len(shape):
            raise MetadataError(f"{where}: {len(self.axes)} entries for {len(shape)} dimensions")
        for i, length in enumerate(shape):
            axis = self.axis(i, length)
            if axis.starts[-1] < length:
                raise MetadataError(f"{where}[{i}]: the lengths add up to {axis.starts[-1]}; the array has {length}")
            if any(edge * end > MAX_LENGTH for edge, end in zip(axis.edges, axis.firsts[1:], strict=True)):
                raise UnsupportedError(f"{where}[{i}]: long chunks behind so many short ones can't be read")

    def to_json(self) -> dict:
        """Returns the member `chunk_grid`."""
        shapes = [
            runs if isinstance(runs, int) else [edge if count == 1 else [edge, count] for edge, count in runs]
            for runs in self.axes
        ]
        return {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": shapes}}


def _reaching(runs: tuple[Run, ...], length: int) -> tuple[Run, ...]:
    missing = length - sum(edge * count for edge, count in runs)
    if missing <= 0:
        return runs
    edge, count = runs[-1] if runs else (missing, 0)
    return (*runs[:-1], (edge, count + -(-missing // edge)))


def regular_to_json(chunk_shape: tuple[int, ...]) -> dict:
    """Returns the member `chunk_grid` of a regular grid."""
    return {"name": "regular", "configuration": {"chunk_shape": list(chunk_shape)}}


def parse_grid(value: object, where: str) -> tuple[int, ...] | Rectilinear:
    """Reads the member `chunk_grid`; of a regular grid, returns the shape of its chunks."""
    name, configuration, _ = parse_extension(value, where)
    known = _MEMBERS.get(name)
    if known is None:
        raise UnsupportedError(f"{where}: unknown chunk grid {show(name)}; known are {', '.join(map(repr, _MEMBERS))}")
    for member in known:
        if member not in configuration:
            raise MetadataError(f"{where}.configuration.{member}: missing; a {name} grid needs it")
    refuse_unknown(configuration, known, f"{where}.configuration")
    place = f"{where}.configuration.{known[-1]}"
    if name == "regular":
        return _parse_regular(configuration["chunk_shape"], place)
    check_choice(configuration["kind"], ("inline",), f"{where}.configuration.kind")
    shapes = configuration["chunk_shapes"]
    if type(shapes) is not list:
        raise MetadataError(f"{place}: {show(shapes)} is not a list")
    runs = [_parse_runs(as_numbers(item, f"{place}[{i}]"), f"{place}[{i}]") for i, item in enumerate(shapes)]
    return Rectilinear(tuple(runs))


def _parse_regular(value: object, where: str) -> tuple[int, ...] | Rectilinear:
    lengths = as_numbers(value, where) if type(value) is list else value
    if type(lengths) is list and any(type(item) is list for item in lengths):
        tolerate("regular-edges", where)
        axes = [
            _parse_runs(item or 1 if type(item) is int else item, f"{where}[{i}]") for i, item in enumerate(lengths)
        ]
        return Rectilinear(tuple(axes))
    return check_lengths(lengths, where)


def as_numbers(value: Any, where: str) -> Any:
    """Return lengths, in lists or alone, with the truth values and floats that older software wrote as integers."""
    if type(value) is list:
        return [as_numbers(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if type(value) is bool or (type(value) is float and value.is_integer() and abs(value) < 2**53):
        tolerate("spelled-length", where, show(value))
        return int(value)
    return value


def as_rectilinear(value: object, shape: tuple[int, ...], where: str) -> Rectilinear | None:
    """The grid that a caller means who lists the lengths of chunks along some axes; None if all are of one length.

    >>> as_rectilinear([[10, (20, 2)], -1], (50, 5), "chunks")
    Rectilinear(axes=(((10, 1), (20, 2)), 5))
    """
    if not isinstance(value, (list, tuple)) or not any(isinstance(entry, (list, tuple)) for entry in value):
        return None
    listed = {i: entry for i, entry in enumerate(value) if isinstance(entry, (list, tuple))}
    lengths = [-1 if i in listed else entry for i, entry in enumerate(value)]
    axes: list[int | tuple[Run, ...]] = [*whole_axes(lengths, shape, where)]
    for i, entry in listed.items():
        axes[i] = _parse_runs([_plain(item) for item in entry], f"{where}[{i}]")
    grid = Rectilinear(tuple(axes))
    grid.check(shape, where)
    return grid


def _plain(item: Any) -> Any:
    """A length or a pair as JSON has them."""
    if isinstance(item, tuple):
        return [*item]
    return int(item) if isinstance(item, np.integer) else item


_MEMBERS = {"regular": ("chunk_shape",), "rectilinear": ("kind", "chunk_shapes")}


def _parse_runs(value: object, where: str) -> int | tuple[Run, ...]:
    if type(value) is not list:
        check_integer(value, 1, MAX_LENGTH, where)
        return value  # type: ignore[return-value]
    if len(value) > MAX_RUNS:
        raise MetadataError(f"{where}: {len(value)} entries; the limit is {MAX_RUNS}")
    runs: list[Run] = []
    for i, item in enumerate(value):
        place = f"{where}[{i}]"
        pair: tuple[int, ...] = (item, 1)
        if type(item) is list:
            pair = check_integers(item, 1, MAX_LENGTH, place)
        else:
            check_integer(item, 1, MAX_LENGTH, place)
        if len(pair) != 2:
            raise MetadataError(f"{place}: {show(item)} is neither a length nor a pair of a length and a count")
        if runs and runs[-1][0] == pair[0]:
            runs[-1] = (pair[0], runs[-1][1] + pair[1])
        else:
            runs.append((pair[0], pair[1]))
    return tuple(runs)


Unit = tuple[tuple[int, ...], tuple[Codec, ...]]


def without_zeros(
    shape: tuple[int, ...], chunk_shape: tuple[int, ...], codecs: tuple[Codec, ...], where: str
) -> tuple[tuple[int, ...], tuple[Codec, ...], str]:
    """Return chunk shape and codecs with chunk lengths of 0 replaced, and why the array then can't be written, if so.

    Empty arrays may have such. If one has grown since, no chunk can have been stored along that axis.
    """
    replaced = _positive(shape, chunk_shape, codecs)
    for i, length in enumerate(chunk_shape):
        if length == 0 and shape[i]:
            tolerate("no-length", f"{where}[{i}]")
            return *replaced, f"{where}[{i}]: 0 is not a chunk length; create the array again"
    if replaced != (chunk_shape, codecs):
        tolerate("empty-chunk", where)
    return *replaced, ""


def _positive(shape: tuple[int, ...], chunk_shape: tuple[int, ...], codecs: tuple[Codec, ...]) -> Unit:
    from simplezarr.codecs.sharding import Sharding  # imported with the first shard otherwise

    least = (1,) * len(shape)
    head = codecs[0] if codecs else None
    if type(head) is Sharding and len(head.chunk_shape) == len(shape):
        inner, inner_codecs = _positive(shape, head.chunk_shape, head.codecs)
        codecs = (replace(head, chunk_shape=inner, codecs=inner_codecs), *codecs[1:])
        least = inner
    return tuple([length or other for length, other in zip(chunk_shape, least, strict=True)]), codecs
