"""Replace a data set while others read it: a new version is written beside the old one, then named as current."""

import os
import tempfile

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
root = sz.create_group("product.zarr")


def publish(values: np.ndarray) -> None:
    """Store a new version; readers see the old one until it is complete."""
    number = root.attrs.get("current", 0) + 1
    root[f"version-{number}"] = values
    root.attrs.put({"current": number, "rows": len(values)})  # one write


def current() -> sz.Array:
    """Open the version that is complete."""
    return sz.open_array("product.zarr", f"version-{sz.open_group('product.zarr').attrs['current']}")


publish(np.zeros(1000))
reader = current()
publish(np.ones(2000))

assert reader[...].sum() == 0  # it still reads the version that it has opened
assert current()[...].sum() == 2000
del root["version-1"]
assert root.keys() == ["version-2"]
