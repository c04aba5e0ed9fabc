"""Append rows to a table as they come, in batches of whole chunks."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
ROW = np.dtype([("time", "i8"), ("sensor", "u2"), ("value", "f4")])
table = sz.create_array("table.zarr", shape=(0,), dtype=ROW, chunks=(1000,))

pending: list[tuple[int, int, float]] = []
for i in range(2500):
    pending.append((i, i % 7, i / 10))
    if len(pending) == 1000:  # a whole chunk is written without reading it back
        table.append(np.array(pending, ROW))
        pending.clear()
table.append(np.array(pending, ROW))

rows = sz.open_array("table.zarr")
assert rows.shape == (2500,)
assert rows[1234]["sensor"] == 1234 % 7
assert rows["time"].tolist() == list(range(2500))
