"""Store a checksum with each chunk, and find the chunk that a disk has damaged."""

import os
import tempfile
from pathlib import Path

import numpy as np

import simplezarr as sz
from simplezarr import utils

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
array = sz.create_array("safe.zarr", data=np.arange(4000).reshape(40, 100), chunks=(10, 100), codecs=["zstd", "crc32c"])
assert not utils.check("safe.zarr").problems

damaged = Path("safe.zarr/c/2/0")
content = bytearray(damaged.read_bytes())
content[20] ^= 1  # one bit
damaged.write_bytes(content)

message = ""
try:
    array[25]
except sz.ChunkError as error:
    message = str(error)
assert "crc32c" in message
assert array[35, 5] == 3505  # the other chunks are as they were
(problem,) = utils.check("safe.zarr").problems
assert "c/2/0" in str(problem)
