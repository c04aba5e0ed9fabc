"""How long Ctrl-C is not heard, by operation, in processor time of the process.

    python -m tests.support.promptness [MiB [OPERATION …]]

Each operation works on one chunk, shard or array of so many MiB. It is interrupted at several moments of its processor
time, by a timer of the system that counts this time, so nothing in the process must run for the signal to come.
"""

import json
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import simplezarr as sz
from simplezarr import codecs
from simplezarr.stores import MemoryStore, SlowStore

MOMENTS = (0.02, 0.06, 0.15, 0.3, 0.6, 1.2)  # seconds of processor time after the operation has begun
ENOUGH = 2.5  # the timers for what takes longer than this


def numbers(mib, dtype="f4", shape=None):
    """So many MiB of numbers that can be compressed."""
    block = (np.random.default_rng(0).normal(size=1 << 18).cumsum() * 8).astype("i4").astype(dtype)
    n = mib * (1 << 20) // block.itemsize
    return np.resize(block, n if shape is None else shape)


def square(mib, dtype="f4"):
    side = int((mib * (1 << 20) // np.dtype(dtype).itemsize) ** 0.5)
    return numbers(mib, dtype, (side, side))


class Case:
    """What an operation works with: a folder, a size in MiB, and arrays in one chunk."""

    def __init__(self, folder, mib):
        self.folder, self.mib = folder, mib

    def array(self, store=None, name="a", values=None, **options):
        values = numbers(self.mib) if values is None else values
        options = {"chunks": values.shape, "codecs": ["bytes"], **options}
        return sz.create_array(self.folder if store is None else store, name, data=values, overwrite=True, **options)

    def empty(self, values, store=None, **options):
        options = {"chunks": values.shape, "codecs": ["bytes"], **options}
        place = self.folder if store is None else store
        return sz.create_array(place, "w", shape=values.shape, dtype=values.dtype, overwrite=True, **options)


def read(store=None, values=None, index=..., **options):
    def prepare(case):
        made = case.array(store() if store else None, values=values(case.mib) if values else None, **options)
        return lambda: made[index]

    return prepare


def write(store=None, values=numbers, value=None, times=1, **options):
    def prepare(case):
        data = values(case.mib)
        made = case.empty(data, store() if store else None, **options)
        new = data if value is None else value(data)

        def call():
            for _ in range(times):
                made[...] = new

        return call

    return prepare


def zstd(level):
    return ["bytes", codecs.Zstd(level=level)]


TRANSPOSED = [{"name": "transpose", "configuration": {"order": [1, 0]}}]


def gzip(level):
    return ["bytes", codecs.Gzip(level=level)]


def blosc(cname, clevel, blocksize=0):
    return ["bytes", codecs.Blosc(cname=cname, clevel=clevel, shuffle="shuffle", typesize=4, blocksize=blocksize)]


def named(name, **configuration):
    return ["bytes", {"name": f"numcodecs.{name}", "configuration": configuration}]


def shards(mib):
    """Return an array that is one shard, of inner chunks of 1 MiB."""
    n = mib * (1 << 20) // 4
    return {"chunks": (1 << 18,), "shards": (n,)}


def shard_read(store=None, chain=("bytes",)):
    def prepare(case):
        made = case.array(store() if store else None, **shards(case.mib) | {"codecs": list(chain)})
        return lambda: made[...]

    return prepare


def shard_write(store=None, chain=("bytes",), update=False):
    def prepare(case):
        values = numbers(case.mib)
        options = {**shards(case.mib), "codecs": list(chain)}
        if not update:
            made = case.empty(values, store() if store else None, **options)
            return lambda: made.write(..., values)
        made = case.array(store() if store else None, values=values, **options)
        return lambda: made.write(slice(5, 7), 1)

    return prepare


def small_chunks(level, mib=1):
    def prepare(case):
        values = numbers(case.mib)
        made = case.empty(values, chunks=(mib << 18,), codecs=zstd(level))
        return lambda: made.write(..., values)

    return prepare


def fill(case):
    values = numbers(case.mib)
    made = case.empty(values, fill_value=7)
    return lambda: made[...]


def text(writing):
    def prepare(case):
        words = np.array([f"number {i % 1000} of some" for i in range(case.mib * 40000)], np.dtypes.StringDType())
        made = sz.create_array(case.folder, "t", data=words, chunks=words.shape, overwrite=True)
        return (lambda: made.write(..., words)) if writing else (lambda: made[...])

    return prepare


def create(case):
    values = numbers(case.mib)
    return lambda: sz.create_array(case.folder, "c", data=values, chunks=(1 << 18,), overwrite=True)


def copied(chain, **other):
    def prepare(case):
        source = case.array(codecs=chain)
        return lambda: sz.create_array(
            case.folder, "copy", data=source, overwrite=True, **{"chunks": source.chunks, "codecs": chain, **other}
        )

    return prepare


def read_many(case):
    made = case.array(chunks=(1 << 18,), codecs=zstd(1))
    n = made.shape[0]
    return lambda: made.read_many([sz.s_[i : i + n // 2] for i in range(0, n // 2, n // 16)])


def points(writing):
    def prepare(case):
        made = case.array(chunks=(1 << 20,))
        index = np.arange(made.shape[0])[::-1].copy()
        return (lambda: made.oindex.__setitem__(index, 1)) if writing else (lambda: made.oindex[index])

    return prepare


def resize(case):
    made = case.array(chunks=(case.mib << 17,), codecs=zstd(1))
    more = numbers(case.mib // 2)

    def call():
        made.resize(made.shape[0] // 2 + 5)
        made.resize(made.shape[0] * 2)
        made[...]
        made.append(more)

    return call


def encoded(case):
    made = case.array()

    def call():
        made.set_chunk((0,), made.get_chunk((0,)))
        made.get_encoded_chunk((0,))

    return call


def far():
    return SlowStore(MemoryStore())


OPERATIONS = {
    "read raw": read(),
    "read raw, memory": read(MemoryStore),
    "read raw, far": read(far),
    "read transposed raw": read(values=square, codecs=[*TRANSPOSED, "bytes"]),
    "read big-endian": read(codecs=[{"name": "bytes", "configuration": {"endian": "big"}}]),
    "read steps": read(index=slice(None, None, 3)),
    "read zstd": read(codecs=zstd(1)),
    "read zstd, part": read(codecs=zstd(1), index=slice(5, -5)),
    "read transposed zstd": read(values=square, codecs=[*TRANSPOSED, *zstd(1)]),
    "read gzip": read(codecs=gzip(1)),
    "read blosc": read(codecs=blosc("lz4", 5)),
    "read blosc, one block": read(codecs=blosc("lz4", 5, blocksize=1 << 30)),
    "read lz4": read(codecs=named("lz4")),
    "read shuffle": read(codecs=[*named("shuffle", elementsize=4), codecs.Zstd(level=1)]),
    "read fletcher32": read(codecs=named("fletcher32")),
    "read crc32c": read(codecs=["bytes", "crc32c"]),
    "read bz2": read(codecs=named("bz2", level=1)),
    "read fill": fill,
    "read shard": shard_read(),
    "read shard, memory": shard_read(MemoryStore),
    "read shard, zstd": shard_read(chain=zstd(1)),
    "read points": points(False),
    "read_many": read_many,
    "read text": text(False),
    "write raw": write(),
    "write raw, memory": write(MemoryStore),
    "write raw, far": write(far),
    "write cast": write(value=lambda data: data.astype("i8")),
    "write transposed": write(values=square, codecs=[*TRANSPOSED, "bytes"]),
    "write fill": write(value=np.zeros_like),
    "write zstd 1": write(codecs=zstd(1)),
    "write zstd 19": write(codecs=zstd(19)),
    "write zstd 22": write(codecs=zstd(22)),
    "write zstd 19, 1 MiB": small_chunks(19),
    "write zstd 9, 1 MiB": small_chunks(9),
    "write gzip 1": write(codecs=gzip(1)),
    "write gzip 9": write(codecs=gzip(9)),
    "write blosc lz4": write(codecs=blosc("lz4", 5)),
    "write blosc zstd 9": write(codecs=blosc("zstd", 9)),
    "write blosc zlib 9": write(codecs=blosc("zlib", 9)),
    "write blosc, one block": write(codecs=blosc("lz4", 5, blocksize=1 << 30)),
    "write blosc lz4hc, one block": write(codecs=blosc("lz4hc", 9, blocksize=1 << 30)),
    "write lz4": write(codecs=named("lz4")),
    "write shuffle": write(codecs=[*named("shuffle", elementsize=4), codecs.Zstd(level=1)]),
    "write fletcher32": write(codecs=named("fletcher32")),
    "write crc32c": write(codecs=["bytes", "crc32c"]),
    "write bz2": write(codecs=named("bz2", level=9)),
    "write shard": shard_write(),
    "write shard, memory": shard_write(MemoryStore),
    "write shard, zstd 19": shard_write(chain=zstd(19)),
    "update shard": shard_write(update=True),
    "update shard, memory": shard_write(MemoryStore, update=True),
    "write points": points(True),
    "write text": text(True),
    "create_array(data=)": create,
    "copy, stored": copied(zstd(1)),
    "copy, recoded": copied(zstd(1), codecs=zstd(3)),
    "copy, other chunks": copied(zstd(1), chunks=(1 << 20,)),
    "resize and append": resize,
    "set_chunk and get_chunk": encoded,
}


def interrupted(call, moment):
    """Return the processor time from the signal to the exception in seconds; None if the call ended before."""

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGPROF, interrupt)
    begun = time.process_time()
    try:
        signal.setitimer(signal.ITIMER_PROF, moment)
        call()
    except KeyboardInterrupt:
        return time.process_time() - begun - moment
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None


def measure(name, mib, moments=MOMENTS):
    """Return the longest time until an operation noticed Ctrl-C, and the processor time that it takes, up to ENOUGH."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        call = OPERATIONS[name](Case(folder, mib))
        waits, took = [], 0.0
        for moment in moments:
            begun = time.process_time()
            wait = interrupted(call, moment)
            took = time.process_time() - begun
            if wait is None:
                break
            waits.append(wait)
            took = ENOUGH
        small = sz.create_array({}, data=np.arange(100000), chunks=1000)
        assert np.array_equal(small[...], np.arange(100000))  # the pool works
    return max(waits, default=0.0), took


def main(mib=400, *names):
    for name in names or OPERATIONS:
        wait, took = measure(name, int(mib))
        print(json.dumps([name, round(wait, 3), round(took, 2)]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
