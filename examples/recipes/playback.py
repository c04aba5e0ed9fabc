"""Play a recording block by block, while the next block is read."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
tone = np.sin(np.arange(50_000) / 20).astype("f4")
recording = sz.create_array("sound.zarr", data=tone, chunks=(4800,))

played: list[np.ndarray] = []
following = recording.get_chunk_future(0)
for i in range(recording.nchunks):
    block = following.result()
    if i + 1 < recording.nchunks:
        following = recording.get_chunk_future(i + 1)
    played.append(block)  # or send it to the sound card

assert [len(block) for block in played] == [4800] * 11  # the last one too: the fill value follows the end
assert (np.concatenate(played)[: len(recording)] == tone).all()
