"""An engine of xarray: `xarray.open_dataset(store, engine="simplezarr")`, and `to_zarr`, which writes.

Needs the package xarray, and not zarr-python: `pip install simplezarr[xarray]`.
"""

from simplezarr.xarray.backend import SimplezarrBackend
from simplezarr.xarray.variables import variable
from simplezarr.xarray.writing import to_zarr

__all__ = ["SimplezarrBackend", "to_zarr", "variable"]
