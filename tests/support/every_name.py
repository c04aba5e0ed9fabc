"""A program that uses every public name, as users do: it runs, and mypy finds nothing wrong with it.

`tests/test_public_names.py` runs it, and checks that no name of the stored list is missing here.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, assert_type

import numpy as np

import simplezarr as sz
from simplezarr.codecs import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, ChunkSpec, Codec


class Dictionary(sz.Store):
    """A store of one's own."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = bytes(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)

    def list(self, prefix: str = "") -> Iterator[str]:
        return iter([key for key in self.values if key.startswith(prefix)])


def open_and_create(folder: Path) -> None:
    """Use the functions of the package."""
    values = np.arange(24, dtype="i4").reshape(4, 6)
    a = sz.create_array(
        folder / "a.zarr",
        "x",
        shape=(4, 6),
        dtype="i4",
        chunks=(2, 3),
        shards=(4, 6),
        codecs=[sz.codecs.Zstd(level=3)],
        fill_value=0,
        chunk_key_encoding="default",
        dimension_names=("y", "x"),
        attributes={"unit": "m"},
        zarr_format=3,
        write_empty_chunks=False,
        overwrite=False,
    )
    a[...] = values
    assert_type(a, sz.Array)
    assert_type(sz.open(folder / "a.zarr", "x", mode="r"), sz.Array | sz.Group)
    assert_type(sz.open_array(folder / "a.zarr", "x", mode="r+"), sz.Array)
    assert_type(sz.open_group(str(folder / "a.zarr"), mode="a"), sz.Group)
    assert_type(sz.create_group({}, "g", attributes={"a": 1}, overwrite=True), sz.Group)
    sz.save(folder / "b.zarr", values, "y", chunks=(2, 3))
    assert sz.load(folder / "b.zarr", "y").shape == (4, 6)
    sz.save(folder / "c.zarr", {"x": values, "sub": {"y": [1, 2]}}, attributes={"a": 1}, codecs="zstd")
    assert sz.exists(folder / "c.zarr", "sub/y")
    required = sz.require_array(folder / "b.zarr", "y", shape=(0, 6), dtype="i4", chunks=(2, 3))
    assert_type(required, sz.Array)
    sz.create_array(folder / "d.zarr", like=required, data=values, codecs=sz.codecs.Zstd(level=3))
    threads = sz.get_num_threads()
    sz.set_num_threads(threads)
    assert_type(threads, int)


def use_array(a: sz.Array) -> None:
    """Use every name of an array."""
    assert_type(a.shape, tuple[int, ...])
    assert_type(a.chunks, tuple[int, ...])
    assert_type(a.shards, tuple[int, ...] | None)
    assert_type(a.grid_shape, tuple[int, ...])
    assert_type(a.dimension_names, tuple[str | None, ...] | None)
    assert_type(a.codecs, tuple[Codec, ...])
    numbers: list[int] = [a.ndim, a.size, a.itemsize, a.nbytes, a.nbytes_stored, a.nchunks, a.nchunks_stored]
    assert all(type(number) is int for number in numbers)
    names: list[str] = [a.name, a.path]
    assert names == ["/x", "x"]
    assert a.dtype == np.dtype("i4")
    assert_type(a.info.nbytes_stored, int | None)
    print(a.fill_value, a.info, a.metadata.codecs, a.read_only, a.store, a.write_empty_chunks)
    a.attrs["unit"] = "km"
    a.attrs.put({"unit": "m", "scale": 2.0})
    assert_type(a.attrs.asdict(), dict[str, Any])

    out = np.empty((4, 6), "i4")
    a.write(sz.s_[:2], 1)
    assert a.write_future(..., 5).result() is None
    assert (a.read(sz.s_[...], out=out) == 5).all()
    assert (a.read_future(sz.s_[...], out=out).result() == 5).all()
    assert len(a.read_many([sz.s_[0], sz.s_[1]])) == 2
    assert len(a.read_many_future([sz.s_[0], sz.s_[1]]).result()) == 2
    chunk = np.empty(a.chunks, "i4")
    a.set_chunk((0, 0), chunk)
    a.set_chunk_future((0, 0), a.get_chunk((0, 0), out=chunk)).result()
    assert a.get_chunk_future((0, 0)).result().shape == a.chunks
    assert_type(a.get_encoded_chunk((0, 0)), bytes | None)
    with sz.create_array({}, data=a[0], chunks=2) as row:
        assert_type(row, sz.Array)
        row.set_chunk(1, row.get_chunk(1))
        assert_type(row.get_encoded_chunk(1), bytes | None)
        row.refresh()
    a.oindex[[0, 1], [2]] = 3
    a.vindex[[0, 1], [2, 3]] = 4
    a.blocks[0, 0] = 5
    assert len(a.blocks) == len(list(a.blocks)) == 1
    assert_type(a.blocks.shape, tuple[int, ...])
    assert_type(list(a.iter_chunks(unit="chunk", stored=True)), list[tuple[slice, ...]])
    view = a.lazy[1:3]
    assert view.read().shape == view.shape
    a.resize((6, 6))
    assert_type(a.append(np.zeros((1, 6), "i4"), axis=0), tuple[int, ...])


def use_group(group: sz.Group) -> None:
    """Use every name of a group."""
    group.create_array("x", shape=4, dtype="f4", chunks=2)
    assert_type(group.require_array("x", shape=4, dtype="f4"), sz.Array)
    group["y"] = [1, 2]
    del group["y"]
    group.create_group("inner", attributes={"a": 1})
    with group as same:
        assert_type(same, sz.Group)
    assert_type(group.require_group("inner"), sz.Group)
    group.consolidate_metadata()
    print(group.attrs, group.metadata, group.name, group.path, group.read_only, group.store, group.tree(depth=2))
    assert group.get("nothing", None) is None
    assert (group.array_keys(), group.group_keys()) == (["x"], ["inner"])
    assert_type(group.nbytes_stored, int)
    assert_type(group.info.narrays, int | None)
    assert sorted(group.keys()) == ["inner", "x"]
    assert len(list(group.values())) == len(list(group.items())) == 2
    for _, array in group.arrays():
        assert_type(array, sz.Array)
    for _, child in group.groups():
        assert_type(child, sz.Group)


def use_stores(folder: Path) -> None:
    """Use every name of a store."""
    stores: Sequence[sz.Store] = [
        sz.LocalStore(folder / "local"),
        sz.MemoryStore({}),
        sz.SlowStore(sz.MemoryStore(), 0.0),
        sz.WrapperStore(sz.MemoryStore()),
        Dictionary(),
    ]
    for store in stores:
        store.check_writable("a")
        assert store.create("a/b", b"12345")
        store.set("a/c", b"12345")
        assert_type(store.get("a/b"), bytes | None)
        assert store.get_limited("a/b", 10) == b"12345"
        assert store.get_range("a/b", 1, 2) == b"23"
        assert store.get_ranges("a/b", [(0, 1), (-1, 1)]) == [b"1", b"5"]
        with store.reader("a/b") as reader:
            assert reader.get_range(0, 2) == b"12"
        assert store.exists("a/b")
        assert store.size("a/b") == 5
        assert sorted(store.list("a/")) == ["a/b", "a/c"]
        assert sorted(store.list_dir("a/")) == ["b", "c"]
        lock = store.lock("a/b")
        assert_type(lock, AbstractContextManager[object])
        with lock:
            store.delete("a/b")
        store.wait_for_writers("a/")
        store.update("a/b", lambda value: value)
        store.delete_many(["a/b"])
        assert not store.is_link("a/")
        assert store.confined("a/") is not None
        assert store.enclosing(["zarr.json"]) is None
        print(store.concurrency, store.conditional, store.immutable, store.in_memory, store.local_root, store.read_only)
        store.delete_prefix("a/")
        store.close()


def use_codecs() -> None:
    """Use what `simplezarr.codecs` has."""
    kinds: tuple[type[Codec], ...] = (ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec)
    for name in dir(sz.codecs):
        value = getattr(sz.codecs, name)
        assert value is ChunkSpec or not isinstance(value, type) or issubclass(value, (*kinds, Codec))
    assert_type(sz.codecs.Zstd(level=3), sz.codecs.Zstd)
    assert sz.codecs.codec_class("zstd") is sz.codecs.Zstd
    assert_type(sz.codecs.Blosc(cname="lz4", clevel=5, shuffle="shuffle").clevel, int)
    sz.testing.check_codec(sz.codecs.Crc32c())


def catch_errors() -> None:
    """Catch each error as what it is."""
    for error, builtin in (
        (sz.NodeNotFoundError, KeyError),
        (sz.NodeExistsError, FileExistsError),
        (sz.MetadataError, ValueError),
        (sz.UnsupportedError, NotImplementedError),
        (sz.ChunkError, ValueError),
        (sz.ReadOnlyError, PermissionError),
    ):
        assert issubclass(error, sz.ZarrError)
        assert issubclass(error, builtin)
    assert issubclass(sz.ZarrWarning, UserWarning)
    try:
        sz.open({})
    except sz.NodeNotFoundError as error:
        assert_type(error.store, sz.Store | None)
        print(error)


def main(folder: Path) -> None:
    open_and_create(folder)
    use_array(sz.open_array(folder / "a.zarr", "x", mode="r+"))
    use_group(sz.open_group(folder / "g.zarr", mode="a"))
    use_stores(folder)
    use_codecs()
    catch_errors()
    sz.testing.check_store(sz.stores.MemoryStore())
    report = sz.utils.check(folder / "a.zarr")
    assert_type(report, sz.utils.Report)
    assert_type(report.problems, tuple[sz.utils.Problem, ...])
    print(sz.register_codec, sz.register_dtype)
