"""Arrays of other resolution: the box of a sample in an array whose elements are 2, 4 … times as large."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm

import numpy as np

from simplezarr.loader.cells import chunk_starts
from simplezarr.loader.crops import Crops
from simplezarr.loader.fields import Field
from simplezarr.loader.samples import SampleKind

__all__ = ["Scales", "fit"]

#: A number for all axes that samples are cut along, or one for each of them.
Scale = float | Sequence[float]
#: For each array by name. Arrays that are not named have the scale 1.
Scales = Mapping[str, Scale] | None

_LARGEST = 1024  # denominator


def fit(fields: Sequence[Field], scales: Scales) -> tuple[Field, ...]:
    """Return the fields with their scales, and with crops that know the chunks of the first array.

    Raise ValueError for scales of arrays that do not exist, that do not fit the lengths of the arrays, or by which a
    sample is not a whole number of elements.
    """
    first, scales = fields[0], scales or {}
    unknown = set(scales) - {field.name for field in fields[1:]}
    if unknown:
        others = [field.name for field in fields[1:]]
        raise ValueError(f"Loader: scale has {sorted(unknown)}, but the arrays behind the first are {others}")
    fractions = {field.name: _fractions(field, scales[field.name]) for field in fields if field.name in scales}
    steps = [lcm(*[of_array[k].denominator for of_array in fractions.values()]) for k in range(len(first.axes))]
    made: dict[int, SampleKind] = {}  # fields that share samples still do
    fitted = []
    for field in fields:
        samples = field.samples
        if isinstance(samples, Crops):
            if id(samples) not in made:
                edges = [chunk_starts(first, axis) for axis in first.axes]
                made[id(samples)] = samples.fitted(edges, first.lengths, tuple(steps))
            samples = made[id(samples)]
        field = replace(field, samples=samples)
        if field.name in fractions:
            field = _scaled(field, first, fractions[field.name])
        fitted.append(field)
    return tuple(fitted)


def _fractions(field: Field, scale: Scale) -> tuple[Fraction, ...]:
    """Return the scale along each axis as an exact fraction."""
    numbers = np.asarray(scale, np.float64)
    if numbers.ndim > 1 or (numbers.ndim == 1 and len(numbers) != len(field.axes)):
        raise ValueError(f"scale of {field.name!r}: give a number, or one for each of {len(field.axes)} axes")
    along = np.broadcast_to(numbers, len(field.axes)).tolist()
    found = []
    for number in along:
        near = Fraction(number).limit_denominator(_LARGEST) if np.isfinite(number) else Fraction(0)
        if near <= 0 or abs(float(near) - number) > 1e-9 * number:
            raise ValueError(f"scale of {field.name!r}: must be a fraction such as 0.5 or 1 / 3, not {number!r}")
        found.append(near)
    return tuple(found)


def _scaled(field: Field, first: Field, scale: tuple[Fraction, ...]) -> Field:
    """Return a field whose samples are boxes of the first array, scaled."""
    where = f"array {field.array.name}"
    for length, full, factor in zip(field.lengths, first.lengths, scale, strict=True):
        exact = full * factor  # a pyramid may drop an odd rest, or keep it
        if not exact // 1 <= length < exact + max(factor, Fraction(1)):
            raise ValueError(
                f"{where} has {field.lengths} elements along the axes of the samples, but {float(factor)} times those "
                f"of array {first.array.name}, {first.lengths}, are {float(exact):g}; correct `scale`"
            )
    samples = field.samples
    wrong = [n for n, factor in zip(samples.extent, scale, strict=True) if (n * factor).denominator > 1]
    if wrong or samples.stride > 1 or samples.squeezed:
        raise ValueError(
            f"{where}: {samples!r} times {_text(scale)} is not a box of whole elements; use Crops, Boxes or Windows "
            "without a stride, whose shape divides"
        )
    steps = tuple([factor.denominator for factor in scale])
    if not samples.begins_at(steps):
        raise ValueError(
            f"{where}: {samples!r} does not always begin at a multiple of {steps}, which {_text(scale)} needs"
        )
    return replace(field, scale=scale, frame=first.lengths)


def _text(scale: tuple[Fraction, ...]) -> str:
    return f"({', '.join(map(str, scale))})"
