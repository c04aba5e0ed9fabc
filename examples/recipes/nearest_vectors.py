"""Find the stored vectors that are nearest to a query, a block of rows at a time."""

import heapq
import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
rng = np.random.default_rng(0)
vectors = rng.normal(0, 1, (20_000, 32)).astype("f4")
stored = sz.create_array("vectors.zarr", data=vectors, chunks=(4096, -1))
query = vectors[12_345] + 0.01

nearest: list[tuple[float, int]] = []
for rows, _ in stored.iter_chunks():
    distances = np.linalg.norm(stored[rows] - query, axis=1)
    few = np.argpartition(distances, 5)[:5]
    nearest = heapq.nsmallest(5, [*nearest, *zip(distances[few].tolist(), (few + rows.start).tolist(), strict=True)])

exact = np.argsort(np.linalg.norm(vectors - query, axis=1))[:5]
assert [row for _, row in nearest] == exact.tolist()
assert nearest[0][1] == 12_345
