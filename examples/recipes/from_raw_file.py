"""Convert a headerless file of big-endian numbers, as instruments write them."""

import os
import tempfile
from pathlib import Path

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
HEADER = 64  # bytes that the instrument writes before the numbers
samples = np.arange(32 * 5000).reshape(32, 5000) % 4096
Path("recording.dat").write_bytes(bytes(HEADER) + samples.astype(">i2").tobytes())

raw = np.memmap("recording.dat", dtype=">i2", mode="r", offset=HEADER).reshape(32, -1)
array = sz.create_array(
    "recording.zarr",
    data=raw,
    dtype="i2",
    chunks=(32, 1000),
    dimension_names=("channel", "sample"),
    attributes={"sampling_rate": 30_000},
)

assert (array[...] == samples).all()
assert array.dtype == np.dtype("i2")
