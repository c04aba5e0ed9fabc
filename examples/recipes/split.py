"""Split a data set into parts for training and validation, which are handed on without being read."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
samples = sz.create_array("samples.zarr", data=np.arange(10_000).reshape(1000, 10), chunks=(100, -1))

training, validation = samples.lazy[:800], samples.lazy[800:]
assert (training.shape, validation.shape) == ((800, 10), (200, 10))

first_columns = validation[:, :3]  # a selection of a selection reads nothing either
total = sum(int(training[i : i + 100].read().sum()) for i in range(0, len(training), 100))

assert (first_columns.read() == samples[800:, :3]).all()
assert total == samples[:800].sum()
