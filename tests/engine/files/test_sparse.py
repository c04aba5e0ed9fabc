"""Files that claim to be large and hold nothing: refused by their size, before they are read."""

import os
import struct
import sys

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import ChunkError, MetadataError, TooLargeError
from simplezarr.hierarchy.documents import NODE_DOCUMENTS
from simplezarr.stores import LocalStore, MemoryStore, WrapperStore
from simplezarr.utils import check
from tests.support.helpers import Counting

SIZE = 3 << 30

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs sparse files, and a limit of memory"),
    pytest.mark.filterwarnings("ignore::simplezarr.errors.ZarrWarning"),
]


class Wrapped(WrapperStore):
    in_memory = False


STORES = {
    "local": LocalStore,
    "no links": lambda path: LocalStore(path, follow_symlinks=False),
    "wrapped": lambda path: Wrapped(LocalStore(path)),
}


@pytest.fixture(params=STORES)
def make(request):
    return STORES[request.param]


@pytest.fixture(autouse=True)
def little_memory():
    """Less than one such file more."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def hollow(path, size=SIZE, at=0, data=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
        os.pwrite(file.fileno(), data, at)


V2_ARRAY = (
    b'{"zarr_format":2,"shape":[4],"chunks":[4],"dtype":"<i4","fill_value":0,"order":"C","compressor":null,'
    b'"filters":null}'
)
V2_GROUP = b'{"zarr_format":2}'
DOCUMENTS = {
    "zarr.json": {},
    ".zarray": {},
    ".zgroup": {},
    ".zattrs": {".zarray": V2_ARRAY},
    ".zattrs of a group": {".zgroup": V2_GROUP},
    ".zmetadata": {".zgroup": V2_GROUP},
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents(name, make, tmp_path):
    for key, document in DOCUMENTS[name].items():
        (tmp_path / key).write_bytes(document)
    hollow(tmp_path / name.split()[0])
    store = make(tmp_path)
    if name.startswith(".z") and name not in NODE_DOCUMENTS:  # it takes no data with it
        with pytest.warns(sz.ZarrWarning, match=f"{SIZE} bytes; the limit"):
            node = sz.open(store, mode="r+")
        if "attrs" in name:
            with pytest.raises(MetadataError, match=f"{SIZE} bytes; the limit"):
                node.attrs["a"] = 1
    else:
        with pytest.raises(MetadataError, match=f"{SIZE} bytes; the limit"):
            sz.open(store)
    problems = check(store).problems
    assert any("bytes; the limit" in problem.message for problem in problems)


CHAINS = {
    "plain": ["vlen-utf8"],
    "zstd": ["vlen-utf8", "zstd"],
    "gzip": ["vlen-utf8", "gzip"],
    "checked": ["vlen-utf8", "crc32c"],
    "in Python": ["vlen-utf8", "numcodecs.bz2"],
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("shards", [None, 4])
def test_chunks_of_text(name, shards, make, tmp_path):
    a = sz.create_array(tmp_path, data=np.array([*"abcd"], "T"), chunks=2, shards=shards, codecs=CHAINS[name])
    path = tmp_path / "c/0"
    if shards is None:
        hollow(path)
    else:  # one inner chunk that is said to be all of the shard
        index = struct.pack("<QQQQ", 0, SIZE - 36, 2**64 - 1, 2**64 - 1)
        index += sz.codecs.Crc32c().encode(index)[-4:]
        hollow(path, at=SIZE - 36, data=index)
    a = sz.open(make(tmp_path), mode="r+")
    with pytest.raises(ChunkError, match=r"chunk \(0,\).*holes that were never written"):
        a[:2]
    if shards is None:
        with pytest.raises(ChunkError, match="holes that were never written"):
            a[0] = "x"
        assert path.stat().st_size == SIZE
    assert a[2:].tolist() == (["c", "d"] if shards is None else ["", ""])
    assert ["never written" in problem.message for problem in check(a.store).problems] == [True]


def test_chunks_whose_size_no_codec_tells(make, tmp_path):
    a = sz.create_array(tmp_path, data=np.arange(4), chunks=2, codecs=["bytes", "numcodecs.bz2"])
    hollow(tmp_path / "c/0")
    a = sz.open(make(tmp_path), mode="r+")
    for do in (lambda: a[0], lambda: a.write(0, 1)):
        with pytest.raises(ChunkError):
            do()
    assert a[2:].tolist() == [2, 3]


@pytest.mark.parametrize("codecs", [["bytes"], ["bytes", "zstd"], ["bytes", "crc32c"]], ids=str)
def test_chunks_at_the_edge_that_are_too_long(codecs, make, tmp_path):
    """They might be stored without what lies outside the array, but are much too long for that, too."""
    sz.create_array(tmp_path, data=np.arange(5), chunks=2, codecs=codecs)
    hollow(tmp_path / "c/2")
    a = sz.open(make(tmp_path), mode="r+")
    for do in (lambda: a[4], lambda: a.get_chunk((2,))):
        with pytest.raises(ChunkError):
            do()
    assert a[:4].tolist() == [0, 1, 2, 3]


def test_an_index_of_a_shard(make, tmp_path):
    n = 1 << 27  # inner chunks: an index of 2 GiB
    sz.create_array(tmp_path, shape=n, dtype="u1", chunks=1, shards=n)
    hollow(tmp_path / "c/0")
    with pytest.raises((ChunkError, MemoryError)):
        sz.open(make(tmp_path))[7]


def test_text_without_holes_is_read_however_long(make, tmp_path, monkeypatch):
    """Only what was never written counts."""
    monkeypatch.setattr("simplezarr.codecs.python_pipeline.FREE_BYTES", 1000)
    monkeypatch.setattr("simplezarr.codecs.python_pipeline.FREE_PER_ELEMENT", 1)
    sz.create_array(tmp_path, data=np.array(["x" * (1 << 20), "y"], "T"), chunks=2, codecs=["vlen-utf8"])
    assert [len(text) for text in sz.open(make(tmp_path))[...]] == [1 << 20, 1]
    sz.open(make(tmp_path), mode="r+")[1] = "z"
    assert sz.open(make(tmp_path))[1] == "z"


@pytest.mark.parametrize("make", [*STORES.values(), lambda path: MemoryStore(), lambda path: Counting({})])
def test_limited(make, tmp_path):
    store = make(tmp_path)
    if isinstance(store, Counting):
        store.data["a/b"] = bytes(5000)
    else:
        store.set("a/b", bytes(5000))
    assert store.get_limited("a/b", 5000) == store.get_limited("a/b", 10, holes=True) == bytes(5000)
    assert store.get_limited("a/c", 10) is None
    with pytest.raises(TooLargeError, match="'a/b' has 5000 bytes; the limit is 4999") as caught:
        store.get_limited("a/b", 4999)
    assert caught.value.size == 5000


def test_a_store_that_overrides_get_is_asked(tmp_path):
    class Doubling(LocalStore):
        def get(self, key):
            value = super().get(key)
            return value and value * 2

    store = Doubling(tmp_path)
    store.set("a", b"12")
    assert store.get_limited("a", 4) == Wrapped(store).get_limited("a", 4) == b"1212"
    with pytest.raises(TooLargeError):
        store.get_limited("a", 3)
