"""Store a field of floats to three digits, in a third of the space."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
x, y = np.meshgrid(np.linspace(0, 3, 500), np.linspace(0, 3, 500))
field = (np.sin(x * y) + 2 + np.random.default_rng(0).normal(0, 1e-5, x.shape)).astype("f4")

exact = sz.create_array({}, data=field, chunks=(250, 250))
rounded = sz.create_array("field.zarr", data=field, chunks=(250, 250), codecs=[sz.codecs.BitRound(keepbits=10), "zstd"])

assert np.allclose(rounded[...], field, rtol=1e-3)
assert rounded.nbytes_stored < exact.nbytes_stored / 3
