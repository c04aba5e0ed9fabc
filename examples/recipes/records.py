"""Store records, read one field of them, and select by the value of another."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
STAR = np.dtype([("id", "i8"), ("ra", "f8"), ("dec", "f8"), ("magnitude", "f4"), ("name", "U12")])
stars = np.zeros(5000, STAR)
stars["id"] = np.arange(5000)
stars["ra"], stars["dec"] = np.random.default_rng(0).random((2, 5000)) * [[360], [90]]
stars["magnitude"] = 20 - np.arange(5000) / 250
stars["name"] = [f"star {i}" for i in range(5000)]

catalogue = sz.create_array("stars.zarr", data=stars, chunks=(1000,))
bright = np.flatnonzero(catalogue["magnitude"] < 1)
found = catalogue[bright]
places = catalogue[["ra", "dec"]]

assert catalogue.dtype == STAR
assert found["name"][0] == f"star {bright[0]}"
assert (places["dec"][bright] == found["dec"]).all()
