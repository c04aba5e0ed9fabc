"""Feeding training, side by side: `python asv_bench/loading.py [--rounds 5] [--only ROW] [--contenders NAME,…]`.

Each contender delivers epochs of batches of the same samples of the same files (zstd, page cache warm), in a process of
its own. In every round each does one epoch, in turn. For each: microseconds of processor and of wall time a sample,
medians, and the processor time as a multiple of that of the floor. The floor decodes each chunk once a window, in C. It
copies or converts the rows in two threads, and does nothing else.

The order "chunks" has the same window for all. Contenders that assemble a window and then gather batches out of it are
written as their users would: slices read ahead, one fancy index for each batch.
"""

import argparse
import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SEED, THREADS, SCALE = 7, 2, 1 / 255
#: Row: array, samples of a batch, samples of a window, order.
ROWS = {
    "rows": ("rows", 256, 8192, "chunks"),
    "rows in shards": ("rows-shards", 256, 8192, "chunks"),
    "images": ("images", 64, 1024, "chunks"),
    "images to float32": ("images", 64, 1024, "float"),
    "crops": ("crops", 8, 256, "crops"),
    "rows, uniform": ("rows", 256, 8192, "uniform"),
    "images, uniform": ("images", 64, 1024, "uniform"),
}
CROP = (64, 64, 64)
CHUNKS = {"rows": 128, "rows-shards": 32, "images": 64}  # rows of a chunk


def write(top):
    """Write the arrays, unless they are there."""
    import simplezarr as sz

    if (top / "done").exists():
        return
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.12, (65536, 1024)) * rng.gamma(2, 1, (65536, 1024))
    counts = np.log1p(counts).astype("f4")
    sz.create_array(top / "rows", data=counts, chunks=(128, 1024), codecs=["zstd"], overwrite=True)
    sz.create_array(
        top / "rows-shards", data=counts, chunks=(32, 1024), shards=(8192, 1024), codecs=["zstd"], overwrite=True
    )
    blocks = np.repeat(np.repeat(rng.integers(0, 250, (5000, 16, 16, 3), "u1"), 8, 1), 8, 2)
    blocks += rng.integers(0, 6, blocks.shape, "u1")
    sz.create_array(top / "images", data=blocks, chunks=(64, 128, 128, 3), codecs=["zstd"], overwrite=True)
    z = np.arange(512)
    volume = (z[:, None, None] + z[:, None] + z) * 20 + rng.integers(0, 64, (512, 512, 512))
    sz.create_array(top / "crops", data=volume.astype("u2"), chunks=(128, 128, 128), codecs=["zstd"], overwrite=True)
    (top / "done").touch()


def chunk_windows(n, chunk, window, rng):
    """Yield the chunks of each window of an epoch, in random order."""
    order = rng.permutation(-(-n // chunk))
    for at in range(0, len(order), window // chunk):
        yield order[at : at + window // chunk]


def members(chunks, chunk, n, rng):
    """Return the rows of chunks, shuffled."""
    rows = (chunks[:, None] * chunk + np.arange(chunk)).ravel()
    rows = rows[rows < n]
    rng.shuffle(rows)
    return rows


# ---------------------------------------------------------------- contenders: each returns what does an epoch


def loader(path, batch, window, order):
    """`simplezarr.loader`."""
    import simplezarr as sz
    from simplezarr.loader import Cast, Crops, Loader, Rows

    sz.set_num_threads(THREADS)
    a = sz.open_array(path, mode="r")
    samples = Crops(CROP, per_epoch=256, cell=2) if order == "crops" else Rows()
    size = int(np.prod(CROP if order == "crops" else a.shape[1:])) * a.dtype.itemsize
    cast = Cast("float32", scale=SCALE) if order == "float" else None
    shuffle = "uniform" if order == "uniform" else "chunks"
    made = Loader(
        a, samples, batch_size=batch, shuffle=shuffle, window=window * size * (4 if cast else 1), cast=cast, seed=SEED
    )

    def epoch():
        return sum(len(values) for values in made)

    return epoch


def windows(path, batch, window, order):
    """Windows of simplezarr's `read_future(ids)`, two ahead; batches are views of them."""
    import simplezarr as sz

    sz.set_num_threads(THREADS)
    a, rng = sz.open_array(path, mode="r"), np.random.default_rng(SEED)
    if order == "crops":
        return None
    n, chunk = a.shape[0], a.chunks[0]

    def ids():
        if order == "uniform":
            rows = rng.permutation(n)
            yield from np.split(rows, range(batch, n, batch))
        else:
            for chunks in chunk_windows(n, chunk, window, rng):
                yield members(chunks, chunk, n, rng)

    def epoch():
        ahead, count, pending = ids(), 0, []
        while True:
            while len(pending) < 3 and (rows := next(ahead, None)) is not None:
                pending.append(a.read_future(rows))
            if not pending:
                return count
            values = pending.pop(0).result()
            for at in range(0, len(values), batch):
                part = values[at : at + batch]
                count += len(part * np.float32(SCALE) if order == "float" else part)

    return epoch


def gathered(read, n, chunk, batch, window, order):
    """Slices of the chunks of a window, read two windows ahead; batches are gathered out of them."""
    rng, pool = np.random.default_rng(SEED), ThreadPoolExecutor(THREADS)

    def fetch(chunks):
        return np.concatenate([read(slice(k * chunk, min(n, (k + 1) * chunk))) for k in chunks.tolist()])

    def epoch():
        ahead, count, pending = chunk_windows(n, chunk, window, rng), 0, []
        while True:
            while len(pending) < 2 and (chunks := next(ahead, None)) is not None:
                pending.append(pool.submit(fetch, chunks))
            if not pending:
                return count
            values = pending.pop(0).result()
            order_of = rng.permutation(len(values))
            for at in range(0, len(values), batch):
                part = values[order_of[at : at + batch]]
                count += len(part * np.float32(SCALE) if order == "float" else part)

    return epoch


def uniform(read, n, batch):
    """Batches of rows in random order, two ahead."""
    rng, pool = np.random.default_rng(SEED), ThreadPoolExecutor(THREADS)

    def epoch():
        parts, count, pending = iter(np.split(rng.permutation(n), range(batch, n, batch))), 0, []
        while True:
            while len(pending) < 3 and (rows := next(parts, None)) is not None:
                pending.append(pool.submit(read, rows))
            if not pending:
                return count
            count += len(pending.pop(0).result())

    return epoch


def by_orders(a, path, read, pick, batch, window, order):
    """Return the epoch of a library that has slices, and perhaps lists of rows."""
    if order == "crops":
        rng = np.random.default_rng(SEED)
        pool = ThreadPoolExecutor(THREADS)

        def epoch():
            starts = rng.integers(0, np.subtract(a.shape, CROP) + 1, (256, 3))
            boxes = [tuple(slice(s, s + m) for s, m in zip(start, CROP, strict=True)) for start in starts.tolist()]
            return sum(len(np.stack(list(pool.map(read, boxes[at : at + batch])))) for at in range(0, 256, batch))

        return epoch
    if order == "uniform":
        return uniform(pick, a.shape[0], batch)
    return gathered(read, a.shape[0], CHUNKS[Path(path).name], batch, window, order)


def tensorstore(path, batch, window, order):
    """tensorstore, without a cache."""
    import tensorstore as ts

    context = ts.Context({"data_copy_concurrency": {"limit": THREADS}, "file_io_concurrency": {"limit": 4}})
    a = ts.open({"driver": "zarr3", "kvstore": f"file://{path}/"}, context=context, read=True, open=True).result()
    return by_orders(
        a, path, lambda key: a[key].read().result(), lambda rows: a[ts.d[0][rows]].read().result(), batch, window, order
    )


def zarr_of(pipeline):
    def made(path, batch, window, order):
        import zarr

        zarr.config.set({"threading.max_workers": THREADS})
        if pipeline:
            zarr.config.set({"codec_pipeline.path": pipeline})
        a = zarr.open_array(path, mode="r")
        return by_orders(a, path, lambda key: a[key], lambda rows: a.oindex[rows], batch, window, order)

    return made


def zarrista(path, batch, window, order):
    """zarrista, by slices."""
    from zarrista import Array
    from zarrista.store import FilesystemStore

    a = Array.open(FilesystemStore(str(path)))
    if order == "uniform":
        return None

    def read(key):
        key = key if isinstance(key, tuple) else (key, *[slice(0, m) for m in a.shape[1:]])
        return np.asarray(a.retrieve_array_subset(key))

    return by_orders(a, path, read, None, batch, window, order)


def floor(path, batch, window, order):
    """The floor in C."""
    sys.path.insert(0, str(HERE))
    from peers.floor import Floor, FloorArray

    library = Floor(THREADS).library
    a, rng = FloorArray(library, str(path)), np.random.default_rng(SEED)
    n, chunk = a.shape[0], a.chunks[0]
    if order == "crops":
        return lambda: crops_floor(a, rng)
    if "shards" in str(path):
        return None
    width = int(np.prod(a.shape[1:]))
    out = np.empty(window * width, "f4" if order == "float" else a.dtype)

    def place(chunks, rows):
        places = np.full(len(chunks) * chunk, -1)
        index = np.full(-(-n // chunk), -1)
        index[chunks] = np.arange(len(chunks))
        places[index[rows // chunk] * chunk + rows % chunk] = np.arange(len(rows))
        scale = ctypes.c_float(SCALE if order == "float" else 0)
        arguments = (ctypes.c_void_p(array.ctypes.data) for array in (np.ascontiguousarray(chunks), places))
        handle, target = ctypes.c_void_p(a._handle), ctypes.c_void_p(out.ctypes.data)
        if library.floor_rows(handle, ctypes.c_int64(len(chunks)), *arguments, scale, THREADS, target):
            raise OSError("the floor failed")
        return len(rows)

    def epoch():
        if order == "uniform":
            parts = np.split(rng.permutation(n), range(batch, n, batch))
            return sum(place(np.unique(rows // chunk), rows) for rows in parts)
        return sum(place(chunks, members(chunks, chunk, n, rng)) for chunks in chunk_windows(n, chunk, window, rng))

    return epoch


def crops_floor(a, rng):
    """Crops by cells of 2 chunks along each axis, each cell at a time."""
    starts = rng.integers(0, np.subtract(a.shape, CROP) + 1, (256, 3))
    cells = (starts // 256) @ [4, 2, 1]
    return sum(len(a.many(starts[cells == cell], list(CROP), THREADS)) for cell in np.unique(cells))


CONTENDERS = {
    "floor": floor,
    "loader": loader,
    "read_future": windows,
    "tensorstore": tensorstore,
    "zarrista": zarrista,
    "zarr-python-fused": zarr_of("zarr.core.codec_pipeline.FusedCodecPipeline"),
    "zarr-python-zarrs": zarr_of("zarrs.ZarrsCodecPipeline"),
}


def serve(name, path, batch, window, order):
    """In a process of its own: do an epoch for each line that comes, and tell samples, processor and wall seconds."""
    epoch = CONTENDERS[name](path, int(batch), int(window), order)
    print("ready" if epoch else "none", flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter(), time.process_time()
        count = epoch()
        print(count, time.process_time() - begun[1], time.perf_counter() - begun[0], flush=True)


def measure(row, names, rounds, top):
    array, batch, window, order = ROWS[row]
    processes, times = {}, {}
    for name in names:
        command = [sys.executable, __file__, "--serve", name, str(top / array), str(batch), str(window), order]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdout.readline().strip() == "ready":
            processes[name] = process
    for _ in range(rounds + 1):  # the first one warms up
        for name, process in processes.items():
            process.stdin.write("\n")
            process.stdin.flush()
            answer = process.stdout.readline().split()
            if answer:
                times.setdefault(name, []).append([float(seconds) / int(answer[0]) * 1e6 for seconds in answer[1:]])
    for process in processes.values():
        process.stdin.close()
        process.wait()
    medians = {
        name: [statistics.median(column) for column in zip(*values[1:], strict=True)] for name, values in times.items()
    }
    base = medians.get("floor", [float("nan")])[0]
    for name in names:
        if name in medians:
            cpu, wall = medians[name]
            print(f"{row:20} {name:20} {cpu:10.2f} {wall:10.2f} {cpu / base:7.2f}", flush=True)


def main():
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=ROWS)
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / f"simplezarr-loading-{os.getuid()}")
    arguments = parser.parse_args()
    arguments.data.mkdir(exist_ok=True)
    write(arguments.data)
    names = arguments.contenders.split(",")
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"{'row':20} {'contender':20} {'us of CPU':>10} {'us':>10} {'/ floor':>7}")
    for row in arguments.only or ROWS:
        measure(row, names, arguments.rounds, arguments.data)


if __name__ == "__main__":
    main()
