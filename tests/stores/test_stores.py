"""The stores: the conformance suite, what is particular to each, and a model to compare them with."""

import pickle
import time

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simplezarr.errors import ReadOnlyError, UnsupportedError
from simplezarr.stores import HTTPStore, LocalStore, MemoryStore, SlowStore, Store, WrapperStore, byte_view, check_key
from simplezarr.testing import check_store


class Minimal(Store):
    """The least an author has to write."""

    def __init__(self):
        self.values = {}

    def get(self, key):
        check_key(key)
        return self.values.get(key)

    def set(self, key, value):
        check_key(key)
        self.check_writable(key)
        self.values[key] = bytes(byte_view(value))

    def delete(self, key):
        check_key(key)
        self.check_writable(key)
        self.values.pop(key, None)

    def list(self, prefix=""):
        prefix = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
        return iter([key for key in self.values if key.startswith(prefix)])


MAKERS = {
    "memory": lambda path: MemoryStore(),
    "dict": lambda path: MemoryStore({}),
    "local": LocalStore,
    "new directory": lambda path: LocalStore(path / "not" / "there" / "yet"),
    "durable": lambda path: LocalStore(path, durable=True),
    "contained": lambda path: LocalStore(path, follow_symlinks=False),
    "wrapper": lambda path: WrapperStore(MemoryStore()),
    "wrapped twice": lambda path: WrapperStore(WrapperStore(LocalStore(path))),
    "slow": lambda path: SlowStore(MemoryStore(), latency=1e-6, bandwidth=1e12),
    "minimal": lambda path: Minimal(),
}


@pytest.fixture(params=MAKERS)
def store(request, tmp_path):
    return MAKERS[request.param](tmp_path)


@pytest.mark.usefixtures("pool")
def test_conformance(store):
    check_store(store)


def test_pickle(store):
    store.set("a/b", b"value")
    again = pickle.loads(pickle.dumps(store))
    assert type(again) is type(store)
    assert again.get("a/b") == b"value"
    assert (again.in_memory, again.immutable, again.read_only) == (store.in_memory, store.immutable, store.read_only)


def test_repr_is_short_and_says_what_it_is(store):
    store.set("a", bytes(1000))
    assert type(store).__name__ in repr(store)
    assert len(repr(store)) < 300


@pytest.mark.parametrize("method", ["get", "set", "delete", "exists", "size"])
@pytest.mark.parametrize(
    "key", ["", "/", "/etc/passwd", "a/", "a//b", ".", "..", "a/../../b", "./a", "a\\..\\b", "a\0"]
)
def test_no_key_leads_out(store, method, key):
    with pytest.raises(ValueError, match="invalid key"):
        getattr(store, method)(key, *[b""] * (method == "set"))


@pytest.mark.parametrize("key", [None, b"a", 1, ("a",)])
def test_keys_are_strings(key):
    for store in (MemoryStore(), LocalStore("nowhere")):
        with pytest.raises(TypeError, match="a key must be a str"):
            store.get(key)
    with pytest.raises(TypeError, match="a key must be a str"):
        MemoryStore().list(key)


@pytest.mark.parametrize("prefix", ["/", "..", "a/../..", "a//", "/a", "a\\", "\0"])
@pytest.mark.parametrize("method", ["list", "list_dir", "delete_prefix"])
def test_no_prefix_leads_out(method, prefix, tmp_path):
    (tmp_path / "kept").write_bytes(b"")
    (tmp_path / "root").mkdir()
    for store in (MemoryStore(), LocalStore(tmp_path / "root")):
        with pytest.raises(ValueError, match="invalid key"):
            getattr(store, method)(prefix)
    assert (tmp_path / "kept").exists()


@pytest.mark.parametrize("value", ["text", 5, None, [1, 2], np.zeros((4, 4))[:, ::2], np.zeros((4, 4), order="F")])
def test_values_are_buffers_in_one_piece(store, value):
    store.set("a", b"before")
    with pytest.raises((TypeError, ValueError)):
        store.set("a", value)
    assert store.get("a") == b"before"


def test_values_of_any_item_type(store):
    array = np.arange(12, dtype=">f4").reshape(3, 4)
    store.set("a", array)
    assert store.get("a") == array.tobytes()
    assert store.size("a") == 48
    store.set("a", np.zeros((0, 3)))
    assert store.get("a") == b""


def test_negative_length_of_a_range(store):
    store.set("a", b"value")
    with pytest.raises(ValueError, match="length"):
        store.get_range("a", 0, -1)


# ---------------------------------------------------------------- the base class


def test_only_get_is_needed():
    class Fixed(Store):
        def get(self, key):
            return b"12345" if key == "a" else None

    store = Fixed()
    assert (store.exists("a"), store.size("a"), store.exists("b"), store.size("b")) == (True, 5, False, None)
    assert store.get_range("a", -2, 2) == b"45"
    assert store.get_ranges("a", [(3, 1), (0, 2)]) == [b"4", b"12"]
    assert store.get_ranges("b", [(3, 1)]) is None
    for call in (lambda: store.set("a", b""), lambda: store.delete("a")):
        with pytest.raises(ReadOnlyError, match="Fixed"):
            call()
    for call in (store.list, store.list_dir, lambda: store.delete_prefix("a")):
        with pytest.raises(UnsupportedError, match="list"):
            call()
    with pytest.raises(TypeError, match="abstract"):
        Store()


# ---------------------------------------------------------------- in memory


def test_memory_store_over_a_dict():
    values = {"a": bytearray(b"12"), "b": np.arange(2, dtype="<u2")}
    store = MemoryStore(values)
    assert (store.get("a"), store.get("b"), store.size("b")) == (b"12", b"\0\0\1\0", 4)
    assert store.get_range("b", 2, 2) == b"\1\0"
    store.set("c/d", b"new")
    store.delete("a")
    assert sorted(values) == ["b", "c/d"]
    assert values["c/d"] == b"new"


def test_memory_store_does_not_copy_bytes():
    value = bytes(100)
    store = MemoryStore()
    store.set("a", value)
    assert store.get("a") is value


# ---------------------------------------------------------------- wrappers


def test_overriding_one_method_changes_one():
    class Shouting(WrapperStore):
        def get(self, key):
            value = super().get(key)
            return value and value.upper()

    store = Shouting(MemoryStore({"a": b"abc"}))
    assert (store.get("a"), store.get_range("a", 0, 2), store.get_ranges("a", [(2, 1)])) == (b"ABC", b"ab", [b"c"])
    assert (store.size("a"), store.exists("a"), [*store.list()], store.list_dir()) == (3, True, ["a"], ["a"])


def test_attributes_of_a_wrapper(tmp_path):
    inner = MemoryStore()
    outer = WrapperStore(WrapperStore(inner))
    assert outer.in_memory
    assert not outer.immutable
    inner.immutable = True
    assert outer.immutable
    assert not SlowStore(inner).in_memory
    inner.read_only = True
    assert outer.read_only
    assert WrapperStore(LocalStore(tmp_path)).local_root is None  # its files must not be read behind the wrapper's back


def test_a_view_that_is_read_only():
    inner = MemoryStore({"a": b"1"})
    view = WrapperStore(inner)
    view.read_only = True
    with pytest.raises(ReadOnlyError, match="read-only"):
        view.set("a", b"2")
    inner.set("a", b"3")
    assert view.get("a") == b"3"
    assert not inner.read_only


def test_wrapper_needs_a_store():
    with pytest.raises(TypeError, match="dict"):
        WrapperStore({})


def test_slow_store_takes_its_time():
    store = SlowStore(MemoryStore({"a": bytes(1000)}), latency=0.02, bandwidth=50_000)
    for call, wanted in [
        (lambda: store.get("a"), 0.04),
        (lambda: store.get("b"), 0.02),
        (lambda: store.get_range("a", 0, 500), 0.03),
        (lambda: store.get_ranges("a", [(0, 250), (500, 250)]), 0.03),
        (lambda: store.set("b", bytes(2000)), 0.06),
        (store.list, 0.02),
    ]:
        start = time.perf_counter()
        call()
        assert wanted <= time.perf_counter() - start < wanted + 0.5


@pytest.mark.parametrize("settings", [
    {"latency": -1}, {"latency": float("nan")}, {"latency": True}, {"latency": "1"}, {"latency": None},
    {"bandwidth": 0}, {"bandwidth": -5}, {"bandwidth": True}, {"bandwidth": "1"},
    {"concurrency": 0}, {"concurrency": True}, {"concurrency": 2.5}, {"concurrency": "32"},
])  # fmt: skip
def test_slow_store_checks_its_settings(settings):
    with pytest.raises(ValueError, match="must be"):
        SlowStore(MemoryStore(), **settings)


@pytest.mark.parametrize("settings", [
    {"timeout": 0}, {"timeout": True}, {"timeout": "60"}, {"timeout": None}, {"timeout": float("nan")},
    {"concurrency": 0}, {"concurrency": True}, {"concurrency": 2.5}, {"concurrency": "64"}, {"concurrency": None},
])  # fmt: skip
def test_http_store_checks_its_settings(settings):
    with pytest.raises(ValueError, match=f"^{next(iter(settings))}: must be"):
        HTTPStore("http://127.0.0.1/", **settings)


# ---------------------------------------------------------------- against a model

NAMES = st.sampled_from(["a", "b", "zarr.json", "0", "é"])
# A key of so many parts is never also the prefix of another: in a directory it could not be both.
ALL_KEYS = st.one_of(
    NAMES.map(lambda n: f"k-{n}"),
    st.tuples(NAMES, NAMES, NAMES).map("/".join),
    st.tuples(NAMES, NAMES).map("{0[0]}/k-{0[1]}".format),
)
PREFIXES = st.lists(NAMES, max_size=3).map("/".join)
VALUES = st.binary(max_size=20)


class Model(RuleBasedStateMachine):
    """Any sequence of calls has the effect it has on a dict."""

    make = staticmethod(MemoryStore)

    @initialize()
    def begin(self):
        self.store, self.model = self.make(), {}

    @rule(key=ALL_KEYS, value=VALUES)
    def set(self, key, value):
        self.store.set(key, value)
        self.model[key] = value

    @rule(key=ALL_KEYS)
    def delete(self, key):
        self.store.delete(key)
        self.model.pop(key, None)

    @rule(prefix=PREFIXES)
    def delete_prefix(self, prefix):
        self.store.delete_prefix(prefix)
        for key in self.below(prefix):
            del self.model[key]

    @rule(key=ALL_KEYS)
    def get(self, key):
        value = self.model.get(key)
        assert self.store.get(key) == value
        assert self.store.exists(key) is (value is not None)
        assert self.store.size(key) == (None if value is None else len(value))

    @rule(key=ALL_KEYS, start=st.integers(-25, 25), length=st.integers(0, 25))
    def get_range(self, key, start, length):
        value = self.model.get(key)
        if value is not None:
            begin = start + len(value) if start < 0 else start
            value = value[max(begin, 0) : max(begin + length, 0)]
        assert self.store.get_range(key, start, length) == value

    @rule(prefix=PREFIXES)
    def list(self, prefix):
        below = self.below(prefix)
        skip = len(prefix) + 1 if prefix else 0
        assert sorted(self.store.list(prefix)) == sorted(below)
        assert [*self.store.list_dir(prefix)] == sorted({key[skip:].split("/")[0] for key in below})

    def below(self, prefix):
        return [key for key in self.model if not prefix or key.startswith(f"{prefix}/")]

    @invariant()
    def same_keys(self):
        if hasattr(self, "store"):
            assert sorted(self.store.list()) == sorted(self.model)


@pytest.mark.parametrize("kind", ["memory", "local", "wrapper", "minimal"])
def test_any_sequence_of_calls(kind, tmp_path_factory):
    class Case(Model):
        make = staticmethod(lambda: MAKERS[kind](tmp_path_factory.mktemp("store")))

    Case.TestCase.settings = settings(max_examples=25, stateful_step_count=25)
    Case.TestCase("runTest").runTest()
