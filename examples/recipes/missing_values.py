"""Keep a map of which few cells are known: what was never written is NaN and takes no space."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
grid = sz.create_array("survey.zarr", shape=(18_000, 36_000), dtype="f4", chunks=(500, 500), fill_value=np.nan)
for row, column in [(100, 200), (9100, 18_100), (17_999, 35_999)]:
    grid[row - 5 : row + 1, column - 5 : column + 1] = 1.5

known = sum(int(np.isfinite(grid[region]).sum()) for region in grid.iter_chunks(stored=True))

assert known == 3 * 36
assert grid.nchunks_stored == 3
assert grid.nbytes_stored < grid.nbytes / 100_000
assert np.isnan(grid[0, 0])
