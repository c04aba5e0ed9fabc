"""Read the values of a grid at scattered stations, and at chosen rows and columns."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
rain = np.random.default_rng(0).random((24, 180, 360), dtype="f4")
grid = sz.create_array("rain.zarr", data=rain, chunks=(24, 30, 30), dimension_names=("hour", "lat", "lon"))

lat, lon = np.array([10, 99, 151]), np.array([20, 7, 300])
hours = np.array([6, 12, 18])

series = grid[:, lat, lon]  # all hours at each station
moments = grid.vindex[hours, lat, lon]  # one hour at each station
table = grid.oindex[hours, lat, lon]  # each hour with each row and each column

assert (series == rain[:, lat, lon]).all()
assert (moments == rain[hours, lat, lon]).all()
assert (table == rain[np.ix_(hours, lat, lon)]).all()
