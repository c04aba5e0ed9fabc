"""Store images in shards, and draw shuffled batches of them into one buffer."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
COUNT, BATCH = 300, 32
rng = np.random.default_rng(0)
pictures = rng.integers(0, 255, (COUNT, 32, 32, 3), "u1")
# an image is read by itself; 100 of them are one file
sz.save("images.zarr", pictures, "image", chunks=(1, -1, -1, -1), shards=(100, -1, -1, -1))
sz.save("images.zarr", np.arange(COUNT) % 10, "class")

images, classes = sz.open_array("images.zarr", "image"), sz.load("images.zarr", "class")
batch = np.empty((BATCH, *images.shape[1:]), images.dtype)
seen = 0
order = rng.permutation(COUNT)
for begin in range(0, COUNT - BATCH + 1, BATCH):
    picked = order[begin : begin + BATCH]
    images.read(picked, out=batch)
    assert (batch == pictures[picked]).all()
    assert classes[picked].shape == (BATCH,)
    seen += len(batch)
assert seen == COUNT // BATCH * BATCH
