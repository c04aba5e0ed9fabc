"""Fill values that callers in Python give: what NumPy's assignment to one element takes, if nothing of it is lost."""

import datetime
import decimal
import enum
import fractions
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simplezarr as sz


class Word(str):
    """Text that shows itself as something else."""

    __slots__ = ()

    def __str__(self):
        return "shown"


class Colour(enum.IntEnum):
    RED = 3


class Count(int):
    __slots__ = ()


POINT = np.dtype([("a", "i4"), ("b", "S3"), ("c", "f4", (2,))])
NESTED = np.dtype([("p", [("x", "i2"), ("t", "M8[D]")]), ("u", "U2")])
NAN = np.uint32(0x7FC00123).view("f4")


def assigned(dtype, value):
    """What NumPy's assignment makes of a value."""
    element = np.zeros((), dtype)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        element[()] = value
    return element


def filled(dtype, value, zarr_format=3):
    """The element that an array has where nothing is stored: of the array as created, and of one that reads it."""
    store = {}
    arrays = [sz.create_array(store, shape=2, dtype=dtype, fill_value=value, zarr_format=zarr_format), sz.open(store)]
    assert arrays[0].metadata.fill == arrays[1].metadata.fill
    return arrays[1][:1].reshape(())


TAKEN = [
    ("S4", "none"), ("S4", b"X"), ("S4", np.bytes_(b"ab")), ("S4", np.array(b"abc")), ("S4", Word("abc")), ("S4", b""),
    ("S4", bytearray(b"ab")), ("U3", "abc"), ("U3", np.str_("é")), ("U3", Word("ab")), ("U3", np.array("ab")),
    ("U3", b"abc"), ("V4", b"ab"), ("V4", np.void(b"abcd")), ("V4", b"abcd"), ("V4", np.void(b"ab")),
    ("M8[s]", 5), ("M8[s]", np.datetime64("NaT")), ("M8[s]", "NaT"), ("M8[s]", "2020-01-01"), ("M8[D]", "2020-01-01"),
    ("M8[D]", datetime.date(2020, 1, 1)), ("M8[us]", datetime.datetime(2020, 1, 1, 2, 3, 4)), ("M8[D]", np.int8(4)),
    ("M8[ns]", np.datetime64("2020-01-01T12", "h")), ("M8[s]", np.datetime64("NaT", "ns")), ("M8[s]", Count(7)),
    ("M8[D]", np.datetime64("2020-01-01T00", "h")), ("m8[s]", 5), ("m8[s]", np.timedelta64(2, "m")), ("m8[s]", "NaT"),
    ("m8[s]", datetime.timedelta(minutes=1)), ("m8[2s]", np.timedelta64(4, "s")), ("m8[s]", np.timedelta64(5)),
    ("m8", 5), ("M8[25us]", np.datetime64(50, "us")), ("M8[s]", np.array(np.datetime64(9, "s"))),
    ("i4", Colour.RED), ("i4", Count(7)), ("i4", np.int64(-3)), ("i4", np.float32(3)), ("i4", True), ("i4", "5"),
    ("i4", np.array(5)), ("i4", decimal.Decimal(3)), ("u8", 2**64 - 1), ("?", True), ("?", 1), ("?", np.bool_(False)),
    ("f4", 0.1), ("f4", NAN), ("f4", -0.0), ("f4", "NaN"), ("f4", "inf"), ("f4", np.float64("-inf")), ("f8", 2**53 + 1),
    ("f8", decimal.Decimal("0.1")), ("f8", fractions.Fraction(1, 3)), ("f2", 65504), ("f2", np.float32(1)),
    ("c8", 1 + 2j), ("c8", np.complex128(1j)), ("c16", 3), ("c8", complex(math.nan, -0.0)), ("c16", "1+2j"),
    (POINT, (1, b"x", (2, 3))), (POINT, (1, "x", [2, 3])), (POINT, (1, b"x", 4)), (POINT, np.zeros((), POINT)[()]),
    (POINT, np.array((7, b"abc", (1, math.inf)), POINT)), (NESTED, ((1, "2020-01-01"), "é")), (NESTED, ((1, 5), "é")),
    ([("x", "f4"), ("y", "i2")], 3), ([("x", "f4"), ("y", "i2")], np.zeros((), [("x", "f8"), ("y", "i8")])[()]),
]  # fmt: skip


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(("dtype", "value"), TAKEN, ids=repr)
def test_as_numpy_assigns(dtype, value, zarr_format):
    if zarr_format == 3 and np.dtype(dtype).names and dtype is POINT:
        pytest.skip("a field that is an array")
    if zarr_format == 2 and value is NAN:
        pytest.skip("not to be spelled")
    plain = {Word: str.__str__, bytearray: bytes}.get(type(value), lambda value: value)  # NumPy asks what they show
    want = assigned(dtype, plain(value))
    got = filled(dtype, value, zarr_format)
    assert got.tobytes() == want.tobytes()


TEXT = np.dtypes.StringDType()


@pytest.mark.parametrize(("dtype", "value", "want"), [
    (TEXT, "none", "none"), (TEXT, np.str_("é"), "é"), (TEXT, Word("abc"), "abc"), (TEXT, "a\0", "a\0"),
    ("string", np.array("ab"), "ab"), ("string", b"abc", "abc"), ("bytes", b"none", b"none"), ("bytes", b"", b""),
    ("bytes", bytearray(b"a\0"), b"a\0"), ("bytes", np.bytes_(b"a"), b"a"), (object, b"abc", b"abc"),
    ("bytes", [1, 2], b"\1\2"),
], ids=repr)  # fmt: skip
def test_elements_of_any_length(dtype, value, want):
    for zarr_format in (2, 3):
        got = filled(dtype, value, zarr_format).item()
        assert (got, type(got)) == (want, type(want))


@pytest.mark.parametrize("other", [
    {"dtype": "string", "fill_value": "é"}, {"dtype": "bytes", "fill_value": b"none"},
    {"dtype": "S3", "fill_value": b"a"}, {"dtype": "U3", "fill_value": "NaN"}, {"dtype": "V3", "fill_value": b"\0\1\2"},
    {"dtype": "M8[ns]"},
    {"dtype": "f4", "fill_value": NAN}, {"dtype": "f8", "fill_value": -0.0}, {"dtype": "?"}, {"dtype": "c8"},
    {"dtype": [("x", "f4"), ("y", "S2")], "fill_value": {"x": NAN, "y": b"ab"}},
], ids=str)  # fmt: skip
def test_that_of_another_array(other):
    one = sz.create_array({}, shape=1, **other)
    two = sz.create_array({}, shape=1, dtype=one.dtype, fill_value=one.fill_value)
    assert two.metadata.fill == one.metadata.fill


def test_dicts_for_records():
    got = filled([("x", "f4"), ("y", "S4")], {"y": "none", "x": np.float64(0.5)})
    assert got.item() == (0.5, b"none")


REFUSED = [
    ("S4", "nonet"), ("S4", b"abcde"), ("S4", "é"), ("S4", 5), ("S4", None.__class__), ("U2", "abc"), ("U2", 5),
    ("U2", b"\xff"), ("V4", b"abcde"), ("V4", "abcd"), ("V4", 5), ("V2", [1, 2, 3]), (TEXT, 5), (TEXT, math.nan),
    (TEXT, b"\xff"), (TEXT, "\ud800"), ("bytes", "none"), ("bytes", 5), ("bytes", np.str_("YQ==")),
    ("M8[D]", np.datetime64("2020-01-01T12", "h")), ("M8[s]", 5.0), ("M8[s]", np.float64(5)), ("M8[s]", True),
    ("M8[s]", np.timedelta64(5, "s")), ("M8[ns]", np.datetime64("9999-01-01")), ("m8[s]", datetime.timedelta(0, 0, 1)),
    ("M8[s]", "yesterday's"), ("m8[s]", np.datetime64(5, "s")), ("m8[2s]", np.timedelta64(3, "s")), ("M8[s]", 2**63),
    ("i4", 1.5), ("i4", math.nan), ("i4", 2**31), ("i4", "x"), ("i4", 1j), ("i4", np.float64(2**40)), ("i4", [1]),
    ("u1", -1), ("i8", np.float64(2**63)), ("u8", np.float64(2**64)), ("i4", decimal.Decimal("1.5")), ("i4", {}),
    ("i4", np.array([1, 2])), ("i4", np.complex64(1)), ("?", 2), ("?", "False"), ("?", ""), ("?", 0.5),
    ("f4", 1e40), ("f2", 65520), ("f4", "1e40"), ("f4", 1j), ("f4", np.complex64(1)), ("f8", 10**400), ("f4", "x"),
    ("f4", np.datetime64(5, "s")), ("c8", 1e40), ("c8", complex(0, 1e40)), ("c8", "x"), ("c8", [1]),
    (POINT, (1, b"x")), (POINT, (1, b"wxyz", 0)), (POINT, (1.5, b"x", 0)), (POINT, (1, b"x", (1, 2, 3))), (POINT, 3),
    (POINT, {"a": 1}), (POINT, b"\0" * POINT.itemsize), (POINT, "AAAA"), (POINT, (None, b"", 0)),
    ([("x", "f4"), ("y", "f4")], np.zeros((), [("y", "f4"), ("x", "f4")])[()]), ([("x", "f4"), ("y", "f4")], [1, 2]),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value"), REFUSED, ids=repr)
def test_what_would_be_lost_is_refused(dtype, value):
    store = {}
    with pytest.raises(sz.MetadataError, match=r"^fill_value") as caught:
        sz.create_array(store, shape=2, dtype=dtype, fill_value=value, zarr_format=2)
    assert store == {}
    assert len(str(caught.value)) < 250


def test_the_message_has_value_type_and_remedy():
    with pytest.raises(sz.MetadataError, match=r"^fill_value: 'abcdef' is not a value of .*; give text of at most 4"):
        sz.create_array({}, shape=1, dtype="U4", fill_value="abcdef")
    with pytest.raises(sz.MetadataError, match=r"^fill_value\.a: 1.5 is not a value of int32; give an integer from"):
        sz.create_array({}, shape=1, dtype=[("a", "i4")], fill_value=(1.5,))


# ---------------------------------------------------------------- NumPy as the oracle

PLAIN = ["?", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "c8", "c16", "S3", "U3", "V3", "M8[s]", "m8[7ns]", "M8[D]"]
VALUES = st.one_of(
    st.integers(-(2**70), 2**70), st.integers(-3, 300), st.floats(), st.floats(width=16), st.complex_numbers(),
    st.booleans(), st.text(max_size=4), st.binary(max_size=4), st.dates(), st.datetimes(), st.timedeltas(),
    st.integers(-1000, 1000).map(lambda n: np.datetime64(n, "h")), st.just(np.datetime64("NaT")),
    st.sampled_from(["i1", "u8", "f4", "f8", "c8", "?"]).flatmap(
        lambda code: st.integers(0, 100).map(np.dtype(code).type)
    ),
)  # fmt: skip


def same(value, element):
    """Whether an element, seen as Python sees it, is the value, floats being rounded."""
    if isinstance(value, (str, bytes)) and element.dtype.kind in "SUV":
        text = value.encode("ascii", "replace") if isinstance(value, str) and element.dtype.kind == "S" else value
        text = text.decode("ascii", "replace") if isinstance(text, bytes) and element.dtype.kind == "U" else text
        got = element.tobytes() if element.dtype.kind == "V" else element.item()
        return got.rstrip(b"\0" if isinstance(got, bytes) else "\0") == text.rstrip(
            b"\0" if isinstance(text, bytes) else "\0"
        )
    return None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLAIN), VALUES)
def test_numpy_is_the_oracle(dtype, value):
    try:
        want = assigned(dtype, value)
    except Exception:
        want = None
    try:
        got = sz.create_array({}, shape=1, dtype=dtype, fill_value=value).metadata.fill
    except sz.MetadataError:
        number = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
        bounds = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else None
        assert not (bounds and number and bounds.min <= int(value) <= bounds.max)
        assert not (np.dtype(dtype).kind in "f" and isinstance(value, float) and not math.isfinite(value))
        assert want is None or same(value, want) is not True
        return
    assert want is not None
    assert got == want.tobytes()


def test_times_of_pandas():
    pandas = pytest.importorskip("pandas")
    exact = pandas.Timestamp("2020-01-01T00:00:00.000000001")
    assert filled("M8[ns]", exact).item() == exact.value
    assert np.isnat(filled("M8[ns]", pandas.NaT))
    assert np.isnat(filled("m8[s]", pandas.NaT))
    assert filled("m8[s]", pandas.Timedelta(minutes=1)).item().seconds == 60
    with pytest.raises(sz.MetadataError, match=r"^fill_value: "):
        sz.create_array({}, shape=1, dtype="M8[us]", fill_value=exact)


ML = pytest.importorskip("ml_dtypes") if __import__("importlib").util.find_spec("ml_dtypes") else None


@pytest.mark.skipif(ML is None, reason="needs ml_dtypes")
@pytest.mark.parametrize(("name", "value", "want"), [
    ("bfloat16", 1.5, 1.5), ("bfloat16", np.float32(3), 3), ("bfloat16", math.inf, math.inf), ("bfloat16", 2, 2),
    ("bfloat16", True, 1), ("bfloat16", 1.001, 1), ("float8_e4m3fn", 448, 448), ("float4_e2m1fn", 6, 6),
    ("int4", -8, -8),
    ("uint2", np.uint8(3), 3), ("float8_e8m0fnu", 0.5, 0.5), ("bfloat16", "0x3f80", 1), ("float6_e2m3fn", -0.0, 0),
], ids=repr)  # fmt: skip
def test_small_numbers(name, value, want):
    got = filled(name, value).astype("f8")
    assert got == want


@pytest.mark.skipif(ML is None, reason="needs ml_dtypes")
@pytest.mark.parametrize(("name", "value"), [
    ("bfloat16", 1e39), ("float8_e4m3fn", 1e5), ("float4_e2m1fn", 7.5), ("float8_e8m0fnu", -1.0), ("int4", 8),
    ("float6_e2m3fn", math.nan), ("uint2", -1), ("int4", 1.5), ("float4_e2m1fn", math.inf), ("bfloat16", "x"),
], ids=repr)  # fmt: skip
def test_small_numbers_that_are_none(name, value):
    with pytest.raises(sz.MetadataError, match=r"^fill_value: "):
        sz.create_array({}, shape=1, dtype=name, fill_value=value)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["M8[2generic]", "m8[3generic]", "m8", "M8[25us]"])
def test_times_keep_unit_and_factor(dtype, zarr_format):
    store = {}
    array = sz.create_array(store, data=np.array([1, 2]).view(dtype), zarr_format=zarr_format)
    for got in (array, sz.open(store)):
        assert np.datetime_data(got.dtype) == np.datetime_data(np.dtype(dtype))
        assert got[...].view("i8").tolist() == [1, 2]
