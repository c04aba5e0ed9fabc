"""Fill an array from several processes, each of which writes whole shards."""

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor

import numpy as np

import simplezarr as sz


def work(array: sz.Array, region: tuple[slice, ...]) -> int:
    """Compute one shard."""
    rows, columns = np.ogrid[region]
    array[region] = rows * 1000 + columns
    return int(array[region].size)


if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp())  # the files go into a new folder
    array = sz.create_array("big.zarr", shape=(400, 1000), dtype="i4", chunks=(50, 100), shards=(100, 500))
    regions = list(array.iter_chunks())
    with ProcessPoolExecutor(2) as pool:
        sizes = list(pool.map(work, [array] * len(regions), regions))
    assert sum(sizes) == array.size
    assert (array[...] == np.arange(400)[:, None] * 1000 + np.arange(1000)).all()
