"""Multiply two matrices that are larger than memory, block by block."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
rng = np.random.default_rng(0)
left = sz.create_array("left.zarr", data=rng.random((300, 200)), chunks=(100, 100))
right = sz.create_array("right.zarr", data=rng.random((200, 250)), chunks=(100, 100))
product = sz.create_array("product.zarr", shape=(300, 250), dtype="f8", chunks=(100, 100))

for rows, columns in product.iter_chunks():
    block = np.zeros((rows.stop - rows.start, columns.stop - columns.start))
    for k in range(left.blocks.shape[1]):
        inner = slice(100 * k, 100 * (k + 1))
        block += left[rows, inner] @ right[inner, columns]
    product[rows, columns] = block

assert np.allclose(product[...], left[...] @ right[...])
