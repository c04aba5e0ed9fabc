"""Write an array into a .npy file that is larger than memory."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
values = np.random.default_rng(0).integers(0, 1000, (700, 80))
array = sz.create_array("values.zarr", data=values, chunks=(100, 80))

mapped = np.lib.format.open_memmap("values.npy", mode="w+", dtype=array.dtype, shape=array.shape)
for region in array.iter_chunks():
    array.read(region, out=mapped[region])  # decoded into the file's pages
mapped.flush()

assert (np.load("values.npy") == values).all()
