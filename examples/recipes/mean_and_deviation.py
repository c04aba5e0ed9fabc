"""Compute mean and standard deviation of an array that is larger than memory, with reads ahead of the work."""

import os
import tempfile
from collections import deque
from itertools import islice

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
values = np.random.default_rng(0).normal(5, 2, (400, 300))
array = sz.create_array("normal.zarr", data=values, chunks=(50, 300))

count, total, squares = 0, 0.0, 0.0
regions = array.iter_chunks()
ahead = deque(array.read_future(region) for region in islice(regions, 2))
while ahead:
    block = ahead.popleft().result()
    ahead.extend(array.read_future(region) for region in islice(regions, 1))
    count, total, squares = count + block.size, total + block.sum(), squares + np.square(block).sum()
mean = total / count
deviation = np.sqrt(squares / count - mean**2)

assert count == array.size
assert np.allclose([mean, deviation], [values.mean(), values.std()])
