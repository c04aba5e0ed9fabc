"""Go on where a killed job ended: what is stored is done."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
source = sz.require_array("input.zarr", shape=(800, 100), dtype="f8", chunks=(100, 100))
source[...] = np.arange(80_000).reshape(800, 100)


def run(limit: int) -> int:
    """Compute at most `limit` regions that are missing, and return how many were."""
    result = sz.require_array(
        "output.zarr", shape=source.shape, dtype="f8", chunks=source.chunks, write_empty_chunks=True
    )
    done = set(map(str, result.iter_chunks(stored=True)))
    missing = [region for region in result.iter_chunks() if str(region) not in done]
    for region in missing[:limit]:
        result[region] = np.sqrt(source[region])
    return len(missing)


first = run(3)  # and here the power fails
second = run(100)
assert second == max(first - 3, 0)
assert run(100) == 0
assert np.allclose(sz.load("output.zarr"), np.sqrt(source[...]))
