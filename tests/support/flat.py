"""Calls of every verb, successful and failing, on a store of each kind: what they leave behind.

    python -m tests.support.flat KIND CALLS     # KIND: local, memory, slow, failing

Prints what the process holds after a tenth of the calls, and after all of them.
"""

import contextlib
import gc
import json
import os
import random
import sys
import tempfile
import threading

import numpy as np

import simplezarr as sz
from simplezarr.engine.kernels import context
from simplezarr.stores import LocalStore, MemoryStore, SlowStore

VALUES = np.arange(64, dtype="i4").reshape(8, 8)
KINDS = ("local", "memory", "slow", "failing")


class Unreliable(sz.WrapperStore):
    """Fails now and then, in any method that asks for or stores a value."""

    in_memory = False
    failing = False
    draw = random.Random(5).random

    def chance(self):
        if self.failing and self.draw() < 0.05:
            raise OSError("no luck")

    def get(self, key):
        self.chance()
        return self.store.get(key)

    def get_ranges(self, key, ranges):
        self.chance()
        return self.store.get_ranges(key, ranges)

    def set(self, key, value):
        self.chance()
        self.store.set(key, value)

    def delete(self, key):
        self.chance()
        self.store.delete(key)


def store_of(kind, folder):
    if kind == "local":
        return LocalStore(folder)
    if kind == "memory":
        return MemoryStore()
    return SlowStore(MemoryStore()) if kind == "slow" else Unreliable(MemoryStore())


def prepare(store):
    for name, options in {
        "plain": {"chunks": (4, 4)},
        "shards": {"chunks": (2, 2), "shards": (4, 8)},
        "raw": {"chunks": (4, 4), "codecs": ["bytes"]},
        "damaged": {"chunks": (4, 4)},
    }.items():
        sz.create_array(store, name, data=VALUES, **options)
    text = np.array(["a", "bc"] * 8, np.dtypes.StringDType())
    sz.create_array(store, "text", data=text, chunks=4)
    sz.create_group(store, "group/inner")
    store.set("damaged/c/0/0", b"\x28\xb5\x2f\xfd no frame")


def append(a):
    a.append(VALUES[:2])
    a.resize((8, 8))


def attributes(a):
    a.attrs["x"] = 1
    a.attrs.update(y=[1, 2])
    del a.attrs["x"]


def made(store):
    sz.create_array(store, "made", shape=(8,), dtype="u1", chunks=(4,), overwrite=True)[...] = 3
    del sz.open(store, mode="r+")["made"]


def saved(store):
    sz.save(store, VALUES, path="saved", overwrite=True)
    sz.load(store, path="saved")


def array_verbs():
    """Return what is done with an array; a verb that raises does so each time."""
    return [
        lambda a: a[...],
        lambda a: a[1:7:2, ::-1],
        lambda a: a.oindex[[1, 5], [0, 7, 2]],
        lambda a: a.vindex[[1, 5], [0, 7]],
        lambda a: a.blocks[1, 0],
        lambda a: a[VALUES > 9],
        lambda a: a.read_many([sz.s_[i] for i in range(8)]),
        lambda a: a.read_future(...).result(60),
        lambda a: a.get_chunk((0, 1)),
        lambda a: a.get_encoded_chunk((1, 0)),
        lambda a: a.set_chunk((1, 1), a.get_chunk((1, 1))),
        lambda a: a.write(..., VALUES),
        lambda a: a.write(sz.s_[::3], 5),
        lambda a: a.write_future(..., VALUES).result(60),
        lambda a: a.oindex.__setitem__(([1, 5], [2, 3]), 7),
        lambda a: a.lazy[2:5].read(),
        append,
        attributes,
        lambda a: (a.nchunks_stored, a.nbytes_stored, repr(a)),
        lambda a: a[99],
        lambda a: a.oindex[[99]],
        lambda a: a.get_chunk((9, 9)),
        lambda a: a.write(..., np.zeros(3)),
        lambda a: a.resize((1, 2, 3)),
        lambda a: a.attrs.__setitem__("z", object()),
    ]


def verbs(store):
    arrays = {name: sz.open(store, name, mode="r+") for name in ("plain", "shards", "raw", "text", "damaged")}
    calls = [lambda a=a, verb=verb: verb(a) for n, a in arrays.items() if n in ("plain", "shards", "raw")
             for verb in array_verbs()]  # fmt: skip
    calls += [
        lambda: arrays["text"][...],
        lambda: arrays["text"].write(sz.s_[3:5], "new"),
        lambda: arrays["damaged"][...],
        lambda: arrays["damaged"].write(sz.s_[1, 1], 1),
        lambda: sz.open(store, "plain"),
        lambda: sz.open(store, "nowhere"),
        lambda: sz.open(store, "plain")[...].sum(),
        lambda: sz.open(store, "plain").write(..., 1),  # not opened for writing
        lambda: sz.create_array(store, "plain", shape=1, dtype="u1"),
        lambda: made(store),
        lambda: saved(store),
        lambda: list(sz.open(store)),
        lambda: dict(sz.open(store).items()),
        lambda: sz.open(store).tree(),
        lambda: "plain" in sz.open(store),
        lambda: "nowhere" in sz.open(store),
        lambda: sz.create_group(store, "group/x", overwrite=True).attrs.update(a=1),
        lambda: sz.open(store, "group", mode="r+").consolidate_metadata(),
    ]
    return calls


def held():
    gc.collect()
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {
        "rss": resident >> 10,
        "threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "contexts": context.idle_contexts(),
        "objects": len(gc.get_objects()),
    }


def run(kind, calls):
    """Return what is held after a tenth of the calls, and after all."""
    with tempfile.TemporaryDirectory() as folder:
        store = store_of(kind, folder)
        prepare(store)
        each = verbs(store)
        store.failing = True
        before, n = None, 0
        while n < calls:
            for call in each:
                with contextlib.suppress(Exception):
                    call()
            n += len(each)
            if before is None and n >= calls // 10:
                before = held()
        return {"calls": n, "before": before, "after": held()}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
