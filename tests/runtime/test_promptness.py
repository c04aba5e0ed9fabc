"""Ctrl-C is heard soon, in processor time, in the middle of large pieces of work; twice in a row, too.

The campaign is `python -m tests.support.promptness MiB`, 100 to 1000 MiB: one for each 20 of SIMPLEZARR_CAMPAIGN.
"""

import contextlib
import os
import signal
import sys
import time

import numpy as np
import pytest

import simplezarr as sz
from simplezarr import codecs
from tests.support.promptness import OPERATIONS, measure

MIB = min(max(int(os.environ.get("SIMPLEZARR_CAMPAIGN", "8000")) // 20, 100), 1000)
LONGEST = 0.3  # seconds

#: One call of a library or of NumPy does it, which nothing can end:
#: see docs/decisions/0058-large-pieces-of-work-have-pauses.md.
UNCUT = {"write zstd 22", "read text"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no timer of processor time")


@pytest.mark.parametrize(
    ("name", "mib"),
    [
        ("write zstd 19, 1 MiB", 4),
        ("write gzip 9", 24),
        ("write blosc zstd 9", 8),
        ("write shard, zstd 19", 4),
        ("read transposed zstd", 48),
        ("write bz2", 2),
        ("write lz4", 200),
        ("write blosc lz4hc, one block", 64),
        ("write shard, memory", 64),
        ("write text", 40),
        ("read text", 40),
    ],
)
def test_interrupt_is_heard_soon(name, mib):
    wait, _ = measure(name, mib, (0.02, 0.1))
    if wait > LONGEST:  # the system may have been slow to clear pages
        wait, _ = measure(name, mib, (0.02, 0.1))
    assert wait <= LONGEST


@pytest.mark.campaign
@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in UNCUT])
def test_interrupt_is_heard_soon_campaign(name):
    wait, took = measure(name, MIB)
    if wait > LONGEST:  # the system may have been slow to clear pages
        wait, took = measure(name, MIB)
    print(name, wait, took)
    assert wait <= LONGEST


@pytest.fixture
def shard(pool):
    """One shard, whose 16 inner chunks of 512 KiB take long to encode, by four threads."""
    values = (np.random.default_rng(1).normal(size=1 << 21).cumsum() * 8).astype("i4")
    store = sz.MemoryStore()
    a = sz.create_array(
        store, shape=values.shape, dtype="i4", chunks=(1 << 17,), shards=values.shape, codecs=["bytes", codecs.Zstd(19)]
    )
    return a, values


def test_interrupts_in_a_row_leave_no_helper_behind(shard):
    """Helpers work on the caller's stack and buffers: none may be at work when an exception has left the call."""
    a, values = shard

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for milliseconds in (5, 20, 40, 60):
            with contextlib.suppress(KeyboardInterrupt):
                try:
                    signal.setitimer(signal.ITIMER_REAL, milliseconds / 1000, 0.001)
                    a.write(..., values)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            busy = time.process_time()
            time.sleep(0.05)
            assert time.process_time() - busy < 0.03
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert a.nchunks_stored in (0, 16)
    a.write(slice(0, 1 << 17), values[: 1 << 17])
    assert np.array_equal(a[: 1 << 17], values[: 1 << 17])
