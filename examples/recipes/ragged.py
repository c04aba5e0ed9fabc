"""Store lists of different lengths as one array of values and one of offsets."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
rng = np.random.default_rng(0)
tracks = [rng.random((length, 3), dtype="f4") for length in rng.integers(0, 50, 400)]

offsets = np.cumsum([0, *(len(track) for track in tracks)])
sz.save("tracks.zarr", {"values": np.concatenate(tracks), "offsets": offsets})

values, bounds = sz.open_array("tracks.zarr", "values"), sz.load("tracks.zarr", "offsets")


def track(i: int) -> np.ndarray:
    """Return one list."""
    return np.asarray(values[bounds[i] : bounds[i + 1]])


assert (track(17) == tracks[17]).all()
some = values.read_many([sz.s_[bounds[i] : bounds[i + 1]] for i in (3, 1, 399)])  # each chunk is decoded once
assert all((one == tracks[i]).all() for one, i in zip(some, (3, 1, 399), strict=True))
