"""A large shard on a server is read in parts of one version: requests, replacement, failures, by S3 and plain HTTP."""

import threading

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import StoreError
from simplezarr.stores import HTTPStore, ObjectStore
from tests.support.http_server import Server
from tests.support.s3_double import s3_double

pytest.importorskip("obstore")
pytestmark = pytest.mark.usefixtures("pool")

#: 20 chunks of 1 MiB of noise. With their headers, only three of them are not more than 4 MiB, so there are 7 parts.
SHAPE, CHUNKS = (5, 4 << 20), (1, 1 << 20)
KEY, PARTS = "data/c/0/0", 7
NOISE = np.random.default_rng(5).integers(0, 256, SHAPE, "u1")


def stored(values):
    """Return what is stored of an array of one shard, by key."""
    store = {}
    sz.create_array(store, "data", data=values, chunks=CHUNKS, shards=SHAPE)
    return {key: bytes(store[key]) for key in store if key.startswith("data/")}


@pytest.fixture(scope="module")
def versions():
    return [stored(NOISE), stored(NOISE[::-1])]


class Web:
    """The web server of these tests. `requests` returns those for the shard since the last time, as byte ranges."""

    def __init__(self, values):
        self.server = Server(dict(values))

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)

    def store(self, **options):
        return HTTPStore(self.server.url, **options)

    def put(self, values):
        self.server.values.update(values)

    def before(self, call):
        """Have `call(range)` called before each answer about the shard, which fails if that returns True."""

        def hook(handler):
            if KEY in handler.path and call(handler.headers["Range"] or "") is True:
                self.server.statuses[KEY] = 400

        self.server.hook = hook

    def requests(self):
        return [span for method, key, span in self.server.take() if key == KEY and method == "GET"]


class S3:
    """The S3 double, in the same way."""

    def __init__(self, values):
        self.values, self.context = values, s3_double()

    def __enter__(self):
        self.server = self.context.__enter__()
        self.put(self.values)
        self.server.take()
        return self

    def __exit__(self, *error):
        self.context.__exit__(*error)

    def store(self, **options):
        return ObjectStore.from_url("s3://bucket/a", **options, **self.server.options())

    def put(self, values):
        store = self.store()
        for key, value in values.items():
            store.set(key, value)

    def before(self, call):
        def fault(handler):
            if handler.command != "GET" or KEY not in handler.path or call(handler.headers["Range"] or "") is not True:
                return False
            handler.fail(400, "Bad")
            return True

        self.server.fault = fault

    def requests(self):
        with self.server.guard:
            found = [span for kind, path, span in self.server.log if path.endswith(KEY) and kind in ("GET", "RANGE")]
        self.server.take()
        return found


@pytest.fixture(params=[Web, S3], ids=["http", "s3"])
def place(request, versions):
    with request.param(versions[0]) as made:
        yield made


def is_index(span):
    return span.startswith("bytes=-")


def test_requests(place):
    """The whole: the index, the first time, and each part once. A plane: what it needs, at once."""
    arr = sz.open_array(place.store(), "data")
    assert (arr[...] == NOISE).all()
    asked = place.requests()
    assert [is_index(span) for span in asked] == [True] + [False] * PARTS
    assert (arr[...] == NOISE).all()
    asked = place.requests()
    assert len(asked) == PARTS
    assert not any(is_index(span) for span in asked)
    assert (arr[:, 7] == NOISE[:, 7]).all()
    assert len(place.requests()) == 5
    assert (sz.open_array(place.store(), "data")[3] == NOISE[3]).all()
    asked = place.requests()
    assert [is_index(span) for span in asked] == [True] + [False] * (len(asked) - 1)


def test_all_parts_are_in_flight_at_once(place):
    meeting = threading.Barrier(PARTS)
    place.before(lambda span: None if is_index(span) or not span else meeting.wait(30) < 0)
    assert (sz.open_array(place.store(), "data")[...] == NOISE).all()


def test_parts_are_smaller_than_what_the_store_asks_for_at_once(versions):
    """Requests stay within `part_size`, and each part is still read once."""
    with S3(versions[0]) as place:
        arr = sz.open_array(place.store(part_size=1 << 20), "data")
        assert (arr[...] == NOISE).all()
        spans = [tuple(map(int, span[6:].split("-"))) for span in place.requests() if not is_index(span)]
        assert max(end + 1 - begin for begin, end in spans) <= 1 << 20
        assert sum(end + 1 - begin for begin, end in spans) < 1.01 * NOISE.nbytes


@pytest.mark.parametrize("at", [2, 4, PARTS])
def test_a_shard_that_is_replaced_between_parts(place, versions, at):
    seen, guard = [], threading.Lock()

    def replace(span):
        if not span or is_index(span):
            return
        with guard:
            seen.append(span)
            if len(seen) == at:
                place.put({KEY: versions[1][KEY]})

    place.before(replace)
    assert (sz.open_array(place.store(concurrency=2), "data")[...] == NOISE[::-1]).all()
    assert len(seen) >= at + PARTS


def test_a_part_that_fails(place):
    failed = threading.Event()

    def fail(span):
        if span and not is_index(span) and not failed.is_set():
            failed.set()
            return True
        return None

    place.before(fail)
    with pytest.raises(StoreError, match=KEY):
        sz.open_array(place.store(concurrency=2), "data")[...]
    assert len(place.requests()) <= PARTS


def test_a_server_without_ranges_sends_the_shard_once(versions):
    """It answers a request for the index with the whole shard, from which all parts are then read."""
    with Web(versions[0]) as place:
        place.server.ranges = "none"
        assert (sz.open_array(place.store(), "data")[...] == NOISE).all()
        assert len(place.requests()) == 2  # the first answer ends before its body: it is not what was asked for
