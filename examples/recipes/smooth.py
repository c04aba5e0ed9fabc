"""Smooth an image that is larger than memory: each block is read with a margin around it."""

import os
import tempfile

import numpy as np

import simplezarr as sz


def smoothed(block: np.ndarray) -> np.ndarray:
    """Return the mean of 3 x 3 pixels for each pixel that has all its neighbours."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(block, (3, 3)).mean((2, 3)))


os.chdir(tempfile.mkdtemp())  # the files go into a new folder
values = np.random.default_rng(0).random((300, 200))
image = sz.create_array("image.zarr", data=values, chunks=(100, 100))
result = sz.create_array("smooth.zarr", like=image)

for region in result.iter_chunks():
    rows, columns = (
        np.arange(part.start - 1, part.stop + 1).clip(0, length - 1)  # at the image's edge the last pixel is repeated
        for part, length in zip(region, image.shape, strict=True)
    )
    result[region] = smoothed(image.oindex[rows, columns])

assert np.allclose(result[...], smoothed(np.pad(values, 1, mode="edge")))
