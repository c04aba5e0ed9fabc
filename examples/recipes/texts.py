"""Store texts of any length and find those that hold a word, some thousand at a time."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
lines = [f"request {i} from {'Zürich' if i % 9 == 0 else 'Genève'} took {i % 50} ms" for i in range(5000)]
texts = sz.create_array("log.zarr", data=lines, dtype=str, chunks=(1000,))

found: list[int] = []
for (rows,) in texts.iter_chunks():
    hits = np.strings.find(texts[rows], "Zürich") >= 0
    found.extend((np.flatnonzero(hits) + rows.start).tolist())

assert found == list(range(0, 5000, 9))
assert texts[4999] == lines[4999]
