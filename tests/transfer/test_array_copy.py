"""Arrays and lazy selections as values: copied box by box, with what NumPy's assignment gives."""

import contextlib
import errno
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.stores import LocalStore, MemoryStore, WrapperStore
from simplezarr.transfer import array_copy, dispatch
from simplezarr.transfer.array_copy import BoxCopy, StoredCopy
from tests.support.faults import faults, needs_faults, run

KINDS = ["u1", "<i4", ">u2", "f4", "f8", "c8"]


class Counted(WrapperStore):
    """Counts how often each key is read."""

    def __init__(self, store):
        super().__init__(store)
        self.reads = {}

    def get(self, key):
        self.reads[key] = self.reads.get(key, 0) + 1
        return super().get(key)


@pytest.fixture
def in_boxes(monkeypatch):
    """The number of copies, which are done even where they are small."""
    copies = []

    def plan_copy(*arguments):
        copy = plan(*arguments)
        copies.append(copy)
        return copy

    plan = array_copy.plan_copy
    monkeypatch.setattr(dispatch, "plan_copy", plan_copy)
    monkeypatch.setattr(array_copy, "SMALL_BYTES", 0)
    monkeypatch.setattr(array_copy, "BOX_BYTES", 1)
    monkeypatch.setattr(array_copy, "WHOLE_BYTES", 0)
    return lambda: sum(copy is not None for copy in copies)


def numbers(shape, dtype="i4"):
    return np.arange(1, np.prod(shape) + 1).reshape(shape).astype(dtype)


def stored(values, **arguments):
    return sz.create_array({}, data=values, **arguments)


@st.composite
def assignments(draw):
    """Shape and chunks of a target, what is selected of it with steps of 1, a source and what is selected of that."""
    ndim = draw(st.integers(1, 3))
    shape, key, part = [], [], []
    source_shape = []
    for _ in range(ndim):
        length = draw(st.integers(1, 12))
        start = draw(st.integers(0, length - 1))
        stop = draw(st.integers(start + 1, length))
        count, step, before = stop - start, draw(st.sampled_from([-2, -1, 1, 1, 1, 3])), draw(st.integers(0, 3))
        along = (count - 1) * abs(step) + 1
        source_shape.append(before + along + draw(st.integers(0, 3)))
        first, last = before, before + along
        shape.append(length)
        key.append(slice(start, stop))
        part.append(slice(first, last, step) if step > 0 else slice(last - 1, first - 1 if first else None, step))
    lengths = st.integers(1, 6)
    chunks = draw(st.tuples(*[lengths] * ndim))
    return {
        "shape": tuple(shape),
        "key": tuple(key),
        "part": tuple(part),
        "source_shape": tuple(source_shape),
        "chunks": chunks,
        "shards": draw(st.one_of(st.none(), st.just(tuple(2 * length for length in chunks)))),
        "source_chunks": draw(st.tuples(*[lengths] * ndim)),
        "dtypes": draw(st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS))),
        "most": draw(st.sampled_from([1, 100, 1 << 28])),
    }


@given(assignments())
def test_as_numpy_assigns(case):
    source_dtype, dtype = map(np.dtype, case["dtypes"])
    if source_dtype.kind == "c":
        dtype = np.dtype("c16")
    values = (np.arange(np.prod(case["source_shape"])) % 100).reshape(case["source_shape"]).astype(source_dtype)
    expected = (100 + np.arange(np.prod(case["shape"])) % 100).reshape(case["shape"]).astype(dtype)
    source = stored(values, chunks=case["source_chunks"])
    array = stored(expected, chunks=case["chunks"], shards=case["shards"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(array_copy, "SMALL_BYTES", 0)
        patch.setattr(array_copy, "BOX_BYTES", 1)
        patch.setattr(array_copy, "WHOLE_BYTES", 0)
        patch.setattr(array_copy, "ALL_BOXES_BYTES", case["most"])
        array[case["key"]] = source.lazy[case["part"]]
    expected[case["key"]] = values[case["part"]]
    np.testing.assert_array_equal(array[...], expected)


def test_whole_arrays(in_boxes, tmp_path):
    values = numbers((20, 30, 7))
    source = sz.create_array(tmp_path / "a", data=values, chunks=(6, 7, 7))
    array = sz.create_array(tmp_path / "b", shape=values.shape, dtype="f8", chunks=(4, 4, 4), shards=(8, 8, 8))
    array[...] = source
    assert in_boxes() == 1
    np.testing.assert_array_equal(sz.load(tmp_path / "b"), values)


def test_new_axes_and_integers(in_boxes):
    values = numbers((6, 8, 10))
    array, expected = stored(np.zeros((3, 6, 1, 10), "i4"), chunks=(1, 2, 1, 4)), np.zeros((3, 6, 1, 10), "i4")
    array[1, 1:] = stored(values, chunks=(4, 4, 4)).lazy[1:, None, 3]
    expected[1, 1:] = values[1:, None, 3]
    assert in_boxes() == 1
    np.testing.assert_array_equal(array[...], expected)


@pytest.mark.parametrize("key", [np.s_[::2], np.s_[::-1], [3, 1, 2, 0, 4, 5, 6, 7, 8, 9]])
def test_what_is_no_box_is_read_first(in_boxes, key):
    values, expected = numbers((10, 4)), np.zeros((10, 4), "i4")
    array = stored(expected, chunks=(2, 2))
    array[key] = stored(values, chunks=(3, 3)).lazy[: len(expected[key])]
    expected[key] = values[: len(expected[key])]
    assert in_boxes() == 0
    np.testing.assert_array_equal(array[...], expected)


def test_selections_with_index_arrays_are_read_first(in_boxes):
    values, expected = numbers((10, 4)), np.zeros((5, 4), "i4")
    array = stored(expected, chunks=(2, 2))
    array[...] = stored(values, chunks=(3, 3)).lazy[[9, 1, 1, 4, 0]]
    assert in_boxes() == 0
    np.testing.assert_array_equal(array[...], values[[9, 1, 1, 4, 0]])


def test_broadcast_values_and_wrong_shapes(in_boxes):
    array, expected = stored(np.zeros((6, 4), "i4"), chunks=(2, 2)), np.zeros((6, 4), "i4")
    array[...] = stored(numbers((1, 4)), chunks=(1, 2))
    expected[...] = numbers((1, 4))
    np.testing.assert_array_equal(array[...], expected)
    with pytest.raises(ValueError, match="broadcast"):
        array[...] = stored(numbers((5, 4)), chunks=(1, 2))
    np.testing.assert_array_equal(array[...], expected)
    assert in_boxes() == 0


@pytest.mark.parametrize("place", ["local", "memory", "wrapped"])
def test_onto_itself(in_boxes, tmp_path, place):
    """Values are as they were before anything was written, whichever handle they are read through."""
    store = {"local": str(tmp_path), "memory": {}, "wrapped": WrapperStore(MemoryStore())}[place]
    other = LocalStore(tmp_path / "x" / "..") if place == "local" else store
    expected = numbers((12, 5))
    array = sz.create_array(store, "a", data=expected, chunks=(2, 5))
    array[::-1] = sz.open(other, "a")
    expected[::-1] = expected.copy()
    array[1:] = array.lazy[:-1]
    expected[1:] = expected[:-1].copy()
    assert in_boxes() == 0
    array[...] = sz.open(other, "a")  # each element onto itself
    assert in_boxes() == 1
    np.testing.assert_array_equal(array[...], expected)
    assert array.append(array) == (24, 5)
    np.testing.assert_array_equal(array[...], np.concatenate([expected, expected]))


def test_chunks_are_read_once():
    """Chunks of 24 kB that fit the boxes; and such that don't, but are read together."""
    values = numbers((120, 100, 100), "i4")
    store = Counted(MemoryStore())
    sz.create_array(store, data=values, chunks=(20, 30, 10))
    for chunks in [(20, 30, 10), (40, 15, 100), (7, 11, 13)]:
        store.reads.clear()
        array = sz.create_array({}, data=sz.open(store), chunks=chunks)
        assert {count for key, count in store.reads.items() if key.startswith("c/")} == {1}
        np.testing.assert_array_equal(array[...], values)


def test_memory(tmp_path):
    """All of the boxes in hand, not all of the array."""
    source = sz.create_array(tmp_path / "a", shape=(512, 512, 512), dtype="u1", chunks=(64, 64, 64), fill_value=3)
    source[:100] = 7
    tracemalloc.start()
    array = sz.create_array(tmp_path / "b", data=source, chunks=(64, 64, 64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20, peak  # of 128 MiB
    assert array[99, 0, 0] == 7
    assert array[100, 511, 511] == 3


def test_damage_in_the_source(in_boxes, tmp_path):
    values = numbers((40, 40))
    source = sz.create_array(tmp_path / "a", data=values, chunks=(10, 10))
    (tmp_path / "a" / "c" / "2" / "2").write_bytes(b"damaged")
    array = sz.create_array(tmp_path / "b", data=np.zeros((40, 40), "i4") - 1, chunks=(10, 10))
    with pytest.raises(sz.ChunkError, match=r"array '/', chunk \(2, 2\)"):
        array[...] = source
    for chunk in np.ndindex(4, 4):
        found = array.get_chunk(chunk)
        assert (found == -1).all() or (found == source.get_chunk(chunk)).all()
    with pytest.raises(sz.ChunkError):
        sz.create_array(tmp_path / "c", data=source, chunks=(20, 20))
    assert not (tmp_path / "c" / "zarr.json").exists()
    assert not list((tmp_path / "c").rglob("*"))


def test_rechunked_in_place(in_boxes, tmp_path):
    values = numbers((40, 40))
    sz.save(tmp_path, values, chunks=(10, 10))
    sz.save(tmp_path, sz.open(tmp_path), chunks=(4, 40), overwrite=True)
    assert sz.open(tmp_path).chunks == (4, 40)
    np.testing.assert_array_equal(sz.load(tmp_path), values)


# ---------------------------------------------------------------- as it is stored


@pytest.fixture
def copies(monkeypatch):
    """The copies that have been planned, which are so even where they are small."""
    planned = []

    def plan_copy(*arguments):
        planned.append(plan(*arguments))
        return planned[-1]

    plan = array_copy.plan_copy
    monkeypatch.setattr(dispatch, "plan_copy", plan_copy)
    monkeypatch.setattr(array_copy, "SMALL_BYTES", 0)
    monkeypatch.setattr(array_copy, "STORED_BYTES", 0)
    return planned


def kept(directory):
    return {path.relative_to(directory): path.read_bytes() for path in (directory / "c").rglob("*") if path.is_file()}


@pytest.mark.parametrize("limit", [0, array_copy.FILE_BYTES])
@pytest.mark.parametrize("shards", [None, (20, 40)])
def test_chunks_alike_are_copied_as_they_are(copies, monkeypatch, tmp_path, shards, limit):
    monkeypatch.setattr(array_copy, "FILE_BYTES", limit)
    values = numbers((45, 70))
    source = sz.create_array(tmp_path / "a", data=values, chunks=(10, 20), shards=shards)
    source[20:40, 40:] = 0  # these are not stored
    values[20:40, 40:] = 0
    copies.clear()
    store = Counted(LocalStore(tmp_path / "a"))
    for name, other in ("b", source), ("c", sz.open(store)):
        array = sz.create_array(tmp_path / name, data=other, chunks=(10, 20), shards=shards)
        assert kept(tmp_path / name) == kept(tmp_path / "a")
        np.testing.assert_array_equal(array[...], values)
        array[...] = 5  # so that there is something to be removed
        array[...] = other
        assert kept(tmp_path / name) == kept(tmp_path / "a")
        np.testing.assert_array_equal(array[...], values)
    assert [*map(type, copies)] == [StoredCopy, type(None), StoredCopy] * 2


@given(st.data())
def test_parts_that_lie_on_chunks(data):
    ndim = data.draw(st.integers(1, 3))
    chunks, lengths, sources, key, part, on_chunks = (), (), (), (), (), True
    for _ in range(ndim):
        chunk = data.draw(st.integers(1, 4))
        length, other = (data.draw(st.integers(1, 14)) for _ in range(2))
        if data.draw(st.booleans()):
            start, begin = (chunk * data.draw(st.integers(0, (n - 1) // chunk)) for n in (length, other))
        else:
            start, begin = (data.draw(st.integers(0, n - 1)) for n in (length, other))
        count = data.draw(st.one_of(st.just(length - start), st.integers(1, length - start)))
        count = min(count, other - begin)
        both_end = start + count == length and begin + count == other
        on_chunks &= start % chunk == begin % chunk == 0 and (count % chunk == 0 or both_end)
        chunks, lengths, sources = (*chunks, chunk), (*lengths, length), (*sources, other)
        key, part = (*key, slice(start, start + count)), (*part, slice(begin, begin + count))
    values, expected = numbers(sources), -numbers(lengths)
    values[values % 7 < 3] = 0
    array, source = stored(expected, chunks=chunks), stored(values, chunks=chunks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(array_copy, "SMALL_BYTES", 0)
        patch.setattr(array_copy, "STORED_BYTES", 0)
        copy = array_copy.plan_copy(array._handle, dispatch.select(array._handle, key), source.lazy[part])
        array[key] = source.lazy[part]
    if dispatch.select(array._handle, key).n > 1:
        assert type(copy) is (StoredCopy if on_chunks else BoxCopy)
    expected[key] = values[part]
    np.testing.assert_array_equal(array[...], expected)
    if on_chunks:  # nothing of the source shows up when the array grows
        grown = tuple(length + 3 for length in lengths)
        array.resize(grown)
        bigger = np.zeros(grown, "i4")
        bigger[tuple(map(slice, lengths))] = expected
        np.testing.assert_array_equal(array[...], bigger)


@pytest.mark.parametrize(
    "other",
    [
        {"codecs": ["gzip"]},
        {"codecs": [sz.codecs.Zstd(level=5)]},
        {"codecs": [sz.codecs.Bytes("big"), "zstd"]},
        {"fill_value": 1},
        {"dtype": "u4"},
        {"chunks": (4, 10)},
        {"shards": (8, 10)},
        {"zarr_format": 2},
        {"write_empty_chunks": True},
    ],
)
def test_chunks_that_are_not_alike_are_decoded(copies, other):
    values = numbers((16, 10))
    values[:4, :5] = 0
    array = sz.create_array({}, **{"shape": values.shape, "dtype": "i4", "chunks": (4, 5)} | other)
    array[...] = stored(values, chunks=(4, 5), codecs=["zstd"])
    assert [*map(type, copies)] == [BoxCopy]
    np.testing.assert_array_equal(array[...], values)


def test_axes_in_another_order_are_decoded(copies):
    values = numbers((6, 6))
    array = stored(np.zeros((1, 6, 6), "i4"), chunks=(1, 2, 2))
    array[0] = stored(values, chunks=(2, 2))
    assert [*map(type, copies)] == [BoxCopy]
    np.testing.assert_array_equal(array[0], values)


def test_damage_is_copied_and_found_again(copies, tmp_path):
    source = sz.create_array(tmp_path / "a", data=numbers((40, 40)), chunks=(10, 10))
    (tmp_path / "a" / "c" / "2" / "2").write_bytes(b"damaged")
    array = sz.create_array(tmp_path / "b", data=source, chunks=(10, 10))
    assert type(copies[0]) is StoredCopy
    with pytest.raises(sz.ChunkError, match=r"chunk \(2, 2\)"):
        array[...]
    np.testing.assert_array_equal(array[:20], source[:20])


def test_large_chunks_take_no_memory(tmp_path):
    """Neither decoded nor as they are stored."""
    values = np.random.default_rng(5).integers(256, size=(4, 32 << 20), dtype="u1")
    source = sz.create_array(tmp_path / "a", data=values, chunks=(1, 1 << 20), shards=(1, 32 << 20))
    tracemalloc.start()
    sz.create_array(tmp_path / "b", data=source, chunks=(1, 1 << 20), shards=(1, 32 << 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20, peak
    assert kept(tmp_path / "a") == kept(tmp_path / "b")


def files_that_the_system_can_not_copy(path):
    array_copy.FILE_BYTES = 0
    values = np.random.default_rng(5).integers(1 << 30, size=(300, 1000))
    source = sz.create_array(f"{path}/a", data=values, chunks=(300, 500))
    copied = []

    def decide(name, path, fd):
        if name != "copy_file_range":
            return 0
        copied.append(fd)
        return -1000 if len(copied) % 2 else errno.EXDEV

    with faults(decide):
        sz.create_array(f"{path}/b", data=source, chunks=(300, 500))
    assert len(copied) > 4
    assert kept(Path(path) / "a") == kept(Path(path) / "b")


@needs_faults
def test_files_that_the_system_can_not_copy(tmp_path):
    """Between two file systems, say; and where it ends in the middle."""
    run(files_that_the_system_can_not_copy, tmp_path)


class Locked(WrapperStore):
    """Tells which keys are changed without their lock."""

    def __init__(self, store):
        super().__init__(store)
        self.held, self.without = set(), []

    @contextlib.contextmanager
    def lock(self, key):
        with super().lock(key):
            self.held.add(key)
            yield
            self.held.remove(key)

    def set(self, key, value):
        self.without += [key] * (key not in self.held)
        super().set(key, value)

    def delete(self, key):
        self.without += [key] * (key not in self.held)
        super().delete(key)


def test_under_the_lock_of_each_chunk(copies):
    """Who changes a part of one reads it, and writes it later: nothing may come between."""
    values = numbers((40, 40))
    values[:10, :10] = 0
    store = Locked(MemoryStore())
    array = sz.create_array(store, data=-numbers((40, 40)), chunks=(10, 10))
    store.without.clear()
    array[...] = stored(values, chunks=(10, 10))
    assert type(copies[-1]) is StoredCopy
    assert not store.without
    np.testing.assert_array_equal(array[...], values)


def test_indexes_that_are_kept(copies):
    """Of a store that is said not to change: what is written through the array itself is seen by it."""

    class Immutable(WrapperStore):
        immutable = True

    values = numbers((20, 20))
    arguments = {"chunks": (5, 5), "shards": (10, 10)}
    array = sz.create_array(Immutable(MemoryStore()), data=values, **arguments)
    np.testing.assert_array_equal(array[...], values)
    values[:, 3:] = 0
    array[...] = stored(values, **arguments)
    assert type(copies[-1]) is BoxCopy
    np.testing.assert_array_equal(array[...], values)


def test_a_store_that_can_not_be_written_to(copies, tmp_path):
    values = numbers((40, 40))
    sz.save(tmp_path / "a", values, chunks=(10, 10))
    sz.save(tmp_path / "b", -values, chunks=(10, 10))
    store = WrapperStore(LocalStore(tmp_path / "b"))
    array = sz.open_array(store, mode="r+")
    store.read_only = True
    with pytest.raises(sz.ReadOnlyError):
        array[...] = sz.open(tmp_path / "a")
    np.testing.assert_array_equal(sz.load(tmp_path / "b"), -values)


def test_appended(in_boxes):
    values, more = numbers((5, 6)), numbers((9, 6))
    array = stored(values, chunks=(2, 3))
    array.append(stored(more, chunks=(4, 4)))
    assert in_boxes() == 1
    np.testing.assert_array_equal(array[...], np.concatenate([values, more]))


def test_slow_stores_are_asked_side_by_side():
    source, target = sz.stores.SlowStore(MemoryStore(), latency=0.02), sz.stores.SlowStore(MemoryStore(), latency=0.02)
    values = numbers((256, 128, 128), "u2")
    sz.create_array(source.store, data=values, chunks=(32, 32, 32))  # 128 of them
    array = sz.create_array(target, shape=values.shape, dtype="u2", chunks=(32, 32, 32))
    start = time.perf_counter()
    array[...] = sz.open(source)
    taken = time.perf_counter() - start
    assert taken < 128 * 0.04 / 8, taken
    np.testing.assert_array_equal(sz.open(target.store)[...], values)


def test_variable_and_rectilinear_arrays(in_boxes):
    words = np.array(["a", "longer", ""], np.dtypes.StringDType())
    array = stored(np.array(["x"] * 3, np.dtypes.StringDType()), chunks=(1,))
    array[...] = stored(words, chunks=(2,))
    assert array[...].tolist() == words.tolist()
    values = numbers((10, 4))
    ragged = sz.create_array({}, shape=(10, 4), dtype="i4", chunks=[[3, 7], [2, 2]])
    ragged[...] = stored(values, chunks=(4, 4))
    np.testing.assert_array_equal(ragged[...], values)
    assert in_boxes() == 0
    array = stored(np.zeros((10, 4), "i4"), chunks=(5, 2))
    array[...] = ragged
    assert in_boxes() == 1
    np.testing.assert_array_equal(array[...], values)


def test_room_is_that_of_what_is_copied():
    """A few rows of large shards take the memory of these rows, not of the shards."""
    array = sz.create_array({}, shape=(2048, 1 << 15), dtype="u1", chunks=(1, 1 << 10), shards=(2048, 1 << 14))
    source = sz.create_array({}, "a", data=np.ones((64, 1 << 15), "u1"), chunks=(64, 1 << 15))
    copy = array_copy.plan_copy(array._handle, dispatch.select(array._handle, np.s_[:64]), source)
    assert copy is not None
    assert copy.room == 64 << 15  # all of a chunk of the source


def test_no_cast(tmp_path):
    """What can't be cast is known before anything is written, the groups above included."""
    records = sz.create_array({}, data=np.zeros(4, [("a", "u1"), ("b", "u1")]), chunks=(2,))
    with pytest.raises(TypeError):
        sz.create_array(tmp_path, "above/here", data=records, dtype="i4")
    assert not list(tmp_path.rglob("*"))
