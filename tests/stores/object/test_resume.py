"""Bodies that break off: obstore asks for their rest, and no value is a mixture of versions."""

import numpy as np
import pytest

from simplezarr.errors import ChangedError, StoreError
from tests.support.helpers import within
from tests.support.s3_double import breaking_off, s3_double

pytest.importorskip("obstore.store")
from simplezarr.stores import ObjectStore

MIB = 1 << 20
OLD = np.random.default_rng(1).bytes(4 * MIB)
NEW = np.random.default_rng(2).bytes(4 * MIB)


@pytest.fixture
def server():
    with s3_double() as server:
        yield server


@pytest.fixture
def store(server):
    store = ObjectStore.from_url("s3://bucket/a", **server.options(retry_config={"max_retries": 2}))
    store.set("key", OLD)
    server.take()
    return store


def ranges(server):
    return [span for kind, _, span in server.log if kind in ("GET", "RANGE")]


def replace(server):
    _, headers = server.objects["bucket/a/key"]
    server.objects["bucket/a/key"] = NEW, {**headers, "ETag": '"new"'}


def test_only_the_rest_is_asked_for(server, store):
    server.fault = breaking_off(MIB)
    assert store.get("key") == OLD
    assert ranges(server) == ["bytes=0-8388607", f"bytes={MIB}-{4 * MIB - 1}"]
    server.take()
    server.fault = breaking_off(MIB)
    assert store.get_limited("key", 4 * MIB) == OLD
    assert ranges(server) == [f"bytes=0-{4 * MIB}", f"bytes={MIB}-{4 * MIB - 1}"]
    server.take()
    server.fault = breaking_off(MIB)
    assert store.get_range("key", MIB, 2 * MIB) == OLD[MIB : 3 * MIB]
    assert ranges(server) == [f"bytes={MIB}-{3 * MIB - 1}", f"bytes={2 * MIB}-{3 * MIB - 1}"]


def test_another_version_is_read_from_its_beginning(server, store):
    server.fault = breaking_off(MIB, replace)
    assert store.get("key") == NEW
    store.set("key", OLD)
    server.fault = breaking_off(MIB, replace)
    assert store.get_limited("key", 4 * MIB) == NEW
    store.set("key", OLD)
    server.fault = breaking_off(MIB, replace)
    assert store.get_range("key", MIB, 2 * MIB) == NEW[MIB : 3 * MIB]
    store.set("key", OLD)
    server.fault = breaking_off(MIB, replace)
    assert store.get_ranges("key", [(MIB, 2 * MIB), (0, 2 * MIB)]) == [NEW[MIB : 3 * MIB], NEW[: 2 * MIB]]


def test_a_reader_stays_with_its_version(server, store):
    with store.reader("key") as reader:
        assert reader.get_range(0, 5) == OLD[:5]
        server.fault = breaking_off(MIB, replace)
        with pytest.raises(ChangedError, match="was replaced while it was read"):
            reader.get_range(MIB, 2 * MIB)


def test_a_server_that_breaks_off_always(server, store):
    server.fault = lambda handler: breaking_off(1000)(handler)
    for read in (lambda: store.get("key"), lambda: store.get_limited("key", 4 * MIB)):
        with pytest.raises(StoreError, match="bucket/a/key"):
            read()


def test_a_claimed_size_is_not_planned_for(server, store):
    """A server says that a value has 2**62 bytes. The first part that it does not give ends the read."""

    def claim(handler):
        answer = handler.answer

        def claiming(status, body=b"", **headers):
            if "Content_Range" in headers:
                headers["Content_Range"] = f"{headers['Content_Range'].partition('/')[0]}/{1 << 62}"
            if handler.command == "HEAD" and status == 200:
                headers["length"] = str(1 << 62)
            answer(status, body, **headers)

        handler.answer = claiming
        return False

    store = ObjectStore.from_url("s3://bucket/a", part_size=MIB, **server.options(retry_config={"max_retries": 0}))
    server.fault = claim
    for read in (
        lambda: store.get("key"),
        lambda: store.get_range("key", 0, 1 << 62),
        lambda: store.get_ranges("key", [(0, 1 << 62)]),
        lambda: store.reader("key").get_range(0, 1 << 62),
    ):
        with pytest.raises(StoreError, match="bucket/a/key"):
            within(60, read)
