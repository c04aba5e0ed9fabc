"""Write an array into an HDF5 file, chunk by chunk."""

import os
import tempfile

import h5py
import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
values = np.random.default_rng(0).random((400, 300), dtype="f4")
array = sz.create_array("array.zarr", data=values, chunks=(100, 100), attributes={"unit": "K"})

with h5py.File("array.h5", "w") as file:
    dataset = file.create_dataset("array", shape=array.shape, dtype=array.dtype, chunks=array.chunks)
    for region in array.iter_chunks():
        dataset[region] = array[region]
    dataset.attrs.update(array.attrs)

with h5py.File("array.h5") as file:
    stored = file["array"]
    assert isinstance(stored, h5py.Dataset)
    assert (stored[...] == values).all()
    assert stored.attrs["unit"] == "K"
