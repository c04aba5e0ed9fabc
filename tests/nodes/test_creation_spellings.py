"""Spellings of creating: `exists`, `require_array`, mappings, `like`, codecs, keywords that other libraries have."""

import json
import subprocess

import numpy as np
import pytest

import simplezarr as sz
from tests.support.helpers import PYTHON, same_package

Z = sz.codecs


def stored(store):
    """The content of a store, documents parsed."""
    return {key: json.loads(value) if key.endswith((".json", ".zarray", ".zattrs")) else value
            for key, value in store.items()}  # fmt: skip


# ---- exists


def test_exists(tmp_path):
    assert not sz.exists({})
    assert not sz.exists(tmp_path / "none")
    sz.save(tmp_path, [1], "a/b")
    assert sz.exists(tmp_path)
    assert sz.exists(tmp_path, "a")
    assert sz.exists(str(tmp_path), "/a/b/")
    assert not sz.exists(tmp_path, "a/c")
    assert not sz.exists(tmp_path, "a/b/c")
    assert not sz.exists(tmp_path / "a" / "b" / "c")
    two = {}
    sz.create_array(two, "x/y", shape=2, dtype="u1", zarr_format=2)
    assert sz.exists(two, "x")
    assert sz.exists(two, "x/y")


@pytest.mark.parametrize(
    "path", ["a/../b", "..", "a//b", "zarr.json", "a\0b", "\ud800", "x" * 300, "x" * 5000, "a/b/c"]
)
def test_a_path_that_no_node_can_have_is_not_there(path, tmp_path):
    """As `in` answers; only what is no text is refused."""
    sz.save(tmp_path, [1], "a/b")
    assert not sz.exists(tmp_path, path)
    assert path not in sz.open_group(tmp_path)
    with pytest.raises(TypeError):
        sz.exists(tmp_path, 3)


# ---- require_array


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", ["f4", ">i2", "S3", "U2", str, "M8[s]", [("a", "u1"), ("b", "f8")]])
def test_an_array_is_made_once(version, dtype):
    store = {}
    first = sz.require_array(store, "g/x", shape=(0, 3), dtype=dtype, chunks=(2, 3), zarr_format=version)
    assert (first.shape, first.chunks, first.metadata.zarr_format) == ((0, 3), (2, 3), version)
    first.resize((4, 3))
    before = dict(store)
    again = sz.require_array(store, "g/x", shape=(0, 3), dtype=dtype, chunks=(1, 1), codecs="gzip")
    assert (again.shape, again.chunks, again.read_only) == ((4, 3), (2, 3), False)
    assert sz.require_array(store, "g/x", shape=(4, 0), dtype=dtype).shape == (4, 3)
    assert sz.open_group(store, "g", mode="r+").require_array("x", shape=(4, 3), dtype=dtype).path == "g/x"
    assert store == before


@pytest.mark.parametrize("asked", [
    {"shape": (5, 3), "dtype": "f4"}, {"shape": (4,), "dtype": "f4"}, {"shape": (4, 3, 1), "dtype": "f4"},
    {"shape": (4, 3), "dtype": "f8"}, {"shape": (4, 3), "dtype": "i4"}, {"shape": 4, "dtype": "f4"},
])  # fmt: skip
def test_another_array_is_refused_with_both(asked):
    store = {}
    sz.create_array(store, "x", shape=(4, 3), dtype="f4")
    with pytest.raises(sz.MetadataError) as raised:
        sz.require_array(store, "x", **asked)
    assert "/x (4, 3) float32" in str(raised.value)
    shape = asked["shape"] if isinstance(asked["shape"], tuple) else (asked["shape"],)
    assert f"{shape} of {np.dtype(asked['dtype']).name}" in str(raised.value)


def test_what_require_array_refuses():
    store = {}
    sz.create_group(store, "g")
    with pytest.raises(sz.NodeExistsError, match=r"/g of .* is a group"):
        sz.require_array(store, "g", shape=1, dtype="u1")
    sz.require_array(store, "x", shape=1, dtype="u1")
    for wrong in ("data", "overwrite", "chunk", "compressor"):
        with pytest.raises(TypeError, match=f"require_array has no argument '{wrong}'; "):
            sz.require_array(store, "x", shape=1, dtype="u1", **{wrong: 1})
    with pytest.raises(sz.NodeExistsError, match="array"):
        sz.require_array(store, "x/y", shape=1, dtype="u1")
    with pytest.raises(sz.ReadOnlyError, match="r\\+"):
        sz.open_group(store).require_array("x", shape=1, dtype="u1")


def test_write_empty_chunks_is_taken_by_both():
    store = {}
    assert sz.require_array(store, shape=2, dtype="u1", write_empty_chunks=True).write_empty_chunks
    assert sz.require_array(store, shape=2, dtype="u1", write_empty_chunks=True).write_empty_chunks
    assert not sz.require_array(store, shape=2, dtype="u1").write_empty_chunks


APPEND_TEN = """
import sys
import simplezarr as sz
from tests.support.helpers import PYTHON, same_package
array = sz.require_array(sys.argv[1], "log/x", shape=(0, 2), dtype="i8", chunks=(4, 2))
for i in range(10):
    array.append([[int(sys.argv[2]), i]])
"""


def test_several_processes_require_one_array(tmp_path):
    command = [*PYTHON, "-c", APPEND_TEN, str(tmp_path / "a.zarr")]
    processes = [subprocess.Popen([*command, str(n)], cwd=tmp_path, env=same_package()) for n in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    rows = sz.load(tmp_path / "a.zarr", "log/x").tolist()
    assert sorted(rows) == [[n, i] for n in range(3) for i in range(10)]


# ---- mappings


def test_a_mapping_is_a_group_and_back(tmp_path):
    data = {"pi": np.pi, "sub": {"x": np.arange(6).reshape(2, 3), "none": {}}, "text": np.array(["a", "bc"])}
    sz.save(tmp_path / "m.zarr", data, "deep", attributes={"title": "all"}, chunks=-1, codecs="gzip")
    loaded = sz.load(tmp_path / "m.zarr")
    assert loaded.keys() == {"deep"}
    loaded = loaded["deep"]
    assert loaded.keys() == data.keys()
    assert loaded["pi"][()] == np.pi
    assert loaded["sub"].keys() == {"x", "none"}
    assert loaded["sub"]["none"] == {}
    np.testing.assert_array_equal(loaded["sub"]["x"], data["sub"]["x"])
    assert loaded["text"].tolist() == ["a", "bc"]
    group = sz.open_group(tmp_path / "m.zarr", "deep")
    assert dict(group.attrs) == {"title": "all"}
    assert isinstance(group["sub/x"].codecs[-1], Z.Gzip)
    assert not group["sub/x"].attrs


def test_a_mapping_in_zarr_2_and_over_another():
    store = {}
    sz.save(store, {"a": {"b": [1, 2]}}, zarr_format=2)
    assert ".zgroup" in store
    assert "a/b/.zarray" in store
    with pytest.raises(sz.NodeExistsError):
        sz.save(store, {"c": [1]})
    sz.save(store, {"c": sz.open(store)["a/b"], "d": sz.open(store).__getitem__("a/b").lazy[1:]}, overwrite=True)
    assert {name: value.tolist() for name, value in sz.load(store).items()} == {"c": [1, 2], "d": [2]}


@pytest.mark.parametrize(("data", "error", "message"), [
    ({"a": [1], "b": None}, TypeError, r"data\['b'\]: None"),
    ({"a": [1], "s": {3: [1]}}, TypeError, "data: 3 is not a name"),
    ({"a": [1], "b/c": [1]}, ValueError, "data: 'b/c'"),
    ({"a": [1], "": [1]}, ValueError, "''|path|name"),
    ({"a": [1], "..": [1]}, ValueError, r"\.\."),
    ({"a": [1], "b": [object()]}, TypeError, "object"),
    ({"a": [1], "b": {"c": [[1], [1, 2]]}}, ValueError, "inhomogeneous"),
])  # fmt: skip
def test_a_mapping_that_can_not_be_stored_leaves_nothing(data, error, message):
    store = {}
    with pytest.raises(error, match=message):
        sz.save(store, data, "g")
    assert not sz.exists(store, "g")
    assert not [key for key in store if key.startswith("g")]


def test_a_mapping_whose_store_fails_takes_nothing_of_others():
    """What another writer has added to the new group meanwhile stays."""

    class Full(sz.WrapperStore):
        def set(self, key, value):
            if key.startswith("g/b/c"):
                sz.save(self.store, [7], "g/theirs")
                raise OSError("full")
            self.store.set(key, value)

    store = sz.MemoryStore()
    with pytest.raises(OSError, match="full"):
        sz.save(Full(store), {"a": [1], "b": [2]}, "g")
    assert {name: value.tolist() for name, value in sz.load(store, "g").items()} == {"a": [1], "theirs": [7]}


def test_assigning_to_a_group_makes_an_array():
    store = {}
    group = sz.create_group(store, zarr_format=2)
    group["y/z"] = np.arange(3, dtype="i2")
    assert "y/z/.zarray" in store
    assert group["y/z"][...].tolist() == [0, 1, 2]
    with pytest.raises(sz.NodeExistsError):
        group["y/z"] = [1]
    with pytest.raises(sz.NodeExistsError):
        group["y"] = [1]
    with pytest.raises(TypeError, match=r"simplezarr\.save makes a group"):
        group["m"] = {"a": [1]}
    with pytest.raises(TypeError, match="data"):
        group["n"] = None
    with pytest.raises(sz.ReadOnlyError):
        sz.open_group(store)["k"] = [1]


# ---- codecs that go back in


@pytest.mark.parametrize("arguments", [
    {"chunks": (2, 3)},
    {"chunks": (2, 3), "codecs": ["crc32c"]},
    {"chunks": (2, 3), "codecs": [Z.Transpose((1, 0)), "gzip", "crc32c"]},
    {"chunks": (2, 3), "shards": (4, 6)},
    {"chunks": (2, 3), "shards": (4, 6), "codecs": [Z.Transpose((1, 0)), Z.Blosc("lz4", 3)]},
    {"chunks": (2, 3), "codecs": [], "zarr_format": 2},
    {"chunks": (2, 3), "codecs": ["zstd"], "zarr_format": 2},
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["u1", ">i4", "f8", "S4", str, "M8[D]"])
def test_codecs_go_back_in(arguments, dtype):
    one, two, three = {}, {}, {}
    a = sz.create_array(one, shape=(8, 9), dtype=dtype, **arguments)
    version = a.metadata.zarr_format
    sz.create_array(two, shape=a.shape, dtype=dtype, chunks=a.chunks, shards=a.shards, codecs=a.codecs,
                    zarr_format=version)  # fmt: skip
    sz.create_array(three, like=a, zarr_format=version)
    assert not any(isinstance(codec, Z.Sharding) for codec in a.codecs)
    assert stored(one) == stored(two) == stored(three)
    assert sz.open(one).codecs == a.codecs


def test_one_codec_alone():
    for codec in ("zstd", Z.Zstd(), {"name": "zstd", "configuration": {"level": 0, "checksum": False}}):
        assert sz.create_array({}, shape=4, dtype="i4", codecs=codec).codecs == (Z.Bytes("little"), Z.Zstd())
    numcodecs = pytest.importorskip("numcodecs")
    assert len(sz.create_array({}, shape=4, dtype="i4", codecs=numcodecs.Zstd(3)).codecs) == 2


@pytest.mark.parametrize("name", [
    "compressor", "compressors", "compression", "compression_opts", "filters", "order", "serializer", "maxshape",
    "chunk_shape", "dimension_separator", "name", "nonsense",
])  # fmt: skip
def test_keywords_of_other_libraries_are_told_what_to_write(name):
    store = {}
    message = f"create_array has no argument '{name}'; .*(codecs|write|leave|help)"
    with pytest.raises(TypeError, match=message):
        sz.create_array(store, "x", shape=1, dtype="u1", **{name: None})
    if name != "name":  # the first argument of the group's call
        with pytest.raises(TypeError, match=message):
            sz.create_group({}).create_array("x", shape=1, dtype="u1", **{name: None})
    with pytest.raises(TypeError, match=f"'{name}'; "):
        sz.save(store, [1], "x", **{name: None})
    sz.save(store, {"b": [2]}, "y")
    before = dict(store)
    with pytest.raises(TypeError, match=f"'{name}'; "):
        sz.save(store, {"a": [1]}, "y", overwrite=True, **{name: None})
    assert store == before


def test_codecs_none():
    with pytest.raises(TypeError, match=r'^codecs: None; give \[\] for no compression, or "auto"'):
        sz.create_array({}, shape=1, dtype="u1", codecs=None)


# ---- like


def test_like_takes_everything_that_is_not_given():
    store = {}
    a = sz.create_array(
        store, "a", shape=(8, 9), dtype="f4", chunks=(2, 3), shards=(4, 9), codecs=["gzip"], fill_value=np.nan,
        chunk_key_encoding=("default", "."), dimension_names=("y", None), attributes={"unit": "m"},
    )  # fmt: skip
    a[...] = 1
    sz.create_array(store, "b", like=a)
    assert store["b/zarr.json"] == store["a/zarr.json"]
    assert not [key for key in store if key.startswith("b/c")]
    c = sz.create_array(store, "c", like=a, dtype="i2", fill_value=7, shape=(20, 9), attributes={})
    assert (c.shape, c.dtype, c.fill_value, c.chunks, c.shards) == ((20, 9), "i2", 7, (2, 3), (4, 9))
    assert (c.dimension_names, dict(c.attrs)) == (("y", None), {})
    d = sz.create_array(store, "d", like=a, data=np.arange(5 * 4).reshape(5, 4))
    assert (d.shape, d.dtype, d.chunks, d.shards, d.codecs) == ((5, 4), "f4", (2, 3), (4, 9), a.codecs)
    assert d[4, 3] == 19
    e = sz.create_group(store, "e").create_array("x", like=a, shards=False, codecs="zstd")
    assert (e.chunks, e.shards, e.codecs) == ((2, 3), None, (Z.Bytes("little"), Z.Zstd()))
    with pytest.raises(TypeError, match=r"like: a simplezarr\.Array is needed, not ndarray"):
        sz.create_array(store, "f", like=np.zeros(3))
    assert sz.require_array(store, "r", shape=(0, 9), dtype="f4", like=a).shards == (4, 9)


def test_like_between_formats_and_data_types():
    two = sz.create_array({}, shape=(4, 6), dtype="u1", chunks=(2, 3), codecs="zstd", zarr_format=2, fill_value=3)
    for dtype in (None, "f8"):
        three = sz.create_array({}, like=two, dtype=dtype)
        assert (three.metadata.zarr_format, three.chunks, three.fill_value) == (3, (2, 3), 3)
        three[...] = 5
        assert sz.open(three.store)[3, 5] == 5
        back = sz.create_array({}, like=three, zarr_format=2)
        assert (back.metadata.zarr_format, back.chunks, back.dtype) == (2, (2, 3), dtype or "u1")


@pytest.mark.parametrize("arguments", [
    {"chunks": [[2, (3, 2)], 4]}, {"chunks": (1, 2), "shards": [[2, (3, 2)], 4]},
    {"chunks": (2, 4), "codecs": [Z.Sharding((1, 2), ["bytes"], index_location="start"), "crc32c"]},
])  # fmt: skip
def test_like_an_array_of_unusual_layout(arguments):
    one, two = {}, {}
    a = sz.create_array(one, shape=(8, 9), dtype="u1", **arguments)
    sz.create_array(two, like=a)
    assert one == two
    b = sz.create_array({}, like=a, dtype="i8")
    b[...] = 9
    assert b.chunks == a.chunks
    assert (sz.open(b.store)[...] == 9).all()


# ---- chunks


@pytest.mark.parametrize("shape", [(), (5,), (5, 6), (0, 6), (2, 0, 3), (0, 0)])
def test_one_chunk(shape):
    whole = tuple(max(1, length) for length in shape)
    assert sz.create_array({}, shape=shape, dtype="f4", chunks=-1).chunks == whole
    assert sz.create_array({}, shape=shape, dtype="f4", chunks=np.int64(-1)).chunks == whole
    if shape:
        a = sz.create_array({}, shape=shape, dtype="f4", chunks=(1,) * len(shape), shards=-1)
        assert a.shards == whole


@pytest.mark.parametrize(("shape", "dtype", "chunks"), [
    ((0, 721, 1440), "f4", (1, 721, 1440)),
    ((0, 24), "f8", (5461, 24)),
    ((0,), "u1", (1 << 20,)),
    ((24, 0), "f8", (24, 5461)),
    ((0, 0), "u1", (1024, 1024)),
    ((0, 3, 0), "u1", (591, 3, 591)),
])  # fmt: skip
def test_auto_for_arrays_that_grow(shape, dtype, chunks):
    assert sz.create_array({}, shape=shape, dtype=dtype).chunks == chunks


def test_auto_for_arrays_that_grow_cuts_very_large_rows():
    a = sz.create_array({}, shape=(0, 20000, 20000), dtype="f4")
    assert a.chunks[0] >= 1
    assert 1 << 19 <= np.prod(a.chunks) * 4 <= 4 << 20
    b = sz.create_array({}, shape=(0, 24), dtype="f8", shards="auto")
    assert (b.shards[1], b.shards[0] % b.chunks[0]) == (24, 0)
    assert 16 << 20 <= np.prod(b.shards) * 8 <= 128 << 20
    assert b.append(np.ones((7, 24))) == (7, 24)


# ---- text and values of pandas


def test_text_of_pandas():
    pandas = pytest.importorskip("pandas")
    for column in (pandas.Series(["a", "bcd", "é"]), pandas.Series(["a", "bcd", "é"], dtype="string"),
                   pandas.Index(["a", "bcd", "é"])):  # fmt: skip
        store = {}
        sz.create_array(store, data=column)
        assert sz.open(store).metadata.data_type.name == "string"
        assert sz.load(store).tolist() == ["a", "bcd", "é"]
    for missing in (pandas.Series(["a", None]), pandas.Series(["a", pandas.NA], dtype="string")):
        with pytest.raises(TypeError, match=r"\[1\]"):
            sz.create_array({}, data=missing)


def test_numbers_and_times_of_pandas():
    pandas = pytest.importorskip("pandas")
    times = pandas.date_range("2020-01-01", periods=3)
    store = {}
    a = sz.create_array(store, data=times, fill_value=np.datetime64("NaT"))
    assert sz.load(store).tolist() == times.to_numpy().tolist()
    assert np.isnat(a.fill_value)
    frame = pandas.DataFrame({"x": [1, 2], "y": [0.5, 1.5]})
    np.testing.assert_array_equal(sz.create_array({}, data=frame)[...], frame.to_numpy())
    frames = {}
    sz.save(frames, {name: frame[name] for name in frame}, "table")
    assert sz.load(frames, "table")["y"].tolist() == [0.5, 1.5]


@pytest.mark.parametrize(("dtype", "value", "expected"), [
    ("M8[D]", "2020-01-01", np.datetime64("2020-01-01")),
    ("M8[s]", np.datetime64("2020-01-01"), np.datetime64("2020-01-01T00:00:00")),
    ("m8[s]", 5, np.timedelta64(5, "s")),
    ([("a", "u1"), ("b", "f8")], (1, 2.5), (1, 2.5)),
    ([("a", "u1"), ("b", "f8")], {"a": 1, "b": 2.5}, (1, 2.5)),
    ("S5", b"abc", b"abc"),
    ("U5", "abc", "abc"),
    (str, "abc", "abc"),
    ("f4", 1, 1.0),
])  # fmt: skip
def test_fill_values_as_numpy_takes_them(dtype, value, expected):
    store = {}
    sz.create_array(store, shape=2, dtype=dtype, fill_value=value)
    assert sz.open(store)[1] == (np.array(expected, dtype) if isinstance(expected, tuple) else expected)
