"""Bodies that break off: only their rest is asked for, and no value is a mixture of versions."""

import tracemalloc

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import StoreError
from tests.support.http_server import Server

MIB = 1 << 20
OLD = np.random.default_rng(1).bytes(4 * MIB)
NEW = np.random.default_rng(2).bytes(4 * MIB)


def asked(server, size=4 * MIB):
    """Return for each GET of a value of `size` bytes how many bytes it asked for, and its conditions."""
    found = []
    for method, key, span, _, headers in server.requests:
        if method == "GET" and key != "zarr.json":
            begin, end = span.removeprefix("bytes=").split("-") if span else (0, size - 1)
            found.append((int(end) - int(begin) + 1, headers.get("If-Range"), headers.get("If-Match")))
    server.take()
    return found


def alone(server, **options):
    """Return a store that reads a whole value by one request."""
    return sz.HTTPStore(server.url, concurrency=1, **options)


def etag(server):
    """Return the ETag of the value."""
    return sz.HTTPStore(server.url).about("a").version.etag


def test_only_the_rest_is_asked_for():
    with Server({"a": OLD}) as server:
        tag = etag(server)
        server.take()
        server.cuts = [MIB]
        assert alone(server).get("a") == OLD
        assert asked(server) == [(4 * MIB, None, None), (3 * MIB, tag, None)]
        server.cuts = [MIB, MIB, 2 * MIB - 1]
        assert alone(server).get("a") == OLD
        assert [n for n, _, _ in asked(server)] == [4 * MIB, 3 * MIB, 2 * MIB, 1]


def test_a_range_and_a_version():
    with Server({"a": OLD}) as server:
        tag = etag(server)
        server.take()
        server.cuts = [MIB]
        assert alone(server).get_range("a", MIB, 2 * MIB) == OLD[MIB : 3 * MIB]
        assert asked(server) == [(2 * MIB, None, None), (MIB, tag, None)]
        with alone(server).reader("a") as reader:
            assert reader.get_range(0, 5) == OLD[:5]
            server.take()
            server.cuts = [MIB]
            assert reader.get_range(MIB, 2 * MIB) == OLD[MIB : 3 * MIB]
            assert asked(server) == [(2 * MIB, None, tag), (MIB, None, tag)]


def test_a_time_of_change_is_a_version():
    with Server({"a": OLD}, versions="date", cuts=[MIB]) as server:
        assert alone(server).get("a") == OLD
        (whole, *_), (rest, condition, _) = asked(server)
        assert (whole, rest) == (4 * MIB, 3 * MIB)
        assert condition.endswith("GMT")


@pytest.mark.parametrize("versions", ["weak etag", "new date", "none"])
def test_without_versions_it_begins_again(versions):
    with Server({"a": OLD}, versions=versions, cuts=[MIB]) as server:
        assert alone(server).get("a") == OLD
        assert asked(server) == 2 * [(4 * MIB, None, None)]


def test_little_is_asked_for_again():
    with Server({"a": OLD}, cuts=[100_000]) as server:
        assert alone(server).get("a") == OLD
        assert asked(server) == 2 * [(4 * MIB, None, None)]


@pytest.mark.parametrize("heeds", [True, False])
@pytest.mark.parametrize("ranges", ["all", "none"])
def test_another_version_is_read_from_its_beginning(heeds, ranges):
    def replace(handler):
        if handler.headers["Range"]:
            server.values["a"] = NEW

    with Server({"a": OLD}, cuts=[MIB], hook=replace, heeds=heeds, ranges=ranges) as server:
        assert alone(server).get("a") == NEW
        again = [] if heeds or ranges == "none" else [4 * MIB]
        assert [n for n, _, _ in asked(server)] == [4 * MIB, 3 * MIB, *again]


@pytest.mark.parametrize("heeds", [True, False])
def test_a_range_of_another_version_is_read_from_its_beginning(heeds):
    def replace(handler):
        if handler.headers["Range"] == f"bytes={2 * MIB}-{3 * MIB - 1}":
            server.values["a"] = NEW

    with Server({"a": OLD}, cuts=[MIB], hook=replace, heeds=heeds) as server:
        assert alone(server).get_range("a", MIB, 2 * MIB) == NEW[MIB : 3 * MIB]
        assert [n for n, _, _ in asked(server)] == [2 * MIB, MIB, 2 * MIB]


def test_a_reader_stays_with_its_version():
    with Server({"a": OLD}) as server, alone(server).reader("a") as reader:
        assert reader.get_range(0, 5) == OLD[:5]
        server.cuts, server.hook = [MIB], lambda handler: server.cuts or server.values.update(a=NEW)
        with pytest.raises(sz.errors.ChangedError):
            reader.get_range(0, 2 * MIB)


def test_a_value_that_disappears():
    with Server({"a": OLD}, cuts=[MIB]) as server:
        server.hook = lambda handler: server.cuts or server.values.clear()
        assert alone(server).get("a") is None


def test_versions_that_keep_changing():
    """Nothing is resumed after another version has come once, so that this ends."""
    count = 0

    def replace(handler):
        nonlocal count
        count += 1
        server.values["a"] = (OLD, NEW)[count % 2]

    with Server({"a": OLD}, cuts=100 * [MIB], hook=replace, heeds=False) as server:
        with pytest.raises(StoreError, match=r"'a' of HTTPStore.*the body of the answer broke off"):
            alone(server, timeout=1.5).get("a")
        assert sum(condition is not None for _, condition, _ in asked(server)) == 1


def test_progress_gives_more_time():
    """Each answer breaks off after 256 KiB, and all together take longer than the timeout."""
    with Server({"a": OLD}, cuts=15 * [256 << 10], latency=0.15) as server:
        assert alone(server, timeout=2).get("a") == OLD
        assert sum(n for n, _, _ in asked(server)) == sum(4 * MIB - i * (256 << 10) for i in range(16))


def test_a_server_that_falls_silent():
    """What came before is kept to the piece."""
    silent = 0

    def fall_silent(handler):
        nonlocal silent
        silent += 1
        if silent == 1:
            handler.reply = lambda status, body, cut=None, **headers: stall(handler, status, body, headers)

    def stall(handler, status, body, headers):
        handler.send_response(status)
        for name, text in headers.items():
            handler.send_header(name, text)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: MIB + 1000])
        handler.wfile.flush()
        handler.connection.settimeout(5)
        handler.connection.recv(1)  # until the client goes away
        handler.close_connection = True

    with Server({"a": OLD}, hook=fall_silent) as server:
        assert alone(server, timeout=2).get("a") == OLD
        assert [n for n, _, _ in asked(server)] == [4 * MIB, 3 * MIB]


def test_compressed_answers():
    with Server({"a": OLD}, encode=True, cuts=[MIB]) as server:
        assert alone(server).get("a") == OLD
        assert len(asked(server)) == 2


def test_large_values_in_parts():
    """Each part of 8 MiB is resumed by itself."""
    value = OLD + NEW + OLD + NEW + OLD
    with Server({"a": value}) as server:
        store = sz.HTTPStore(server.url)
        assert store.get("a") == value  # learns that it is large
        server.take()
        server.cuts = 2 * [3 * MIB]
        assert store.get("a") == value
        assert sorted(n // MIB for n, _, _ in asked(server)) == [2, 4, 5, 8, 8]


def test_many_cuts_of_an_array():
    values = np.frombuffer(OLD, "<u2").reshape(4, -1)
    hierarchy = {}
    sz.save(sz.MemoryStore(hierarchy), values, chunks=(1, values.shape[1]), codecs=["bytes"])
    with Server(hierarchy) as server:
        a = sz.open(server.url)
        server.cuts = 4 * [700_000]
        np.testing.assert_array_equal(a[...], values)
        chunk = values[0].nbytes
        assert sum(n for n, _, _ in asked(server, chunk)) == 8 * chunk - 4 * 700_000


def test_a_body_is_copied_nowhere():
    """The memory of the value itself, and of nothing else."""
    value = bytes(48 * MIB)
    with Server({"a": value}) as server:
        store = alone(server)
        store.get_range("a", 0, 1)
        tracemalloc.start()
        try:
            got = store.get("a")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert got == value
        assert type(got) is bytes
        assert peak < 50 * MIB
