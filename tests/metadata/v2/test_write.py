"""Writing Zarr 2: arrays and groups that are made and changed here, read by zarr-python, tensorstore and ourselves."""

import json

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs import Blosc, Gzip, Transpose
from tests.oracle.v3 import dump
from tests.support.helpers import Counting

zarr = pytest.importorskip("zarr")
tensorstore = pytest.importorskip("tensorstore")
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

TYPES = "bool i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 c8 c16".split()  # noqa: SIM905
OTHERS = ["U3", "S4", "V5", "M8[ns]", "m8[10s]", [("a", "u2"), ("b", "f8"), ("c", "S2")]]
F_ORDER = Transpose((1, 0))
CHAINS = {
    "default": "auto",
    "none": ["bytes"],
    "F": [F_ORDER, "bytes", "gzip"],
    "big": [{"name": "bytes", "configuration": {"endian": "big"}}, Blosc("lz4")],
    "bit": [F_ORDER, "bytes", Blosc(shuffle="bitshuffle", clevel=1)],
    "filters": ["numcodecs.delta", "bytes", "numcodecs.shuffle", {"name": "zstd", "configuration": {"level": 1}}],
    "checksum": ["bytes", "numcodecs.zlib", "numcodecs.crc32", "crc32c"],
    "others": ["bytes", "numcodecs.lz4"],
    "bz2": ["bytes", "numcodecs.bz2"],
}


def sample(dtype, shape=(7, 5)):
    """Some values."""
    dtype = np.dtype(dtype)
    if dtype.kind in "US":
        return np.array([str(i) for i in range(35)], dtype).reshape(shape)
    if dtype.fields:
        array = np.zeros(shape, dtype)
        array["a"], array["b"] = np.arange(35).reshape(shape), -1.5
        return array
    if dtype.kind == "V":
        return np.frombuffer(bytes(range(35)) * dtype.itemsize, dtype).reshape(shape)
    return np.arange(35).astype("i8" if dtype.kind in "Mm" else dtype).reshape(shape).astype(dtype)


def documents(directory):
    """The documents in a directory."""
    return {path.name: json.loads(path.read_text()) for path in directory.iterdir() if path.name[:2] == ".z"}


@pytest.mark.parametrize("chain", ["default", "F"])
@pytest.mark.parametrize("dtype", [*TYPES, *OTHERS], ids=str)
def test_zarr_python_reads_what_is_created(dtype, chain, tmp_path):
    data = sample(dtype)
    arr = sz.create_array(tmp_path, data=data, chunks=(4, 3), codecs=CHAINS[chain], zarr_format=2, attributes={"a": 1})
    theirs = zarr.open_array(str(tmp_path), mode="r")
    assert (theirs.metadata.zarr_format, theirs.attrs["a"], theirs.dtype) == (2, 1, data.dtype)
    assert theirs[...].tobytes() == data.tobytes()
    assert sz.open_array(tmp_path)[...].tobytes() == arr[...].tobytes() == data.tobytes()
    assert (tmp_path / "1.1").exists()
    zarr.create_array(
        str(tmp_path / "again"), shape=data.shape, dtype=data.dtype, chunks=(4, 3), zarr_format=2, attributes={"a": 1},
        compressors=theirs.metadata.compressor, order=theirs.metadata.order, fill_value=theirs.fill_value,
    )  # fmt: skip
    ours, wanted = documents(tmp_path), documents(tmp_path / "again")
    assert ours == wanted


@pytest.mark.parametrize("separator", "./")
@pytest.mark.parametrize("name", CHAINS)
def test_chains(name, separator, tmp_path):
    data = sample("i4")
    keys = {"name": "v2", "configuration": {"separator": separator}}
    sz.create_array(tmp_path, data=data, chunks=(4, 3), codecs=CHAINS[name], chunk_key_encoding=keys, zarr_format=2)
    assert (zarr.open_array(str(tmp_path), mode="r")[...] == data).all()
    assert (sz.open_array(tmp_path)[...] == data).all()
    if not {"filters", "checksum", "others"} & {name}:  # tensorstore has no filters
        spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": str(tmp_path)}}
        assert (tensorstore.open(spec, open=True).result().read().result() == data).all()


@pytest.mark.parametrize("dtype", [np.dtypes.StringDType(), object])
def test_elements_that_vary_in_size(dtype, tmp_path):
    values = [["a", "", "hé"], ["x" * 99, "y", "z"]]
    if dtype is object:
        values = [[item.encode() for item in row] for row in values]
    sz.create_array(tmp_path, data=np.array(values, dtype), chunks=(1, 2), zarr_format=2)
    assert documents(tmp_path)[".zarray"]["dtype"] == "|O"
    assert zarr.open_array(str(tmp_path), mode="r")[...].tolist() == values
    assert sz.open_array(tmp_path)[...].tolist() == values


def test_fields_of_both_byte_orders_are_written_as_they_were(tmp_path):
    dtype = np.dtype([("a", "<u2"), ("b", ">f4")])
    theirs = zarr.create_array(str(tmp_path), shape=(6,), chunks=(4,), dtype=dtype, zarr_format=2)
    arr = sz.open_array(tmp_path, mode="r+")
    arr[1:5] = np.array([(i, i / 2) for i in range(4)], arr.dtype)
    assert theirs[...].tolist() == [(0, 0), (0, 0), (1, 0.5), (2, 1), (3, 1.5), (0, 0)]
    arr.attrs["x"] = 1
    arr.resize(3)
    assert zarr.open_array(str(tmp_path), mode="r")[...].tolist() == [(0, 0), (0, 0), (1, 0.5)]
    assert documents(tmp_path)[".zarray"]["dtype"] == [["a", "<u2"], ["b", ">f4"]]


REFUSED = [
    ("shards", {"shards": (4, 4)}), ("shards", {"shards": "auto"}),
    ("dimension_names", {"dimension_names": ["y", "x"]}),
    ("chunk key encoding", {"chunk_key_encoding": {"name": "default"}}),
    ("order", {"shape": (4, 4, 4), "chunks": (2, 2, 2), "codecs": [Transpose((1, 2, 0))]}),
    ("scale_offset", {"codecs": ["scale_offset"]}),
    ("NaN", {"dtype": "f4", "fill_value": "0x7fc00001"}),
    ("sharding", {"codecs": [sz.codecs.Sharding((2, 2), (sz.codecs.Bytes(),))]}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "arguments"), REFUSED)
def test_what_zarr_2_can_not_say(message, arguments):
    store = {}
    with pytest.raises(sz.UnsupportedError, match=message):
        sz.create_array(store, **{"shape": (4, 4), "chunks": (2, 2), "dtype": "f8", "zarr_format": 2, **arguments})
    assert store == {}


def test_groups(tmp_path):
    root = sz.create_group(tmp_path, attributes={"title": "x"}, zarr_format=2)
    root.create_array("a/b", data=[1, 2, 3])
    root.require_group("c").attrs["n"] = 5
    root.create_group("three", zarr_format=3)
    theirs = zarr.open_group(str(tmp_path), mode="r")
    assert dict(theirs.attrs) == {"title": "x"}
    assert theirs["a/b"][...].tolist() == [1, 2, 3]
    assert dict(theirs["c"].attrs) == {"n": 5}
    assert [root[path].metadata.zarr_format for path in ("a", "a/b", "c", "three")] == [2, 2, 2, 3]
    assert documents(tmp_path / "a") == {".zgroup": {"zarr_format": 2}, ".zattrs": {}}
    with pytest.raises(sz.UnsupportedError, match="three"):
        root.consolidate_metadata()
    del root["three"], root["a/b"]
    assert [list(root), list(root["a"])] == [["a", "c"], []]
    with pytest.raises(sz.NodeExistsError):
        sz.create_group(tmp_path, "a")
    assert sz.create_group(tmp_path, "a", overwrite=True).metadata.zarr_format == 2
    assert sz.create_group(tmp_path, "a", overwrite=True, zarr_format=3).metadata.zarr_format == 3
    assert documents(tmp_path / "a") == {}


def test_nothing_is_made_below_an_array():
    store = {}
    sz.create_array(store, "a", data=[1], zarr_format=2)
    with pytest.raises(sz.NodeExistsError, match="/a"):
        sz.create_array(store, "a/b", data=[1])
    with pytest.raises(sz.NodeExistsError):
        sz.create_array(store, "a", data=[1], zarr_format=3)
    sz.create_array(store, "a", data=[2], zarr_format=3, overwrite=True)
    assert sorted(store) == ["a/c/0", "a/zarr.json", "zarr.json"] or sorted(store)[:2] == [".zattrs", ".zgroup"]
    assert sz.open_array(store, "a")[0] == 2


def test_each_change_writes_its_document():
    store = Counting({})
    store.set = lambda key, value: (store.calls.append(("set", key)), store.data.__setitem__(key, value))
    store.delete = lambda key: store.data.pop(key, None)
    arr = sz.create_array(store, "a", shape=(4,), dtype="i2", chunks=2, zarr_format=2, codecs=[Gzip(1)])

    def written():
        return [key for call, key, *_ in store.take() if call == "set"]

    assert written() == [".zattrs", ".zgroup", "a/.zattrs", "a/.zarray"]
    arr.attrs["x"] = 1
    assert written() == ["a/.zattrs"]
    arr.resize(3)
    assert written() == ["a/.zarray"]
    arr.append([7, 8])
    assert written()[-1] == "a/.zarray"
    again = sz.open_array(store, "a")
    assert (again.shape, dict(again.attrs), again[...].tolist()) == ((5,), {"x": 1}, [0, 0, 0, 7, 8])


def test_a_fill_value_that_is_undefined_stays_so():
    document = {"zarr_format": 2, "shape": [4], "chunks": [2], "dtype": "<f4", "fill_value": None, "order": "C",
                "filters": None, "compressor": None, "_NCZARR_ARRAY": {}}  # fmt: skip
    store = {".zarray": json.dumps(document).encode()}
    arr = sz.open_array(store, mode="r+")
    arr.resize(6)
    assert json.loads(store[".zarray"]) == {**document, "shape": [6]}
    arr[...] = 0
    assert sorted(store) == [".zarray"]


def test_consolidated_metadata(tmp_path):
    root = sz.create_group(tmp_path, zarr_format=2, attributes={"n": 0})
    root.create_array("g/a", data=[1, 2], attributes={"x": 1})
    root.consolidate_metadata()
    theirs = zarr.open_consolidated(str(tmp_path), zarr_format=2)
    assert theirs["g/a"][...].tolist() == [1, 2]
    ours = documents(tmp_path)[".zmetadata"]["metadata"]
    assert sorted(ours) == [".zattrs", ".zgroup", "g/.zattrs", "g/.zgroup", "g/a/.zarray", "g/a/.zattrs"]
    assert ours["g/a/.zattrs"] == {"x": 1}
    assert set(sz.open(tmp_path).metadata.consolidated) == {"g", "g/a"}
    root["g/a"].attrs["x"] = 2  # a change below makes the copy stale
    assert ".zmetadata" not in documents(tmp_path)
    root.consolidate_metadata()
    root.attrs["n"] = 1  # also that of the group itself is in it
    stored = documents(tmp_path)
    assert stored[".zattrs"] == stored[".zmetadata"]["metadata"][".zattrs"] == {"n": 1}


def test_overwriting_leaves_nothing(tmp_path):
    dump({".zgroup": b"{}", ".zattrs": b'{"old": 1}', ".zmetadata": b"{}", "x/.zgroup": b"{}"}, tmp_path)
    arr = sz.create_array(tmp_path, data=[1], overwrite=True, zarr_format=2)
    assert {path.name for path in tmp_path.iterdir()} == {".zarray", ".zattrs", "0"}
    assert dict(arr.attrs) == dict(sz.open(tmp_path).attrs) == {}
