"""zarr-python reads and writes through this library: the results are NumPy's, and those of its own pipeline."""

import asyncio
import importlib
import os
import pickle
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor
from simplezarr.zarr_python import CodecPipeline
from tests.runtime.test_fork import in_child
from tests.support.helpers import python
from tests.zarr_python.conftest import PATH, zarr

from zarr.storage import FsspecStore, LocalStore, MemoryStore, ObjectStore, WrapperStore, ZipStore  # isort: skip

SHAPE = (23, 17)
DATA = np.arange(23 * 17, dtype="i4").reshape(SHAPE)
LAYOUTS = {
    "chunks": {"chunks": (5, 4)},
    "raw": {"chunks": (5, 4), "compressors": None},
    "shards": {"chunks": (3, 2), "shards": (6, 8)},
    "one": {"chunks": SHAPE},
    "v2": {"chunks": (5, 4), "zarr_format": 2},
    "v2 F": {"chunks": (5, 4), "zarr_format": 2, "order": "F"},
    "dotted": {"chunks": (5, 4), "chunk_key_encoding": {"name": "default", "separator": "."}},
}
OLDEST_WITH_MISSING = (3, 2)


class Wrapper(WrapperStore):
    """A store of which zarr-python knows only the asynchronous methods; `keys` has what was asked for."""

    def __init__(self, store):
        super().__init__(store)
        self.keys = []

    async def get(self, key, prototype, byte_range=None):
        self.keys.append(key)
        await asyncio.sleep(0)
        return await super().get(key, prototype, byte_range)


STORES = {
    "local": lambda path: LocalStore(path),
    "memory": lambda path: MemoryStore(),
    "wrapped": lambda path: Wrapper(MemoryStore()),
}


def in_bucket(path):
    pytest.importorskip("obstore")
    return ObjectStore(importlib.import_module("obstore.store").MemoryStore())


def in_file_system(path):
    pytest.importorskip("fsspec")
    return FsspecStore.from_url(f"memory://{path}")


OTHERS = {"bucket": in_bucket, "file system": in_file_system}


@pytest.fixture(params=STORES)
def store(request, tmp_path):
    return STORES[request.param](tmp_path / "x.zarr")


def created(store, layout, data=DATA, **others):
    z = zarr.create_array(store, shape=data.shape, dtype=data.dtype, **LAYOUTS[layout], **others)
    z[...] = data
    return z


def test_the_entry_point_names_the_class():
    root = Path(__file__).parents[2]
    groups = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    assert groups["zarr.codec_pipeline"] == {"simplezarr": "simplezarr.zarr_python:CodecPipeline"}
    assert f"{CodecPipeline.__module__}.{CodecPipeline.__qualname__}" == PATH


def test_the_import_loads_nothing_and_never_raises(tmp_path):
    code = """
import sys, numpy
sys.modules["zarr"] = None
before = set(sys.modules)
import simplezarr.zarr_python
from simplezarr.zarr_python import CodecPipeline
print(sorted(name for name in set(sys.modules) - before if "." in name))
for call in (lambda: simplezarr.zarr_python.from_zarr(1), lambda: CodecPipeline.from_codecs([])):
    try:
        call()
    except ImportError as error:
        print("pip install" in str(error) or "zarr" in str(error))
    except simplezarr.UnsupportedError as error:
        print("pip install" in str(error))
"""
    names, *remedies = python(code, seconds=60, directory=tmp_path).splitlines()
    assert len(eval(names)) <= 6
    assert remedies == ["True", "True"]


BASIC = [
    np.s_[...],
    np.s_[3:20, 2:15],
    np.s_[4],
    np.s_[:, 16],
    np.s_[22, 0],
    np.s_[::7, 1::3],
    np.s_[1:22:11, ::16],
    np.s_[5:10],
    np.s_[-1:],
    np.s_[2:2],
    np.s_[20:, 16:],
]
ORTHOGONAL = [
    ([1, 7, 22], slice(None)),
    ([22, 0, 7, 7, 3], [5, 1, 1]),
    (4, [3, 2, 16]),
    ([9, 2], 3),
    (slice(2, 19, 3), [0, 16]),
    (np.arange(23) % 5 == 1, slice(1, 9)),
    (np.arange(23) % 5 == 1, np.arange(17) % 3 == 0),
    ([2, 4, 6], [3, 4, 5]),
]
POINTS = [([1, 22, 7, 1], [3, 0, 16, 3]), ([0], [0]), (np.arange(17), np.arange(17)), ([5, 4, 3], [0, 0, 0])]


def orthogonal(array, key):
    lists = [np.atleast_1d(np.arange(n)[part]) for n, part in zip(array.shape, key, strict=True)]
    dropped = tuple([i for i, part in enumerate(key) if isinstance(part, int)])
    return np.ix_(*lists), dropped


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.usefixtures("strict")
def test_selections_are_those_of_numpy(layout, store):
    z = created(store, layout)
    for key in BASIC:
        assert np.array_equal(z[key], DATA[key]), key
    for key in ORTHOGONAL:
        mesh, dropped = orthogonal(DATA, key)
        assert np.array_equal(z.oindex[key], DATA[mesh].squeeze(dropped)), key
    for key in POINTS:
        assert np.array_equal(z.vindex[key], DATA[key]), key
    assert np.array_equal(z.vindex[DATA % 3 == 1], DATA[DATA % 3 == 1])
    length, width = z.shards or z.chunks
    assert np.array_equal(z.blocks[0, :1], DATA[:length, :width])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.usefixtures("strict")
def test_assignments_are_those_of_numpy(layout, store):
    z, expected, value = created(store, layout), DATA.copy(), -1
    for key in BASIC:
        part = value * np.ones(expected[key].shape, "i4")
        z[key] = expected[key] = part
        value -= 1
        z[key[:1] if isinstance(key, tuple) else key] = value  # a scalar
        expected[key[:1] if isinstance(key, tuple) else key] = value
        assert np.array_equal(z[...], expected), key
    for key in ORTHOGONAL:
        mesh, dropped = orthogonal(DATA, key)
        part = np.arange(DATA[mesh].size, dtype="i4").reshape(DATA[mesh].shape) * 1000
        z.oindex[key] = part.squeeze(dropped)
        expected[mesh] = part
        assert np.array_equal(z[...], expected), key
    for key in POINTS[1:]:
        z.vindex[key] = expected[key] = np.arange(len(key[0]), dtype="i4") * 77
        assert np.array_equal(z[...], expected), key
    z.vindex[expected % 2 == 1] = 8
    expected[expected % 2 == 1] = 8
    assert np.array_equal(sz.open_array(store)[...], expected)


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.usefixtures("strict")
def test_buckets_and_file_systems(kind, tmp_path):
    z = created(OTHERS[kind](tmp_path), "shards")
    expected = DATA.copy()
    z[3:9, 2:5] = expected[3:9, 2:5] = -1
    assert np.array_equal(z[...], expected)
    assert np.array_equal(zarr.open_array(z.store, mode="r").oindex[[20, 3], 1:7], expected[[20, 3], 1:7])


@pytest.mark.usefixtures("strict")
def test_arrays_without_dimensions_and_with_three(store):
    z = zarr.create_array(store, name="0", shape=(), dtype="f8", fill_value=3.0)
    assert z[()] == 3.0
    z[()] = 7.5
    assert z[...] == 7.5
    data = np.arange(7 * 6 * 5.0).reshape(7, 6, 5)
    z = zarr.create_array(store, name="3", data=data, chunks=(2, 4, 3))
    assert np.array_equal(z[1:6:2, 3, ::4], data[1:6:2, 3, ::4])
    assert np.array_equal(z.oindex[[4, 1], 2, [4, 0, 3]], data[[4, 1], 2][:, [4, 0, 3]])
    assert np.array_equal(z.oindex[1, [0, 5], :], data[1, [0, 5], :])


TYPES = ["?", "i1", "u2", ">i4", "u8", "f2", ">f8", "c8", ">c16", "S3", "U4", ">U4", "M8[ns]", ">M8[s]", "m8[ms]"]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", [*TYPES, "T"])
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.usefixtures("strict")
def test_data_types_and_byte_orders(name, zarr_format):
    kind = np.dtypes.StringDType() if name == "T" else np.dtype(name)
    data = np.array(["a", "", "ccc", "d"], kind) if kind.kind in "SUT" else np.arange(4).astype(kind)
    z = zarr.create_array(store := {}, shape=4, chunks=3, dtype=kind, zarr_format=zarr_format)
    z[1:] = data[1:]
    assert z.dtype == kind
    assert z[1:].dtype == kind
    assert z[1:].tolist() == data[1:].tolist()
    with zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.BatchedCodecPipeline"}):
        other = zarr.open_array(store, mode="r")
    assert other[1:].tolist() == data[1:].tolist()
    assert str(z[:1].tolist()) == str(other[:1].tolist())  # what is not stored


@pytest.mark.usefixtures("switched")
def test_fields_of_records(store):
    kind = np.dtype([("a", "<i2"), ("b", ">f4")])
    z = zarr.create_array(store, shape=5, chunks=2, dtype=kind, zarr_format=2)
    data = np.array([(i, i / 2) for i in range(5)], kind)
    z[...] = data
    assert np.array_equal(z[1:4], data[1:4])
    assert sz.open_array(store)["b"].tolist() == data["b"].tolist()


def test_the_pipeline_is_chosen_when_an_array_is_opened(switched):
    z = created(MemoryStore(), "chunks")
    with zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.BatchedCodecPipeline"}):
        other = zarr.open_array(z.store, mode="r")
        assert type(z._async_array.codec_pipeline) is CodecPipeline
        assert type(other._async_array.codec_pipeline) is not CodecPipeline
        assert np.array_equal(z[...], other[...])


@pytest.mark.usefixtures("strict")
def test_a_pickled_array_needs_no_setting(tmp_path):
    z = created(LocalStore(tmp_path), "shards")
    z[...]
    with zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.BatchedCodecPipeline"}):
        again = pickle.loads(pickle.dumps(z))
    assert type(again._async_array.codec_pipeline) is CodecPipeline
    assert np.array_equal(again[...], DATA)
    assert again == z


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.usefixtures("strict")
def test_an_array_that_was_resized_goes_on_working(layout, store):
    z, expected = created(store, layout, fill_value=0), DATA
    assert np.array_equal(z[...], expected)
    for number, length in enumerate((31, 26, 44, 90), 1):
        grown = np.zeros((length, 17), "i4")
        grown[: len(expected)] = expected[:length]
        z.resize((length, 17))
        grown[length - 4 :] = z[length - 4 :] = number
        expected = grown
        assert np.array_equal(z[:][:23], expected[:23])
        assert np.array_equal(z[length - 4 :], expected[length - 4 :])
        assert np.array_equal(z.oindex[[length - 1, 0], [3, 1]], expected[[length - 1, 0]][:, [3, 1]])
        assert np.array_equal(z.vindex[[length - 1, 0], [3, 1]], expected[[length - 1, 0], [3, 1]])
    z.append(np.full((3, 17), 9, "i4"))
    assert np.array_equal(z[90:], np.full((3, 17), 9))
    z.append(np.full((93, 2), 5, "i4"), axis=1)
    assert np.array_equal(z[7, 15:], [*expected[7, 15:], 5, 5])


@pytest.mark.skipif(
    tuple(map(int, zarr.__version__.split(".")[:2])) < OLDEST_WITH_MISSING, reason="this zarr has no such setting"
)
@pytest.mark.usefixtures("strict")
def test_missing_chunks_are_told(store):
    errors = pytest.importorskip("zarr.errors")
    if not hasattr(errors, "ChunkNotFoundError"):
        pytest.skip("this zarr has no such setting")
    z = zarr.create_array(store, shape=20, chunks=5, dtype="i4", config={"read_missing_chunks": False})
    z[:8] = 1
    assert z[:10].tolist() == [1] * 8 + [0] * 2
    with pytest.raises(errors.ChunkNotFoundError, match="2 chunk"):
        z[:]


@pytest.mark.usefixtures("strict")
def test_empty_chunks_are_kept_if_that_is_wanted():
    for keep in (False, True):
        z = zarr.create_array(store := {}, shape=4, chunks=2, dtype="i4", config={"write_empty_chunks": keep})
        z[...] = 0
        assert ("c/0" in store) == keep
        z[...] = 1
        z[:2] = 0
        assert ("c/0" in store) == keep
        assert z[...].tolist() == [0, 0, 1, 1]


@pytest.mark.usefixtures("strict")
def test_a_wrapper_is_asked():
    inner = MemoryStore()
    z = created(Wrapper(inner), "chunks")
    z.store.keys.clear()
    assert np.array_equal(z[:5, :4], DATA[:5, :4])
    assert z.store.keys == ["c/0/0"]


@pytest.mark.usefixtures("strict")
def test_the_event_loop_goes_on_meanwhile():
    """A store whose requests take a while: all of those of one call are under way at once, and other calls too."""
    inner, present, most = MemoryStore(), 0, 0

    class Slow(WrapperStore):
        async def get(self, key, prototype, byte_range=None):
            nonlocal present, most
            present, most = present + 1, max(most, present + 1)
            await asyncio.sleep(0.02)
            present -= 1
            return await super().get(key, prototype, byte_range)

    created(inner, "chunks")
    z = zarr.open_array(Slow(inner), mode="r")
    with ThreadPoolExecutor(4) as threads:
        assert all(np.array_equal(part, DATA) for part in threads.map(lambda _: z[...], range(4)))
    assert most > 4


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("key", "handed_over"),
    [(np.s_[70, 110], 0), (np.s_[64:128, 64:128], 0), (np.s_[:, 5], 1), (np.s_[0:200, 0:200], 1)],
    ids=str,
)
def test_little_of_a_large_shard_is_read_without_another_thread(key, handed_over, monkeypatch):
    """Handing over takes longer than decoding one inner chunk, however large its shard is."""
    data = np.arange(2048 * 2048, dtype="u2").reshape(2048, 2048)
    z = zarr.create_array({}, data=data, chunks=(64, 64), shards=(2048, 2048))
    assert z[0, 0] == 0  # the first read of an array is not quick: it opens the array
    calls, awaited = [], executor.awaited
    monkeypatch.setattr(executor, "awaited", lambda *given: calls.append(given) or awaited(*given))
    assert np.array_equal(z[key], data[key])
    assert len(calls) == handed_over


def test_with_one_thread_zarr_python_serves_its_stores(switched):
    z = created(Wrapper(MemoryStore()), "chunks")
    before = sz.get_num_threads()
    sz.set_num_threads(1)
    try:
        assert np.array_equal(z[...], DATA)
        assert sum(switched.values()) == 1
        assert np.array_equal(created(MemoryStore(), "chunks")[...], DATA)
        assert sum(switched.values()) == 1
    finally:
        sz.set_num_threads(before)


def test_what_is_not_served_is_left_to_zarr_python(switched):
    buffer = pytest.importorskip("zarr.core.buffer").default_buffer_prototype().nd_buffer
    z = zarr.create_array({}, data=np.arange(6), chunks=2)
    out = np.empty(3)
    z.get_basic_selection(slice(1, 4), out=buffer.from_numpy_array(out))
    assert out.tolist() == [1, 2, 3]
    assert switched == {"elements of int64 as float64": 1}
    with zarr.config.set({"codec_pipeline.strict": True}), pytest.raises(sz.UnsupportedError, match="another shape"):
        z[1:4] = np.full((1, 3), 8)
    assert z[...].tolist() == [*range(6)]


@pytest.mark.usefixtures("strict")
def test_archives_are_read_through_zarr_python(tmp_path):
    with ZipStore(tmp_path / "x.zip", mode="w") as store:
        z = zarr.create_array(store, shape=DATA.shape, chunks=(5, 4), dtype="i4")
        z[:5] = DATA[:5]
        assert np.array_equal(z[:5], DATA[:5])
    with ZipStore(tmp_path / "x.zip", mode="r") as store:
        assert np.array_equal(zarr.open_array(store, mode="r")[:5], DATA[:5])


@pytest.mark.parametrize("kind", [*STORES, *OTHERS])
@pytest.mark.usefixtures("strict")
def test_no_update_is_lost(kind, tmp_path):
    """Threads write blocks that are no multiple of the shards."""
    store = (STORES | OTHERS)[kind](tmp_path / "x.zarr")
    data = np.arange(1, 40 * 40 + 1, dtype="i4").reshape(40, 40)
    blocks = [np.s_[i : i + 5, j : j + 5] for i in range(0, 40, 5) for j in range(0, 40, 5)]
    for attempt in range(3):
        z = zarr.create_array(store, name=str(attempt), shape=(40, 40), chunks=(4, 4), shards=(16, 16), dtype="i4")
        handles = [zarr.open_array(store, path=str(attempt), mode="r+") for _ in range(4)]
        start = threading.Barrier(4)

        def write(number, handles=handles, start=start):
            start.wait()
            for block in blocks[number::4]:
                handles[number][block] = data[block]

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(write, range(4)))
        assert np.array_equal(z[...], data)


@pytest.mark.usefixtures("strict")
def test_reading_from_an_application_s_own_loop(tmp_path):
    z = created(LocalStore(tmp_path), "shards")

    async def read():
        return await asyncio.gather(*[z._async_array.getitem(key) for key in BASIC[:6]])

    for key, part in zip(BASIC, asyncio.run(read()), strict=False):
        assert np.array_equal(part, DATA[key])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.usefixtures("strict")
def test_a_forked_child_reads_and_writes(store):
    z = created(store, "chunks")

    def works():
        z[0] = 1
        return np.array_equal(z[1:], DATA[1:]) and (z[0] == 1).all()

    in_child(works)


@pytest.mark.usefixtures("strict")
def test_a_damaged_chunk_raises(tmp_path):
    z = created(LocalStore(tmp_path), "chunks")
    (tmp_path / "c" / "1" / "1").write_bytes(b"damaged")
    with pytest.raises(sz.ChunkError, match="c/1/1"):
        z[...]
    assert np.array_equal(z[:5], DATA[:5])
