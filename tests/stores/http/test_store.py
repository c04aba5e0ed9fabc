"""The store over a plain web server: what it reads, by how many requests, and what it says of odd servers."""

import json
import pickle
import random
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import AccessError, ChangedError, StoreError
from simplezarr.stores import byte_view
from simplezarr.stores.http import pool, reader
from simplezarr.stores.http import store as http_store
from simplezarr.testing import check_store
from tests.support.helpers import within
from tests.support.http_server import Handler, Server

SHAPE = (32, 32, 32)
VALUES = np.arange(32**3, dtype="<u2").reshape(SHAPE)


class Writable(sz.HTTPStore):
    """Reads by HTTP, and writes to the server's dict, so that the conformance suite can be run."""

    def __init__(self, server, **options):
        super().__init__(f"{server.url}/some%20where/?x=1", **options)
        self.server, self.read_only = server, False

    check_writable = sz.Store.check_writable

    def set(self, key, value):
        self._address.of(key)
        sz.stores.check_key(key)
        self.check_writable(key)
        self.server.values[f"some where/{key}"] = bytes(byte_view(value))

    def delete(self, key):
        sz.stores.check_key(key)
        self.check_writable(key)
        self.server.values.pop(f"some where/{key}", None)

    def list(self, prefix=""):
        return sz.Store.list(self, prefix)

    def delete_prefix(self, prefix):
        self.check_writable(prefix)


SERVERS = {
    "etags": {},
    "weak etags": {"versions": "weak etag"},
    "new dates": {"versions": "new date"},
    "no versions": {"versions": "none"},
    "no ranges from the end": {"ranges": "no end"},
    "no ranges": {"ranges": "none"},
    "no HEAD": {"head": False},
    "compresses": {"encode": True},
    "closes connections": {"close_after": 3},
    "busy": {"faults": 0.1, "kinds": (503, "drop", "cut")},
}


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("kind", SERVERS)
def test_conformance(kind):
    with Server(**SERVERS[kind]) as server:
        check_store(Writable(server))


@pytest.fixture(scope="module")
def hierarchy():
    """Arrays of the same elements: in chunks, uncompressed chunks, shards, and uncompressed shards."""
    values = {}
    store = sz.MemoryStore(values)
    group = sz.create_group(store)
    options = {"data": VALUES, "chunks": (8, 8, 8)}
    group.create_array("chunks", **options)
    group.create_array("raw", codecs=[], data=VALUES, chunks=(16, 32, 32))
    group.create_array("shards", shards=(16, 16, 16), **options)
    group.create_array("raw shards", shards=(16, 16, 16), codecs=[], **options)
    group.consolidate_metadata()
    return values


@pytest.mark.parametrize("kind", SERVERS)
def test_arrays(kind, hierarchy):
    with Server(hierarchy, **SERVERS[kind]) as server, sz.open_group(server.url) as group:
        assert sorted(group) == ["chunks", "raw", "raw shards", "shards"]
        for a in group.values():
            for key in np.s_[...], np.s_[5], np.s_[:, :, 7], np.s_[3:9, 20:, ::5], np.s_[31, 31, 31]:
                np.testing.assert_array_equal(a[key], VALUES[key])
            np.testing.assert_array_equal(a.vindex[[1, 20], [3, 9], [30, 2]], VALUES[[1, 20], [3, 9], [30, 2]])


@pytest.mark.parametrize("kind", SERVERS)
def test_archives(kind, tmp_path):
    sz.save(tmp_path / "a.zip", VALUES, chunks=(8, 32, 32))
    with Server({"b/a.zip": (tmp_path / "a.zip").read_bytes()}, **SERVERS[kind]) as server:
        for url in (f"{server.url}/b/a.zip?sig=1", f"{server.url}/b/a.zip|zip:|zarr3:"):
            a = sz.open(url)
            np.testing.assert_array_equal(a[5], VALUES[5])
            np.testing.assert_array_equal(a[...], VALUES)
        with pytest.raises(sz.NodeNotFoundError):
            sz.open(f"{server.url}/b/none.zip")


def requests_of(server, call):
    server.take()
    call()
    return server.take()


def test_requests(hierarchy):
    with Server(hierarchy) as server:
        assert requests_of(server, lambda: sz.open(f"{server.url}/chunks")) == [("GET", "chunks/zarr.json", None)]
        assert requests_of(server, lambda: sz.open_group(server.url)["shards"]) == [("GET", "zarr.json", None)]
        group = sz.open_group(server.url)
        chunks, shards = group["chunks"], group["shards"]
        made = requests_of(server, lambda: chunks[...])
        assert len(made) == len(set(made)) == 64
        assert {(method, asked) for method, _, asked in made} == {("GET", None)}
        made = requests_of(server, lambda: shards[5])
        again = requests_of(server, lambda: shards[6])
        assert sorted(again) == sorted(request for request in made if not request[2].startswith("bytes=-"))
        indexes = [request for request in made if request[2].startswith("bytes=-")]
        assert len(indexes) == len({key for _, key, _ in made}) == 4
        assert len(made) == 8
        assert requests_of(server, lambda: sz.exists(server.url, "chunks")) == [("HEAD", "chunks/zarr.json", None)]


def test_connections_are_as_many_as_requests_at_a_time(hierarchy):
    with Server(hierarchy, latency=0.005) as server:
        a = sz.open(f"{server.url}/chunks", concurrency=5)
        for _ in range(3):
            np.testing.assert_array_equal(a[...], VALUES)
        assert server.connections <= 5


def test_ranges_of_one_call_are_in_flight_together():
    """Also those of a reader that knows no version yet."""
    gate = threading.Barrier(8)
    with Server({"a": bytes(range(256)) * 40_000}, hook=lambda _: gate.wait(30)) as server:
        store = sz.HTTPStore(server.url)
        ranges = [(i * 1_000_000, 10) for i in range(7)] + [(-4, 4)]
        wanted = [bytes(range(256)) * 40_000][0]
        expected = [wanted[start : start + length] if start >= 0 else wanted[start:] for start, length in ranges]
        with store.reader("a") as reader:
            assert reader.get_ranges(ranges) == expected
            assert reader.get_ranges(ranges) == expected
        assert store.get_ranges("a", ranges) == expected


@pytest.mark.parametrize("kind", SERVERS)
def test_large_values_are_read_in_parts(kind, monkeypatch):
    monkeypatch.setattr(http_store, "LARGE", 8000)
    monkeypatch.setattr(reader, "LARGE", 8000)
    value, other = random.Random(1).randbytes(20_000), random.Random(2).randbytes(16_000)
    with Server({"a": value, "b": other, "c": b"small", "d": b""}, **SERVERS[kind]) as server:
        store = sz.HTTPStore(server.url)
        for _ in range(2):
            got = [store.get("a"), store.get("b"), store.get("c"), store.get("d"), store.get("e")]
            assert got == [value, other, b"small", b"", None]
            assert store.get_limited("a", 20_000) == value
            for limit in (5000, 19_999):
                with pytest.raises(sz.errors.TooLargeError, match="'a' has 20000 bytes"):
                    store.get_limited("a", limit)
        if kind == "etags":
            server.take()
            assert store.get("a") == value
            parts = [("GET", "a", f"bytes={at}-{at + 7999}") for at in (0, 8000)] + [("GET", "a", "bytes=16000-19999")]
            assert sorted(server.take()) == sorted(parts)


def test_large_values_that_are_replaced_are_of_one_version(monkeypatch):
    monkeypatch.setattr(http_store, "LARGE", 8000)
    monkeypatch.setattr(reader, "LARGE", 8000)
    choice = random.Random(3)
    with Server({"a": bytes(50_000)}) as server:
        store = sz.HTTPStore(server.url)
        store.get("a")

        def replace(_):
            if choice.random() < 0.1:
                server.values["a"] = bytes([choice.randrange(256)]) * choice.choice([30_000, 50_000])

        server.hook = replace
        seen = set()
        for _ in range(60):
            value = store.get("a")
            assert len(set(value)) == 1
            assert len(value) in (30_000, 50_000)
            seen.add(value)
        assert len(seen) > 3


def test_near_ranges_are_one_request():
    with Server({"a": bytes(range(256)) * 8000}) as server, sz.HTTPStore(server.url).reader("a") as reader:
        reader.get_ranges([(700, 4), (10, 20), (100_000, 5), (1_000_000, 1)])
        assert sorted(server.take()) == [("GET", "a", "bytes=10-100004"), ("GET", "a", "bytes=1000000-1000000")]
        assert reader.get_ranges([(3_000_000, 1), (2_047_999, 9)]) == [b"", b"\xff"]
        assert server.take() == [("GET", "a", "bytes=2047999-2047999")]
        assert reader.size() == 2_048_000
        assert server.take() == []


def test_connections_are_kept():
    with Server({"a": b"1"}) as server:
        store = sz.HTTPStore(server.url)
        for _ in range(20):
            store.get("a"), store.get("missing"), store.size("a"), store.get_range("a", 0, 1)
        assert server.connections == 1
        store.close()
        assert store.get("a") == b"1"
        assert server.connections == 2


def test_a_kept_connection_that_the_server_has_closed_costs_no_wait(monkeypatch):
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: pytest.fail("it waited"))
    monkeypatch.setattr(pool, "time", clock)
    with Server({"a": b"1"}, close_after=1) as server:
        store = sz.HTTPStore(server.url)
        assert [store.get("a") for _ in range(20)] == [b"1"] * 20
        assert len(server.take()) == 20


def test_missing_statuses():
    with Server({"a": b"1"}, missing=403) as server:
        with pytest.raises(AccessError, match=r"'b' of HTTPStore\('http://127.*missing=\(403, 404, 410\)"):
            sz.HTTPStore(server.url).get("b")
        store = sz.HTTPStore(server.url, missing=(404, 403))
        assert (store.get("b"), store.size("b"), store.get_range("b", -1, 1), store.exists("a")) == (
            None,
            None,
            None,
            True,
        )
        with pytest.raises(sz.NodeNotFoundError):
            sz.open(server.url, missing=(404, 403))
        server.missing = 401
        with pytest.raises(AccessError, match="credentials"):
            store.get_range("b", 0, 4)
        server.missing = 410
        with pytest.raises(StoreError, match="answered 410"):
            store.get("b")
        server.missing = 404
        assert sz.HTTPStore(server.url).reader("b").get_ranges([(0, 1), (5_000_000, 1)]) is None


def test_missing_chunks_of_a_forbidding_server(hierarchy):
    values = {key: value for key, value in hierarchy.items() if key != "chunks/c/0/0/0"}
    with Server(values, missing=403) as server:
        with pytest.raises(AccessError, match="chunks/c/0/0/0"):
            sz.open(server.url)["chunks"][...]
        got = sz.open(server.url, missing=(404, 403))["chunks"][...]
        expected = VALUES.copy()
        expected[:8, :8, :8] = 0
        np.testing.assert_array_equal(got, expected)


def test_pages(hierarchy):
    with Server({**hierarchy}, missing="page") as server:
        with pytest.raises(sz.MetadataError, match=r"'none/zarr.json' of HTTPStore.*an HTML page"):
            sz.open(f"{server.url}", "none")
        for name in ("chunks", "raw", "shards", "raw shards"):
            a = sz.open(server.url)[name]
            for key in [key for key in server.values if key.startswith(f"{name}/c/0/")]:
                del server.values[key]
            for selection in (..., 5, np.s_[:, :, 7], np.s_[3, 30, 30]):
                with pytest.raises(StoreError, match=rf"'{name}/c/0/.* of HTTPStore.*an HTML page"):
                    a[selection]
        with pytest.raises(sz.MetadataError, match="an HTML page"):
            sz.exists(server.url, "none")


def test_a_page_may_be_a_value():
    with Server(missing=404) as server:
        server.values["a"] = b"<html>" * 100
        assert sz.HTTPStore(server.url).get("a") == b"<html>" * 100


def test_queries_and_users(hierarchy):
    with Server(hierarchy) as server:
        url = f"{server.url}/chunks?sig=TOPSECRET%2F1&x=TOPSECRET".replace("http://", "http://me:TOP%40SECRET@")
        a = sz.open(url, headers={"x-api-key": "TOPSECRET"})
        assert a[0, 0, 0] == 0
        for *_, path, headers in server.requests:
            assert path.endswith("?sig=TOPSECRET%2F1&x=TOPSECRET")
            assert headers["Authorization"] == "Basic bWU6VE9QQFNFQ1JFVA=="
            assert {name.lower(): text for name, text in headers.items()}["x-api-key"] == "TOPSECRET"
            assert headers["Accept-Encoding"] == "identity"
        shown = [repr(a.store), str(a.info)]
        server.statuses["chunks/c/0/0/0"] = 403
        with pytest.raises(AccessError) as raised:
            a[...]
        shown.append(str(raised.value))
        with pytest.raises(sz.NodeNotFoundError) as raised:
            sz.open(a.store, "nowhere")
        shown.append(str(raised.value))
        with pytest.raises(TypeError) as raised:
            sz.open(url, heders={"a": "TOPSECRET"})
        shown.append(str(raised.value))
        for text in shown:
            assert "SECRET" not in text
            assert "***@127.0.0.1" in text or "heders" in text


@pytest.mark.parametrize(
    "headers", [{"a": "TOPSECRET\nb: c"}, {"a b": "TOPSECRET"}, {"a": ["TOPSECRET"]}, {1: "TOPSECRET"}]
)
def test_headers_that_are_not_valid(headers):
    with pytest.raises((TypeError, ValueError), match="headers: ") as raised:
        sz.HTTPStore("http://host", headers=headers)
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize("url", ["ftp://host/a", "http://", "http:///a", "host/a", "http://host:port/a", "https://"])
def test_urls_that_are_not_valid(url):
    with pytest.raises(ValueError, match="is not a URL of a web server"):
        sz.HTTPStore(url)


def test_arguments():
    for wrong in ({"timeout": 0}, {"concurrency": 0}, {"missing": (200,)}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            sz.HTTPStore("http://host", **wrong)
    with pytest.raises(TypeError, match=r"'http://host/a.zarr': .* no storage option 'colour'; it has headers, "):
        sz.open("http://host/a.zarr", colour=1)


def test_it_can_only_be_read(hierarchy):
    with Server({**hierarchy}) as server:
        store = sz.HTTPStore(server.url)
        for call in (
            lambda: store.set("a", b""),
            lambda: store.delete("a"),
            lambda: store.delete_prefix(""),
            lambda: store.lock("a"),
            lambda: store.create("a", b""),
            lambda: sz.create_array(server.url, "new", shape=1, dtype="u1"),
            lambda: sz.open(store, "chunks", mode="r+").__setitem__(..., 1),
        ):
            with pytest.raises(sz.ReadOnlyError, match="can only be read"):
                call()
        for listing in (store.list, store.list_dir):
            with pytest.raises(sz.UnsupportedError, match=r"names.*consolidated metadata"):
                listing()


def test_groups_without_consolidated_metadata(hierarchy):
    with Server({**hierarchy}) as server:
        group = sz.open_group(server.url, consolidated=False)
        assert group["shards"][1, 2, 3] == VALUES[1, 2, 3]
        assert "chunks" in group
        assert "none" not in group
        assert repr(group) == "<Group />"
        with pytest.raises(sz.UnsupportedError, match="open members by their names"):
            list(group)


def test_pickle(hierarchy):
    with Server(hierarchy) as server:
        a = sz.open(f"{server.url}/chunks?x=1", headers={"A": "b"}, missing=(404, 403), timeout=9, concurrency=3)
        again = pickle.loads(pickle.dumps(a))
        np.testing.assert_array_equal(again[3], VALUES[3])
        store = again.store
        assert (store.missing, store.timeout, store.concurrency) == ({403, 404}, 9, 3)
        assert server.requests[-1][4]["A"] == "b"
        assert server.requests[-1][3].endswith("?x=1")


def test_redirects(hierarchy):
    with Server(hierarchy) as data, Server(redirects=data.url) as front:
        a = sz.open(f"{front.url}/chunks", headers={"X-Key": "secret"})
        np.testing.assert_array_equal(a[...], VALUES)
        assert sz.exists(front.url, "shards")
        np.testing.assert_array_equal(sz.open(f"{front.url}/shards")[7], VALUES[7])
        assert all(request[4]["X-Key"] == "secret" for request in front.requests if "chunks" in request[1])
        assert not any("X-Key" in request[4] for request in data.requests)
        front.redirects = lambda path: path  # for ever
        with pytest.raises(StoreError, match=r"'a' of HTTPStore.*more than 8 times"):
            sz.HTTPStore(front.url, timeout=5).get("a")
        for unsafe in ("file:///etc/passwd", "ftp://host/a"):
            front.redirects = lambda path, unsafe=unsafe: unsafe
            with pytest.raises(StoreError, match="not safe"):
                sz.HTTPStore(front.url, timeout=5).get("a")


def test_proxies(hierarchy, monkeypatch):
    with Server(hierarchy) as proxy:  # it gets whole URLs in place of paths
        for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", proxy.url.replace("http://", "http://me:word@"))
        np.testing.assert_array_equal(sz.open("http://nowhere.invalid/chunks")[...], VALUES)
        assert proxy.requests[0][3] == "http://nowhere.invalid:80/chunks/zarr.json"
        assert proxy.requests[0][4]["Host"] == "nowhere.invalid:80"
        assert proxy.requests[0][4]["Proxy-Authorization"] == "Basic bWU6d29yZA=="
        monkeypatch.setenv("no_proxy", "nowhere.invalid")
        with pytest.raises(StoreError, match=r"'zarr.json' of"):
            sz.open("http://nowhere.invalid/chunks", timeout=5)


@pytest.mark.parametrize("versions", ["etag", "weak etag", "date", "none"])
def test_a_replaced_value_is_never_mixed(versions):
    """Between index and data of an uncompressed shard, whose index is the same before and after."""
    shards = []
    for value in (1, 2):
        stored = {}
        a = sz.create_array(stored, shape=64, dtype="u1", chunks=8, shards=64, codecs=[])
        a[:] = value
        shards.append(stored)
    with Server({**shards[0]}, versions=versions) as server:
        count, choice = iter(range(10**6)), random.Random(5)

        def replace(_):
            n = next(count)
            if choice.random() < 0.3:
                server.values["c/0"] = shards[n % 2]["c/0"]
                server.dates["c/0"] = 1_700_000_000 + n

        a = sz.open(server.url)
        server.hook = replace
        seen = set()
        for _ in range(60):
            got = np.concatenate([a[4:12], a.oindex[np.array([0, 20, 35])]])
            assert len({*got[:8]}) == 1
            assert len({*got[8:]}) == 1
            seen.add(got[0])
        assert seen == {1, 2}


def test_readers_tell_versions_apart():
    with Server({"a": b"old" * 100}) as server:
        store = sz.HTTPStore(server.url)
        with store.reader("a") as first, store.reader("a") as same, store.reader("a") as later:
            assert first.validator is None
            first.get_range(0, 5), same.get_range(9, 1)
            server.values["a"] = b"new" * 100
            later.get_range(0, 5)
            assert first.validator == same.validator != later.validator
            with pytest.raises(ChangedError, match="'a' of HTTPStore"):
                first.get_range(0, 5)
            del server.values["a"]
            with pytest.raises(ChangedError, match="'a'"):
                later.get_range(0, 5)


def test_a_cache_asks_for_versions_without_the_bytes(hierarchy):
    with Server({**hierarchy}) as server:
        a = sz.open(sz.CacheStore(sz.HTTPStore(server.url), size="100 MiB", trust=0), "chunks")
        np.testing.assert_array_equal(a[...], VALUES)
        made = requests_of(server, lambda: np.testing.assert_array_equal(a[...], VALUES))
        assert {method for method, *_ in made} == {"HEAD"}
        assert len(made) == 64
        other = {}
        sz.create_array(other, "chunks", data=VALUES + 1, chunks=(8, 8, 8))
        server.values["chunks/c/0/0/0"] = other["chunks/c/0/0/0"]
        expected = VALUES.copy()
        expected[:8, :8, :8] += 1
        np.testing.assert_array_equal(a[...], expected)


def test_a_document_that_is_an_html_page_is_named_everywhere():
    with pytest.raises(sz.MetadataError, match=r"zarr.json: an HTML page"):
        sz.open({"zarr.json": b"\n<!DOCTYPE html><html></html>"})


def test_documents_may_be_compressed_by_the_server(hierarchy):
    with Server(hierarchy, encode=True) as server:
        assert json.loads(sz.HTTPStore(server.url).get("zarr.json"))["node_type"] == "group"
        assert sz.HTTPStore(server.url).get_range("zarr.json", 0, 1) == b"{"
        with pytest.raises(sz.errors.TooLargeError):
            sz.HTTPStore(server.url).get_limited("zarr.json", 10)


def test_large_values_are_not_read():
    with Server({"a": bytes(1000)}) as server:
        store = sz.HTTPStore(server.url)
        assert store.get_limited("a", 1000) == bytes(1000)
        with pytest.raises(sz.errors.TooLargeError, match="'a' has 1000 bytes; the limit is 999"):
            store.get_limited("a", 999)


def test_large_values_behind_a_server_without_ranges(monkeypatch):
    monkeypatch.setattr("simplezarr.stores.http.store._MOST_WHOLE", 500)
    with Server({"a": bytes(1000)}, ranges="none") as server:
        store = sz.HTTPStore(server.url)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"'a' of .*ignores ranges.*1,000 bytes"):
                store.get_range("a", 0, 1)


def test_caches_tell_urls_with_other_queries_apart(tmp_path):
    """The query may say which data are meant, so another one must not be answered with what is kept."""
    with Server({"a": b"one"}) as server:
        for query, value in (("?x=1", b"one"), ("?x=2", b"two"), ("?x=1", b"one")):
            server.values["a"] = value
            cache = sz.CacheStore(sz.HTTPStore(f"{server.url}/{query}"), tmp_path / "cache", size="1 MiB")
            assert cache.get("a") == value
        assert len(server.take()) == 2


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5000])
@pytest.mark.parametrize("header", ["Content-Range", "Content-Length"])
def test_numbers_that_no_value_can_have(monkeypatch, header, number):
    """`int` refuses 5000 digits with a ValueError of its own."""
    send = Handler.send_header

    def lie(self, name, text):
        if name == header:
            text = f"bytes 0-{number}/{number}" if header == "Content-Range" else number
        send(self, name, text)

    with Server({"a": b"12345"}) as server:
        monkeypatch.setattr(Handler, "send_header", lie)
        store = sz.HTTPStore(server.url, timeout=0.5)
        if header == "Content-Range":
            with pytest.raises(StoreError, match="Content-Range"):
                store.get_range("a", 1, 2)
        else:
            with pytest.raises(StoreError, match="'a'"):
                store.get("a")
            with pytest.raises(StoreError, match="'a'"):
                store.size("a")


def test_an_archive_is_opened_by_its_url():
    """The end is read once, and each value that was not in it is one range."""
    made = sz.MemoryStore()
    with sz.ZipStore(made, "a.zip", mode="w") as archive:
        sz.create_array(archive, "x", data=np.arange(100_000), chunks=25_000, codecs=["bytes"])
    with Server({"a.zip": made.get("a.zip")}) as server:
        group = sz.open(f"{server.url}/a.zip")
        opening = len(server.requests)
        assert opening == 2  # the directory and the document
        array = group["x"]
        np.testing.assert_array_equal(array[:30_000], np.arange(30_000))
        assert len(server.requests) - opening == 3  # a document and two chunks
        before = len(server.requests)
        assert array[99_999] == 99_999
        assert len(server.requests) == before + 1


def test_a_claimed_size_is_not_planned_for():
    """A server says that a value has 2**62 bytes. The first part that it does not give ends the read."""
    value = bytes(20 << 20)

    def claim(handler):
        reply = handler.reply

        def claiming(status, body, cut=None, **headers):
            if status == 206:
                headers["Content-Range"] = f"{headers['Content-Range'].partition('/')[0]}/{1 << 62}"
            reply(status, body, cut, **headers)

        handler.reply = claiming

    with Server({"a": value}, hook=claim) as server:
        store = sz.HTTPStore(server.url)
        store.has_large = True
        with pytest.raises(StoreError, match="'a' of HTTPStore"):
            within_memory(store.get, "a")
        assert len(server.take()) < 200


def within_memory(call, *args):
    """Call a function, which must not take more than 512 MiB in Python objects."""
    import tracemalloc

    tracemalloc.start()
    try:
        return within(60, call, *args)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 512 << 20
