"""Find the arrays of a large hierarchy by their attributes, with one request for all of them."""

import os
import tempfile

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
root = sz.create_group("survey.zarr")
for year in range(2020, 2026):
    for band in "gri":
        root.create_array(f"{year}/{band}", shape=(100, 100), dtype="u2", attributes={"seeing": year % 4 + ord(band)})
root.consolidate_metadata()  # writers drop the copy, so make it when the hierarchy is complete

found = [
    f"{year}/{band}"
    for year, group in sz.open_group("survey.zarr").groups()
    for band, image in group.arrays()
    if image.attrs["seeing"] < 105
]

assert found == ["2020/g", "2021/g", "2024/g", "2025/g"]
assert len(root.metadata.consolidated or ()) == 6 * 4
