"""Follow an array that another part of the program, or another process, still appends to."""

import os
import tempfile
import threading

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
sz.create_array("live.zarr", shape=(0, 4), dtype="f4", chunks=(100, 4))


def measure() -> None:
    """Append ten batches."""
    log = sz.open_array("live.zarr", mode="r+")
    for i in range(10):
        log.append(np.full((100, 4), i, "f4"))


writer = threading.Thread(target=measure)
writer.start()
reader, seen, total = sz.open_array("live.zarr"), 0, 0.0
while seen < 1000:
    alive = writer.is_alive()
    reader.refresh()  # takes the stored shape
    total += reader[seen:].sum()
    assert alive or len(reader) > seen, "the writer has ended early"
    seen = len(reader)
writer.join()

assert total == sum(range(10)) * 400
