"""The order of inner chunks within a shard: any is written, any is read."""

import itertools

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.codecs import Bytes, Crc32c, Gzip, Sharding, Transpose, Zstd
from tests.support.helpers import Counting

ORDERS = ("lexicographic", "colexicographic", "morton", "unordered")


def keys(grid, order):
    """The inner chunks in the order of writing, as the orders are defined."""
    every = [*np.ndindex(grid)]
    if order == "colexicographic":
        return sorted(every, key=lambda key: key[::-1])
    if order != "morton":
        return every
    bits = [(length - 1).bit_length() for length in grid]

    def code(key):
        number = place = 0
        for bit in range(max(bits, default=0)):
            for axis in range(len(grid)):
                if bit < bits[axis]:
                    number |= (key[axis] >> bit & 1) << place
                    place += 1
        return number

    return sorted(every, key=code)


def written_order(shard, grid):
    """The inner chunks by their offsets, after a look that they follow each other without gaps."""
    n = int(np.prod(grid))
    index = np.frombuffer(shard[-16 * n - 4 : -4], "<u8").reshape(*grid, 2)
    stored = [key for key in np.ndindex(grid) if index[key][0] != 2**64 - 1]
    stored.sort(key=lambda key: index[key][0])
    at = 0
    for key in stored:
        assert index[key][0] == at
        at += int(index[key][1])
    assert at == len(shard) - 16 * n - 4
    return stored


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("grid", [(4,), (5, 3), (4, 4), (3, 5, 2), (1, 6), ()], ids=str)
def test_orders(order, grid, tmp_path):
    shard = tuple(2 * length for length in grid)
    shape = tuple(2 * length for length in shard)
    for directory in (True, False):
        data = np.random.default_rng(0).integers(1, 1000, shape, "<i4")
        store = sz.LocalStore(str(tmp_path / f"{order}{directory}")) if directory else sz.MemoryStore()
        sharding = Sharding((2,) * len(grid), [Bytes(), Zstd(1)], subchunk_write_order=order)
        arr = sz.create_array(store, shape=shape, dtype="i4", chunks=shard, codecs=[sharding])
        arr[...] = data
        assert np.array_equal(sz.open(store)[...], data)
        stored = store.get("/".join(["c", *["0"] * len(grid)]))
        assert written_order(stored, grid) == keys(grid, order)
        if grid:
            arr[:3] = data[:3] = -data[:3]  # part of an inner chunk, others are kept
            stored = store.get("/".join(["c", *["0"] * len(grid)]))
            assert written_order(stored, grid) == keys(grid, order)
            arr[:2] = data[:2] = 0  # inner chunks that are not stored
            stored = store.get("/".join(["c", *["0"] * len(grid)]))
            left = [key for key in keys(grid, order) if key[0] != 0]
            assert written_order(stored, grid) == left if left else stored is None
        assert np.array_equal(sz.open(store)[...], data)


def test_the_order_is_that_of_zarr_python():
    indexing = pytest.importorskip("zarr.core.indexing")
    for grid in [(4,), (5, 3), (4, 4), (3, 5, 2), (1, 6), (2, 2, 2, 3), (33, 7)]:
        assert [tuple(key) for key in indexing.morton_order_iter(grid)] == keys(grid, "morton")


@pytest.mark.parametrize("order", ORDERS)
def test_around_and_within(order):
    data = np.random.default_rng(1).integers(1, 9, (16, 24), "<u2")
    inner = Sharding((2, 3), [Bytes(), Gzip(1)], subchunk_write_order=order)
    chains = [
        [Sharding((4, 6), [inner], subchunk_write_order=order)],
        [Sharding((2, 3), [Bytes(), Gzip(1)], index_location="start", subchunk_write_order=order)],
        [Sharding((2, 3), [Bytes(), Gzip(1)], subchunk_write_order=order), Zstd(1), Crc32c()],
        [Sharding((2, 3), [Bytes()], subchunk_write_order=order), Crc32c()],
        [Transpose((1, 0)), Sharding((3, 2), [Bytes()], subchunk_write_order=order)],
        [Sharding((2, 3), [Bytes(), "numcodecs.bz2"], subchunk_write_order=order), "numcodecs.bz2"],
    ]
    for chain in chains:
        store = {}
        arr = sz.create_array(store, data=data, chunks=(8, 12), codecs=chain)
        arr[3:5, 4:9] = data[3:5, 4:9]
        assert np.array_equal(sz.open(store)[...], data), chain
        assert np.array_equal(sz.open(store)[7, ::5], data[7, ::5]), chain
        assert order not in store["zarr.json"].decode()


@pytest.mark.parametrize("order", ORDERS)
def test_text(order):
    data = np.array([f"text {i}" for i in range(24)], np.dtypes.StringDType()).reshape(4, 6)
    store = {}
    sharding = Sharding((1, 2), ["vlen-utf8"], subchunk_write_order=order)
    arr = sz.create_array(store, data=data, chunks=(4, 6), codecs=[sharding])
    arr[1, 1] = data[1, 1]
    assert np.array_equal(sz.open(store)[...], data)
    assert written_order(store["c/0/0"], (4, 3)) == keys((4, 3), order)


def test_a_selection_that_is_written_together_is_read_in_one_request():
    """Columns lie together in colexicographic order, rows in lexicographic order."""
    spans = {}
    for order, axis in itertools.product(("lexicographic", "colexicographic"), (0, 1)):
        store = {}
        sharding = Sharding((1, 1), [Bytes()], subchunk_write_order=order)
        sz.create_array(store, data=np.arange(1, 4097, dtype="<i8").reshape(64, 64), chunks=(64, 64), codecs=[sharding])
        counting = Counting(store)
        sz.open(counting)[(5, slice(None)) if axis == 0 else (slice(None), 5)]
        spans[order, axis] = sum(call[3] for call in counting.take() if call[0] == "get_range")
    assert spans["lexicographic", 0] < spans["lexicographic", 1]
    assert spans["colexicographic", 1] < spans["colexicographic", 0]


def test_an_unknown_order():
    with pytest.raises(sz.MetadataError, match=r'^subchunk_write_order: "hilbert" is not one of'):
        Sharding((2,), ["bytes"], subchunk_write_order="hilbert")


TRANSPOSED = [((4, 6), (2, 3), (1, 0)), ((4, 6), (2, 6), (1, 0)), ((6, 4, 2), (3, 2, 1), (2, 0, 1))]


@pytest.mark.filterwarnings("ignore:Combining:UserWarning")
@pytest.mark.parametrize(("shard", "inner", "order"), TRANSPOSED)
def test_inner_chunks_that_divide_a_shard_before_it_is_transposed(shard, inner, order):
    """zarr-python writes such shards, but what it writes is not what it was given: there is nothing to be read."""
    message = r"does not divide the shard's length \d; it divides \(.*\), the shape before the axes are transposed"
    with pytest.raises(sz.MetadataError, match=message):
        sz.create_array(
            {}, shape=shard, dtype="i4", chunks=shard, codecs=[Transpose(order), Sharding(inner, ["bytes"])]
        )
    zarr = pytest.importorskip("zarr")
    memory = zarr.storage.MemoryStore()
    theirs = zarr.create_array(
        memory, shape=shard, chunks=shard, dtype="i4", compressors=None,
        filters=[zarr.codecs.TransposeCodec(order=order)],
        serializer=zarr.codecs.ShardingCodec(chunk_shape=inner, codecs=[zarr.codecs.BytesCodec()]),
    )  # fmt: skip
    data = np.arange(1, np.prod(shard) + 1, dtype="i4").reshape(shard)
    theirs[...] = data
    assert not np.array_equal(theirs[...], data)
    with pytest.raises(sz.MetadataError, match=message):
        sz.open({key: value.to_bytes() for key, value in memory._store_dict.items()})
