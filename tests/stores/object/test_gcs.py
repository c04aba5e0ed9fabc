"""Object stores on Google Cloud Storage, whose versions are numbers and whose removals go key by key."""

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import UnsupportedError
from simplezarr.runtime import executor
from simplezarr.stores import ObjectStore
from simplezarr.testing import check_store
from tests.support.s3_double import failing, s3_double

pytest.importorskip("obstore.store")

VALUES = np.arange(64 * 64, dtype="u2").reshape(64, 64)


@pytest.fixture
def double():
    with s3_double() as server:
        yield server


def store_in(server, **more):
    """Return a store that writes without credentials, as to an emulator."""
    return ObjectStore.from_url("gs://bucket/a", endpoint=server.endpoint, anonymous=True, **more)


def test_conformance(double):
    check_store(store_in(double))
    assert not double.objects


def test_parts_of_shards(double):
    a = sz.create_array(store_in(double), "a", data=VALUES, chunks=(4, 4), shards=(64, 64))
    double.take()
    np.testing.assert_array_equal(a[::7, 3], VALUES[::7, 3])
    assert double.take() == {"RANGE": 2}
    np.testing.assert_array_equal(a[1::7, 5], VALUES[1::7, 5])
    assert double.take() == {"RANGE": 1}, "the index is kept with its version"


def test_no_update_is_lost(double):
    """Stores that share no lock; a fifth of the requests fails."""
    stores = [store_in(double, client_options={"timeout": f"{60 + i}s"}) for i in range(4)]
    sz.create_array(stores[0], "a", shape=80, dtype="u1", chunks=80)
    arrays = [sz.open(store, "a", mode="r+") for store in stores]
    double.fault = failing(0.2, 503)
    executor.parallel_for(lambda i: arrays[i % 4].write(i, i + 1), 80, 8)
    double.fault = None
    assert sz.open(stores[0], "a")[...].tolist() == [*range(1, 81)]


def test_answers_that_are_lost(double):
    store = store_in(double)
    double.lose = 1
    assert store.create("key", b"5")
    store.update("key", lambda value: value)  # the probe
    double.lose = 1
    store.update("key", lambda value: b"%d" % (int(value) + 1))
    assert store.get("key") == b"6"


def test_a_server_that_ignores_conditions_is_refused():
    with s3_double(heeds=False) as server:
        store = store_in(server)
        with pytest.raises(UnsupportedError, match="gs://bucket/"):
            store.update("key", lambda value: b"1")
        assert not server.objects
