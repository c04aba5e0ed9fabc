"""Keep the last N transitions of an agent in a ring on disk, and draw random batches from it."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
CAPACITY = 1000
buffer = sz.create_group("replay.zarr")
frames = buffer.create_array("frame", shape=(CAPACITY, 16, 16), dtype="u1", chunks=(1, -1, -1), shards=(100, -1, -1))
rewards = buffer.create_array("reward", shape=(CAPACITY,), dtype="f4", chunks=(CAPACITY,))
buffer.attrs["written"] = 0

rng = np.random.default_rng(0)
episodes = rng.integers(0, 255, (12, 100, 16, 16), "u1")
for new in episodes:  # an episode of 100 steps fills one shard, so nothing is read back
    begin = buffer.attrs["written"] % CAPACITY
    frames[begin : begin + 100] = new
    rewards[begin : begin + 100] = new.mean((1, 2))
    buffer.attrs["written"] += 100

picked = rng.integers(0, min(buffer.attrs["written"], CAPACITY), 32)
batch = {"frame": frames[picked], "reward": rewards[picked]}

assert batch["frame"].shape == (32, 16, 16)
assert np.allclose(batch["frame"].mean((1, 2)), batch["reward"])
assert (frames[100:200] == episodes[-1]).all()  # the twelfth episode is where the second was
