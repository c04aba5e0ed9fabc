"""`iter_chunks` and iteration over `blocks`: regions in C order, clipped to the shape, of all or of what is stored."""

import itertools

import h5py
import numpy as np
import pytest

import simplezarr as sz
from tests.support.helpers import Counting

SHAPE = (7, 5)


class GetAlone(sz.Store):
    """A store that can't be listed."""

    def __init__(self, values):
        self.values = values

    def get(self, key):
        return self.values.get(key)


def starts(regions):
    return [tuple(part.start for part in region) for region in regions]


def test_regions_are_those_of_h5py(tmp_path):
    a = sz.create_array({}, shape=SHAPE, dtype="i4", chunks=(3, 2))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        peer = file.create_dataset("x", SHAPE, "i4", chunks=(3, 2))
        assert [*a.iter_chunks()] == [*a.iter_chunks("chunk")]
        assert [*a.iter_chunks()] == [tuple(slice(*part.indices(9)[:2]) for part in box) for box in peer.iter_chunks()]


def test_shards_are_the_unit_unless_told():
    a = sz.create_array({}, shape=SHAPE, dtype="i4", chunks=(1, 2), shards=(4, 4))
    assert [*a.iter_chunks()] == [
        (slice(0, 4), slice(0, 4)),
        (slice(0, 4), slice(4, 5)),
        (slice(4, 7), slice(0, 4)),
        (slice(4, 7), slice(4, 5)),
    ]
    assert starts(a.iter_chunks(unit="chunk")) == [*itertools.product(range(7), range(0, 5, 2))]


@pytest.mark.parametrize("shards", [None, (4, 4)])
@pytest.mark.parametrize("kind", [dict, GetAlone])
def test_stored(shards, kind):
    store = {}
    a = sz.create_array(store, "p/a", shape=SHAPE, dtype="i4", chunks=(2, 2), shards=shards)
    a[4:6, 4], a[0, 2:4] = 1, 1
    a = sz.open_array(kind(store), "p/a")
    assert starts(a.iter_chunks("chunk", stored=True)) == [(0, 2), (4, 4)]
    assert starts(a.iter_chunks(stored=True)) == ([(0, 0), (4, 4)] if shards else [(0, 2), (4, 4)])


def test_chunks_of_a_row_of_shards_are_in_order():
    a = sz.create_array({}, data=np.ones((4, 4)), chunks=(1, 1), shards=(2, 2))
    assert [*a.iter_chunks("chunk", stored=True)] == [*a.iter_chunks("chunk")]
    assert starts(a.iter_chunks("chunk")) == [*np.ndindex(4, 4)]


def test_stored_outside_the_shape_is_left_out():
    store = {}
    a = sz.create_array(store, data=np.ones(5, "u1"), chunks=2)
    store["c/3"] = store["c/0"]
    assert starts(a.iter_chunks(stored=True)) == [(0,), (2,), (4,)]


def test_rectilinear():
    a = sz.create_array({}, data=np.arange(18).reshape(6, 3), chunks=([1, 3, 2], 2))
    assert starts(a.iter_chunks()) == [(0, 0), (0, 2), (1, 0), (1, 2), (4, 0), (4, 2)]
    assert [*a.iter_chunks(stored=True)] == [*a.iter_chunks("chunk")] == [*a.iter_chunks()]


@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_small_shapes(shape):
    a = sz.create_array({}, shape=shape, dtype="u1", fill_value=7, chunks=tuple(max(n, 1) for n in shape))
    assert [*a.iter_chunks()] == ([] if 0 in shape else [()])
    assert [*a.iter_chunks(stored=True)] == []
    a[...] = 1
    assert [*a.iter_chunks(stored=True)] == [*a.iter_chunks()]
    assert len(a.blocks) == len([*a.blocks]) == len([*a.iter_chunks()])


def test_long_axes_cost_nothing():
    a = sz.create_array({}, shape=(10**12, 10**6), dtype="u1", chunks=(1, 1))
    assert starts(itertools.islice(a.iter_chunks(), 2)) == [(0, 0), (0, 1)]


def test_the_iterator_keeps_its_shape():
    a = sz.create_array({}, shape=4, dtype="u1", chunks=2)
    regions = a.iter_chunks()
    a.resize(8)
    assert len([*regions]) == 2
    assert len([*a.iter_chunks()]) == 4


def test_an_unknown_unit():
    a = sz.create_array({}, shape=4, dtype="u1")
    with pytest.raises(ValueError, match="unit: 'block' is not a unit; give 'shard'"):
        a.iter_chunks("block")


def test_no_chunk_is_read():
    values = {}
    sz.create_array(values, data=np.ones(8, "u1"), chunks=1)
    store = Counting(values)
    a = sz.open_array(store)
    store.calls.clear()
    assert len([*a.iter_chunks()]) == 8
    assert not store.calls
    assert len([*a.iter_chunks(stored=True)]) == 8
    assert store.calls == [("list", "c/")]


def test_blocks():
    data = np.arange(35).reshape(SHAPE)
    a = sz.create_array({}, data=data, chunks=(1, 2), shards=(4, 4))
    assert a.blocks.shape == (2, 2)
    assert len(a.blocks) == 4
    blocks = [*a.blocks]
    assert all((block == data[region]).all() for block, region in zip(blocks, a.iter_chunks(), strict=True))
