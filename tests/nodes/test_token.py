"""`__dask_tokenize__`: what tells arrays apart, without reading anything."""

import time

import numpy as np
import pytest

import simplezarr as sz
from tests.support.helpers import Counting, python

tokenize = pytest.importorskip("dask.base").tokenize


@pytest.fixture(params=["path", "dict", "store"])
def place(request, tmp_path):
    return {"path": tmp_path / "a.zarr", "dict": {}, "store": sz.MemoryStore()}[request.param]


def test_one_array_has_one_token(place):
    a = sz.create_array(place, "x", data=[1, 2], attributes={"a": [1]})
    for mode in ("r", "r+"):
        assert tokenize(sz.open_array(place, "x", mode=mode)) == tokenize(a)
    sz.create_array(place, "y", data=[1, 2], attributes={"a": [1]})
    assert tokenize(sz.open_array(place, "y")) != tokenize(a)


def test_changed_metadata_change_it(place):
    a = sz.create_array(place, data=np.zeros((4, 4)), chunks=(2, 2))
    tokens = [tokenize(a)]
    a.resize((4, 6))
    tokens.append(tokenize(a))
    a.attrs["unit"] = "m"
    tokens.append(tokenize(a))
    for change in ({"fill_value": 1}, {"codecs": "gzip"}, {"chunks": (4, 2)}, {"dtype": "f4"}, {"zarr_format": 2}):
        how = {"shape": (4, 6), "dtype": "f8", "chunks": (2, 2), **change}
        tokens.append(tokenize(sz.create_array(place, overwrite=True, **how)))
    assert len({*tokens}) == 8


def test_other_stores_have_other_tokens(tmp_path):
    kept = [{}, {}, tmp_path / "a", tmp_path / "b", sz.MemoryStore(), sz.WrapperStore(sz.MemoryStore())]
    tokens = {tokenize(sz.create_array(store, data=[1])) for store in kept}
    assert len(tokens) == 6


def test_a_dict_that_is_gone_leaves_no_token():
    """Python may give its place in memory to the next one."""
    tokens = {tokenize(sz.create_array({}, data=[1])) for _ in range(50)}
    assert len(tokens) == 50


def test_tokens_of_paths_are_those_of_other_processes(tmp_path):
    a = sz.create_array(tmp_path / "a", data=[1])
    code = "import sys, simplezarr as sz; print(sz.open(sys.argv[1]).__dask_tokenize__())"
    assert python(code, tmp_path / "a", seconds=60, directory=tmp_path).strip() == repr(a.__dask_tokenize__())


def test_nothing_is_read():
    data = {}
    sz.create_array(data, data=np.zeros(1 << 20), chunks=1 << 18, write_empty_chunks=True)
    store = Counting(data)
    a = sz.open_array(store)
    store.take()
    times = []
    for _ in range(20):
        start = time.perf_counter()
        a.__dask_tokenize__()
        times.append(time.perf_counter() - start)
    assert store.take() == []
    assert min(times) < 0.001


def test_selections_have_tokens_of_their_own():
    a = sz.create_array({}, data=np.zeros((4, 4)), chunks=2 * (2,))
    keys = [sz.s_[:], sz.s_[1:], sz.s_[:, 1:], sz.s_[[1, 2]], sz.s_[[2, 1]], sz.s_[0]]
    lazies = [*(a.lazy[key] for key in keys), a.lazy[...].T, a.lazy[...].astype("f4"), a.lazy[...].astype("S9")]
    assert len({tokenize(lazy) for lazy in lazies}) == 9
    assert tokenize(a.lazy[1:, [3, 0]]) == tokenize(a.lazy[...][1:, [3, 0]])
