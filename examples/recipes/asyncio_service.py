"""Answer many requests for tiles in an event loop, which goes on while tiles are read."""

import asyncio
import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
values = np.arange(512 * 512, dtype="i4").reshape(512, 512)
image = sz.create_array("image.zarr", data=values, chunks=(128, 128))


async def tile(row: int, column: int) -> bytes:
    """Return a tile of 64 x 64 pixels as bytes."""
    place = sz.s_[64 * row : 64 * row + 64, 64 * column : 64 * column + 64]
    pixels: np.ndarray = await asyncio.wrap_future(image.read_future(place))
    return pixels.tobytes()


async def serve() -> list[bytes]:
    """Answer 64 requests at once."""
    return await asyncio.gather(*(tile(row, column) for row in range(8) for column in range(8)))


tiles = asyncio.run(serve())
assert len(tiles) == 64
assert tiles[9] == values[64:128, 64:128].tobytes()
