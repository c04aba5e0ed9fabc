"""Zip archives are written as a whole or not at all, by one process with any number of threads."""

import os
import pickle
import random
import signal
import subprocess
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import ArchiveError, NodeExistsError, ReadOnlyError, ZarrWarning
from tests.runtime.test_fork import in_child
from tests.support.archives import fail_once, read_all
from tests.support.helpers import PYTHON, same_package

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def old_archive(path):
    """Make an archive, to be replaced."""
    sz.save(path, np.arange(5))
    return path


def is_old(path):
    """Whether the archive is still that one, and nothing lies beside it."""
    return sz.load(path).tolist() == [0, 1, 2, 3, 4] and os.listdir(path.parent) == [path.name]


def test_an_exception_in_the_block_leaves_the_old_archive(tmp_path):
    path = old_archive(tmp_path / "a.zip")

    def in_store():
        with sz.ZipStore(path, mode="w") as store:
            sz.save(store, np.arange(3))
            assert not is_old(path)  # the draft lies there
            raise KeyError

    def in_group(store):
        with sz.open_group(store, mode="a") as group:
            group["x"] = [1, 2]
            raise KeyError

    for make in (
        in_store,
        lambda: in_group(sz.ZipStore(path, mode="w")),
        lambda: in_group(sz.WrapperStore(sz.ZipStore(path, mode="w"))),
    ):
        with pytest.raises(KeyError):
            make()
        assert is_old(path)
    with pytest.raises(TypeError):
        sz.save(path, {"good": [1], "bad": object()}, overwrite=True)
    assert is_old(path)
    with pytest.raises(TypeError):
        sz.save(tmp_path / "new.zip", {"good": [1], "bad": object()})
    assert is_old(path)


def test_a_node_in_a_with_block_completes_the_archive(tmp_path):
    with sz.create_group(sz.ZipStore(tmp_path / "a.zip", mode="w")) as group:
        group["x"] = [1, 2]
    assert sz.load(tmp_path / "a.zip")["x"].tolist() == [1, 2]


def test_one_that_is_not_closed_warns(tmp_path):
    path = old_archive(tmp_path / "a.zip")
    store = sz.ZipStore(path, mode="w")
    store.set("a", b"1")
    with pytest.warns(ZarrWarning, match=r"was not closed.*with statement"):
        del store
    assert is_old(path)


def test_a_failed_close_can_be_repeated(tmp_path):
    path = old_archive(tmp_path / "a.zip")
    store = sz.ZipStore(path, mode="w")
    for i in range(50):
        store.set(f"c/{i}", os.urandom(20_000))
    fail_once(store)
    assert sz.load(path).tolist() == [0, 1, 2, 3, 4]
    store.set("more", b"1")
    store.close()
    store.close()
    assert len(read_all(path)) == 51
    assert os.listdir(tmp_path) == ["a.zip"]
    with pytest.raises(ValueError, match="is closed"):
        store.set("a", b"1")


WRITER = """
import itertools, os, sys, simplezarr as sz
path, seed = sys.argv[1], int(sys.argv[2])
for i in itertools.count(seed):
    with sz.ZipStore(path, mode="w") as store:
        store.set("zarr.json", b"%d" % i)
        for j in range(40):
            store.set(f"c/{j % 30}", b"%d" % i * (1 + 37 * j))
    print("written", flush=True)
"""


@POSIX
def test_killed_writers_leave_the_old_archive(tmp_path):
    rng, path, seen = random.Random(5), tmp_path / "a.zip", set()
    with sz.ZipStore(path, mode="w") as store:
        store.set("zarr.json", b"0")
        for j in range(30):
            store.set(f"c/{j}", b"0")
    for i in range(8):
        command = [*PYTHON, "-c", WRITER, str(path), str(1000 * i + 1000)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, env=same_package())
        assert writer.stdout.readline() == b"written\n"  # at least one, however slow the machine is
        time.sleep(rng.random() * 0.3)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        values = read_all(path)
        number = values.pop("zarr.json")
        seen.add(number)
        assert len(values) == 30
        assert all(value == number * (len(value) // len(number)) for value in values.values())
    assert len(seen) > 2
    old_archive(tmp_path / "b.zip")
    sz.save(path, np.arange(5), overwrite=True)  # takes over what the last one has left
    assert sorted(os.listdir(tmp_path)) == ["a.zip", "b.zip"]


@POSIX
def test_one_writer_at_a_time(tmp_path):
    path = tmp_path / "a.zip"
    with sz.ZipStore(path, mode="w") as store:
        with pytest.raises(ArchiveError, match=r"a.zip' is being written by another"):
            sz.ZipStore(path, mode="w")
        store.set("a", b"first")
    with sz.ZipStore(path, mode="w") as store:
        store.set("a", b"second")
    assert read_all(path) == {"a": b"second"}


@POSIX
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_writes_nothing(tmp_path):
    with sz.ZipStore(tmp_path / "a.zip", mode="w") as store:
        store.set("a", b"1")

        def child():
            assert store.get("a") == b"1"
            for change in (lambda: store.set("b", b"2"), lambda: store.delete("a"), store.close):
                with pytest.raises(ValueError, match="forked"):
                    change()
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                store.__del__()
            return True

        in_child(child)
        store.set("c", b"3")
    assert read_all(tmp_path / "a.zip") == {"a": b"1", "c": b"3"}
    with pytest.raises(TypeError, match="belongs to one process"):
        pickle.dumps(store)


def test_threads_write_at_once(tmp_path):
    data = np.arange(512 * 64, dtype="i4").reshape(512, 64)
    with sz.ZipStore(tmp_path / "a.zip", mode="w") as store:
        array = sz.create_array(store, "x", shape=data.shape, dtype="i4", chunks=(1, 64), codecs=[])

        def write(first):
            array[first::8] = data[first::8]
            array[first::8] = data[first::8]

        threads = [threading.Thread(target=write, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert np.array_equal(sz.load(tmp_path / "a.zip")["x"], data)
    assert len(read_all(tmp_path / "a.zip")) == 514


def test_closing_while_others_read_and_write(tmp_path):
    """A late reader gets an error, never other bytes."""
    store = sz.ZipStore(tmp_path / "a.zip", mode="w")
    values = {f"c/{i}": bytes([i]) * 50_000 for i in range(60)}
    for key, value in values.items():
        store.set(key, b"old" * 20_000)  # dead bytes, so that all values move
        store.set(key, value)
    wrong, started = [], threading.Barrier(5)

    def read_values():
        started.wait()
        try:
            for key, value in 20 * [*values.items()]:
                if store.get(key) != value:
                    wrong.append(key)
        except (ValueError, OSError):
            pass

    def write_some():
        started.wait()
        try:
            for i in range(10_000):
                store.set(f"new/{i}", b"%d" % i)
        except ValueError:
            pass

    threads = [threading.Thread(target=function) for function in 2 * [read_values, write_some]]
    for thread in threads:
        thread.start()
    started.wait()
    time.sleep(0.01)
    store.close()
    for thread in threads:
        thread.join()
    assert wrong == []
    found = read_all(tmp_path / "a.zip")
    assert {key: found[key] for key in values} == values
    assert all(key == f"new/{value.decode()}" for key, value in found.items() if key not in values)


# ---------------------------------------------------------------- the place


@POSIX
def test_permissions_of_a_replaced_archive_are_kept(tmp_path):
    path = old_archive(tmp_path / "a.zip")
    path.chmod(0o640)
    sz.save(path, np.arange(3), overwrite=True)
    assert path.stat().st_mode & 0o777 == 0o640


def test_places_that_cannot_be(tmp_path):
    (tmp_path / "d.zip").mkdir()
    with pytest.raises(IsADirectoryError):
        sz.ZipStore(tmp_path / "d.zip", mode="w")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        sz.ZipStore(tmp_path / "file" / "a.zip", mode="w")
    sealed = sz.MemoryStore()
    sealed.read_only = True
    with pytest.raises(ReadOnlyError):
        sz.ZipStore(sealed, "a.zip", mode="w")
    with sz.ZipStore(tmp_path / "a.zip", mode="w") as store:
        with pytest.raises(ValueError, match="65535"):
            store.set(66_000 * "k", b"")
        store.read_only = True
        with pytest.raises(ReadOnlyError):
            store.set("a", b"")


def test_paths_of_archives(tmp_path, monkeypatch):
    """Opening reads; `save` makes a whole archive; what would leave one open says how to make it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    sz.save("a.zip", {"x": [1, 2], "g": {"y": [3]}})
    for place in ("a.zip", Path("a.zip"), f"file://{tmp_path}/a.zip", "~/a.zip", str(tmp_path / "a.zip")):
        assert sz.open(place, "g/y")[...].tolist() == [3]
        assert isinstance(sz.open(place).store, sz.ZipStore)
        assert sz.exists(place, "x")
    assert not sz.exists("none.ozx")
    with pytest.raises(sz.NodeNotFoundError, match=r"none.ozx"):
        sz.open("none.ozx")
    with pytest.raises(NodeExistsError, match=r"a.zip.*overwrite=True replaces it"):
        sz.save("a.zip", [1])
    with pytest.raises(NodeExistsError, match="only as a whole"):
        sz.save("a.zip", [1], "x", overwrite=True)
    sz.save("~/a.zip", sz.open("a.zip", "x").lazy[::-1], "", overwrite=True)  # reads the old one meanwhile
    assert sz.load("a.zip").tolist() == [2, 1]
    sz.save("b.zip", [5], "in/side")
    assert sz.load("b.zip")["in"]["side"].tolist() == [5]
    for make in (
        lambda path: sz.create_group(path),
        lambda path: sz.create_array(path, "new", data=[1]),
        lambda path: sz.open_group(path, "new", mode="a"),
        lambda path: sz.require_array(path, "new", shape=1, dtype="i4"),
    ):
        for path in ("new.zip", "a.zip"):
            with pytest.raises((ReadOnlyError, NodeExistsError), match=r'mode="w"|already exists|is an array'):
                make(path)
    assert sorted(os.listdir()) == ["a.zip", "b.zip"]
    sz.create_group(sz.LocalStore("directory.zip"))
    assert sz.open("directory.zip").store == sz.LocalStore("directory.zip")
    sz.save("directory.zip", [1], "x")
    assert sz.load("directory.zip", "x").tolist() == [1]


def test_reading_needs_no_writer():
    code = 'import sys, simplezarr as sz; sz.open({\'zarr.json\': b\'{"zarr_format": 3, "node_type": "group"}\'}); '
    code += "print([name for name in sys.modules if 'zip' in name and 'simplezarr' in name])"
    done = subprocess.run([*PYTHON, "-c", code], env=same_package(), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
