"""Convert a .npy file that is larger than memory."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
np.save("values.npy", np.arange(90_000, dtype="f8").reshape(300, 300))  # the file to convert

mapped = np.load("values.npy", mmap_mode="r")  # its pages are read when they are copied
array = sz.create_array("values.zarr", data=mapped, chunks=(100, 100))

assert array.dtype == mapped.dtype
assert (array[250] == mapped[250]).all()
assert array[...].sum() == mapped.sum()
