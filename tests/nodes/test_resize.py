"""Changing an array's shape: compared with NumPy, and with what may lie hidden outside the shape."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simplezarr as sz
from tests.oracle import v3 as oracle
from tests.support.helpers import python

LAYOUTS = {"chunks": {"chunks": (4, 3)}, "shards": {"chunks": (2, 3), "shards": (4, 6)}, "one": {"chunks": (50, 50)}}


def resized(data, shape, fill):
    """What NumPy makes of it."""
    out = np.full(shape, fill, data.dtype)
    both = tuple(slice(min(a, b)) for a, b in zip(data.shape, shape, strict=True))
    out[both] = data[both]
    return out


def bounded(store):
    """The keys of chunks, none of which may lie outside the array."""
    return sorted(key for key in store if not key.endswith("zarr.json"))


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=60)
@given(
    steps=st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), min_size=1, max_size=5), fill=st.integers(0, 3)
)
def test_any_sequence_of_shapes(layout, steps, fill):
    store = {}
    data = np.arange(1, 91, dtype="u2").reshape(9, 10)
    a = sz.create_array(store, data=data, fill_value=fill, **LAYOUTS[layout])
    for shape in steps:
        assert a.resize(shape) is None
        data = resized(data, shape, fill)
        assert a.shape == a.metadata.shape == shape
        assert oracle.same(a[...], data)
        assert oracle.same(oracle.read_array(store), data)
        unit = a.shards or a.chunks
        for key in bounded(store):
            index = a.metadata.chunk_keys.parse(key, 2)
            assert all(i * part < length for i, part, length in zip(index, unit, shape, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_cut_off_is_gone_from_the_stored_bytes(layout):
    store = {}
    a = sz.create_array(store, shape=(9, 10), dtype="u1", codecs=[], fill_value=1, **LAYOUTS[layout])
    a.write(..., 77)
    a.resize((3, 4))
    left = sum(value.count(77) for key, value in store.items() if key != "zarr.json")
    assert left == 12


@pytest.mark.parametrize("layout", LAYOUTS)
def test_garbage_that_others_left_outside_is_never_shown(layout):
    """The oracle fills what sticks out of the array with garbage, which the specification allows."""
    data = np.arange(90, dtype="u2").reshape(9, 10)
    arguments = LAYOUTS[layout]
    codecs = [oracle.LITTLE]
    if "shards" in arguments:
        codecs = [oracle.sharding(arguments["chunks"], codecs)]
    store = oracle.write_array({}, "", data, arguments.get("shards", arguments["chunks"]), codecs=codecs, fill_value=5)
    a = sz.open(store, mode="r+")
    a.resize((20, 21))
    assert oracle.same(a[...], resized(data, (20, 21), 5))


def test_other_dimensions():
    a = sz.create_array({}, data=np.arange(10), chunks=4)
    a.resize(3)
    a.resize([np.int64(6)])
    assert a[...].tolist() == [0, 1, 2, 0, 0, 0]
    a = sz.create_array({}, data=5)
    a.resize(())
    assert a[()] == 5
    data = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    a = sz.create_array({}, data=data, chunks=(3, 2, 4), codecs=[sz.codecs.Transpose((2, 0, 1)), "zstd"])
    a.resize((3, 9, 2))
    assert oracle.same(a[...], resized(data, (3, 9, 2), 0))
    with pytest.raises(IndexError, match="0 dim"):
        sz.create_array({}, data=5).append(3)


@pytest.mark.parametrize("fill", [np.nan, -0.0, np.uint32(0x7FC00123).view("f4")], ids=str)
def test_fill_values_bit_for_bit(fill):
    a = sz.create_array({}, data=np.arange(7, dtype="f4"), chunks=4, fill_value=fill)
    a.resize(5)
    a.resize(9)
    assert a[5:].tobytes() == np.full(4, fill, "f4").tobytes()


def test_huge_sparse_arrays(tmp_path):
    for store in (sz.MemoryStore(), sz.LocalStore(tmp_path)):
        a = sz.create_array(store, shape=(10**9, 10**9), dtype="u1", chunks=(10, 10), fill_value=3)
        a[5:25, 5:25] = 1
        a[10**8, 10**8] = 1
        a.resize((15, 10**9))
        assert a.nchunks_stored == 6
        a.resize((10**12, 10**12))
        a.resize((15, 15))
        assert a.nchunks_stored == 4
        a.resize((30, 30))
        expected = np.full((30, 30), 3)
        expected[5:15, 5:15] = 1
        assert np.array_equal(a[...], expected)


def test_growing_and_aligned_shrinking_rewrite_nothing():
    class Watched(sz.MemoryStore):
        def set(self, key, value):
            written.append(key)
            super().set(key, value)

    written = []
    a = sz.create_array(Watched(), data=np.arange(100), chunks=10)
    for shape in (103, 108, 200, 50):
        del written[:]
        a.resize(shape)
        assert written == ["zarr.json"]


@pytest.mark.parametrize("shape", [(-1, 3), (3,), (3, 3, 3), 3, (1.5, 3), None, "ab", (2**63, 1)], ids=str)
def test_shapes_that_are_none(shape):
    store = {}
    a = sz.create_array(store, data=np.ones((4, 4)))
    before = dict(store)
    with pytest.raises(sz.MetadataError, match=r"^shape"):
        a.resize(shape)
    assert store == before
    assert a.shape == (4, 4)


def test_node_that_was_replaced():
    store = {}
    a = sz.create_array(store, "a", data=np.ones(4))
    for replace in (
        lambda: sz.create_array(store, "a", data=[1, 2], overwrite=True),
        lambda: sz.create_group(store, "a", overwrite=True),
    ):  # fmt: skip
        replace()
        for change in (lambda: a.resize(9), lambda: a.append([1.0])):
            with pytest.raises(sz.MetadataError, match="open it again"):
                change()
    sz.open_group(store, mode="r+").__delitem__("a")
    with pytest.raises(sz.NodeNotFoundError):
        a.resize(9)


# ---------------------------------------------------------------- append


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_append(layout, axis):
    store = {}
    data = np.arange(1, 31, dtype="i4").reshape(5, 6)
    a = sz.create_array(store, data=data, **LAYOUTS[layout])
    for n in (1, 0, 7, 3):
        shape = [5 if axis % 2 else n, n if axis % 2 else 6]
        shape[1 - axis % 2] = data.shape[1 - axis % 2]
        more = np.arange(np.prod(shape), dtype="i2").reshape(shape) + 100
        data = np.append(data, more, axis).astype("i4")
        assert a.append(more, axis) == data.shape == a.shape
        assert oracle.same(a[...], data)
    assert oracle.same(oracle.read_array(store), data)


def test_append_to_nothing():
    a = sz.create_array({}, shape=(0, 3), dtype="f4", fill_value=1)
    assert a.append([[1, 2, 3]]) == (1, 3)
    assert a.append(np.ones((2, 3))) == (3, 3)
    assert a[...].tolist() == [[1, 2, 3], [1, 1, 1], [1, 1, 1]]


def test_what_can_not_be_appended():
    store = {}
    a = sz.create_array(store, data=np.ones((4, 3)))
    before = dict(store)
    for data, axis in [([1, 2, 3], 0), (np.ones((2, 4)), 0), (np.ones((3, 3)), 1), (1, 0), (np.ones((1, 4, 3)), 0)]:
        with pytest.raises(ValueError, match=r"^data: shape"):
            a.append(data, axis)
    for axis in (2, -3):
        with pytest.raises(IndexError, match=r"^axis"):
            a.append([[1, 2, 3]], axis)
    with pytest.raises(TypeError):
        a.append([[1, 2, 3]], 0.0)
    with pytest.raises(ValueError, match="could not convert"):
        a.append([["x", "y", "z"]])
    assert store == before
    assert a.shape == (4, 3)


def test_appends_of_two_handles():
    store = sz.MemoryStore()
    one = sz.create_array(store, data=np.arange(5), chunks=4)
    other = sz.open(store, mode="r+")
    assert (one.append([5, 6]), other.append([7]), one.append([8])) == ((7,), (8,), (9,))
    assert one[...].tolist() == [*range(9)]


def test_threads_lose_no_append(pool):
    store = sz.SlowStore(sz.MemoryStore(), latency=0.0001)
    sz.create_array(store, shape=0, dtype="i4", chunks=7)

    def work(number):
        for i in range(10):
            sz.open(store, mode="r+").append([100 * number + i] * 3)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = sz.open(store)[...].reshape(-1, 3)
    assert (values == values[:, :1]).all()
    assert sorted(values[:, 0]) == sorted(100 * number + i for number in range(4) for i in range(10))


def test_processes_lose_no_append(tmp_path):
    sz.create_array(tmp_path / "x.zarr", shape=0, dtype="i4", chunks=7)
    code = """
import multiprocessing, sys
import simplezarr as sz

def work(number):
    for i in range(10):
        sz.open(sys.argv[1], mode="r+").append([100 * number + i] * 3)

context = multiprocessing.get_context("fork")
processes = [context.Process(target=work, args=(number,)) for number in range(4)]
[process.start() for process in processes]
[process.join() for process in processes]
"""
    python(code, tmp_path / "x.zarr", seconds=60, directory=tmp_path)
    values = sz.open(tmp_path / "x.zarr")[...].reshape(-1, 3)
    assert sorted(values[:, 0]) == sorted(100 * number + i for number in range(4) for i in range(10))


# ---------------------------------------------------------------- what is stored


@pytest.mark.parametrize("keys", ["default", "v2"])
@pytest.mark.parametrize("separator", ["/", "."])
@pytest.mark.parametrize("path", ["", "g/a"])
def test_what_is_stored_is_counted(keys, separator, path, tmp_path):
    encoding = {"name": keys, "configuration": {"separator": separator}}
    for kind in ({}, str(tmp_path)):
        a = sz.create_array(kind, path, shape=(9, 8), dtype="u2", chunks=(2, 3), chunk_key_encoding=encoding, codecs=[])
        assert (a.nchunks, a.nchunks_stored, a.nbytes_stored) == (15, 0, 0)
        a[1:4, 1:4] = 1
        a.store.set(f"{path}/c/x/notes".lstrip("/"), b"no chunk")
        a.store.set(f"{path}/99.0".lstrip("/"), b"a chunk outside")
        assert (a.nchunks_stored, a.nbytes_stored) == (4, 4 * 12)
        assert "4 of 15 chunks, 48 bytes" in str(a.info)


@pytest.mark.parametrize("codecs", [
    [oracle.sharding([2, 3])],
    [oracle.sharding([2, 3], index_location="start")],
    [oracle.sharding([2, 3], index_codecs=[oracle.BIG])],
    [oracle.sharding([2, 3]), oracle.codec("gzip", level=1)],
    [oracle.sharding([2, 3], [oracle.sharding([1, 3])])],
    [oracle.codec("transpose", order=[1, 0]), oracle.sharding([3, 2])],
], ids=["end", "start", "big", "gzip", "nested", "transpose"])  # fmt: skip
def test_chunks_in_shards_are_counted(codecs):
    data = np.zeros((9, 8), "u2")
    data[1:4, 1:4] = 1
    data[8, 7] = 1
    store = oracle.write_array({}, "", data, (4, 6), codecs=codecs)
    a = sz.open(store)
    expected = sum(a.get_chunk(index).any() for index in np.ndindex(a.grid_shape))
    assert a.nchunks_stored == expected == 5
    assert a.nbytes_stored == sum(len(value) for key, value in store.items() if key != "zarr.json")
    assert "of 6 shards" in str(a.info)


def test_damaged_shards_are_not_counted():
    a = sz.create_array({}, data=np.ones(8), chunks=2, shards=4)
    good = a.store.get("c/1")
    for bad in (b"short", good[:-1] + bytes([good[-1] ^ 1])):
        a.store.set("c/1", bad)
        with pytest.raises(sz.ChunkError, match="'c/1': sharding_indexed: "):
            _ = a.nchunks_stored


def test_0d_arrays_are_counted():
    a = sz.create_array({}, shape=(), dtype="u1", codecs=[])
    assert (a.nchunks_stored, a.nbytes_stored) == (0, 0)
    a.write(..., 1)
    assert (a.nchunks_stored, a.nbytes_stored) == (1, 1)


def test_stores_that_can_not_be_listed():
    class Plain(sz.Store):
        def __init__(self):
            self.values = {}

        def get(self, key):
            return self.values.get(key)

        def set(self, key, value):
            self.values[key] = bytes(value)

        def delete(self, key):
            self.values.pop(key, None)

    a = sz.create_array(Plain(), "a", data=np.arange(1, 2001), chunks=10)
    assert "stored" not in str(a.info)
    with pytest.raises(sz.UnsupportedError, match="list"):
        _ = a.nchunks_stored
    a.resize(5)
    a.resize(2000)
    assert np.array_equal(a[...], resized(np.arange(1, 6), (2000,), 0))
    with pytest.raises(sz.UnsupportedError, match="list"):
        sz.create_array(a.store, "a", data=[1], overwrite=True)
    assert a[:2].tolist() == [1, 2]


# ---------------------------------------------------------------- what it costs, and what it leaves if it fails

HUGE = 2**40
GRIDS = {
    "rows": ((HUGE, 2), [(HUGE - 1, 2), (HUGE + 1, 2), (HUGE - 1, 1), (3, 3), (0, 0), (2 * HUGE, HUGE)]),
    "columns": ((2, HUGE), [(2, HUGE - 1), (1, HUGE), (2, HUGE + 70), (3, 5)]),
    "both": ((HUGE, HUGE), [(HUGE - 1, HUGE), (HUGE, HUGE - 1), (HUGE + 1, HUGE - 1), (7, 2 * HUGE), (1, 1)]),
    "four": ((HUGE, 1, HUGE, 1), [(HUGE, 1, HUGE - 1, 1), (HUGE, 2, HUGE, 1), (1, 1, 1, 1)]),
}


class Steps(sz.WrapperStore):
    """Counts what is asked of it."""

    n = 0

    def get(self, key):
        self.n += 1
        return super().get(key)

    def delete(self, key):
        self.n += 1
        super().delete(key)

    def list(self, prefix=""):
        for key in super().list(prefix):
            self.n += 1
            yield key


@pytest.mark.parametrize("shards", [None, 2])
@pytest.mark.parametrize("name", GRIDS)
def test_what_a_change_of_a_huge_grid_costs(name, shards):
    shape, others = GRIDS[name]
    for new in others:
        store = Steps(sz.MemoryStore())
        units = {"chunks": (1,) * len(shape), "shards": shards and (shards,) * len(shape)}
        a = sz.create_array(store, shape=shape, dtype="u1", **units)
        corners = [tuple(c) for c in np.ndindex((2,) * len(shape))]
        places = [tuple((n - 1) * c for n, c in zip(shape, corner, strict=True)) for corner in corners]
        places = [*dict.fromkeys(places)]
        for i, place in enumerate(places):
            a[place] = i + 1
        store.n = 0
        a.resize(new)
        assert store.n < 200
        for i, place in enumerate(places):
            if all(p < n for p, n in zip(place, new, strict=True)):
                assert a[place] == i + 1
        a.resize(tuple(map(max, shape, new)))
        cut = [i for i, place in enumerate(places) if any(p >= n for p, n in zip(place, new, strict=True))]
        assert all(a[places[i]] == 0 for i in cut)
        store.n = 0
        assert a.nchunks_stored <= len(corners)
        assert store.n < 100


def test_a_store_that_can_not_list():
    class Blind(sz.WrapperStore):
        def list(self, prefix=""):
            return sz.Store.list(self, prefix)

    a = sz.create_array(Blind(sz.MemoryStore()), shape=(HUGE, 2), dtype="u1", chunks=(1, 1))
    a[HUGE - 1] = 1
    a.resize((HUGE - 1, 2))
    assert a.store.store.list_dir() == ["zarr.json"]
    with pytest.raises(
        sz.UnsupportedError, match=rf"clear {2 * HUGE - 8} chunks that may be stored.*give it a `list` me"
    ):
        a.resize((3, 2))
    assert a.shape == sz.open_array(a.store).shape == (HUGE - 1, 2)


def test_nothing_is_stored_where_the_document_can_not_be_changed(monkeypatch):
    store = {}
    a = sz.create_array(store, data=np.arange(8), chunks=2)
    before = dict(store)
    monkeypatch.setattr("simplezarr.hierarchy.documents.MAX_SIZE", len(store["zarr.json"]))
    for change in (lambda: a.append(np.arange(900)), lambda: a.resize(10**9), lambda: a.resize(100)):
        with pytest.raises(sz.MetadataError, match="limit"):
            change()
        assert store == before
    a.resize(3)
    assert a[...].tolist() == [0, 1, 2]


@pytest.mark.parametrize("stored", [False, True], ids=["refused", "interrupted behind it"])
def test_an_append_whose_document_is_not_stored(stored):
    class Refusing(sz.WrapperStore):
        def set(self, key, value):
            if key == "zarr.json" and a.shape:
                if stored:
                    super().set(key, value)
                raise PermissionError("no")
            super().set(key, value)

    inner = {}
    sz.create_array(inner, data=np.arange(8), chunks=4)
    before = dict(inner)
    a = sz.open_array(Refusing(sz.MemoryStore(inner)), mode="r+")
    with pytest.raises(PermissionError, match="no"):
        a.append(np.arange(5))
    if stored:
        assert sz.open_array(inner)[...].tolist() == [*range(8), *range(5)]
    else:
        assert inner == before


@pytest.mark.parametrize("shards", [None, 4])
def test_changes_of_shape_and_attributes_bind_no_codecs(shards, monkeypatch):
    a = sz.create_array({}, data=np.arange(8), chunks=2, shards=shards)
    monkeypatch.setattr("simplezarr.transfer.handle.bind", None)
    a.resize(3)
    a.attrs["unit"] = "m"
    a.append([7, 8])
    assert a[...].tolist() == [0, 1, 2, 7, 8]
    monkeypatch.undo()
    assert a.metadata == sz.open(a.store).metadata
    assert dict(a.attrs) == {"unit": "m"}
