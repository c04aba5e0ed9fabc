"""The kept index of a local shard: used again while the file stays, never when it may be another."""

import mmap
import os
import time

import numpy as np
import pytest

import simplezarr as sz

OLD, NEW = np.arange(16, dtype="u1"), np.arange(16, dtype="u1")[::-1]


def swapped():
    """A shard of the same size, whose two inner chunks lie the other way round, with other values."""
    other = sz.create_array({}, data=NEW, chunks=8, shards=16, codecs=["bytes"])
    data = bytearray(other.store.get("c/0"))
    data[:16], data[16:48] = data[8:16] + data[:8], data[32:48] + data[16:32]
    return bytes(data[:48]) + crc32c(bytes(data[16:48]))


def crc32c(data):
    return sz.codecs.Crc32c().encode(data)[-4:]


@pytest.mark.parametrize("age", [0, 3600])
def test_a_shard_that_changes_within_one_tick_of_the_clock(tmp_path, age):
    arr = sz.create_array(tmp_path, data=OLD, chunks=8, shards=16, codecs=["bytes"])
    path = tmp_path / "c" / "0"
    then = time.time_ns() - age * 10**9
    os.utime(path, ns=(then, then))
    np.testing.assert_array_equal(arr[...], OLD)
    data = swapped()
    assert len(data) == path.stat().st_size
    path.write_bytes(data)  # the same inode and size,
    now = then if age == 0 else time.time_ns()
    os.utime(path, ns=(now, now))  # and the same time, as far as a coarse clock can tell
    np.testing.assert_array_equal(arr[...], NEW)


def test_an_index_is_read_once_while_the_file_stays(tmp_path):
    """Writing a page that is mapped and dirty changes no time: so it shows that the index was kept."""
    arr = sz.create_array(tmp_path, data=OLD, chunks=8, shards=16, codecs=["bytes"])
    with (tmp_path / "c" / "0").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:] = bytes(mapped)
        time.sleep(0.15)
        np.testing.assert_array_equal(arr[...], OLD)
        before = os.fstat(file.fileno())
        mapped[:] = swapped()
        if os.fstat(file.fileno()).st_ctime_ns != before.st_ctime_ns:
            pytest.skip("this file system looks at pages that are mapped")
        np.testing.assert_array_equal(arr[...], NEW.reshape(2, 8)[::-1].reshape(-1))


@pytest.mark.parametrize("set_back", [os.utime, lambda path, ns: None], ids=["mtime", "nothing"])
def test_an_index_is_read_again_where_the_file_was_changed_in_place(tmp_path, set_back):
    arr = sz.create_array(tmp_path, data=OLD, chunks=8, shards=16, codecs=["bytes"])
    path = tmp_path / "c" / "0"
    time.sleep(0.15)
    np.testing.assert_array_equal(arr[...], OLD)
    before = path.stat()
    path.write_bytes(swapped())
    set_back(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    np.testing.assert_array_equal(arr[...], NEW)
