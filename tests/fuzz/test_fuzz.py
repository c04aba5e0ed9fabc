"""The fuzzers, each for a short while, and as campaigns: a `ZarrError`, or data of the right shape; never a crash."""

import os
import random

import pytest

from tests.fuzz.__main__ import TARGETS
from tests.support.helpers import python

PROGRAM = "import sys; from tests.fuzz.__main__ import main; sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))"
#: Outcomes without which a target would not reach what it is for.
OUTCOMES = {
    "arrays": ("read", "refused", "MetadataError", "UnsupportedError"),
    "wild": ("read", "ChunkError", "MetadataError"),
    "shards": ("read", "refused", "read, not written"),
    "kernels": ("decoded", "refused"),
    "documents": ("array", "group", "MetadataError", "UnsupportedError"),
    "names": ("names", "links"),
    "zips": ("read", "partly read", "ArchiveError", "UnsupportedError"),
}
SHORT = dict.fromkeys(TARGETS, 1000) | {"names": 100}
#: (target, seed, number) of what was found once.
FOUND = [
    ("kernels", 72510, 1947),  # a checksum's decoder paid no heed to its limit
    ("kernels", 72510, 3130),
    ("wild", 1015282, 15232),  # room for a chunk of 21 GB was made before its few bytes were looked at
    ("zips", 632675, 403),  # the directory of an archive whose size is unknown was said to be at 2**63
]


@pytest.mark.parametrize("target", TARGETS)
def test_damage(target, tmp_path):
    """In another process, where a crash is only a failed test."""
    shown = python(PROGRAM, target, SHORT[target], 0, seconds=120, directory=tmp_path)
    for outcome in OUTCOMES[target]:
        assert f"'{outcome}'" in shown


@pytest.mark.parametrize(("target", "seed", "number"), FOUND)
def test_what_was_found(target, seed, number, tmp_path):
    python(PROGRAM, target, 1, seed, number, seconds=60, directory=tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("target", TARGETS)
def test_campaign(target, tmp_path):
    n = int(os.environ.get("SIMPLEZARR_CAMPAIGN", 100_000)) * SHORT[target] // 1000
    print(python(PROGRAM, target, n, random.randrange(10**6), seconds=60 + n, directory=tmp_path))
