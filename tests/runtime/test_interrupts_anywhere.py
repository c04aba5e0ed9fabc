"""Interrupts at any instruction of an operation, and signals at any moment: what is left is as before or as after."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import pool
from simplezarr.schema.leniency import collect, tolerate
from simplezarr.stores import LocalStore, MemoryStore, SlowStore
from tests.runtime.test_interrupts import count_events, interrupted, raise_at, wait_until_idle
from tests.support.helpers import PYTHON, python, same_package, within

POINTS = int(os.environ.get("SIMPLEZARR_CAMPAIGN", 12))
DATA = np.arange(48, dtype="i4").reshape(6, 8)
CHANGED = DATA.copy()
CHANGED[:, 1:] = -1

OPERATIONS = {
    "update": lambda group: group["a"].attrs.update(n=2),
    "save": lambda group: sz.save(group.store, DATA, "b", chunks=(2, 8)),
    "create": lambda group: group.create_array("b", data=DATA, chunks=(2, 8)),
    "read": lambda group: group["a"][...],
    "future": lambda group: group["a"].read_future(np.s_[1]).result(30),
    "submit": lambda group: group["a"].get_chunk_future((0, 0)).result(30),
    "write": lambda group: group["a"].write(np.s_[:, 1:], -1),
    "append": lambda group: group["a"].append(DATA[:2]),
    "resize": lambda group: group["a"].resize((4, 8)),
    "delete": lambda group: group.__delitem__("a"),
    "overwrite": lambda group: group.create_array("a", data=CHANGED, chunks=(2, 8), overwrite=True),
    "copy": lambda group: group.create_array("b", data=group["a"]),
    "consolidate": lambda group: group.consolidate_metadata(),
}


def new_store(kind, path):
    if kind == "local":
        return LocalStore(os.path.join(path, "x"))
    return SlowStore(MemoryStore()) if kind == "slow" else MemoryStore()


def begin(store):
    """What each operation changes."""
    group = sz.create_group(store, overwrite=True)
    group.create_array("a", data=DATA, chunks=(2, 8), attributes={"n": 1})
    return group


def check(store, name):
    """Each chunk is as before or as after, and what is there can be changed at once, by this thread and by others."""
    group = sz.open_group(store, mode="r+")
    for node in group:
        arr = group[node]
        assert arr.shape[0] in (4, 6, 8)
        for i in range(0, arr.shape[0], 2):
            chunk = arr[i : i + 2]
            # What a shrink cuts off is cleared before the shape changes.
            expected = [np.resize(values, (8, 8))[i : i + 2] for values in (DATA, CHANGED)] + [0] * (name == "resize")
            assert any((chunk == values).all() for values in expected), (node, i, chunk)
        within(10, change, arr)
        change(arr)
    group.attrs["again"] = 1


def change(arr):
    arr.attrs["again"] = 1
    arr[0, 0] = 0


def open_files():
    return sorted(os.listdir("/proc/self/fd")) if sys.platform == "linux" else []


def other_threads():
    """Those that are in no pool."""
    return [thread for thread in threading.enumerate() if not thread.name.startswith(("simplezarr-", "Dummy-"))]


def threads_of_no_pool():
    """Return how many threads the system knows that are in no pool; those of Python's list may have ended long ago."""
    if sys.platform != "linux":
        return len(other_threads())
    return len(os.listdir("/proc/self/task")) - sum(pool.threads for pool in pool.pools())


class Left:
    """What there is before an operation: files and threads. There must be the same afterwards."""

    def __init__(self):
        self.files, self.threads, self.alone = open_files(), other_threads(), threads_of_no_pool()

    def check(self):
        wait_until_idle()
        assert open_files() == self.files
        assert other_threads() == self.threads
        assert all(pool.threads <= pool.size for pool in pool.pools())
        end = time.monotonic() + 10
        while threads_of_no_pool() > self.alone:  # one that has been joined takes a moment to go
            assert time.monotonic() < end, "a thread is left"
            time.sleep(0.0005)


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("kind", ["memory", "slow", "local"])
@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # some come in finalisers
def test_interrupted_anywhere(name, kind, tmp_path):
    operation = OPERATIONS[name]
    events = count_events(lambda: operation(begin(new_store(kind, tmp_path)))) - count_events(
        lambda: begin(new_store(kind, tmp_path))
    )
    for _ in range(3):  # all threads are started
        begin(new_store(kind, tmp_path))["a"][...]
    left, offset = Left(), random.Random(name).random()
    for point in range(min(POINTS, events)):
        store = new_store(kind, tmp_path)
        group = begin(store)
        if interrupted(lambda: operation(group), int((point + offset) * max(events / POINTS, 1))):  # noqa: B023
            check(store, name)
            left.check()


# ---------------------------------------------------------------- signals


def campaign(kind, rounds, seed):
    """Interrupt operations twice each, at random moments; the program must then end."""
    sz.set_num_threads(4)
    chance = random.Random(seed)
    took, left = {}, None
    with tempfile.TemporaryDirectory() as path:
        for i in range(-2 * len(OPERATIONS), rounds):
            name = [*OPERATIONS][i % len(OPERATIONS)]
            store = new_store(kind, path)
            group, start = begin(store), time.perf_counter()
            if i < 0:
                OPERATIONS[name](group)
                took[name] = time.perf_counter() - start
                continue
            left = left or Left()
            first = chance.uniform(1e-6, took[name])
            raise_at([first, chance.choice([1e-6, chance.uniform(1e-6, took[name])])], lambda: OPERATIONS[name](group))  # noqa: B023
            check(store, name)
            left.check()
    print("ended")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
@pytest.mark.parametrize("kind", ["memory", "slow", "local"])
def test_signals_at_any_moment(kind, tmp_path):
    code = (
        "import sys; from tests.runtime.test_interrupts_anywhere import campaign; "
        "campaign(sys.argv[1], int(sys.argv[2]), 1)"
    )
    assert python(code, kind, 5 * POINTS, seconds=60 + POINTS, directory=tmp_path).endswith("ended\n")


# ---------------------------------------------------------------- the end of a program

READING = """
import sys, threading, atexit, os
import numpy as np
import simplezarr as sz
sz.set_num_threads(4)
array = sz.create_array({}, data=np.arange(4096).reshape(64, 64), chunks=(1, 64))
print("begins", flush=True)
def use(n):
    for i in range(n):
        sz.set_num_threads(4 + i % 2)
        array[...], array.read_future(np.s_[i]), array.get_chunk_future((i, 0))
"""
ENDINGS = {
    "a loop": "while True: use(1)",
    "an exit handler": "atexit.register(use, 20); use(20)",
    "another thread": "threading.Thread(target=use, args=(20,)).start(); use(20)",
    "a child": "use(1); child = os.fork(); use(20); child and os.waitpid(child, 0)",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork, nor such signals")
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interrupted_program_ends(ending, tmp_path):
    chance = random.Random(ending)
    command = [*PYTHON, "-W", "ignore", "-c", READING + ENDINGS[ending]]
    for i in range(max(2, POINTS // 10)):
        program = subprocess.Popen(
            command, cwd=tmp_path, env=same_package(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert program.stdout.readline() == "begins\n"
        for _ in range(1 + i % 2):
            time.sleep(chance.uniform(0, 0.02))
            program.send_signal(signal.SIGINT)
        try:
            _, errors = program.communicate(timeout=60)
        finally:
            program.kill()
        assert program.returncode in (0, 1, 130, -signal.SIGINT), errors


def test_an_interrupt_leaves_no_warning_uncollected():
    """At any instruction of `collect`, which would otherwise keep the warnings of all later reads."""

    def collects():
        with collect():
            tolerate("null-fill", "a")

    count = count_events(collects)
    assert count > 50
    for at in range(count):
        assert interrupted(collects, at)
        with pytest.warns(sz.ZarrWarning, match="null is read as zero"):
            tolerate("null-fill", "b")
