"""Bad and hostile inputs, by the number of their row in the list that the table `ROWS` is; each is a test."""

import ast
import gzip
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from tests.codecs.test_wild import one_chunk
from tests.fuzz.wild import nc
from tests.oracle import v2 as oracle_v2
from tests.oracle import v3 as oracle
from tests.oracle.v3 import CRC32C, LITTLE, codec, compress, sharding
from tests.support.helpers import Counting, within

ZSTD, GZIP = codec("zstd", level=1, checksum=False), codec("gzip", level=5)
TEXT = codec("vlen-utf8")

# Number: what comes in, and the tests; a name without a file is a test below.
ROWS = {
    1: ("truncated documents, trailing bytes", "metadata/v3.what_is_not_json", "metadata/v2/documents.no_document"),
    2: ("documents that are not UTF-8", "metadata/v3.what_is_not_json", "metadata/v2/documents.no_document"),
    3: ("a byte order mark", "metadata/v3.byte_order_mark_and_white_space"),
    4: ("100 000 nested arrays", "metadata/v3.what_is_not_json", "metadata/v2/documents.no_document"),
    5: ("members that occur twice", "metadata/v3.what_is_not_json"),
    6: ("NaN in documents", "metadata/v3.nonfinite_numbers_in_attributes", "metadata/v3.what_is_not_json"),
    7: ("lone surrogates", "metadata/v3_write.lone_surrogates_in_attributes_survive",
        "metadata/chunk_keys.unsafe_names_are_refused"),
    8: ("integers of 5000 digits", "metadata/v3.what_is_not_json"),
    9: ("documents without end", "metadata/v3.what_is_not_json"),
    10: ("missing members", "metadata/v3.mandatory_members_of_arrays", "metadata/v2/documents.bad_member"),
    11: ("enormous shapes", "metadata/v3.wrong_members_of_arrays", "enormous_shapes"),
    12: ("shapes that are none", "metadata/v3.wrong_members_of_arrays", "metadata/v2/documents.bad_member"),
    13: ("chunks of length 0", "metadata/v3.wrong_members_of_arrays", "metadata/v3.chunk_length_0_of_empty_arrays"),
    14: ("runs of chunks", "transfer/rectilinear.runs_are_never_expanded", "transfer/rectilinear.bad_grids"),
    15: ("numbers of dimensions that differ", "metadata/v3.wrong_members_of_arrays"),
    16: ("other formats", "metadata/v3.wrong_members_of_arrays", "metadata/v2/documents.bad_member"),
    17: ("other kinds of node", "metadata/v3.wrong_members_of_arrays"),
    18: ("unknown extensions", "metadata/v3.wrong_members_of_arrays", "metadata/v2/documents.unknown_codec"),
    19: ("unknown members", "metadata/v3.members_that_need_not_be_understood_are_kept"),
    20: ("extensions that are none", "metadata/v3.wrong_members_of_arrays"),
    21: ("wrong fill values", "metadata/v3.wrong_members_of_arrays", "metadata/v2/documents.bad_fill_value"),
    22: ("chains that are none", "metadata/v3.wrong_members_of_arrays"),
    23: ("codecs that occur twice", "codecs_that_occur_twice"),
    24: ("too many codecs, or levels", "metadata/v3.nesting_of_codecs", "too_many_codecs"),
    25: ("orders that are none", "orders_that_are_none"),
    26: ("byte orders that are none", "byte_orders_that_are_none", "metadata/v3.wrong_members_of_arrays"),
    27: ("codecs of other data types", "codecs_of_other_data_types"),
    28: ("structures that are none", "structures_that_are_none", "metadata/v2/documents.bad_dtype",
         "metadata/v2/documents.deeply_nested_dtype"),
    29: ("shards that are none", "metadata/v3.wrong_members_of_arrays"),
    30: ("frames that claim to be large", "frames_that_claim_to_be_large"),
    31: ("bombs", "bombs", "limits.bombs_of_elements_that_vary_in_size"),
    32: ("bombs in bombs", "bombs", "limits.bombs_of_elements_that_vary_in_size"),
    33: ("chunks of another size", "chunks_of_another_size", "metadata/v2/documents.chunks_of_the_wrong_size"),
    34: ("chunks of arrays without elements", "chunks_of_arrays_without_elements"),
    35: ("wrong checksums", "wrong_checksums"),
    36: ("damaged streams", "damaged_streams"),
    37: ("damaged Blosc containers", "damaged_blosc_containers"),
    38: ("sizes before LZ4 blocks", "sizes_before_lz4_blocks"),
    39: ("truth values beyond 1", "truth_values_beyond_1"),
    40: ("damaged text", "damaged_text"),
    41: ("code points that are none", "code_points_that_are_none"),
    42: ("copies with odd paths", "metadata/v3.unusable_consolidated_metadata_are_ignored_whole",
         "metadata/v2/groups.consolidated_metadata_of_odd_paths_are_ignored"),
    43: ("paths that lead out", "metadata/chunk_keys.unsafe_names_are_refused", "stores/stores.no_key_leads_out",
         "stores/local.name_too_long"),
    44: ("links", "stores/local.links_that_lead_out_are_not_followed", "stores/local.deleting_removes_links_only"),
    45: ("loops of links, devices", "stores/local.links_in_circles", "stores/local.what_is_no_file_is_refused_quickly"),
    47: ("pickles", "metadata/v2/documents.pickles_are_never_loaded"),
    48: ("names that look like imports", "metadata/v2/documents.unknown_codec", "metadata/v3.wrong_members_of_arrays"),
    49: ("data types that NumPy would evaluate", "metadata/v2/documents.bad_dtype"),
    50: ("directories in place of chunks", "stores/local.directory_where_a_value_should_be",
         "stores/local.file_where_a_directory_should_be", "directories_in_place_of_chunks"),
    51: ("keys that are none", "metadata/chunk_keys.what_does_not_round_trip_is_no_key", "keys_that_are_none"),
    52: ("documents of both formats", "metadata/v2/groups.both_formats"),
    53: ("nodes below arrays", "nodes/group.nodes_below_arrays_are_not_listed", "nodes_below_arrays"),
    54: ("stale copies", "nodes/group.one_answer_for_one_handle"),
    55: ("shards shorter than their index", "short_shards"),
    56: ("indexes with a wrong checksum", "wrong_checksums"),
    57: ("entries that lead out", "entries_that_lead_out"),
    58: ("entries that are half empty", "entries_that_lead_out"),
    59: ("entries that overlap", "limits.inner_chunks_that_share_their_bytes",
         "limits.texts_that_share_their_bytes_are_limited_together"),
    60: ("entries of another size", "entries_of_another_size"),
    61: ("very many inner chunks", "very_many_inner_chunks"),
    62: ("damaged shards in shards", "damaged_shards_in_shards"),
    63: ("shards that are written anew", "shards_that_are_written_anew"),
    64: ("killed writers", "engine/files/killed_writers.killed_writers"),
    65: ("writes that fail", "stores/local_faults.failed_writes_leave_nothing", "writes_that_fail"),
    66: ("writers of one chunk", "engine/files/lost_updates.threads_and_processes"),
    67: ("odd values", "odd_values"),
    68: ("values that can't be cast", "values_that_can_not_be_cast"),
    69: ("attributes that are not JSON", "metadata/v3_write.attributes_that_are_not_json"),
}  # fmt: skip
#: Rows about stores that are not here: zip files, and HTTP.
ELSEWHERE = {46, 70}


def names_in(name):
    """Return the names of the tests in a file: `documents` of this folder, `metadata/v3` of another."""
    folder, _, name = name.rpartition("/")
    path = Path(__file__).parents[1] / (folder or "fuzz") / f"test_{name}.py"
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_row_has_its_tests():
    assert {*ROWS, *ELSEWHERE} == set(range(1, 71))
    found = {}
    for _, *names in ROWS.values():
        assert names
        for name in names:
            file, _, test = name.rpartition(".")
            file = file or "hostile_rows"
            known = found.setdefault(file, None) or names_in(file)
            found[file] = known
            assert f"test_{test}" in known, name


def broken(store, message=None, key=None):
    """Asserts that an array opens but can't be read; the error says which chunk it is."""
    arr = sz.open_array(store)
    with pytest.raises(sz.ChunkError, match=message) as info:
        arr[...]
    assert info.value.key == (key or next(name for name in store if name != "zarr.json"))


def unopened(store, error=sz.MetadataError, message=None):
    """Asserts that an array can't be opened."""
    with pytest.raises(error, match=message):
        sz.open_array(store)


def test_enormous_shapes():
    """Row 11: they open, a part can be read, all of them can't."""
    for shape in ([2**62], [2**40, 2**40]):
        store = one_chunk("float64", shape, [LITTLE], chunk=[10] * len(shape), fill=3)
        arr = sz.open_array(store)
        end = arr[tuple(slice(n - 2, n) for n in shape)]
        assert end.tolist() == np.full((2,) * len(shape), 3.0).tolist()
        with pytest.raises((MemoryError, ValueError)):
            within(10, lambda arr=arr: arr[...])


def test_codecs_that_occur_twice():
    """Row 23."""
    data = compress("crc32c", {}, compress("crc32c", {}, gzip.compress(gzip.compress(b"zarr"))))
    arr = sz.open_array(one_chunk("uint8", (4,), [LITTLE, GZIP, GZIP, CRC32C, CRC32C], data))
    assert arr[...].tobytes() == b"zarr"


def test_too_many_codecs():
    """Row 24, for Zarr 2 and inner chains too."""
    unopened(one_chunk("uint8", (4,), [LITTLE] + [GZIP] * 10_000), message="limit")
    unopened(one_chunk("uint8", (4,), [sharding([4], [LITTLE] + [GZIP] * 100)]), message="limit")
    document = oracle_v2.document(np.zeros(4, "u1"), (4,)) | {"filters": [{"id": "crc32"}] * 10_000}
    unopened({".zarray": json.dumps(document).encode()}, message="limit")


def test_orders_that_are_none():
    """Row 25."""
    for order in ([0, 0], [0, 2], [-1, 0], [1], [0, 1, 2], [1.5, 0], "CF", None):
        unopened(one_chunk("uint8", (4, 4), [codec("transpose", order=order), LITTLE]), message="order")


def test_byte_orders_that_are_none():
    """Row 26."""
    for chain in (["bytes"], [codec("bytes", endian="middle")]):
        unopened(one_chunk("uint16", (4,), chain), message="endian")


def test_codecs_of_other_data_types():
    """Row 27."""
    for dtype, chain, fill in [
        ("string", [LITTLE], ""),
        ("int32", [TEXT], 0),
        ("string", [codec("vlen-bytes")], ""),
        ("int32", [codec("blosc", cname="lz4", clevel=1, shuffle="noshuffle", blocksize=0), LITTLE], 0),
    ]:
        unopened(one_chunk(dtype, (4,), chain, fill=fill), message="codecs")


def test_structures_that_are_none():
    """Row 28."""
    one, deep = {"name": "a", "data_type": "uint8"}, {"name": "a", "data_type": "uint8"}
    for _ in range(100):
        deep = {"name": "a", "data_type": {"name": "struct", "configuration": {"fields": [deep]}}}
    text = {"name": "b", "data_type": "string"}
    for fields in ([], [one, one], [{**one, "name": ""}], [{"data_type": "uint8"}], [one, text], [deep], None):
        struct_type = {"name": "struct", "configuration": {"fields": fields}}
        unopened(one_chunk(struct_type, (4,), [LITTLE], fill={"a": 0}), (sz.MetadataError, sz.UnsupportedError))


def test_frames_that_claim_to_be_large():
    """Row 30."""
    frame = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 2**40) + b"\x01\0\0"
    broken(one_chunk("uint8", (4,), [LITTLE, ZSTD], frame), "zstd")
    blosc = codec("blosc", cname="lz4", clevel=1, shuffle="noshuffle", typesize=1, blocksize=0)
    container = struct.pack("<BBBBIII", 2, 1, 2, 1, 2**31 - 16, 2**31 - 16, 20) + bytes(4)
    broken(one_chunk("uint8", (4,), [LITTLE, blosc], container), "blosc")


def test_bombs():
    """Rows 31 and 32."""
    large = bytes(1 << 26)
    for data, chain in [
        (gzip.compress(large), [GZIP]),
        (compress("zstd", {"level": 1, "checksum": False}, large), [ZSTD]),
        (zlib.compress(large), [nc("zlib")]),
    ]:
        broken(one_chunk("uint8", (4,), [LITTLE, *chain], data))
        packed = compress("zstd", {"level": 1, "checksum": False}, gzip.compress(data))
        broken(one_chunk("uint8", (4,), [LITTLE, *chain, GZIP, ZSTD], packed))


def test_chunks_of_another_size(tmp_path):
    """Row 33: an empty value is not a missing chunk."""
    for size in (0, 7, 9):
        packed = compress("zstd", ZSTD["configuration"], bytes(size))
        for store in (
            one_chunk("uint16", (4,), [LITTLE], bytes(size)),
            one_chunk("uint16", (4,), [LITTLE, ZSTD], packed),
        ):
            for target in (store, Counting(store), oracle.dump(store, tmp_path)):
                with pytest.raises(sz.ChunkError):
                    sz.open_array(target)[...]
    broken(one_chunk("uint16", (4,), [LITTLE, ZSTD], b""))


def test_chunks_of_arrays_without_elements():
    """Row 34: no reader looks at them."""
    store = {**one_chunk("uint8", (0,), [LITTLE], chunk=[4]), "c/0": b"?"}
    assert sz.open_array(store)[...].shape == (0,)


def test_wrong_checksums():
    """Rows 35 and 56."""
    checksums = [CRC32C, nc("crc32"), nc("adler32"), nc("fletcher32"), nc("crc32c")]
    for item in checksums:
        for data in (b"", b"abc", b"zarr\0\0\0\1", b"zarr\xff\xff\xff\xff"):
            broken(one_chunk("uint8", (4,), [LITTLE, item], data), item["name"].rpartition(".")[2])
    shard = one_chunk("uint8", (4,), [sharding([2])], b"zarr" + struct.pack("<4Q", 0, 2, 2, 2) + b"\0\0\0\0")
    broken(shard, "crc32c")


def test_damaged_streams():
    """Row 36."""
    for name in ("gzip", "zstd", "numcodecs.zlib", "numcodecs.bz2", "numcodecs.lzma"):
        settings = {"zstd": {"level": 1, "checksum": True}, "gzip": {"level": 5}}
        item = codec(name, **settings.get(name, {}))
        store = one_chunk("uint8", (100,), [LITTLE, item])
        sz.open_array(store, mode="r+")[...] = np.arange(100)
        good = store["c/0"]
        flipped = good[:-6] + bytes([good[-6] ^ 1]) + good[-5:]
        for data in (good[:-1], good[: len(good) // 2], flipped, good + b"junk", good + good, good[1:]):
            broken({**store, "c/0": data}, name)


def test_damaged_blosc_containers():
    """Row 37: version, flags and item size; size, size of a block and of the container."""
    blosc = codec("blosc", cname="lz4", clevel=1, shuffle="shuffle", typesize=2, blocksize=0)
    good = bytes(oracle.compress("blosc", blosc["configuration"], bytes(400)))
    store = one_chunk("uint8", (400,), [LITTLE, blosc], good)
    assert not sz.open_array(store)[...].any()
    changes = [(12, "<I", 10_000), (4, "<I", 401), (4, "<I", 0), (8, "<I", 0), (8, "<I", 2**31 - 1), (2, "<B", 7 << 5)]
    for at, form, value in [*changes, (0, "<B", 5), (3, "<B", 0)]:
        data = bytearray(good)
        struct.pack_into(form, data, at, value)
        if (at, value) == (3, 0) or data == good:
            assert within(10, try_all, {**store, "c/0": bytes(data)}) in ("read", "refused")
        else:
            broken({**store, "c/0": bytes(data)}, "blosc")


def test_snappy_that_is_none():
    """Stored containers are read, whatever the metadata say; of compressed ones the streams are checked."""
    blosc = codec("blosc", cname="snappy", clevel=1, shuffle="noshuffle", blocksize=0)
    stored = bytes.fromhex("02014202" + "08000000" * 2 + "18000000") + bytes(range(8))
    assert sz.open_array(one_chunk("uint8", (8,), [LITTLE, blosc], stored))[...].tolist() == list(range(8))
    compressed = bytes.fromhex("02014002" + "08000000" * 2 + "1e000000" + "14000000" + "06000000" + "0800") + bytes(4)
    with pytest.raises(sz.ChunkError, match=r"chunk \(0,\), .* blosc: "):
        sz.open_array(one_chunk("uint8", (8,), [LITTLE, blosc], compressed))[...]


def try_all(store):
    """Whether all of an array can be read; no other error may come."""
    try:
        sz.open_array(store)[...]
        return "read"
    except sz.ChunkError:
        return "refused"


def test_sizes_before_lz4_blocks():
    """Row 38."""
    for size in (0, 3, 5, 2**31 - 1, 2**31, 2**32 - 1):
        broken(one_chunk("uint8", (4,), [LITTLE, nc("lz4")], struct.pack("<I", size) + b"\x40zarr"), "lz4")


def test_truth_values_beyond_1():
    """Row 39: each of them is true, and none is a broken NumPy value."""
    arr = sz.open_array(one_chunk("bool", (4,), [LITTLE], b"\0\1\2\xff", fill=False))
    assert arr[...].view("u1").tolist() == [0, 1, 1, 1]


def test_damaged_text():
    """Row 40."""
    good = struct.pack("<II", 2, 2) + b"ab" + struct.pack("<I", 3) + b"c\0d"
    assert sz.open_array(one_chunk("string", (2,), [TEXT], good, fill=""))[...].tolist() == ["ab", "c\0d"]
    for data in (
        b"", b"\2\0\0", good[:-1], good + b"x", struct.pack("<I", 1) + good[4:],
        struct.pack("<I", 2**32 - 1) + good[4:],
        struct.pack("<III", 2, 2**32 - 1, 2**32 - 1), good.replace(b"ab", b"\xc3("), good.replace(b"ab", b"\xff\xfe"),
    ):  # fmt: skip
        broken(one_chunk("string", (2,), [TEXT], data, fill=""), "vlen-utf8")
    surrogate = struct.pack("<II", 1, 3) + b"\xed\xa0\x80"
    broken(one_chunk("string", (1,), [TEXT], surrogate, fill=""), "UTF-8")


def test_code_points_that_are_none():
    """Row 41."""
    dtype = {"name": "fixed_length_utf32", "configuration": {"length_bytes": 4}}
    for unit in (0x110000, 2**32 - 1):
        broken(one_chunk(dtype, (1,), [LITTLE], struct.pack("<I", unit), fill=""))


def test_directories_in_place_of_chunks(tmp_path):
    """Row 50."""
    oracle.dump(one_chunk("uint8", (4,), [LITTLE], fill=7), tmp_path)
    (tmp_path / "c" / "0").mkdir(parents=True)
    assert sz.open_array(tmp_path)[...].tolist() == [7] * 4
    with pytest.raises(OSError):
        sz.open_array(tmp_path, mode="r+")[...] = 1


def test_keys_that_are_none(tmp_path):
    """Row 51."""
    store = one_chunk("uint8", (4,), [LITTLE], b"zarr", chunk=[4])
    odd = dict.fromkeys(("c/1", "c/00", "c/+0", "c/1e3", "c/-1", "c/0.partial", "c/x"), b"?")
    oracle.dump({**store, **odd}, tmp_path)
    for target in ({**store, **odd}, tmp_path):
        arr = sz.open_array(target)
        assert (arr.nchunks_stored, arr[...].tobytes()) == (1, b"zarr")


def test_nodes_below_arrays():
    """Row 53: what is there can be opened, nothing new is made there."""
    store = oracle.write_array(oracle.write_array({}, "a", np.arange(3), (3,)), "a/b", np.arange(2), (2,))
    oracle.write_group(store)
    assert sz.open_array(store, "a/b").shape == (2,)
    with pytest.raises(sz.NodeExistsError):
        sz.create_array(store, "a/c", shape=(1,), dtype="u1")


def test_short_shards():
    """Row 55."""
    for size in (0, 1, 35):
        for place in ("start", "end"):
            broken(one_chunk("uint8", (4,), [sharding([2], index_location=place)], bytes(size)))


EMPTY = 2**64 - 1


@pytest.mark.parametrize("entry", [
    (40, 2), (2**63, 2), (2**64 - 2, 2), (2**64 - 2, 4), (0, 2**63), (1, EMPTY), (EMPTY, 2), (0, EMPTY),
])  # fmt: skip
@pytest.mark.parametrize("inner", [[LITTLE], [LITTLE, ZSTD], [TEXT]], ids=["raw", "zstd", "text"])
def test_entries_that_lead_out(entry, inner, tmp_path):
    """Rows 57 and 58: an error for that inner chunk only."""
    dtype, fill = ("string", "") if TEXT in inner else ("uint8", 0)
    store = one_chunk(dtype, (4,), [sharding([2], inner, [LITTLE])], fill=fill)
    sz.open_array(store, mode="r+")[...] = ["a", "b", "c", "d"] if TEXT in inner else [1, 2, 3, 4]
    data = store["c/0"]
    store["c/0"] = data[:-32] + struct.pack("<QQ", *entry) + data[-16:]
    for target in (store, Counting(store), oracle.dump(store, tmp_path)):
        arr = sz.open_array(target)
        assert arr[2:].tolist() == (["c", "d"] if TEXT in inner else [3, 4])
        for part in (np.s_[...], np.s_[:2], np.s_[1]):
            with pytest.raises(sz.ChunkError) as info:
                arr[part]
            assert info.value.index == (0,)


def test_entries_of_another_size():
    """Row 60: of inner chunks whose size is known."""
    for inner in ([LITTLE], [LITTLE, CRC32C]):
        for nbytes in (1, 3, 5, 7, 1000):
            data = bytes(1000) + struct.pack("<4Q", 0, nbytes, EMPTY, EMPTY)
            broken(one_chunk("uint8", (4,), [sharding([2], inner, [LITTLE])], data))


@pytest.mark.parametrize("dtype", ["uint8", "string"])
def test_very_many_inner_chunks(dtype, tmp_path):
    """Row 61: an index of 16 TiB is not looked for in a file of 100 bytes."""
    chain, fill = [sharding([1], [TEXT if dtype == "string" else LITTLE])], "" if dtype == "string" else 0
    store = one_chunk(dtype, (2**40,), chain, bytes(100), fill=fill)
    for target in (store, Counting(store), oracle.dump(store, tmp_path)):
        arr = within(10, sz.open_array, target)
        with pytest.raises((sz.ChunkError, MemoryError)):
            within(10, lambda arr=arr: arr[5:9])


def test_damaged_shards_in_shards():
    """Row 62: the error says which outer and which inner chunk."""
    chain = [sharding([4], [sharding([2])])]
    store = one_chunk("uint8", (16,), chain, chunk=[8])
    sz.open_array(store, mode="r+")[...] = np.arange(1, 17)
    assert sz.open_array(store)[...].tolist() == list(range(1, 17))
    data = bytearray(store["c/1"])
    data[70] ^= 1  # in the index of the second inner shard
    broken({**store, "c/1": bytes(data)}, "chunk", "c/1")


def test_shards_that_are_written_anew(tmp_path):
    """Row 63: an index that was kept is not used for another file."""
    store = one_chunk("uint8", (4,), [sharding([2], [LITTLE, ZSTD])])
    oracle.dump(store, tmp_path)
    writer, reader = sz.open_array(tmp_path, mode="r+"), sz.open_array(tmp_path)
    for values in ([1, 2, 3, 4], [0, 0, 9, 9], [7, 7, 0, 0]):
        writer[...] = values
        assert reader[...].tolist() == values


def test_writes_that_fail():
    """Row 65: what is not written is said, and the document says nothing else."""

    class Full(Counting):
        def set(self, key, value):
            if key == "c/2":
                raise OSError(28, "No space left on device")
            self.data[key] = bytes(value)

    store = Full(one_chunk("uint8", (4,), [LITTLE], chunk=[1]))
    before = store.data["zarr.json"]
    with pytest.raises(OSError, match="No space") as info:
        sz.open_array(store, mode="r+")[...] = 1
    assert "c/2" in "".join(info.value.__notes__)
    assert store.data["zarr.json"] == before


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_odd_values(zarr_format):
    """Row 67: stored as they are, bit by bit."""
    nan = np.array([0x7FF0DEADBEEF0001, 0x8000000000000000], "u8").view("f8")
    locked = np.arange(6.0)
    locked.flags.writeable = False
    for values in (
        nan, np.arange(12.0)[::-3], np.arange(6, dtype=">i4"), locked, np.zeros((0, 3)), np.array(5.0),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    ):  # fmt: skip
        arr = sz.create_array({}, data=values, zarr_format=zarr_format, chunks=tuple(max(1, n) for n in values.shape))
        assert arr[...].tobytes() == values.astype(values.dtype.newbyteorder("=")).tobytes()
    with pytest.raises((TypeError, sz.ZarrError)):
        sz.create_array({}, data=np.array([object()], object), zarr_format=zarr_format)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_values_that_can_not_be_cast(zarr_format):
    """Row 68: refused before anything is written, where NumPy refuses them in its own assignment."""
    store = {}
    arr = sz.create_array(store, shape=(4,), dtype="i1", zarr_format=zarr_format)
    before = dict(store)
    for value in ("text", [object()] * 4, [1, 2, 3, 2**70]):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            arr[...] = value
    assert store == before
