"""Find the box of each object in a volume of labels, chunk by chunk."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
truth = {1: (slice(3, 20), slice(5, 50)), 2: (slice(30, 45), slice(10, 61)), 3: (slice(60, 64), slice(0, 7))}
volume = sz.create_array("labels.zarr", shape=(64, 64), dtype="u4", chunks=(16, 16))
for label, box in truth.items():
    volume[box] = label

boxes: dict[int, tuple[slice, ...]] = {}
for region in volume.iter_chunks(stored=True):  # chunks of background alone are not stored
    block = volume[region]
    for label in np.unique(block[block != 0]).tolist():
        places = [axis + part.start for axis, part in zip(np.nonzero(block == label), region, strict=True)]
        old = boxes.get(label, (slice(10**9, 0), slice(10**9, 0)))
        boxes[label] = tuple(
            slice(min(part.start, int(place.min())), max(part.stop, int(place.max()) + 1))
            for part, place in zip(old, places, strict=True)
        )

assert boxes == truth
assert volume.nchunks_stored < volume.nchunks
