"""Store an array of maps again in chunks that are long in time, for reading the series of a point."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
values = np.random.default_rng(0).random((120, 60, 90), dtype="f4")
maps = sz.create_array("maps.zarr", data=values, chunks=(1, -1, -1), attributes={"unit": "K"})

series = sz.create_array("series.zarr", like=maps, data=maps, chunks=(-1, 15, 15))  # part by part

assert series.chunks == (120, 15, 15)
assert series.attrs["unit"] == "K"
assert (series[:, 30, 40] == values[:, 30, 40]).all()
