"""Shards with an index that lies: its entries changed and its checksum made right again, so that all is believed."""

import contextlib
import json
from pathlib import Path

import numpy as np

import simplezarr as sz
from tests.fuzz.arrays import try_read
from tests.fuzz.mutations import GZIP, ZSTD
from tests.oracle import v3 as oracle
from tests.oracle.v3 import CRC32C, LITTLE, codec, sharding

SHAPE, SHARD, INNER = (20, 18), (10, 9), (5, 3)
VLEN = codec("vlen-utf8")
INDEXES = [[LITTLE, CRC32C], [LITTLE], [oracle.BIG, CRC32C]]
INNERS = [[LITTLE], [LITTLE, CRC32C], [LITTLE, ZSTD], [LITTLE, GZIP], [codec("transpose", order=[1, 0]), LITTLE]]
EDGES = [0, 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 16, 2**64 - 2, 2**64 - 1]


def document(dtype, chain, fill):
    """Return the document of an array with such a chain."""
    store = oracle.write_array({}, "", np.zeros((), "u1"), ())
    members = json.loads(store["zarr.json"])
    grid = {"name": "regular", "configuration": {"chunk_shape": list(SHARD)}}
    return {
        **members,
        "shape": list(SHAPE),
        "data_type": dtype,
        "chunk_grid": grid,
        "codecs": chain,
        "fill_value": fill,
    }


def originals():
    """(store, index codecs, whether the index is at the start, values) of each array."""
    rng = np.random.default_rng(5)
    numbers = rng.integers(0, 9, SHAPE).astype("u2")
    texts = np.array([["ab" * (i % 5) + "é" for i in range(SHAPE[1])]] * SHAPE[0], np.dtypes.StringDType())
    for i, inner in enumerate([*INNERS, [VLEN], [VLEN, ZSTD]]):
        values = texts if VLEN in inner else numbers
        for j, index in enumerate(INDEXES):
            place = "start" if (i + j) % 2 else "end"
            members = document("string" if VLEN in inner else "uint16", [sharding(INNER, inner, index, place)], 0)
            members["fill_value"] = "" if VLEN in inner else 0
            store = {"zarr.json": json.dumps(members).encode()}
            sz.open_array(store, mode="r+")[...] = values
            yield store, index, place == "start", values


def change_index(rand, data, codecs, first):
    """Replace one to three words of the index, and compute its checksum anew."""
    n = 12 * 8 + 4 * (len(codecs) > 1)
    raw = data[:n] if first else data[-n:]
    words = np.frombuffer(raw, "<u8" if codecs[0] == LITTLE else ">u8", 12).copy()
    for _ in range(rand.choice([1, 1, 2, 3])):
        at = rand.randrange(12)
        near = int(words[rand.randrange(12)]) + rand.choice([-8, -1, 0, 0, 1, 8])
        value = rand.choice([*EDGES, near, len(data) - rand.randrange(9), rand.randrange(200)])
        words[at] = value % 2**64
    if rand.random() < 0.1:
        words[:] = np.tile(words[:2], 6)
    index = words.tobytes()
    if len(codecs) > 1:
        index += oracle.crc32c(index)
    return index + data[n:] if first else data[:-n] + index


def read(rand, arr, values):
    """Read all, a part, and one inner chunk's bytes; what is read has the right shape."""
    box = np.s_[rand.randrange(20) :, rand.randrange(18) :: rand.randint(1, 4)]
    part = box if rand.random() < 0.3 else ...
    data = try_read(arr, part)
    assert data is None or (data.shape, data.dtype) == (values[part].shape, values.dtype)
    with contextlib.suppress(sz.ChunkError):
        arr.get_encoded_chunk((rand.randrange(4), rand.randrange(6)))
    return data


def shards(top):
    """Read shards, and write a part, which reads the index as well."""
    bases = list(originals())

    def execute(rand):
        store, codecs, first, values = rand.choice(bases)
        key = rand.choice([key for key in store if key != "zarr.json"])
        damaged = {**store, key: change_index(rand, store[key], codecs, first)}
        target = damaged
        if rand.random() < 0.3:
            target = oracle.dump(damaged, Path(top, "s"))
            if rand.random() < 0.5:
                target = sz.SlowStore(sz.LocalStore(target), latency=0)
        outcome = "refused" if read(rand, sz.open_array(target), values) is None else "read"
        if rand.random() < 0.2:
            try:
                sz.open_array(target, mode="r+")[3:7, 2:12] = values[3:7, 2:12]
            except sz.ChunkError:
                return outcome + ", not written"
        return outcome

    return execute
