"""The object store over the server of the benchmarks, nginx with Lua: its contract, requests counted, lost updates."""

import asyncio
import importlib.util
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import timedelta

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import ObjectStore
from simplezarr.testing import check_store
from tests.support.helpers import PYTHON, same_package
from tests.support.pages import ROOT

pytest.importorskip("obstore.store")
SERVER = ROOT / "asv_bench" / "peers" / "bucket" / "server.py"


def load():
    spec = importlib.util.spec_from_file_location("bucket_server", SERVER)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and annotations look it up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    module = load()
    root = tmp_path_factory.mktemp("buckets")
    (root / "bucket").mkdir()
    try:
        running = module.BucketServer(root)
    except module.NoServerError as missing:
        pytest.skip(str(missing))
    with running:
        yield running


@pytest.fixture(autouse=True)
def settled(server):
    yield
    server.control(latency=0, bandwidth=0, faults=0)


def options(server):
    return {"endpoint": server.endpoint, "region": "us-east-1", "access_key_id": "key", "secret_access_key": "secret"}


def requests(counts):
    return {kind: n for kind, n in counts.items() if kind not in ("bytes", "connections")}


def listens(endpoint):
    try:
        urllib.request.urlopen(f"{endpoint}/_control", timeout=5).close()
    except OSError:
        return False
    return True


def test_the_server_ends_with_its_process(tmp_path, server):
    """Also if that is killed."""
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(SERVER.parent)!r})
import server
print(server.BucketServer(Path({str(tmp_path)!r})).endpoint, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    told = subprocess.run([*PYTHON, "-c", code], capture_output=True, text=True, timeout=60)
    deadline = time.monotonic() + 20
    while listens(told.stdout.strip()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert told.stdout.startswith("http://")
    assert not listens(told.stdout.strip())


def test_conformance(server):
    check_store(ObjectStore.from_url("s3://bucket/contract", **options(server)))


def test_requests_of_chunks_and_shards(server):
    values = np.arange(64 * 64, dtype="u2").reshape(64, 64)
    url = "s3://bucket/counted"
    sz.save(f"{url}/chunks", values, chunks=(8, 8), **options(server))
    sz.save(f"{url}/shard", values, chunks=(8, 8), shards=(64, 64), **options(server))
    chunks, shard = sz.open(f"{url}/chunks", **options(server)), sz.open(f"{url}/shard", **options(server))
    server.control()
    assert np.array_equal(chunks[...], values)
    assert requests(server.control()) == {"RANGE": 64}
    assert np.array_equal(shard[...], values)
    assert requests(server.control()) == {"RANGE": 1}
    assert np.array_equal(shard[20], values[20])
    assert requests(server.control())["RANGE"] <= 9  # the index, and at most each inner chunk of the plane


def test_zarrista_reads_what_was_written(server):
    zarrista, obstore_stores = pytest.importorskip("zarrista"), pytest.importorskip("obstore.store")
    values = np.arange(64 * 64, dtype="u2").reshape(64, 64)
    settings = {"prefix": "zarrista", "client_options": {"allow_http": True}, **options(server)}
    native = obstore_stores.S3Store("bucket", **settings)
    sz.save("s3://bucket/zarrista", {"chunks": values}, chunks=(8, 8), **options(server))
    sz.save("s3://bucket/zarrista/shards", values, chunks=(2, 2), shards=(16, 16), **options(server))

    async def read(name):
        array = await zarrista.AsyncArray.open(native, f"/{name}")
        return (await array.retrieve_array_subset((...,))).to_numpy()

    for name in ("chunks", "shards"):
        assert np.array_equal(asyncio.run(read(name)), values)


def test_faults_are_no_fill_value(server):
    values = np.arange(1, 1025, dtype="u2").reshape(32, 32)
    backoff = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=5), "base": 2}
    retried = {**options(server), "retry_config": {"max_retries": 10, "backoff": backoff}}
    sz.save("s3://bucket/faults", values, chunks=(4, 4), **retried)
    for status in (503, 444):
        server.control(faults=0.2, status=status)
        for _ in range(5):
            assert np.array_equal(sz.open("s3://bucket/faults", **retried)[...], values)
        assert server.control()["FAULT"] > 0


def test_a_shard_that_is_replaced_is_read_in_one_version(server):
    """A thousand reads, each of them of the old or the new values."""
    url = "s3://bucket/replaced"
    sz.save(url, np.zeros((16, 16), "u2"), chunks=(2, 2), shards=(16, 16), **options(server))
    read = sz.open(url, **options(server))
    written, done = sz.open(url, mode="r+", **options(server)), threading.Event()

    def replace():
        value = 0
        while not done.is_set():
            value += 1
            written[...] = np.full((16, 16), value, "u2")

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        seen = set()
        for i in range(1000):
            part = np.unique(read[::5, ::3] if i % 2 else read[...])
            assert len(part) == 1
            seen.add(int(part[0]))
        assert len(seen) > 20
    finally:
        done.set()
        thread.join()


ADD = """
import sys, threading
import simplezarr as sz
url, endpoint, *rows = sys.argv[1:]
array = sz.open(url, mode="r+", endpoint=endpoint, region="us-east-1", access_key_id="key", secret_access_key="secret")
def add(row):
    for _ in range(10):
        array[row] = array[row] + 1
threads = [threading.Thread(target=add, args=(int(row),)) for row in rows]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.parametrize("shards", [None, (8, 8)])
def test_two_processes_lose_no_update_of_one_object(server, shards):
    url = f"s3://bucket/updates-{shards is None}"
    chunks = (8, 8) if shards is None else (1, 8)
    sz.save(url, np.zeros((8, 8), "u2"), chunks=chunks, shards=shards, **options(server))
    command = [*PYTHON, "-c", ADD, url, server.endpoint]
    writers = [subprocess.Popen([*command, *rows], env=same_package()) for rows in ("0123", "4567")]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert np.array_equal(sz.open(url, **options(server))[...], np.full((8, 8), 10))
