"""Build smaller and smaller copies of an image, each by averaging 2 x 2 pixels of the one before."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
image = np.random.default_rng(0).random((513, 386), dtype="f4")
pyramid = sz.create_group("pyramid.zarr")
level = pyramid.create_array("0", data=image, chunks=(128, 128))
while max(level.shape) > 128:
    # the last row or column of an odd length is left out
    finer, shape = level, tuple(length // 2 for length in level.shape)
    level = pyramid.create_array(str(len(pyramid)), shape=shape, dtype="f4", chunks=(64, 64))
    for rows, columns in level.iter_chunks():
        block = finer[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]
        height, width = rows.stop - rows.start, columns.stop - columns.start
        level[rows, columns] = block.reshape(height, 2, width, 2).mean((1, 3))
pyramid.attrs["scales"] = [2**i for i in range(len(pyramid))]

assert pyramid.attrs["scales"] == [1, 2, 4]
assert level.shape == (128, 96)
assert np.allclose(level[...], image[:512, :384].reshape(128, 4, 96, 4).mean((1, 3)))
