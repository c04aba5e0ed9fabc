"""Memory, threads, descriptors and idle contexts stay where they are, whatever is called, on every kind of store.

SIMPLEZARR_CAMPAIGN lengthens the campaign: so many calls on each kind.
"""

import json
import os
import subprocess
import sys

import pytest

import simplezarr as sz
from tests.support.flat import KINDS
from tests.support.helpers import same_package

CAMPAIGN = int(os.environ.get("SIMPLEZARR_CAMPAIGN", "100000"))

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="what a process holds is told by /proc")


def leave_nothing_behind(kind, calls, seconds, directory):
    command = [sys.executable, "-m", "tests.support.flat", kind, str(calls)]
    done = subprocess.run(command, env=same_package(), cwd=directory, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout)
    before, after = told["before"], told["after"]
    print(kind, told)
    # A pool grows to its size when so many calls happen to wait at a time, and as many contexts may be at work then.
    most = sz.Store.concurrency + (os.cpu_count() or 1) + 2
    assert after["threads"] <= max(before["threads"], most)
    assert after["contexts"] <= max(before["contexts"], most)
    assert after["descriptors"] <= before["descriptors"]
    # What is remembered of documents is bounded, and the system gives memory in pages: nothing for each call.
    assert after["objects"] - before["objects"] <= 500
    assert after["rss"] - before["rss"] <= 8192


@pytest.mark.parametrize("kind", KINDS)
def test_calls_leave_nothing_behind(kind, tmp_path):
    leave_nothing_behind(kind, 500 if kind == "local" else 1500, 120, tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
def test_calls_leave_nothing_behind_campaign(kind, tmp_path):
    leave_nothing_behind(kind, CAMPAIGN, 24 * 3600, tmp_path)
