"""The kernel that converts numbers, for every pair of types: NumPy's float64, rounded once."""

import ml_dtypes
import numpy as np
import pytest

from simplezarr.engine.chunks.moves import convert, converts

BRAIN = np.dtype(ml_dtypes.bfloat16)
INTEGERS = [np.dtype(name) for name in ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")]
FLOATS = [np.dtype("f2"), BRAIN, np.dtype("f4"), np.dtype("f8")]
ONE, NOTHING = np.ones(1), -np.zeros(1)


def numbers(dtype, n=20_000):
    """All numbers of a type of up to 16 bits. Of others, random ones and special ones."""
    rng = np.random.default_rng(4)
    if dtype.kind == "b":
        return rng.random(n) < 0.5
    if dtype.itemsize <= 2:
        return np.arange(1 << 8 * dtype.itemsize).astype(f"u{dtype.itemsize}").view(dtype)
    found = rng.integers(0, 256, n * dtype.itemsize, np.uint8).view(dtype)
    if dtype.kind == "f":
        near = (rng.integers(-(2**14), 2**14, n) + rng.integers(0, 3, n) / 2) * 2.0 ** rng.integers(-40, 20, n)
        ends = [0.0, -0.0, np.inf, -np.inf, np.nan, 65519.99, 65520, 65504, 3.3961e38, 2**-25, 2**-149, 1e-310]
        with np.errstate(all="ignore"):
            return np.concatenate([found, near.astype(dtype), np.array(ends).astype(dtype)])
    info = np.iinfo(dtype)
    return np.concatenate([found, np.array([info.min, info.max, 0, 1, 2**24 + 1, 2**24 + 3], dtype)])


def rounded(values, dtype):
    """Round float64 once. ml_dtypes rounds twice, so first to a whole number of the steps that bfloat16 has there."""
    with np.errstate(all="ignore"):
        if dtype == BRAIN:
            step = np.ldexp(1.0, np.maximum(np.frexp(values)[1] - 8, -133))
            values = np.where(np.isfinite(values), np.rint(values / step) * step, values)
        return values.astype(dtype)


def same(got, want):
    return (
        np.array_equal(np.isnan(got), np.isnan(want))
        and got[~np.isnan(got)].tobytes() == want[~np.isnan(want)].tobytes()
    )


@pytest.mark.parametrize("target", FLOATS, ids=str)
@pytest.mark.parametrize("source", [*INTEGERS, *FLOATS], ids=str)
def test_every_pair(source, target):
    values = numbers(source)
    assert converts(source, target)
    out = np.empty(values.shape, target)
    convert(values, out, ONE, NOTHING, -1)
    with np.errstate(invalid="ignore"):  # a signalling NaN of bfloat16
        exact = values.astype("f8")
    assert same(out, rounded(exact, target))
    if source in INTEGERS[:7]:  # those that a float64 holds; ml_dtypes and NumPy agree with it for those
        with np.errstate(over="ignore"):
            assert same(out, values.astype(target))
    for scale, offset in [(1 / 255, 0.0), (0.3, -17.7), (-1e-3, 1.0), (1e30, 5.0)]:
        convert(values, out, np.array([scale]), np.array([offset]), -1)
        with np.errstate(all="ignore"):
            assert same(out, rounded(exact * scale + offset, target))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("shape", [(5, 7, 3), (3, 300, 2), (2, 3, 1000), (1, 1, 1), (600, 1, 2), (4, 0, 3)])
def test_factors_along_an_axis(shape, order, axis):
    """In any order of axes in memory, with long axes and short ones."""
    rng = np.random.default_rng(5)
    values = rng.integers(0, 256, shape).astype("u1")
    scale, offset = rng.normal(size=shape[axis]), rng.normal(size=shape[axis])
    spread = tuple(-1 if d == axis else 1 for d in range(3))
    want = (values * scale.reshape(spread) + offset.reshape(spread)).astype("f4")
    out = np.empty([shape[d] for d in order], "f4").transpose(np.argsort(order))
    convert(values, out, scale, offset, axis)
    assert np.array_equal(out, want)
    turned = np.ascontiguousarray(values.transpose(order)).transpose(np.argsort(order))
    halves = np.empty((*shape[:2], 2 * shape[2]), "f2")[..., ::2]
    convert(turned[:, ::-1], halves, scale, offset, axis)
    with np.errstate(all="ignore"):
        wanted = (values[:, ::-1] * scale.reshape(spread) + offset.reshape(spread)).astype("f2")
    assert np.array_equal(halves, wanted)


def test_what_is_not_converted():
    for source, target in [("c8", "f4"), ("u1", "i4"), ("u1", ">f4"), (">u2", "f4"), ("V2", "f4"), ("S2", "f4")]:
        assert not converts(np.dtype(source), np.dtype(target))
    assert not converts(np.dtype(ml_dtypes.float8_e5m2), np.dtype("f4"))
    assert not converts(np.dtypes.StringDType(), np.dtype("f4"))
