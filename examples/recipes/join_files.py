"""Join the arrays of many runs along a new first axis, without reading them all at once."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
paths = [f"run-{i}.zarr" for i in range(5)]
for i, path in enumerate(paths):
    sz.save(path, np.full((40, 50), i, "f4"), chunks=(20, 50), attributes={"run": i})

runs = [sz.open_array(path) for path in paths]
joined = sz.create_array(
    "joined.zarr",
    shape=(len(runs), *runs[0].shape),
    dtype=runs[0].dtype,
    chunks=(1, *runs[0].chunks),
    attributes={"runs": [run.attrs["run"] for run in runs]},
)
for i, run in enumerate(runs):
    joined[i] = run  # copied chunk by chunk

assert (joined[...] == np.arange(5)[:, None, None]).all()
assert joined.attrs["runs"] == [0, 1, 2, 3, 4]
