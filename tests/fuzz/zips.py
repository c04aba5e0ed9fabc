"""Zip archives with damaged bytes, numbers and structure: refused, or what is read has the checksum that is stored."""

import contextlib
import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

import simplezarr as sz
from tests.fuzz.mutations import BYTES
from tests.support.archives import Entry, archive, deflated, zipped

#: Where the numbers are in an end record, a central and a local header: (offset, format) of each.
END = [(4, "H"), (6, "H"), (8, "H"), (10, "H"), (12, "L"), (16, "L"), (20, "H")]
END64 = [(4, "Q"), (16, "L"), (20, "L"), (24, "Q"), (32, "Q"), (40, "Q"), (48, "Q")]
LOCATOR = [(4, "L"), (8, "Q"), (16, "L")]
CENTRAL = [(5, "B"), (8, "H"), (10, "H"), (16, "L"), (20, "L"), (24, "L"), (28, "H"), (30, "H"), (32, "H"), (34, "H"),
           (38, "L"), (42, "L")]  # fmt: skip
LOCAL = [(6, "H"), (8, "H"), (14, "L"), (18, "L"), (22, "L"), (26, "H"), (28, "H")]
HEADERS = {b"PK\5\6": END, b"PK\6\6": END64, b"PK\6\7": LOCATOR, b"PK\1\2": CENTRAL, b"PK\3\4": LOCAL}


def values():
    """A small hierarchy, with chunks of which some are large."""
    store = sz.MemoryStore()
    data = np.arange(900, dtype="u2").reshape(30, 30)
    sz.create_array(store, "x", data=data, chunks=(10, 10))
    sz.create_array(store, "s", data=data, chunks=(5, 5), shards=(30, 30))
    return {**store.values, "large": bytes(100_000), "ä": b"1"}


def originals():
    """Archives of several makers."""
    stored = values()
    yield zipped(stored)
    yield zipped(stored, zipfile.ZIP_DEFLATED, stream=True, comment=b"PK\5\6 comment")
    yield zipped({f"in/{key}": value for key, value in stored.items()}, wide=True)
    for name in ("a.zip", "a.ozx"):
        made = sz.MemoryStore()
        with sz.ZipStore(made, name, mode="w", comment="c" * 30) as store:
            for key, value in stored.items():
                store.set(key, value)
        yield made.get(name)
    field = b"\1\0\x18\0" + struct.pack("<QQQ", 5, 5, 0)
    full = 0xFFFFFFFF
    yield archive(Entry(b"a", b"value", size=full, stored=full, offset=full, extra=field), deflated(b"b", bytes(500)),
                  zip64=True)  # fmt: skip


def change_number(rand, data, _):
    """Change one number of one header."""
    changed = bytearray(data)
    signature = rand.choice([*HEADERS])
    places = [at for at in range(len(data)) if data.startswith(signature, at)]
    if places:
        offset, kind = rand.choice(HEADERS[signature])
        at, size = rand.choice(places) + offset, struct.calcsize(f"<{kind}")
        if at + size <= len(data):
            (old,) = struct.unpack_from(f"<{kind}", data, at)
            top = (1 << 8 * size) - 1
            new = rand.choice(
                [0, 1, old - 1, old + 1, old * 2, top, top - 1, top // 2 + 1, len(data), rand.randint(0, top)]
            )
            struct.pack_into(f"<{kind}", changed, at, new & top)
    return bytes(changed)


def change_name(rand, data, _):
    """Write something odd over a name, everywhere it stands."""
    old = rand.choice([b"x/c/0/0", b"zarr.json", b"x/zarr.json", b"large"])
    odd = [b"../", b"/", b"\\", b"\0", b"\xff", b"a", b"//", b"."]
    new = b"".join([rand.choice(odd) for _ in range(len(old))])[: len(old)]
    return data.replace(old, new, rand.choice([1, 1, -1]))


def move_records(rand, data, _):
    """Copy, drop or swap entries of the directory."""
    parts = data.split(b"PK\1\2")
    if len(parts) < 3:
        return data
    i, j = rand.randrange(1, len(parts)), rand.randrange(1, len(parts))
    action = rand.randrange(3)
    if action == 0:
        parts[i] = parts[j]
    elif action == 1:
        del parts[i]
    else:
        parts[i], parts[j] = parts[j], parts[i]
    return b"PK\1\2".join(parts)


MUTATIONS = [*BYTES, *3 * [change_number], change_name, move_records]


class Remote(sz.Store):
    """Gives ranges of an archive."""

    def __init__(self, data):
        self.data = data

    def get(self, key):
        return self.data

    def get_range(self, key, start, length):
        return sz.MemoryStore({"a": self.data}).get_range("a", start, length)


def by_zipfile(data):
    """What zipfile reads, as a function of a name; it raises anything at all."""
    try:
        return zipfile.ZipFile(io.BytesIO(data)).read
    except Exception:
        return lambda name: 1 / 0


def use(store, data):
    """Read everything that is there; return how many values were refused."""
    refused, oracle = 0, by_zipfile(data)
    for key in [*store.list()][:60]:
        sz.stores.check_key(key)
        assert store.list_dir(key.rpartition("/")[0])
        size = store.size(key)
        try:
            value = store.get_limited(key, 1 << 20)
            part = store.get_range(key, -5, 5)
        except sz.ZarrError as error:
            if repr(key)[1:-1] not in str(error):
                raise AssertionError(f"no word of {key!r}") from error
            refused += 1
            continue
        assert len(value) == size
        assert value[-5:] == part
        name = store._archive._find(key)
        assert zlib.crc32(value) == store._archive._directory.member(name).crc
        known = value
        with contextlib.suppress(Exception):
            known = oracle(name)
        assert known == value
    return refused


def zips(top):
    """Mutate archives that are in memory, in a file, or asked for ranges."""
    sources = [*originals()]

    def near(data):
        if len(data) % 2:
            return sz.MemoryStore({"a": data})
        (Path(top) / "a").write_bytes(data)
        return sz.LocalStore(top)

    def execute(rand):
        data = rand.choice(sources)
        for _ in range(rand.choice([1, 1, 2, 5])):
            data = data and rand.choice(MUTATIONS)(rand, data, rand.choice(sources))
        place = rand.choice([near, Remote])(data)
        try:
            store = sz.ZipStore(place, "a")
        except sz.ZarrError as error:
            return type(error).__name__
        refused = use(store, data)
        for name in ("x", "s"):
            with contextlib.suppress(sz.ZarrError):
                sz.open_array(store, name)[3:, ::7]
        return "partly read" if refused else "read"

    return execute
