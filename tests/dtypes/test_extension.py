"""Data types beyond the core (the registry of Zarr extensions, and names that occur): spellings and fill values."""

import base64
import json
import struct
import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.dtypes import DataType, of_numpy, parse_dtype
from simplezarr.errors import MetadataError, UnsupportedError, ZarrWarning
from tests.dtypes.test_dtypes import FILL_VECTORS, fill
from tests.support.helpers import python


def of(name, **configuration):
    """A data type's JSON object."""
    return {"name": name, "configuration": configuration}


def time(unit, factor=1, name="numpy.datetime64"):
    return of(name, unit=unit, scale_factor=factor)


def fields(*parts):
    """A `struct`'s JSON object."""
    return of("struct", fields=[{"name": name, "data_type": data_type} for name, data_type in parts])


POINT = fields(("x", "float32"), ("n", fields(("y", "int16"), ("flag", "bool"))))
POINT_DTYPE = [("x", "<f4"), ("n", [("y", "<i2"), ("flag", "?")])]

# As written, as written again, NumPy's dtype, swap unit.
TYPES = [
    ("string", "string", np.dtypes.StringDType(), 1),
    ("bytes", "bytes", object, 1),
    ("variable_length_bytes", "bytes", object, 1),
    (of("fixed_length_utf32", length_bytes=12), None, "U3", 4),
    (of("null_terminated_bytes", length_bytes=5), None, "S5", 1),
    (of("raw_bytes", length_bytes=3), "r24", "V3", 1),
    ("r24", "r24", "V3", 1),
    (time("s", 10), None, "M8[10s]", 8),
    (time("μs"), time("us"), "M8[us]", 8),
    (time("generic"), None, "M8", 8),
    (time("generic", 2), None, "M8[2generic]", 8),
    (time("as", 2**31 - 1, "numpy.timedelta64"), None, "m8[2147483647as]", 8),
    (fields(("a", "uint8"), ("é", "r24")), None, [("a", "u1"), ("é", "V3")], 1),
    (fields(("a", "int32"), ("b", "float32")), None, [("a", "i4"), ("b", "f4")], 4),
    (POINT, None, POINT_DTYPE, 0),
    (of("structured", fields=[["a", "int32"], ["b", "uint8"]]), fields(("a", "int32"), ("b", "uint8")), None, 0),
    ("complex_float32", "complex64", "c8", 4),
    ("complex_float64", "complex128", "c16", 8),
    ("bfloat16", "bfloat16", ml_dtypes.bfloat16, 2),
    ("int2", "int2", ml_dtypes.int2, 1),
    *((name, name, getattr(ml_dtypes, name), 1) for name in ("int4", "uint2", "uint4")),
]
SMALL_FLOATS = [
    *("bfloat16", "float8_e3m4", "float8_e4m3", "float8_e5m2", "float8_e8m0fnu", "float8_e4m3fn", "float8_e4m3fnuz"),
    *("float8_e5m2fnuz", "float8_e4m3b11fnuz", "float6_e2m3fn", "float6_e3m2fn", "float4_e2m1fn"),
]


@pytest.mark.parametrize(("written", "again", "dtype", "unit"), TYPES, ids=lambda value: str(value)[:40])
def test_types(written, again, dtype, unit):
    found = parse_dtype(written)
    dtype = found.numpy if dtype is None else np.dtype(dtype)
    assert (found.numpy, found.swap_unit) == (dtype, unit)
    assert found.to_json() == (again or written)
    assert parse_dtype(found.to_json()) == of_numpy(dtype)
    assert of_numpy(dtype).numpy == dtype
    if dtype.kind in "UMmV" and dtype.isbuiltin != 2:
        assert of_numpy(dtype.newbyteorder(">")) == of_numpy(dtype)
    hash(found)


@pytest.mark.parametrize("name", SMALL_FLOATS)
def test_small_floats(name):
    found = parse_dtype(name)
    assert (found.numpy, found.itemsize) == (np.dtype(getattr(ml_dtypes, name)), 2 if name == "bfloat16" else 1)
    assert of_numpy(found.numpy) == found


@pytest.mark.parametrize(("value", "error", "message"), [
    (of("fixed_length_utf32"), MetadataError, "w.configuration.length_bytes: missing"),
    (of("fixed_length_utf32", length_bytes=6), MetadataError, "w.configuration.length_bytes: 6 is not a multiple of 4"),
    (of("fixed_length_utf32", length_bytes=0), MetadataError, "w.configuration.length_bytes: 0"),
    (of("null_terminated_bytes", length_bytes=2**40), MetadataError, "w.configuration.length_bytes: 1099511627776"),
    (of("raw_bytes", length_bytes=True), MetadataError, "w.configuration.length_bytes: true"),
    (of("raw_bytes", length_bytes=1, endian="big"), MetadataError, "w.configuration.endian: unknown"),
    (of("r24", length_bytes=3), MetadataError, "w.configuration.length_bytes: unknown"),
    (of("string", x=1), MetadataError, "w.configuration.x: unknown"),
    (of("bytes", x=1), MetadataError, "w.configuration.x: unknown"),
    (of("int4", x=1), MetadataError, "w.configuration.x: unknown"),
    ("numpy.datetime64", MetadataError, "w.configuration.unit: missing"),
    (of("numpy.datetime64", unit="s"), MetadataError, "w.configuration.scale_factor: missing"),
    (time("decade"), MetadataError, "w.configuration.unit: "),
    (time("s", 0), MetadataError, "w.configuration.scale_factor: 0"),
    (time("s", 2**31), MetadataError, "w.configuration.scale_factor: "),
    (time("s", 1.0), MetadataError, "w.configuration.scale_factor: 1.0"),
    ("struct", MetadataError, "w.configuration.fields: missing"),
    (of("struct", fields=[]), MetadataError, "w.configuration.fields: no fields"),
    (of("struct", fields=[["a", "int8"]]), MetadataError, r"w.configuration.fields\[0\]: "),
    (of("struct", fields=[{"name": "a"}]), MetadataError, r"w.configuration.fields\[0\]: "),
    (of("struct", fields=[{"name": "a", "data_type": "int8", "x": 1}]), MetadataError, r"w.*\[0\].x: unknown"),
    (fields(("a", "int8"), ("a", "int8")), MetadataError, r'w.configuration.fields\[1\]: the name "a" is used twice'),
    (fields(("", "int8")), MetadataError, r"w.configuration.fields\[0\]: .* is empty"),
    (fields((1, "int8")), MetadataError, r"w.configuration.fields\[0\].name: 1"),
    (fields(("a", "string")), MetadataError, r"w.configuration.fields\[0\]: string varies in size"),
    (fields(("a", "text")), UnsupportedError, r"w.configuration.fields\[0\].data_type: unknown data type"),
    (fields(("a", of("raw_bytes", length_bytes=2**30)), ("b", "int8")), MetadataError, "w.*more than 1073741824 bytes"),
    (of("structured", fields=[["a"]]), MetadataError, r"w.configuration.fields\[0\]: "),
    (of("structured", fields=[["a", "int8", [0]]]), MetadataError, r"w.configuration.fields\[0\]\[2\]\[0\]: 0"),
    (of("structured", fields=[["a", "int8", [1] * 65]]), MetadataError, r"w.configuration.fields\[0\]\[2\]: 65"),
    (of("structured", fields=[["a", "int8", [2**20] * 4]]), MetadataError, "w.configuration.fields: more than"),
])  # fmt: skip
def test_wrong_configurations(value, error, message):
    with pytest.raises(error, match=f"^{message}"):
        parse_dtype(value, "w")


def test_records_in_records_end_somewhere():
    inner = "uint8"
    for _ in range(16):
        inner = fields(("a", inner))
    assert parse_dtype(inner).itemsize == 1
    with pytest.raises(MetadataError, match="more than 16 deep"):
        parse_dtype(fields(("a", inner)), "w")


# ---------------------------------------------------------------- from NumPy


@pytest.mark.parametrize(("dtype", "message"), [
    (np.dtypes.StringDType(na_object=None), "na_object"), ([("a", "O")], "varies in size"), ([("a", "U0")], "0 bytes"),
], ids=str)  # fmt: skip
def test_numpy_types_that_cannot_be_stored(dtype, message):
    with pytest.raises(UnsupportedError, match=message):
        of_numpy(np.dtype(dtype))


def test_padding_titles_and_order_of_fields():
    dtype = np.dtype({"names": ["b", "a"], "formats": [">i4", "u1"], "offsets": [4, 0], "itemsize": 12})
    assert of_numpy(dtype).numpy == np.dtype([("b", "<i4"), ("a", "u1")])
    assert of_numpy(np.dtype([(("title", "a"), "u1")])).numpy == np.dtype([("a", "u1")])
    assert of_numpy(np.dtype([("a", "u1"), ("b", "f8")], align=True)).itemsize == 9


def test_arrays_within_records():
    found = of_numpy(np.dtype([("a", ">u2"), ("b", "u1", (2, 2))]))
    assert found == of_numpy(np.dtype([("a", "<u2"), ("b", "u1", (2, 2))]))
    assert found.numpy == np.dtype([("a", "<u2"), ("b", "u1", (2, 2))])
    value = {"a": 1, "b": [[1, 2], [3, 4]]}
    element = found.fill_from_json(value, "fill_value")
    assert element == np.array((1, [[1, 2], [3, 4]]), found.numpy).tobytes()
    assert found.fill_to_json(element) == value
    with pytest.raises(MetadataError, match=r"^w.b\[1\]: \[3\] is not a list of 2 values"):
        found.fill_from_json({"a": 1, "b": [[1, 2], [3]]}, "w")
    with pytest.raises(UnsupportedError, match=r'the field "b" is an array of shape \(2, 2\)'):
        found.to_json()
    legacy = parse_dtype(of("structured", fields=[["a", "uint16"], ["b", "uint8", [2, 2]]]))
    assert (legacy.numpy, legacy.fields) == (found.numpy, found.fields)


# ---------------------------------------------------------------- fill values

TIME = time("s")


@pytest.mark.parametrize(("name", "text", "data"), [vector for vector in FILL_VECTORS if vector[0] in (
    "bytes", "bfloat16", "numpy.datetime64", "string")])  # fmt: skip
def test_fill_values_of_the_specification(name, text, data):
    found = parse_dtype(TIME if name == "numpy.datetime64" else name)
    element = found.fill_from_json(json.loads(text), "fill_value")
    wanted = bytes.fromhex(data)
    assert element == (wanted if found.is_variable or sys.byteorder == "little" else wanted[::-1])


# The value, its element in little endian, and what is written for that where it is another value.
@pytest.mark.parametrize(("data_type", "value", "element", "written"), [
    ("string", "", b"", None),
    ("string", "a\0é\U0001f600", "a\0é\U0001f600".encode(), None),
    ("bytes", "", b"", None),
    ("bytes", [], b"", ""),
    ("bytes", [0, 255], b"\0\xff", "AP8="),
    ("variable_length_bytes", "AP8=", b"\0\xff", None),
    (of("fixed_length_utf32", length_bytes=12), "hé", b"h\0\0\0\xe9\0\0\0\0\0\0\0", None),
    (of("fixed_length_utf32", length_bytes=8), "\ud800a", b"\0\xd8\0\0a\0\0\0", None),
    (of("fixed_length_utf32", length_bytes=8), "a\0", b"a\0\0\0\0\0\0\0", "a"),
    (of("null_terminated_bytes", length_bytes=3), "", b"\0\0\0", "AAAA"),
    (of("null_terminated_bytes", length_bytes=3), "YQ==", b"a\0\0", "YQAA"),
    (of("raw_bytes", length_bytes=3), "AAEC", b"\0\1\2", [0, 1, 2]),
    (of("raw_bytes", length_bytes=3), [0, 1, 2], b"\0\1\2", None),
    (TIME, "NaT", struct.pack("<q", -(2**63)), None),
    (TIME, -(2**63), struct.pack("<q", -(2**63)), "NaT"),
    (TIME, 2**63 - 1, struct.pack("<q", 2**63 - 1), None),
    (time("Y", 1, "numpy.timedelta64"), -5, struct.pack("<q", -5), None),
    (POINT, {"n": {"flag": True, "y": -2}, "x": "NaN"}, b"\0\0\xc0\x7f\xfe\xff\1", None),
    (of("structured", fields=[["a", "int32"], ["f", "bool"]]), "AQIDBAI=", b"\1\2\3\4\1", {"a": 0x04030201, "f": True}),
    (of("structured", fields=[["a", "int16"]]), {"a": 1}, b"\1\0", None),
    ("int4", -8, b"\x08", None),
    ("int2", 1, b"\1", None),
    ("uint4", 15, b"\x0f", None),
    ("float8_e4m3", "NaN", b"\x7c", None),
    ("float8_e4m3", "Infinity", b"\x78", None),
    ("float8_e5m2", "-Infinity", b"\xfc", None),
    ("float8_e5m2", 1e9, b"\x7c", "Infinity"),
    ("float8_e4m3fnuz", "NaN", b"\x80", None),
    ("float8_e4m3fnuz", -0.0, b"\0", 0.0),
    ("float8_e3m4", "0xff", b"\xff", None),
    ("float8_e4m3fn", -0.0, b"\x80", None),
    ("float8_e8m0fnu", 1, b"\x7f", None),
    ("float8_e8m0fnu", "NaN", b"\xff", None),
    ("float6_e2m3fn", 7.5, b"\x1f", None),
    ("float4_e2m1fn", -6, b"\x0f", None),
    ("float4_e2m1fn", "0x02", b"\x02", 1.0),
    ("bfloat16", "0xffc1", b"\xc1\xff", None),
    ("bfloat16", 1e300, b"\x80\x7f", "Infinity"),
], ids=str)  # fmt: skip
def test_fill_values_both_ways(data_type, value, element, written):
    found = parse_dtype(data_type)
    native = element if sys.byteorder == "little" else bytes(found.swapped(np.frombuffer(element, found.numpy)))
    assert found.fill_from_json(value, "fill_value") == native
    again = found.fill_to_json(native)
    assert repr(again) == repr(value if written is None and not isinstance(value, (dict, int)) else again)
    assert again == (value if written is None else written)
    assert found.fill_from_json(again, "fill_value") == native


@pytest.mark.parametrize(("data_type", "values"), [
    ("string", [1, None, [1], "\ud800"]),
    ("bytes", [1, None, [256], [True], "A", "A===", "AP8=\n", "é"]),
    (of("fixed_length_utf32", length_bytes=8), ["abc", 1, None, ["a"]]),
    (of("null_terminated_bytes", length_bytes=2), ["AAAA", 0, None, "a", [1, 2]]),
    (of("raw_bytes", length_bytes=2), ["AAAA", "AA==", "?", [1]]),
    (TIME, [1.5, "nat", "2020-01-01", 2**63, True, None, [1]]),
    (POINT, [0, None, [], "AAAA", {}, {"x": 1}, {"x": 1, "n": {"y": 1, "flag": 1}},
             {"x": 1, "n": {"y": 1, "flag": True}, "z": 1}]),
    (of("structured", fields=[["a", "int32"]]), ["AA==", "?", 1, None, [1], {"b": 1}]),
    ("int4", [8, -9, "1", 1.5, None]),
    ("uint2", [-1, 4]),
    ("float8_e4m3", ["nan", "0x7", "0x007c", "1", None, [1], True]),
    ("float8_e8m0fnu", [0, -1.0, "Infinity", 2.0**128, 2.0**-129]),
    ("float8_e4m3fn", ["Infinity", 1000, -1e30]),
    ("float6_e2m3fn", ["NaN", "Infinity", "0x40", 8]),
    ("float4_e2m1fn", ["NaN", "0x10", 7.1, -7.1]),
], ids=str)  # fmt: skip
def test_wrong_fill_values(data_type, values):
    for value in values:
        with pytest.raises(MetadataError, match=r"^w"):
            parse_dtype(data_type).fill_from_json(value, "w")


def test_wrong_fill_values_name_the_field():
    with pytest.raises(MetadataError, match=r"^w\.n\.y: 1\.5 is not an integer"):
        parse_dtype(POINT).fill_from_json({"x": 1, "n": {"y": 1.5, "flag": True}}, "w")
    with pytest.raises(MetadataError, match=r"^w\.n\.flag: missing"):
        parse_dtype(POINT).fill_from_json({"x": 1, "n": {"y": 1}}, "w")


def test_numbers_in_records_are_rounded_once():
    dtype = fields(("x", "float32"), ("i", "int8"))
    assert fill(dtype, '{"x": 1.0000000596046447753906250000001, "i": 1}').hex() == "0100803f01"
    with pytest.warns(ZarrWarning, match=r"fill_value.i"):
        assert fill(dtype, '{"x": 1.0000000596046447753906250000001, "i": 1.0}').hex() == "0100803f01"


@pytest.mark.parametrize("name", SMALL_FLOATS)
def test_small_floats_come_back_bit_by_bit(name):
    """Every element: its fill value is the number that ml_dtypes says it is, and comes back as the same bits."""
    found = parse_dtype(name)
    bits = int(name.partition("_")[0].removeprefix("bfloat").removeprefix("float"))
    elements = np.arange(0, 1 << bits, 1 if bits <= 8 else 7).astype(f"u{found.itemsize}")
    with np.errstate(invalid="ignore"):  # signalling NaN
        numbers = elements.view(found.numpy).astype(np.float64).tolist()
    for element, number in zip(elements, numbers, strict=True):
        value = found.fill_to_json(element.tobytes())
        if isinstance(value, float):
            assert struct.pack("d", value) == struct.pack("d", number)
        else:
            assert value.startswith("0x") or float(value) == number or number != number
        assert found.fill_from_json(json.loads(json.dumps(value)), "fill_value") == element.tobytes()


def to_odd(number):
    """A float32 for a double: of the two around it the odd one, which rounds on as the double itself would.

    ml_dtypes takes doubles through float32, and so rounds them twice.
    """
    nearest = np.float32(number)
    if float(nearest) != number and not nearest.view(np.uint32) & 1:
        nearest = np.nextafter(nearest, np.float32(np.inf if number > float(nearest) else -np.inf))
    return nearest


@given(st.sampled_from(SMALL_FLOATS), st.integers(0, 2**16 - 1), st.sampled_from([-1e-9, 0, 1e-9, 0.3]))
def test_small_floats_are_rounded_as_ml_dtypes_does(name, bits, step):
    """Around the points halfway between neighbours."""
    found = parse_dtype(name)
    elements = np.array([bits, bits + 1]).astype(f"u{found.itemsize}").view(found.numpy)
    with np.errstate(invalid="ignore"):
        low, high = elements.astype(np.float64).tolist()
    number = (low + high) / 2 * (1 + step)
    if not np.isfinite([low, high]).all() or low * high < 0 or (name == "float8_e8m0fnu" and low < 2.0**-126):
        return  # (near 2**-127, float32 has no more bits to spare for this)
    wanted = to_odd(number).astype(found.numpy)
    try:
        element = found.fill_from_json(number, "fill_value")
    except MetadataError:  # where there is no infinity, ml_dtypes takes the largest number
        limits = ml_dtypes.finfo(found.numpy)
        assert abs(number) > float(limits.max) or (name == "float8_e8m0fnu" and number <= 2.0**-127)
        return
    assert element == wanted.tobytes()


def test_small_floats_are_rounded_once():
    halfway = "1.00390625"
    assert fill("bfloat16", halfway).hex() == "803f"
    assert fill("bfloat16", f"{halfway}0000000000000000000000001").hex() == "813f"


@pytest.mark.parametrize(("dtype", "element"), [
    ("M8[s]", struct.pack("q", -(2**63))), ("m8[D]", struct.pack("q", -(2**63))), ("U2", bytes(8)),
    (np.dtypes.StringDType(), b""), (object, b""),
    ([("t", "M8[s]"), ("i", "u1", 2)], struct.pack("=q2B", -(2**63), 0, 0)),
], ids=str)  # fmt: skip
def test_default_fill(dtype, element):
    assert of_numpy(np.dtype(dtype)).default_fill == element


def test_scalars_are_what_indexing_gives():
    for value in [np.datetime64("2020-01-01", "D"), np.str_("hé"), np.bytes_(b"a"), ml_dtypes.bfloat16(1.5)]:
        scalar = of_numpy(np.asarray(value).dtype).scalar(np.asarray(value).tobytes())
        assert (type(scalar), scalar) == (type(value), value)
    assert of_numpy(np.dtypes.StringDType()).scalar("é\0".encode()) == "é\0"
    assert of_numpy(np.dtype(object)).scalar(b"a\0") == b"a\0"
    record = of_numpy(np.dtype(POINT_DTYPE)).scalar(np.array((1, (2, True)), POINT_DTYPE).tobytes())
    assert (record["x"], record["n"]["y"]) == (1, 2)


# ---------------------------------------------------------------- what is read although it is not in the registry


def test_old_names_are_read_with_a_warning():
    with pytest.warns(ZarrWarning, match=r"^w: 'binary' is 'bytes'"):
        assert parse_dtype("binary", "w").to_json() == "bytes"


def test_without_ml_dtypes(tmp_path):
    code = """
import sys
sys.modules["ml_dtypes"] = None
from simplezarr.dtypes import parse_dtype
try:
    parse_dtype("bfloat16", "data_type")
except NotImplementedError as error:
    print(error)
"""
    message = python(code, seconds=60, directory=tmp_path)
    assert "data_type: elements of bfloat16 need the package 'ml_dtypes': pip install 'simplezarr[" in message


def test_ml_dtypes_is_imported_only_when_asked_for(tmp_path):
    code = """
import sys, numpy as np
from simplezarr.dtypes import of_numpy, parse_dtype
parse_dtype("string"), parse_dtype("float16"), of_numpy(np.dtype("V3")), of_numpy(np.dtype("M8[s]"))
print("ml_dtypes" in sys.modules)
"""
    assert python(code, seconds=60, directory=tmp_path).strip() == "False"


# ---------------------------------------------------------------- one's own


class Centimetres(DataType):
    """Lengths as integers, for which metadata and fill values say metres."""

    __slots__ = ()
    names = ("example.centimetres",)

    @classmethod
    def from_configuration(cls, name, configuration, where):
        return cls(name, np.dtype("int32"), 4)

    def fill_from_json(self, value, where):
        return np.int32(round(value["metres"] * 100)).tobytes()

    def fill_to_json(self, element):
        return {"metres": int(self.scalar(element)) / 100}


@pytest.fixture
def registered(monkeypatch):
    from simplezarr.dtypes import registry

    monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    monkeypatch.setattr(registry, "_core", dict(registry._core))
    monkeypatch.setattr(registry, "_registered", list(registry._registered))


@pytest.mark.usefixtures("registered")
def test_registered_types():
    document = {
        "zarr_format": 3, "node_type": "array", "shape": [4], "data_type": "example.centimetres",
        "fill_value": {"metres": 1.5}, "chunk_grid": of("regular", chunk_shape=[2]), "chunk_key_encoding": "default",
        "codecs": [of("bytes", endian="big")],
    }  # fmt: skip
    store = {"zarr.json": json.dumps(document).encode(), "c/1": bytes([0, 0, 0, 1, 0, 0, 0, 2])}
    with pytest.raises(UnsupportedError, match="unknown data type"):
        sz.open(store)
    assert sz.register_dtype(Centimetres) is Centimetres
    assert sz.open_array(store)[...].tolist() == [150, 150, 1, 2]
    assert sz.open_array(store).metadata.to_json()["fill_value"] == {"metres": 1.5}


@pytest.mark.usefixtures("registered")
def test_registered_types_come_first():
    class Bits(DataType):
        __slots__ = ()
        names = ("uint8",)

        @classmethod
        def from_configuration(cls, name, configuration, where):
            return cls(name, np.dtype("u1"), 1)

        @classmethod
        def from_numpy(cls, dtype):
            return cls("uint8", dtype, 1) if dtype == np.uint8 else None

    sz.register_dtype(Bits)
    assert type(parse_dtype("uint8")) is type(of_numpy(np.dtype("u1"))) is Bits
    assert of_numpy(np.dtype("u2")).name == "uint16"


def test_what_is_no_data_type_is_not_registered():
    class Nameless(DataType):
        pass

    for wrong in (int, Nameless, DataType(name="x", numpy=np.dtype("u1"), swap_unit=1)):
        with pytest.raises(TypeError):
            sz.register_dtype(wrong)


def test_base64_is_that_of_the_standard_library():
    assert parse_dtype("bytes").fill_to_json(bytes(range(256))) == base64.b64encode(bytes(range(256))).decode()
