"""Save the nested parameters of a model after each epoch, and load the last ones."""

import os
import tempfile
from typing import Any

import numpy as np

import simplezarr as sz

os.chdir(tempfile.mkdtemp())  # the files go into a new folder


def updated(model: dict[str, Any], step: float) -> dict[str, Any]:
    """Return the parameters after one epoch."""
    return {name: updated(value, step) if isinstance(value, dict) else value + step for name, value in model.items()}


model: dict[str, Any] = {
    "encoder": {"weight": np.ones((64, 32), "f4"), "bias": np.zeros(64, "f4")},
    "head": {"weight": np.ones((10, 64), "f4")},
}
sz.create_group("model.zarr")
for epoch in range(3):
    model = updated(model, 0.25)
    sz.save("model.zarr", model, f"epoch-{epoch:04}", attributes={"loss": 1 / (epoch + 1)})

last = max(sz.open_group("model.zarr"))
loaded = sz.load("model.zarr", last)
assert last == "epoch-0002"
assert (loaded["encoder"]["bias"] == 0.75).all()
assert loaded["head"]["weight"].dtype == "f4"
