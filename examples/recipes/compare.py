"""Find where two arrays differ, without holding either in memory."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
before = sz.create_array("before.zarr", data=np.arange(40_000).reshape(200, 200), chunks=(50, 50))
after = sz.create_array("after.zarr", like=before, data=before)
after[70, 130:135] = -1

changed: list[tuple[int, ...]] = []
for region in before.iter_chunks():
    if not np.array_equal(before[region], after[region]):
        places = np.argwhere(before[region] != after[region]) + [part.start for part in region]
        changed.extend(map(tuple, places.tolist()))

assert changed == [(70, column) for column in range(130, 135)]
