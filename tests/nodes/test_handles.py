"""What an array or group object is beyond its elements: refreshed, closed, and chunks by number."""

import pickle

import numpy as np
import pytest

import simplezarr as sz


class Closing(sz.MemoryStore):
    closed = False

    def close(self):  # may be called twice
        self.closed = True


# ---- refresh ----


def test_refresh_shows_what_another_object_changed(tmp_path):
    a = sz.create_array(tmp_path, data=[1, 2], chunks=2)
    reader, writer = sz.open_array(tmp_path), sz.open_array(tmp_path, mode="r+")
    writer.append([3])
    writer.attrs["unit"] = "m"
    assert (a.shape, reader.shape) == ((2,), (2,))
    for other in a, reader:
        assert other.refresh() is None
        assert other[...].tolist() == [1, 2, 3]
        assert dict(other.attrs) == {"unit": "m"}
    writer.resize(1)
    reader.refresh()
    assert reader[...].tolist() == [1]


def test_refresh_keeps_how_empty_chunks_are_written():
    a = sz.create_array({}, data=[1, 2], write_empty_chunks=True)
    a.refresh()
    assert a.write_empty_chunks


@pytest.mark.parametrize("kind", ["array", "group", "nothing"])
def test_refresh_of_what_was_replaced(kind):
    store = {}
    a = sz.create_array(store, "x", data=[1, 2])
    if kind == "array":
        sz.create_array(store, "x", data=[1.5], overwrite=True)
    elif kind == "group":
        sz.create_group(store, "x", overwrite=True)
    else:
        del sz.open_group(store, mode="r+")["x"]
    with pytest.raises(sz.MetadataError, match=r"/x of .* was replaced since it was opened; open it again"):
        a.refresh()
    assert a.shape == (2,)


# ---- with ----


@pytest.mark.parametrize("wrapped", [False, True])
def test_with_closes_the_store(wrapped):
    inner = Closing()
    store = sz.WrapperStore(inner) if wrapped else inner
    with sz.create_array(store, "x", data=[1, 2]) as a:
        assert isinstance(a, sz.Array)
        assert not inner.closed
    assert inner.closed
    inner.closed = False
    with pytest.raises(ZeroDivisionError), sz.open_group(store) as group:
        print(1 // len(group.attrs))
    assert inner.closed


def test_stores_that_hold_nothing_are_used_again(tmp_path):
    for store in tmp_path, {}:
        with sz.create_array(store, "x", data=[1, 2]) as a:
            a[0] = 3
        assert a[0] == 3
        a.store.close()


# ---- chunks by number ----


@pytest.mark.parametrize("number", [1, np.int64(1), np.array(1)])
def test_chunks_by_number_in_one_dimension(number):
    a = sz.create_array({}, data=np.arange(5), chunks=2, codecs=[])
    assert a.get_chunk(number).tolist() == a.get_chunk_future(number).result().tolist() == [2, 3]
    assert a.get_encoded_chunk(number) == a.get_encoded_chunk((1,))
    a.set_chunk(number, [7, 8])
    a.set_chunk_future(2, [9]).result()
    assert a[...].tolist() == [0, 1, 7, 8, 9]


def test_rectilinear_chunks_by_number():
    a = sz.create_array({}, data=np.arange(5), chunks=([2, 3],))
    assert a.get_chunk(1).tolist() == [2, 3, 4]


@pytest.mark.parametrize("method", ["get_chunk", "get_encoded_chunk"])
@pytest.mark.parametrize("shape", [(), (4, 4)])
def test_numbers_in_other_dimensions(method, shape):
    a = sz.create_array({}, shape=shape, dtype="u1")
    with pytest.raises(IndexError, match=r"chunk index \(0,\) has 1 numbers, but the array has . dimensions"):
        getattr(a, method)(0)


@pytest.mark.parametrize("index", [3, -1, True, 1.0, None, "0"])
def test_numbers_that_are_no_chunk(index):
    a = sz.create_array({}, data=np.arange(5), chunks=2)
    with pytest.raises((IndexError, TypeError)):
        a.get_chunk(index)


def test_pickles_keep_the_options():
    a = sz.create_array(sz.MemoryStore(), data=[1], write_empty_chunks=True)
    again = pickle.loads(pickle.dumps(a))
    assert (again.read_only, again.write_empty_chunks, again[0]) == (False, True, 1)
