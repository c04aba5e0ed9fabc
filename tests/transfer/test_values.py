"""Text and bytes are assigned from text and bytes: anything else would be stored as what `str` shows of it."""

import math

import numpy as np
import pytest

import simplezarr as sz

TEXT = np.dtypes.StringDType()
NONE = np.dtypes.StringDType(na_object=None)
NAN = np.dtypes.StringDType(na_object=np.nan)
DTYPES = {"string": "string", "U": "U9", "S": "S9", "bytes": "bytes"}


def objects(*items):
    """A NumPy array of objects."""
    array = np.empty(len(items), object)
    for i, item in enumerate(items):
        array[i] = item
    return array


WRONG = [
    (objects(None, math.nan), r"\[0\]: None"), (objects("x", None), r"\[1\]: None"),
    (objects("x", math.nan), r"\[1\]: nan"), (objects("x", ["y"]), r"\[1\]: \['y'\] of type list"),
    (objects(("x", "y"), "z"), r"\[0\]: \('x', 'y'\)"), (objects("x", np.array(["y", "z"])), r"\[1\]: array"),
    (["x", None], r"\[1\]: None"), (["x", math.nan], r"\[1\]: nan"), (("x", 5), r"\[1\]: 5"), (None, ": None"),
    (5, ": 5"),
    (True, ": True"), (math.nan, ": nan"), (np.float64("nan"), ": np.float64"),
    (np.array([1.5, math.nan]), r"\[0\]: np.f"),
    (np.array([1, 2]), r"\[0\]: np.int64"), (np.array([True, False]), r"\[0\]: np.True_"),
    (np.datetime64("NaT"), ": np.da"),
    (np.array(["x", None], NONE), r"\[1\]: None"), (np.array(["x", np.nan], NAN), r"\[1\]: nan"),
    ([["x", None]], r"\[0\]\[1\]"),
]  # fmt: skip


@pytest.fixture(params=DTYPES)
def array(request):
    """An array of text or bytes, all of it stored."""
    array = sz.create_array({}, shape=2, dtype=DTYPES[request.param], chunks=1)
    array[...] = [b"a", b"b"] if request.param in ("S", "bytes") else ["a", "b"]
    return array


@pytest.mark.parametrize(("value", "message"), WRONG, ids=[repr(value) for value, _ in WRONG])
def test_what_is_no_text_is_refused(array, value, message):
    before = array[...].tolist()
    if array.dtype.kind == "O":
        message = "is not bytes; encode it"
    assigned = [
        lambda: array.__setitem__(..., value),
        lambda: array.write(slice(0, 2), value),
        lambda: array.lazy[...].write(value),
        lambda: array.oindex.__setitem__([0, 1], value),
        lambda: array.vindex.__setitem__([0, 1], value),
        lambda: array.__setitem__([True, True], value),
        lambda: array.blocks.__setitem__(slice(0, 2), value),
    ]
    for assign in assigned:
        with pytest.raises(TypeError, match=message):
            assign()
    if np.ndim(value) == 0:
        for assign in (lambda: array.__setitem__(0, value), lambda: array.set_chunk((0,), [value])):
            with pytest.raises(TypeError):
                assign()
    if np.ndim(value) == 1:
        with pytest.raises(TypeError, match=message):
            array.append(value)
    assert array[...].tolist() == before


@pytest.mark.parametrize("value", [value for value, _ in WRONG if np.ndim(value) == 1], ids=repr)
@pytest.mark.parametrize("dtype", [*DTYPES.values(), str, object, None], ids=str)
def test_in_new_arrays(value, dtype):
    if dtype is None and getattr(value, "dtype", np.dtype(object)).kind in "bif":
        pytest.skip("numbers")
    store = {}
    with pytest.raises((TypeError, sz.UnsupportedError)):  # NumPy's text with missing values is not a data type
        sz.create_array(store, data=value, dtype=dtype)
    with pytest.raises((TypeError, sz.UnsupportedError)):
        sz.save(store, value, dtype=dtype)
    assert store == {}


RECORD = np.dtype([("n", "f4"), ("s", "U3"), ("t", "S3", (2,))])


@pytest.mark.parametrize(("key", "value", "message"), [
    (..., (1, None, b"x"), r"\['s'\]: None"), (0, (1, "x", [b"x", 5]), r"\['t'\]\[1\]: 5"), ("s", None, ": None"),
    (..., [(1, "x", b"y"), (1, math.nan, b"y")], r"\[1\]\['s'\]: nan"),
    ("s", np.array([1.0, 2.0]), r"\[0\]: np.float64"),
    (["n", "s"], (1, 2), r"\['s'\]: 2"), (..., 5, r"\['s'\]|: 5"), ("t", [[b"a", None]] * 2, r"\[0\]\[1\]: None"),
    (..., np.zeros(2, [("n", "f4"), ("s", "f4"), ("t", "S3", (2,))]), r"\['s'\]\[0\]: np.float32"),
    ("s", sz.create_array({}, data=[1.5, 2.5]), r"\[0\]: np.float64"),
], ids=repr)  # fmt: skip
def test_fields_of_records(key, value, message):
    array = sz.create_array({}, shape=2, dtype=RECORD, zarr_format=2)
    with pytest.raises(TypeError, match=message):
        array[key] = value
    assert array.nchunks_stored == 0


@pytest.mark.parametrize(("value", "want"), [
    (["x", "é"], ["x", "é"]), (np.array(["x", "yy"]), ["x", "yy"]), (np.array(["x", "yy"], TEXT), ["x", "yy"]),
    (objects("x", np.str_("y")), ["x", "y"]), (objects("x", b"y"), ["x", "y"]), (np.array([b"x", b"y"]), ["x", "y"]),
    (np.array(["x", "y"], NONE), ["x", "y"]), ("x", ["x", "x"]), (np.str_("x"), ["x", "x"]), (b"x", ["x", "x"]),
    (np.empty(0), []),
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("dtype", ["string", "U9"])
def test_text_is_taken(dtype, value, want):
    array = sz.create_array({}, shape=len(want), dtype=dtype)
    array[...] = value
    assert array[...].tolist() == want
    array.append(np.asarray(value).reshape(-1))
    assert array[len(want) :].tolist() == want[: np.size(value)]


# ---------------------------------------------------------------- data types of any length


@pytest.mark.parametrize(("arguments", "name"), [
    ({"dtype": str}, "string"), ({"dtype": "str"}, "string"), ({"dtype": np.str_}, "string"),
    ({"dtype": bytes}, "bytes"),
    ({"dtype": np.str_("string")}, "string"), ({"dtype": object, "fill_value": "x"}, "string"),
    ({"dtype": object, "fill_value": b"x"}, "bytes"), ({"dtype": np.bytes_}, "bytes"),
], ids=str)  # fmt: skip
def test_types_of_any_length(arguments, name):
    assert sz.create_array({}, shape=2, **arguments).metadata.data_type.name == name


@pytest.mark.parametrize(("data", "name"), [
    (objects("x", "yyy"), "string"), (objects(b"x", b"yyy"), "bytes"), (objects(np.str_("x")), "string"),
])  # fmt: skip
def test_objects_that_are_all_of_a_kind(data, name):
    for dtype in (None, object, np.dtype(object), "O"):
        array = sz.create_array({}, data=data, dtype=dtype)
        assert array.metadata.data_type.name == name
        assert array[...].tolist() == data.tolist()
    assert sz.create_array({}, data=array).metadata.data_type.name == name
    assert sz.create_array({}, data=data.tolist(), dtype=object).metadata.data_type.name == name


@pytest.mark.parametrize(
    "data", [objects(), objects("x", b"y"), objects(b"x", "y"), objects(1), objects("x", ["y"])], ids=repr
)
def test_objects_that_are_not(data):
    with pytest.raises(TypeError, match=r"data|dtype: object"):
        sz.create_array({}, data=data)


def test_an_object_without_elements_asks():
    with pytest.raises(TypeError, match=r'dtype: object .*; give "string" or "bytes"'):
        sz.create_array({}, shape=2, dtype=object)


def test_text_whose_length_the_data_tell():
    assert sz.create_array({}, data=["a", "bcd"], dtype="U").dtype == "U3"
    assert sz.create_array({}, data=[b"a", b"bcd"], dtype=np.dtype("S")).dtype == "S3"
    with pytest.raises(sz.UnsupportedError, match="0 bytes"):
        sz.create_array({}, shape=2, dtype="U")


def test_text_of_which_some_may_be_missing():
    array = sz.create_array({}, data=np.array(["x", "y"], NAN))
    assert array.metadata.data_type.name == "string"
    assert array[...].tolist() == ["x", "y"]
    with pytest.raises(TypeError, match=r"^data\[1\]: nan of type float"):
        sz.create_array({}, data=np.array(["x", np.nan], NAN))
    with pytest.raises(sz.UnsupportedError, match="without na_object"):
        sz.create_array({}, shape=2, dtype=NAN)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    for series in (pandas.Series(["a", "b"]), pandas.Series(["a", "b"], dtype="string"), pandas.Index(["a", "b"])):
        array = sz.create_array({}, data=series)
        assert array.metadata.data_type.name == "string"
        array.append(series)
        assert array[...].tolist() == ["a", "b"] * 2
        with pytest.raises(TypeError, match=r"\[1\]: "):
            array.append(pandas.Series(["a", None], dtype=series.dtype))
    with pytest.raises(TypeError, match=r"data\[1\]: "):
        sz.create_array({}, data=pandas.Series(["a", None]))


@pytest.mark.parametrize("codecs", [None, [{"name": "transpose", "configuration": {"order": [1, 0]}}, "vlen-utf8"]])
@pytest.mark.parametrize("shape", [(300_001, 1), (3, 140_000)])
def test_chunks_of_more_elements_than_a_run(shape, codecs):
    words = np.array([f"é{i % 1013}" * (i % 4) for i in range(shape[0] * shape[1])], np.dtypes.StringDType()).reshape(
        shape
    )
    store = sz.MemoryStore()
    a = sz.create_array(store, "a", shape=shape, dtype="string", chunks=shape, codecs=codecs or ["vlen-utf8"])
    a[...] = words
    encoded = np.ascontiguousarray(words.T if codecs else words).reshape(-1).tolist()
    parts = [len(encoded).to_bytes(4, "little")]
    for word in encoded:
        parts += [len(word.encode()).to_bytes(4, "little"), word.encode()]
    assert a.get_encoded_chunk((0, 0)) == b"".join(parts)
    assert np.array_equal(a[...], words)
    a[1:, :] = words[:-1]
    assert np.array_equal(a[...], np.concatenate([words[:1], words[:-1]]))
    a[...] = ""
    assert a.nchunks_stored == 0
