"""Arguments as callers in Python have them: NumPy's scalars, subclasses, booleans, None."""

import pathlib

import numpy as np
import pytest

import simplezarr as sz


class Word(str):
    """Text that shows itself as something else."""

    __slots__ = ()

    def __str__(self):
        return "shown"

    def __repr__(self):
        return "Word"


class Number:
    """What is an integer by `__index__` alone."""

    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number


INTEGERS = [int, np.int8, np.uint64, Number]


@pytest.mark.parametrize("kind", INTEGERS)
def test_integers_of_every_kind(kind):
    a = sz.create_array(
        {}, shape=(kind(6), kind(4)), dtype="i4", chunks=(kind(2), 2), shards=(kind(4), kind(4)),
        codecs=[sz.codecs.Zstd(level=kind(3))] if kind is not Number else ["zstd"],
        zarr_format=3 if kind is Number else kind(3),
    )  # fmt: skip
    assert (a.shape, a.chunks, a.shards) == ((6, 4), (2, 2), (4, 4))
    assert all(type(length) is int for length in (*a.shape, *a.chunks, *a.shards))
    data = np.arange(24).reshape(6, 4)
    a[...] = data
    np.testing.assert_array_equal(a.get_chunk((kind(1), kind(0))), data[2:4, :2])
    np.testing.assert_array_equal(a[kind(1), kind(2) :], data[1, 2:])
    assert a.append(data[:, :2], axis=kind(1)) == (6, 6)
    a.set_chunk((kind(0), kind(0)), np.zeros((2, 2)))
    assert a.get_encoded_chunk((kind(2), kind(2))) is not None
    a.resize((kind(2), kind(2)))
    assert a.shape == (2, 2)
    np.testing.assert_array_equal(a.blocks[kind(0), kind(0)], np.zeros((2, 2)))
    assert sz.create_array({}, shape=kind(5), dtype="u1", chunks=kind(2)).shape == (5,)
    before = sz.get_num_threads()
    sz.set_num_threads(kind(2) if kind is not Number else 2)
    sz.set_num_threads(before)


def test_arrays_of_lengths():
    a = sz.create_array({}, shape=np.array([6, 4]), dtype="i4", chunks=np.array([2, 2]))
    assert (a.shape, a.chunks) == ((6, 4), (2, 2))
    a.resize(np.array([3, 3]))
    assert a.shape == (3, 3)


@pytest.mark.parametrize("chunks", [True, None, np.True_, np.str_("auto"), Word("auto")])
def test_automatic_chunks(chunks):
    store = {}
    a = sz.create_array(store, shape=(1000, 1000), dtype="f8", chunks=chunks)
    assert a.chunks == sz.create_array({}, shape=(1000, 1000), dtype="f8").chunks


@pytest.mark.parametrize(
    ("shards", "has_shards"), [(True, True), (None, False), (False, False), (np.str_("auto"), True)]
)
def test_automatic_shards(shards, has_shards):
    assert (sz.create_array({}, shape=(4, 4), dtype="f8", shards=shards).shards is not None) is has_shards


BOOLS = [True, False, np.True_, None]


@pytest.mark.parametrize("wrong", BOOLS)
def test_what_is_no_number(wrong):
    a = (
        sz.create_array({}, shape=(4, 4), dtype="i4", chunks=(2, 2))
        if False
        else sz.create_array({}, shape=(4, 4), dtype="i4")
    )
    calls = [
        lambda: a.resize(wrong), lambda: a.resize((4, wrong)), lambda: a.append(np.zeros((1, 4)), axis=wrong),
        lambda: a.get_chunk((wrong, 0)), lambda: a.set_chunk((0, wrong), 0), lambda: a.get_encoded_chunk((wrong, 0)),
        lambda: a.get_chunk(wrong), lambda: a.blocks[wrong], lambda: sz.set_num_threads(wrong),
        lambda: sz.create_array({}, shape=(wrong, 4), dtype="i4"),
        lambda: sz.create_array({}, shape=(4, 4), dtype="i4", chunks=(wrong, 4)),
        lambda: sz.create_array({}, shape=(4, 4), dtype="i4", shards=(wrong, 4)),
        lambda: sz.create_array({}, shape=(4, 4), dtype="i4", codecs=[sz.codecs.Zstd(level=wrong)]),
        lambda: sz.create_array({}, shape=(4, 4), dtype="i4", codecs=[sz.codecs.Gzip(level=wrong)]),
        lambda: sz.create_array({}, shape=(4, 4), dtype="i4", codecs=[sz.codecs.Transpose(order=(wrong, 0))]),
        lambda: sz.create_array({}, shape=(4, 4), dtype="i4", codecs=[sz.codecs.Sharding(chunk_shape=(wrong, 4))]),
    ]  # fmt: skip
    if wrong is not None:
        calls += [
            lambda: sz.create_array({}, shape=wrong, dtype="i4"),
            lambda: sz.create_array({}, shape=4, dtype="i4", zarr_format=wrong),
        ]
    for i, call in enumerate(calls):
        with pytest.raises((TypeError, ValueError, IndexError, sz.UnsupportedError)):
            print(i, wrong, call())
    assert a.shape == (4, 4)


def test_the_remedy_is_told():
    with pytest.raises(TypeError, match=r"^shape: True is not a length; give a number, or a tuple"):
        sz.create_array({}, shape=True, dtype="u1")
    with pytest.raises(TypeError, match=r"^chunks: False is not a chunk shape; give -1 for one chunk"):
        sz.create_array({}, shape=3, dtype="u1", chunks=False)
    with pytest.raises(TypeError, match=r"^axis: None is not an axis"):
        sz.create_array({}, shape=3, dtype="u1").append([1], axis=None)


@pytest.mark.parametrize("text", [np.str_, Word])
def test_text_of_every_kind(text, tmp_path):
    store = {}
    a = sz.create_array(
        store, text("g/a"), shape=(4, 4), dtype=text("float32"), chunks=(2, 2), dimension_names=(text("y"), text("x")),
        codecs=[text("bytes"), {text("name"): text("gzip"), "configuration": {text("level"): np.int64(3)}}],
        chunk_key_encoding={"name": text("v2"), "configuration": {"separator": text("/")}},
        attributes={text("a"): text("b")},
    )  # fmt: skip
    a[...] = 1
    assert store.keys() >= {"g/a/zarr.json", "g/a/0/0"}
    got = sz.open(store, text("g/a"))
    assert got.dimension_names == ("y", "x")
    assert [*map(type, a.dimension_names)] == [str, str]
    assert a.metadata.to_json()["codecs"] == got.metadata.to_json()["codecs"]
    assert sz.open(store)[text("g")][text("a")].shape == (4, 4)
    assert text("g/a") in sz.open(store)
    assert sz.create_array({}, shape=3, dtype="u1", codecs=[text("zstd")], chunk_key_encoding=text("v2")).shape == (3,)
    sz.create_array(str(tmp_path / "s"), shape=3, dtype=text("<i2"))
    assert sz.open(text(str(tmp_path / "s"))).dtype == "i2"
    codec = sz.codecs.Blosc(cname=text("lz4"), shuffle=text("bitshuffle"), clevel=np.int8(3), typesize=np.uint8(4))
    assert codec == sz.codecs.Blosc(cname="lz4", shuffle="bitshuffle", clevel=3, typesize=4)
    assert [type(value) for value in codec.to_json()["configuration"].values()] == [str, int, str, int, int]
    for zarr_format in (2, 3):
        made = sz.create_array({}, data=np.arange(9, dtype="i4"), codecs=[codec], zarr_format=zarr_format)
        assert made[...].tolist() == [*range(9)]


def test_paths(tmp_path):
    sz.create_array(tmp_path, pathlib.PurePosixPath("g/a"), shape=3, dtype="u1")
    assert sz.open(tmp_path, pathlib.PurePath("g")).name == "/g"
    assert sz.open(tmp_path)[pathlib.PurePosixPath("g/a")].shape == (3,)


def test_dimension_names_from_any_sequence():
    for names in (np.array(["y", "x"]), ("y", "x"), iter(["y", "x"]), {"y": 1, "x": 2}.keys()):
        assert sz.create_array({}, shape=(2, 2), dtype="u1", dimension_names=names).dimension_names == ("y", "x")
    with pytest.raises(sz.MetadataError, match=r"^dimension_names: "):
        sz.create_array({}, shape=(2, 2), dtype="u1", dimension_names="yx")


def test_codecs_with_numbers_of_numpy():
    for name, settings in {
        "numcodecs.fixedscaleoffset": {
            "offset": np.float32(1),
            "scale": np.int64(10),
            "dtype": np.str_("<f4"),
            "astype": "<i2",
        },
        "scale_offset": {"offset": np.float64(0.5), "scale": np.int8(2)},
        "numcodecs.quantize": {"digits": np.int8(2), "dtype": "<f4"},
    }.items():
        a = sz.create_array({}, data=np.arange(4, dtype="f4"), codecs=[{"name": name, "configuration": settings}])
        np.testing.assert_allclose(a[...], np.arange(4), atol=0.01)


@pytest.mark.parametrize("make", [
    lambda dtype, order: [sz.codecs.Transpose(order=order), sz.codecs.Delta(dtype=dtype)],
    lambda dtype, order: [
        {"name": "transpose", "configuration": {"order": order}},
        {"name": "numcodecs.delta", "configuration": {"dtype": dtype}},
    ],
    lambda dtype, order: [sz.codecs.CastValue(data_type=dtype), sz.codecs.Transpose(order=order)],
    lambda dtype, order: [{"name": "cast_value", "configuration": {"data_type": dtype}}],
])  # fmt: skip
def test_data_types_and_arrays_in_codecs(make):
    data = np.arange(6, dtype="i4").reshape(2, 3)
    for dtype, order in ((np.dtype("i4"), np.array([1, 0])), (np.int32, (np.int8(1), np.int8(0))), ("int32", [1, 0])):
        a = sz.create_array({}, data=data, codecs=make(dtype, order))
        np.testing.assert_array_equal(a[...], data)
        assert sz.open(a.store).metadata.codecs == a.metadata.codecs


@pytest.mark.parametrize("make", [
    lambda scalars: sz.codecs.CastValue(data_type="int16", scalar_map=scalars),
    lambda scalars: {"name": "cast_value", "configuration": {"data_type": "int16", "scalar_map": scalars}},
])  # fmt: skip
def test_numbers_that_are_not_finite_in_codecs(make):
    data = np.array([1, np.nan, np.inf])
    scalars = {"encode": [(np.nan, -1), (np.inf, -2)], "decode": [(-1, float("nan")), (np.int8(-2), np.float32("inf"))]}
    a = sz.create_array({}, data=data, codecs=[make(scalars)])
    np.testing.assert_array_equal(sz.open(a.store)[...], data)


def test_spellings_of_chunk_keys():
    for given, key in ((("v2", "/"), "0/0"), (("default", "."), "c.0.0"), ([np.str_("v2"), "."], "0.0"), ("v2", "0.0")):
        store = {}
        sz.create_array(store, data=np.ones((2, 2)), chunk_key_encoding=given)
        assert key in store
    assert sz.create_array({}, shape=2, dtype=np.dtypes.StringDType).dtype == np.dtypes.StringDType()
