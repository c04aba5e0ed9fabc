"""`simplezarr.utils.copy`: values, attributes and documents of a copy, what it refuses, and what an error leaves."""

import json
from dataclasses import replace

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.tools.copy import copy as module
from simplezarr.tools.copy.parts import Parts
from simplezarr.transfer import array_copy
from simplezarr.utils import check, copy
from tests.support.helpers import Counting, Failing

DATA = np.arange(60 * 40, dtype="i4").reshape(60, 40)
TEXTS = np.array(["a", "", "äöü", "longer"] * 5, np.dtypes.StringDType())


def hierarchy(zarr_format=3):
    """A group with arrays of many kinds, and what they hold."""
    root = sz.create_group({}, attributes={"title": "wind", "nested": {"a": [1, None]}}, zarr_format=zarr_format)
    root.create_group("deep/empty", attributes={"n": 1})
    shards = {"shards": (20, 20), "dimension_names": ("y", None)} if zarr_format == 3 else {}
    root.create_array("a", data=DATA, chunks=(10, 10), attributes={"unit": "m"}, fill_value=7, **shards)
    root.create_array("deep/texts", data=TEXTS, chunks=3)
    root.create_array("deep/scalar", data=np.float32(2.5), fill_value=np.nan)
    root.create_array("deep/none", shape=(0, 3), dtype="u1")
    root.create_array("sparse", shape=(1000, 1000), dtype="u1", chunks=(10, 10), fill_value=3)[5:7, 990] = 1
    return root


def nodes(node, path=""):
    yield path, node
    if isinstance(node, sz.Group):
        for name, child in node.items():
            yield from nodes(child, f"{path}/{name}")


def assert_same(copied, source, compare=("dtype", "shape", "dimension_names", "chunks", "shards", "codecs")):
    """Names, attributes, fill values, elements, and these properties."""
    ours, theirs = dict(nodes(copied)), dict(nodes(source))
    assert ours.keys() == theirs.keys()
    for path, node in theirs.items():
        assert ours[path].attrs.asdict() == node.attrs.asdict()
        if isinstance(node, sz.Array):
            np.testing.assert_array_equal(ours[path][...], node[...])
            np.testing.assert_array_equal(ours[path].fill_value, node.fill_value)
            assert [getattr(ours[path], name) for name in compare] == [getattr(node, name) for name in compare]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_hierarchy_is_copied_as_it_is(zarr_format, tmp_path):
    source = hierarchy(zarr_format)
    copied = copy(source, tmp_path / "copy", "below/here")
    assert_same(copied, source)
    assert copied.path == "below/here"
    assert not copied.read_only
    before = {key: json.loads(value) for key, value in source.store.values.items() if key.split("/")[-1][0] in "z."}
    after = {key: json.loads(copied.store.get(f"below/here/{key}")) for key in before}
    assert after == before
    assert check(copied.store).problems == ()
    assert copied["sparse"].nchunks_stored == 1


def test_zarr_python_reads_a_copy(tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3.1")
    copy(hierarchy(), tmp_path / "copy", chunks=(15, 8), shards=(30, 40), codecs=["gzip", "crc32c"])
    theirs = zarr.open_group(tmp_path / "copy", mode="r")
    assert (theirs["a"].chunks, theirs["a"].shards) == ((15, 8), (30, 40))
    assert (theirs["a"][:] == DATA).all()
    assert theirs["a"].attrs.asdict() == {"unit": "m"}
    assert theirs["deep/texts"][:].tolist() == TEXTS.tolist()
    assert theirs["sparse"][:].sum() == sz.open_array(tmp_path / "copy", "sparse")[...].sum(dtype=int)


@pytest.mark.parametrize(
    "arguments",
    [
        {"chunks": (7, 11), "shards": False},
        {"chunks": (5, 5)},
        {"chunks": "auto", "shards": "auto"},
        {"chunks": -1, "shards": False, "codecs": []},
        {"codecs": "auto"},
        {"codecs": ["gzip", "crc32c"]},
        {"chunks": [[10, 50], 40], "shards": False},
        {"shards": (60, 20)},
    ],
    ids=str,
)
def test_other_layouts(arguments):
    source = sz.create_array({}, data=DATA, chunks=(10, 10), shards=(20, 20), codecs="zstd", attributes={"a": 1})
    copied = copy(source, {}, **arguments)
    assert_same(copied, source, ("dtype", "shape"))
    like = sz.create_array({}, shape=DATA.shape, dtype="i4", **{"codecs": "zstd", **arguments, "shards": None})
    if arguments.get("shards") is False:
        assert (copied.chunks, copied.shards) == (like.chunks, None)
    if arguments.get("chunks") == (5, 5):
        assert (copied.chunks, copied.shards) == ((5, 5), (20, 20))
    if isinstance(arguments.get("codecs"), list):
        assert copied.codecs == like.codecs
    assert check(copied.store).problems == ()


def test_lengths_in_a_group_are_for_the_arrays_of_so_many_dimensions():
    source = hierarchy()
    copied = copy(source, {}, chunks=(30,))
    assert copied["deep/texts"].chunks == (30,)
    assert copied["a"].chunks == (10, 10)
    with pytest.raises(sz.MetadataError, match=r"chunks: \(1, 2, 3\) is for no array; there are arrays of 0 or 1 or"):
        copy(source, target := {}, chunks=(1, 2, 3))
    assert target == {}


def test_other_formats():
    source = sz.create_array({}, data=DATA, chunks=(10, 10), shards=(20, 20), dimension_names=("y", "x"), fill_value=7)
    older = copy(source, {}, zarr_format=2)
    assert (older.chunks, older.shards, older.metadata.zarr_format) == ((10, 10), None, 2)
    assert older.attrs["_ARRAY_DIMENSIONS"] == ["y", "x"]
    assert (older[...] == DATA).all()
    newer = copy(older, {}, zarr_format=3)
    assert (newer.dimension_names, newer.attrs.asdict(), newer.fill_value) == (("y", "x"), {}, 7)
    assert (newer[...] == DATA).all()
    group = copy(hierarchy(2), {}, zarr_format=3)
    assert {node.metadata.zarr_format for _, node in nodes(group)} == {3}
    assert group["deep/texts"][...].tolist() == TEXTS.tolist()
    with pytest.raises(sz.UnsupportedError, match="zarr_format: 1 can't be written"):
        copy(source, {}, zarr_format=1)


def test_a_fill_value_that_is_undefined_stays_so():
    store = {}
    a = sz.create_array(store, data=np.array([0, 0, 5, 5], "i2"), chunks=2, zarr_format=2, write_empty_chunks=True)
    document = json.loads(store[".zarray"])
    store[".zarray"] = json.dumps(document | {"fill_value": None}).encode()
    copied = copy(store, target := {}, chunks=2)
    assert json.loads(target[".zarray"])["fill_value"] is None
    assert copied.nchunks_stored == 2
    assert (copied[...] == a[...]).all()


@pytest.mark.parametrize(
    ("region", "names", "chunks"),
    [
        (sz.s_[5:45, ::3], ("y", "x"), (10, 10)),
        (sz.s_[::-1], ("y", "x"), (10, 10)),
        (sz.s_[3], ("x",), (10,)),
        (sz.s_[..., 7], ("y",), (10,)),
        (sz.s_[3, 4], (), ()),
        (sz.s_[[5, 1], 2:], None, None),
        (sz.s_[:, None, 3], None, None),
    ],
    ids=str,
)
def test_regions(region, names, chunks):
    source = sz.create_array({}, data=DATA, chunks=(10, 10), dimension_names=("y", "x"), attributes={"unit": "m"})
    copied = copy(source, {}, region=region)
    np.testing.assert_array_equal(copied[...], DATA[region])
    assert copied.dimension_names == names
    assert chunks is None or copied.chunks == chunks
    assert dict(copied.attrs) == {"unit": "m"}
    sharded = copy(copy(source, {}, shards=(20, 20)), {}, region=region)
    np.testing.assert_array_equal(sharded[...], DATA[region])
    assert sharded.shards == (None if chunks is None else tuple(2 * n for n in chunks))
    with pytest.raises(sz.MetadataError, match="region: it is of an array, and the source is a group"):
        copy(hierarchy(), {}, region=region)


def test_nothing_is_overwritten_unless_it_is_told(tmp_path):
    source = sz.create_array(tmp_path, "a", data=DATA)
    there = sz.create_array(tmp_path, "b", data=[1, 2])
    with pytest.raises(sz.NodeExistsError, match="the node already exists"):
        copy(source, tmp_path, "b")
    with pytest.raises(sz.NodeExistsError):
        copy(source, tmp_path, "a")
    assert there[...].tolist() == [1, 2]
    copied = copy(source, tmp_path, "b", overwrite=True)
    assert (copied[...] == DATA).all()
    for path in ("a", ""):
        with pytest.raises(sz.NodeExistsError, match="which is to be copied, may be there; copy to another place"):
            copy(tmp_path if path == "" else source, tmp_path, path, overwrite=True)
    assert (source[...] == DATA).all()


def test_wrong_arguments_write_nothing():
    source = hierarchy()
    for arguments in ({"chunks": (7, 7)}, {"codecs": ["none"]}, {"chunks": "many"}, {"codecs": ["gzip", "bytes"]}):
        with pytest.raises(sz.ZarrError, match=r"^/\S+: (chunks|codecs|shards)"):
            copy(source, target := {}, **arguments)
        assert target == {}
    with pytest.raises(sz.NodeNotFoundError):
        copy({}, target)


def test_a_copy_goes_on_where_it_was_interrupted():
    source = hierarchy()
    source.store.set("a/c/0/0", b"damaged!" * 8)
    with pytest.raises(sz.ChunkError):
        copy(source, target := {}, chunks=(5, 5))
    done = {key: value for key, value in target.items() if "/c" in key}
    assert "a/zarr.json" not in target
    assert target.keys() >= {"zarr.json"}
    source["a"][...] = DATA
    target["a/c/0/0"] = b"left over"
    with pytest.raises(sz.NodeExistsError):
        copy(source, target, chunks=(5, 5))
    writes = Recording(target)
    copied = copy(source, writes, chunks=(5, 5), resume=True)
    assert_same(copied, source, ("dtype", "shape", "dimension_names"))
    assert not writes.written & done.keys()
    assert copy(source, writes, chunks=(5, 5), resume=True).keys() == source.keys()
    with pytest.raises(sz.NodeExistsError, match="there is another node, not what was copied before"):
        copy(source, target, chunks=(10, 10), resume=True)


class Recording(sz.WrapperStore):
    """Knows the keys that were written."""

    def __init__(self, values):
        super().__init__(sz.MemoryStore(values))
        self.written = set()

    def set(self, key, value):
        self.written.add(key)
        super().set(key, value)


def test_a_failing_source_leaves_no_array():
    values = sz.create_array({}, data=DATA, chunks=(10, 10)).store.values
    with pytest.raises(OSError, match="gone"):
        copy(Failing(values, OSError("gone")), target := {}, "a", chunks=(20, 20))
    assert not sz.exists(target, "a")
    assert [key for key in target if "/c/" in key] == []


def test_chunks_that_are_stored_alike_are_copied_as_bytes():
    big = sz.create_array({}, data=np.arange(1 << 20, dtype="i4"), chunks=1 << 18, codecs=["gzip", "crc32c"])
    big.store.set("c/1", b"damaged, and copied so")
    copied = copy(big, {})
    assert copied.store.values == big.store.values
    small = sz.create_array({}, data=DATA, chunks=(10, 10))
    store = Counting(small.store.values)
    copy(store, {})
    assert sum("/c/" in f"/{call[1]}" for call in store.take()) >= 24


def test_parts_are_whole_stored_objects(monkeypatch):
    """In many parts: each element once, each stored object by one part; progress counts them."""
    monkeypatch.setattr(module, "ALL_BOXES_BYTES", 2000)
    for layout in ({"chunks": (7, 9)}, {"chunks": (5, 5), "shards": (15, 10)}, {"chunks": [[20, 1, 39], [30, 10]]}):
        source = sz.create_array({}, data=DATA, chunks=(10, 10))
        seen = []
        copied = copy(source, {}, progress=lambda *counts, to=seen: to.append(counts), **layout)
        assert (copied[...] == DATA).all()
        assert [done for done, _ in seen] == [*range(1, len(seen) + 1)]
        assert {total for _, total in seen} == {len(seen)}
        assert len(seen) > 2
        parts = [*Parts(copied, (10, 10), 2000)]
        units = [*copied.iter_chunks()]
        owners = [[k for k, part in enumerate(parts) if _overlap(part, unit)] for unit in units]
        assert all(len(owner) == 1 for owner in owners)
        assert sum(np.prod([s.stop - s.start for s in part]) for part in parts) == DATA.size


SPARSE = [(slice(3, 5), slice(31, 33)), (slice(990, 1000), slice(None))]
LAYOUTS = [
    {"chunks": (70, 30), "shards": False},
    {"chunks": (5, 5), "shards": (50, 100)},
    {"zarr_format": 2, "codecs": "gzip"},
    {"region": np.s_[1:, 10:995], "chunks": (45, 45), "shards": False},
]


def sparse(shards=None):
    source = sz.create_array({}, shape=(1000, 1000), dtype="u1", chunks=(10, 10), shards=shards, fill_value=3)
    for part in SPARSE:
        source[part] = 1
    return source


@pytest.mark.parametrize("shards", [None, (20, 50)])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_parts_without_anything_stored_are_left_out(monkeypatch, layout, shards):
    monkeypatch.setattr(module, "_SMALL_BYTES", 0)
    monkeypatch.setattr(module, "ALL_BOXES_BYTES", 20_000)
    source, seen, written = sparse(shards), [], []
    write = sz.Array.write
    monkeypatch.setattr(sz.Array, "write", lambda a, key, value: written.append(key) or write(a, key, value))
    copied = copy(source, {}, progress=lambda *counts: seen.append(counts), **layout)
    whole = source[...][layout.get("region", ...)]
    np.testing.assert_array_equal(copied[...], whole)
    parts = [*Parts(copied, (10, 10), 20_000)]
    assert [part for part in parts if (whole[part] == 1).any()] == written
    assert len(written) < len(parts) / 2
    assert seen[-1] == (len(parts), len(parts))


def test_few_requests_are_made_for_a_sparse_array(monkeypatch):
    """One list; besides the chunks of the parts in which something is stored, nothing is asked for."""
    monkeypatch.setattr(module, "ALL_BOXES_BYTES", 20_000)
    store = Counting(sparse().store.values)
    assert sum(key.startswith("c/") for key in store.data) == 101
    copy(sz.open(store), {}, chunks=(50, 50))
    calls = store.take()
    assert [call for call in calls if call[0] == "list"] == [("list", "c/")]
    assert 101 <= len(calls) < 1000  # of 10,000 chunks


@pytest.mark.parametrize("case", ["fill", "kept", "unlisted"])
def test_no_part_is_left_out_if_what_is_missing_means_something_else(monkeypatch, case):
    monkeypatch.setattr(module, "_SMALL_BYTES", 0)
    monkeypatch.setattr(module, "ALL_BOXES_BYTES", 20_000)
    source = sparse()
    if case == "kept":
        source = sz.create_array({}, shape=(1000, 1000), dtype="u1", chunks=(10, 10), zarr_format=2, fill_value=None)
        source[SPARSE[0]] = 1
    if case == "unlisted":
        source = sz.open(Unlisted(source.store.values))
    if case == "fill":
        made = module.array_metadata
        zero = sz.create_array({}, shape=1, dtype="u1").metadata.fill
        monkeypatch.setattr(module, "array_metadata", lambda *given: replace(made(*given), fill=zero))
    np.testing.assert_array_equal(copy(source, {})[...], source[...])


class Unlisted(Counting):
    def list(self, prefix=""):
        raise sz.UnsupportedError("not listed")


def _overlap(one, other):
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def test_memory_is_bounded(monkeypatch):
    """Texts are copied part by part too."""
    monkeypatch.setattr(module, "ALL_BOXES_BYTES", 64)
    monkeypatch.setattr(array_copy, "SMALL_BYTES", 0)
    source, sizes = sz.create_array({}, data=TEXTS, chunks=3), []
    write = sz.Array.write
    monkeypatch.setattr(sz.Array, "write", lambda a, key, value: sizes.append(value.size) or write(a, key, value))
    assert copy(source, {}, chunks=2)[...].tolist() == TEXTS.tolist()
    assert max(sizes) <= 6
    assert len(sizes) > 3


def test_archives_are_new_and_whole(tmp_path):
    source = hierarchy()
    copied = copy(source, tmp_path / "a.zip")
    assert_same(copied, source)
    assert copied.read_only
    before = (tmp_path / "a.zip").read_bytes()
    with pytest.raises(sz.NodeExistsError):
        copy(source, tmp_path / "a.zip")
    source.store.set("a/c/0/0", b"damaged!" * 8)
    with pytest.raises(sz.ChunkError):
        copy(source, tmp_path / "a.zip", overwrite=True, chunks=(5, 5))
    with pytest.raises(sz.ChunkError):
        copy(source, tmp_path / "b.zip", chunks=(5, 5))
    assert (tmp_path / "a.zip").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    assert_same(copy(tmp_path / "a.zip", {}), sz.open_group(tmp_path / "a.zip"))


def test_consolidated_metadata_are_made_anew():
    source = hierarchy()
    source["deep"].consolidate_metadata()
    source.consolidate_metadata()
    copied = copy(source.store, {})
    assert copied.metadata.consolidated is not None
    assert_same(sz.open(copied.store), hierarchy())
    assert check(copied.store).problems == ()
