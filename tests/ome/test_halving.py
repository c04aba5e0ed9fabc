"""Blocks of the next level are what NumPy makes of the elements."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.engine.chunks.shrink import mean
from simplezarr.ome.halving import check_method, halve
from tests.ome.reference import halved

NUMBERS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


@st.composite
def blocks(draw, dtypes=NUMBERS):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=5, max_side=7))
    factors = [draw(st.sampled_from([1, 2])) for _ in shape]
    for axis in [axis for axis, factor in enumerate(factors) if factor == 2][3:]:
        factors[axis] = 1
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        near = [limits.min, limits.min + 1, limits.max - 1, limits.max, 0, 1, 2, 3]
        elements = st.sampled_from(near) | st.integers(limits.min, limits.max)
    elif dtype.kind == "f":
        elements = st.sampled_from([0.0, -0.0, 1.0, 0.5, 2.0]) | st.floats(width=8 * dtype.itemsize)
    else:
        elements = None
    values = draw(hnp.arrays(dtype, shape, elements=elements))
    return draw(st.sampled_from([values, values[..., ::-1], np.asfortranarray(values)])), tuple(factors)


def made(values, factors, method):
    """Halve in the middle of a larger array, whose other elements must stay."""
    shape = [-(-n // factor) for n, factor in zip(values.shape, factors, strict=True)]
    room = np.full([n + 2 for n in shape], 77).astype(values.dtype)
    place = tuple(slice(1, n + 1) for n in shape)
    halve(values, room[place], factors, method)
    out = room[place].copy()
    room[place] = room.flat[0]
    assert (room == room.flat[0]).all()
    return out


@given(blocks())
@pytest.mark.filterwarnings("ignore")
def test_means(block):
    values, factors = block
    np.testing.assert_array_equal(made(values, factors, "mean"), halved(values, factors, "mean"))


@given(blocks([*NUMBERS, "?"]), st.sampled_from(["mode", "nearest"]))
def test_elements_that_are_chosen(block, method):
    values, factors = block
    got, want = made(values, factors, method), halved(values, factors, method)
    assert got.view(f"u{got.itemsize}").tolist() == want.view(f"u{want.itemsize}").tolist()


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("method", ["mean", "mode"])
def test_long_rows(dtype, method):
    """Longer than what a kernel makes at once."""
    values = np.random.default_rng(0).integers(0, 5, (4, 2, 2051)).astype(dtype)
    assert (made(values, (1, 2, 2), method) == halved(values, (1, 2, 2), method)).all()
    assert (made(values, (2, 2, 1), method) == halved(values, (2, 2, 1), method)).all()


def test_zeros_of_means_keep_their_sign():
    out = made(np.full((2, 2), -0.0), (2, 2), "mean")
    assert out == 0
    assert np.signbit(out)


def test_thin_objects_stay():
    """Of equally frequent labels zero comes last, wherever it is."""
    for values in ([[0, 7], [0, 7]], [[7, 0], [7, 0]], [[0, 0], [7, 7]]):
        assert made(np.array(values, "u2"), (2, 2), "mode").tolist() == [[7]]
    assert made(np.array([[0, 0], [0, 7]], "u2"), (2, 2), "mode").tolist() == [[0]]


def test_numbers_of_extensions():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    values = np.arange(12).reshape(3, 4).astype(bfloat16)
    assert (made(values, (2, 2), "mean") == halved(values.astype("f4"), (2, 2), "mean").astype(bfloat16)).all()


@pytest.mark.parametrize(
    ("method", "dtype", "words"),
    [
        ("median", "u1", 'method: "median" is not one of mean, nearest, mode'),
        ("mean", "?", "method: 'mean' is for integers and floats, not bool; give 'nearest' or 'mode'"),
        ("mode", "c8", "method: 'mode' is for integers, floats and booleans, not complex64; give 'nearest'"),
        ("nearest", "T", "data: elements of StringDType"),
    ],
)
def test_methods_that_do_not_fit(method, dtype, words):
    with pytest.raises(sz.MetadataError) as error:
        check_method(method, np.dtype(dtype) if dtype != "T" else np.dtypes.StringDType())
    assert str(error.value).startswith(words)


def test_the_kernel_stays_within_its_arrays():
    values = np.zeros((4, 4))
    for out, factors in [
        (np.zeros((2, 3)), (2, 2)),
        (np.zeros((2, 2)), (2, 3)),
        (np.zeros((2, 2)), (2, 2, 1)),
        (np.zeros((2, 4))[:, ::2], (2, 2)),
        (np.zeros((2, 2), "f4"), (2, 2)),
    ]:
        with pytest.raises(ValueError, match="do not lead from one array to the other, or their last axis has gaps"):
            mean(values, out, factors)
    with pytest.raises(ValueError, match="do not lead"):
        mean(np.zeros((2,) * 4), np.zeros((1,) * 4), (2,) * 4)
