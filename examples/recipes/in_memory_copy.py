"""Read a small hierarchy into memory once, and answer everything from there."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
sz.save("small.zarr", {"x": np.arange(100), "more": {"y": np.ones((20, 30))}})

disk = sz.LocalStore("small.zarr")
memory = sz.MemoryStore()
for key in disk.list():
    value = disk.get(key)
    assert value is not None
    memory.set(key, value)  # as it is stored, still compressed

assert sz.open_array(memory, "x")[42] == 42
assert sz.open_array(memory, "more/y")[...].sum() == 600
assert sorted(memory.list()) == sorted(disk.list())
