"""Creators, deleters and consolidators that are killed or interrupted: a node is whole, or it is not there.

Left-over files are ignored, or the error names them and `overwrite=True` removes them. SIMPLEZARR_CAMPAIGN lengthens
the campaign: 200 for each process that is killed.
"""

import errno
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore, MemoryStore, WrapperStore
from tests.hierarchy.test_consolidation import check_copy
from tests.runtime.test_interrupts import PACKAGE, Stop, interrupted
from tests.support.helpers import PYTHON, same_package, within

CAMPAIGN = int(os.environ.get("SIMPLEZARR_CAMPAIGN", 20_000)) // 200
N = 400
WORK = """
import itertools, sys, numpy as np, simplezarr as sz
from tests.hierarchy.test_killed_creators import work
print("ready", flush=True)
for i in itertools.count(int(sys.argv[2])):
    work(sys.argv[1], i)
"""


def work(path, i):
    """One of what is done, over and over."""
    what = i % 6
    if what in (0, 3):
        sz.save(path, np.full(N, i + 1), "g/a", chunks=(10,), overwrite=True, zarr_format=2 + what // 3)
    elif what == 1:
        sz.open_group(path, mode="r+").consolidate_metadata()
    elif what == 2:
        sz.open(path, "g/a", mode="r+").append(np.full(20, i + 1))
    elif what == 4:
        del sz.open_group(path, mode="r+")["g"]
    else:
        sz.save(path, np.full(N, i + 1), "g/a", chunks=(10,))


def check_state(path):
    """What a killed process has left, and what a reader or writer makes of it."""
    store = LocalStore(path)
    check_copy(store, marks=True)
    array = sz.open_group(store).get("g/a")
    if array is not None:
        assert array.nchunks_stored == array.nchunks
        assert (array[...] != 0).all()
    else:
        try:
            sz.save(path, np.ones(N), "g/a", chunks=(10,))
        except sz.NodeExistsError as error:
            if "overwrite=True removes" not in str(error):
                raise
    sz.save(path, np.full(N, 5), "g/a", chunks=(10,), overwrite=True)
    assert (sz.load(path, "g/a") == 5).all()
    assert sum(1 for _ in store.list("g/a/c")) == N // 10
    sz.open_group(path, mode="r+").consolidate_metadata()
    assert check_copy(store)


def kill(path, n, rng):
    sz.create_group(path)
    sz.save(path, np.full(N, 5), "g/a", chunks=(10,))
    for i in range(n):
        process = subprocess.Popen(
            [*PYTHON, "-c", WORK, str(path), str(6 * i)], stdout=subprocess.PIPE, env=same_package()
        )
        process.stdout.readline()
        time.sleep(rng.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        check_state(path)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_killed(tmp_path):
    kill(tmp_path / "x", 4, random.Random(1))


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_killed_campaign(tmp_path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    kill(tmp_path / "x", CAMPAIGN, random.Random(seed))


MODULES = tuple(PACKAGE + name for name in ("hierarchy", "copies", "strays", "documents"))
OPERATIONS = {
    "create": lambda store: sz.save(store, np.full(4, 2), "g/new", chunks=2),
    "overwrite": lambda store: sz.save(store, np.full(4, 2), "g/a", chunks=2, overwrite=True),
    "delete": lambda store: sz.open_group(store, "g", mode="r+").__delitem__("a"),
    "group": lambda store: sz.create_group(store, "h/i"),
    "attributes": lambda store: sz.open(store, "g/a", mode="r+").attrs.update(n=1),
    "consolidate": lambda store: sz.open_group(store, mode="r+").consolidate_metadata(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("kind", "step"), [("memory", 7), ("local", 23)])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # generators that are interrupted
def test_interrupted(kind, step, operation, tmp_path):
    interrupt(kind, step, operation, tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", ["memory", "local"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupted_campaign(kind, operation, tmp_path):
    interrupt(kind, 1, operation, tmp_path)


def interrupt(kind, step, operation, tmp_path):
    """At each line that the modules run which make and remove nodes, or at each seventh, say."""
    for at in itertools.count(0, step):
        store = MemoryStore() if kind == "memory" else LocalStore(tmp_path / str(at))
        sz.save(store, np.full(4, 1), "g/a", chunks=2)
        sz.open_group(store, mode="r+").consolidate_metadata()
        if not interrupted(partial(OPERATIONS[operation], store), at, only=MODULES, opcodes=False):
            break
        check_copy(store, marks=True)
        for _, array in sz.open_group(store)["g"].items():
            assert array.nchunks_stored == 2
            assert np.unique(array[...]).tolist() in ([1], [2])
        for path in ("g/a", "g/new", "h/i"):
            within(10, partial(sz.save, store, np.full(4, 3), path, chunks=2, overwrite=True))
            assert sz.load(store, path).tolist() == [3, 3, 3, 3]
    assert at > 50


def test_an_interrupted_fill_leaves_nothing():
    class Stopping(WrapperStore):
        def set(self, key, value):
            if key == "a/c/7":
                raise Stop
            super().set(key, value)

    store = MemoryStore()
    sz.create_group(store)
    with pytest.raises(Stop):
        sz.save(Stopping(store), np.ones(20), "a", chunks=1)
    assert [*store.list()] == ["zarr.json"]


class Full(WrapperStore):
    """Takes nothing, and gives locks only of what is there, until something is deleted."""

    full = True

    def lock(self, key):
        if self.full and not self.exists(key):
            raise OSError(errno.ENOSPC, "No space left on device", key)
        return super().lock(key)

    def set(self, key, value):
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device", key)
        super().set(key, value)

    def delete(self, key):
        super().delete(key)
        self.full = False


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_deleting_from_a_full_disk(zarr_format):
    store = MemoryStore()
    root = sz.create_group(store, zarr_format=zarr_format)
    root.create_array("a", data=np.ones(4))
    root.create_array("b", data=np.ones(4))
    root.consolidate_metadata()
    del sz.open_group(Full(store), mode="r+")["a"]
    assert not check_copy(store)
    assert list(sz.open(store)) == ["b"]
