"""Damaged chunks, shards and documents: a `ZarrError`, or data of the right shape; never a crash or all of memory.

`python -m tests.test_hostile 100000 [seed]` runs many; under AddressSanitizer too (LD_PRELOAD). Each mutation has a
number, and `python -m tests.test_hostile 1 <seed> <number>` repeats that one.
"""

import contextlib
import copy
import faulthandler
import json
import os
import random
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from tests import oracle
from tests.helpers import python
from tests.oracle import BIG, CRC32C, LITTLE, codec, sharding

MEMORY = 3 << 30  # address space of a run; the arrays are of a few KiB
SLOW = 5.0  # seconds for one mutation
LARGE = 1 << 24  # bytes of a chunk beyond which a damaged document may ask for more memory than there is

GZIP, ZSTD = codec("gzip", level=6), codec("zstd", level=3, checksum=False)


def blosc_of(cname, shuffle, typesize=2, clevel=5):
    """The JSON of a blosc codec."""
    return codec("blosc", cname=cname, shuffle=shuffle, clevel=clevel, typesize=typesize, blocksize=0)


CHAINS = [
    [LITTLE],
    [BIG],
    [LITTLE, CRC32C],
    [LITTLE, GZIP],
    [LITTLE, codec("gzip", level=0)],
    [LITTLE, ZSTD],
    [LITTLE, codec("zstd", level=1, checksum=True)],
    [LITTLE, ZSTD, GZIP],
    [LITTLE, GZIP, CRC32C],
    [codec("transpose", order=[1, 0]), BIG, ZSTD],
    *([LITTLE, blosc_of(c, s)] for c in ("blosclz", "lz4", "lz4hc", "zlib", "zstd") for s in ("shuffle", "bitshuffle")),
    [LITTLE, blosc_of("lz4", "noshuffle")],
    [LITTLE, blosc_of("zstd", "shuffle", 255)],
    [LITTLE, blosc_of("lz4", "bitshuffle", 3, 0)],
    [sharding([4, 5], [LITTLE])],
    [sharding([4, 5], [LITTLE, CRC32C], [LITTLE], "start")],
    [sharding([4, 5], [LITTLE, ZSTD], [BIG, CRC32C])],
    [sharding([4, 5], [LITTLE, blosc_of("zlib", "shuffle")], [LITTLE])],
    [sharding([8, 5], [sharding([2, 5], [LITTLE, GZIP], [LITTLE])], [LITTLE])],
    [codec("transpose", order=[1, 0]), sharding([5, 4], [LITTLE, ZSTD], [LITTLE], "start")],
    [sharding([4, 5], [LITTLE], [LITTLE]), ZSTD],
]


def originals():
    """(store, values) for each chain; values that compress, and values that don't."""
    rng = np.random.default_rng(3)
    for i, codecs in enumerate(CHAINS):
        values = rng.integers(0, 60000 if i % 2 else 7, size=(40, 47)).astype(("u2", "f2", "?")[i % 5 % 3])
        yield oracle.write_array({}, "", values, (16, 20), codecs=codecs, seed=None), values


# ---------------------------------------------------------------- mutations of bytes


def flip_bits(rand, data, _):
    data = bytearray(data)
    for _ in range(rand.choice([1, 1, 1, 2, 8])):
        data[rand.randrange(len(data))] ^= 1 << rand.randrange(8)
    return bytes(data)


def set_bytes(rand, data, _):
    at, n = rand.randrange(len(data)), rand.choice([1, 2, 4, 8])
    ones = b"\xff" * (n - 1)
    word = rand.choice([b"\0" * n, ones + b"\xff", b"\x7f" + ones, ones + b"\x7f", rand.randbytes(n)])
    return data[:at] + word + data[at + n :]


def set_header(rand, data, _):
    """A word of the first 40 or the last 80 bytes: where sizes and offsets stand."""
    n = rand.choice([1, 2, 4, 8])
    at = rand.choice([rand.randrange(min(40, len(data))), len(data) - 1 - rand.randrange(min(80, len(data)))])
    value = rand.choice(
        [0, 1, len(data), 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64 - 4, 2**64 - 1, rand.getrandbits(64)]
    )
    return data[:at] + (value % 2 ** (8 * n)).to_bytes(n, "little") + data[at + n :]


def truncate(rand, data, _):
    return rand.choice([data[: rand.randrange(len(data))], data[rand.randrange(len(data)) :]])


def extend(rand, data, other):
    tail = rand.choice([b"\0", data, other, rand.randbytes(rand.randrange(1, 50))])
    return rand.choice([data + tail, tail + data])


def shuffle(rand, data, _):
    cuts = sorted(rand.choices(range(len(data) + 1), k=3))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    rand.shuffle(parts)
    return b"".join(parts)


def splice(rand, data, other):
    at = rand.randrange(len(data))
    return data[:at] + other[rand.randrange(len(other) + 1) :]


def replace(rand, data, other):
    return rand.choice([other, rand.randbytes(rand.randrange(100)), b"", bytes(len(data))])


BYTES = [flip_bits, flip_bits, flip_bits, set_bytes, set_header, set_header, truncate, extend, shuffle, splice, replace]

# ---------------------------------------------------------------- mutations of documents

NUMBERS = [0, 1, -1, 2, 3, 20, 2**31, 2**32, 2**62, 2**63, 2**64, -(2**63), 10**30, 1.0, 0.5, -0.0, 1e400]
WORDS = "0 bytes zstd gzip sharding_indexed int32 r8 r65536 r99999999999 NaN 0x7fc00000 end start default v2 regular"
LISTS = [[], [0], [1, 1], [2, 2], [1, 0], [0, 1], [2**62, 2**62], [-1, 1], [[]], [LITTLE], [LITTLE, CRC32C]]
OBJECTS = [{}, {"name": "bytes"}, {"name": "gzip"}, {"must_understand": False}, LITTLE, ZSTD]
ODD = [None, True, False, "", *NUMBERS, *WORDS.split(), *LISTS, *OBJECTS]


def places(value, found):
    """Every (container, key) of a JSON value."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            places(value[key], found)
    return found


def change_document(rand, data):
    """One to three members replaced, taken away, or copied over others."""
    document = json.loads(data)
    for _ in range(rand.choice([1, 1, 1, 2, 3])):
        container, key = rand.choice(places(document, []))
        action = rand.random()
        if action < 0.6:
            container[key] = copy.deepcopy(rand.choice(ODD))
        elif action < 0.7:
            del container[key]
        elif action < 0.8 and isinstance(container, list):
            container.append(container[key])
        elif action < 0.9 and isinstance(container[key], int | float):
            container[key] = container[key] * rand.choice([2, -1, 2**20, 2**40]) + rand.choice([0, 1])
        else:
            other, place = rand.choice(places(document, []))
            with contextlib.suppress(KeyError, IndexError):
                container[key] = json.loads(json.dumps(other[place]))
        if not document:
            break
    return json.dumps(document).encode()


def mutate(rand, store):
    """A store with one value damaged; returns it and the damaged key."""
    chunks = [key for key in store if key != "zarr.json"]
    if rand.random() < 0.3:
        data = store["zarr.json"]
        change = (lambda r, d, _: change_document(r, d)) if rand.random() < 0.8 else rand.choice(BYTES)
        return {**store, "zarr.json": change(rand, data, data)}, "zarr.json"
    key = rand.choice(chunks)
    return {**store, key: rand.choice(BYTES)(rand, store[key], store[rand.choice(chunks)])}, key


# ---------------------------------------------------------------- what must hold


def chunk_nbytes(arr):
    """Bytes of one stored chunk, decoded."""
    shape = arr.shards or arr.chunks
    return int(np.prod([float(n) for n in shape])) * arr.itemsize


def try_read(arr, selection):
    """Read; the data, or None where an allowed error came."""
    try:
        return arr[selection]
    except sz.ChunkError:
        return None
    except MemoryError:
        if chunk_nbytes(arr) < LARGE:
            raise
        return None


def check_chunk(rand, arr, values):
    """All of an array with one damaged chunk, and a part of it; returns what could be read."""
    data = try_read(arr, ...)
    assert data is None or (data.shape, data.dtype) == (values.shape, values.dtype)
    (a, b), (c, d) = (sorted(rand.choices(range(n + 1), k=2)) for n in values.shape)
    part = try_read(arr, np.s_[a:b, c:d])
    assert part is None or part.shape == (b - a, d - c)
    return data


def check_document(rand, arr):
    """A part of an array whose document was damaged, of whatever shape it now is."""
    assert isinstance(repr(arr) + arr.info, str)
    starts = [rand.choice([0, max(0, n - 3)]) for n in arr.shape]
    selection = tuple(slice(a, a + (50 if n < 100 else 3)) for a, n in zip(starts, arr.shape, strict=True))
    shape = tuple(len(range(*s.indices(n))) for s, n in zip(selection, arr.shape, strict=True))
    if np.prod([float(n) for n in shape]) * arr.itemsize > LARGE:
        return None
    data = try_read(arr, selection)
    assert data is None or (data.shape, data.dtype) == (shape, arr.dtype)
    return data


def check_intact(store, key, value, data, values):
    """What lies outside the damaged chunk is as it was, and a chunk that ends with a checksum is not just wrong."""
    i, j = (int(part) for part in key.split("/")[1:])
    outside = np.ones(values.shape, bool)
    outside[16 * i : 16 * i + 16, 20 * j : 20 * j + 20] = False
    assert data[outside].tobytes() == values[outside].tobytes(), "an undamaged chunk came out differently"
    chain = json.loads(store["zarr.json"])["codecs"]
    if chain[-1] == CRC32C and value not in store.values():  # another chunk in its place has a right checksum
        assert data.tobytes() == values.tobytes(), "a wrong checksum went unnoticed"


def one(rand, store, values, directory):
    """One mutation, read from memory, from a directory or through plain methods."""
    damaged, key = mutate(rand, store)
    if directory is not None:
        Path(directory, key).write_bytes(damaged[key])
    target = damaged
    if directory is not None:
        target = rand.choice([directory, sz.SlowStore(sz.LocalStore(directory), latency=0)])
    try:
        arr = sz.open_array(target)
        data = check_document(rand, arr) if key == "zarr.json" else check_chunk(rand, arr, values)
        if key != "zarr.json" and data is not None:
            check_intact(store, key, damaged[key], data, values)
        return "refused" if data is None else "read"
    except sz.ZarrError as error:
        if key != "zarr.json" and not isinstance(error, sz.ChunkError):
            raise AssertionError(f"{type(error).__name__} for a damaged chunk") from error
        return type(error).__name__
    finally:
        if directory is not None:
            Path(directory, key).write_bytes(store[key])


def run(n, seed=0, only=None):
    """`n` mutations; returns how often each outcome came, and a line for each failure."""
    bases, outcomes, failures = list(originals()), {}, []
    with tempfile.TemporaryDirectory() as top, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        directories = [oracle.dump(store, Path(top, str(i))) for i, (store, _) in enumerate(bases)]
        for number in range(n) if only is None else [only]:
            rand = random.Random(seed * 1_000_003 + number)
            base = rand.randrange(len(bases))
            faulthandler.dump_traceback_later(60, exit=True)
            start = time.monotonic()
            try:
                outcome = one(rand, *bases[base], directories[base] if rand.random() < 0.5 else None)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt) or only is not None:
                    raise
                outcome = f"WRONG {type(error).__name__}"
                failures.append(f"seed {seed} number {number} chain {base}: {type(error).__name__}: {str(error)[:200]}")
            if time.monotonic() - start > SLOW:
                failures.append(f"seed {seed} number {number} chain {base}: {time.monotonic() - start:.1f} s")
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    faulthandler.cancel_dump_traceback_later()
    return outcomes, failures


def main(n, seed=0, only=None):
    """Run as a program: with little memory, unless a sanitizer is there, which needs much."""
    faulthandler.enable()
    if sys.platform == "linux" and "asan" not in os.environ.get("LD_PRELOAD", ""):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    outcomes, failures = run(n, seed, only)
    print(*failures[:50], sep="\n")
    print(f"{n} mutations, {len(failures)} failures: {outcomes}")
    return bool(failures)


PROGRAM = "import sys; from tests.test_hostile import main; sys.exit(main(*map(int, sys.argv[1:])))"


def test_damaged_stores(tmp_path):
    """In another process, where a crash is only a failed test."""
    shown = python(PROGRAM, 3000, 0, seconds=120, directory=tmp_path)
    assert "'read'" in shown
    assert "'ChunkError'" in shown or "'refused'" in shown
    assert "'MetadataError'" in shown
    assert "'UnsupportedError'" in shown


@pytest.mark.campaign
def test_campaign(tmp_path):
    n = int(os.environ.get("SIMPLEZARR_CAMPAIGN", 100_000))
    print(python(PROGRAM, n, random.randrange(10**6), seconds=60 + n, directory=tmp_path))


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:])))
