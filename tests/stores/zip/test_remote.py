"""Zip archives in buckets: requests are counted by the server, and an archive that is replaced is noticed."""

import os

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import ArchiveError, ChangedError, StoreError
from simplezarr.stores import ObjectStore
from tests.support.archives import read_all
from tests.support.s3_double import failing, s3_double

pytest.importorskip("obstore")

VALUES = np.random.default_rng(0).integers(0, 1000, (256, 256), dtype="u2")


@pytest.fixture
def server():
    with s3_double() as server:
        yield server


@pytest.fixture
def store(server):
    return ObjectStore.from_url("s3://bucket/a", **server.options())


def test_an_archive_in_a_bucket(server, store):
    with sz.ZipStore(store, "a.zip", mode="w") as archive:
        assert server.take() == {}
        sz.save(archive, {"chunks": VALUES, "shards": VALUES}, chunks=(32, 32))
    sz.save("s3://bucket/a/b.ozx", {"s": VALUES}, chunks=(32, 32), shards=(256, 256), **server.options())
    assert server.take() == {"RANGE": 1, "PUT": 2}  # each as a whole; whether there is an old one
    assert sorted(store.list()) == ["a.zip", "b.ozx"]
    assert len(read_all(store.get("a.zip"))) == 2 * 64 + 3
    server.take()

    group = sz.open("s3://bucket/a/a.zip", **server.options())
    assert server.take() == {"RANGE": 2}  # the end of the archive with its directory, the document
    array = group["chunks"]
    assert np.array_equal(array[...], VALUES)
    assert server.take() == {"RANGE": 1 + 64}
    assert np.array_equal(array[3:70, ::7], VALUES[3:70, ::7])
    assert server.take() == {"RANGE": 3 * 8}

    shard = sz.open_array("s3://bucket/a/b.ozx", "s", **server.options())
    server.take()
    assert np.array_equal(shard[100], VALUES[100])
    assert server.take() == {"RANGE": 3}  # the index with the header, and a run of chunks
    assert np.array_equal(shard[200], VALUES[200])
    assert server.take() == {"RANGE": 1}  # the index is kept, because an open archive does not change
    assert np.array_equal(shard[...], VALUES)
    assert server.take() == {"RANGE": 1}


def test_what_is_missing_and_what_fails(server, store):
    url = "s3://bucket/a/none.zip"
    assert not sz.exists(url, **server.options())
    with pytest.raises(sz.NodeNotFoundError, match=r"none\.zip"):
        sz.open(url, **server.options())
    with pytest.raises(FileNotFoundError, match=r"none\.zip"):
        sz.ZipStore(store, "none.zip")
    store.set("bad.zip", b"no archive at all")
    with pytest.raises(ArchiveError, match=r"bad\.zip.*no end record"):
        sz.open("s3://bucket/a/bad.zip", **server.options())
    sz.save("s3://bucket/a/a.zip", VALUES, chunks=(32, 32), **server.options())
    array = sz.open_array("s3://bucket/a/a.zip", **server.options())
    server.fault = failing(0.2, 503)
    assert np.array_equal(array[...], VALUES)
    server.fault = failing(1.0, 503)
    with pytest.raises(StoreError, match=r"a\.zip") as caught:
        array[...]
    assert "secret" not in str(caught.value)


def test_an_archive_that_is_replaced(server, store):
    sz.save("s3://bucket/a/a.zip", VALUES, chunks=(32, 32), codecs=[], **server.options())
    array = sz.open_array("s3://bucket/a/a.zip", **server.options())
    assert np.array_equal(array[:10], VALUES[:10])
    sz.save("s3://bucket/a/a.zip", VALUES + 1, chunks=(32, 32), codecs=[], overwrite=True, **server.options())
    for read in (lambda: array[...], lambda: array[5, 5], lambda: array[:10, :10]):
        with pytest.raises((ChangedError, sz.ChunkError), match=r"was replaced|kept changing"):
            read()
    assert np.array_equal(sz.open_array("s3://bucket/a/a.zip", **server.options())[...], VALUES + 1)


def test_a_failed_upload_leaves_the_old_archive(server, store):
    sz.save("s3://bucket/a/a.zip", VALUES, **server.options())
    old = store.get("a.zip")
    server.fault = lambda handler: handler.command == "PUT" and handler.fail(403, "AccessDenied") is None
    with pytest.raises(PermissionError):
        sz.save("s3://bucket/a/a.zip", VALUES + 1, overwrite=True, **server.options())
    archive = sz.ZipStore(store, "a.zip", mode="w")
    archive.set("c/0", os.urandom(1000))
    with pytest.raises(PermissionError):
        archive.close()
    assert store.get("a.zip") == old
    server.fault = None
    archive.close()  # once more
    assert [*read_all(store.get("a.zip"))] == ["c/0"]


def test_an_archive_at_moto(moto):
    url, options = moto.bucket("archives") + "/a.zip", moto.options()
    sz.save(url, {"x": VALUES}, chunks=(64, 64), **options)
    assert np.array_equal(sz.open(url, **options)["x"][...], VALUES)
    assert np.array_equal(sz.open_array(f"{url}|zip:x|zarr3:", **options)[5:9], VALUES[5:9])
