"""Store measurements with their times, units and station, and select a week by date."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
times = np.arange("2026-01-01", "2027-01-01", dtype="datetime64[h]").astype("datetime64[s]")
values = 10 - 8 * np.cos(np.arange(times.size) * 2 * np.pi / times.size)

station = sz.create_group("station.zarr", attributes={"station": "10384", "height": 48.0})
station.create_array("time", data=times, dimension_names=("time",))
station.create_array(
    "temperature", data=values.astype("f4"), dimension_names=("time",), attributes={"unit": "degC", "method": "mean"}
)

opened = sz.open_array("station.zarr", "temperature")
clock = sz.open_array("station.zarr", "time")[...]  # one axis of times fits into memory
week = slice(*np.searchsorted(clock, np.array(["2026-07-01", "2026-07-08"], "datetime64[s]")))
july = opened[week]

assert july.size == 7 * 24
assert july.min() > 17
assert opened.attrs["unit"] == "degC"
