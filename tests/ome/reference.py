"""Halving by NumPy alone, element by element where it must be."""

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np


def groups(values, factors):
    """Yield (index, the elements that become the one there, in C order)."""
    shape = [-(-n // factor) for n, factor in zip(values.shape, factors, strict=True)]
    for index in itertools.product(*map(range, shape)):
        box = tuple(slice(i * factor, (i + 1) * factor) for i, factor in zip(index, factors, strict=True))
        yield index, values[box]


def halved(values, factors, method):
    out = np.empty([-(-n // factor) for n, factor in zip(values.shape, factors, strict=True)], values.dtype)
    for index, box in groups(values, factors):
        out[index] = {"mean": mean, "mode": mode, "nearest": lambda box: box.flat[0]}[method](box)
    return out


def mean(box):
    if box.dtype.kind in "iu":
        return round(Fraction(sum(int(x) for x in box.flat), box.size))  # to nearest, ties to even
    pairs = box.astype("f8")
    pairs = pairs[..., 0] + pairs[..., 1] if box.shape[-1] == 2 else pairs[..., 0]
    total = np.float64(-0.0)
    for one in pairs.flat:
        total = total + one
    return (total / box.size).astype(box.dtype)


def mode(box):
    bits = box.view(f"u{box.itemsize}").ravel().tolist()
    counts = Counter(bits)
    most = max(counts.values())
    found = [x for x in counts if counts[x] == most]  # in the order of the first ones
    chosen = next((x for x in found if x != 0), 0)
    return box.flat[bits.index(chosen)]


def large(values, factors):
    """The mean of many integers, at once."""
    padded = np.pad(
        values,
        [(0, n % factor if factor == 2 else 0) for n, factor in zip(values.shape, factors, strict=True)],
        mode="edge",
    )
    pairs = [side for n, factor in zip(padded.shape, factors, strict=True) for side in (n // factor, factor)]
    sums = padded.astype("i8").reshape(pairs).sum(tuple(range(1, 2 * values.ndim, 2)))
    return np.rint(sums / np.prod(factors)).astype(values.dtype)
