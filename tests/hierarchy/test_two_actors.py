"""Two actors at one place: creators, deleters and those who change a node. Each wins or comes after the other; no data
that were stored successfully are lost, and an array never reads as fill value in their place.

SIMPLEZARR_CAMPAIGN lengthens the campaigns: 100 for each round.
"""

import os
import random
import subprocess
import threading
from functools import partial

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore, MemoryStore, SlowStore, WrapperStore
from simplezarr.stores.resolve import as_store
from tests.support.helpers import PYTHON, same_package, within

ROUNDS, CAMPAIGN = 6, int(os.environ.get("SIMPLEZARR_CAMPAIGN", 20_000)) // 100
N, CHUNK = 4000, 50


def together(*actors):
    """What each actor returns or raises, all of them let go at the same moment."""
    start, results = threading.Barrier(len(actors)), [None] * len(actors)

    def act(i):
        start.wait(30)
        try:
            results[i] = actors[i]()
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=act, args=(i,), daemon=True) for i in range(len(actors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a deadlock"
    return results


def values(k):
    return np.full(N, k, "i4")


STORES = {
    "local": lambda path: str(path / "x"),
    "memory": lambda path: {},
    "wrapped": lambda path: WrapperStore(MemoryStore()),
    "slow": lambda path: SlowStore(MemoryStore(), latency=1e-4),
}


def make_store(kind, path, i):
    directory = path / str(i)
    directory.mkdir()
    return STORES[kind](directory)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("formats", [(3, 3), (2, 2), (2, 3)])
@pytest.mark.parametrize("kind", STORES)
def test_two_who_save(kind, formats, overwrite, tmp_path):
    two_who_save(kind, formats, overwrite, tmp_path, ROUNDS)


@pytest.mark.campaign
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("formats", [(3, 3), (2, 2), (2, 3)])
@pytest.mark.parametrize("kind", STORES)
def test_two_who_save_campaign(kind, formats, overwrite, tmp_path):
    two_who_save(kind, formats, overwrite, tmp_path, CAMPAIGN)


def two_who_save(kind, formats, overwrite, tmp_path, rounds):
    for i in range(rounds):
        store, path = make_store(kind, tmp_path, i), ("" if i % 2 else "g/a")
        results = together(*[
            partial(sz.save, store, values(k), path, chunks=(CHUNK,), overwrite=overwrite, zarr_format=zarr_format)
            for k, zarr_format in enumerate(formats, 1)
        ])  # fmt: skip
        failed = [result for result in results if result is not None]
        assert len(failed) == (0 if overwrite else 1)
        assert all(isinstance(error, sz.NodeExistsError) for error in failed)
        stored = np.unique(sz.open_array(store, path)[...]).tolist()
        assert stored in ([[1], [2]] if overwrite else [[1 + results.index(None)]])
        keys = [f"{path}/{name}".lstrip("/") for name in ("zarr.json", ".zarray")]
        assert [as_store(store).exists(key) for key in keys].count(True) == 1


SAVING = """
import sys, numpy as np, simplezarr as sz
path, k, overwrite, rounds = sys.argv[1], int(sys.argv[2]), bool(int(sys.argv[3])), int(sys.argv[4])
for i in range(rounds):
    print(flush=True)
    sys.stdin.readline()
    try:
        sz.save(f"{path}/{i}", np.full(4000, k, "i4"), chunks=(50,), overwrite=overwrite)
        print("saved", flush=True)
    except sz.NodeExistsError:
        print("exists", flush=True)
"""


def two_processes(tmp_path, overwrite, rounds):
    actors = [
        subprocess.Popen(
            [*PYTHON, "-c", SAVING, str(tmp_path), str(k), str(int(overwrite)), str(rounds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=same_package(), text=True,
        )
        for k in (1, 2)
    ]  # fmt: skip
    for i in range(rounds):
        for actor in actors:
            actor.stdout.readline()
        for actor in actors:
            actor.stdin.write("go\n")
            actor.stdin.flush()
        results = [actor.stdout.readline().strip() for actor in actors]
        assert sorted(results) == (["saved", "saved"] if overwrite else ["exists", "saved"])
        stored = np.unique(sz.load(tmp_path / str(i))).tolist()
        assert stored in ([[1], [2]] if overwrite else [[1 + results.index("saved")]])
    for actor in actors:
        actor.communicate(timeout=60)
        assert actor.returncode == 0


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_processes(tmp_path, overwrite):
    two_processes(tmp_path, overwrite, 10)


@pytest.mark.campaign
@pytest.mark.parametrize("overwrite", [False, True])
def test_two_processes_campaign(tmp_path, overwrite):
    two_processes(tmp_path, overwrite, CAMPAIGN)


# ---------------------------------------------------------------- one actor held in the middle of its work


class Gated(WrapperStore):
    """Stops the first call of `method` with a key that `part` is in, before or after it is done, until `gate` opens."""

    in_memory, concurrency = False, 4

    def __init__(self, store, method, part, after=False):
        super().__init__(store)
        self.method, self.part, self.after = method, part, after
        self.gate, self.reached = threading.Event(), threading.Event()

    def _do(self, method, key, *args):
        here = method == self.method and self.part in key and not self.reached.is_set()
        if here and not self.after:
            self._stop()
        result = getattr(self.store, method)(key, *args)
        if here and self.after:
            self._stop()
        return result

    def _stop(self):
        self.reached.set()
        assert self.gate.wait(60)

    def get(self, key):
        return self._do("get", key)

    def set(self, key, value):
        return self._do("set", key, value)

    def delete(self, key):
        return self._do("delete", key)

    def delete_prefix(self, prefix):
        return self._do("delete_prefix", prefix)

    def list_dir(self, prefix=""):
        return self._do("list_dir", prefix)


def held(store, first, second, settle=0.04):
    """The results of `first(store)`, which stops at the store's gate, and of `second()`, which begins there.

    The gate opens once `second` is done, or waits (as it must if it may not run in between).
    """
    results = {}

    def act(name, action):
        try:
            results[name] = action()
        except Exception as error:
            results[name] = error

    threads = [
        threading.Thread(target=act, args=("first", lambda: first(store)), daemon=True),
        threading.Thread(target=act, args=("second", second), daemon=True),
    ]
    threads[0].start()
    assert store.reached.wait(30)
    threads[1].start()
    threads[1].join(settle)
    store.gate.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a deadlock"
    return results["first"], results["second"]


@pytest.fixture(params=["memory", "local"])
def inner(request, tmp_path):
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path / "x")


def whole(store, path):
    """The one value that an array is full of; None if there is no node."""
    try:
        found = np.unique(sz.open_array(store, path)[...]).tolist()
    except sz.NodeNotFoundError:
        return None
    assert len(found) == 1, found
    assert found != [0], "lost"
    return found[0]


def saving(k, path="g/a", **arguments):
    return lambda store: sz.save(store, values(k), path, chunks=(CHUNK,), **arguments)


#: Where the first of two creators is held.
MOMENTS = [("set", "c/3"), ("set", "a/zarr.json"), ("list_dir", "g/a"), ("get", "zarr.json")]


@pytest.mark.parametrize(("method", "part"), MOMENTS)
@pytest.mark.parametrize("second", [{}, {"overwrite": True}, {"zarr_format": 2}, {"zarr_format": 2, "overwrite": True}])
def test_a_creator_held(inner, method, part, second):
    sz.create_group(inner, "g")
    first, other = held(Gated(inner, method, part), saving(1), lambda: saving(2, **second)(inner))
    results = [first, other]
    assert sum(result is None for result in results) == (2 if first is None and "overwrite" in second else 1)
    assert all(result is None or isinstance(result, sz.NodeExistsError) for result in results)
    assert whole(inner, "g/a") == (2 if other is None else 1)


def test_a_creator_that_fails_leaves_the_place_to_the_next(inner):
    def fails(store):
        with pytest.raises(ZeroDivisionError):
            sz.save(store, values(1), "g/a", chunks=(CHUNK,))

    class Failing(Gated):
        def _stop(self):
            super()._stop()
            raise ZeroDivisionError

    sz.create_group(inner, "g")
    assert held(Failing(inner, "set", "c/3"), fails, lambda: saving(2)(inner)) == (None, None)
    assert whole(inner, "g/a") == 2
    assert sorted(inner.list("g/a/c")) == sorted(f"g/a/c/{i}" for i in range(N // CHUNK))


@pytest.mark.parametrize("method", ["set", "get"])
def test_a_parent_deleted_under_a_creator(inner, method):
    """The creator's node goes with it, or has a parent of its own again."""
    root = sz.create_group(inner)
    root.create_group("g")
    store = Gated(inner, method, "g/zarr.json" if method == "get" else "g/a/c/3", after=True)
    first, second = held(store, saving(1), lambda: root.__delitem__("g"))
    assert (first, second) == (None, None)
    assert whole(inner, "g/a") in (None, 1)
    if "g" in root:
        assert list(root["g"]) == ["a"]
    else:
        assert [*inner.list()] == ["zarr.json"]


def test_a_parent_replaced_under_a_creator(inner):
    root = sz.create_group(inner)
    root.create_group("g")
    store = Gated(inner, "set", "g/a/c/3")
    first, second = held(store, saving(1), lambda: saving(2, "g", overwrite=True)(inner))
    assert (first, second) == (None, None)
    assert whole(inner, "g") == 2
    assert not inner.exists("g/a/zarr.json")


def test_a_child_created_under_a_deleter(inner):
    root = sz.create_group(inner)
    root.create_array("g/old", data=values(3), chunks=(CHUNK,))
    store = Gated(inner, "delete_prefix", "g/")

    def delete(store):
        del sz.open_group(store, mode="r+")["g"]

    first, second = held(store, delete, lambda: saving(2)(inner))
    assert (first, second) == (None, None)
    assert whole(inner, "g/a") == 2
    assert list(root["g"]) == ["a"]


@pytest.mark.parametrize("change", ["append", "resize", "attributes"])
@pytest.mark.parametrize("other", ["delete", "overwrite"])
def test_a_change_held(inner, change, other):
    """The removal waits for it, so nothing of the old node is written over the new one."""
    root = sz.create_group(inner)
    root.create_array("a", data=values(1), chunks=(CHUNK,))
    changes = {
        "append": lambda store: sz.open(store, "a", mode="r+").append(values(1)),
        "resize": lambda store: sz.open(store, "a", mode="r+").resize(N // 2),
        "attributes": lambda store: sz.open(store, "a", mode="r+").attrs.update(old=True),
    }
    others = {"delete": lambda: root.__delitem__("a"), "overwrite": lambda: saving(2, "a", overwrite=True)(inner)}
    key = {"append": ("set", "a/c/90"), "resize": ("delete", "a/c/60"), "attributes": ("set", "a/zarr.json")}[change]
    first, second = held(Gated(inner, *key), changes[change], others[other])
    assert not isinstance(first, Exception)
    assert second is None
    assert whole(inner, "a") == (None if other == "delete" else 2)
    if other == "overwrite":
        node = sz.open(inner, "a")
        assert (node.shape, dict(node.attrs)) == ((N,), {})
        assert node.nchunks_stored == N // CHUNK
        assert len([*inner.list("a/c")]) == N // CHUNK


@pytest.mark.skipif(os.name == "nt", reason="symbolic links")
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(("method", "part"), MOMENTS[:2])
@pytest.mark.parametrize("other", ["path", "link", "wrapped", "subclass"])
def test_one_place_by_two_names(tmp_path, other, method, part, overwrite):
    """Creators that reach it through stores of their own, as paths, links and other objects make them."""

    class Mine(LocalStore):
        pass

    sz.create_group(tmp_path / "x", "g")
    os.symlink(tmp_path / "x", tmp_path / "link")
    store, path = {
        "path": (LocalStore(tmp_path / "x" / "g" / "a"), ""),
        "link": (LocalStore(tmp_path / "link"), "g/a"),
        "wrapped": (WrapperStore(LocalStore(tmp_path / "x" / "g")), "a"),
        "subclass": (Mine(tmp_path / "x"), "g/a"),
    }[other]
    first = LocalStore(tmp_path / "x")
    results = held(Gated(first, method, part), saving(1), lambda: saving(2, path, overwrite=overwrite)(store))
    assert results[0] is None
    assert results[1] is None if overwrite else isinstance(results[1], sz.NodeExistsError)
    assert whole(first, "g/a") == (2 if overwrite else 1)
    assert list(sz.open(first)["g"]) == ["a"]


# ---------------------------------------------------------------- whole lives

VERBS = ("create", "overwrite", "delete", "append", "resize", "attributes", "group", "below")


def live(store, seed, rounds):
    """Act on one place again and again; every error must be one that another actor explains."""
    rng = random.Random(seed)
    for _ in range(rounds):
        k, verb = rng.randrange(1, 100), rng.choice(VERBS)
        arguments = {"chunks": (CHUNK,), "zarr_format": rng.choice((2, 3))}
        try:
            if verb == "create":
                sz.save(store, values(k), "g/a", **arguments)
            elif verb == "overwrite":
                sz.save(store, values(k), "g/a", overwrite=True, **arguments)
            elif verb == "group":
                sz.create_group(store, "g/a", overwrite=rng.random() < 0.5)
            elif verb == "below":
                sz.save(store, values(k), "g/a/b", **arguments)
            elif verb == "delete":
                del sz.open_group(store, "g", mode="r+")["a"]
            else:
                node = sz.open(store, "g/a", mode="r+")
                if verb == "attributes":
                    node.attrs[f"n{seed}"] = k
                elif isinstance(node, sz.Array) and verb == "append":
                    node.append(values(7)[:CHUNK])
                elif isinstance(node, sz.Array):
                    node.resize(N)
        except (sz.NodeExistsError, sz.NodeNotFoundError):
            pass
        except sz.MetadataError as error:
            if "replaced since" not in str(error) and "is an array" not in str(error):
                raise


def check_life(store):
    """What is there now is complete: no array with missing chunks, no node without a parent."""
    store = as_store(store)
    for key in [*store.list()]:
        path, _, name = key.rpartition("/")
        if name in ("zarr.json", ".zarray", ".zgroup") and path:
            assert isinstance(sz.open(store, path.rpartition("/")[0]), sz.Group), key
    node = sz.api.find_node(store, "g/a", read_only=True)
    arrays = [node] if isinstance(node, sz.Array) else [array for _, array in node.arrays()] if node else []
    for array in arrays:
        assert array.nchunks_stored == array.nchunks, "chunks are lost"
        assert (array[...] != 0).all(), "data are lost"


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_lives(kind, tmp_path):
    lives(kind, tmp_path, range(3), 25)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", STORES)
def test_lives_campaign(kind, tmp_path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    lives(kind, tmp_path, range(seed, seed + CAMPAIGN), 25)


def lives(kind, tmp_path, seeds, rounds):
    for i in seeds:
        store = make_store(kind, tmp_path, i)
        sz.create_group(store, "g")
        results = together(partial(live, store, 2 * i, rounds), partial(live, store, 2 * i + 1, rounds))
        assert results == [None, None]
        check_life(store)
        within(60, saving(5, overwrite=True), store)
        assert whole(store, "g/a") == 5
