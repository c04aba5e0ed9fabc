"""A program that uses every public name with every argument, as users do: it runs, and type checkers accept it.

`tests/test_public_names.py` runs it, and checks that no name and no argument is missing here.
"""

import importlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import xarray as xr
import zarr.storage

import simplezarr as sz
import simplezarr.dask as szd
import simplezarr.xarray as szx
from simplezarr import loader, ome, zarr_python
from simplezarr.codecs import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, ChunkSpec, Codec
from simplezarr.dtypes import DataType


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
    assert_type(sz.create_group({}, zarr_format=2), sz.Group)
    assert_type(sz.open(folder / "a.zarr", consolidated=False), sz.Array | sz.Group)
    assert_type(sz.open_group(folder / "a.zarr", "g", mode="a", consolidated=False), sz.Group)
    with sz.ZipStore(folder / "a.zip", mode="w", path="inside", comment="text") as archive:
        sz.save(archive, values)
    assert sz.load(folder / "a.zip").shape == (4, 6)
    assert_type(sz.ZipStore(sz.LocalStore(folder), "a.zip").comment, str)
    sz.save(folder / "b.zarr", values, "y", chunks=(2, 3))
    assert sz.load(folder / "b.zarr", "y").shape == (4, 6)
    sz.save(folder / "c.zarr", {"x": values, "sub": {"y": [1, 2]}}, attributes={"a": 1}, codecs="zstd")
    assert sz.exists(folder / "c.zarr", "sub/y")
    required = sz.require_array(folder / "b.zarr", "y", shape=(0, 6), dtype="i4", chunks=(2, 3))
    assert_type(required, sz.Array)
    sz.create_array(folder / "d.zarr", like=required, data=values, codecs=sz.codecs.Zstd(level=3))
    use_spellings()
    threads = sz.get_num_threads()
    sz.set_num_threads(threads)
    assert_type(threads, int)


def use_spellings() -> None:
    """Use the arguments of `create_array` in the ways in which they may be written."""
    shapes: tuple[int, ...] = (4, 6)
    sz.create_array({}, shape=shapes, dtype=np.float32, chunks=[2, -1], shards="auto", codecs="gzip")
    sz.create_array({}, shape=np.int64(4), dtype=np.dtype("i4"), chunks=None, codecs=["zstd", sz.codecs.Crc32c()])
    sz.create_array({}, shape=[4, 6], dtype=str, chunks=-1, codecs=[])
    sz.create_array({}, shape=np.array([4, 6]), dtype=[("x", "f4"), ("y", "f4")], chunks="auto", shards=None)
    sz.create_array({}, shape=(60, 6), dtype=bool, chunks=[[10, (20, 2), 10], 3], dimension_names=["y", None])
    sz.create_array({}, shape=4, dtype=np.dtypes.StringDType(), chunk_key_encoding=("v2", "/"))
    gzip = {"name": "gzip", "configuration": {"level": 1}}
    sz.create_array({}, data=range(4), chunks=np.array([2]), codecs=gzip, attributes={"shape": shapes, "unit": None})
    sz.create_array({}, data=np.arange(4), dtype="<i2", fill_value=np.int16(-1), chunk_key_encoding={"name": "v2"})


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
    assert len(a.read_many([sz.s_[0], sz.s_[1]], out=out[:2])) == 2
    assert len(a.read_many_future([sz.s_[0], sz.s_[1]], out=out[:2]).result()) == 2
    chunk = np.empty(a.chunks, "i4")
    a.set_chunk((0, 0), chunk)
    a.set_chunk_future((0, 0), a.get_chunk((0, 0), out=chunk)).result()
    assert a.get_chunk_future((0, 0), out=chunk).result() is chunk
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
    assert view.T.oindex[[0], 1:].transpose(1, 0).astype("f4").vindex[[0], [0]].size == 1
    assert_type(a.missing(sz.s_[:2]), list[tuple[int, ...]])
    a.resize((6, 6))
    assert_type(a.append(np.zeros((1, 6), "i4"), axis=0), tuple[int, ...])


def use_group(group: sz.Group) -> None:
    """Use every name of a group."""
    group.create_array("x", shape=4, dtype="f4", chunks=2)
    assert_type(group.require_array("x", shape=4, dtype="f4"), sz.Array)
    group["y"] = [1, 2]
    del group["y"]
    group.create_group("inner", attributes={"a": 1}, zarr_format=3, overwrite=True)
    with group as same:
        assert_type(same, sz.Group)
    assert_type(group.require_group("inner"), sz.Group)
    group.consolidate_metadata()
    print(group.attrs, group.metadata, group.name, group.path, group.read_only, group.store, group.tree(depth=2))
    assert group.get("nothing", None) is None
    assert (group.array_keys(), group.group_keys()) == (["x"], ["inner"])
    assert group.read({"x": sz.s_[1:]})["x"].shape == (3,)
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
        sz.LocalStore(folder / "local", durable=True, follow_symlinks=False),
        sz.MemoryStore({}),
        sz.SlowStore(sz.MemoryStore(), latency=0.0, bandwidth=1e9, concurrency=4),
        sz.WrapperStore(sz.MemoryStore()),
        Dictionary(),
    ]
    for store in stores:
        store.check_writable("a")
        assert store.create("a/b", b"12345")
        store.set("a/c", b"12345")
        assert_type(store.get("a/b"), bytes | None)
        assert store.get_limited("a/b", 10, holes=True) == b"12345"
        assert store.getter(10, holes=True)("a/b") == b"12345"
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
        print(
            store.array_first,
            store.concurrency,
            store.conditional,
            store.immutable,
            store.in_memory,
            store.local_root,
            store.find_file_ranges is None,
            store.read_only,
        )
        store.delete_prefix("a/")
        store.close()
    cached = sz.CacheStore(sz.LocalStore(folder), folder / "cache", size="1 GB", trust="immutable")
    print(cached.trust)
    assert_type(cached.path, str | None)
    sz.CacheStore(store=sz.LocalStore(folder), path=None, size=1 << 20, trust=5).close()
    print(sz.stores.ZarrStore(store=zarr.storage.MemoryStore()).store)
    references = sz.stores.ReferenceStore(refs={"a": "b"}, stores={"s3://bucket": sz.MemoryStore()}, options={})
    print(references.refs, references.name)
    web = sz.HTTPStore("https://example.com", headers={"A": "b"}, missing=(404, 403), timeout=5, concurrency=8)
    print(web, web.url, web.missing, web.timeout)
    web.close()
    assert sz.stores.byte_view(bytearray(b"123")).nbytes == 3
    sz.stores.check_key("a/b")
    assert_type(sz.stores.check_prefix("a/"), str)
    assert_type(sz.stores.clip_range(10, -3, 3), tuple[int, int])
    assert_type(sz.stores.names_below(["a/b", "a/c/d"], "a/"), Sequence[str])


def use_codecs() -> None:
    """Use what `simplezarr.codecs` has."""
    kinds: tuple[type[Codec], ...] = (ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec)
    for name in dir(sz.codecs):
        value = getattr(sz.codecs, name)
        assert value is ChunkSpec or not isinstance(value, type) or issubclass(value, (*kinds, Codec))
    assert_type(sz.codecs.Zstd(level=3), sz.codecs.Zstd)
    assert sz.codecs.codec_class("zstd") is sz.codecs.Zstd
    assert_type(sz.codecs.Blosc(cname="lz4", clevel=5, shuffle="shuffle").clevel, int)
    array = sz.create_array({}, shape=4, dtype="i4")
    assert_type(sz.codecs.split_chain(array.codecs, where="codecs").compressors, tuple[BytesBytesCodec, ...])
    spec = ChunkSpec(shape=(4,), dtype=array.metadata.data_type, fill=bytes(4))
    sz.testing.check_codec(sz.codecs.Crc32c(), [spec], exact=True)


def every_codec() -> Sequence[Codec]:
    """Make each codec with all its settings."""
    c = sz.codecs
    return [
        c.Adler32(location="end"),
        c.AsType(encode_dtype="<f4", decode_dtype="<f8"),
        c.Base64(),
        c.BitRound(keepbits=10),
        c.Blosc(cname="lz4", clevel=5, shuffle="shuffle", typesize=4, blocksize=0),
        c.Bytes(endian="big"),
        c.Bz2(level=9),
        c.CastValue(
            data_type="int16",
            rounding="towards-zero",
            out_of_range="clamp",
            scalar_map=(("encode", (("NaN", 0),)),),
        ),
        c.Categorize(labels=("a", "b"), dtype="<U1", astype="|u1"),
        c.Crc32(location="end"),
        c.Crc32c(),
        c.Delta(dtype="<i4", astype="<i2"),
        c.FixedScaleOffset(offset=1.0, scale=10.0, dtype="<f8", astype="<i2"),
        c.Fletcher32(),
        c.Gzip(level=9),
        c.JenkinsLookup3(initval=1),
        c.Json2(encoding="utf-8", strict=True),
        c.Lz4(acceleration=2),
        c.Lzma(format=3, check=0, preset=None, filters=({"id": 33, "preset": 1},)),
        c.MsgPack2(raw=False),
        c.NumcodecsBitRound(keepbits=10),
        c.NumcodecsBlosc(cname="zstd", clevel=1, shuffle="bitshuffle", typesize=4, blocksize=0),
        c.NumcodecsCrc32c(location="start"),
        c.NumcodecsGzip(level=1),
        c.NumcodecsPackBits(),
        c.NumcodecsZstd(level=1, checksum=True),
        c.PackBits(padding_encoding="first_byte", first_bit=0, last_bit=3),
        c.Pcodec(
            level=8,
            mode_spec="classic",
            delta_spec="none",
            paging_spec="equal_pages_up_to",
            delta_encoding_order=None,
            equal_pages_up_to=1000,
        ),
        c.Quantize(digits=3, dtype="<f8", astype="<f4"),
        c.Reshape(shape=((0, 1), -1)),
        c.ScaleOffset(offset=1, scale=0.5),
        c.Sharding(
            chunk_shape=(2, 3),
            codecs=(c.Bytes(),),
            index_codecs=(c.Bytes(), c.Crc32c()),
            index_location="start",
            skipped=(),
            subchunk_write_order="lexicographic",
        ),
        c.Shuffle(elementsize=4),
        c.Squeeze(),
        c.Transpose(order=(1, 0)),
        c.VLenArray(dtype="<i4"),
        c.VLenBytes(),
        c.VLenUtf8(),
        c.Zfp(mode="expert", minbits=1, maxbits=100, maxprec=64, minexp=-1074),
        c.Zfp(mode="fixed_rate", rate=8.0),
        c.Zfp(mode="fixed_precision", precision=20),
        c.Zfp(mode="fixed_accuracy", tolerance=0.1),
        c.Zfpy(mode=4, tolerance=0.1, rate=-1, precision=-1),
        c.Zlib(level=1),
        c.Zstd(level=3, checksum=True),
    ]


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
        print(error, None if error.store is None else error.store.in_memory)


def use_urls_and_registries(
    codec: type[Codec], dtype: type[DataType], options: dict[str, int], headers: dict[str, str]
) -> None:
    """Use what needs a network, or changes what other tests see. Type checkers read it; nothing runs it."""
    url = "s3://bucket/a.zarr"
    sz.open(url, anonymous=True, endpoint="http://localhost:1", region="eu-central-1", profile="mine")
    sz.open_array("https://localhost/a.zarr", headers=headers, timeout=1.0, missing=(403, 404), concurrency=8)
    sz.open_group("memory://a.zarr", storage_options=options)
    sz.create_array(url, shape=4, dtype="i4", anonymous=True)
    sz.create_group(url, anonymous=True)
    sz.require_array(url, shape=4, dtype="i4", anonymous=True)
    sz.save(url, [1, 2], anonymous=True)
    sz.load(url, anonymous=True)
    sz.exists(url, anonymous=True)
    assert_type(sz.register_codec(codec), type[Codec])
    assert_type(sz.register_dtype(dtype), type[DataType])


def use_stores_of_extras() -> None:
    """Use the stores that need an extra, if it is installed."""
    if find_spec("obstore"):
        inside = importlib.import_module("obstore.store").MemoryStore()
        bucket = sz.stores.ObjectStore(inside, prefix="a", missing=(404,), part_size=1 << 20, concurrency=8)
        assert bucket.create("b", b"1")
        assert_type(
            sz.stores.ObjectStore.from_url("s3://bucket/a", anonymous=True, region="eu-west-1"), sz.stores.ObjectStore
        )
    if find_spec("fsspec"):
        system = importlib.import_module("fsspec").filesystem("memory")
        files = sz.stores.FsspecStore(system, path="every/name", missing=(404,))
        assert_type(sz.stores.FsspecStore.from_url("memory://every/name", missing=(404,)), sz.stores.FsspecStore)
        files.delete_prefix("")
        assert_type(files.fs, Any)


def use_dask(folder: Path) -> None:
    """Use every name for dask."""
    x = szd.from_array(sz.open_array(folder / "a.zarr", "x"), chunks="shards")
    a = szd.create(x, {}, path="x", compute=False, attributes={"unit": "m"})
    assert_type(a, sz.Array)
    assert szd.store(x[:1], a, region=sz.s_[:1], compute=True) is None


def use_xarray(folder: Path) -> None:
    assert_type(szx.variable(sz.open_array(folder / "a.zarr", "x")), xr.Variable)
    dataset = xr.Dataset({"t": ("x", [1, 2])}, {"x": [3, 4]})
    szx.to_zarr(
        dataset,
        folder / "dataset.zarr",
        mode="w",
        group="",
        encoding={"t": {"chunks": (1,)}},
        compute=True,
        consolidated=False,
        append_dim=None,
        safe_chunks=False,
        align_chunks=True,
        storage_options=None,
        zarr_format=3,
        write_empty_chunks=True,
        chunkmanager_store_kwargs={},
        write_inherited_coords=False,
    )
    szx.to_zarr(dataset, folder / "dataset.zarr", region="auto")
    backend = szx.SimplezarrBackend()
    assert_type(backend.open_dataset(folder / "dataset.zarr", group="/", consolidated=None, zarr_format=3), xr.Dataset)


def use_loader(folder: Path) -> None:
    images = sz.create_array(folder / "images", data=np.zeros((12, 4, 4), "u1"), chunks=(4, 4, 4))
    labels = sz.create_array(folder / "labels", data=np.arange(12), chunks=6)
    arrays = {"image": images, "label": labels}
    made = loader.Loader(
        arrays,
        loader.Rows(),
        batch_size=4,
        shuffle="chunks",
        window="1 MiB",
        seed=3,
        drop_last=True,
        cast={"image": loader.Cast("float32", scale=1 / 255, offset=0.0)},
        prefetch=2,
        rank=0,
        world_size=1,
        indices=np.arange(12),
        weights=np.ones(12),
        transform=lambda batch: batch["image"],
        with_index=True,
        out=np.empty,
        on_error="skip",
    )
    for batch, numbers in made:
        assert batch.shape == (4, 4, 4)
        assert len(numbers) == made.batch_size
    made.set_epoch(1)
    made.load_state_dict(made.state_dict())
    print(len(made), made.order(0), made.starts([0], 0), made.describe().lift, made.skipped)
    half = sz.create_array({}, data=np.zeros((6, 2, 4), "u1"))
    crops = loader.Crops((2, 2), per_epoch=4, axes=(0, 1), cell=1, weights=[[1], [2], [1]])
    next(iter(loader.Loader({"x": images, "y": half}, crops, batch_size=1, scale={"y": 0.5})))
    windows = {"x": loader.Windows(2), "y": loader.Windows(1, step=1, stride=1, offset=2)}
    for samples in (windows, loader.Crops((2, 2), per_epoch=4), loader.Boxes([[0, 0]], (2, 2))):
        next(iter(loader.Loader(images, samples, batch_size=1)))
    print(len(loader.Samples(arrays, loader.Rows())), loader.Samples(images, loader.Rows(), seed=1)[0])


def use_ome() -> None:
    store: dict[str, bytes] = {}
    image = ome.create(
        store=store,
        path="cells",
        data=np.zeros((3, 40, 40), "u2"),
        axes="cyx",
        scale={"y": 0.5, "x": 0.5},
        unit={"y": "micrometer", "x": "micrometer"},
        levels=2,
        factors=2,
        method="mean",
        chunks=(1, 16, 16),
        shards=(1, 32, 32),
        codecs="gzip",
        version="0.5",
        labels=False,
        overwrite=True,
        progress=lambda done, total: None,
        client=None,
    )
    sz.create_array(store, "plain/0", data=np.zeros((40, 40), "u2"))
    made = ome.build_pyramid(
        store=store,
        path="plain/0",
        axes="yx",
        scale=[1.0, 1.0],
        unit=[None, None],
        levels="auto",
        factors={"y": 2, "x": 2},
        method="mode",
        chunks=(16, 16),
        shards="auto",
        overwrite=False,
        progress=lambda done, total: None,
        client=None,
    )
    assert_type(made, ome.Image)
    opened = ome.open(store=store, path="cells", mode="r")
    assert_type(opened.levels, tuple[sz.Array, ...])
    assert opened.shape == image.shape == (3, 40, 40)
    print(opened.group, opened.version, opened.axes, opened.units, opened.dtype, opened.ndim)
    print(opened.scale(1), opened.translation(1))


def use_zarr_python() -> None:
    theirs = zarr_python.to_zarr(sz.create_array({}, data=[1, 2]))
    assert_type(zarr_python.from_zarr(theirs), sz.Array)
    assert sum(zarr_python.CodecPipeline.fallbacks.values()) >= 0


def main(folder: Path) -> None:
    open_and_create(folder)
    use_array(sz.open_array(folder / "a.zarr", "x", mode="r+"))
    use_group(sz.open_group(folder / "g.zarr", mode="a"))
    use_stores(folder)
    use_stores_of_extras()
    use_dask(folder)
    use_xarray(folder)
    use_loader(folder)
    use_ome()
    use_zarr_python()
    use_codecs()
    print(every_codec())
    catch_errors()
    sz.testing.check_store(sz.stores.MemoryStore())
    copied = sz.utils.copy(
        source=folder / "a.zarr",
        destination=folder / "copied.zarr",
        path="y",
        chunks=(1, -1),
        shards=False,
        codecs=["gzip"],
        zarr_format=3,
        region=None,
        overwrite=True,
        resume=False,
        progress=lambda done, total: None,
        client=None,
    )
    assert_type(copied, sz.Array | sz.Group)
    report = sz.utils.check(folder / "a.zarr", "x", progress=lambda done, total: None, client=None)
    assert_type(report, sz.utils.Report)
    assert_type(report.problems, tuple[sz.utils.Problem, ...])
