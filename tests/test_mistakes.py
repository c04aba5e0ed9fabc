"""Mistakes that people make, and what the error says of each: the place, what is wrong, what to do."""

import os
import pickle
import re
import shutil
import subprocess
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import TooLargeError, ZarrError
from simplezarr.stores.wrapper import WrapperStore
from tests.support.helpers import PYTHON

GROUP = b'{"zarr_format": 3, "node_type": "group"}'


class GetAlone(sz.Store):
    """A store with the one method that a store must have."""

    def get(self, key):
        return {"zarr.json": GROUP}.get(key)


class NotPortable(GetAlone):
    """A store that can't be pickled."""

    def __init__(self):
        self.lock_of_threads = threading.Lock()


class HoldsData(GetAlone):
    """A store whose pickle holds the data."""

    def __init__(self):
        self.data = bytes(1_000_000)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a directory with a few nodes and a few other things."""
    place = tmp_path_factory.mktemp("mistakes")
    sz.save(place / "array", np.zeros((4, 6), "f4"), chunks=(2, 3))
    sz.save(place / "group", {"x": [1, 2]})
    np.save(place / "x.npy", np.zeros(3))
    (place / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(8))
    (place / "x.tif").write_bytes(b"II*\0" + bytes(8))
    sz.save(place / "stale", {"x": [1, 2], "left": [3]})
    sz.open_group(place / "stale", mode="a").consolidate_metadata()
    shutil.rmtree(place / "stale" / "x")  # as other software does
    (place / "empty").mkdir()
    (place / "other").mkdir()
    (place / "other" / "notes.txt").write_text("text")
    (place / "broken").mkdir()
    (place / "broken" / "zarr.json").write_text("{")
    (place / "damaged").mkdir()
    sz.save(place / "damaged", np.arange(6.0), chunks=3, codecs=["bytes", "zstd"])
    (place / "damaged" / "c" / "0").write_bytes(b"xx")
    shards = [sz.codecs.Sharding(chunk_shape=(3,), codecs=[sz.codecs.Bytes()]), "zstd"]
    sz.save(place / "compressed", np.arange(6.0), chunks=6, codecs=shards)
    return place


def make(**arguments):
    return lambda place: sz.create_array({}, **{"shape": 9, "dtype": "u1"} | arguments)


def array(place):
    return sz.open_array(place / "array", mode="r+")


def group(place):
    return sz.open_group(place / "group", mode="r+")


def delete_element(place):
    a = array(place)
    del a[0]


def assign(place):
    sz.open_array(place / "array")[0] = 1


MODE = "mode: "
#: The mistake: what is done, the error, and the parts of its message: the place, what is wrong, what to do.
MISTAKES = {
    # opening
    "no such directory": (lambda p: sz.open(p / "no"), sz.NodeNotFoundError, "no'", "does not exist", "check the path"),
    "no such node": (lambda p: sz.open(p / "array", "k"), sz.NodeNotFoundError, "/k of", "has none", "check the path"),
    "an empty directory": (lambda p: sz.open(p / "empty"), sz.NodeNotFoundError, "empty'", "an empty", "store a node"),
    "another directory": (lambda p: sz.open(p / "other"), sz.NodeNotFoundError, "other'", "no Zarr", "check the path"),
    "the directory above": (lambda p: sz.open(p), sz.NodeNotFoundError, "/ of", "Zarr in it", "open one of these"),
    "a file of HDF5": (
        lambda p: sz.open(p / "x.h5"),
        sz.NodeNotFoundError,
        "x.h5",
        "an HDF5 file",
        "h5py or xarray opens",
    ),
    "a file of TIFF": (lambda p: sz.open(p / "x.tif"), sz.NodeNotFoundError, "x.tif", "a TIFF file", "tifffile opens"),
    "a file of NumPy": (lambda p: sz.open(p / "x.npy"), sz.NodeNotFoundError, "x.npy", "of NumPy", "numpy.load opens"),
    "an empty dict": (lambda p: sz.open({}), sz.NodeNotFoundError, "MemoryStore", "none of the keys", "store a node"),
    "an array as group": (lambda p: sz.open_group(p / "array"), sz.MetadataError, "/ of", "is an array", "open_array"),
    "a group as array": (lambda p: sz.open_array(p / "group"), sz.MetadataError, "/ of", "is a group", "open_group"),
    "mode w": (lambda p: sz.open(p, mode="w"), ValueError, MODE, "'w' is not", "overwrite=True"),
    "mode a": (lambda p: sz.open(p, mode="a"), ValueError, MODE, "'a' is not", "require_array"),
    "mode w-": (lambda p: sz.open(p, mode="w-"), ValueError, MODE, "'w-' is not", "create_array"),
    "mode w of a group": (lambda p: sz.open_group(p, mode="w"), ValueError, MODE, "'r', 'r+' or 'a'", "overwrite=True"),
    "an unknown mode": (lambda p: sz.open(p, mode="rw"), ValueError, MODE, "'rw' is not", "'r+' to change"),
    "mode None": (lambda p: sz.open(p, mode=None), ValueError, MODE, "None is not", "'r' to read"),
    "r by position": (lambda p: sz.open(p / "array", "r"), sz.NodeNotFoundError, "/r of", "none of", "mode='r'"),
    "r+ by position": (lambda p: sz.open(p / "array", "r+"), sz.NodeNotFoundError, "/r+ of", "none of", "mode='r+'"),
    "a by position": (
        lambda p: sz.open_group(p / "new", "a"),
        sz.NodeNotFoundError,
        "/a of",
        "none of",
        "open_group(mode='a')",
    ),
    "w by position": (
        lambda p: sz.open_array(p / "new", "w"),
        sz.NodeNotFoundError,
        "/w of",
        "none of",
        "overwrite=True",
    ),
    "a URL with two slashes": (
        lambda p: sz.open("file://tmp/x"),
        sz.UnsupportedError,
        "'file://tmp/x'",
        "another machine",
        "'file:///tmp/x'",
    ),
    "a URL of an unknown kind": (lambda p: sz.open("gopher://host/x"), sz.UnsupportedError, "gopher://host/x"),
    "a value to update": (
        lambda p: sz.MemoryStore().update("a", 5),
        TypeError,
        "'a': ",
        "change must be a function of the stored value, not int",
        "call set",
    ),
    "None as store": (lambda p: sz.open(None), TypeError, "store: ", "None is not a store", "give a path"),
    "bytes as store": (lambda p: sz.open(b"x"), TypeError, "store: ", "bytes is not a store", "give a path"),
    "None as path": (lambda p: sz.open(p, None), TypeError, "path: ", "None is not a path", "'' for the root"),
    "a number as path": (lambda p: group(p)[0], TypeError, "path: ", "int is not a path", "give a str"),
    "a path upwards": (lambda p: sz.open(p, "../x"), ValueError, "'../x'", "periods only", "leave it out"),
    "a missing child": (
        lambda p: group(p)["y"],
        sz.NodeNotFoundError,
        "there is",
        "no node 'y' in group /",
        "it holds x",
    ),
    **{
        f"a child in a stale copy, {how}": (
            do,
            sz.NodeNotFoundError,
            "LocalStore(",
            "'zarr.json' names it in its consolidated metadata, which are out of date",
            "stale lists what differs, consolidate_metadata() makes them anew",
        )
        for how, do in {
            "by its path": lambda p: sz.open(p / "stale", "x"),
            "as a store": lambda p: sz.open_array(p / "stale" / "x"),
            "for writing": lambda p: sz.open_group(p / "stale", mode="r+")["x"],
            "from the store": lambda p: sz.open_group(p / "stale", consolidated=False)["x"],
            "to be deleted": lambda p: sz.open_group(p / "stale", mode="r+").__delitem__("x"),
        }.items()
    },
    "a document cut off": (lambda p: sz.open(p / "broken"), sz.MetadataError, "zarr.json: ", "not a JSON", "restore"),
    "an empty document": (
        lambda p: sz.open({"zarr.json": b""}),
        sz.MetadataError,
        "zarr.json: ",
        "empty",
        "it must be",
    ),
    "a damaged chunk": (lambda p: sz.load(p / "damaged"), sz.ChunkError, "chunk (0,), key 'c/0'", "zstd", "damaged"),
    # using
    "reading into whole numbers": (
        lambda p: array(p).read(out=np.zeros((4, 6), "i4")),
        TypeError,
        "array /: ",
        "Cannot cast array data from dtype('float32') to dtype('int32')",
        "let out be of dtype float32",
    ),
    "changing a damaged chunk": (
        lambda p: sz.open(p / "damaged", mode="r+").write(0, 5),
        sz.ChunkError,
        "chunk (0,), key 'c/0'",
        "the chunk is unchanged",
        "write again",
    ),
    "the bytes of a chunk of a compressed shard": (
        lambda p: sz.open(p / "compressed").get_encoded_chunk(1),
        sz.UnsupportedError,
        "array '/', chunk (1,): ",
        "no bytes of its own",
        "call get_chunk",
    ),
    "deleting an element": (delete_element, TypeError, "del: ", "can't be deleted", "assign to them"),
    "deleting a missing child": (
        lambda p: group(p).__delitem__("y"),
        sz.NodeNotFoundError,
        "/y of",
        "no such node",
        "check the path",
    ),
    "comparing": (lambda p: array(p) > 5, TypeError, "> ", "compares values that are stored", "a[...] > 5"),
    "comparing with None": (lambda p: array(p) == None, TypeError, "== ", "compares values", "a is None"),  # noqa: E711
    "comparing with an object": (lambda p: array(p) != {}, TypeError, "!= ", "compares values", "a[...] != {}"),
    "comparing for equality": (lambda p: array(p) == 3, TypeError, "== ", "compares values", "a[...] == 3"),
    "adding": (lambda p: array(p) + 1, TypeError, "+ ", "values that are stored", "a[...] + "),
    "the truth of many": (lambda p: bool(array(p)), ValueError, "the truth value", "is ambiguous", "a[...].any()"),
    "the number of many": (lambda p: float(array(p)), TypeError, "shape (4, 6)", "not a single", "select one element"),
    "writing without r+": (assign, sz.ReadOnlyError, "/ of", "opened for reading", 'mode="r+"'),
    "another shape": (
        lambda p: setattr(array(p), "shape", (3,)),
        AttributeError,
        "Array.shape",
        "can't be assigned",
        "resize(shape)",
    ),
    "an attribute that is no JSON": (
        lambda p: array(p).attrs.update(x=object()),
        TypeError,
        'attributes["x"]: ',
        "is not JSON",
        "convert it",
    ),
    "NaN as attribute": (
        lambda p: array(p).attrs.update(x=float("nan")),
        ValueError,
        'attributes["x"]: ',
        "is not JSON",
        'store a string such as "NaN"',
    ),
    "appending another shape": (
        lambda p: array(p).append(np.zeros((2, 5))),
        ValueError,
        "data: ",
        "can't be appended",
        "the other lengths must be the same",
    ),
    "appending along no axis": (
        lambda p: array(p).append(np.zeros((2, 6)), axis=5),
        IndexError,
        "axis: ",
        "5 is not an axis",
        "give one from -2 to 1",
    ),
    "no threads": (
        lambda p: sz.set_num_threads(0),
        ValueError,
        "number of threads",
        "at least 1",
        "1 means no threads",
    ),
    "a name of zarr": (lambda p: sz.zeros, AttributeError, "module", "no attribute 'zeros'", "create_array(store"),
    "a name of nobody": (lambda p: sz.colour, AttributeError, "module", "no attribute 'colour'", "help(simplezarr)"),
    "a method of NumPy": (lambda p: array(p).mean(), AttributeError, "'Array'", "'mean'", "a.read().mean()"),
    "an attribute of NumPy": (
        lambda p: array(p).T,
        AttributeError,
        "'Array'",
        "'T'",
        "read them first, as in a.read().T",
    ),
    "another data type": (lambda p: array(p).astype("f8"), AttributeError, "'Array'", "'astype'", "a.read().astype()"),
    "an attribute of zarr": (lambda p: array(p).compressor, AttributeError, "'Array'", "'compressor'", "codecs has"),
    "a method of h5py": (
        lambda p: group(p).create_dataset("d"),
        AttributeError,
        "'Group'",
        "'create_dataset'",
        "create_array(name",
    ),
    # creating
    "no shape": (lambda p: sz.create_array({}, dtype="f4"), TypeError, "create_array", "needs", "shape and dtype, or"),
    "no data": (lambda p: sz.save({}, None), TypeError, "save", "needs data", "a mapping of names"),
    "chunks of length 0": (make(chunks=0), sz.MetadataError, "chunks[0]: ", "0 is not a chunk length", "-1 stands for"),
    "shards across chunks": (make(chunks=2, shards=3), sz.MetadataError, "shards[0]: ", "not a multiple", "such as 4"),
    "a fill value too large": (make(fill_value=300), sz.MetadataError, "fill_value: ", "300 is not", "give an integer"),
    "an unknown codec": (make(codecs=["x"]), sz.UnsupportedError, "codecs[0]: ", 'unknown codec "x"', "register_codec"),
    "codecs None": (make(codecs=None), TypeError, "codecs: ", "None", "give [] for no compression"),
    "compressor": (make(compressor="zstd"), TypeError, "create_array", "'compressor'", 'codecs="zstd"'),
    "compression": (make(compression="gzip"), TypeError, "create_array", "'compression'", 'codecs="zstd"'),
    "filters": (make(filters=[]), TypeError, "create_array", "'filters'", "codecs=[filter"),
    "order": (make(order="F"), TypeError, "create_array", "'order'", "Transpose"),
    "an unknown argument": (make(chunkz=3), TypeError, "create_array", "'chunkz'", "help(simplezarr.create_array)"),
    "dtype object": (make(dtype=object), TypeError, "dtype: ", "object says nothing", 'give "string" or "bytes"'),
    "an unknown dtype": (make(dtype="float33"), sz.UnsupportedError, "dtype: ", "'float33'", "the name of a data type"),
    "a generator": (
        lambda p: sz.create_array({}, data=(i for i in range(3))),
        TypeError,
        "data: ",
        "generator has no shape",
        "a.append(part)",
    ),
    "what exists": (
        lambda p: sz.create_group(p / "group"),
        sz.NodeExistsError,
        "/ of",
        "already exists",
        "overwrite=True",
    ),
    "a node below an array": (
        lambda p: sz.create_group(p / "array", "b"),
        sz.NodeExistsError,
        "/ of",
        "/b can't be created below it",
        "choose another path",
    ),
    "a name of documents": (
        lambda p: sz.create_group(p / "group", "zarr.json"),
        ValueError,
        "'zarr.json'",
        "reserved for metadata",
        "choose another",
    ),
}


#: Errors about arguments, before any store is asked.
ABOUT_ARGUMENTS = {
    *(
        "a URL with two slashes",
        "a URL of an unknown kind",
        "chunks of length 0",
        "shards across chunks",
        "a fill value too large",
    ),
    *("an unknown codec", "an unknown dtype"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_its_remedy(place, mistake):
    do, kind, *parts = MISTAKES[mistake]
    with pytest.raises(kind) as info:
        do(place)
    assert re.search(".*".join(map(re.escape, parts)), str(info.value), re.DOTALL), str(info.value)

    if isinstance(info.value, ZarrError) and mistake not in ABOUT_ARGUMENTS:
        assert isinstance(info.value.store, sz.Store)
        assert repr(info.value.store) in str(info.value)


def test_the_table_is_long():
    assert len(MISTAKES) >= 60


@pytest.mark.parametrize("mistake", [name for name, row in MISTAKES.items() if issubclass(row[1], ZarrError)])
def test_a_pickled_error_keeps_its_text_and_a_store_of_files(place, mistake):
    do, kind, *_ = MISTAKES[mistake]
    with pytest.raises(kind) as info:
        do(place)
    error = pickle.loads(pickle.dumps(info.value))
    assert (type(error), str(error)) == (type(info.value), str(info.value))
    kept = info.value.store if isinstance(info.value.store, sz.LocalStore) else None
    assert (type(error.store), repr(error.store)) == (type(kept), repr(kept))


@pytest.mark.parametrize("store", [NotPortable(), HoldsData(), sz.MemoryStore({"x": bytes(1_000_000)})], ids=repr)
def test_a_pickled_error_leaves_a_store_behind_that_holds_data_or_cannot_be_pickled(store):
    with pytest.raises(sz.NodeNotFoundError) as info:
        sz.open(store, "a")
    assert info.value.store is store
    pickled = pickle.dumps(info.value)
    error = pickle.loads(pickled)
    assert error.store is None
    assert repr(store) in str(error)
    assert len(pickled) < 10_000


def test_the_first_store_that_is_noted_stays_and_is_named_once():
    inner, outer = sz.MemoryStore(), WrapperStore(sz.MemoryStore())
    error = sz.MetadataError("zarr.json: empty").of_store(inner).of_store(outer)
    assert error.store is inner
    assert str(error) == "zarr.json: empty (in MemoryStore(0 keys))"
    error = pickle.loads(pickle.dumps(TooLargeError("'a' has 3 bytes", 3).of_store(inner)))
    assert (error.size, str(error)) == (3, "'a' has 3 bytes (in MemoryStore(0 keys))")


def test_a_chunk_error_keeps_its_place_in_a_pickle(place):
    with pytest.raises(sz.ChunkError) as info:
        sz.load(place / "damaged")
    error = pickle.loads(pickle.dumps(info.value))
    assert (error.path, error.index, error.key, error.codec) == ("", (0,), "c/0", "zstd")
    assert error.store.root == str(place / "damaged")


def test_an_error_of_what_is_copied_names_the_source(place):
    target = sz.create_array(sz.MemoryStore(), shape=6, dtype="f8", chunks=2)
    with pytest.raises(sz.ChunkError) as info:
        target[...] = sz.open(place / "damaged")
    assert info.value.store.root == str(place / "damaged")


@pytest.mark.parametrize("dtype", ["u1", "string"])
def test_an_error_that_a_store_raises_in_a_thread_names_the_store(dtype):
    class Refusing(sz.MemoryStore):
        def set(self, key, value):
            if key.endswith("c/1"):
                raise sz.UnsupportedError(f"{key!r}: no room")
            super().set(key, value)

    store = Refusing()
    array = sz.create_array(store, shape=4, dtype=dtype, chunks=1)
    with pytest.raises(sz.UnsupportedError, match=r"no room \(in Refusing\(") as info:
        array[...] = np.array(list("1234"), array.dtype)
    assert info.value.store is store


@pytest.mark.parametrize("question", [
    lambda store: list(sz.open_group(store)),
    lambda store: sz.open_group(store)["x"].nchunks_stored,
    lambda store: sz.open_group(store, mode="r+")["x"].resize(3),
    lambda store: sz.open_group(store, mode="r+").create_array("y", data=[1]),
    lambda store: sz.open_group(store, mode="r+").attrs.update(a=1),
])  # fmt: skip
def test_what_a_store_refuses_by_itself_names_the_store(question):
    class Refusing(sz.MemoryStore):
        def check_writable(self, key):
            if len(self.values) > 2:
                raise sz.ReadOnlyError(f"{key!r}: not now")

        def list(self, prefix=""):
            raise sz.UnsupportedError(f"{prefix!r}: not listed")

        def list_dir(self, prefix=""):
            return self.list(prefix)

    sz.save(complete := {}, {"x": [1, 2]})
    store = Refusing(complete)
    with pytest.raises(sz.ZarrError, match=r": not .* \(in Refusing\(") as info:
        question(store)
    assert info.value.store is store


def test_errors_of_copies_in_consolidated_metadata_name_the_store():
    store = sz.MemoryStore()
    sz.create_array(store, "a", shape=2, dtype="u1")
    sz.open_group(store, mode="a").consolidate_metadata()
    store.values["zarr.json"] = store.values["zarr.json"].replace(b'"uint8"', b'"uint9"')
    with pytest.raises(sz.UnsupportedError, match="uint9") as info:
        sz.open_group(store)["a"]
    assert info.value.store is store


def test_errors_of_children_name_the_store_but_a_tree_does_not():
    store = sz.MemoryStore()
    sz.create_array(store, "a", shape=2, dtype="u1")
    store.values["a/zarr.json"] = store.values["a/zarr.json"].replace(b'"uint8"', b'"uint9"')
    group = sz.open_group(store)
    with pytest.raises(sz.UnsupportedError, match="uint9") as info:
        dict(group.items())
    assert info.value.store is store
    assert "uint9" in str(group.tree())
    assert "MemoryStore" not in str(group.tree())


def test_a_copy_that_was_dropped_is_not_called_stale():
    store = sz.MemoryStore()
    sz.save(store, {"x": [1], "y": [2]})
    sz.open_group(store, mode="a").consolidate_metadata()
    group = sz.open_group(store, mode="r+")
    del group["x"]
    with pytest.raises(sz.NodeNotFoundError, match=r"; it holds y$"):
        group["x"]


def test_a_missing_node_is_a_missing_file_and_a_missing_key(tmp_path):
    for kind in (KeyError, FileNotFoundError, OSError):
        with pytest.raises(kind) as info:
            sz.open(tmp_path / "no")
    assert info.value.errno == 2


def test_a_store_with_get_alone_can_be_asked():
    group = sz.open(GetAlone())
    assert repr(group) == "<Group />"
    with pytest.raises(sz.NodeNotFoundError, match="no node 'x' in group / of GetAlone"):
        group["x"]
    with pytest.raises(sz.UnsupportedError, match="define one") as info:
        list(group)
    assert info.value.store is group.store


def test_a_warning_points_at_the_line_that_caused_it():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sz.create_array({}, shape=(2, 2), dtype="u1", dimension_names=["x", "x"])
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]


def test_a_source_tree_that_is_not_built_says_so(tmp_path):
    package = Path(sz.__file__).parent
    shutil.copytree(package, tmp_path / "simplezarr", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    command = [*PYTHON, "-c", "import simplezarr; simplezarr.open({})"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    (tmp_path / "setup.py").touch()
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False).stderr
    last = told.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: {tmp_path}: this source tree is not built"), told
    assert "start Python in another directory, or build it there" in last
