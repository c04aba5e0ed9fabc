"""Writers of an array killed at random moments: every chunk is whole, the old one or the new.

SIMPLEZARR_CAMPAIGN lengthens the campaign: 100 for each writer.
"""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import simplezarr as sz
from tests.support.helpers import same_package

CAMPAIGN = int(os.environ.get("SIMPLEZARR_CAMPAIGN", "2000"))
SHAPE, CHUNKS, SHARDS = (96, 64, 64), (16, 32, 32), (48, 64, 64)
WRITER = """
import itertools, sys, numpy as np, simplezarr as sz
arr = sz.open_array(sys.argv[1], mode="r+")
print("ready", flush=True)
for value in itertools.count(int(sys.argv[2])):
    if value % 3 == 0:
        arr[...] = value % 1000 + 1
    elif value % 3 == 1:
        arr[...] = np.full(arr.shape, value % 1000 + 1, arr.dtype)
    else:  # all chunks, each read and changed
        for part in range(2):
            arr[part::2] = value % 1000 + 1
"""


def is_whole(chunk):
    """Of one value, or with the rows of one writer and every second row of another."""
    return all((chunk[part::2] == chunk[part, 0, 0]).all() for part in range(2))


def check(path):
    """Every chunk can be read and is whole; the number of chunks."""
    arr = sz.open_array(path)
    chunks = [arr.get_chunk(index) for index in np.ndindex(arr.grid_shape)]
    assert all(map(is_whole, chunks))
    return len(chunks)


def kill_writers(tmp_path, n, rng):
    for name, shards in {"chunks": None, "shards": SHARDS}.items():
        sz.create_array(tmp_path / name, shape=SHAPE, dtype="u2", chunks=CHUNKS, shards=shards)
    for i in range(n):
        path = tmp_path / ("shards" if i % 2 else "chunks")
        writer = subprocess.Popen(
            [sys.executable, "-P", "-c", WRITER, str(path), str(i)], stdout=subprocess.PIPE, env=same_package()
        )
        writer.stdout.readline()
        time.sleep(rng.random() * 0.05)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        assert check(path) == 24
    for name in ("chunks", "shards"):
        arr = sz.open_array(tmp_path / name, mode="r+")
        arr[...] = np.arange(np.prod(SHAPE)).reshape(SHAPE)
        np.testing.assert_array_equal(arr[...], np.arange(np.prod(SHAPE)).reshape(SHAPE).astype("u2"))
        left = [file for _, _, files in os.walk(tmp_path / name) for file in files if not file.isdigit()]
        assert left == ["zarr.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_killed_writers(tmp_path):
    kill_writers(tmp_path, 10, random.Random(1))


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_killed_writers_campaign(tmp_path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    kill_writers(tmp_path, CAMPAIGN // 100, random.Random(seed))
