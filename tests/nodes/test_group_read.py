"""`Group.read`: many arrays at once."""

import numpy as np
import pytest

import simplezarr as sz
from tests.support.helpers import Rounds


@pytest.mark.parametrize("consolidated", [False, True])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_many_coordinates_take_few_round_trips(consolidated, zarr_format):
    data = {}
    group = sz.create_group(data, zarr_format=zarr_format)
    for i in range(20):
        group.create_array(f"x{i}", data=np.arange(50) + i)
    if consolidated:
        group.consolidate_metadata()
    store = Rounds(sz.MemoryStore(data))
    group = sz.open_group(store)
    store.rounds = store.requests = 0
    found = group.read(dict.fromkeys([f"x{i}" for i in range(20)], ...))
    assert all((found[f"x{i}"] == np.arange(50) + i).all() for i in range(20))
    assert list(found) == [f"x{i}" for i in range(20)]
    assert store.requests >= 20
    assert store.rounds < 5


def test_selections_of_paths(tmp_path):
    group = sz.create_group(tmp_path)
    data = np.arange(40).reshape(5, 8)
    group.create_array("a/b", data=data, chunks=(2, 3))
    group["y"] = data[0]
    found = group.read({"a/b": sz.s_[::2, [1, 7]], "y": 3})
    assert found["a/b"].tolist() == data[::2, [1, 7]].tolist()
    assert found["y"] == data[0, 3]
    assert group.read({}) == {}


def test_what_is_not_an_array():
    group = sz.create_group({})
    group["a/b"] = [1, 2]
    with pytest.raises(sz.NodeNotFoundError, match="no node 'c'"):
        group.read({"a/b": ..., "c": ...})
    with pytest.raises(sz.MetadataError, match=r"/a of .* is a group, not an array; name the arrays below it"):
        group.read({"a": ...})
    with pytest.raises(IndexError):
        group.read({"a/b": 2})
