"""Times of reading HDF5 by kerchunk's references beside h5py: `python asv_bench/references.py [DIRECTORY]`.

Each row: the median of the rounds in ms and its ratio to h5py, in turn in one process. Put the directory on a tmpfs.
Every answer is checked.
"""

import json
import os
import statistics
import sys
import tempfile
import time

import h5py
import numpy as np

import simplezarr as sz
from simplezarr.stores import ReferenceStore

ROUNDS = 15
SHAPE = (512, 512, 64)
LAYOUTS = {
    "gzip and shuffle": {"chunks": (64, 64, 32), "compression": "gzip", "compression_opts": 4, "shuffle": True},
    "uncompressed": {"chunks": (64, 64, 32)},
    "uncompressed, small chunks": {"chunks": (16, 16, 16)},
    "contiguous": {},
}


def references(path):
    """Return references to the dataset `x` of a file, as kerchunk would write them, from what h5py says."""
    with h5py.File(path, "r") as file:
        dataset = file["x"]
        chunks = dataset.chunks or dataset.shape
        packed = dataset.compression == "gzip"
        document = {
            "zarr_format": 2,
            "shape": dataset.shape,
            "chunks": chunks,
            "dtype": dataset.dtype.str,
            "compressor": {"id": "zlib", "level": 4} if packed else None,
            "filters": [{"id": "shuffle", "elementsize": dataset.dtype.itemsize}] if dataset.shuffle else None,
            "fill_value": 0,
            "order": "C",
        }
        refs = {".zgroup": '{"zarr_format": 2}', "x/.zarray": json.dumps(document)}
        if dataset.chunks is None:
            refs["x/0.0.0"] = [path, dataset.id.get_offset(), dataset.id.get_storage_size()]
        for i in range(dataset.id.get_num_chunks() if dataset.chunks else 0):
            chunk = dataset.id.get_chunk_info(i)
            name = ".".join(str(at // n) for at, n in zip(chunk.chunk_offset, chunks, strict=True))
            refs[f"x/{name}"] = [path, chunk.byte_offset, chunk.size]
    return refs


def compare(title, functions):
    """Time functions in turn, and print a line for each."""
    times = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            begun = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - begun)
    base = statistics.median(times["h5py"])
    for name, rounds in times.items():
        seconds = statistics.median(rounds)
        print(f"{title:40} {name:12} {seconds * 1e3:8.2f} {seconds / base:6.2f}", flush=True)


def measure(title, theirs, ours, data):
    """Compare reading all of a dataset, and a part of it."""
    out = np.empty_like(data)
    crop = np.s_[100:300, 50:400, 10:50]
    assert np.array_equal(ours[...], data)
    assert np.array_equal(ours[crop], data[crop])
    compare(title, {"h5py": lambda: theirs.read_direct(out), "simplezarr": lambda: ours.read(..., out=out)})
    compare(f"{title}, a part", {"h5py": lambda: theirs[crop], "simplezarr": lambda: ours[crop]})


def main(top):
    data = np.arange(np.prod(SHAPE), dtype="<i4").reshape(SHAPE) // 7
    for title, layout in LAYOUTS.items():
        path = os.path.join(top, "data.h5")
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=data, **layout)
        with h5py.File(path, "r") as file:
            measure(title, file["x"], sz.open(ReferenceStore(references(path)))["x"], data)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as top:
            main(top)
