"""How often a call waits for an object store: the requests of one round trip are made together."""

import threading

import numpy as np
import pytest

import simplezarr as sz
from tests.support.s3_double import s3_double

pytest.importorskip("obstore.store")


@pytest.fixture
def double():
    with s3_double() as server:
        yield server


def store_in(server):
    return sz.stores.ObjectStore.from_url("s3://bucket/a", **server.options())


class RoundTrips:
    """Holds the requests of each round trip back until all of them have come: so none waits for another's answer.

    sizes: how many requests there are in each. `wrong` has those that did not come together, or came afterwards.
    """

    def __init__(self, sizes):
        self.sizes, self.count, self.waiting, self.wrong = sizes, 0, 0, []
        self.changed = threading.Condition()

    def __call__(self, handler):
        with self.changed:
            number = self.count
            if number == len(self.sizes):
                self.wrong.append(handler.path)
                return False
            self.waiting += 1
            if self.waiting == self.sizes[number]:
                self.count, self.waiting = number + 1, 0
                self.changed.notify_all()
            elif not self.changed.wait_for(lambda: self.count > number or self.wrong, 30):
                self.wrong.append(handler.path)
        return False


def test_round_trips(double):
    """The document, the listing, and the documents of the children by 64; one if they are consolidated."""
    group = sz.create_group(store_in(double))
    a = group.create_array("a00", shape=(64,), dtype="u1", chunks=8, shards=32)
    a[...] = np.arange(64)
    for i in range(1, 100):
        group.create_array(f"a{i:02}", shape=(i + 1,), dtype="u1")

    def in_trips(sizes, call):
        double.fault = trips = RoundTrips(sizes)
        result = call()
        double.fault = None
        assert trips.count == len(sizes)
        assert not trips.wrong
        return result

    assert len(in_trips([1, 1, 64, 36], lambda: dict(sz.open(store_in(double)).items()))) == 100
    assert in_trips([1, 1], lambda: sz.open_group(store_in(double))["a07"].shape) == (8,)
    assert in_trips([1], lambda: sz.open_array(store_in(double), "a07").shape) == (8,)
    a = sz.open_array(store_in(double), "a00")
    assert in_trips([2, 2], lambda: a[3::32].tolist()) == [3, 35]  # the indexes of both shards, then the chunks
    assert in_trips([2], lambda: a[3::32].tolist()) == [3, 35]
    group.consolidate_metadata()
    assert len(in_trips([1], lambda: dict(sz.open(store_in(double)).items()))) == 100
