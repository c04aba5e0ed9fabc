"""Object stores through obstore: the conformance suite, requests counted by servers, failures, and lost updates."""

import pickle
import threading
import traceback

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import AccessError, ChangedError, StoreError, UnsupportedError
from simplezarr.runtime import executor
from simplezarr.stores import LocalStore, MemoryStore, ObjectStore
from simplezarr.testing import check_store
from tests.support.helpers import python, within
from tests.support.s3_double import failing, s3_double

obstore_stores = pytest.importorskip("obstore.store")

VALUES = np.arange(64 * 64, dtype="u2").reshape(64, 64)
DATA = np.random.default_rng(1).bytes(100_000)


@pytest.fixture
def double():
    with s3_double() as server:
        yield server


def store_in(server, url="s3://bucket/a", **options):
    own = {name: options.pop(name) for name in ("missing", "part_size", "concurrency") if name in options}
    return ObjectStore.from_url(url, **own, **server.options(**options))


# ---------------------------------------------------------------- the contract

LOCAL = {
    "memory": lambda path: ObjectStore(obstore_stores.MemoryStore()),
    "prefix": lambda path: ObjectStore(obstore_stores.MemoryStore(), prefix="a/b/"),
    "local": lambda path: ObjectStore(obstore_stores.LocalStore(path, automatic_cleanup=True)),
}


@pytest.mark.parametrize("kind", LOCAL)
def test_conformance_without_a_server(kind, tmp_path):
    check_store(LOCAL[kind](tmp_path))


def test_conformance_double(double):
    check_store(store_in(double))
    assert not double.objects


def test_conformance_moto(moto):
    store = ObjectStore.from_url(moto.bucket("conformance") + "/pre/fix", **moto.options())
    check_store(store)
    check_store(sz.WrapperStore(store))


@pytest.mark.parametrize("part_size", [1, 7, 1000, 99_999, 100_000, 100_001])
def test_parts_of_any_size(double, part_size):
    data = DATA[: 300 * part_size] if part_size < 100 else DATA
    store = store_in(double, part_size=part_size)
    store.set("key", data)
    assert store.get("key") == data
    n = len(data)
    for start, length in [
        (0, n),
        (5, n),
        (n - 1, 10),
        (n, 1),
        (n + 5, 3),
        (-n, n),
        (-n - 5, n),
        (-10, 4),
        (-1, 1),
        (0, 0),
    ]:
        wanted = MemoryStore({"key": data}).get_range("key", start, length)
        assert store.get_range("key", start, length) == wanted, (start, length)
        with store.reader("key") as reader:
            assert reader.get_ranges([(3, 1), (start, length)]) == [data[3:4], wanted]
            assert reader.get_ranges([(start, length), (3, 1)]) == [wanted, data[3:4]]
            assert reader.size() == n


# ---------------------------------------------------------------- requests


def test_requests_are_counted(double):
    store = store_in(double)
    group = sz.create_group(store)
    group.create_array("chunks", data=VALUES, chunks=(8, 8))
    group.create_array("shards", data=VALUES, chunks=(2, 2), shards=(64, 64), codecs=["zstd"])
    double.take()
    a = sz.open(store, "chunks")
    assert double.take() == {"RANGE": 1}
    np.testing.assert_array_equal(a[...], VALUES)
    assert double.take() == {"RANGE": 64}
    b = sz.open(store, "shards")
    double.take()
    np.testing.assert_array_equal(b[5:6, :30], VALUES[5:6, :30])
    assert double.take() == {"RANGE": 2}, "the index, then one range"
    np.testing.assert_array_equal(b[9:11, 30:], VALUES[9:11, 30:])
    assert double.take() == {"RANGE": 1}, "the index is kept with its version"
    sz.open(store, "shards", mode="r+")[...] = VALUES + 1
    double.take()
    np.testing.assert_array_equal(b[9:11, 30:], VALUES[9:11, 30:] + 1)
    assert double.take() == {"RANGE": 3}, "the version is refused, then the new index, then the new data"


def test_requests_of_a_group_of_a_hundred(double):
    group = sz.create_group(store_in(double))
    for i in range(100):
        group.create_array(f"a{i:02}", shape=(i + 1,), dtype="u1")
    waiting, most = set(), []

    def note(handler):
        with double.guard:
            waiting.add(threading.get_ident())
            most.append(len(waiting))
        threading.Event().wait(0.05)
        with double.guard:
            waiting.discard(threading.get_ident())
        return False

    double.take()
    double.fault = note
    opened = sz.open(store_in(double))
    assert [array.shape for _, array in sorted(opened.items())] == [(i + 1,) for i in range(100)]
    double.fault = None
    assert double.take() == {"RANGE": 101, "LIST": 1}
    assert max(most) > 32, "the documents are requested together"
    group.consolidate_metadata()
    double.take()
    assert len({name: array.shape for name, array in sz.open(store_in(double)).items()}) == 100
    assert double.take() == {"RANGE": 1}


def test_deleting_a_thousand_chunks(double):
    group = sz.create_group(store_in(double))
    group.create_array("a", shape=999, dtype="u1", chunks=1)
    for i in range(999):
        headers = {"ETag": f'"{i}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        double.objects[f"bucket/a/a/c/{i}"] = b"\1", headers
    double.take()
    del group["a"]
    counts = double.take()
    assert counts["BULK DELETE"] == 2, "the document, then the chunks"
    assert counts["LIST"] <= 3
    assert [*double.objects] == ["bucket/a/zarr.json"]


def test_a_large_value_is_read_in_parts_at_a_time(double):
    store = store_in(double, part_size=10_000)
    store.set("key", DATA)
    double.take()
    together = threading.Barrier(9)

    def wait(handler):
        if handler.headers["Range"] != "bytes=0-9999":  # whose answer tells the size
            together.wait(20)

    double.fault = wait
    assert within(20, store.get, "key") == DATA  # the barrier opens if all nine are under way at the same time
    assert double.take() == {"RANGE": 10}


def test_ranges_are_read_at_a_time(double):
    store = store_in(double)
    store.set("key", DATA)
    ranges = [(1000 * i, 10) for i in range(20)]
    with store.reader("key") as reader:
        reader.get_range(-5, 5)
        together = threading.Barrier(20)

        def wait(handler):
            together.wait(20)

        double.fault = wait
        assert within(20, reader.get_ranges, ranges) == [DATA[start : start + length] for start, length in ranges]


def test_one_thread_asks_one_request_at_a_time(double):
    store = store_in(double, part_size=10_000)
    store.set("key", DATA)
    before = executor.get_num_threads()
    sz.set_num_threads(1)
    try:
        double.take()
        assert store.get("key") == DATA
        assert double.take() == {"GET": 1}
    finally:
        sz.set_num_threads(before)


def test_a_set_below_64_mib_is_one_put(double):
    store = store_in(double)
    double.take()
    store.set("key", bytes(7 << 20))  # obstore itself would make it a multipart upload
    assert double.take() == {"PUT": 1}


def test_stores_of_a_bucket_share_their_client(double):
    one, other = store_in(double, "s3://bucket/a"), store_in(double, "s3://bucket/b/c")
    assert one._client is other._client
    assert one._client is not store_in(double, "s3://bucket/a", unsigned_payload=True)._client
    assert repr(other) == "ObjectStore('s3://bucket/b/c/')"


# ---------------------------------------------------------------- one version


def test_a_shard_that_is_replaced_is_never_mixed(double):
    store = store_in(double)
    a = sz.create_array(
        store, "a", data=np.zeros((64, 64), "u2"), chunks=(2, 2), shards=(64, 64), write_empty_chunks=True
    )
    done = threading.Event()

    def write():
        writer = sz.open(store, "a", mode="r+")
        value = 0
        while not done.is_set():
            value += 1
            writer[...] = np.random.default_rng(value).integers(0, 1 << 16, 1, "u2") * np.ones((64, 64), "u2")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        seen = set()
        for i in range(200):
            part = a[::9, ::7] if i % 2 else a[...]
            assert len(np.unique(part)) == 1
            seen.add(int(part.flat[0]))
        assert len(seen) > 5
    finally:
        done.set()
        thread.join()


def test_a_reader_stays_with_its_version(double):
    store = store_in(double)
    store.set("key", DATA)
    with store.reader("key") as reader, store.reader("key") as later:
        assert reader.get_range(-10, 10) == DATA[-10:]
        assert reader.validator is not None
        double.take()
        assert reader.size() == len(DATA)
        assert double.take() == {}, "the first answer tells the size"
        store.set("key", DATA[::-1])
        with pytest.raises(ChangedError, match="bucket/a/key"):
            reader.get_range(0, 10)
        assert later.get_range(0, 10) == DATA[::-1][:10]
        assert later.validator != reader.validator
        with store.reader("key") as pinned, store.reader("key") as outdated:
            assert pinned.pin(later.validator)
            assert pinned.get_range(-5, 5) == DATA[::-1][-5:]
            assert outdated.pin(reader.validator)
            for call in (lambda: outdated.get_range(0, 1), outdated.size):
                with pytest.raises(ChangedError):
                    call()
        store.delete("key")
        with pytest.raises(ChangedError):
            later.get_range(0, 10)


def test_a_value_replaced_while_it_is_read_in_parts(double):
    store = store_in(double, part_size=10_000)
    store.set("key", DATA)
    times = []

    def replace(handler):
        if handler.command == "GET" and handler.headers["Range"] == "bytes=50000-59999" and len(times) < 2:
            times.append(1)
            ObjectStore.set(store_in(double), "key", bytes([len(times)]) * 100_000)

    double.fault = replace
    assert store.get("key") == b"\2" * 100_000


# ---------------------------------------------------------------- failures

FAULTS = {"503": failing(0.2, 503), "dropped": failing(0.2, "drop"), "cut": failing(0.2, "cut")}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fifth_of_the_requests_fails(double, kind):
    store = store_in(double)
    a = sz.create_array(store, "a", data=VALUES, chunks=(8, 8), fill_value=9999)
    b = sz.create_array(store, "b", data=VALUES, chunks=(2, 2), shards=(16, 16), fill_value=9999)
    double.fault = FAULTS[kind]
    failed = []
    for array, key in 5 * [(a, ...), (b, sz.s_[::5])]:
        try:
            np.testing.assert_array_equal(array[key], VALUES[key])
        except OSError as error:
            failed.append(str(error))
    assert kind == "cut" or not failed
    assert all("s3://bucket/a/" in text for text in failed)


@pytest.mark.parametrize("kind", ["503", "dropped"])
def test_updates_while_a_fifth_of_the_requests_fails(double, kind):
    store = store_in(double)
    a = sz.create_array(store, "a", shape=40, dtype="u1", chunks=40)
    double.fault = FAULTS[kind]
    executor.parallel_for(lambda i: a.write(i, i + 1), 40, 8)
    double.fault = None
    assert a[...].tolist() == [*range(1, 41)]


def test_an_update_whose_answer_is_lost_is_made_once(double):
    store = store_in(double)
    store.set("count", b"5")
    store.update("count", lambda value: value)  # the probe
    double.lose = 1
    calls = []

    def add(value):
        calls.append(value)
        return b"%d" % (int(value) + 1)

    store.update("count", add)
    assert store.get("count") == b"6"
    assert calls == [b"5"]


def test_a_creation_whose_answer_is_lost_has_succeeded(double):
    store = store_in(double)
    double.lose = 1
    assert store.create("key", b"1")
    assert not store.create("key", b"1"), "an equal value of another creator"


def test_access_that_is_refused(double):
    double.fault = lambda handler: handler.fail(403, "AccessDenied") or True
    for anonymous, remedy in ((False, "anonymous=True"), (True, r"missing=\(404, 403\)")):
        store = store_in(double, anonymous=anonymous)
        for call in (lambda: store.get("key"), lambda: store.size("key"), lambda: store.reader("key").get_range(-1, 1)):  # noqa: B023
            with pytest.raises(PermissionError, match=remedy) as raised:
                call()
            assert isinstance(raised.value, AccessError)
            assert "s3://bucket/a/key" in str(raised.value)
        with pytest.raises(PermissionError):
            sz.open(store, "x")
        with pytest.raises(PermissionError):
            [*store.list()]
    lenient = store_in(double, missing=(404, 403))
    assert lenient.get("key") is None
    assert not lenient.exists("key")
    assert lenient.reader("key").get_range(0, 5) is None
    for write in (
        lambda: lenient.set("key", b"1"),
        lambda: lenient.delete("key"),
        lambda: lenient.update("key", lambda _: b"1"),
    ):
        with pytest.raises(PermissionError):
            write()


def test_a_bucket_that_does_not_exist(moto):
    store = ObjectStore.from_url("s3://no-such-bucket/a", **moto.options())
    assert store.get("key") is None
    with pytest.raises(StoreError, match="no such bucket"):
        store.set("key", b"1")


def test_a_server_that_ignores_conditions_is_refused():
    with s3_double(heeds=False) as server:
        store = store_in(server)
        a = sz.create_array(store, "a", data=VALUES, chunks=(64, 64))
        before = dict(server.objects)
        with pytest.raises(UnsupportedError, match=r"s3://bucket/.*ignores conditions"):
            a[3, 4] = 1
        with pytest.raises(UnsupportedError, match="ignores conditions"):
            store.update("other", lambda value: b"1")
        assert server.objects == before, "nothing is stored, and the probe is gone"
        a[...] = VALUES + 1  # whole chunks need no condition
        np.testing.assert_array_equal(a[...], VALUES + 1)


def test_one_probe_for_each_client(double):
    store = store_in(double)
    store.set("a", b"0")
    double.take()
    for i in range(3):
        ObjectStore.update(store_in(double), "a", lambda value: b"%d" % (int(value) + 1))
        counts = double.take()
        assert counts["PUT IF"] == (4 if i == 0 else 1)
    assert set(double.objects) == {"bucket/a/a"}


def test_one_probe_for_threads_that_begin_together(double):
    store = store_in(double, "s3://bucket/b", unsigned_payload=True)
    double.latency = 0.01
    executor.parallel_for(lambda i: store.update(f"key{i}", lambda value: b"1"), 8, 8)
    assert double.take() == {"PUT IF": 3 + 8, "BULK DELETE": 1, "RANGE": 8}


def test_an_update_that_would_remove(double):
    store = store_in(double)
    store.set("a", b"0")
    with pytest.raises(ValueError, match="removal"):
        store.update("a", lambda value: None)
    assert store.get("a") == b"0"
    assert store.conditional


def test_no_credentials_are_shown(double):
    store = store_in(double, session_token="a-session-token")
    shown = [repr(store), repr(store._client.name)]
    for fault in (403, 418, "drop", "cut"):
        double.fault = failing(1, fault)
        for call in (lambda: store.get("key"), lambda: store.set("key", b"1"), lambda: store.list_dir("a")):
            try:
                call()
            except OSError as error:
                shown.append("".join(traceback.format_exception(error)))
                while error is not None:
                    shown.append(repr(error))
                    error = error.__cause__ or error.__context__
    assert len(shown) > 20
    for text in shown:
        assert not any(secret in text for secret in ("AKIDTESTKEY", "very-secret-value", "a-session-token")), text


def test_urls_with_credentials_are_not_shown():
    url, options = "http://user:pass@127.0.0.1:9/p?sig=secret", {"client_options": {"allow_http": True}}
    store = ObjectStore(obstore_stores.HTTPStore(url, retry_config={"max_retries": 0}, **options))
    with pytest.raises(OSError, match=r"127\.0\.0\.1") as raised:
        store.get("key")
    for text in (repr(store), str(raised.value)):
        assert "secret" not in text
        assert "pass" not in text


# ---------------------------------------------------------------- making and pickling


def test_pickling(double, tmp_path):
    store = store_in(double, part_size=1000, missing=(404, 403))
    store.read_only = True
    store.get("key")
    same = pickle.loads(pickle.dumps(store))
    assert same == store
    assert hash(same) == hash(store)
    assert (same.part_size, same.concurrency, same.read_only, same._client.statuses) == (1000, 64, True, (403, 404))
    local = ObjectStore(obstore_stores.LocalStore(tmp_path), prefix="p")
    local.set("key", b"1")
    assert pickle.loads(pickle.dumps(local)).get("key") == b"1"
    assert LocalStore(tmp_path).get("p/key") == b"1"


def test_a_pickled_array_is_opened_by_a_spawned_process(moto, tmp_path):
    store = ObjectStore.from_url(moto.bucket("spawned"), **moto.options())
    a = sz.create_array(store, "a", data=VALUES, chunks=(8, 8))
    (tmp_path / "a.pickle").write_bytes(pickle.dumps(a))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))[...].sum())"
    assert int(python(code, tmp_path / "a.pickle", seconds=60, directory=tmp_path)) == VALUES.sum()


def test_wrong_arguments():
    memory = obstore_stores.MemoryStore()
    with pytest.raises(TypeError, match="from_url"):
        ObjectStore("s3://bucket/a")
    with pytest.raises(ValueError, match="missing"):
        ObjectStore(memory, missing=(404, 418))
    for wrong in (0, -1, True, 1.5, "8", None):
        with pytest.raises(ValueError, match=r"^part_size: must be"):
            ObjectStore(memory, part_size=wrong)
        with pytest.raises(ValueError, match=r"^concurrency: must be"):
            ObjectStore(memory, concurrency=wrong)
    with pytest.raises(ValueError, match="URL"):
        ObjectStore.from_url("bucket/a")
    with pytest.raises(ValueError, match="bogus"):
        ObjectStore.from_url("s3://bucket/a", bogus=1)
    with pytest.raises(UnsupportedError, match="S3"):
        ObjectStore.from_url("gs://bucket/a", profile="x", anonymous=True)


#: URL and options, and the configuration of obstore that they become.
OPTIONS = {
    ("s3://b/p", (("anonymous", True),)): {"bucket": "b", "skip_signature": "True"},
    ("gs://b/p", (("anonymous", True), ("region", "eu"))): {"bucket": "b", "skip_signature": "True"},
    ("gcs://b/p", (("anonymous", True),)): {"bucket": "b", "skip_signature": "True"},
    ("az://c/p", (("account_name", "x"), ("anonymous", True))): {
        "container_name": "c", "account_name": "x", "skip_signature": "True",
    },
    ("abfss://c@x.dfs.core.windows.net/p", (("endpoint", "http://127.0.0.1:1/x"),)): {
        "container_name": "c", "account_name": "x", "endpoint": "http://127.0.0.1:1/x",
    },
}  # fmt: skip


@pytest.mark.parametrize(("url", "options"), OPTIONS)
def test_options_of_all_clouds(url, options):
    store = ObjectStore.from_url(url, **dict(options))
    found = {name.lower(): value for name, value in store._client.store.config.items()}
    wanted = OPTIONS[url, options]
    assert {name: str(found[name]).lower() for name in wanted} == {
        name: value.lower() for name, value in wanted.items()
    }
    assert store.prefix == "p/"
    assert repr(store).endswith("/p/')")


def test_keys_are_taken_as_they_are_written(double):
    store = store_in(double, "s3://bucket/with space/100%25")
    store.set("key", b"1")
    assert [*double.objects] == ["bucket/with space/100%25/key"]
    assert [*store.list()] == ["key"]


def test_a_profile(tmp_path, monkeypatch, double):
    pytest.importorskip("boto3")
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = PROFILEKEY\naws_secret_access_key = s\n")
    (tmp_path / "config").write_text("[profile mine]\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    seen = []
    double.fault = lambda handler: seen.append(handler.headers["Authorization"])
    store = ObjectStore.from_url("s3://bucket/a", profile="mine", endpoint=double.endpoint)
    assert store.get("key") is None
    assert "PROFILEKEY" in seen[0]
    assert "/eu-west-3/s3/" in seen[0]


def test_new_credentials_in_the_environment_are_used(double, monkeypatch):
    seen = []
    double.fault = lambda handler: seen.append(handler.headers["Authorization"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    for key in ("FIRSTKEY", "SECONDKEY"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        ObjectStore.from_url("s3://bucket/a", region="us-east-1", endpoint=double.endpoint).get("key")
        assert key in seen[-1]
