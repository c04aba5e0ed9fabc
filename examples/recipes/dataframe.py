"""Store a table of pandas column by column, and read some of its columns."""

import os
import tempfile

import numpy as np
import pandas as pd

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder
frame = pd.DataFrame(
    {
        "when": pd.date_range("2026-01-01", periods=1000, freq="h", unit="s"),
        "city": ["Bonn", "Köln", "Ulm", "Jena"] * 250,
        "rain": np.random.default_rng(0).random(1000, dtype="f4"),
    }
)

table = sz.create_group("table.zarr", attributes={"columns": list(frame.columns)})
for name in frame.columns:
    dtype = "string" if name == "city" else None
    table.create_array(name, data=frame[name].to_numpy(), dtype=dtype, chunks=(500,))

stored = sz.open_group("table.zarr")
again = pd.DataFrame({name: sz.open_array("table.zarr", name)[...] for name in stored.attrs["columns"]})
part = pd.DataFrame({name: sz.open_array("table.zarr", name)[:24] for name in ("when", "rain")})

assert list(again["city"]) == list(frame["city"])
assert again["when"].equals(frame["when"])
assert part.equals(frame.loc[:23, ["when", "rain"]])
