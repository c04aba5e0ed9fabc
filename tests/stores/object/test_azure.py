"""Object stores on Azure, whose ranges, versions and removals differ from those of S3."""

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor
from simplezarr.stores import ObjectStore
from simplezarr.testing import check_store

pytest.importorskip("obstore.store")

VALUES = np.arange(64 * 64, dtype="u2").reshape(64, 64)


def test_conformance(azurite):
    check_store(ObjectStore.from_url(azurite.container("conformance") + "/pre/fix", **azurite.options()))


def test_parts_of_shards(azurite):
    """The index is at the end, and Azure has no ranges that count from there."""
    store = ObjectStore.from_url(azurite.container("shards"), **azurite.options())
    a = sz.create_array(store, data=VALUES, chunks=(4, 4), shards=(32, 32))
    np.testing.assert_array_equal(a[::7, 3], VALUES[::7, 3])
    a[5:40, 6] = 1
    np.testing.assert_array_equal(a[5:40, 6], 1)


def test_no_update_is_lost(azurite):
    """Eight stores do not share a lock, so only conditions exclude them."""
    url = azurite.container("updates")
    stores = [ObjectStore.from_url(url, **azurite.options(client_options={"timeout": f"{60 + i}s"})) for i in range(8)]
    assert len({id(store._client) for store in stores}) == 8
    a = sz.create_array(stores[0], "a", shape=80, dtype="u1", chunks=80)
    arrays = [sz.open(store, "a", mode="r+") for store in stores]
    executor.parallel_for(lambda i: arrays[i % 8].write(i, i + 1), 80, 8)
    assert a[...].tolist() == [*range(1, 81)]


def test_one_of_many_creators_succeeds(azurite):
    url = azurite.container("creators")
    stores = [ObjectStore.from_url(url, **azurite.options(client_options={"timeout": f"{60 + i}s"})) for i in range(8)]
    created = []
    executor.parallel_for(lambda i: created.append(stores[i].create("key", b"same")), 8, 8)
    assert sorted(created) == 7 * [False] + [True]
