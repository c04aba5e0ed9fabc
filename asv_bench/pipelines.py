"""Times of zarr-python with each codec pipeline: `python asv_bench/pipelines.py DIRECTORY [ROW ...]`.

The pipelines take turns, round by round, in one process. A row has the median of wall time and of processor time in ms
for each pipeline, and the ratios of simplezarr's to the least of the others. The last line has their geometric means.
Put the directory on a tmpfs. Every answer is checked before it is timed. A ROW is a shell pattern of names.

It needs zarr 3.3 or later with zarrs, and simplezarr installed, so that its entry point is found.
"""

import fnmatch
import gc
import json
import math
import os
import statistics
import sys
import tempfile
import time

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

ROUNDS = 7
SIDE = 256
PIPELINES = {
    "default": "zarr.core.codec_pipeline.BatchedCodecPipeline",
    "fused": "zarr.core.codec_pipeline.FusedCodecPipeline",
    "zarrs": "zarrs.ZarrsCodecPipeline",
    "simplezarr": "simplezarr.zarr_python.CodecPipeline",
}
OURS = "simplezarr"
LAYOUTS = {
    "raw": {"chunks": (64, 64, 64), "compressors": None},
    "zstd": {"chunks": (64, 64, 64), "compressors": ZstdCodec()},
    "shards": {"chunks": (32, 32, 32), "shards": (128, 128, 128), "compressors": ZstdCodec()},
    "tiny-raw": {"chunks": (1024,), "compressors": None},
    "tiny-zstd": {"chunks": (1024,), "compressors": ZstdCodec()},
}


def cube():
    """Return counts of an image: smooth, with noise in the lowest bits."""
    rng = np.random.default_rng(0)
    z, y, x = np.ogrid[:SIDE, :SIDE, :SIDE]
    smooth = 500 * (2 + np.sin(z / 31) * np.cos(y / 17) + np.sin(x / 23))
    return (smooth + rng.integers(0, 32, (SIDE,) * 3)).astype("u2")


CUBE = cube()
DATA = {name: CUBE.ravel()[: 4096 * 1024] if name.startswith("tiny") else CUBE for name in LAYOUTS}


def places(seed, count, most):
    """Return the same places for all pipelines."""
    return np.random.default_rng(seed).integers(0, most, count).tolist()


def boxes(count, side):
    """Return selections of cubes."""
    starts = np.random.default_rng(1).integers(0, SIDE - side, (count, 3)).tolist()
    return [tuple(slice(start, start + side) for start in place) for place in starts]


CHUNKS = [slice(1024 * i, 1024 * (i + 1)) for i in places(2, 100, 4096)]
SCALARS = [tuple(place) for place in np.random.default_rng(3).integers(0, SIDE, (100, 3)).tolist()]
#: Of each row: the layout, and the selections that are read one after another.
READS = {
    "read all, raw 64³ chunks": ("raw", [...]),
    "read all, zstd": ("zstd", [...]),
    "read all, shards 128³ of 32³": ("shards", [...]),
    "read 4096 chunks of 2 KB, raw": ("tiny-raw", [...]),
    "read 4096 chunks of 2 KB, zstd": ("tiny-zstd", [...]),
    "read [10:200, ::2], zstd": ("zstd", [np.s_[10:200, ::2]]),
    "read 32 crops of 64³, shards": ("shards", boxes(32, 64)),
    "read one plane, shards": ("shards", [100]),
    "read 100 chunks of 2 KB, one by one": ("tiny-raw", CHUNKS),
    "read 100 scalars, shards": ("shards", SCALARS),
}
WRITES = {
    "write all, raw": "raw",
    "write all, zstd": "zstd",
    "write all, shards": "shards",
    "write 4096 chunks of 2 KB, raw": "tiny-raw",
}


def opened(path, pipeline, mode):
    """Open an array that uses a pipeline."""
    with zarr.config.set({"codec_pipeline.path": PIPELINES[pipeline]}):
        return zarr.open_array(path, mode=mode)


def reading(top, layout, selections):
    """Return a function that reads for each pipeline, and gives what it has read."""
    path = os.path.join(top, layout)

    def read(pipeline):
        array = opened(path, pipeline, "r")
        return lambda: [array[selection] for selection in selections]

    expected = [DATA[layout][selection] for selection in selections]
    return {name: read(name) for name in PIPELINES}, lambda found, _: all(map(np.array_equal, found, expected))


def writing(top, layout):
    """Return a function that writes for each pipeline. Each has an array of its own."""
    data = DATA[layout]

    def write(pipeline):
        path = os.path.join(top, "written", layout, pipeline)
        zarr.create_array(path, shape=data.shape, dtype=data.dtype, **LAYOUTS[layout])
        array = opened(path, pipeline, "r+")
        return lambda: array.__setitem__(..., data)

    def is_right(_, pipeline):
        return np.array_equal(opened(os.path.join(top, "written", layout, pipeline), "default", "r")[...], data)

    return {name: write(name) for name in PIPELINES}, is_right


def measure(functions, is_right):
    """Return the medians of wall and processor time in ms, for each pipeline."""
    times = {name: [] for name in functions}
    for name, function in functions.items():
        if not is_right(function(), name):
            raise SystemExit(f"{name}: wrong elements")
    for turn in range(ROUNDS):
        names = [*functions]
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            functions[name]()
            times[name].append((1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)))
    return {name: [statistics.median(column) for column in zip(*rounds, strict=True)] for name, rounds in times.items()}


def ratios(medians):
    """Return the ratios of simplezarr's times to the least of the others."""
    others = [times for name, times in medians.items() if name != OURS]
    return [own / min(column) for own, *column in zip(medians[OURS], *others, strict=True)]


def main(top, patterns):
    for layout, how in LAYOUTS.items():
        zarr.create_array(os.path.join(top, layout), data=DATA[layout], **how)
    kinds = {row: lambda what=what: reading(top, *what) for row, what in READS.items()}
    kinds |= {row: lambda layout=layout: writing(top, layout) for row, layout in WRITES.items()}
    print(f"{'median ms, wall / processor':36}", *[f"{name:>16}" for name in PIPELINES], f"{'ratios':>13}")
    found, gc_was_on = {}, gc.isenabled()
    gc.disable()
    for row, make in kinds.items():
        if any(fnmatch.fnmatchcase(row, pattern) for pattern in patterns):
            medians = measure(*make())
            found[row] = {**medians, "ratios": ratios(medians)}
            cells = [f"{wall:8.2f}/{cpu:7.2f}" for wall, cpu in medians.values()]
            print(f"{row:36}", *cells, "{:6.2f} {:6.2f}".format(*found[row]["ratios"]), flush=True)
    if gc_was_on:
        gc.enable()
    for kind in ("read", "write"):
        rows = [row["ratios"] for name, row in found.items() if name.startswith(kind)]
        if rows:
            means = [math.exp(statistics.fmean(map(math.log, column))) for column in zip(*rows, strict=True)]
            print(f"{kind + ', geometric mean':36}", " " * 67, "{:6.2f} {:6.2f}".format(*means))
    print(json.dumps(found), file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
        main(folder, sys.argv[2:] or ["*"])
