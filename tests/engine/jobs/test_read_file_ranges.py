"""Values that are ranges of local files: read by the engine as NumPy has them, and never taken for something else."""

import io
import json
import os
import sys
import threading
import zipfile

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.engine.files.file_ranges import FileRangeTable
from simplezarr.engine.files.files import open_regular
from simplezarr.engine.files.replace import HAVE_FILES
from simplezarr.errors import ArchiveError
from simplezarr.stores import LocalStore, MemoryStore, ReferenceStore, ZipStore

pytestmark = pytest.mark.skipif(not HAVE_FILES, reason="the engine reads no files here")

RNG = np.random.default_rng(0)
DATA = RNG.integers(0, 50, (50, 37), dtype="<i4")
LAYOUTS = {
    "raw": {"chunks": (7, 5), "codecs": []},
    "zstd": {"chunks": (7, 5)},
    "gzip": {"chunks": (20, 37), "codecs": ["shuffle", "gzip"]},
    "large": {"chunks": (50, 37), "codecs": []},
    "python": {"chunks": (20, 20), "codecs": ["numcodecs.lzma"]},
    "shards": {"chunks": (4, 5), "shards": (20, 20)},
    "raw shards": {"chunks": (4, 5), "shards": (20, 20), "codecs": []},
}
SELECTIONS = [np.s_[...], np.s_[3:40:3, ::-2], np.s_[7], np.s_[0:1, 0:1]]


def scattered(values, folder, files=3):
    """Write values into a few files, in another order and with gaps, and return references to them."""
    refs, parts = {}, [io.BytesIO() for _ in range(files)]
    for key in sorted(values, key=lambda key: hash(key) % 101):
        if key.endswith("zarr.json"):
            refs[key] = values[key].decode()
            continue
        i = len(refs) % files
        parts[i].write(RNG.bytes(int(RNG.integers(0, 40))))
        refs[key] = [str(folder / f"{i}.bin"), parts[i].tell(), len(values[key])]
        parts[i].write(values[key])
    for i, part in enumerate(parts):
        (folder / f"{i}.bin").write_bytes(part.getvalue())
    return refs


def values_of(**layout):
    """Return what an array of DATA is stored as; its chunk (0, 0) is missing."""
    store = MemoryStore()
    a = sz.create_array(store, data=DATA, **layout)
    first = a.shards or a.chunks
    a[: first[0], : first[1]] = 0
    expected = DATA.copy()
    expected[: first[0], : first[1]] = 0
    return {key: store.get(key) for key in store.list()}, expected


@pytest.fixture
def set_threads():
    before = sz.get_num_threads()
    yield sz.set_num_threads
    sz.set_num_threads(before)


@pytest.fixture
def no_methods(monkeypatch):
    """Let no method read a value of a local store or of an archive."""

    def refuse(*args, **keywords):
        raise AssertionError("a method of the store was called")

    def forbid():
        for name in ("get", "get_limited", "get_range", "get_ranges", "reader"):
            monkeypatch.setattr(LocalStore, name, refuse)
        for name in ("get", "get_limited", "get_ranges", "reader"):
            monkeypatch.setattr("simplezarr.stores.zip.reader.ArchiveReader." + name, refuse)

    return forbid


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_references_are_read_as_numpy_has_them(layout, threads, tmp_path, no_methods, set_threads):
    set_threads(threads)
    values, expected = values_of(**LAYOUTS[layout])
    a = sz.open(ReferenceStore(scattered(values, tmp_path)))
    no_methods()
    for selection in SELECTIONS:
        assert np.array_equal(a[selection], expected[selection])
    assert np.array_equal(a.oindex[[3, 30, 3]], expected[[3, 30, 3]])
    out = np.empty(DATA.shape, "f8")
    a.read(..., out=out)
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_members_are_read_as_numpy_has_them(layout, threads, tmp_path, no_methods, set_threads):
    set_threads(threads)
    values, expected = values_of(**LAYOUTS[layout])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for key, value in values.items():
            archive.writestr(key, value)
    a = sz.open(ZipStore(tmp_path / "a.zip"))
    if a.shards is None:  # a whole shard is compared with its checksum, by its store
        no_methods()
    for selection in SELECTIONS:
        assert np.array_equal(a[selection], expected[selection])
    assert np.array_equal(a.oindex[[3, 30, 3]], expected[[3, 30, 3]])


def test_a_few_inner_chunks_of_a_member_are_read_in_place(tmp_path, no_methods):
    sz.save(tmp_path / "a.zip", DATA, chunks=(4, 5), shards=(20, 20))
    a = sz.open(tmp_path / "a.zip")
    no_methods()
    assert np.array_equal(a[2:9, 3:12], DATA[2:9, 3:12])


@pytest.mark.skipif(sys.platform != "linux", reason="counts requests as Linux does")
def test_neighbours_are_read_with_one_request(tmp_path, set_threads):
    set_threads(1)
    data = RNG.integers(0, 100, (640, 64), dtype="u1")
    (tmp_path / "a.bin").write_bytes(bytes(data))
    meta = MemoryStore()
    sz.create_array(meta, shape=data.shape, dtype="u1", chunks=(1, 64), codecs=[])
    refs = {"zarr.json": meta.get("zarr.json").decode()}
    refs |= {f"c/{i}/0": [str(tmp_path / "a.bin"), 64 * i, 64] for i in range(640)}
    a = sz.open(ReferenceStore(refs))

    def requests():
        with open("/proc/self/io") as counts:
            return next(int(line.split()[1]) for line in counts if line.startswith("syscr"))

    before = requests()
    result = a[...]
    asked = requests() - before
    assert np.array_equal(result, data)
    assert asked <= 640 / 64 + 2  # a batch has 64; reading the counts takes one or two


def test_what_the_file_does_not_have_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(DATA))
    meta = MemoryStore()
    sz.create_array(meta, shape=(10, 37), dtype="<i4", chunks=(1, 37), codecs=[])
    refs = {"zarr.json": meta.get("zarr.json").decode()} | {f"c/{i}/0": [str(path), 148 * i, 148] for i in range(10)}
    for wrong in ([str(path), 148 * 50 - 1, 148], [str(path), 1 << 62, 148], [str(tmp_path / "gone"), 0, 148]):
        a = sz.open(ReferenceStore(refs | {"c/7/0": wrong}))
        with pytest.raises(OSError, match=os.path.basename(wrong[0])):
            a[...]
        assert np.array_equal(a[:7], DATA[:7])
    a = sz.open(ReferenceStore(refs))
    path.unlink()
    with pytest.raises(OSError, match=r"a\.bin"):
        a[3]
    path.mkdir()
    with pytest.raises(OSError, match=r"a\.bin"):
        a[...]


def test_lengths_that_do_not_fit_the_chunk_are_errors(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(DATA))
    meta = MemoryStore()
    sz.create_array(meta, shape=(2, 37), dtype="<i4", chunks=(1, 37), codecs=[])
    for length in (147, 149, 0):
        refs = {"zarr.json": meta.get("zarr.json").decode(), "c/0/0": [str(tmp_path / "a.bin"), 0, length]}
        with pytest.raises(sz.ChunkError, match="chunk"):
            sz.open(ReferenceStore(refs))[...]


def test_a_member_with_another_checksum_is_an_error(tmp_path):
    for codecs, chunks in (([], (5, 37)), ([], (50, 37)), (["zstd"], (5, 37))):
        sz.save(tmp_path / "a.zip", DATA, chunks=chunks, codecs=codecs, overwrite=True)
        content = bytearray((tmp_path / "a.zip").read_bytes())
        with zipfile.ZipFile(tmp_path / "a.zip") as archive:
            member = archive.getinfo("c/0/0")
        content[member.header_offset + 30 + len(member.filename) + member.compress_size - 1] ^= 1
        (tmp_path / "b.zip").write_bytes(content)
        with pytest.raises(ArchiveError, match="checksum"):
            sz.open(tmp_path / "b.zip")[...]


def test_all_parts_of_a_shard_are_of_one_version(tmp_path, set_threads):
    set_threads(4)
    data = np.zeros((64, 64, 64), "<i4")
    versions = []
    for number in range(2):
        store = MemoryStore()
        sz.create_array(store, data=data + number + 1, chunks=(8, 8, 8), shards=(64, 64, 64), codecs=["zstd"])
        versions.append(b"in front" + store.get("c/0/0/0"))
    path = tmp_path / "a.bin"
    path.write_bytes(versions[0])
    part = [str(path), 8, len(versions[0]) - 8]
    a = sz.open(ReferenceStore({"zarr.json": store.get("zarr.json").decode(), "c/0/0/0": part}))
    assert len(versions[0]) == len(versions[1])
    ended = threading.Event()

    def replace():
        number = 0
        while not ended.is_set():
            number += 1
            (tmp_path / "new").write_bytes(versions[number % 2])
            (tmp_path / "new").replace(path)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        found = {tuple(np.unique(a[...])) for _ in range(100)}
    finally:
        ended.set()
        writer.join()
    assert found <= {(1,), (2,)}


def test_a_subclass_is_asked(tmp_path):
    class Doubled(ReferenceStore):
        def get(self, key):
            value = super().get(key)
            return value if value is None or key.endswith("json") else bytes(2 * byte % 256 for byte in value)

    (tmp_path / "a.bin").write_bytes(bytes(range(10)))
    meta = MemoryStore()
    sz.create_array(meta, shape=10, dtype="u1", chunks=10, codecs=[])
    refs = {"zarr.json": json.loads(meta.get("zarr.json")), "c/0": [str(tmp_path / "a.bin")]}
    assert sz.open(Doubled(refs))[...].tolist() == [*range(0, 20, 2)]
    assert sz.open(ReferenceStore(refs))[...].tolist() == [*range(10)]


def test_the_table_refuses_what_is_not_there(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    file, table = open_regular(str(tmp_path / "a")), FileRangeTable(1)
    for offset, nbytes in ((-1, 2), (2, -1), (4, 2), (6, 0), (1 << 62, 1 << 62)):
        assert not table.found(0, file, offset, nbytes)
    for i in (-1, 1):
        with pytest.raises(IndexError):
            table.found(i, file, 0, 1)
        with pytest.raises(IndexError):
            table.absent(i)
    file.close()
    assert not table.found(0, file, 0, 1)
