"""The index of a shard: what lies beyond any shard is not counted, as integers of 64 bits would wrap."""

import numpy as np
import pytest

from simplezarr.codecs import Sharding
from simplezarr.codecs.base import ChunkSpec
from simplezarr.codecs.chain import shard_index
from simplezarr.dtypes import parse_dtype
from simplezarr.engine.chunks.pipeline import CodecFailure

INDEX = shard_index(Sharding((2,), ("bytes",), ("bytes",)), ChunkSpec((8,), parse_dtype("uint8"), b"\0"))
LAST = 2**63 - 1


@pytest.mark.parametrize(
    ("stored", "end"),
    [
        ({}, 0),
        ({0: (0, 2)}, 2),
        ({0: (10, 2), 3: (3, 5)}, 12),
        ({1: (0, 0)}, 0),
        ({1: (LAST - 5, 5)}, LAST),
        ({0: (4, 2), 1: (2**64 - 2, 10)}, 6),
        ({0: (4, 2), 1: (2**64 - 10, 5)}, 6),
        ({0: (4, 2), 1: (5, 2**64 - 2)}, 6),
        ({0: (4, 2), 1: (LAST, 1)}, 6),
        ({1: (2**64 - 1, 2)}, 0),
        ({1: (2, 2**64 - 1)}, 0),
    ],
)
def test_the_end_of_a_shard(stored, end):
    entries = INDEX.empty()
    for number, entry in stored.items():
        entries[number] = np.array(entry, np.uint64)
    assert INDEX.end(entries) == end
    for number, entry in stored.items():
        if sum(entry) > LAST:
            with pytest.raises(CodecFailure, match="the index places"):
                INDEX.entry(entries, (number,))
        else:
            assert INDEX.entry(entries, (number,)) == entry
