"""Makes, writes, reads and grows an array; then opens two real ones that another library wrote, and slices them."""

import tempfile
from pathlib import Path

import numpy as np

import simplezarr as sz

with tempfile.TemporaryDirectory() as directory:
    # An array in a group. What is left out is chosen: chunks of about 1 MiB, zstd.
    data = sz.create_group(f"{directory}/new.zarr", attributes={"title": "made here"})
    sea = data.create_array("sea/level", shape=(365, 180, 360), dtype="float32", dimension_names=("day", "lat", "lon"))

    # Written and read as in NumPy. Only the chunks that are touched are stored; the rest is fill value.
    sea[:31] = np.sin(np.arange(31))[:, None, None]
    sea[31, 90, ::2] = 5
    print(f"sea[30:33, 90, 0]            {sea[30:33, 90, 0]}")

    # Grown by a year, and by data; attributes are stored at once.
    sea.resize((730, 180, 360))
    sea.append(np.ones((1, 180, 360)))
    sea.attrs.update(unit="m", offset=np.float32(0.5))
    print(f"sea after growing            {sea[0, 0, 0]}, {sea[-1, 0, 0]}\n\n{sea.info}\n")

real = Path(__file__).parent / "real.zarr"
root = sz.open_group(real)
print(root.tree())

# A volume of an MRI scanner: 4-d, sharded, zstd. Indexing is NumPy's; only the chunks that it touches are read.
mri = sz.open_array(real, "mri")
print(f"\n{mri.info}\n")
head = mri[10:100, ::2, ..., 0]
print(f"mri[10:100, ::2, ..., 0]     {head.dtype} {head.shape}, mean {head.mean():.2f}")
print(f"mri[64, 48, 12, 0]           {mri[64, 48, 12, 0]}, a scalar as in NumPy")

# The same as a future: it is returned at once, and filled by the thread pool.
future = mri.read_future(sz.s_[::-1, 5])
print(f"mri.read_future(s_[::-1, 5]) {future.result().shape}")

# One chunk, blocking and as a future; nothing but this chunk is read.
chunk = mri.get_chunk((0, 1, 0, 0))
assert np.array_equal(chunk, mri.get_chunk_future((0, 1, 0, 0)).result())
print(f"mri.get_chunk((0, 1, 0, 0))  {chunk.shape}, maximum {chunk.max()}")

# Decoded into a buffer of your own: nothing is allocated.
buffer = np.empty((32, *mri.shape[1:]), mri.dtype)
mri.read(sz.s_[:32], out=buffer)
print(f"mri.read(s_[:32], out=...)   {buffer.shape}, maximum {buffer.max()}")

# A photograph: blosc with bitshuffle. Every fourth pixel, upside down.
photo = sz.open_array(real, "photo")
small = photo[::-4, ::4]
print(f"photo[::-4, ::4]             {small.shape}, mean colour {small.mean(axis=(0, 1)).round(1).tolist()}")

# Errors say what is wrong, and where.
try:
    photo[600]
except IndexError as error:
    print(f"photo[600]                   IndexError: {error}")
try:
    root["nothing"]
except sz.NodeNotFoundError as error:
    print(f"root['nothing']              NodeNotFoundError: {error}")
