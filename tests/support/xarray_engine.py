"""A plug-in of pytest that puts simplezarr in the place of zarr-python in xarray's own tests.

`python -m pytest -p tests.support.xarray_engine --pyargs xarray.tests.test_backends -k TestZarr` reads by simplezarr.
With SIMPLEZARR_WRITES=1 in the environment it writes as well.
"""

import os

import xarray
import zarr
from xarray.backends.common import BACKEND_ENTRYPOINTS

from simplezarr.xarray import SimplezarrBackend, to_zarr


class InPlaceOfZarr(SimplezarrBackend):
    """The engine as it is if zarr-python is not installed."""

    def guess_can_open(self, filename_or_obj):
        return str(filename_or_obj).rstrip("/").endswith(".zarr")


BACKEND_ENTRYPOINTS["zarr"] = ("xarray", InPlaceOfZarr)

if os.environ.get("SIMPLEZARR_WRITES"):

    def instead(data, store=None, *args, chunk_store=None, **arguments):
        """Write by simplezarr; with the arguments of the method."""
        usual = {"safe_chunks": True, "zarr_format": zarr.config.get("default_zarr_format")}
        return to_zarr(data, {} if store is None else store, *args, **{**usual, **arguments})

    for kind in (xarray.Dataset, xarray.DataArray, xarray.DataTree):
        kind.to_zarr = instead
