"""Assignment through index arrays, masks, `oindex`, `vindex`, `blocks` and lazy selections, against NumPy's."""

import os
import random

import numpy as np
import pytest
from hypothesis import given, settings

import simplezarr as sz
from tests.engine.jobs.test_read_property import outcome
from tests.engine.jobs.test_write_property import KINDS, check_write, pick_value, stored
from tests.oracle import v3 as oracle
from tests.oracle.v3 import LITTLE, codec, same, sharding
from tests.support.helpers import Counting
from tests.support.selections import advanced_key, orthogonal, orthogonal_key
from tests.support.strategies import make_case, make_selection, randoms


def assign(rand, array, places, write):
    """Random values, written by us and by NumPy to the places (numbers of elements); of several for one, the last."""
    value = oracle.garbage(np.random.default_rng(rand.randrange(2**32)), places.shape, array.dtype)
    write(value if value.ndim else value[()])
    array.reshape(-1)[places.reshape(-1)] = value.reshape(-1)


def write_orthogonal(rand, arr, array, case):
    key = orthogonal_key(rand, array.shape)
    places = np.asarray(orthogonal(np.arange(array.size).reshape(array.shape), key))
    assign(rand, array, places, lambda value: arr.oindex.__setitem__(key, value))


def write_lazily(rand, arr, array, case):
    """A selection of a selection."""
    places, lazy = np.arange(array.size).reshape(array.shape), arr.lazy[...]
    for _ in range(rand.randint(1, 3)):
        key = (make_selection if rand.random() < 0.6 else advanced_key)(rand, places.shape)
        selected = outcome(places.__getitem__, key)
        if not isinstance(selected, type):
            places, lazy = np.asarray(selected), lazy[key]
    assign(rand, array, places, lazy.write)


def write_points(rand, arr, array, case):
    key = advanced_key(rand, array.shape)
    places = outcome(np.arange(array.size).reshape(array.shape).__getitem__, key)
    if isinstance(places, type) or len(np.unique(places)) == np.size(places):
        check_write(arr, array, key, pick_value(rand, () if isinstance(places, type) else places.shape, case))
    else:  # NumPy's own order, with several values for one place, depends on the strides of all that is involved
        assign(rand, array, places, lambda value: arr.__setitem__(key, value))


def write_mask(rand, arr, array, case):
    mask = np.random.default_rng(rand.randrange(2**32)).random(array.shape) < 0.4
    arr.vindex[mask] = array[mask] = case.fill if rand.random() < 0.3 else array[mask][::-1].copy()


WRITES = [write_orthogonal, write_lazily, write_points, write_points, write_mask]


def check_rounds(rand, case, kind, n):
    with stored(case, kind) as (arr, content):
        array = case.array.copy()
        for _ in range(n):
            how = rand.choice(WRITES)
            try:
                how(rand, arr, array, case)
                assert arr[...].tobytes() == array.tobytes()
                assert oracle.read_array(content(), case.path).tobytes() == array.tobytes()
            except BaseException as error:
                error.add_note(f"{how.__name__}: {case}")
                raise


@settings(max_examples=50)
@given(rand=randoms)
def test_assignment_is_numpys(rand, pool):
    check_rounds(rand, make_case(rand), rand.choice(KINDS), 1)


def check_many(total, seed):
    for start in range(0, total, 10):
        rand = random.Random(seed + start)
        try:
            check_rounds(rand, make_case(rand), KINDS[start // 10 % 4], min(10, total - start))
        except BaseException as error:
            error.add_note(f"seed {seed + start}")
            raise


def test_random_rounds(pool):
    check_many(1000, seed=0)


@pytest.mark.campaign
def test_campaign(pool):
    """As many assignments as SIMPLEZARR_CAMPAIGN says (100000 if unset), to a new array for each 10 of them."""
    check_many(int(os.environ.get("SIMPLEZARR_CAMPAIGN", 100_000)), seed=random.randrange(2**32))


SHAPE, CHUNKS = (13, 9), (4, 6)
CHAINS = {"chunks": [LITTLE, codec("zstd", level=1, checksum=False)], "shards": [sharding([2, 3])]}


@pytest.fixture(params=CHAINS)
def pair(request):
    """An array to be changed, and what is in it; its store counts."""
    data = np.arange(np.prod(SHAPE), dtype="i4").reshape(SHAPE)
    store = Writable(oracle.write_array({}, "", data, CHUNKS, codecs=CHAINS[request.param], fill_value=np.int32(-1)))
    arr = sz.open_array(store, mode="r+")
    store.take()
    return arr, data


class Writable(Counting):
    """Counts what is written, too."""

    def set(self, key, value):
        self.calls.append(("set", key))
        self.data[key] = bytes(value)

    def delete(self, key):
        self.calls.append(("delete", key))
        self.data.pop(key, None)


def test_the_last_of_several_values_wins(pair):
    arr, data = pair
    rows, columns = [3, 3, 12, 3, -1], [1, 1, 8, 1, -1]
    arr[rows, columns] = data[rows, columns] = np.arange(5)
    arr.oindex[[5, 5], [2, 7, 2]] = np.arange(6).reshape(2, 3)
    data[5, [2, 7]] = 5, 4
    arr[[0, 0]] = data[[0, 0]] = np.arange(18).reshape(2, 9)
    assert same(arr[...], data)


def test_many_points_of_one_element():
    store = Writable(oracle.write_array({}, "", np.array(5), (), codecs=[LITTLE], fill_value=np.int64(0)))
    arr = sz.open_array(store, mode="r+")
    arr.lazy[None][[0, 0, -1]].write([1, 2, 3])
    assert arr[()] == 3


def test_each_chunk_is_written_once(pair):
    arr, data = pair
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 13, 300), rng.integers(0, 9, 300)
    arr[rows, columns] = data[rows, columns] = rng.integers(0, 99, 300)
    written = [call for call in arr.store.take() if call[0] == "set"]
    assert len(written) == len(set(written)) == 8
    assert same(arr[...], data)


def test_views_and_lazy_selections(pair):
    arr, data = pair
    arr.oindex[[1, 12], ::-2] = 5
    data[[1, 12], ::-2] = 5
    arr.vindex[[0, 2], [3, 4]] = data[[0, 2], [3, 4]] = [7, 8]
    arr.vindex[3, 4] = data[3, 4] = 9
    arr.blocks[1, 1] = 11
    data[4:8, 6:] = 11
    arr.blocks[-1] = data[12:] = np.arange(9)
    arr.lazy[2:10][::-1, [0, 5]].write([[1, 2]])
    data[2:10][:, [0, 5]] = [1, 2]
    arr.lazy[5].write(data[5] * 2)
    data[5] *= 2
    arr.write([[0, 1], [2, 3]], data[4])
    data[[[0, 1], [2, 3]]] = data[4]
    arr.write_future(data % 2 == 0, -1).result()
    data[data % 2 == 0] = -1
    assert same(arr[...], data)


def test_values_that_do_not_fit(pair):
    arr, data = pair
    before = dict(arr.store.data)
    with pytest.raises(ValueError, match=r"could not broadcast input array from shape \(4,\) into shape \(3,\)"):
        arr[[0, 1, 2], [0, 1, 2]] = np.zeros(4)
    with pytest.raises(ValueError, match="could not broadcast"):
        arr[data > 50] = [1, 2]
    with pytest.raises(IndexError, match="index 13 is out of bounds for axis 0 with size 13"):
        arr[[0, 13]] = 1
    with pytest.raises(ValueError, match="could not broadcast"):
        arr.lazy[2:2].write(np.zeros((2, 9)))
    with pytest.raises(OverflowError):
        arr[[0, 1]] = 2**40
    with pytest.raises(sz.errors.ReadOnlyError):
        sz.open_array(arr.store)[[0, 1]] = 1
    assert arr.store.data == before


def test_units_that_a_list_covers_are_not_read(tmp_path):
    """Rows of chunks of one row: what was stored there, damaged, does not matter."""
    data = np.arange(40, dtype="i4").reshape(8, 5)
    store = oracle.write_array({}, "", data, (1, 5), codecs=[LITTLE], fill_value=np.int32(0), seed=None)
    store["c/3/0"] = b"damaged"
    arr = sz.open_array(oracle.dump(store, tmp_path), mode="r+")
    arr[[5, 3]] = data[[5, 3]] = np.arange(10).reshape(2, 5)
    assert same(arr[...], data)
