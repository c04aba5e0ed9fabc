"""`cast_value` and `scale_offset`: every pair of data types against exact arithmetic and other implementations."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from simplezarr.codecs import CastValue, ScaleOffset
from simplezarr.codecs.base import ChunkSpec
from simplezarr.codecs.casting import ROUNDINGS, cast
from simplezarr.dtypes import of_numpy

TYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
EDGES = [
    *(0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 127.5, 255.5, 65504, 65519, 65520, 65535, 65536, -65520, 2.0**63),
    *(1 + 2**-11, 1 + 3 * 2**-11, 2**-25, 1.5 * 2**-24, 1 + 2**-24, 1 + 3 * 2**-24, 3.4028235677973366e38, 1e39, 1e300),
    *(math.nextafter(2**63, 0), 2.0**64, -(2.0**63), -(2.0**64), 1e-320, 2**53 + 2.0),
]


def samples(dtype, target):
    """Numbers of all sizes; no NaN or infinity where they can't be cast."""
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(dtype.num)
    noise = np.frombuffer(rng.bytes(40 * dtype.itemsize), dtype)
    with np.errstate(all="ignore"):
        if dtype.kind == "f":
            array = np.concatenate([noise, np.array(EDGES, dtype), rng.normal(0, 100, 30).astype(dtype)])
            return array if target[0] == "f" else array[np.isfinite(array)]
        limits = np.iinfo(dtype)
        ends = [limits.min, limits.max, limits.max - 1, 0, 1]
        return np.concatenate([noise, noise >> rng.integers(0, limits.bits, 40).astype(dtype), np.array(ends, dtype)])


def rounded(x, unit, rounding):
    """The multiple of `unit` that the fraction x is rounded to."""
    q = x / unit
    if rounding == "nearest-even":
        n = round(q)
    elif rounding == "nearest-away":
        n = math.floor(abs(q) + Fraction(1, 2)) * (1 if q > 0 else -1)
    else:
        n = {"towards-zero": math.trunc, "towards-positive": math.ceil, "towards-negative": math.floor}[rounding](q)
    return n * unit


def expected(x, target, rounding, out_of_range):
    """The cast of one finite number as a Fraction or float; None if it is out of range."""
    exact = Fraction(int(x)) if x.dtype.kind != "f" else Fraction(float(x))
    if target.kind != "f":
        limits = np.iinfo(target)
        value = int(rounded(exact, Fraction(1), rounding))
        if limits.min <= value <= limits.max or out_of_range is None:
            return value if limits.min <= value <= limits.max else None
        if out_of_range == "clamp":
            return int(limits.min if value < 0 else limits.max)
        return (value - int(limits.min)) % 2**limits.bits + int(limits.min)
    info = np.finfo(target)
    exponent = max(math.floor(math.log2(abs(exact))) if exact else 0, info.minexp)
    while exact and abs(exact) >= Fraction(2) ** (exponent + 1):  # log2 of a fraction is rounded
        exponent += 1
    while exponent > info.minexp and abs(exact) < Fraction(2) ** exponent:
        exponent -= 1
    value = rounded(exact, Fraction(2) ** (exponent - info.nmant), rounding)
    if abs(value) <= Fraction(float(info.max)):
        return float(value)
    return None if out_of_range is None else math.copysign(math.inf, value)


@pytest.mark.parametrize("source", TYPES)
@pytest.mark.parametrize("target", TYPES)
def test_exact(source, target):
    into = np.dtype(target)
    array = samples(source, target)
    for rounding, out_of_range in itertools.product(ROUNDINGS, (None, "clamp", "wrap")):
        if out_of_range == "wrap" and into.kind == "f":
            continue
        finite = array[np.isfinite(array)]
        want = [expected(x, into, rounding, out_of_range) for x in finite]
        inside = np.array([value is not None for value in want])
        got = cast(finite[inside], into, rounding, out_of_range)
        assert got.dtype == into
        assert got.tolist() == [value for value in want if value is not None], (rounding, out_of_range)
        for x in finite[~inside][:3]:
            with pytest.raises(ValueError, match="out of the range"):
                cast(np.array([x]), into, rounding, out_of_range)
        if array.dtype.kind == into.kind == "f":
            special = np.array([np.nan, np.inf, -np.inf, -0.0], array.dtype)
            cast_ = cast(special, into, rounding, out_of_range)
            assert np.array_equal(cast_, special, equal_nan=True)
            assert np.signbit(cast_[3])


def test_against_cast_value_rs():
    theirs = pytest.importorskip("cast_value_rs").cast_array
    for source, target in itertools.product(TYPES, TYPES):
        array = samples(source, target)
        for rounding, mode in itertools.product(ROUNDINGS, ("clamp", "wrap")):
            if mode == "wrap" and target[0] == "f":
                continue
            want = theirs(array, target_dtype=np.dtype(target), rounding_mode=rounding, out_of_range_mode=mode)
            got = cast(array, np.dtype(target), rounding, mode)
            assert np.array_equal(got, want, equal_nan=target[0] == "f"), (source, target, rounding, mode)


def spec_of(shape, dtype, fill=0):
    """What codecs get to see of a chunk."""
    dtype = np.dtype(dtype)
    return ChunkSpec(tuple(shape), of_numpy(dtype), np.array(fill, dtype).tobytes())


def test_scalar_map():
    pairs = {"encode": [["NaN", 0], [1.0, 9], [1.0, 8], ["+Infinity", 255]], "decode": [[0, "NaN"], [255, "Infinity"]]}
    codec = CastValue("uint8", scalar_map=pairs)
    array = np.array([[np.nan, 1, 2], [np.inf, 3, -np.nan]])
    spec = spec_of(array.shape, "f8", np.nan)
    encoded = codec.encode(array)
    assert encoded.tolist() == [[0, 9, 2], [255, 3, 0]]
    assert np.array_equal(codec.decode(encoded, spec), [[np.nan, 9, 2], [np.inf, 3, np.nan]], equal_nan=True)
    assert codec.resolve(spec).fill == b"\0"
    document = codec.to_json()
    assert CastValue.from_configuration(document["configuration"], "codecs[0]") == codec
    with pytest.raises(ValueError, match="not an integer"):
        codec.encode(np.array([-np.inf]))


@pytest.mark.parametrize("dtype", TYPES[:8])
@pytest.mark.parametrize(("offset", "scale"), [(0, 1), (100, 1), (0, 3), (7, -1), (-5, 2), (120, 100)])
def test_scale_offset_of_integers(dtype, offset, scale):
    limits = np.iinfo(dtype)
    if not limits.min <= offset <= limits.max or not limits.min <= scale <= limits.max:
        return
    codec, spec = ScaleOffset(offset, scale), spec_of((1,), dtype, offset)
    assert codec.resolve(spec).fill == bytes(np.dtype(dtype).itemsize)
    fits = range(limits.min, limits.max + 1)
    for x in {limits.min, limits.min + 1, 0, 1, 7, 50, 100, 120, 127, limits.max // 3, limits.max - 1, limits.max}:
        array = np.array([x], dtype)
        if x - offset in fits and (x - offset) * scale in fits:
            encoded = codec.encode(array)
            assert (encoded.tolist(), encoded.dtype) == ([(x - offset) * scale], array.dtype)
            assert codec.decode(encoded, spec).tolist() == [x]
        else:
            with pytest.raises(ValueError, match="only those"):
                codec.encode(array)
        if x % scale or x // scale not in fits or x // scale + offset not in fits:
            with pytest.raises(ValueError, match=r"only those|does not divide"):
                codec.decode(array, spec)
        else:
            assert codec.decode(array, spec).tolist() == [x // scale + offset]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_scale_offset_of_floats(dtype):
    codec = ScaleOffset(5, 0.1)
    array = np.random.default_rng(0).normal(size=(3, 4)).astype(dtype)
    offset, scale = np.array([5, 0.1], dtype)
    encoded = codec.encode(array)
    assert encoded.tobytes() == ((array - offset) * scale).tobytes()
    assert codec.decode(encoded, spec_of((3, 4), dtype)).tobytes() == (encoded / scale + offset).tobytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("dtype", "offset", "scale"), [("f4", 5, 0.1), ("u2", 1000, 1), ("u8", 1000, 3), ("f8", 0, 2)])
def test_zarr_python_writes_scale_offset(dtype, offset, scale, tmp_path):
    zarr = pytest.importorskip("zarr")
    if not hasattr(zarr.codecs, "ScaleOffset"):
        pytest.skip("this zarr-python does not have it")
    import simplezarr as sz

    item = zarr.codecs.ScaleOffset(offset=offset, scale=scale)
    arr = zarr.create_array(tmp_path, shape=(12, 9), chunks=(4, 3), dtype=dtype, fill_value=1000, filters=[item])
    arr[:8] = np.random.default_rng(0).integers(1000, 1255, (8, 9)).astype(dtype)
    assert np.array_equal(sz.open(tmp_path)[...], arr[...])
