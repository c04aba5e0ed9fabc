"""Zip archives are read: zipfile, the zip command and zarr-python make them, or they are made by hand to be wrong."""

import io
import os
import pickle
import shutil
import subprocess
import threading
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.errors import ArchiveError, ChangedError, ReadOnlyError, TooLargeError, UnsupportedError
from simplezarr.testing import check_store
from tests.support.archives import Entry, Remote, archive, opened, zipped
from tests.support.helpers import python

VALUES = {
    "zarr.json": b'{"zarr_format": 3, "node_type": "group", "attributes": {"a": 1}}',
    "x/c/0/0": bytes(range(256)) * 300,
    "x/c/0/1": b"",
    "x/c/10/0": b"short",
    "x/c/2": os.urandom(5000),
    "ä/日本": b"unicode",
    "x.y/z": b"before the slash",
}
RANGES = [(0, 0), (0, 10), (-3, 3), (5, 100), (-100000, 5), (10, 10**9), (76_000, 800), (0, 76_800)]


def check(store, values):
    """The store answers as a dict does."""
    assert sorted(store.list()) == sorted(values)
    for key, value in values.items():
        assert store.get_range(key, -7, 7) == value[-7:]  # before the header is known
        assert store.get_ranges(key, RANGES) == sz.MemoryStore({key: value}).get_ranges(key, RANGES)
        with store.reader(key) as reader:
            assert reader.get_ranges(RANGES) == sz.MemoryStore({key: value}).get_ranges(key, RANGES)
            assert reader.size() == len(value)
        assert store.get(key) == value == store.get(key) == store.get_limited(key, len(value))
        assert (store.size(key), store.exists(key)) == (len(value), True)
        if value:
            with pytest.raises(TooLargeError):
                store.get_limited(key, len(value) - 1)
    model = sz.MemoryStore(dict(values))
    for prefix in {"", "missing", *["/".join(key.split("/")[:i]) for key in values for i in (1, 2, 3)]}:
        assert sorted(store.list(prefix)) == sorted(model.list(prefix))
        assert store.list_dir(prefix) == model.list_dir(prefix)
    for missing in ("missing", "x", "x/c/0", "zarr.json/a"):
        assert store.get(missing) is store.size(missing) is store.get_ranges(missing, RANGES) is None
        assert store.get_limited(missing, 5) is None
        assert not store.exists(missing)


@pytest.mark.parametrize("comment", [b"", b"a comment", 65535 * b"c", b"PK\5\6" * 1000])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_of_zipfile(compression, stream, wide, comment, tmp_path):
    data = zipped(VALUES, compression, stream=stream, wide=wide, comment=comment)
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    for store in (sz.ZipStore(path), opened(data), sz.ZipStore(Remote(data), "a.zip")):
        check(store, VALUES)
        assert store.comment.encode() == comment


@pytest.mark.skipif(shutil.which("zip") is None, reason="no zip command")
@pytest.mark.parametrize("options", [["-0"], ["-9"], ["-fz"], ["-fd"], ["-D"], ["-X"], ["-fz", "-0", "-X"]])
def test_archives_of_the_zip_command(options, tmp_path):
    for key, value in VALUES.items():
        (tmp_path / "a.zarr" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a.zarr" / key).write_bytes(value)
    subprocess.run(["zip", "-q", "-r", *options, "../a.zip", "."], cwd=tmp_path / "a.zarr", check=True)
    check(sz.ZipStore(tmp_path / "a.zip"), VALUES)
    subprocess.run(["zip", "-q", "-r", *options, "b.zip", "a.zarr"], cwd=tmp_path, check=True)
    check(sz.ZipStore(tmp_path / "b.zip"), VALUES)


@pytest.mark.skipif(shutil.which("zip") is None, reason="no zip command")
def test_what_the_zip_command_does_with_streams_and_updates(tmp_path):
    (tmp_path / "a").write_bytes(b"first")
    data = subprocess.run(["zip", "-q", "-", "a"], cwd=tmp_path, check=True, capture_output=True).stdout
    assert opened(data).get("a") == b"first"
    (tmp_path / "s.zip").write_bytes(data)
    (tmp_path / "a").write_bytes(b"second value")
    subprocess.run(["zip", "-q", "s.zip", "a"], cwd=tmp_path, check=True)
    assert sz.ZipStore(tmp_path / "s.zip").get("a") == b"second value"
    subprocess.run(["zip", "-q", "-e", "-P", "secret", "e.zip", "a"], cwd=tmp_path, check=True)
    with pytest.raises(UnsupportedError, match="'a' is encrypted"):
        sz.ZipStore(tmp_path / "e.zip").get("a")
    (tmp_path / "r").write_bytes(os.urandom(200_000))
    subprocess.run(["zip", "-q", "-s", "64k", "split.zip", "r", "a"], cwd=tmp_path, check=True)
    with pytest.raises(UnsupportedError, match="split archive"):
        sz.ZipStore(tmp_path / "split.zip")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_refused_by_name(compression):
    store = opened(zipped({"a": b"value"}, compression))
    assert (store.size("a"), [*store.list()]) == (5, ["a"])
    for read in (store.get, lambda key: store.get_range(key, 0, 1), lambda key: store.reader(key).get_range(0, 1)):
        with pytest.raises(UnsupportedError, match=r"'a' is compressed by method .*(bzip2|lzma)"):
            read("a")


@given(
    names=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=20)
                   .filter(lambda name: name.strip(".") and not name.endswith((".zip", "zarr.json"))), unique=True),
    value=st.binary(max_size=300),
    compression=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)  # fmt: skip
def test_any_names_and_values(names, value, compression):
    values = dict.fromkeys(names, value)
    with zipfile.ZipFile(io.BytesIO(zipped(values, compression))) as oracle:
        seen = {name: oracle.read(name) for name in oracle.namelist()}
    store = opened(zipped(values, compression))
    assert {key: store.get(key) for key in store.list()} == seen


def test_names_in_a_local_encoding():
    """Without bit 11 names are cp437 [D.1], unless there is a field with the name in UTF-8 [4.6.9]."""
    raw = "é/ü".encode("cp437")
    field = b"\1" + Entry(b"", raw).truth()[0].to_bytes(4, "little") + "日本".encode()
    field = b"\x75\x70" + len(field).to_bytes(2, "little") + field
    store = opened(archive(Entry(raw, b"1"), Entry(raw[::-1], b"2"), Entry(raw, b"3", extra=field)))
    assert {key: store.get(key) for key in store.list()} == {"é/ü": b"1", "ü/é": b"2", "日本": b"3"}
    unmarked = "é".encode()  # POSIX systems write what their names are
    assert [*opened(archive(Entry(unmarked, b"1"))).list()] == ["é"]
    assert [*opened(archive(Entry(unmarked, b"1", system=0))).list()] == [unmarked.decode("cp437")]


def test_the_last_of_duplicates_wins():
    store = opened(archive(Entry(b"a", b"first"), Entry(b"b", b"other"), Entry(b"a", b"third")))
    assert (store.get("a"), sorted(store.list())) == (b"third", ["a", "b"])


def test_directory_entries_are_no_keys():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.mkdir("x")
        made.mkdir("empty")
        made.writestr("x/a", b"1")
    store = opened(file.getvalue())
    assert [*store.list()] == ["x/a"]
    assert (store.list_dir(), store.get("empty"), store.exists("x")) == (["x"], None, False)


def test_bytes_in_front_and_behind():
    data = zipped(VALUES, comment=b"c")
    for changed in (b"#!/bin/sh\n" + data, data + 100 * b"\0", b"PK\5\6" * 30 + data):
        check(opened(changed), VALUES)
    check(sz.ZipStore(Remote(data + 100 * b"\0"), "a.zip"), VALUES)


def test_an_empty_archive():
    store = opened(zipped({}))
    assert [*store.list()] == []
    assert not sz.exists(store)


# ---------------------------------------------------------------- folders

NODE = b'{"zarr_format": 3, "node_type": "group"}'


@pytest.mark.parametrize("folder", ["a.zarr/", "deep/er/a/"])
@pytest.mark.parametrize("document", ["zarr.json", ".zgroup", ".zarray"])
def test_a_folder_above_the_root(folder, document):
    values = {document: NODE, "x/zarr.json": NODE, "x/c/1": b"1"}
    others = {"readme.txt": b"", f"__MACOSX/{document}": b""}
    data = zipped({**others, **{folder + key: value for key, value in values.items()}})
    check(opened(data), values)
    check(opened(data, path=folder), values)
    check(opened(data, path=folder + "x"), {"zarr.json": NODE, "c/1": b"1"})
    found = opened(data)
    assert found.get(f"{folder}x/c/1") == b"1"  # full names are understood too
    assert sorted(found.list(f"{folder}x")) == [f"{folder}x/c/1", f"{folder}x/zarr.json"]
    assert found.list_dir(folder) == sorted({key.split("/")[0] for key in values})
    assert opened(data, path=folder).get(f"{folder}x/c/1") is None


def test_the_root_of_several_folders_is_the_root():
    data = zipped({"a.zarr/zarr.json": NODE, "b.zarr/zarr.json": NODE, "c/d/zarr.json": NODE})
    store = opened(data)
    assert store.list_dir() == ["a.zarr", "b.zarr", "c"]
    assert sz.open(store, "b.zarr").name == "/b.zarr"
    with pytest.raises(FileNotFoundError, match="no folder 'z/'"):
        opened(data, path="z")
    with pytest.raises(ValueError, match="invalid key"):
        opened(data, path="../a.zarr")


def test_one_array_without_a_group_above():
    """As zarr-python makes them: the folder is taken for the root, and the array has its name nevertheless."""
    inner = {}
    sz.create_array(inner, data=[1, 2])
    store = opened(zipped({f"x/{key}": value for key, value in inner.items()}))
    assert sz.open(store)[...].tolist() == [1, 2] == sz.open(store, "x")[...].tolist()


# ---------------------------------------------------------------- in another store


def test_requests_are_counted():
    data = np.arange(64 * 64, dtype="u2").reshape(64, 64)
    inner = sz.MemoryStore()
    sz.create_array(inner, "x", data=data, chunks=(8, 8), codecs=[])
    sz.create_array(inner, "s", data=data, chunks=(8, 8), shards=(64, 64), codecs=[])
    for pack in (zipped, lambda values: zipped(values, wide=True), packed):
        remote = Remote(pack(inner.values) + b"")
        group = sz.open(sz.ZipStore(remote, "a.zip"))
        assert [len(ranges) for ranges in remote.take()] == [1, 1]  # the end, the document
        array = group["x"]
        assert [len(ranges) for ranges in remote.take()] == [1]
        assert np.array_equal(array[...], data)
        assert [len(ranges) for ranges in remote.take()] == 64 * [1]
        assert np.array_equal(array[:8, :8], data[:8, :8])
        (((_, length),),) = remote.take()
        assert length == 128  # known by now
        shard = group["s"]
        remote.take()
        assert np.array_equal(shard[:8, ::8], data[:8, ::8])
        index, chunks = remote.take()
        assert len(index) == 2  # with the header
        assert sum(length for _, length in index) < 2000
        assert sum(length for _, length in chunks) <= 8 * 128
        sz.open(sz.ZipStore(remote, "a.zip"), "s")[:8, ::8]
        assert len(remote.take()) == 4  # the end, the document, the index, the chunks


def packed(values):
    """An archive by ourselves."""
    made = sz.MemoryStore()
    with sz.ZipStore(made, "a.zip", mode="w") as store:
        for key, value in values.items():
            store.set(key, value)
    return made.get("a.zip")


def test_a_long_directory_takes_one_more_request():
    values = {f"c/{i}": b"%d" % i for i in range(3000)}
    remote = Remote(zipped(values))
    store = sz.ZipStore(remote, "a.zip")
    end, rest = remote.take()
    assert end == [(-65536, 65536)]
    assert len(rest) == 1
    assert store.get("c/2999") == b"2999"
    remote = Remote(zipped({"a": b"1", "b": bytes(10**6)}, comment=65535 * b"x"))
    assert sz.ZipStore(remote, "a.zip").get("a") == b"1"
    assert len(remote.take()) == 3


def test_an_archive_that_is_replaced():
    data = packed({"a": b"first", "b": bytes(200_000)})
    remote = Remote(data, versioned=True)
    store = sz.ZipStore(remote, "a.zip")
    assert store.get("a") == b"first"
    remote.data = packed({"a": b"again", "b": bytes(200_000)})
    for read in (store.get, lambda key: store.get_range(key, 0, 3)):
        with pytest.raises(ChangedError, match=r"'a.zip' .*was replaced"):
            read("a")
    unversioned = sz.ZipStore(Remote(data), "a.zip")
    unversioned._archive._source._store.data = packed({"a": b"again", "b": bytes(200_000)})
    with pytest.raises(ArchiveError, match="checksum"):
        unversioned.get("a")


def test_stores_without_ranges_are_asked_once():
    class Plain(sz.Store):
        asked = 0

        def get(self, key):
            self.asked += 1
            return zipped(VALUES) if key == "x/a.zip" else None

    plain = Plain()
    check(sz.ZipStore(plain, "x/a.zip"), VALUES)
    assert plain.asked == 1
    for place in (plain, sz.MemoryStore(), sz.LocalStore("nowhere"), sz.SlowStore(sz.MemoryStore())):
        with pytest.raises(FileNotFoundError):
            sz.ZipStore(place, "b.zip")
    with pytest.raises(TypeError, match="key"):
        sz.ZipStore(plain)
    with pytest.raises(ValueError, match="invalid key"):
        sz.ZipStore(plain, "../a.zip")


def test_a_local_store_is_read_as_a_file(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.zip").write_bytes(zipped(VALUES))
    store = sz.ZipStore(sz.LocalStore(tmp_path), "x/a.zip")
    assert store.concurrency is None
    check(store, VALUES)
    slow = sz.ZipStore(sz.SlowStore(sz.LocalStore(tmp_path), concurrency=7), "x/a.zip")
    assert (slow.concurrency, slow.in_memory) == (7, False)
    check(slow, VALUES)


# ---------------------------------------------------------------- the contract


class Rewritten(sz.Store):
    """A dict that is read through the archive that zipfile makes of it after each change."""

    concurrency = None

    def __init__(self, compression, remote):
        self.values, self.compression, self.remote, self.guard = {}, compression, remote, threading.Lock()

    def change(self, key, value):
        sz.stores.check_key(key)
        self.check_writable(key)
        with self.guard:
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = bytes(sz.stores.byte_view(value))

    def set(self, key, value):
        self.change(key, value)

    def delete(self, key):
        self.change(key, None)

    def now(self):
        with self.guard:
            data = zipped({"in/": b"", **{f"in/{key}": value for key, value in self.values.items()}}, self.compression)
        return sz.ZipStore(Remote(data) if self.remote else sz.MemoryStore({"a.zip": data}), "a.zip", path="in")

    def get(self, key):
        return self.now().get(key)

    def get_ranges(self, key, ranges):
        return self.now().get_ranges(key, ranges)

    def get_range(self, key, start, length):
        return self.now().get_range(key, start, length)

    def reader(self, key):
        return self.now().reader(key)

    def size(self, key):
        return self.now().size(key)

    def list(self, prefix=""):
        return self.now().list(prefix)

    def list_dir(self, prefix=""):
        return self.now().list_dir(prefix)


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_conformance(compression, remote):
    check_store(Rewritten(compression, remote))


def test_it_can_only_be_read(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped(VALUES))
    store = sz.ZipStore(tmp_path / "a.zip")
    assert (store.immutable, store.read_only, store.in_memory, store.local_root) == (True, True, False, None)
    store.read_only = False
    for write in (
        lambda: store.set("a", b""),
        lambda: store.delete("zarr.json"),
        lambda: store.delete_prefix("x"),
        lambda: store.create("a", b""),
        lambda: store.lock("a"),
        lambda: sz.create_array(store, "new", data=[1]),
        lambda: sz.open(store, mode="r+").attrs.update(a=2),
    ):
        with pytest.raises(ReadOnlyError, match='opened for reading; mode="w" makes a new archive'):
            write()


def test_pickle_by_configuration(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped({f"in/{key}": value for key, value in VALUES.items()}))
    store = sz.ZipStore(tmp_path / "a.zip", path="in")
    again = pickle.loads(pickle.dumps(store))
    assert (again, hash(again), repr(again)) == (store, hash(store), repr(store))
    assert again != sz.ZipStore(tmp_path / "a.zip")
    check(again, VALUES)
    assert len(pickle.dumps(store)) < 400
    inner = pickle.loads(pickle.dumps(opened(zipped(VALUES))))
    check(inner, VALUES)
    array = sz.open(packed_array(tmp_path))
    code = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1]))[3:].tolist())"
    assert python(code, pickle.dumps(array).hex(), seconds=60, directory=tmp_path) == "[3, 4]\n"


def packed_array(directory):
    """The path of an archive with an array."""
    sz.save(directory / "p.zip", np.arange(5))
    return directory / "p.zip"


def test_closed(tmp_path):
    path = packed_array(tmp_path)
    with sz.open(path) as array:
        store = array.store
    store.close()
    for use in (lambda: store.get("zarr.json"), lambda: [*store.list()], lambda: array[...]):
        with pytest.raises(ValueError, match="is closed"):
            use()
    with sz.ZipStore(path) as store:
        assert store.exists("zarr.json")


def test_an_open_archive_stays_as_it_is_when_it_is_replaced(tmp_path):
    path = packed_array(tmp_path)
    array = sz.open(path)
    sz.save(path, np.arange(5) + 10, overwrite=True)
    assert array[...].tolist() == [0, 1, 2, 3, 4]
    assert sz.open(path)[...].tolist() == [10, 11, 12, 13, 14]


def test_bad_arguments(tmp_path):
    path = packed_array(tmp_path)
    for arguments, kind, match in (
        (("",), ValueError, "empty"),
        ((path, "key"), TypeError, "key"),
        ((5,), TypeError, None),
    ):
        with pytest.raises(kind, match=match):
            sz.ZipStore(*arguments)
    with pytest.raises(ValueError, match="mode"):
        sz.ZipStore(path, mode="a")
    with pytest.raises(ValueError, match="comment"):
        sz.ZipStore(path, comment="text")
    with pytest.raises(FileNotFoundError):
        sz.ZipStore(tmp_path / "none.zip")
    with pytest.raises(FileNotFoundError):
        sz.ZipStore(tmp_path)


def test_threads_read_at_once(tmp_path):
    values = {f"c/{i}": os.urandom(i % 300) for i in range(2000)}
    (tmp_path / "a.zip").write_bytes(zipped(values))
    store, wrong = sz.ZipStore(tmp_path / "a.zip"), []

    def read(first):
        wrong.extend(key for key in [*values][first:] + [*values][:first] if store.get(key) != values[key])

    threads = [threading.Thread(target=read, args=(250 * i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_listing_a_large_archive_visits_children_alone():
    values = {f"{i % 50}/c/{i}": b"" for i in range(20_000)}
    store = opened(zipped(values))
    assert store.list_dir() == sorted(map(str, range(50)))
    assert len(store.list_dir("7/c")) == 400
    assert all(one < other for one, other in pairwise(store.list("7")))
