"""File systems of fsspec: the conformance suite, what they keep that is out of date, failures, threads and forks."""

import os
import pickle
import threading
import traceback
import zipfile

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import AccessError, ChangedError, StoreError, UnsupportedError
from simplezarr.runtime import executor
from simplezarr.stores import FsspecStore, LocalStore, MemoryStore
from simplezarr.testing import check_store
from tests.runtime.test_fork import in_child
from tests.support.s3_double import s3_double

fsspec = pytest.importorskip("fsspec")

VALUES = np.arange(64 * 64, dtype="u2").reshape(64, 64)
DATA = np.random.default_rng(1).bytes(10_000)


@pytest.fixture
def memory():
    """A place in the one memory file system of the process, empty before and after."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    yield FsspecStore(fs, "place/a.zarr")
    fs.store.clear()


def s3_options(moto):
    return {"key": "AKIDTESTKEY", "secret": "very-secret-value", "endpoint_url": moto.endpoint}


# ---------------------------------------------------------------- the contract


def test_stores_over_wrappers_of_one_file_system_exclude_each_other(memory):
    """zarr-python wraps a file system that has no coroutines, anew for each of its stores."""
    wrapper = pytest.importorskip("fsspec.implementations.asyn_wrapper").AsyncFileSystemWrapper
    assert FsspecStore(wrapper(memory.fs, asynchronous=True), memory.path).fs is memory.fs


def test_conformance_in_memory(memory):
    check_store(memory)
    assert not memory.fs.store


def test_conformance_at_the_root_of_the_memory(memory):
    check_store(FsspecStore(memory.fs))


def test_conformance_on_disk(tmp_path):
    check_store(FsspecStore(fsspec.filesystem("file"), str(tmp_path)))
    assert not [*tmp_path.iterdir()]


def test_conformance_s3fs(moto):
    pytest.importorskip("s3fs")
    check_store(FsspecStore.from_url(moto.bucket("fsspec-conformance") + "/a", **s3_options(moto)))


def test_an_array_in_each(memory, tmp_path):
    for store in (memory, FsspecStore.from_url(f"file://{tmp_path}/a.zarr")):
        a = sz.create_array(store, "a", data=VALUES, chunks=(4, 4), shards=(16, 16))
        np.testing.assert_array_equal(sz.open(store, "a")[::5, 3:40], VALUES[::5, 3:40])
        a[3, 4] = 9
        assert a[3, 4] == 9
    np.testing.assert_array_equal(sz.open(LocalStore(tmp_path / "a.zarr"), "a")[5:], VALUES[5:])


def test_parts_through_http(double):
    """A file system with a loop of its own, whose errors are no OSErrors and which has no listing."""
    store = FsspecStore.from_url(f"{double.endpoint}/bucket/a")
    for data in (DATA, b"", b"x"):
        double.objects["bucket/a/key"] = data, {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        n, oracle = len(data), MemoryStore({"key": data})
        spans = [(0, n), (5, n), (n - 1, 10), (n, 1), (n + 5, 3), (-n, n), (-n - 5, n), (-10, 4), (-1, 1), (0, 0)]
        spans = [span for span in spans if span != (-1, 10)]
        for span in spans:
            assert store.get_range("key", *span) == oracle.get_range("key", *span), (n, span)
        assert store.get_ranges("key", spans) == oracle.get_ranges("key", spans)
        assert store.size("key") == n
    assert store.get_ranges("missing", spans) is None
    assert store.get_range("missing", 0, 5) is None
    assert store.get("missing") is None


@pytest.fixture
def double():
    with s3_double() as server:
        yield server


def test_ranges_of_two_versions_are_not_mixed(double):
    store = FsspecStore.from_url(f"{double.endpoint}/bucket/a")

    def put(data, tag):
        double.objects["bucket/a/key"] = data, {"ETag": f'"{tag}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}

    put(bytes(1000), 0)
    changes = []

    def replace(handler):
        if handler.headers["Range"] == "bytes=500-509" and len(changes) < 2:
            changes.append(1)
            put(1000 * bytes([len(changes)]), len(changes))

    double.fault = replace
    assert set(b"".join(store.get_ranges("key", [(0, 10), (500, 10), (990, 10)]))) == {2}
    double.fault = lambda handler: put(bytes(1000), double.counts.total())
    with pytest.raises(ChangedError):
        store._of_one_version("key", [(0, 10), (500, 10)])


# ---------------------------------------------------------------- what is kept


def test_listings_that_s3fs_keeps_are_not_believed(moto):
    pytest.importorskip("s3fs")
    from obstore.store import S3Store

    store = FsspecStore.from_url(moto.bucket("fsspec-listings") + "/a", **s3_options(moto))
    other = S3Store("fsspec-listings", prefix="a", client_options={"allow_http": True}, **moto.options())
    store.set("x/one", b"1")
    assert store.list_dir("x") == ["one"]
    assert [*store.list()] == ["x/one"]
    other.put("x/two", b"22")
    assert store.list_dir("x") == ["one", "two"]
    assert sorted(store.list()) == ["x/one", "x/two"]
    other.delete("x/one")
    assert not store.exists("x/one")
    assert store.size("x/two") == 2
    assert store.list_dir("x") == ["two"]


def test_creators_exclude_each_other_on_s3(moto):
    pytest.importorskip("s3fs")
    url = moto.bucket("fsspec-creators")
    stores = [FsspecStore.from_url(url, skip_instance_cache=True, **s3_options(moto)) for _ in range(6)]
    created = []
    executor.parallel_for(lambda i: created.append(stores[i].create("key", b"%d" % i)), 6, 6)
    assert sorted(created) == 5 * [False] + [True]


# ---------------------------------------------------------------- what it is made of


def test_maps_are_unwrapped(memory):
    memory.set("a/b", b"1")
    mapping = fsspec.get_mapper("memory://place/a.zarr")
    for store in (FsspecStore(mapping), FsspecStore(fsspec.get_mapper("memory://place"), "a.zarr")):
        assert store == memory
        assert store.get("a/b") == b"1"


def test_chains_of_urls(memory, tmp_path):
    sz.create_array(memory, "x", data=VALUES, chunks=(8, 8))
    options = {"cache_storage": str(tmp_path)}
    store = FsspecStore.from_url("simplecache::memory://place/a.zarr", **options)
    np.testing.assert_array_equal(sz.open(store, "x")[...], VALUES)
    assert len([*tmp_path.iterdir()]) == 65
    np.testing.assert_array_equal(sz.open("simplecache::memory://place/a.zarr", "x", **options)[...], VALUES)
    with pytest.raises(UnsupportedError, match="one step"):
        store.set("new", b"1")


def test_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/one", b"12345")
    store = FsspecStore(fsspec.filesystem("zip", fo=str(tmp_path / "a.zip")))
    assert [*store.list()] == ["x/one"]
    assert store.list_dir() == ["x"]
    assert store.get_range("x/one", -3, 2) == b"34"
    assert store.get("x") is None
    with pytest.raises(UnsupportedError, match="one step"):
        store.set("new", b"1")


def test_options_of_all_clouds(moto):
    pytest.importorskip("s3fs")
    url = moto.bucket("fsspec-options")
    store = FsspecStore.from_url(url, endpoint=moto.endpoint, region="eu-west-1", anonymous=False, key="k", secret="s")
    assert store.fs.storage_options["endpoint_url"] == moto.endpoint
    assert store.fs.storage_options["client_kwargs"] == {"region_name": "eu-west-1"}
    store.set("a", b"1")
    chained = FsspecStore.from_url(f"simplecache::{url}", s3={"key": "k", "secret": "s"}, endpoint=moto.endpoint)
    assert chained.get("a") == b"1"


def test_wrong_arguments(monkeypatch):
    with pytest.raises(TypeError, match="from_url"):
        FsspecStore("memory://a")
    with pytest.raises(UnsupportedError, match=r"nothing-like-it://a.*not known"):
        FsspecStore.from_url("nothing-like-it://a")


def test_pickling(memory, tmp_path):
    store = FsspecStore(fsspec.filesystem("file"), str(tmp_path), missing=(404, 403))
    store.set("a", b"1")
    same = pickle.loads(pickle.dumps(store))
    assert same == store
    assert hash(same) == hash(store)
    assert same.get("a") == b"1"
    assert same.missing == (404, 403)
    assert same != memory


# ---------------------------------------------------------------- failures


def test_failures_are_oserrors_that_name_the_place(double):
    store = FsspecStore.from_url(f"{double.endpoint}/bucket/a")
    for status, kind in ((500, StoreError), (403, AccessError), (401, PermissionError)):
        double.fault = lambda handler, status=status: handler.fail(status, "Fault") or True
        for call in (
            lambda: store.get("key"),
            lambda: store.get_range("key", 0, 4),
            lambda: store.get_ranges("key", [(0, 4)]),
        ):
            with pytest.raises(kind, match="bucket/a/key"):
                call()
    double.fault = lambda handler: handler.fail(403, "Fault") or True
    assert FsspecStore.from_url(f"{double.endpoint}/bucket/a", missing=(404, 403)).get("key") is None


def test_no_credentials_are_shown(double):
    pytest.importorskip("s3fs")
    double.fault = lambda handler: handler.fail(403, "AccessDenied") or True
    config = {"retries": {"max_attempts": 1}}
    store = FsspecStore.from_url(
        "s3://bucket/a", endpoint=double.endpoint, key="AKIDTESTKEY", secret="very-secret-value", config_kwargs=config
    )
    shown = [repr(store)]
    for call in (lambda: store.get("key"), lambda: store.set("key", b"1"), lambda: store.list_dir("a")):
        with pytest.raises(PermissionError, match="s3://bucket/a/") as raised:
            call()
        shown.append("".join(traceback.format_exception(raised.value)))
    signed = FsspecStore.from_url(f"{double.endpoint}/bucket/a?sig=very-secret-value")
    with pytest.raises(PermissionError) as raised:
        signed.get("key")
    shown += [repr(signed), "".join(traceback.format_exception(raised.value))]
    for text in shown:
        assert "AKIDTESTKEY" not in text
        assert "very-secret-value" not in text


def test_readers_on_disk_see_no_part_of_a_value(tmp_path):
    store = FsspecStore(fsspec.filesystem("file"), str(tmp_path))
    values = [bytes([i]) * 2_000_000 for i in range(2)]
    store.set("a", values[0])
    done = threading.Event()

    def read():
        while not done.is_set():
            assert store.get("a") in values
            assert [*store.list()] == ["a"], "the temporary file is no key"

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for i in range(100):
            store.set("a", values[i % 2])
    finally:
        done.set()
        for thread in threads:
            thread.join()


# ---------------------------------------------------------------- threads and processes


class OneAtATime(fsspec.AbstractFileSystem):
    """A file system that notices if two threads use it at the same time."""

    protocol = "one-at-a-time"
    cachable = False

    def cat_file(self, path, start=None, end=None, **kwargs):
        self.users = getattr(self, "users", 0) + 1
        threading.Event().wait(0.005)
        alone = self.users == 1
        self.users -= 1
        return b"alone" if alone else b"crowd"


def test_a_file_system_of_unknown_kind_is_used_by_one_thread_at_a_time():
    store = FsspecStore(OneAtATime())
    assert set(executor.parallel_map(store.get, [f"key{i}" for i in range(16)], 8)) == {b"alone"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_reads(double):
    """Its file system is made anew, because the loop of the parent does not run there."""
    double.objects["bucket/a/key"] = DATA, {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    store = FsspecStore.from_url(f"{double.endpoint}/bucket/a")
    assert store.get("key") == DATA
    for _ in range(3):
        in_child(
            lambda: store.get("key") == DATA and store.get_ranges("key", [(0, 3), (9, 2)]) == [DATA[:3], DATA[9:11]]
        )
    assert store.get("key") == DATA
