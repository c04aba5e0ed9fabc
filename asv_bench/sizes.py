"""Sizes and speeds of codecs on five kinds of data: the table of docs/guide/chunks-and-codecs.md.

    python asv_bench/sizes.py          # about a minute

Speeds are MB of values for each second of processor time, in one thread and in memory: the best of five rounds. The
data are made here, except the photograph.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import simplezarr as sz
from simplezarr.codecs import BitRound, Blosc, Bytes, Codec, Delta, Gzip, Zstd

PHOTO = Path(__file__).parents[1] / "examples" / "real.zarr"
ROUNDS = 5


def data() -> dict[str, np.ndarray]:
    """Return five arrays of some megabytes each."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:1024, :1024] / 1024
    waves = sum(rng.normal() / k * np.sin(k * (rng.normal() * 9 * x + rng.normal() * 9 * y)) for k in range(1, 12))
    field = (285 + 15 * waves + rng.normal(0, 0.05, x.shape)).astype("f4")
    centres = rng.random((400, 2))
    distances = [(x[::4, ::4] - cx) ** 2 + (y[::4, ::4] - cy) ** 2 for cx, cy in centres]
    cells = np.argmin(distances, axis=0).astype("u4").repeat(4, 0).repeat(4, 1)
    counts = rng.poisson(3, (65536, 16)).astype("i8")
    steps = np.cumsum(rng.integers(1, 2000, 2**20)) * 1000
    return {
        "floats: a smooth field, float32": field,
        "image: a photograph, uint8": np.asarray(sz.open(PHOTO)["photo"]),
        "labels: 400 cells, uint32": cells,
        "table: small counts, int64": counts,
        "time stamps: growing, int64": steps,
    }


CODECS: dict[str, list[Codec]] = {
    '`"auto"` (zstd, level 3)': [Bytes(), Zstd(level=3)],
    "`Zstd(level=9)`": [Bytes(), Zstd(level=9)],
    "`Gzip(level=5)`": [Bytes(), Gzip(level=5)],
    '`Blosc(cname="lz4", shuffle="shuffle")`': [Bytes(), Blosc(cname="lz4", clevel=5, shuffle="shuffle")],
    '`Blosc(cname="zstd", shuffle="bitshuffle")`': [Bytes(), Blosc(cname="zstd", clevel=5, shuffle="bitshuffle")],
}
#: What suits one kind of data alone.
SUITED: dict[str, dict[str, list[Codec]]] = {
    "floats": {"`BitRound(keepbits=10)`, then zstd (lossy)": [BitRound(keepbits=10), Bytes(), Zstd(level=3)]},
    "time stamps": {'`Delta(dtype="<i8")`, then zstd': [Delta(dtype="<i8"), Bytes(), Zstd(level=3)]},
}


def speed(nbytes: int, work: Callable[[], object]) -> float:
    """Return MB for each second of processor time, in the best of the rounds."""
    work()
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return nbytes / 1e6 / max(min(times), 1e-9)


def measured(values: np.ndarray, codecs: list[Codec]) -> tuple[float, float, float]:
    """Return size, as a part of that of the values, and the speeds of writing and of reading."""
    rows = max(1, 2**20 // (values.nbytes // len(values)))
    array = sz.create_array({}, shape=values.shape, dtype=values.dtype, chunks=(rows, -1)[: values.ndim], codecs=codecs)
    out = np.empty_like(values)
    write = speed(values.nbytes, lambda: array.write(..., values))
    read = speed(values.nbytes, lambda: array.read(out=out))
    return array.nbytes_stored / values.nbytes, write, read


def main() -> None:
    sz.set_num_threads(1)
    print("| data | codecs | size | write, MB/s | read, MB/s |\n|---|---|---|---|---|")
    for kind, values in data().items():
        for name, codecs in {**CODECS, **SUITED.get(kind.partition(":")[0], {})}.items():
            size, write, read = measured(values, codecs)
            print(f"| {kind} | {name} | {size:.1%} | {write:.0f} | {read:.0f} |")


if __name__ == "__main__":
    main()
