"""Creating arrays: what the arguments mean, what is refused before anything is written, how strict documents are."""

import json
import math

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.metadata.chunk_shapes import auto_chunks
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, CRC32C, LITTLE, codec, sharding

ZSTD = codec("zstd", level=0, checksum=False)
SMALL = {"shape": (3, 4), "dtype": "u1"}


def document(store, path=""):
    """A stored document, parsed by the standard library."""
    return json.loads(store[f"{path}/zarr.json" if path else "zarr.json"])


def created(**arguments):
    """The document of a new array at the root."""
    store = {}
    sz.create_array(store, **arguments)
    assert [*store] == ["zarr.json"]
    return document(store)


def test_the_plainest_document():
    assert created(shape=(3, 4), dtype="u1", chunks=(2, 2)) == {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [3, 4],
        "data_type": "uint8",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "bytes"}, ZSTD],
    }


def test_every_member():
    made = created(
        shape=(8, 9), dtype=">i2", chunks=[2, np.int64(3)], shards=(4, 9), codecs=["gzip"], fill_value=-5,
        chunk_key_encoding={"name": "v2", "configuration": {"separator": "/"}}, dimension_names=("y", None),
        attributes={"a": (1, np.float32(0.5), np.arange(2), None)},
    )  # fmt: skip
    assert made["data_type"] == "int16"
    assert made["chunk_grid"]["configuration"]["chunk_shape"] == [4, 9]
    assert made["codecs"] == [sharding([2, 3], [LITTLE, codec("gzip", level=5)])]
    assert made["fill_value"] == -5
    assert made["chunk_key_encoding"] == {"name": "v2", "configuration": {"separator": "/"}}
    assert made["dimension_names"] == ["y", None]
    assert made["attributes"] == {"a": [1, 0.5, [0, 1], None]}


@pytest.mark.parametrize(("codecs", "stored"), [
    ("auto", [LITTLE, ZSTD]),
    ([], [LITTLE]),
    ((), [LITTLE]),
    (["crc32c"], [LITTLE, CRC32C]),
    ([sz.codecs.Bytes("big"), sz.codecs.Gzip(level=1)], [BIG, codec("gzip", level=1)]),
    ([BIG, "zstd"], [BIG, ZSTD]),
    ([codec("transpose", order=[1, 0]), "zstd"], [codec("transpose", order=[1, 0]), LITTLE, ZSTD]),
    ([sz.codecs.Transpose("F")], [codec("transpose", order=[1, 0]), LITTLE]),
    (["blosc"], [LITTLE, codec("blosc", cname="zstd", clevel=5, shuffle="shuffle", typesize=4, blocksize=0)]),
    ([sz.codecs.Sharding((2, 2), (sz.codecs.Bytes(),))], [sharding([2, 2])]),
])  # fmt: skip
def test_codecs(codecs, stored):
    assert created(shape=(4, 4), dtype="i4", chunks=(4, 4), codecs=codecs)["codecs"] == stored


@pytest.mark.parametrize(("chunks", "shards", "stored", "inner"), [
    ((5, 7), None, [5, 7], None),
    ((50, 70), None, [50, 70], None),
    ((-1, 7), None, [20, 7], None),
    ((5,), None, [5, 30], None),
    ([np.int8(5), -1], None, [5, 30], None),
    ((5, 6), (10, 12), [10, 12], [5, 6]),
    ((6, 7), (-1,), [24, 35], [6, 7]),
    ((6, 7), "auto", [24, 35], [6, 7]),
    ("auto", "auto", [20, 30], [20, 30]),
    ("auto", None, [20, 30], None),
])  # fmt: skip
def test_chunk_and_shard_shapes(chunks, shards, stored, inner):
    made = created(shape=(20, 30), dtype="f8", chunks=chunks, shards=shards)
    assert made["chunk_grid"]["configuration"]["chunk_shape"] == stored
    if inner:
        assert made["codecs"][0]["configuration"]["chunk_shape"] == inner
    else:
        assert made["codecs"][0]["name"] == "bytes"


def test_numbers_for_one_dimension():
    a = sz.create_array({}, shape=10, dtype="u1", chunks=3, shards=6)
    assert (a.shape, a.chunks, a.shards) == ((10,), (3,), (6,))
    a = sz.create_array({}, shape=(), dtype="u1", chunks="auto", shards="auto")
    assert (a.shape, a.chunks, a.shards) == ((), (), ())
    a = sz.create_array({}, shape=(0, 3), dtype="u1", chunks=(-1, -1))
    assert a.chunks == (1, 3)


SHAPES = [(10**9,), (4000, 5000), (1000,) * 3, (3, 2000, 2000), (10, 10, 10**7), (1, 1, 1), (7, 10**12),
          (256, 256, 300), (50,) * 5, (0, 1000), (0,), (33, 1, 99999, 2), (2**62,)]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("itemsize", [1, 2, 8, 3 << 20])
def test_automatic_chunks(shape, itemsize):
    chunks = auto_chunks(shape, 1 << 20, itemsize)
    assert all(1 <= c <= max(n, 1) or n == 0 for c, n in zip(chunks, shape, strict=True))
    nbytes = math.prod(chunks) * itemsize
    assert nbytes <= max(1.6 * (1 << 20), itemsize)
    if 0 not in shape:
        assert nbytes >= min(math.prod(shape) * itemsize, 0.6 * (1 << 20)) or itemsize > 1 << 19
        cut = [c for c, n in zip(chunks, shape, strict=True) if c < n]
        assert max(cut, default=1) <= 2.5 * min(cut, default=1), "balanced"
        for c, n in zip(chunks, shape, strict=True):
            count = -(-n // c)
            assert count * c - n < count, "cut evenly"


def test_automatic_shards():
    for shape, chunks in [((4096,) * 3, "auto"), ((4096,) * 3, (16, 16, 16)), ((10**9,), 1000), ((8, 10**6), (1, 100))]:
        a = sz.create_array({}, shape=shape, dtype="u2", chunks=chunks, shards="auto", codecs=[])
        assert all(s % c == 0 for s, c in zip(a.shards, a.chunks, strict=True))
        assert 32 << 20 <= 2 * math.prod(a.shards) <= 128 << 20 or a.shards[-1] >= shape[-1]
    for shards in [(512, 1000), (997, 64), (1, 1)]:
        a = sz.create_array({}, shape=(4000, 4000), dtype="f8", shards=shards)
        assert a.shards == shards
        assert all(s % c == 0 for s, c in zip(shards, a.chunks, strict=True))


NAN = np.uint32(0x7FC00123).view("f4")


@pytest.mark.parametrize(("dtype", "fill", "stored"), [
    ("u1", None, 0), ("u1", 255, 255), ("u1", np.int64(255), 255), ("u1", True, 1), ("i8", -(2**63), -(2**63)),
    ("u8", 2**64 - 1, 2**64 - 1), ("i2", 3.0, 3), ("?", None, False), ("?", np.bool_(True), True), ("?", 1, True),
    ("f4", 1, 1.0), ("f4", 0.1, float(np.float32(0.1))), ("f4", np.float64("inf"), "Infinity"), ("f4", "NaN", "NaN"),
    ("f4", math.nan, "NaN"), ("f4", NAN, "0x7fc00123"), ("f4", np.array(NAN), "0x7fc00123"), ("f8", -0.0, -0.0),
    ("f4", "0x7fc00123", "0x7fc00123"), ("f2", 65504, 65504.0), ("c8", 1 + 2j, [1.0, 2.0]), ("c16", 3, [3.0, 0.0]),
    ("c8", [1, "NaN"], [1.0, "NaN"]), ("V3", b"abc", [97, 98, 99]), ("V3", None, [0, 0, 0]), ("r16", [1, 2], [1, 2]),
], ids=str)  # fmt: skip
def test_fill_values(dtype, fill, stored):
    made = created(shape=3, dtype=dtype, fill_value=fill)["fill_value"]
    assert (repr(made), type(made)) == (repr(stored), type(stored))


@pytest.mark.parametrize("dtype", ["float32", "<f4", ">f4", np.float32, np.dtype("f4"), {"name": "float32"}])
def test_spellings_of_a_dtype(dtype):
    assert created(shape=3, dtype=dtype)["data_type"] == "float32"


@pytest.mark.parametrize(("message", "arguments"), [
    (r"^shape\[1\]: -1 ", {"shape": (3, -1)}),
    (r"^shape\[0\]: 1.5 ", {"shape": (1.5, 4)}),
    (r"^shape: ", {"shape": "abc"}),
    (r"^shape: 65 dimensions", {"shape": (1,) * 65}),
    (r"^dtype: ", {"dtype": "nonsense"}),
    (r"^dtype: ", {"dtype": [("a", "i4"), ("b", "O")]}),
    (r"^fill_value: 300 ", {"fill_value": 300}),
    (r"^fill_value: -1 ", {"fill_value": -1}),
    (r"^fill_value: 0.5 ", {"fill_value": 0.5}),
    (r"^fill_value: nan ", {"fill_value": math.nan}),
    (r"^fill_value: ", {"fill_value": 2**70}),
    (r"^fill_value: ", {"fill_value": 1e40, "dtype": "f4"}),
    (r"^fill_value: ", {"fill_value": 1j, "dtype": "f4"}),
    (r"^fill_value: ", {"fill_value": 2, "dtype": "?"}),
    (r"^fill_value: ", {"fill_value": object()}),
    (r"^fill_value: ", {"fill_value": b"abcd", "dtype": "V3"}),
    (r"^chunks\[1\]: 0 ", {"chunks": (1, 0)}),
    (r"^chunks\[0\]: -2 ", {"chunks": (-2, 1)}),
    (r"^chunks\[1\]: true ", {"chunks": (1, True)}),
    (r"^chunks: .*3 entries", {"chunks": (1, 2, 3)}),
    (r"^chunks: 3 is one number", {"chunks": 3}),
    (r"^chunks: False", {"chunks": False}),
    (r"^chunks: ", {"chunks": "big"}),
    (r"^chunks: .* bytes", {"chunks": (2**40, 2**40)}),
    (r"^shards\[1\]: 3 is not a multiple of chunks\[1\]", {"chunks": (1, 2), "shards": (1, 3)}),
    (r"^shards: ", {"shards": "big"}),
    (r"^codecs\[0\]: ", {"codecs": "zst"}),
    (r"^codecs: 3 is neither", {"codecs": 3}),
    (r"^codecs: ", {"codecs": None}),
    (r"^codecs\[1\]: ", {"codecs": ["bytes", "nonsense"]}),
    (r"^codecs\[0\]: zstd takes bytes", {"codecs": ["zstd", BIG]}),
    (r"^codecs\[0\]: Blosc\(cname='snappy'.* can't be written", {"codecs": [sz.codecs.Blosc(cname="snappy")]}),
    (r"^codecs\[0\].configuration.level: 10 ", {"codecs": [codec("gzip", level=10)]}),
    (r"^codecs\[0\].configuration.order: ", {"codecs": [codec("transpose", order=[0])], "shards": (2, 2)}),
    (r"^codecs: with sharding", {"codecs": [sharding([1, 1])]}),
    (r"^codecs\[0\].configuration.chunk_shape\[0\]: ", {"codecs": [sharding([2, 1])], "chunks": (3, 4)}),
    (r"^chunk_key_encoding", {"chunk_key_encoding": "v3"}),
    (r"^chunk_key_encoding.configuration.separator: ", {"chunk_key_encoding": codec("v2", separator="-")}),
    (r"^dimension_names: ", {"dimension_names": ["x"]}),
    (r"^dimension_names: ", {"dimension_names": "xy"}),
    (r"^dimension_names\[1\]: 3 ", {"dimension_names": ["x", 3]}),
    (r"^attributes: ", {"attributes": [1]}),
    (r'^attributes\["a"\]\[0\]: nan ', {"attributes": {"a": [math.nan]}}),
    (r"^attributes: the name 3 ", {"attributes": {3: 1}}),
    (r"^zarr_format: 1 ", {"zarr_format": 1}),
    (r"^zarr_format: true ", {"zarr_format": True}),
    (r"^shape: .*data", {"data": [1, 2, 3]}),
    ("could not convert", {"data": [["1", "2", "3", "x"]] * 3, "dtype": "f4"}),
])  # fmt: skip
def test_what_is_refused(message, arguments):
    store = {}
    with pytest.raises((sz.ZarrError, TypeError, ValueError), match=message):
        sz.create_array(store, "a/b", **(SMALL | arguments))
    assert not store


def test_shape_and_dtype_or_data_are_needed():
    for arguments in ({}, {"shape": 3}, {"dtype": "u1"}):
        with pytest.raises(TypeError, match="shape and dtype, or data"):
            sz.create_array({}, **arguments)
    with pytest.raises(TypeError, match="data"):
        sz.save({}, None)


@pytest.mark.parametrize("path", ["..", "a//b", ".zgroup", "a/zarr.json", "a\\b"])
def test_names_that_no_node_may_have(path):
    store = {}
    with pytest.raises(ValueError, match="node path"):
        sz.create_array(store, path, **SMALL)
    with pytest.raises(ValueError, match="node path"):
        sz.create_group(store, path)
    assert not store


def test_duplicate_dimension_names_warn():
    with pytest.warns(sz.ZarrWarning, match="twice"):
        sz.create_array({}, dimension_names=["x", "x"], **SMALL)


# ---------------------------------------------------------------- data


@pytest.mark.parametrize("data", [
    np.arange(12, dtype="u2").reshape(3, 4), np.arange(12, dtype=">i4").reshape(3, 4), np.asfortranarray(np.eye(3, 5)),
    np.arange(40).reshape(5, 8)[::-2, ::3], np.float32(3.5), np.zeros((0, 3)), [[True, False]], range(5),
], ids=lambda data: f"{type(data).__name__}{np.shape(data)}")  # fmt: skip
def test_data_give_shape_and_dtype(data):
    store = {}
    a = sz.create_array(store, "a", data=data, chunks=(2,) * np.ndim(data))
    expected = np.asarray(data)
    expected = expected.astype(expected.dtype.newbyteorder("="))
    assert (a.shape, a.dtype) == (expected.shape, expected.dtype)
    assert oracle.same(oracle.read_array(store, "a"), expected)


def test_data_with_shape_and_dtype():
    a = sz.create_array({}, data=[[1, 2]], shape=(1, 2), dtype="f4")
    assert (a.dtype, a[...].tolist()) == (np.float32, [[1, 2]])


def test_save_and_load(tmp_path):
    data = np.random.default_rng(0).normal(size=(30, 40))
    assert sz.save(tmp_path / "x.zarr", data, "a/b", chunks=(7, 11), dimension_names=["y", "x"]) is None
    assert np.array_equal(sz.load(tmp_path / "x.zarr", "a/b"), data)
    with pytest.raises(sz.NodeExistsError):
        sz.save(tmp_path / "x.zarr", data, "a/b")
    sz.save(tmp_path / "x.zarr", data[0], "a/b", overwrite=True)
    assert np.array_equal(sz.load(tmp_path / "x.zarr", "a/b"), data[0])
    sz.save(tmp_path / "y.zarr", 3.5)
    loaded = sz.load(tmp_path / "y.zarr")
    assert (type(loaded), loaded.shape, loaded[()]) == (np.ndarray, (), 3.5)


def test_write_empty_chunks():
    for keep, keys in [(False, 0), (True, 4)]:
        store = {}
        a = sz.create_array(store, data=np.zeros(8), chunks=2, write_empty_chunks=keep)
        assert a.write_empty_chunks is keep
        assert len(store) == 1 + keys


# ---------------------------------------------------------------- strictness


def walk(value):
    """All values within a JSON value."""
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(item)


@pytest.mark.parametrize("arguments", [
    {}, {"shards": (6, 8)}, {"codecs": ["gzip"]}, {"codecs": ["blosc"]}, {"codecs": ["crc32c"]}, {"dtype": "c8"},
    {"codecs": [sz.codecs.Transpose("F"), "blosc"], "shards": (6, 8)}, {"shape": (), "chunks": (), "dtype": "?"},
    {"shape": (0, 4)}, {"dtype": "f4", "fill_value": math.nan}, {"dimension_names": ["y", "x"]}, {"chunks": "auto"},
], ids=lambda arguments: ",".join(arguments))  # fmt: skip
def test_documents_are_in_the_safest_subset(arguments):
    """What every reader of Zarr 3 is known to take: long forms, no nulls, no zeros, nothing that may be left out."""
    store = {}
    sz.create_array(store, "g/a", **({"shape": (6, 8), "dtype": "i4", "chunks": (3, 4)} | arguments))
    text = store["g/a/zarr.json"].decode()

    def refuse(token):
        raise AssertionError(token)

    made = json.loads(text, parse_constant=refuse)
    assert None not in [*walk(made)]
    assert not made.keys() & {"attributes", "storage_transformers", "must_understand"}
    assert made["chunk_grid"]["name"] == "regular"
    assert all(n > 0 for n in made["chunk_grid"]["configuration"]["chunk_shape"])
    assert made["chunk_key_encoding"] == {"name": "default", "configuration": {"separator": "/"}}
    for item in walk(made["codecs"]):
        if isinstance(item, dict) and "name" in item:
            assert item.keys() <= {"name", "configuration"}
            if item["name"] == "blosc":
                assert item["configuration"].keys() == {"cname", "clevel", "shuffle", "typesize", "blocksize"}
            if item["name"] == "bytes":
                assert ("configuration" in item) == (np.dtype(made["data_type"]).itemsize > 1 or "index" in text)
            if item["name"] == "zstd":
                assert item["configuration"]["checksum"] is False
            if item["name"] == "sharding_indexed":
                assert item["configuration"]["index_codecs"] == [LITTLE, CRC32C]
                assert item["configuration"]["index_location"] == "end"
    assert document(store) == document(store, "g") == {"zarr_format": 3, "node_type": "group"}
