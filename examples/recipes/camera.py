"""Store the frames of a camera while it runs: writes are futures, and at most four wait."""

import os
import tempfile
from collections import deque
from concurrent.futures import Future

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder


def exposure(i: int) -> np.ndarray:
    """Return what the camera sees."""
    return np.full((120, 160), i, "u2")


movie = sz.create_array("movie.zarr", shape=(60, 120, 160), dtype="u2", chunks=(1, -1, -1))
waiting: deque[Future[None]] = deque()
for i in range(60):
    if len(waiting) == 4:
        waiting.popleft().result()  # raises the error of a write that failed
    waiting.append(movie.write_future(i, exposure(i)))
for write in waiting:
    write.result()

assert (movie[:, 60, 80] == np.arange(60)).all()
