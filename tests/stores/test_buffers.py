"""Stores may return any contiguous buffer: everything reads from it what it would read from bytes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs import register_codec
from simplezarr.codecs.base import BytesBytesCodec
from simplezarr.engine.files.reader import Reader
from simplezarr.stores import MemoryStore, WrapperStore
from simplezarr.testing import check_store
from simplezarr.utils import check

KINDS = {
    "bytearray": bytearray,
    "memoryview": memoryview,
    "writable": lambda value: memoryview(bytearray(value)),
    "numpy": lambda value: np.frombuffer(value, "u1"),
    "signed": lambda value: memoryview(value).cast("b"),
}


class Other(WrapperStore):
    """Returns other buffers than bytes from each method that reads, as a store of another maker may do."""

    kind = staticmethod(bytearray)
    in_memory = False

    def made(self, value):
        return None if value is None else self.kind(value)

    def get(self, key):
        return self.made(self.store.get(key))

    def get_range(self, key, start, length):
        return self.made(self.store.get_range(key, start, length))

    def get_ranges(self, key, ranges):
        parts = self.store.get_ranges(key, ranges)
        return None if parts is None else [*map(self.made, parts)]


class Limited(Other):
    """Does so too if values are asked for by other ways."""

    def get_limited(self, key, limit, *, holes=False):
        return self.made(self.store.get_limited(key, limit, holes=holes))

    def reader(self, key):
        reader = OtherReader(self.store, key, frozenset())
        reader.made = self.made
        return reader


class OtherReader(Reader):
    def get_ranges(self, ranges):
        parts = super().get_ranges(ranges)
        return None if parts is None else [*map(self.made, parts)]


@pytest.fixture(
    params=[(cls, kind) for cls in (Other, Limited) for kind in KINDS], ids=lambda it: it[0].__name__ + it[1]
)
def store(request):
    cls, kind = request.param
    store = cls(MemoryStore())
    store.kind = KINDS[kind]
    return store


def test_conformance(store):
    check_store(store)


@register_codec
@dataclass(frozen=True)
class Turned(BytesBytesCodec):
    """A codec in plain Python, which may take bytes only."""

    name: ClassVar[str] = "tests.turned"

    def encode(self, data):
        return bytes(data)[::-1]

    def decode(self, data):
        assert type(data) is bytes
        return data[::-1]


DATA = np.arange(40 * 30, dtype="<i4").reshape(40, 30)
TEXT = np.array([f"text {i}" for i in range(20)], object)
SETTINGS = {
    "plain": {"chunks": (10, 30)},
    "raw": {"chunks": (10, 30), "codecs": []},
    "shards": {"chunks": (10, 10), "shards": (20, 30)},
    "wrapped shards": {"codecs": [sz.codecs.Sharding((10, 10), ["bytes"]), "zstd"], "chunks": (20, 30)},
    "python": {"chunks": (10, 30), "codecs": ["bytes", Turned()]},
    "python in shards": {"chunks": (10, 10), "shards": (20, 30), "codecs": ["bytes", Turned()]},
    "lists": {"chunks": ([10, 5, 25], 30)},
    "two": {"chunks": (10, 30), "zarr_format": 2},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_arrays(name, store):
    a = sz.create_array(store, "a", data=DATA, **SETTINGS[name])
    same = sz.open_array(MemoryStore(store.store.values), "a")
    a = sz.open_array(store, "a", mode="r+")
    wanted = DATA.copy()
    for _ in range(2):
        assert (a[...] == wanted).all()
        assert (a[3:35:2, ::7] == wanted[3:35:2, ::7]).all()
        assert (a.oindex[[1, 39], [0, 29]] == wanted[[1, 39]][:, [0, 29]]).all()
        assert a[39, 29] == wanted[39, 29]
        a[5:25, 5] = wanted[5:25, 5] = -1
        assert (same[...] == wanted).all()
    assert a.nchunks_stored == same.nchunks_stored
    if name != "wrapped shards":
        assert a.get_encoded_chunk((0, 0)) == same.get_encoded_chunk((0, 0))
    copy = sz.create_array(MemoryStore(), like=a)
    copy[...] = a
    assert (copy[...] == wanted).all()


@pytest.mark.parametrize("shards", [None, 10])
def test_text(shards, store):
    a = sz.create_array(store, "a", data=TEXT, dtype=str, chunks=5, shards=shards)
    a[3:7] = ["x", "y", "z", "long text"]
    assert sz.open_array(store, "a")[2:8].tolist() == ["text 2", "x", "y", "z", "long text", "text 7"]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_hierarchies(zarr_format, store):
    root = sz.create_group(store, attributes={"a": 1}, zarr_format=zarr_format)
    root.create_array("x", data=DATA)
    root.create_group("g").create_array("y", data=DATA + 1)
    root.attrs["b"] = 2
    assert sorted(sz.open_group(store)) == ["g", "x"]
    root.consolidate_metadata()
    opened = sz.open_group(store, mode="r+")
    assert (opened["g/y"][...] == DATA + 1).all()
    assert dict(opened.attrs) == {"a": 1, "b": 2}
    opened["x"].resize((50, 30))
    assert sz.open_array(store, "x").shape == (50, 30)
    assert not check(store).problems
    del opened["g"]
    assert "g" not in sz.open_group(store)


def test_stores_over_it(store, tmp_path):
    sz.save(store, DATA, "x", chunks=(10, 10), shards=(20, 30))
    with sz.ZipStore(store, "inner.zip", mode="w") as archive:
        sz.save(archive, DATA)
    assert (sz.open_array(sz.ZipStore(store, "inner.zip"))[...] == DATA).all()
    for path in (None, tmp_path):
        for trust in ("immutable", 0):
            cache = sz.CacheStore(store, path, size="10 MB", trust=trust)
            for _ in range(2):
                assert (sz.open_array(cache, "x")[5:25] == DATA[5:25]).all()
    refs = {key: [f"memory://there/{key}"] for key in store.list("x")}
    assert (sz.load(sz.stores.ReferenceStore(refs, stores={"memory://there": store}), "x") == DATA).all()
