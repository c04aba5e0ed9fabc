"""Zip archives are written: whole or not at all, in an order that others can rely on, and readable by them."""

import io
import json
import os
import random
import shutil
import struct
import subprocess
import time
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simplezarr as sz
from simplezarr.testing import check_store
from tests.support.archives import fail_once, read_all

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def streamed(data):
    """The names of the local headers from the beginning to the directory, as a reader of streams meets them."""
    at, names = 0, []
    while data[at : at + 4] == b"PK\3\4":
        stored, nname, nextra = struct.unpack_from("<18xL4xHH", data, at)
        names.append(data[at + 30 : at + 30 + nname].decode())
        if stored == 0xFFFFFFFF:
            stored = struct.unpack_from("<QQ", data, at + 30 + nname + 4)[1]
        at += 30 + nname + nextra + stored
    assert data[at : at + 4] in (b"PK\1\2", b"PK\5\6"), "something lies between the members"
    return names


def made(values, name="a.zip", **arguments):
    """The bytes of an archive."""
    store = sz.MemoryStore()
    with sz.ZipStore(store, name, mode="w", **arguments) as archive:
        for key, value in values.items():
            archive.set(key, value)
    assert [*store.list()] == [name]
    return store.get(name)


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("name", ["a.zip", "new/directory/a.ozx"])
def test_conformance(name, tmp_path):
    with sz.ZipStore(tmp_path / name, mode="w") as store:
        check_store(store)
        store.set("zarr.json", b"{}")
    assert read_all(tmp_path / name) == {"zarr.json": b"{}"}
    with sz.ZipStore(sz.MemoryStore(), name, mode="w") as store:
        check_store(store)
        store.set("zarr.json", b"{}")
    with sz.ZipStore(tmp_path / "b.zip", mode="w", path="in/side") as store:
        check_store(store)
        store.set("a", b"1")
    assert read_all(tmp_path / "b.zip") == {"in/side/a": b"1"}


VALUES = {
    "c/0": bytes(range(256)) * 1000,
    "zarr.json": b"root",
    "empty": b"",
    "ä/日本": b"unicode",
    "x/zarr.json": b"x",
    "n" * 1000: b"long",
}


@pytest.mark.parametrize("name", ["a.zip", "a.ozx"])
def test_what_others_read(name):
    for values in (VALUES, {"zarr.json": b"{}"}, {"zarr.json": b"r", "c/0": bytes(2_000_000)}):
        data = made(values, name)
        assert read_all(data) == values
        assert sorted(streamed(data)) == sorted(values)
        again = sz.ZipStore(sz.MemoryStore({name: data}), name)
        assert {key: again.get(key) for key in again.list()} == values


@pytest.mark.skipif(shutil.which("unzip") is None, reason="no unzip command")
@pytest.mark.parametrize("name", ["a.zip", "a.ozx"])
def test_what_unzip_reads(name, tmp_path):
    values = {key: value for key, value in VALUES.items() if len(key) < 200}
    (tmp_path / name).write_bytes(made({**values, "d/1": bytes(700_000)}, name, comment="a comment"))
    done = subprocess.run(["unzip", "-t", name], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "No errors detected" in done.stdout
    utf8 = {**os.environ, "LC_ALL": "C.UTF-8"}
    subprocess.run(["unzip", "-q", name, "-d", "out"], cwd=tmp_path, check=True, env=utf8)
    assert (tmp_path / "out" / "c" / "0").read_bytes() == VALUES["c/0"]
    assert os.access(tmp_path / "out" / "zarr.json", os.W_OK)


def hierarchy(path, data, zarr_format):
    """Store a small hierarchy in a new archive."""
    sz.save(path, {"a": {"x": data}, "y": data[:3]}, chunks=(8, 16), zarr_format=zarr_format,
            attributes={"ome": {"version": "0.5"}})  # fmt: skip
    return str(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", ["a.zip", "a.ozx"])
def test_peers_read_arrays(name, tmp_path):
    data = np.arange(60 * 50, dtype="f4").reshape(60, 50)
    path = hierarchy(tmp_path / name, data, 3)
    zarr, tensorstore = pytest.importorskip("zarr"), pytest.importorskip("tensorstore")
    group = zarr.open_group(zarr.storage.ZipStore(path, mode="r"), mode="r")
    assert np.array_equal(group["a/x"][...], data)
    assert dict(group.attrs) == {"ome": {"version": "0.5"}}
    spec = {"driver": "zarr3", "kvstore": f"file://{path}|zip:a/x/"}
    assert np.array_equal(tensorstore.open(spec).result().read().result(), data)
    if name == "a.zip":
        old = hierarchy(tmp_path / "old.zip", data, 2)
        assert np.array_equal(zarr.open_group(zarr.storage.ZipStore(old, mode="r"), mode="r")["a/x"][...], data)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_archives_of_zarr_python_are_read(zarr_format, tmp_path):
    zarr = pytest.importorskip("zarr")
    data = np.arange(60 * 50, dtype="i4").reshape(60, 50)
    store = zarr.storage.ZipStore(tmp_path / "a.zip", mode="w")
    group = zarr.open_group(store, mode="w", zarr_format=zarr_format)
    array = group.create_array("x", shape=data.shape, chunks=(8, 16), dtype=data.dtype)
    for _ in range(2):  # duplicates
        array[...] = data
    array[:9] = data[:9] + 1
    group.attrs["a"] = 1
    store.close()
    found = sz.open(tmp_path / "a.zip")
    assert found.attrs == {"a": 1}
    assert np.array_equal(found["x"][9:], data[9:])
    assert np.array_equal(found["x"][:9], data[:9] + 1)


# ---------------------------------------------------------------- order

DOCUMENTS = ["zarr.json", "a/zarr.json", "b/zarr.json", "a/x/zarr.json", "b/a/zarr.json", "b/a/x/zarr.json"]


@pytest.mark.parametrize("n", [0, 1, 40, 300])
@pytest.mark.parametrize("size", [1, 5000])
def test_documents_come_first(size, n):
    """Root first, breadth-first, in the directory and in the file, whatever their number; then the others."""
    rng = random.Random(n * size)
    others = [".zgroup", "b/.zattrs", *[f"a/x/c/{i}" for i in range(n)]]
    keys = [*DOCUMENTS, *others]
    rng.shuffle(keys)
    values = {key: (size + i) * bytes([i % 256]) for i, key in enumerate(keys)}
    data = made(values)
    assert read_all(data) == values
    assert streamed(data) == [*read_all(data)]
    assert [*read_all(data)][:8] == [*DOCUMENTS, ".zgroup", "b/.zattrs"]


def test_documents_that_are_changed_late():
    """Chunks are there already when documents grow beyond the room in front of them, or shrink again."""
    for sizes in ((100, 5), (5, 100_000), (100_000, 5), (70_000, 300_000)):
        store = sz.MemoryStore()
        with sz.ZipStore(store, "a.zip", mode="w") as archive:
            expected = {"zarr.json": b"r" * sizes[0]}
            archive.set("zarr.json", expected["zarr.json"])
            for i in range(200):
                expected[f"c/{i}"] = os.urandom(10_000)
                archive.set(f"c/{i}", expected[f"c/{i}"])
            expected |= {"zarr.json": b"s" * sizes[1], "x/zarr.json": b"t" * sizes[1]}
            for key in ("zarr.json", "x/zarr.json"):
                archive.set(key, expected[key])
        data = store.get("a.zip")
        assert read_all(data) == expected
        assert streamed(data) == [*read_all(data)]
        assert [*read_all(data)][:2] == ["zarr.json", "x/zarr.json"]


KEYS = st.sampled_from(["zarr.json", "a/zarr.json", "a/.zattrs", *[f"a/c/{i}" for i in range(6)]])
STEPS = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 90_000)), max_size=30)


@settings(max_examples=60)
@given(STEPS, st.sampled_from(["a.zip", "a.ozx"]), st.booleans())
def test_any_sequence_of_writes(steps, name, retried):
    """The archive is what a dict would be, with at most a tenth of dead bytes."""
    store, model = sz.MemoryStore(), {}
    archive = sz.ZipStore(store, name, mode="w")
    steps = [*steps, ("zarr.json", 10)]
    for i, (key, size) in enumerate(steps):
        if size is None:
            archive.delete(key)
            model.pop(key, None)
        else:
            model[key] = bytes([i]) * size
            archive.set(key, model[key])
        if retried and i == len(steps) // 2:
            fail_once(archive)
    assert {key: archive.get(key) for key in archive.list()} == model
    assert all(archive.get_range(key, -3, 3) == value[-3:] for key, value in model.items())
    archive.close()
    data = store.get(name)
    assert read_all(data) == model
    alive = sum(len(key) + len(value) + 50 for key, value in model.items())
    assert len(data) < 1.11 * alive + 90_000 * (alive > 600_000) + 100 * len(model) + 200


def test_dead_bytes_are_dropped_if_they_are_many(tmp_path):
    def size_of(rounds):
        with sz.ZipStore(tmp_path / "a.zip", mode="w") as store:
            store.set("zarr.json", b"{}")
            for i in range(100):
                store.set(f"c/{i}", os.urandom(10_000))
            for _ in range(rounds):
                store.set("c/0", os.urandom(10_000))
        return os.path.getsize(tmp_path / "a.zip")

    few, some, many = size_of(0), size_of(3), size_of(20)
    assert some - few == 3 * (10_000 + 33)
    assert many < few


def test_the_same_calls_make_the_same_bytes():
    first = made(VALUES)
    time.sleep(2.1)  # the unit of time in an archive
    assert made(VALUES) == first
    assert {info.date_time for info in zipfile.ZipFile(io.BytesIO(first)).infolist()} == {(1980, 1, 1, 0, 0, 0)}


# ---------------------------------------------------------------- RFC-9


def test_ozx(tmp_path):
    path = hierarchy(tmp_path / "a.ozx", np.arange(800, dtype="u2").reshape(40, 20), 3)
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.comment) == {
            "ome": {"version": "0.5", "zipFile": {"centralDirectory": {"jsonFirst": True}}}
        }
        infos = archive.infolist()
        names = [info.filename for info in infos]
        assert names[:4] == ["zarr.json", "a/zarr.json", "y/zarr.json", "a/x/zarr.json"]
        assert not any(name.endswith("zarr.json") for name in names[4:])
        assert all(info.compress_type == zipfile.ZIP_STORED for info in infos)
        assert all(one.header_offset < other.header_offset for one, other in pairwise(infos))
    data = Path(path).read_bytes()
    assert b"PK\6\6" in data[-300:]  # the zip64 records
    assert data[4:6] == b"\x2d\0"  # and version 4.5 of the format
    assert json.loads(sz.ZipStore(path).comment)["ome"]["version"] == "0.5"


def test_comments():
    root = {"zarr.json": b'{"attributes": {"ome": {"version": "0.6"}}}'}
    first = {"zipFile": {"centralDirectory": {"jsonFirst": True}}}
    for name, values, comment, expected in [
        ("a.zip", root, None, ""),
        ("a.ozx", {"zarr.json": b"no JSON"}, None, ""),
        ("a.ozx", {"zarr.json": b'{"attributes": {"ome": {"version": 5}}}'}, None, ""),
        ("a.ozx", root, None, json.dumps({"ome": {"version": "0.6", **first}})),
        ("a.zip", {}, {"ome": {"version": "0.5"}}, json.dumps({"ome": {"version": "0.5", **first}})),
        ("a.zip", {}, {"ome": {"version": "0.5", "zipFile": {}}}, '{"ome": {"version": "0.5", "zipFile": {}}}'),
        ("a.ozx", root, "text", "text"),
        ("a.zip", {}, "é", "é"),
        ("a.zip", {}, {"a": ["é"]}, '{"a": ["é"]}'),
    ]:
        data = made(values, name, comment=comment)
        assert zipfile.ZipFile(io.BytesIO(data)).comment.decode() == expected
        assert sz.ZipStore(sz.MemoryStore({"a": data}), "a").comment == expected
    for comment, kind in ((65_536 * "c", ValueError), (33_000 * "é", ValueError), (b"bytes", TypeError)):
        with pytest.raises(kind, match="comment"):
            made({}, comment=comment)


def test_an_ozx_archive_has_a_node_at_its_root(tmp_path):
    store = sz.ZipStore(tmp_path / "a.ozx", mode="w")
    store.set("x/zarr.json", b"{}")
    with pytest.raises(ValueError, match="needs a node of Zarr 3 at its root"):
        store.close()
    store.set("zarr.json", b"{}")
    store.close()
    assert [*read_all(tmp_path / "a.ozx")] == ["zarr.json", "x/zarr.json"]
    with pytest.raises(ValueError, match="at the root"):
        sz.ZipStore(tmp_path / "a.ozx", mode="w", path="inside")


# ---------------------------------------------------------------- large


def test_many_entries():
    n = 66_000
    data = made(dict.fromkeys(map(str, range(n)), b"v"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == n
        assert archive.read("65999") == b"v"
    store = sz.ZipStore(sz.MemoryStore({"a": data}), "a")
    assert len([*store.list()]) == n
    assert store.get("65999") == b"v"


@POSIX
def test_archives_beyond_4_gib(tmp_path, monkeypatch):
    """A hole takes the place of the first 5 GiB of chunks."""
    monkeypatch.setattr("simplezarr.stores.zip.writer._MOST_DEAD", 0)
    monkeypatch.setattr("simplezarr.stores.zip.writer._ROOM", 1000)
    with sz.ZipStore(tmp_path / "a.zip", mode="w") as store:
        store.set("zarr.json", b"{}")
        store.set("c/0", b"before")
        store._archive._end += 5 << 30
        store.set("c/1", b"behind")
    values = {"zarr.json": b"{}", "c/0": b"before", "c/1": b"behind"}
    assert os.path.getsize(tmp_path / "a.zip") > 5 << 30
    assert read_all(tmp_path / "a.zip") == values
    store = sz.ZipStore(tmp_path / "a.zip")
    assert {key: store.get(key) for key in store.list()} == values
    assert sz.ZipStore(sz.SlowStore(sz.LocalStore(tmp_path)), "a.zip").get("c/1") == b"behind"


@POSIX
def test_values_beyond_4_gib(tmp_path, monkeypatch):
    """The limit is set lower here: what is larger has sizes of 64 bits."""
    monkeypatch.setattr("simplezarr.stores.zip.writer.MAX32", 1000)
    data = made({"zarr.json": b"{}", "c/0": bytes(5000), "c/1": bytes(999)})
    small = sz.ZipStore(sz.MemoryStore({"a": data.replace(b"\xe8\3\0\0", b"\xff\xff\xff\xff")}), "a")
    assert {key: len(small.get(key)) for key in small.list()} == {"zarr.json": 2, "c/0": 5000, "c/1": 999}
