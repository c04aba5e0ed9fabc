"""Times of reading zip archives beside a directory and zarr-python: `python asv_bench/zip_archive.py [DIRECTORY]`.

Each row: the least time of the rounds in ms and its ratio to LocalStore, then the same of processor time. Put the
directory on a tmpfs. Every answer is checked.
"""

import os
import sys
import tempfile
import threading
import time
import zipfile

import numpy as np

import simplezarr as sz

ROUNDS = 15
N = 4096
KEYS = [f"c/{i}/0" for i in range(N)]


class Zipfile(sz.Store):
    """An archive through zipfile."""

    concurrency = None

    def __init__(self, path):
        self.file = zipfile.ZipFile(path)

    def get(self, key):
        try:
            return self.file.read(key)
        except KeyError:
            return None


def by_zarr(path):
    """A function that reads an array by zarr-python, None without it."""
    try:
        import zarr
    except ImportError:
        return None
    return lambda: zarr.open_array(zarr.storage.ZipStore(path, mode="r"), mode="r")[...]


def by_threads(store, n=8):
    """Get all values of a store in n threads."""

    def work(first):
        for key in KEYS[first::n]:
            assert len(store.get(key)) == 2048

    threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def show(title, functions):
    """Time functions in turn, and print a line for each."""
    times = {name: [] for name, function in functions.items() if function}
    for _ in range(ROUNDS):
        for name in times:
            wall, cpu = time.perf_counter(), time.process_time()
            functions[name]()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    base = [min(column) for column in zip(*next(iter(times.values())), strict=True)]
    for name, rounds in times.items():
        least = [min(column) for column in zip(*rounds, strict=True)]
        cells = [f"{seconds * 1e3:8.1f} {seconds / of:6.2f}" for seconds, of in zip(least, base, strict=True)]
        print(f"{title:32} {name:24}", *cells, flush=True)


def main(top):
    directory, path = os.path.join(top, "a.zarr"), os.path.join(top, "a.zip")
    data = np.random.default_rng(0).integers(0, 256, (N, 2048), dtype="u1")
    for place in (directory, path):
        sz.save(place, data, chunks=(1, -1), codecs=[], overwrite=True)
    sz.set_num_threads(8)
    out = np.empty_like(data)
    local, archive = sz.LocalStore(directory), sz.ZipStore(path)

    def read(make):
        sz.open_array(make()).read(..., out=out)
        assert np.array_equal(out[::512], data[::512])

    show("open", {
        "LocalStore": lambda: sz.open(directory),
        "ZipStore": lambda: sz.open(path),
        "zipfile": lambda: sz.open(Zipfile(path)),
    })  # fmt: skip
    show("4096 chunks of 2 KB, opened anew", {
        "LocalStore": lambda: read(lambda: directory),
        "ZipStore": lambda: read(lambda: path),
        "zipfile": lambda: read(lambda: Zipfile(path)),
        "zarr-python's ZipStore": by_zarr(path),
    })  # fmt: skip
    show("4096 chunks of 2 KB, once more", {"LocalStore": lambda: read(lambda: local),
                                            "ZipStore": lambda: read(lambda: archive)})  # fmt: skip
    show("4096 values in 8 threads", {"LocalStore": lambda: by_threads(local),
                                      "ZipStore, opened anew": lambda: by_threads(sz.ZipStore(path)),
                                      "ZipStore": lambda: by_threads(archive)})  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as top:
            main(top)
