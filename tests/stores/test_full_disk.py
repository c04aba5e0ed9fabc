"""A local store on a file system that is full, of bytes or of files: it can still be emptied, and loses nothing."""

import errno
import os
import random
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore
from tests.support.faults import failing, faults, needs_faults, run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX only")


@contextmanager
def file_system(path, options):
    """A small file system in memory, if this may be mounted."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(path)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(path):
    """Make files until no more can be made."""
    try:
        for i in range(10_000):
            os.close(os.open(f"{path}/fill-{i}", os.O_CREAT | os.O_WRONLY))
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017


def hierarchy(path):
    group = sz.create_group(path)
    group.create_array("a", data=np.arange(100), chunks=(5,))
    group.create_array("s", data=np.arange(100), chunks=(5,), shards=(50,))
    group.create_array("b/c", data=np.arange(10), chunks=(5,))
    return group


def check_emptying(path, group):
    """Everything that makes room works without an inode."""
    store = LocalStore(path)
    free = len(os.listdir(path))
    with pytest.raises(OSError, match="No space left"):
        group["a"][0] = 5
    with pytest.raises(OSError, match="No space left"):
        store.set("new/key", b"")
    with pytest.raises(OSError, match="No space left"), store.lock("new/key"):
        pass
    assert len(os.listdir(path)) == free
    store.delete("a/c/19")
    return store


def test_no_inode_left(tmp_path):
    with file_system(tmp_path / "disk", "nr_inodes=100") as path:
        group = hierarchy(path)
        fill(path)
        store = check_emptying(path, group)
        assert group["a"][:].tolist() == [*range(95), *5 * [0]]
        fill(path)
        group["a"].resize((52,))  # deletes chunks first, and then there is an inode for the document and the edge
        assert group["a"][:].tolist() == [*range(52)]
        fill(path)
        del group["b/c"]
        fill(path)
        group["s"][:50] = 0  # all fill value: a shard less
        assert group["s"][:].tolist() == [*50 * [0], *range(50, 100)]
        fill(path)
        store.delete_prefix("s")
        fill(path)
        (path / "a" / "c" / "0").unlink()
        os.symlink("nowhere", path / "a" / "c" / "0")
        store.delete("a/c/0")
        store.delete_prefix("")
        assert os.listdir(path) == []


def test_no_space_left(tmp_path):
    with file_system(tmp_path / "disk", "size=400k") as path:
        group = hierarchy(path)
        with pytest.raises(OSError, match="No space left"):
            (path / "full").write_bytes(bytes(1 << 20))
        with pytest.raises(OSError, match="No space left"):
            group["a"][:] = 7
        assert group["a"][5:].tolist() == [*range(5, 100)]
        assert not [name for _, _, names in os.walk(path) for name in names if name.endswith(".partial")]
        group["a"].resize((52,))
        del group["b"]
        LocalStore(path).delete("s/c/1")
        assert group["s"][:].tolist() == [*range(50), *50 * [0]]
        LocalStore(path).delete_prefix("")
        assert os.listdir(path) == []


def no_new_files(path):
    """Where no new file can be made, by the codes that say so."""
    for code in (errno.ENOSPC, errno.EDQUOT):
        group = hierarchy(path)
        make(f"{path}/a/c/3.partial")
        with faults(failing("create", code, times=0)):
            store = LocalStore(path)
            with pytest.raises(OSError) as caught:
                group["a"][0] = 5
            assert caught.value.errno == code
            store.delete("a/c/19")
            store.delete("a/c/19")
            store.delete("none")
            os.symlink("nowhere", f"{path}/link")
            store.delete("link")
            os.mkfifo(f"{path}/fifo")
            store.delete("fifo")
            store.delete("a")  # a directory stays
            group["s"][:] = 0
            assert group["s"].nchunks_stored == 0
            store.delete_prefix("b")
            store.delete("a/c/3")
            assert {"3", "3.partial", "19"} & {*os.listdir(f"{path}/a/c")} == set()
        assert group["a"][:20].tolist() == [*range(15), *5 * [0]]
        LocalStore(path).delete_prefix("")


@needs_faults
def test_no_new_files(tmp_path):
    run(no_new_files, tmp_path)


def locks_without_files(path):
    """A lock without a temporary file keeps out its own kind; others that get in are found out, and nothing is lost."""
    store = LocalStore(path)
    full = [True]

    def decide(name, where, fd):
        return errno.ENOSPC if name == "create" and full[0] else 0

    store.set("a", b"0")
    with faults(decide):
        with store.lock("a"):
            assert os.listdir(path) == ["a"]
            with pytest.raises(RuntimeError, match="already"), store.lock("a"):
                pass
            full[0] = False
            store.set("a", store.get("a") + b"1")  # there is room again, and no other writer was at work
        assert store.get("a") == b"01"
        for change in (lambda: store.set("a", b"new"), lambda: store.delete("a")):
            full[0] = True
            with store.lock("a"):
                full[0] = False
                os.replace(make(f"{path}/other"), f"{path}/a")
                with pytest.raises(OSError, match="another writer") as caught:
                    change()
            assert caught.value.errno == errno.EBUSY
            assert store.get("a") == b"other"
            assert os.listdir(path) == ["a"]
        full[0] = True
        with store.lock("a"):
            store.delete("a")
        assert os.listdir(path) == []


def make(path):
    with open(path, "wb") as file:
        file.write(b"other")
    return path


@needs_faults
def test_locks_without_files(tmp_path):
    run(locks_without_files, tmp_path)


COUNTING = 4, 60


def counted_when_full(path):
    """Writers and deleters on a file system that is full now and then: no update is lost, none comes back."""
    threads, rounds = COUNTING
    lost, rng = [], random.Random(1)

    def decide(name, where, fd):
        if name != "create":
            return 0
        return errno.ENOSPC if rng.random() < 0.4 else 0

    def count(i):
        store = LocalStore(path)
        for _ in range(rounds):
            try:
                with store.lock(f"a/{i % 2}"):
                    value = int(store.get(f"a/{i % 2}") or 0)
                    store.set(f"a/{i % 2}", str(value + 1).encode())
            except OSError as error:
                lost.append(error.errno)
            else:
                done[i] += 1

    done = [0] * threads
    with faults(decide):
        workers = [threading.Thread(target=count, args=(i,)) for i in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert set(lost) <= {errno.ENOSPC, errno.EBUSY}
    store = LocalStore(path)
    assert [int(store.get(f"a/{k}") or 0) for k in range(2)] == [sum(done[k::2]) for k in range(2)]
    assert sum(done) > 20
    assert sorted(os.listdir(f"{path}/a")) == ["0", "1"]


@needs_faults
def test_counted_when_full(tmp_path):
    run(counted_when_full, tmp_path)
