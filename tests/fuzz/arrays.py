"""Arrays of the core codecs with a damaged chunk, shard or document: in memory, in files, behind plain methods."""

import json
from pathlib import Path

import numpy as np

import simplezarr as sz
from tests.fuzz.mutations import BYTES, GZIP, ZSTD, change_document
from tests.oracle import v3 as oracle
from tests.oracle.v3 import BIG, CRC32C, LITTLE, codec, sharding

LARGE = 1 << 24  # bytes of a chunk beyond which a damaged document may ask for more memory than there is


def blosc_of(cname, shuffle, typesize=2, clevel=5):
    """Return the JSON of a blosc codec."""
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


def mutate(rand, store):
    """Return a store with one value damaged, and the damaged key."""
    chunks = [key for key in store if key != "zarr.json"]
    if rand.random() < 0.3:
        data = store["zarr.json"]
        change = (lambda r, d, _: change_document(r, d)) if rand.random() < 0.8 else rand.choice(BYTES)
        return {**store, "zarr.json": change(rand, data, data)}, "zarr.json"
    key = rand.choice(chunks)
    return {**store, key: rand.choice(BYTES)(rand, store[key], store[rand.choice(chunks)])}, key


# ---------------------------------------------------------------- what must hold


def chunk_nbytes(arr):
    """Return the decoded bytes of one stored chunk."""
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
    """Read all of an array with one damaged chunk, and a part of it; return what could be read."""
    data = try_read(arr, ...)
    assert data is None or (data.shape, data.dtype) == (values.shape, values.dtype)
    (a, b), (c, d) = (sorted(rand.choices(range(n + 1), k=2)) for n in values.shape)
    part = try_read(arr, np.s_[a:b, c:d])
    assert part is None or part.shape == (b - a, d - c)
    return data


def check_document(rand, arr):
    """Read a part of an array whose document was damaged, whatever shape it has."""
    assert isinstance(repr(arr) + repr(arr.info), str)
    starts = [rand.choice([0, max(0, n - 3)]) for n in arr.shape]
    selection = tuple(slice(a, a + (50 if n < 100 else 3)) for a, n in zip(starts, arr.shape, strict=True))
    shape = tuple(len(range(*s.indices(n))) for s, n in zip(selection, arr.shape, strict=True))
    if np.prod([float(n) for n in shape]) * arr.itemsize > LARGE:
        return None
    data = try_read(arr, selection)
    assert data is None or (data.shape, data.dtype) == (shape, arr.dtype)
    return data


def check_intact(store, key, value, data, values):
    """Check that elements outside the damaged chunk are unchanged, and that a checksum notices damage."""
    i, j = (int(part) for part in key.split("/")[1:])
    outside = np.ones(values.shape, bool)
    outside[16 * i : 16 * i + 16, 20 * j : 20 * j + 20] = False
    assert data[outside].tobytes() == values[outside].tobytes(), "an undamaged chunk came out differently"
    chain = json.loads(store["zarr.json"])["codecs"]
    if chain[-1] == CRC32C and value not in store.values():  # another chunk in its place has a right checksum
        assert data.tobytes() == values.tobytes(), "a wrong checksum went unnoticed"


def one(rand, store, values, directory):
    """Run one mutation, read from memory, from a directory or through plain methods."""
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


def arrays(top):
    """Damage one value of arrays of every chain of the core codecs."""
    bases = list(originals())
    directories = [oracle.dump(store, Path(top, str(i))) for i, (store, _) in enumerate(bases)]

    def execute(rand):
        base = rand.randrange(len(bases))
        return one(rand, *bases[base], directories[base] if rand.random() < 0.5 else None)

    return execute
