"""Values of limited size are one call of obstore, and one request."""

import numpy as np
import pytest

from simplezarr.errors import AccessError, StoreError, TooLargeError
from tests.support.s3_double import failing, s3_double

pytest.importorskip("obstore.store")
from simplezarr.stores import ObjectStore

DATA = np.random.default_rng(1).bytes(100_000)


@pytest.fixture
def server():
    with s3_double() as server:
        yield server


@pytest.fixture
def store(server):
    store = ObjectStore.from_url("s3://bucket/a", **server.options())
    store.set("key", DATA)
    server.take()
    return store


def test_one_call_and_one_request(server, store, monkeypatch):
    asked, function = [], store._client.function

    def noted(name):
        call, *given = function(name)
        return lambda *args, **more: asked.append(name) or call(*args, **more), *given

    monkeypatch.setattr(store._client, "function", noted)
    assert store.get_limited("key", 100_000) == DATA
    assert store.get_limited("key", 200_000) == DATA
    assert store.get_limited("missing", 100_000) is None
    get = store.getter(100_000)
    assert [get(key) and bytes(get(key)) for key in ("key", "missing")] == [DATA, None]
    assert asked == ["get_range"] * 6
    assert sum(server.take().values()) == 6


def test_a_getter_is_what_a_subclass_makes_of_it(server):
    class Upper(ObjectStore):
        def get(self, key):
            return b"own"

    class Limited(ObjectStore):
        def get_limited(self, key, limit, *, holes=False):
            return b"own"

    for kind in (Upper, Limited):
        assert kind.from_url("s3://bucket/a", **server.options()).getter(5)("key") == b"own"


def test_a_value_that_is_too_large_is_not_read(store):
    for limit in (5, 99_999):
        with pytest.raises(TooLargeError, match="100000 bytes"):
            store.get_limited("key", limit)


def test_an_empty_value(store):
    store.set("empty", b"")
    assert store.get_limited("empty", 0) == store.get_limited("empty", 5) == b""


def test_a_value_of_several_parts(server):
    store = ObjectStore.from_url("s3://bucket/a", part_size=10_000, **server.options())
    store.set("key", DATA)
    assert store.get_limited("key", 100_000) == DATA


def test_a_server_without_ranges(server, store):
    """It answers with the whole value, which obstore takes for an error. Later values are asked for as a whole."""

    def whole(handler):
        del handler.headers["Range"]

    server.fault = whole
    for read, requests in ((lambda: store.get("key"), 3), (lambda: store.get_limited("key", 100_000), 4)):
        store._client.has_ranges = True  # as if it were the first value
        server.take()
        assert read() == read() == DATA
        assert sum(server.take().values()) == requests
    with pytest.raises(TooLargeError, match="100000 bytes"):
        store.get_limited("key", 5)


def test_access_that_is_refused(server, store):
    """It is asked for once, and None if the store says so."""
    server.fault = failing(1, 403)
    with pytest.raises(AccessError):
        store.get_limited("key", 100_000)
    assert sum(server.take().values()) == 1
    lenient = ObjectStore.from_url("s3://bucket/a", missing=(404, 403), **server.options())
    assert lenient.get_limited("key", 100_000) is None


def test_a_failure_is_no_missing_value(server):
    store = ObjectStore.from_url("s3://bucket/a", **server.options(retry_config={"max_retries": 0}))
    store.set("key", DATA)
    server.fault = failing(1, 500)
    with pytest.raises(StoreError, match="bucket/a/key"):
        store.get_limited("key", 100_000)
