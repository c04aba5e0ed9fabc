"""Writers of object stores in several processes, and what other software reads of what was written."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.runtime import executor
from simplezarr.stores import ObjectStore
from tests.support.helpers import PYTHON, same_package

obstore_stores = pytest.importorskip("obstore.store")

VALUES = np.arange(64 * 64, dtype="u2").reshape(64, 64)

WRITER = """
import sys, time
import simplezarr as sz
from simplezarr.runtime import executor
from simplezarr.stores import ObjectStore
url, endpoint, path, first = sys.argv[1:]
sz.set_num_threads(4)
store = ObjectStore.from_url(url, endpoint=endpoint, region="us-east-1", access_key_id="k", secret_access_key="s")
a = sz.open(store, path, mode="r+")
print("ready", flush=True)
sys.stdin.readline()
executor.parallel_for(lambda i: a.write(int(first) + i, int(first) + i + 1), 40, 4)
"""


@pytest.mark.parametrize("shards", [None, 80])
def test_no_update_is_lost(moto, shards):
    """Two processes, of four threads each, change 80 elements of one chunk or one shard."""
    url = moto.bucket(f"updates-{shards}".lower())
    store = ObjectStore.from_url(url, **moto.options())
    sz.create_array(store, "a", shape=80, dtype="u1", chunks=80 if shards is None else 4, shards=shards)
    command = [*PYTHON, "-c", WRITER, url, moto.endpoint, "a"]
    writers = [
        subprocess.Popen(
            [*command, first], env=same_package(), cwd=Path.home(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for first in ("0", "40")
    ]
    try:
        for writer in writers:
            assert writer.stdout.readline() == b"ready\n"
        for writer in writers:
            writer.stdin.write(b"\n")
            writer.stdin.flush()
        assert [writer.wait(120) for writer in writers] == [0, 0]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert sz.open(store, "a")[...].tolist() == [*range(1, 81)]


def test_one_of_many_creators_succeeds(moto):
    url = moto.bucket("creators")
    stores = [ObjectStore.from_url(url, unsigned_payload=bool(i % 2), **moto.options()) for i in range(8)]
    created = []
    executor.parallel_for(lambda i: created.append(stores[i].create("key", b"same")), 8, 8)
    assert sorted(created) == 7 * [False] + [True]


# ---------------------------------------------------------------- other software


def test_urls_of_buckets(moto):
    """Every call takes a URL and the options of its store."""
    url, options = moto.bucket("by-url") + "/a.zarr", moto.options()
    sz.create_array(url, "x", data=VALUES, chunks=(8, 8), **options)
    sz.open(url, "x", mode="r+", **options)[3, 4] = 9
    assert sz.open_array(url, "x", **options)[3, 4] == 9
    assert sz.open_group(url, **options)["x"][5, 6] == VALUES[5, 6]
    assert sz.exists(url, "x", **options)
    with pytest.raises(sz.NodeNotFoundError, match="s3://by-url"):
        sz.open(url, "y", **options)
    native = obstore_stores.S3Store("by-url", prefix="a.zarr", client_options={"allow_http": True}, **options)
    assert sz.open(native, "x")[3, 4] == 9


def test_other_software_reads_what_was_written(moto):
    zarr = pytest.importorskip("zarr")
    from zarr.storage import FsspecStore
    from zarr.storage import ObjectStore as ZarrObjectStore

    store = ObjectStore.from_url(moto.bucket("peers") + "/a.zarr", **moto.options())
    group = sz.create_group(store)
    group.create_array("chunks", data=VALUES, chunks=(8, 8))
    group.create_array("shards", data=VALUES, chunks=(2, 2), shards=(16, 16))
    native = obstore_stores.S3Store("peers", prefix="a.zarr", client_options={"allow_http": True}, **moto.options())
    others = [ZarrObjectStore(native)]
    pytest.importorskip("s3fs")
    options = {"key": "k", "secret": "s", "endpoint_url": moto.endpoint}
    others.append(FsspecStore.from_url("s3://peers/a.zarr", storage_options=options, read_only=True))
    for other in others:
        opened = zarr.open_group(other, mode="r")
        for name in ("chunks", "shards"):
            np.testing.assert_array_equal(opened[name][...], VALUES)


def test_tensorstore_reads_what_was_written(moto, monkeypatch):
    tensorstore = pytest.importorskip("tensorstore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    group = sz.create_group(ObjectStore.from_url(moto.bucket("tensors") + "/a.zarr", **moto.options()))
    group.create_array("chunks", data=VALUES, chunks=(8, 8))
    group.create_array("shards", data=VALUES, chunks=(2, 2), shards=(16, 16))
    server = {"endpoint": moto.endpoint, "aws_region": "us-east-1", "aws_credentials": {"type": "environment"}}
    for name in ("chunks", "shards"):
        store = {"driver": "s3", "bucket": "tensors", "path": f"a.zarr/{name}/", **server}
        opened = tensorstore.open({"driver": "zarr3", "kvstore": store}, open=True).result()
        np.testing.assert_array_equal(opened.read().result(), VALUES)
