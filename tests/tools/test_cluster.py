"""Long jobs on a cluster of processes: what they write and find is what one process writes and finds."""

import os
import sys
import types

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.tools.copy import copy as module
from simplezarr.utils import check, copy
from tests.support.cluster import Written, client_of_two, files
from tests.support.helpers import within

pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")

DATA = np.arange(300 * 200, dtype="i4").reshape(300, 200)


@pytest.fixture(scope="module")
def client():
    with client_of_two() as client:
        yield client


@pytest.fixture
def small(monkeypatch):
    """Small arrays go to the workers too."""
    monkeypatch.setattr(module, "_SMALL_BYTES", 0)


LAYOUTS = [{"chunks": (7, 9), "shards": (70, 90)}, {"chunks": (31, 200), "codecs": "gzip"}, {"codecs": []}, {}]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_copy_equals_the_local_one(client, small, tmp_path, layout):
    source = sz.create_group(tmp_path / "source", attributes={"a": 1})
    source.create_array("x", data=DATA, chunks=(20, 10))
    source.create_array("deep/texts", data=np.array(["a", "bc"] * 50, np.dtypes.StringDType()), chunks=7)
    copy(source, tmp_path / "local", **layout)
    seen = []
    copied = copy(source, tmp_path / "far", client=client, progress=lambda *n: seen.append(n), **layout)
    assert files(tmp_path / "far") == files(tmp_path / "local")
    assert (copied["x"][...] == DATA).all()
    assert seen[-1][0] == seen[-1][1] == len(seen) > 2


def test_workers_write_and_an_address_does(client, small, tmp_path):
    """Each stored object is written once, and not by this process."""
    source = sz.create_array(tmp_path / "source", data=DATA, chunks=(20, 10))
    store = Written(tmp_path / "copy")
    copied = copy(source, store, chunks=(50, 50), client=client.scheduler.address)
    assert (copied[...] == DATA).all()
    written = store.chunks()
    assert sorted(key for _, key in written) == sorted(f"c/{i}/{j}" for i in range(6) for j in range(4))
    assert os.getpid() not in {process for process, _ in written}


def test_workers_get_the_parts_in_which_something_is_stored(client, small, tmp_path, monkeypatch):
    """As many tasks as the local copy writes parts, not one for each of the parts."""
    monkeypatch.setattr(module, "ALL_BOXES_BYTES", 20_000)
    source = sz.create_array(tmp_path / "source", shape=(1000, 1000), dtype="u1", chunks=(10, 10), fill_value=3)
    source[3:5, 31:33] = source[990:] = 1
    tasks, parts = [], []
    submit, write = type(client).submit, sz.Array.write
    monkeypatch.setattr(type(client), "submit", lambda *a, **how: tasks.append(a) or submit(*a, **how))
    copied = copy(source, tmp_path / "far", chunks=(50, 50), client=client)
    monkeypatch.setattr(sz.Array, "write", lambda a, key, value: parts.append(key) or write(a, key, value))
    copy(source, tmp_path / "local", chunks=(50, 50))
    assert (copied[...] == source[...]).all()
    assert files(tmp_path / "far") == files(tmp_path / "local")
    assert len(tasks) == len(parts) == 4


def test_an_error_in_a_worker_leaves_no_array(client, small, tmp_path):
    source = sz.create_array(tmp_path / "source", data=DATA, chunks=(20, 10))
    sz.LocalStore(tmp_path / "source").set("c/3/3", b"damaged")
    with pytest.raises(sz.ChunkError, match=r"c/3/3"):
        copy(source, tmp_path / "copy", "a", chunks=(50, 50), client=client)
    assert not sz.exists(tmp_path / "copy", "a")
    assert [*(tmp_path / "copy").rglob("c")] == []


def test_what_workers_cannot_import_is_an_error(client, small, tmp_path, monkeypatch):
    """Not a wait for ever, as if the module came to the worker as a part of a message."""
    nowhere = types.ModuleType("nowhere")
    monkeypatch.setitem(sys.modules, "nowhere", nowhere)
    nowhere.Elsewhere = type("Elsewhere", (Written,), {"__module__": "nowhere", "__reduce__": elsewhere})
    source = sz.create_array(tmp_path / "source", data=DATA, chunks=(20, 10))
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        within(60, lambda: copy(source, nowhere.Elsewhere(tmp_path / "copy"), client=client))


def elsewhere(store):
    return type(store), (store.path,)


def test_stores_in_memory_are_refused(client, tmp_path):
    source = sz.create_array(tmp_path / "source", data=DATA)
    with pytest.raises(sz.UnsupportedError, match=r"client: workers can't write to .*, which is in the memory of this"):
        copy(source, target := {}, client=client)
    assert target == {}
    with pytest.raises(TypeError, match=r"client: a distributed.Client or its address is needed, not int"):
        check(tmp_path / "source", client=5)


def test_a_check_finds_the_same_damage(client, tmp_path):
    root = sz.create_group(tmp_path / "a")
    root.create_array("x", data=DATA, chunks=(20, 10), codecs=["zstd", "crc32c"])
    root.create_array("deep/y", data=DATA, chunks=(10, 10), shards=(50, 50))
    store = sz.LocalStore(tmp_path / "a")
    sound = check(store, client=client)
    assert sound == check(store)
    assert (sound.problems, sound.chunks) == ((), 300 + 600)
    store.set("x/c/3/3", b"damaged")
    store.set("x/c/99/3", b"outside")
    store.set("deep/y/c/1/1", (store.get("deep/y/c/1/1") or b"")[:-9] + b"123456789")
    store.set("deep/stray", b"")
    seen = []
    found = check(store, client=client, progress=lambda *n: seen.append(n))
    assert found == check(store)
    assert {problem.kind for problem in found.problems} == {"chunk", "outside", "shard", "stray"}
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_nothing_of_dask_is_imported_without_a_cluster(tmp_path):
    from tests.support.helpers import python

    code = """
import sys, simplezarr as sz
a = sz.create_array({}, data=[1, 2, 3])
sz.utils.copy(a, {}), sz.utils.check(a.store)
print(any(name.split(".")[0] in ("dask", "distributed", "asyncio") for name in sys.modules))
"""
    assert python(code, seconds=60, directory=tmp_path).strip() == "False"
