"""The memory of a process stays within what `describe` says, and so do the batches that `out` makes."""

import json
import sys

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.loader import Loader, Rows
from tests.support.helpers import python

MIB = 1 << 20
#: What a process may have beyond the bound: stacks and allocations of threads, objects of Python.
BEYOND = 8 * MIB

PROGRAM = """
import json, re, sys
from pathlib import Path
import simplezarr as sz
from simplezarr.loader import Cast, Crops, Loader, Rows

def memory(name):
    return int(re.search(name + ":[^0-9]*([0-9]+)", Path("/proc/self/status").read_text())[1]) << 10

class Far(sz.WrapperStore):
    in_memory, concurrency, local_root = False, 16, None

folder, name, samples, arguments, far = sys.argv[1:]
sz.set_num_threads(2)
store = sz.stores.LocalStore(Path(folder) / name)
a = sz.open_array(Far(store) if far == "True" else store, mode="r")
tiny = sz.open_array(Path(folder) / "tiny", mode="r")
for _ in Loader(tiny, Rows(), batch_size=8, window=1024, cast=Cast("float32", scale=0.5)):
    pass
before = memory("VmRSS")
assert memory("VmHWM") - before < 4 << 20
loader = Loader(a, eval(samples), **eval(f"dict({arguments})"))
described = loader.describe()
for _ in range(2):
    for batch in loader:
        batch = None
print(json.dumps([memory("VmHWM") - before, described.resident_bytes, described.bound_bytes]))
"""

ROWS = "batch_size=64, window='16 MiB'"
IMAGES = "batch_size=32, window='16 MiB'"
CASES = {
    "rows": ("rows", "Rows()", ROWS, False),
    "uniform": ("rows", "Rows()", ROWS + ", shuffle='uniform'", False),
    "cached": ("rows", "Rows()", ROWS + ", shuffle='uniform', cache='12 MiB'", False),
    "listed": ("rows", "Rows()", ROWS + ", shuffle=False", False),
    "far": ("rows", "Rows()", ROWS, True),
    "shards": ("shards", "Rows()", ROWS, False),
    "far shards": ("shards", "Rows()", ROWS, True),
    "images": ("images", "Rows()", IMAGES, False),
    "cast": ("images", "Rows()", IMAGES + ", cast=Cast('float32', scale=1 / 255)", False),
    "crops": ("cube", "Crops((32, 32, 32), per_epoch=512)", "batch_size=8, window='16 MiB'", False),
    "far crops": ("cube", "Crops((32, 32, 32), per_epoch=512)", "batch_size=8, window='16 MiB'", True),
    "many": ("bytes", "Rows()", "batch_size=1024, window='1 MiB'", False),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Arrays of 32 MiB, several times what a loader may hold."""
    folder, rng = tmp_path_factory.mktemp("arrays"), np.random.default_rng(0)
    rows = rng.poisson(0.1, (8192, 1024)).astype("f4")
    sz.create_array(folder / "rows", data=rows, chunks=(128, 1024))
    sz.create_array(folder / "shards", data=rows, chunks=(32, 1024), shards=(1024, 1024))
    images = rng.integers(0, 60, (2048, 64, 64, 3), "u1")
    sz.create_array(folder / "images", data=images, chunks=(64, 64, 64, 3))
    sz.create_array(folder / "cube", data=rng.integers(0, 99, (256, 256, 256), "u2"), chunks=(64, 64, 64))
    sz.create_array(folder / "bytes", shape=500_000, dtype="u1", chunks=4096)
    sz.create_array(folder / "tiny", data=np.arange(4096) % 9, chunks=64)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
@pytest.mark.parametrize("case", CASES)
def test_the_memory_of_the_process_is_within_the_bound(case, folder, tmp_path):
    peak, resident, bound = json.loads(python(PROGRAM, folder, *CASES[case], seconds=120, directory=tmp_path))
    assert 0.7 * resident < peak < bound + BEYOND, f"{peak / MIB:.1f} MiB, {bound / MIB:.1f} in the bound"


@pytest.mark.parametrize("shuffle", ["chunks", "uniform", False])
@pytest.mark.parametrize("far", [False, True])
def test_batches_in_use_are_those_that_are_told(shuffle, far, folder, pool):
    """Of memory that `out` makes, no more is in use at a time than is resident, and the consumer's batch."""

    class Far(sz.WrapperStore):
        in_memory, concurrency, local_root = False, 16, None

    store = sz.stores.LocalStore(folder / "shards")
    a = sz.open_array(Far(store) if far else store, mode="r")
    made = []

    def allocate(shape, dtype):
        values = np.empty(shape, dtype)
        made.append(values.nbytes)
        return values

    loader = Loader(a, Rows(), batch_size=64, window="4 MiB", shuffle=shuffle, out=allocate)
    described = loader.describe()
    for _ in range(2):
        for batch in loader:
            del batch
    assert described.resident_bytes / 2 < sum(made) <= described.resident_bytes + 64 * 4096
