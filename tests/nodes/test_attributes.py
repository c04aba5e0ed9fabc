"""Attributes: a mapping that stores what is changed, loses nothing of other writers, and refuses what is not JSON."""

import datetime
import json
import threading
from dataclasses import replace

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.nodes import attributes
from tests.nodes.test_group import TREE
from tests.support.helpers import python


class Recording(sz.WrapperStore):
    """Notes the keys that are set."""

    def __init__(self, store):
        super().__init__(store)
        self.written = []

    def set(self, key, value):
        self.written.append(key)
        super().set(key, value)


@pytest.fixture(params=["a", "b", ""])
def node(request):
    """An array, a group, and the root."""
    return sz.open(Recording(sz.MemoryStore(dict(TREE))), request.param, mode="r+")


def stored(node):
    """The attributes in the store."""
    return json.loads(node.store.get(f"{node.path}/zarr.json".lstrip("/"))).get("attributes", {})


def test_mapping(node):
    attrs = node.attrs
    attrs.clear()
    attrs["x"] = 1
    attrs["é"] = {"a": [1, None, True, "s", 2.5]}
    assert stored(node) == dict(attrs) == node.attrs == {"x": 1, "é": {"a": [1, None, True, "s", 2.5]}}
    assert (list(attrs), len(attrs), "x" in attrs, attrs.get("y", 3)) == (["x", "é"], 2, True, 3)
    assert repr(attrs) == repr(dict(attrs))
    assert attrs.pop("x") == 1
    assert attrs.setdefault("z", 5) == 5
    del attrs["é"]
    assert stored(node) == node.attrs == {"z": 5}
    for missing in (lambda: attrs["x"], lambda: attrs.pop("x"), lambda: attrs.__delitem__("x")):
        with pytest.raises(KeyError):
            missing()
    assert sz.open(node.store, node.path).attrs == {"z": 5}


def test_one_write_for_an_update(node):
    node.attrs.update({"a": 1, "b": 2}, c=3)
    node.attrs.update([("d", 4)])
    assert node.store.written == [f"{node.path}/zarr.json".lstrip("/")] * 2
    node.attrs.update()
    node.attrs.clear()
    assert len(node.store.written) == 3
    assert stored(node) == {}


def test_reading_needs_no_store(node):
    node.attrs["a"] = [1]
    for method in ("get", "exists", "size", "list", "list_dir"):
        setattr(node.store, method, None)
    assert dict(node.attrs) | {"a": [1]} == dict(node.attrs)


def test_values_are_copies(node):
    mine = [1, {"b": 2}]
    node.attrs["a"] = mine
    mine.append(3)
    node.attrs["a"].append(4)
    node.attrs["a"][1]["b"] = 5
    assert node.attrs["a"] == stored(node)["a"] == [1, {"b": 2}]


@pytest.mark.parametrize(("value", "plain"), [
    (np.float32(0.1), float(np.float32(0.1))), (np.int8(-1), -1), (np.uint64(2**64 - 1), 2**64 - 1), (np.True_, True),
    (np.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]]), (np.array(1.5), 1.5), ((1, (2,)), [1, [2]]),
    ({"a": np.array(["x", "y"])}, {"a": ["x", "y"]}), (np.str_("s"), "s"), (2**80, 2**80), ([np.float64(-0.0)], [-0.0]),
], ids=str)  # fmt: skip
def test_what_is_converted(node, value, plain):
    node.attrs["a"] = value
    assert node.attrs["a"] == stored(node)["a"] == plain
    assert type(node.attrs["a"]) is type(plain)


KEYS = {"name": "v2", "configuration": {"separator": "/"}}
CYCLE = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize("value", [
    float("nan"), [np.float32("inf")], np.array([1, np.nan]), 1j, np.complex64(1), b"bytes", {1: 2}, {"a": {None: 1}},
    {1, 2}, object(), datetime.date(2020, 1, 1), np.datetime64("2020-01-01"), np.array([object()]), CYCLE, sz,
], ids=repr)  # fmt: skip
def test_what_is_refused(node, value):
    before = stored(node)
    for change in (lambda: node.attrs.__setitem__("a", value), lambda: node.attrs.update({"b": 1}, a=value)):
        with pytest.raises((TypeError, ValueError), match="attributes"):
            change()
    assert stored(node) == node.attrs == before
    assert not node.store.written
    with pytest.raises(TypeError, match="attributes"):
        node.attrs[3] = 1


def test_nodes_opened_for_reading():
    store = dict(TREE)
    for path in ("", "a"):
        node = sz.open(store, path)
        for change in (
            lambda attrs: attrs.__setitem__("a", 1), lambda attrs: attrs.update(a=1), lambda attrs: attrs.update(),
            lambda attrs: attrs.clear(), lambda attrs: attrs.__delitem__("title"),
        ):  # fmt: skip
            with pytest.raises(sz.ReadOnlyError, match=r'mode="r\+"'):
                change(node.attrs)
    sealed = sz.WrapperStore(sz.MemoryStore(store))
    sealed.read_only = True
    with pytest.raises(sz.ReadOnlyError, match="read_only"):
        sz.open(sealed, "a", mode="r+").attrs["a"] = 1
    assert store == TREE


def test_the_rest_of_the_document_is_kept():
    document = json.loads(TREE["a/zarr.json"])
    document |= {
        "surprise": {"must_understand": False, "a": [1]},
        "chunk_key_encoding": KEYS,
        "dimension_names": ["x"],
        "attributes": {"n": 1},
    }
    store = {"zarr.json": json.dumps(document).encode()}
    sz.open(store, mode="r+").attrs["a"] = 1
    assert json.loads(store["zarr.json"]) == document | {"attributes": {"n": 1, "a": 1}}


def test_what_two_handles_write():
    store = sz.MemoryStore(dict(TREE))
    one, other = (sz.open(store, "a", mode="r+") for _ in range(2))
    one.attrs["x"] = 1
    other.attrs["y"] = 2
    one.resize(6)
    del one.attrs["x"]
    other.attrs["z"] = 3
    assert stored(one) == other.attrs == {"y": 2, "z": 3}
    assert sz.open(store, "a").shape == (6,)


def test_node_that_is_gone():
    store = dict(TREE)
    a = sz.open(store, "a", mode="r+")
    del store["a/zarr.json"]
    with pytest.raises(sz.NodeNotFoundError, match="/a of"):
        a.attrs["x"] = 1
    assert "a/zarr.json" not in store


@pytest.mark.parametrize("kind", ["memory", "local", "slow"])
def test_threads_lose_nothing(kind, tmp_path):
    store = {
        "memory": sz.MemoryStore(),
        "local": sz.LocalStore(tmp_path),
        "slow": sz.SlowStore(sz.MemoryStore(), 0.0001),
    }[kind]
    sz.create_array(store, shape=3, dtype="u1")

    def work(number):
        for i in range(20):
            sz.open(store, mode="r+").attrs[f"{number} {i}"] = i

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sz.open(store).attrs) == 80


def test_a_handle_loses_no_change_of_another_thread(monkeypatch):
    """An array is resized just when its handle takes up the attributes that were stored."""
    a = sz.create_array({}, data=[1, 2, 3], chunks=2)
    threads = []

    def meanwhile(metadata, **changes):
        if threads or changes["attributes"] != {"x": 1} or metadata.attributes:
            return replace(metadata, **changes)
        if not inside:
            inside.append(1)  # the change of the stored document, under its lock
            return replace(metadata, **changes)
        threads.append(threading.Thread(target=a.resize, args=(6,)))
        threads[0].start()
        threads[0].join(0.2)
        return replace(metadata, **changes)

    inside = []
    monkeypatch.setattr(attributes, "replace", meanwhile)
    a.attrs["x"] = 1
    threads[0].join()
    assert a.shape == a.metadata.shape == (6,)
    assert a.attrs == {"x": 1}
    assert a[5] == 0


def test_processes_lose_nothing(tmp_path):
    sz.create_group(tmp_path / "x.zarr")
    code = """
import multiprocessing, sys
import simplezarr as sz

def work(number):
    for i in range(20):
        sz.open(sys.argv[1], mode="r+").attrs[f"{number} {i}"] = i

context = multiprocessing.get_context("fork")
processes = [context.Process(target=work, args=(number,)) for number in range(4)]
[process.start() for process in processes]
[process.join() for process in processes]
"""
    python(code, tmp_path / "x.zarr", seconds=60, directory=tmp_path)
    assert len(sz.open(tmp_path / "x.zarr").attrs) == 80


def test_put_replaces_all_with_one_write(node):
    node.attrs.update(a=1, b=[2])
    node.store.written.clear()
    node.attrs.put({"c": np.float32(0.5), "b": (3,)})
    assert stored(node) == node.attrs.asdict() == {"c": 0.5, "b": [3]}
    assert len(node.store.written) == 1
    node.attrs.put({})
    assert stored(node) == node.attrs.asdict() == {}
    for wrong in (3, [1, 2]):
        with pytest.raises(TypeError):
            node.attrs.put(wrong)
    with pytest.raises(sz.ReadOnlyError):
        sz.open(node.store, node.path).attrs.put({})


@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
def test_put_keeps_stored_nan():
    document = b'{"zarr_format": 3, "node_type": "group", "attributes": {"x": NaN, "y": 1}}'
    attrs = sz.open({"zarr.json": document}, mode="r+").attrs
    attrs.put({**attrs.asdict(), "y": 2})
    assert repr(attrs.asdict()) == "{'x': nan, 'y': 2}"
    with pytest.raises(ValueError, match="attributes"):
        attrs.put({"z": float("nan")})
    attrs.put({"y": 3})
    assert attrs.asdict() == {"y": 3}


def test_asdict_is_a_copy(node):
    node.attrs.put({"a": [1], "b": {"c": 2}})
    copy = node.attrs.asdict()
    assert type(copy) is dict
    copy["a"].append(2)
    copy["b"]["c"] = 3
    assert node.attrs.asdict() == {"a": [1], "b": {"c": 2}}
    assert node.attrs._ipython_key_completions_() == ["a", "b"]
