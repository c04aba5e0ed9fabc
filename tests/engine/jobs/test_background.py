"""Large shards of which a part is changed: idle threads close the file that is replaced."""

import os
import sys
import threading
import time

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor

SIDE = 256  # 16 MiB of uint8 in one shard
INNER = (32, 32, 32)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="files are replaced through the store's methods there")


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    before = executor.get_num_threads()
    sz.set_num_threads(request.param)
    yield request.param
    sz.set_num_threads(before)


@pytest.fixture
def cube():
    return np.random.default_rng(5).integers(0, 255, (SIDE, SIDE, SIDE), "u1")


@pytest.fixture
def array(tmp_path, cube):
    a = sz.create_array(tmp_path / "a", shape=cube.shape, dtype="u1", chunks=INNER, shards=cube.shape, codecs=["bytes"])
    a[...] = cube
    return a


def open_files(directory):
    """The descriptors of this process that lead to what is, or was, in the directory; needs Linux."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        if path.startswith(str(directory)):
            found.append(path)
    return found


def wait_until(condition):
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_what_is_kept_stays(threads, array, cube):
    rng = np.random.default_rng(threads)
    for _ in range(20):
        start = rng.integers(0, SIDE, 3)
        box = tuple(slice(i, i + n) for i, n in zip(start.tolist(), rng.integers(1, 50, 3).tolist(), strict=True))
        values = rng.integers(0, 255, cube[box].shape, "u1")
        array[box] = values
        cube[box] = values
    np.testing.assert_array_equal(array[...], cube)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_replaced_files_are_closed(threads, array, tmp_path):
    for value in range(10):
        array[:32, :32, :32] = value
    assert wait_until(lambda: not open_files(tmp_path)), open_files(tmp_path)


def test_writers_side_by_side(threads, array, cube):
    """Each writer has rows of its own in the one shard; the same threads close the files of all."""

    def write(number):
        for turn in range(5):
            array[32 * number : 32 * number + 32, turn] = number

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for number in range(4):
        cube[32 * number : 32 * number + 32, :5] = number
    np.testing.assert_array_equal(array[...], cube)


def test_interrupt_before_the_old_file_is_closed(array, cube, tmp_path, monkeypatch):
    """The object is replaced by then; the old file is closed all the same."""

    def interrupted(task):
        submit_idle(task)
        raise KeyboardInterrupt

    submit_idle = executor.try_submit_idle
    monkeypatch.setattr(executor, "try_submit_idle", interrupted)
    with pytest.raises(KeyboardInterrupt):
        array[:32, :32, :32] = 1
    monkeypatch.undo()
    cube[:32, :32, :32] = 1
    np.testing.assert_array_equal(array[...], cube)
    assert not list(tmp_path.rglob("*.partial"))
    if sys.platform == "linux":
        assert wait_until(lambda: not open_files(tmp_path))


def test_busy_threads_are_not_waited_for(array, cube):
    """A pool whose threads all do something else: the writer does everything itself."""
    gate = threading.Event()
    busy = [executor.submit(gate.wait) for _ in range(executor.get_num_threads())]
    try:
        assert not executor.try_submit_idle(gate.wait)
        array[:32, :32, :32] = 7
    finally:
        gate.set()
    for future in busy:
        future.result()
    cube[:32, :32, :32] = 7
    np.testing.assert_array_equal(array[...], cube)
