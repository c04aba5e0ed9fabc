"""What other libraries ask of samples and batches: sequences, batched reads, stable texts, DLPack, alignment."""

import pickle
import re

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.loader import Crops, Loader, Rows, Samples
from simplezarr.loader.loader import delivery_of
from simplezarr.loader.ring import BatchMemory
from tests.support.helpers import Counting, Waiting

VALUES = np.arange(64 * 5, dtype="f4").reshape(64, 5)


@pytest.fixture
def counted():
    """An array of 8 chunks on a store that counts."""
    data: dict = {}
    sz.create_array(data, data=VALUES, chunks=(8, 5))
    store = Counting(data)
    array = sz.open_array(store)
    store.take()
    return store, array


def chunk_reads(store):
    return [call[1] for call in store.take() if call[0] in ("get", "get_range")]


def test_samples_are_a_sequence(counted):
    _, array = counted
    samples = Samples(array, Rows())
    assert len(samples) == 64
    for k in (0, 17, -1, np.int64(3)):
        np.testing.assert_array_equal(samples[k], VALUES[k])
    np.testing.assert_array_equal(np.stack(samples[5:9]), VALUES[5:9])
    np.testing.assert_array_equal(np.stack(samples[np.array([9, 2])]), VALUES[[9, 2]])
    with pytest.raises(IndexError, match="sample 64 does not exist; there are 64"):
        samples[64]
    assert [sample[0] for sample in samples] == VALUES[:, 0].tolist()


@pytest.mark.parametrize("method", ["__getitems__", "_getitems"])  # of torch, of grain
def test_a_batch_decodes_each_chunk_once(counted, method):
    store, array = counted
    numbers = [3, 60, 5, 3, 61, 20, 4]
    samples = getattr(Samples(array, Rows()), method)(numbers)
    np.testing.assert_array_equal(np.stack(samples), VALUES[numbers])
    assert sorted(chunk_reads(store)) == ["c/0/0", "c/2/0", "c/7/0"]
    assert getattr(Samples(array, Rows()), method)([]) == []


def test_samples_by_name_are_dictionaries(counted):
    _, array = counted
    samples = Samples({"x": array, "y": array}, Rows())
    assert samples[3].keys() == {"x", "y"}
    np.testing.assert_array_equal(samples[3]["y"], VALUES[3])


def test_the_text_of_samples_is_stable(tmp_path):
    """grain compares it when it goes on from a checkpoint: it has no addresses, and tells different samples apart."""
    texts = []
    for data, kind in ((VALUES, Rows()), (VALUES[:9], Rows()), (VALUES, Crops((2, 3), per_epoch=4))):
        array = sz.create_array(tmp_path / str(len(texts)), data=data, chunks=(8, 5))
        samples = Samples(array, kind)
        text = repr(samples)
        assert text == repr(Samples(sz.open_array(tmp_path / str(len(texts))), kind))
        assert text == repr(pickle.loads(pickle.dumps(samples)))
        assert not re.search("0x[0-9a-f]{5}", text)
        texts.append(text)
    assert len(set(texts)) == 3


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8"])
@pytest.mark.parametrize("rows", [1, 33, 4096])
def test_batches_are_given_by_dlpack(dtype, rows):
    """Without a copy, and from a boundary of 128 bytes, which JAX needs for that."""
    array = sz.create_array({}, data=np.arange(3 * rows * 7).reshape(-1, 7).astype(dtype), chunks=(rows, 7))
    for batch in Loader(array, Rows(), batch_size=rows, shuffle=False):
        taken = np.from_dlpack(batch)
        assert np.shares_memory(taken, batch)
        assert batch.ctypes.data % 128 == 0
        assert batch.flags.c_contiguous
        assert batch.flags.writeable


@pytest.mark.parametrize("rows", [3, 40000])  # of memory that malloc has, and of the library's pool
def test_memory_of_a_batch_is_used_again_when_no_view_is_left(rows):
    """Whatever kind of view is kept, and whatever `out` has returned."""
    array = sz.create_array({}, data=np.arange(4 * rows * 2).reshape(-1, 2), chunks=(rows, 2))
    fields = delivery_of(Loader(array, Rows(), batch_size=rows)).fields
    shared = np.empty((9, rows, 2), "i8")
    places = iter(shared)

    def parts_of_one(shape, dtype):
        return next(places).reshape(-1).view(np.uint8).view(dtype).reshape(shape)

    for allocate in (None, np.empty, parts_of_one):
        memory = BatchMemory(fields, rows, allocate)
        for kept in (lambda values: values[1:].T.view("u8"), lambda values: values[:], memoryview):
            slot = memory.take()
            view = kept(slot.arrays[0][:rows])
            address = slot.arrays[0].ctypes.data
            memory.give(slot, 2)
            assert memory.take().arrays[0].ctypes.data != address
            del view
            assert memory.take().arrays[0].ctypes.data == address


def test_a_loader_has_no_samples_by_number(counted):
    """A DataLoader of torch takes anything for a dataset, and would shuffle batches."""
    _, array = counted
    with pytest.raises(TypeError, match=r"use simplezarr\.torch\.dataset\(loader\)"):
        Loader(array, Rows(), batch_size=4)[0]


def test_memory_that_is_still_being_filled_is_not_given_away():
    """A read goes on when its epoch is closed or broken off: it must not write into batches of the next epoch."""
    stored: dict = {}
    sz.create_array(stored, data=VALUES, chunks=(8, 5))
    store = Waiting(stored)
    store.gate.set()
    loader = Loader(sz.open_array(store), Rows(), batch_size=8)
    store.gate.clear()
    epoch = iter(loader)
    stream = epoch._streams[0]
    stream._call_helpers()
    store.asked.acquire(timeout=10)  # a thread reads into these batches from now on
    filling = {values.ctypes.data for slot in stream.ring._filling.values() for values in slot.arrays}
    assert filling
    epoch.close()
    taken = [delivery_of(loader).memory.take() for _ in range(8)]
    store.gate.set()
    assert not filling & {slot.arrays[0].ctypes.data for slot in taken}
