"""Servers that fail: every read is right, or an OSError that names the key. And processes that are forked meanwhile."""

import os
import subprocess
import threading
import time

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.errors import StoreError
from tests.support.helpers import python, within
from tests.support.http_server import Server

VALUES = np.arange(1, 16**3 + 1, dtype="<u2").reshape(16, 16, 16)  # none is the fill value


@pytest.fixture(scope="module")
def hierarchy():
    values = {}
    group = sz.create_group(sz.MemoryStore(values))
    group.create_array("chunks", data=VALUES, chunks=(4, 4, 4))
    group.create_array("shards", data=VALUES, chunks=(4, 4, 4), shards=(8, 8, 8))
    group.create_array("raw", data=VALUES, chunks=(4, 4, 4), shards=(8, 8, 8), codecs=[])
    group.create_array("text", data=np.array(["a", "bc"] * 50, object), dtype=str, chunks=5)
    group.consolidate_metadata()
    return values


FAULTS = {
    "503": (503,),
    "other statuses": (408, 429, 500, 502, 504),
    "dropped": ("drop",),
    "cut": ("cut",),
    "stalled": ("stall",),
    "all": (503, 429, "drop", "cut", "stall"),
}


@pytest.mark.parametrize(("kinds", "versions"), [*((kinds, "etag") for kinds in FAULTS), ("all", "none")])
def test_a_fifth_of_all_answers_fails(kinds, versions, hierarchy):
    with Server(hierarchy, faults=0.2, kinds=FAULTS[kinds], versions=versions) as server:
        group = sz.open_group(server.url, timeout=30)
        for name in ("chunks", "shards", "raw"):
            for key in np.s_[...], np.s_[5], np.s_[:, :, 7]:
                np.testing.assert_array_equal(group[name][key], VALUES[key])
        assert group["text"][...].tolist() == ["a", "bc"] * 50
        assert server.requests


@pytest.mark.parametrize("kinds", [kinds for kinds in FAULTS if kinds != "stalled"])
@pytest.mark.parametrize("faults", [0.5, 1.0])
def test_servers_that_do_not_recover(kinds, faults, hierarchy):
    """Little time for attempts: what is read is right, and the rest is an OSError that names the key, soon."""
    with Server(hierarchy) as server:
        group = sz.open_group(server.url, timeout=0.3)
        server.faults, server.kinds = faults, FAULTS[kinds]
        failed = 0
        for name in ("chunks", "shards", "raw"):
            for key in np.s_[...], np.s_[5], np.s_[14, 3, 1]:
                try:
                    got = within(20, group[name].read, key)
                except OSError as error:
                    assert f"'{name}/c/" in str(error)  # noqa: PT017
                    assert "HTTPStore('http://127.0.0.1" in str(error)  # noqa: PT017
                    failed += 1
                else:
                    np.testing.assert_array_equal(got, VALUES[key])
        assert failed == 9 or faults < 1 or "stall" in server.kinds


def test_a_server_that_never_answers(hierarchy):
    gate = threading.Event()
    with Server(hierarchy, hook=lambda _: gate.wait(30)) as server:
        try:
            began = time.monotonic()
            with pytest.raises(StoreError, match=r"'zarr.json' of HTTPStore.*no answer within 0.3 s"):
                sz.open(server.url, timeout=0.3)
            assert time.monotonic() - began < 10
        finally:
            gate.set()


def test_nobody_there(hierarchy):
    with Server(hierarchy) as server:
        url = server.url
    began = time.monotonic()
    with pytest.raises(StoreError, match=r"'zarr.json' of HTTPStore.*refused.*3 times; check the URL"):
        sz.open(url)
    assert time.monotonic() - began < 10


def test_the_server_says_how_long_to_wait():
    asked = []

    def recover(_):
        asked.append(time.monotonic())
        if len(asked) == 2:
            server.statuses.clear()

    with Server({"a": b"1"}, statuses={"a": 429}, retry_after=1, hook=recover) as server:
        assert sz.HTTPStore(server.url).get("a") == b"1"
        assert len(asked) == 2
        assert asked[1] - asked[0] >= 1
        asked.clear()
        server.statuses, server.retry_after = {"a": 503}, 3600
        with pytest.raises(StoreError, match=r"'a' of HTTPStore.*answered 503"):
            sz.HTTPStore(server.url).get("a")
        assert len(asked) == 1


def test_errors_are_not_cached():
    with Server({"a": b"1"}, faults=1.0, kinds=(500,)) as server:
        store = sz.HTTPStore(server.url, timeout=0.2)
        with pytest.raises(StoreError, match=r"'a' of HTTPStore.*answered 500 .*times; try again"):
            store.get("a")
        server.faults = 0.0
        assert store.get("a") == b"1"
        server.statuses["a"] = 418
        with pytest.raises(StoreError, match=r"answered 418 .*check the URL"):
            store.get("a")
        assert len(server.take()) >= 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_children_read_while_the_parent_reads(hierarchy):
    with Server(hierarchy) as server:
        a = sz.open_group(server.url)["chunks"]
        np.testing.assert_array_equal(a[...], VALUES)
        done = threading.Event()
        reads, errors = [0] * 4, []

        def read(i):
            try:
                while not done.is_set():
                    np.testing.assert_array_equal(a[i::4], VALUES[i::4])
                    reads[i] += 1
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        codes = [within(60, forked, lambda: np.array_equal(a[...], VALUES)) for _ in range(10)]
        done.set()
        for thread in threads:
            thread.join(60)
        assert codes == [0] * 10
        assert not errors
        assert all(reads)


def forked(call):
    """Return the exit code of a forked child: 0 if the call returns a true value."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os._exit(0 if call() else 3)
    except BaseException:
        os._exit(4)


OTHER_PROCESS = """
import pickle, sys
a = pickle.loads(bytes.fromhex(sys.argv[1]))
print(int(a[...].astype("u8").sum()))
"""


def test_a_pickled_array_in_another_process(hierarchy, tmp_path):
    import pickle

    with Server(hierarchy) as server:
        a = sz.open(server.url)["shards"]
        printed = python(OTHER_PROCESS, pickle.dumps(a).hex(), seconds=60, directory=tmp_path)
        assert int(printed) == VALUES.astype("u8").sum()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return the files of a certificate for 127.0.0.1 that nobody else has signed, and of its key."""
    folder = tmp_path_factory.mktemp("certificate")
    names = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
               "-addext", "subjectAltName=IP:127.0.0.1", "-out", names[0], "-keyout", names[1]]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs openssl")
    return names


def test_tls(certificate, hierarchy, monkeypatch):
    import ssl

    with Server(hierarchy) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        url = server.url.replace("http:", "https:")
        with pytest.raises(StoreError, match=r"'zarr.json' of HTTPStore.*certificate verify failed"):
            sz.open(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        a = sz.open(url)["shards"]
        np.testing.assert_array_equal(a[...], VALUES)
        if hasattr(os, "fork"):
            assert within(60, forked, lambda: np.array_equal(a[5], VALUES[5])) == 0
        np.testing.assert_array_equal(a[:, 5], VALUES[:, 5])
        with Server(hierarchy) as plain:
            server.redirects = plain.url
            with pytest.raises(StoreError, match=r"redirected .* to 'http://.*not safe"):
                a[...]
