"""The arrays, written once, all with zstd."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from feeding.rows import ARRAYS


def write(top: Path) -> None:
    """Write the arrays as members of a group, unless they are there."""
    import simplezarr as sz

    done = top / "done-2"
    if done.exists():
        return
    sz.create_group(top, overwrite=True)
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.12, (65536, 1024)) * rng.gamma(2, 1, (65536, 1024))
    images = np.repeat(np.repeat(rng.integers(0, 250, (5000, 16, 16, 3), "u1"), 8, 1), 8, 2)
    images += rng.integers(0, 6, images.shape, "u1")
    z = np.arange(512)
    volume = (z[:, None, None] + z[:, None] + z) * 20 + rng.integers(0, 64, (512, 512, 512))
    values = {"rows": np.log1p(counts), "images": images, "crops": volume}
    for name, spec in ARRAYS.items():
        data = values[name.split("-")[0]].astype(spec.dtype)
        sz.create_array(top / name, data=data, chunks=spec.chunks, shards=spec.shards, codecs=["zstd"], overwrite=True)
    done.touch()
