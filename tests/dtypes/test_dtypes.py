"""Data types and fill values (Zarr 3 core specification, "Data types"): exact bits in both directions."""

import json
import struct
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simplezarr.dtypes import NumberText, of_numpy, parse_dtype
from simplezarr.errors import MetadataError, UnsupportedError, ZarrWarning
from tests.oracle.spec_vectors import V

CORE = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
# Halfway between 0 and the smallest float32, with as many digits as it takes.
HALF_OF_SMALLEST = f"{5**150 * 10}e-151"
FLOATS = {"float16": ("e", 10), "float32": ("f", 23), "float64": ("d", 52)}


def fill(name, text):
    """The element, in little endian, that a fill value means which is spelled like this in JSON."""
    dtype = parse_dtype(name)
    value = json.loads(text)
    if dtype.needs_text(value):
        value = json.loads(text, parse_float=NumberText)
    element = dtype.fill_from_json(value, "fill_value")
    return np.frombuffer(element, dtype.numpy).astype(dtype.numpy.newbyteorder("<")).tobytes()


@pytest.mark.parametrize("name", CORE)
def test_core_types(name):
    dtype = parse_dtype(name)
    assert dtype == parse_dtype({"name": name}) == parse_dtype({"name": name, "configuration": {}})
    assert dtype == of_numpy(np.dtype(name)) == of_numpy(np.dtype(name).newbyteorder(">"))
    assert dtype.numpy == np.dtype(name)
    assert dtype.numpy.isnative
    assert dtype.itemsize == np.dtype(name).itemsize
    assert dtype.swap_unit == dtype.itemsize // (2 if "complex" in name else 1)
    assert dtype.default_fill == np.zeros((), name).tobytes()
    assert dtype.to_json() == name


@pytest.mark.parametrize(("name", "size"), [("r8", 1), ("r24", 3), ("r8192", 1024)])
def test_raw_types(name, size):
    dtype = parse_dtype(name)
    assert (dtype.numpy, dtype.itemsize, dtype.swap_unit) == (np.dtype(f"V{size}"), size, 1)
    assert of_numpy(np.dtype(f"V{size}")) == dtype
    assert dtype.scalar(bytes(size)).tobytes() == bytes(size)


@pytest.mark.parametrize(("value", "error"), [
    *((name, MetadataError) for name in ("r7", "r0", "r", "r-8", "r8.0", "r08", "r9", f"r{2**40}", "r" + "8" * 99)),
    *((name, UnsupportedError) for name in ("float128", "Int8", "text", "rx", "", "|u1", "datetime64", "r٨", "<f8")),
    *((value, MetadataError) for value in (None, 8, [], ["int8"], {}, {"name": None}, {"name": "int8", "x": 1})),
    ({"name": "os.system", "must_understand": False}, UnsupportedError),
    ({"name": "int8", "configuration": {"endian": "little"}}, MetadataError),
])  # fmt: skip
def test_wrong_types(value, error):
    with pytest.raises(error, match=r"^somewhere"):
        parse_dtype(value, "somewhere")


def test_a_configuration_of_null_is_none():
    with pytest.warns(ZarrWarning, match="configuration: null"):
        assert parse_dtype({"name": "int8", "configuration": None}, "data_type").numpy == np.dtype("int8")


@pytest.mark.parametrize("dtype", ["U0", "S0", "V0", ("V2", (2,)), "longdouble", "clongdouble"])
def test_numpy_types_without_a_data_type(dtype):
    with pytest.raises(UnsupportedError, match="NumPy dtype"):
        of_numpy(np.dtype(dtype))


FILL_VECTORS = [(*text.split(" fill_value "), data) for _, text, data in V if " fill_value " in text]


@pytest.mark.parametrize(("name", "text", "data"), [vector for vector in FILL_VECTORS if vector[0] in (*CORE, "r16")])
def test_fill_values_of_the_specification(name, text, data):
    assert fill(name, text).hex() == data


@pytest.mark.parametrize(("name", "text", "data"), [
    ("bool", "false", "00"),
    ("uint8", "255", "ff"),
    ("int16", "-2", "feff"),
    ("float64", '"0x7ff0000000000001"', "010000000000f07f"),
    ("float32", '"0xFFC0aBcD"', "cdabc0ff"),
    ("float32", "-0.0", "00000080"),
    ("float32", "-1e-60", "00000080"),
    ("float32", "1e300", "0000807f"),
    ("float32", "-1e999", "000080ff"),
    ("float64", "1e999", "000000000000f07f"),
    ("float16", "65519.999", "ff7b"),
    ("float16", "65520", "007c"),
    ("float32", str(10**60), "0000807f"),
    ("float64", str(-(10**400)), "000000000000f0ff"),
    ("float32", str(2**60 + 2**36 + 1), "0100805d"),
    ("float32", str(2**60 + 2**36), "0000805d"),
    ("float32", str(2**60 + 2**36 + 2**8 - 1), "0100805d"),
    ("float16", "1.00048828125", "003c"),
    ("float16", "1.00048828125000000000000000000001", "013c"),
    ("float32", "1e-45", "01000000"),
    ("float32", HALF_OF_SMALLEST, "00000000"),
    ("float32", HALF_OF_SMALLEST.replace("e", "1e").replace("151", "152"), "01000000"),
    ("complex64", "[1.0000000596046447753906250000001, -0.0]", "0100803f00000080"),
    ("complex128", '["0x7ff0000000000001", 1]', "010000000000f07f000000000000f03f"),
    ("r24", "[0, 128, 255]", "0080ff"),
])  # fmt: skip
def test_more_fill_values(name, text, data):
    assert fill(name, text).hex() == data


@pytest.mark.parametrize(("name", "values"), [
    ("bool", [0, 1, "true", None, 0.0, []]),
    ("uint8", [256, -1, 1.5, "1", True, None, [1], float(2**53), 1e300]),
    ("int8", [128, -129, "0x01"]),
    ("uint64", [2**64, 1e19]),
    ("float32", ["+Infinity", "nan", "inf", "1.5", "0x7fc0", "0x7fc000000", "0X7fc00000", "0x7fc0000g", "0x_7fc0000",
                 "0x+7fc0000", "", True, None, [1], {}]),
    ("float16", ["0x7fc00000"]),
    ("complex64", [1, "NaN", [1], [1, 2, 3], [1, None], [True, 1], {"re": 1}]),
    ("r16", [[1], [1, 2, 3], [1, 256], [1, -1], [1, True], [1, 2.0], "AQ==", "AQ I=", 1, None]),
])  # fmt: skip
def test_wrong_fill_values(name, values):
    for value in values:
        with pytest.raises(MetadataError, match=r"^a/zarr.json: fill_value"):
            parse_dtype(name).fill_from_json(value, "a/zarr.json: fill_value")


def test_messages_show_value_and_remedy():
    with pytest.raises(MetadataError, match=r"^w: 256 is not an integer from 0 to 255, which a fill value of uint8"):
        parse_dtype("uint8").fill_from_json(256, "w")
    with pytest.raises(MetadataError, match=r'^w\[1\]: "inf" is neither a number .* "0x" with 8 hexadecimal digits$'):
        parse_dtype("complex64").fill_from_json([0, "inf"], "w")


@pytest.mark.parametrize(("name", "value", "data"), [
    ("uint8", 1.0, b"\1"), ("int16", -0.0, bytes(2)), ("int8", -1e2, b"\x9c"),
])  # fmt: skip
def test_integral_floats_are_tolerated(name, value, data):
    with pytest.warns(ZarrWarning, match="fill_value"):
        assert parse_dtype(name).fill_from_json(value, "fill_value") == data


@given(st.sampled_from([*CORE[1:], "r24"]), st.data())
def test_every_element_comes_back_bit_by_bit(name, data):
    dtype = parse_dtype(name)
    element = data.draw(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize))
    text = json.dumps(dtype.fill_to_json(element), allow_nan=False)
    assert not dtype.needs_text(json.loads(text))
    assert dtype.fill_from_json(json.loads(text), "fill_value") == element
    assert dtype.scalar(element).tobytes() == element


@pytest.mark.parametrize(("name", "bits", "value"), [
    ("float32", 0x7FC00000, "NaN"), ("float32", 0xFFC00000, "0xffc00000"), ("float16", 0x7C01, "0x7c01"),
    ("float64", 0x7FF0 << 48, "Infinity"), ("float16", 0xFC00, "-Infinity"), ("float32", 0x3F800000, 1.0),
    ("float64", 0x8000 << 48, -0.0),
])  # fmt: skip
def test_fill_values_are_written_in_the_plainest_form(name, bits, value):
    dtype = parse_dtype(name)
    written = dtype.fill_to_json(bits.to_bytes(dtype.itemsize, sys.byteorder))
    assert repr(written) == repr(value)


def nearest(number, mantissa, lowest, highest):
    """`number`, not 0, rounded to a binary float: ties to even, `None` beyond `highest`."""
    exponent = lowest
    while abs(number) >= Fraction(2) ** (exponent + mantissa + 1):
        exponent += 1
    rounded = round(number / Fraction(2) ** exponent) * Fraction(2) ** exponent
    return None if abs(rounded) > highest else rounded


@given(st.sampled_from(["float16", "float32"]), st.integers(0, 2**31 - 1), st.integers(-3, 3), st.integers(18, 60))
def test_text_is_rounded_once(name, bits, step, digits):
    """Near the points halfway between neighbours, where rounding to a double first goes wrong."""
    code, mantissa = FLOATS[name]
    size = struct.calcsize(code)
    bits %= 1 << (8 * size - 1)
    top = int.from_bytes(struct.pack(f"<{code}", 0), "little") + (((1 << (8 * size - 1 - mantissa)) - 1) << mantissa)
    lower, upper = (struct.unpack(f"<{code}", (b % (top - 1)).to_bytes(size, "little"))[0] for b in (bits, bits + 1))
    number = (Fraction(lower) + Fraction(upper)) / 2 + step * Fraction(max(lower, upper)) / 10**digits
    text = f"{number.numerator * 10**400 // number.denominator}e-400"
    number = Fraction(int(text.partition("e")[0]), 10**400)
    highest = Fraction(struct.unpack(f"<{code}", (top - 1).to_bytes(size, "little"))[0])
    lowest = {"float16": -24, "float32": -149}[name]
    expected = nearest(number, mantissa, lowest, highest) if number else Fraction(0)
    element = fill(name, text if "." in text else text.replace("e", ".0e"))
    got = struct.unpack(f"<{code}", element)[0]
    assert got == (float("inf") if expected is None else expected)
