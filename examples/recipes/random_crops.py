"""Cut many random crops of a large volume; a chunk that several crops touch is decoded once."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
SIZE = 24
rng = np.random.default_rng(0)
values = rng.random((96, 96, 96), dtype="f4")
volume = sz.create_array("volume.zarr", data=values, chunks=(32, 32, 32))

corners = rng.integers(0, 96 - SIZE + 1, (50, 3))
boxes = [tuple(slice(begin, begin + SIZE) for begin in corner) for corner in corners.tolist()]
crops = np.empty((50, SIZE, SIZE, SIZE), "f4")
volume.read_many(boxes, out=crops)

assert all((crop == values[box]).all() for crop, box in zip(crops, boxes, strict=True))
