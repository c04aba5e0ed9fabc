"""Write an array in Zarr format 2, for software that reads no other."""

import os
import tempfile
from pathlib import Path

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
values = np.arange(2400, dtype="f4").reshape(40, 60)
old = sz.create_group("old.zarr", zarr_format=2, attributes={"title": "for an old reader"})
old.create_array(
    "x", data=values, chunks=(20, 30), codecs=[sz.codecs.Blosc(cname="lz4", shuffle="shuffle")], chunk_key_encoding="v2"
)

assert {path.name for path in Path("old.zarr/x").iterdir()} == {".zarray", ".zattrs", "0.0", "0.1", "1.0", "1.1"}
assert (sz.load("old.zarr", "x") == values).all()
assert sz.open_group("old.zarr").attrs["title"] == "for an old reader"
