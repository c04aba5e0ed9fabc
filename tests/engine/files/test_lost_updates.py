"""Many writers of one key lose nothing: threads and processes that read, change and write it, and some that are killed.

SIMPLEZARR_CAMPAIGN lengthens the campaigns: rounds of each writer, and 500 for each writer that is killed.
"""

import os
import random
import signal
import subprocess
import tempfile
import threading
import time

import numpy as np
import pytest

from simplezarr.stores import LocalStore, MemoryStore, SlowStore, WrapperStore
from tests.support.helpers import PYTHON, same_package

resource = pytest.importorskip("resource", reason="POSIX only")

THREADS, PROCESSES = 8, 4
CAMPAIGN = int(os.environ.get("SIMPLEZARR_CAMPAIGN", 100_000))

#: Each writer adds one to its own row of an array of counters that all share.
COUNTING = """
import sys
from simplezarr.stores import LocalStore
from tests.engine.files.test_lost_updates import count
sys.stdin.readline()
count(LocalStore(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
"""
#: Writes one value after another, all of one byte each.
REPLACING = """
import sys
from simplezarr.stores import LocalStore
store, first, delete = LocalStore(sys.argv[1]), int(sys.argv[2]), len(sys.argv) > 3
print(flush=True)
for i in range(first, 10**9):
    store.set("a/b", bytes([i % 251]) * 300_000)
    if delete and i % 5 == 0:
        store.delete("a/b")
"""


def count(store, row, rounds):
    for _ in range(rounds):
        with store.lock("a/rows"):
            rows = np.frombuffer(bytearray(store.get("a/rows")), np.uint32).reshape(THREADS + PROCESSES, -1)
            rows[row] += 1
            store.set("a/rows", rows)


def check_counting(store, rounds, path=None):
    store.set("a/rows", np.zeros((THREADS + PROCESSES, 1000), np.uint32))
    processes = [
        subprocess.Popen(
            [*PYTHON, "-c", COUNTING, str(path), str(THREADS + i), str(rounds)],
            stdin=subprocess.PIPE,
            env=same_package(),
        )
        for i in range(PROCESSES if path else 0)
    ]
    threads = [threading.Thread(target=count, args=(store, i, rounds)) for i in range(THREADS)]
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        process.communicate(timeout=600)
        assert process.returncode == 0
    rows = np.frombuffer(store.get("a/rows"), np.uint32).reshape(THREADS + PROCESSES, -1)
    writers = THREADS + len(processes)
    assert (rows[:writers] == rounds).all(), f"of {rounds}: {rows[:, 0]}"
    if path:
        assert os.listdir(path) == ["a"]
        assert os.listdir(path / "a") == ["rows"]


def test_threads_and_processes(tmp_path):
    check_counting(LocalStore(tmp_path), 60, tmp_path)


@pytest.mark.campaign
def test_threads_and_processes_campaign(tmp_path):
    check_counting(LocalStore(tmp_path), CAMPAIGN // 20, tmp_path)


@pytest.mark.parametrize(
    "wrap", [lambda s: s, WrapperStore, lambda s: WrapperStore(SlowStore(s, latency=1e-5))], ids=["", "wrapped", "slow"]
)
def test_threads_in_memory(wrap):
    check_counting(wrap(MemoryStore()), 50)


def test_plain_writes_wait_for_a_lock(tmp_path):
    """Those of threads and of other processes, through other objects: none comes between a `get` and its `set`."""
    code = "import sys; from simplezarr.stores import LocalStore; LocalStore(sys.argv[1]).set('a', b'process')"
    store = LocalStore(tmp_path)
    with store.lock("a"):
        thread = threading.Thread(target=LocalStore(tmp_path).delete, args=("a",))
        thread.start()
        process = subprocess.Popen([*PYTHON, "-c", code, str(tmp_path)], env=same_package())
        time.sleep(0.5)
        assert thread.is_alive()
        assert process.poll() is None
        assert store.get("a") is None
        store.set("a", b"first")
    thread.join(30)
    assert process.wait(30) == 0
    assert store.get("a") in (b"process", None)
    assert set(os.listdir(tmp_path)) <= {"a"}


def test_several_changes_inside_a_lock(tmp_path):
    """Only the first is sure to belong to it, but all are made."""
    for store in (LocalStore(tmp_path), MemoryStore()):
        with store.lock("a/b"):
            store.set("a/b", b"1")
            store.set("a/c", b"another key")
            store.delete("a/b")
            store.set("a/b", b"2")
        with store.lock("a/b"), pytest.raises(RuntimeError, match="already"), store.lock("a/b"):
            pass
        assert (store.get("a/b"), store.get("a/c")) == (b"2", b"another key")
    assert sorted(os.listdir(tmp_path / "a")) == ["b", "c"]


def test_a_failure_inside_a_lock(tmp_path):
    for store in (LocalStore(tmp_path), MemoryStore()):
        for key in ("a/b", "new/c"):
            with pytest.raises(ZeroDivisionError), store.lock(key):
                raise ZeroDivisionError
        store.set("a/b", b"value")
    assert os.listdir(tmp_path) == ["a"]
    assert os.listdir(tmp_path / "a") == ["b"]


# ---------------------------------------------------------------- killed writers, full disks


def kill_writers(path, n, rng):
    """Kill two writers at a time at a random moment; what they leave is whole, and gone after the next write."""
    store, torn = LocalStore(path), []
    for i in range(0, n, 2):
        arguments = [[str(path), str(7 * i)], [str(path), str(7 * i + 100), *(["delete"] * (i % 3 == 0))]]
        writers = [
            subprocess.Popen([*PYTHON, "-c", REPLACING, *more], stdout=subprocess.PIPE, env=same_package())
            for more in arguments
        ]
        for writer in writers:
            writer.stdout.readline()
        end = time.monotonic() + rng.random() * 0.03
        while time.monotonic() < end:
            torn += check_value(store)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
        torn += check_value(store)
        assert {*store.list()} <= {"a/b"}
        store.set("a/b", b"next")
        assert store.get("a/b") == b"next"
        assert os.listdir(path / "a") == ["b"]
    assert not torn


def check_value(store):
    value = store.get("a/b")
    whole = value is None or value == b"next" or (len(value) == 300_000 and value == value[:1] * 300_000)
    return [] if whole else [value[:10]]


def test_killed_writers(tmp_path):
    kill_writers(tmp_path, 14, random.Random(1))


@pytest.mark.campaign
def test_killed_writers_campaign(tmp_path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    kill_writers(tmp_path, CAMPAIGN // 500, random.Random(seed))


@pytest.mark.parametrize("durable", [False, True])
def test_a_write_that_the_system_ends(tmp_path, durable):
    """Half-way, here at the largest size of a file: the old value stays."""
    store, before = LocalStore(tmp_path, durable), resource.getrlimit(resource.RLIMIT_FSIZE)
    store.set("a/b", b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        for key in ("a/b", "new/c"):
            with pytest.raises(OSError, match="too large") as caught:
                store.set(key, bytes(150_000))
            assert caught.value.filename == str(tmp_path / key)
            with pytest.raises(OSError, match="too large"), store.lock(key):
                store.set(key, bytes(150_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.get("a/b") == b"old"
    assert os.listdir(tmp_path) == ["a"]
    assert os.listdir(tmp_path / "a") == ["b"]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_temporary_files_of_other_users():
    """A left-over is replaced, a live one is waited for; a directory without write permission is an error."""
    with tempfile.TemporaryDirectory() as path:  # that of a test is closed to others
        os.chmod(path, 0o777)
        root = LocalStore(path)
        with root.lock("live"):
            for name in ("empty", "half"):
                with open(f"{path}/{name}.partial", "w") as file:
                    file.write(name[:-5])
            child = os.fork()
            if child == 0:
                os._exit(write_as_another_user(path))
            while root.get("half") is None or root.get("empty") is None:
                time.sleep(0.001)
            time.sleep(0.05)
            assert root.get("live") is None
            root.set("live", b"root")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert sorted(os.listdir(path)) == ["empty", "half", "live", "own"]
        assert root.get("live") == b"theirs"


def write_as_another_user(path):
    os.setgid(12345)
    os.setuid(12345)
    store = LocalStore(path)
    for key in ("half", "empty", "live", "own/a"):
        store.set(key, b"theirs")
    os.chmod(f"{path}/own", 0o500)
    try:
        store.set("own/b", b"")
    except PermissionError:
        return 0
    return 1
