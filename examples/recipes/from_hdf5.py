"""Convert a dataset of an HDF5 file, with its attributes, in bounded memory."""

import os
import tempfile

import h5py
import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
with h5py.File("source.h5", "w") as file:  # the file to convert
    made = file.create_dataset("run/image", data=np.arange(60_000, dtype="i4").reshape(300, 200), chunks=(50, 50))
    made.attrs["exposure"] = 0.25

with h5py.File("source.h5") as file:
    dataset = file["run/image"]
    attributes = {name: np.asarray(value).tolist() for name, value in dataset.attrs.items()}
    array = sz.create_array("converted.zarr", "run/image", data=dataset, chunks=(100, 100), attributes=attributes)

assert (array[...] == np.arange(60_000).reshape(300, 200)).all()
assert array.attrs["exposure"] == 0.25
