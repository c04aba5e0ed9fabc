"""Handles never change: a call that has begun sees the array in one shape, whatever other threads do meanwhile."""

import pickle
import threading

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.nodes import array as array_module
from simplezarr.transfer import dispatch, handle
from simplezarr.transfer.handle import ArrayHandle

CHUNKS = {"regular": (3, 2), "rectilinear": [[2, 1, 5], 2]}
SHAPE, LARGER = (7, 4), (11, 4)


@pytest.fixture(params=CHUNKS)
def stored(request):
    values = np.arange(1, 29, dtype="i4").reshape(SHAPE)
    return sz.create_array({}, data=values, chunks=CHUNKS[request.param], fill_value=-1)


def in_thread(task):
    thread = threading.Thread(target=task)
    thread.start()
    thread.join()


def seen(array):
    """What a thread sees of an array: all of it must be of one shape."""
    return array.shape, array.metadata.shape, array.grid_shape, array[...].shape, array.lazy[...].shape


def consistent(shape, what):
    return what[:2] == what[3:] == (shape, shape)


def test_another_thread_sees_the_old_array_until_it_sees_the_new_one(stored, monkeypatch):
    """Observed from another thread at the last moment before the handle is replaced, and after it."""
    observed = []

    def opened(*arguments, **options):
        new = open_handle(*arguments, **options)
        in_thread(lambda: observed.append(seen(stored)))
        return new

    open_handle = handle.open_handle
    monkeypatch.setattr(handle, "open_handle", opened)
    stored.resize(LARGER)
    monkeypatch.undo()
    assert observed
    assert all(consistent(SHAPE, what) for what in observed)
    assert consistent(LARGER, seen(stored))


@pytest.mark.parametrize("shape", [LARGER, (2, 3)])
def test_a_read_that_has_begun_ends_in_the_old_shape(stored, monkeypatch, shape):
    """The array is resized when the read has found out what is selected, and reads no element yet."""
    expected = stored[1:]

    def selected(*arguments):
        selection = select(*arguments)
        monkeypatch.undo()
        in_thread(lambda: stored.resize(shape))
        return selection

    select = array_module.read_key.__defaults__[1]
    monkeypatch.setattr(dispatch.read_key, "__defaults__", (None, selected))
    got = stored[1:]
    assert got.shape == expected.shape
    kept = tuple(map(slice, np.minimum(expected.shape, np.subtract(shape, (1, 0)))))
    np.testing.assert_array_equal(got[kept], expected[kept])
    assert stored.shape == shape


def test_a_write_that_has_begun_ends_in_the_old_shape(stored, monkeypatch):
    def selected(*arguments):
        selection = select(*arguments)
        monkeypatch.undo()
        in_thread(lambda: stored.resize(LARGER))
        return selection

    select = dispatch.write_key.__defaults__[0]
    monkeypatch.setattr(dispatch.write_key, "__defaults__", (selected,))
    stored[2:] = 5
    assert (stored[2:7] == 5).all()
    assert (stored[7:] == -1).all()


def test_handles_do_not_change(stored):
    before = stored._handle
    with pytest.raises(AttributeError):
        before.shape = (1, 1)
    stored.attrs["a"] = 1
    stored.append(np.zeros((1, 4), "i4"))
    stored.write_empty_chunks = True
    assert before.shape == SHAPE
    assert before.metadata.attributes == {}
    assert not before.write_empty_chunks
    assert isinstance(stored._handle, ArrayHandle)
    assert (stored.shape, stored.attrs, stored.write_empty_chunks) == ((8, 4), {"a": 1}, True)


def test_queued_reads_are_of_the_shape_that_they_were_asked_in(stored):
    """Also if they begin after the array has been resized."""
    expected, begin = stored[...], threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "select", lambda *arguments: begin.wait(10) and select(*arguments))
        patch.setattr("simplezarr.transfer.read_queue.select", dispatch.select)
        futures = [stored.read_future() for _ in range(3)]
        stored.resize(LARGER)
        begin.set()
        results = [future.result(10) for future in futures]
    for result in results:
        np.testing.assert_array_equal(result, expected)
    assert stored.read_future().result(10).shape == LARGER


select = dispatch.select


def test_copies_are_read_in_the_shape_that_they_began_with():
    source = sz.create_array({}, data=np.arange(12), chunks=3)
    description = source.__copy_source__()
    source.resize(20)
    assert description.shape == (12,)
    assert source.__copy_source__() != description
    assert description.read((slice(3, None),), np.empty(9, source.dtype)).tolist() == [*range(3, 12)]


def test_kinds_that_are_not_regular_are_arrays_too(stored):
    again = pickle.loads(pickle.dumps(stored))
    assert type(again) is sz.Array
    np.testing.assert_array_equal(again[...], stored[...])


@pytest.mark.parametrize("index", [(1, 1), (2, 1)])
def test_set_chunk_takes_the_part_within_the_array(stored, index):
    chunk = stored.get_chunk(index)
    expected = stored[...]
    (box, shape) = stored._handle.transfer.chunk_box(index)
    assert shape == chunk.shape
    expected[box] = 50
    stored.set_chunk(index, np.full(expected[box].shape, 50))
    np.testing.assert_array_equal(stored[...], expected)
    stored.set_chunk(index, chunk)
    with pytest.raises(ValueError, match=rf"data for chunk \({index[0]}, {index[1]}\) has shape \(9, 9\)"):
        stored.set_chunk(index, np.zeros((9, 9)))
