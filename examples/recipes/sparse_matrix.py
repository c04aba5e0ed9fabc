"""Store a sparse matrix in CSR form as a group of three arrays, and read a few rows of it."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
rng = np.random.default_rng(0)
dense = np.where(rng.random((500, 200)) < 0.02, rng.random((500, 200)), 0)
rows, columns = dense.nonzero()
pointers = np.searchsorted(rows, np.arange(501))

matrix = sz.create_group("csr.zarr", attributes={"encoding-type": "csr_matrix", "shape": dense.shape})
matrix["data"] = dense[rows, columns]
matrix["indices"] = columns.astype("i4")
matrix["indptr"] = pointers


def read_rows(path: str, begin: int, end: int) -> np.ndarray:
    """Return some rows as a dense array."""
    bounds = sz.open_array(path, "indptr")[begin : end + 1]
    stored = slice(bounds[0], bounds[-1])
    result = np.zeros((end - begin, sz.open_group(path).attrs["shape"][1]))
    line = np.repeat(np.arange(end - begin), np.diff(bounds))
    result[line, sz.open_array(path, "indices")[stored]] = sz.open_array(path, "data")[stored]
    return result


assert (read_rows("csr.zarr", 100, 130) == dense[100:130]).all()
