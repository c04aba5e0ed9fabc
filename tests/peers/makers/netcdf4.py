"""netCDF4-python writes NCZarr: Zarr 2 with attributes of its own, filters by their netCDF-C defaults."""

import netCDF4
import numpy as np

#: name: (data type, keywords of createVariable)
VARIABLES = {
    "plain": ("i4", {}),
    "deflate_shuffle": ("f8", {"compression": "zlib", "complevel": 4, "shuffle": True}),
    "shuffle_of_shorts": ("i2", {"compression": "zlib", "complevel": 1, "shuffle": True}),
    "checked": ("u2", {"fletcher32": True}),
    "big_endian": (">i4", {"endian": "big"}),
    "filled": ("f4", {"fill_value": -999.0}),
    "zstd": ("i8", {"compression": "zstd", "complevel": 3}),
}


def values_of(dtype, seed):
    """A plane of 9 by 14, to be stored in chunks of 4 by 5."""
    return (np.random.default_rng(seed).normal(size=(9, 14)) * 100).astype(dtype)


def write(root):
    """Write stores below `root`; return the expected values by "store::path"."""
    expected = {}
    for name, store in {"flat.nc.zarr": "", "grouped.nc.zarr": "model/run"}.items():
        with netCDF4.Dataset(f"file://{root / name}#mode=nczarr,file", "w") as dataset:
            group = dataset.createGroup(store) if store else dataset
            group.title = "made by netCDF4"
            group.createDimension("y", 9)
            group.createDimension("x", 14)
            for seed, (variable, (dtype, keywords)) in enumerate(VARIABLES.items()):
                try:
                    made = group.createVariable(variable, dtype, ("y", "x"), chunksizes=(4, 5), **keywords)
                except RuntimeError:  # this build lacks the filter
                    continue
                made.units = "K"
                made[...] = values_of(dtype, seed)
                expected[f"{name}::{store}/{variable}".replace("::/", "::")] = values_of(dtype, seed)
            scalar = group.createVariable("scalar", "f8", ())
            scalar[...] = 2.5
            expected[f"{name}::{store}/scalar".replace("::/", "::")] = np.array([2.5])  # stored with one axis
    return expected
