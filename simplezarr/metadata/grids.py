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

#: The member that has the chunk shape of a regular grid, for messages.
CHUNK_SHAPE = "chunk_grid.configuration.chunk_shape"
MAX_RUNS = 1 << 20  # of an axis

Run = tuple[int, int]  # the length of chunks, and how many of them follow each other


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a rectilinear grid, as far as the array reaches: runs of chunks of one length.

    - lengths: of the chunks of each run.
    - element_starts, chunk_starts: the first element and the first chunk of each run, and behind the last run the ends.
    """

    lengths: tuple[int, ...]
    element_starts: tuple[int, ...]
    chunk_starts: tuple[int, ...]

    def run(self, number: int) -> int:
        """Return the run that holds chunk `number`, or ends with it."""
        return min(bisect_right(self.chunk_starts, number), len(self.lengths)) - 1

    def begin(self, number: int) -> int:
        """Return the first element of chunk `number`; for the number behind the last chunk, the end.

        >>> [Axis((1, 4), (0, 3, 7), (0, 3, 4)).begin(number) for number in range(5)]
        [0, 1, 2, 3, 7]
        """
        run = self.run(number)
        return self.element_starts[run] + (number - self.chunk_starts[run]) * self.lengths[run] if self.lengths else 0

    def whole(self, length: int) -> int:
        """Return how many chunks end at or before element `length`, which is not behind the last chunk's end."""
        run = bisect_right(self.element_starts, length) - 1
        if run == len(self.lengths):
            return self.chunk_starts[-1]
        return self.chunk_starts[run] + (length - self.element_starts[run]) // self.lengths[run]


@dataclass(frozen=True, slots=True)
class Rectilinear:
    """A grid whose chunks may be of any length along each axis.

    `axes` has for each axis its runs, or one length that is repeated. Runs are never expanded: bisection finds a chunk.

    >>> grid = Rectilinear((3, ((1, 3), (4, 1))))
    >>> grid.largest
    (3, 4)
    >>> grid.axis(1, 6)
    Axis(lengths=(1, 4), element_starts=(0, 3, 7), chunk_starts=(0, 3, 4))
    >>> grid.reaching((20, 12)).axes
    (3, ((1, 3), (4, 3)))
    """

    axes: tuple[int | tuple[Run, ...], ...]

    @property
    def largest(self) -> tuple[int, ...]:
        """The largest length of a chunk along each axis."""
        return tuple([runs if isinstance(runs, int) else max((n for n, _ in runs), default=1) for runs in self.axes])

    def axis(self, number: int, length: int) -> Axis:
        """Return axis `number` for an array of `length` elements along it."""
        runs = self.axes[number]
        lengths, element_starts, chunk_starts = [], [0], [0]
        for chunk, count in ((runs, length),) if isinstance(runs, int) else runs:
            if element_starts[-1] >= length:
                break
            used = min(count, -(-(length - element_starts[-1]) // chunk))
            lengths.append(chunk)
            element_starts.append(element_starts[-1] + used * chunk)
            chunk_starts.append(chunk_starts[-1] + used)
        return Axis(tuple(lengths), tuple(element_starts), tuple(chunk_starts))

    def reaching(self, shape: tuple[int, ...]) -> "Rectilinear":
        """Return the grid for an array of `shape`: the last length of an axis that ends before is repeated."""
        axes = zip(self.axes, shape, strict=True)
        return Rectilinear(tuple([runs if isinstance(runs, int) else _reaching(runs, n) for runs, n in axes]))

    def check(self, shape: tuple[int, ...], where: str) -> None:
        """Raise MetadataError unless the grid is one for arrays of `shape`, UnsupportedError if it can't be read."""
        if len(self.axes) != len(shape):
            raise MetadataError(f"{where}: {len(self.axes)} entries for {len(shape)} dimensions")
        for i, length in enumerate(shape):
            axis = self.axis(i, length)
            end = axis.element_starts[-1]
            if end < length:
                raise MetadataError(f"{where}[{i}]: the lengths add up to {end}; the array has {length}")
            if any(chunk * last > MAX_LENGTH for chunk, last in zip(axis.lengths, axis.chunk_starts[1:], strict=True)):
                raise UnsupportedError(f"{where}[{i}]: long chunks behind so many short ones can't be read")

    def to_json(self) -> dict[str, Any]:
        """Return the member `chunk_grid`."""
        shapes = [
            runs if isinstance(runs, int) else [chunk if count == 1 else [chunk, count] for chunk, count in runs]
            for runs in self.axes
        ]
        return {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": shapes}}


def _reaching(runs: tuple[Run, ...], length: int) -> tuple[Run, ...]:
    missing = length - sum(chunk * count for chunk, count in runs)
    if missing <= 0:
        return runs
    chunk, count = runs[-1] if runs else (missing, 0)
    return (*runs[:-1], (chunk, count + -(-missing // chunk)))


def regular_to_json(chunk_shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the member `chunk_grid` of a regular grid."""
    return {"name": "regular", "configuration": {"chunk_shape": list(chunk_shape)}}


def parse_grid(value: object, where: str) -> tuple[int, ...] | Rectilinear:
    """Return the grid that the member `chunk_grid` describes; a regular one as the shape of its chunks."""
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
        tolerate("regular-lengths", where)
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
    """Return the grid of a caller that lists the lengths of chunks along some axes; None if no axis has a list.

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
    """Return a length or a pair as JSON has them."""
    if isinstance(item, tuple):
        return [*item]
    return int(item) if isinstance(item, np.integer) else item


_MEMBERS = {"regular": ("chunk_shape",), "rectilinear": ("kind", "chunk_shapes")}


def _parse_runs(value: object, where: str) -> int | tuple[Run, ...]:
    if not isinstance(value, list):
        return check_integer(value, 1, MAX_LENGTH, where)
    if len(value) > MAX_RUNS:
        raise MetadataError(f"{where}: {len(value)} entries; the limit is {MAX_RUNS}")
    runs: list[Run] = []
    for i, item in enumerate(value):
        place = f"{where}[{i}]"
        if isinstance(item, list):
            pair = check_integers(item, 1, MAX_LENGTH, place)
        else:
            pair = check_integer(item, 1, MAX_LENGTH, place), 1
        if len(pair) != 2:
            raise MetadataError(f"{place}: {show(item)} is neither a length nor a pair of a length and a count")
        chunk, count = pair
        if runs and runs[-1][0] == chunk:
            count += runs.pop()[1]
        runs.append((chunk, count))
    return tuple(runs)


def without_zeros(
    shape: tuple[int, ...], chunk_shape: tuple[int, ...], codecs: tuple[Codec, ...], where: str
) -> tuple[tuple[int, ...], tuple[Codec, ...], str]:
    """Return chunk shape and codecs with chunk lengths of 0 replaced, and why nothing can be written, "" if it can.

    Some writers give empty arrays such chunks. If the array has grown since, no chunk of that length can be stored.
    """
    replaced = _positive(shape, chunk_shape, codecs)
    for i, length in enumerate(chunk_shape):
        if length == 0 and shape[i]:
            tolerate("no-length", f"{where}[{i}]")
            return *replaced, f"{where}[{i}]: 0 is not a chunk length; create the array again"
    if replaced != (chunk_shape, codecs):
        tolerate("empty-chunk", where)
    return *replaced, ""


def _positive(
    shape: tuple[int, ...], chunk_shape: tuple[int, ...], codecs: tuple[Codec, ...]
) -> tuple[tuple[int, ...], tuple[Codec, ...]]:
    from simplezarr.codecs.sharding import Sharding  # a module that arrays without shards never load

    least = (1,) * len(shape)
    head = codecs[0] if codecs else None
    if type(head) is Sharding and len(head.chunk_shape) == len(shape):
        inner, inner_codecs = _positive(shape, head.chunk_shape, head.codecs)
        codecs = (replace(head, chunk_shape=inner, codecs=inner_codecs), *codecs[1:])
        least = inner
    return tuple([length or other for length, other in zip(chunk_shape, least, strict=True)]), codecs
