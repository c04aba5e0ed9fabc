"""The store in a local directory: files, what stands in their place, what fails, links, and other writers."""

import errno
import os
import signal
import stat
import subprocess
import tempfile
import threading
import time
import tracemalloc

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.engine.files.replace import temporary_name
from simplezarr.stores import LocalStore
from simplezarr.testing import check_store
from tests.support.helpers import PYTHON, same_package

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX only")
unprivileged = pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs permissions that bind")


def test_local_store_is_its_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = LocalStore("data.zarr")
    assert store.root == store.local_root == str(tmp_path / "data.zarr")
    assert store == LocalStore(tmp_path / "data.zarr") != LocalStore(tmp_path)
    assert len({store, LocalStore(os.fsencode(tmp_path / "data.zarr"))}) == 1
    assert not (tmp_path / "data.zarr").exists()
    assert (store.get("a"), [*store.list()], store.list_dir()) == (None, [], [])
    assert not store.in_memory
    with pytest.raises(ValueError, match="empty"):
        LocalStore("")


def test_who_changes_local_store_is_not_passed_by(tmp_path):
    class Counting(LocalStore):
        pass

    assert Counting(tmp_path).local_root is None
    assert LocalStore(tmp_path, follow_symlinks=False).local_root is None


def test_files_of_a_local_store(tmp_path):
    store = LocalStore(tmp_path)
    store.set("a/b/c", b"value")
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"value"
    (tmp_path / "a" / "d").write_bytes(b"other")
    assert store.get("a/d") == b"other"
    assert sorted(store.list()) == ["a/b/c", "a/d"]
    store.delete("a/b/c")
    assert sorted(os.listdir(tmp_path / "a")) == ["d"]
    store.delete_prefix("a")
    assert os.listdir(tmp_path) == []


def test_directory_where_a_value_should_be(tmp_path):
    store = LocalStore(tmp_path)
    store.set("a/b", b"value")
    assert (store.get("a"), store.get_range("a", 0, 1), store.size("a"), store.exists("a")) == (None, None, None, False)
    store.delete("a")
    with pytest.raises(IsADirectoryError, match="a directory has the name of the file; remove it"):
        store.set("a", b"new")
    assert [*store.list()] == ["a/b"]
    assert os.listdir(tmp_path) == ["a"]


def test_file_where_a_directory_should_be(tmp_path):
    store = LocalStore(tmp_path)
    store.set("a", b"value")
    assert store.get("a/b/c") is None
    assert [*store.list("a/b")] == store.list_dir("a") == []
    for key in ("a/b", "a/b/c"):
        with pytest.raises(NotADirectoryError, match="a file has the name of a directory above it; remove that file"):
            store.set(key, b"new")
    store.delete("a/b")
    store.delete_prefix("a/b")
    assert os.listdir(tmp_path) == ["a"]


@posix
def test_what_is_no_file_is_refused_quickly(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    store = LocalStore(tmp_path)
    start = time.monotonic()
    for call in (store.get, store.size, lambda key: store.get_range(key, 0, 1)):
        with pytest.raises(OSError, match="neither a file nor a directory; remove it") as caught:
            call("fifo")
        assert caught.value.filename == str(tmp_path / "fifo")
    assert time.monotonic() - start < 5
    assert [*store.list()] == store.list_dir() == []


def test_name_too_long(tmp_path):
    store = LocalStore(tmp_path)
    store.set("x" * 255, b"just fits")
    for key in ("x" * 256, "new/" + "x" * 300):
        with pytest.raises(OSError) as caught:
            store.set(key, b"")
        assert caught.value.errno in (errno.ENAMETOOLONG, errno.EINVAL)
    assert os.listdir(tmp_path) == ["x" * 255]  # nothing half-made is left


@unprivileged
def test_other_errors_are_no_missing_keys(tmp_path):
    store = LocalStore(tmp_path)
    store.set("a/b", b"value")
    (tmp_path / "a" / "b").chmod(0)
    with pytest.raises(PermissionError, match="a/b"):
        store.get("a/b")
    (tmp_path / "a").chmod(0)
    for call in (store.get, store.exists, store.delete, lambda key: store.set(key, b"")):
        with pytest.raises(PermissionError):
            call("a/b")
    (tmp_path / "a").chmod(0o700)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 1 << 20])
def test_whole_files_of_any_size(tmp_path, size):
    content = os.urandom(size)
    (tmp_path / "é").write_bytes(content)
    assert LocalStore(tmp_path).get("é") == content
    assert LocalStore(f"{tmp_path}/").get("é") == content


@posix
def test_names_that_are_not_utf8_are_read_as_they_are(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(name)
    with open(name + b"/a", "wb") as file:
        file.write(b"content")
    assert LocalStore(name).get("a") == b"content"
    with pytest.raises(ValueError, match="null"):
        LocalStore(f"{tmp_path}/a\0b").get("a")


def test_values_are_read_with_one_copy(tmp_path):
    store = LocalStore(tmp_path)
    store.set("a", bytes(1 << 20))
    for read in (lambda: store.get("a"), lambda: store.get_range("a", 0, 1 << 20)):
        tracemalloc.start()
        try:
            read()
            assert 1 << 20 <= tracemalloc.get_traced_memory()[1] < 1.1 * (1 << 20)
        finally:
            tracemalloc.stop()


def test_left_overs_are_never_listed_and_go_with_the_next_write(tmp_path):
    store = LocalStore(tmp_path)
    left = tmp_path / "a" / "b.partial"
    for change in (lambda: store.set("a/b", b"new"), lambda: store.delete("a/b"), lambda: store.delete_prefix("a")):
        for content in (b"longer than the next value", b""):
            store.set("a/b", b"value")
            store.set("a/c", b"other")
            left.write_bytes(content)
            assert sorted(store.list()) == ["a/b", "a/c"]
            assert store.list_dir("a") == ["b", "c"]
            assert store.get("a/b") == b"value"
            change()
            assert not left.exists()
            assert store.get("a/b") in (b"new", None)
    left.parent.mkdir()
    left.write_bytes(b"of a first write")
    store.delete("a/b")
    assert os.listdir(tmp_path) == []


def test_remove_partials(tmp_path):
    store = LocalStore(tmp_path)
    store.set("a/b", b"value")
    old, new = tmp_path / "a" / "c" / "d.partial", tmp_path / "a" / "b.1234.partial"
    old.parent.mkdir()
    for path in (old, new):
        path.write_bytes(b"val")
    os.utime(old, (0, 0))
    with pytest.raises(ValueError, match="partial"):
        store.set("a/c.partial", b"")
    assert store.remove_partials() == 1
    assert (old.parent.exists(), new.exists()) == (False, True)
    assert store.remove_partials("a/", older_than=-1) == 1
    assert store.get("a/b") == b"value"
    assert store.remove_partials(older_than=-1) == 0


@posix
def test_a_temporary_file_is_its_creators(tmp_path):
    """Not yet locked it can be removed, which its maker sees by its links, but another writer never takes it over."""
    store = LocalStore(tmp_path)
    made = os.open(tmp_path / "a.partial", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    with store.lock("a"):
        assert os.fstat(made).st_nlink == 0
        store.set("a", b"value")
    os.write(made, b"lost")
    os.close(made)
    assert store.get("a") == b"value"
    assert os.listdir(tmp_path) == ["a"]


@posix
def test_temporary_files_of_live_writers_stay(tmp_path):
    """`remove_partials` passes them by, `delete_prefix` waits for them; who holds a lock does not wait for himself."""
    store = LocalStore(tmp_path)
    with store.lock("a/b"):
        assert (tmp_path / "a" / "b.partial").exists()
        assert store.remove_partials(older_than=-1) == 0
        thread = threading.Thread(target=store.delete_prefix, args=("a",))
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        store.set("a/b", b"value")
    thread.join(30)
    assert os.listdir(tmp_path) == []
    with store.lock("a/b"):
        store.delete_prefix("")
        store.set("a/b", b"value")
        store.delete_prefix("a")
        assert store.get("a/b") is None
    assert os.listdir(tmp_path) == []


@posix
def test_names_of_temporary_files_are_cut(tmp_path):
    """As csrc/io/temporary_file.c cuts them: csrc/tests/test_replacement.c has the same name."""
    store, name = LocalStore(tmp_path), "a" + 84 * "€"
    with store.lock(name):
        assert os.listdir(tmp_path) == ["a" + 66 * "€" + ".62a1f2a7e64aca8c.partial"]
    for n in range(245, 256):
        with store.lock(n * "x"):
            assert len(os.listdir(tmp_path)[0]) == (n + 8 if n <= 247 else 225)
            store.set(n * "x", b"")
        store.delete(n * "x")
    assert os.listdir(tmp_path) == []


@posix
def test_what_stands_in_place_of_a_temporary_file(tmp_path):
    store = LocalStore(tmp_path)
    store.set("kept", b"value")
    (tmp_path / "a.partial").symlink_to("kept")
    os.mkfifo(tmp_path / "b.partial")
    for key in "ab":
        with pytest.raises(OSError, match=f"{key}.partial"):
            store.set(key, b"new")
    assert store.get("kept") == b"value"
    assert len(os.listdir(tmp_path)) == 3
    store.delete_prefix("")
    assert os.listdir(tmp_path) == []


@posix
def test_a_directory_in_place_of_a_temporary_file(tmp_path):
    """It is locked itself, and another name is used."""
    store = LocalStore(tmp_path)
    for key in ("a", 250 * "x"):
        (tmp_path / os.path.basename(temporary_name(key))).mkdir()
        store.set(key, b"1")
        with store.lock(key):
            thread = threading.Thread(target=store.set, args=(key, b"3"))
            thread.start()
            remover = threading.Thread(target=store.delete_prefix, args=(os.path.basename(temporary_name(key)),))
            remover.start()
            thread.join(0.1)
            remover.join(0.1)
            assert thread.is_alive()
            assert store.get(key) == b"1"
            store.set(key, b"2")
        thread.join(30)
        remover.join(30)
        assert store.get(key) == b"3"
        assert set(os.listdir(tmp_path)) <= {key, temporary_name(key)}
        store.delete_prefix("")
        assert os.listdir(tmp_path) == []


@posix
def test_names_of_temporary_files_are_refused_when_new(tmp_path):
    store = LocalStore(tmp_path)
    for key in ("zarr.json.partial/zarr.json", "a/b.partial/c/d", "a.partial"):
        for call in (lambda key=key: store.set(key, b""), lambda key=key: store.lock(key)):
            with pytest.raises(ValueError, match="temporary files"):
                call()
    with pytest.raises(ValueError, match="temporary files"):
        sz.create_group(store, "g/x.partial/y")
    assert os.listdir(tmp_path) == []
    sz.create_group(store)
    memory = sz.MemoryStore()
    sz.create_array(memory, "zarr.json.partial", data=np.arange(4))
    for key in memory.list():
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(memory.get(key))
    group = sz.open_group(tmp_path, mode="r+")
    group.attrs["a"] = 1
    assert list(group) == ["zarr.json.partial"]
    group["zarr.json.partial"][:2] = 7
    group["zarr.json.partial"].attrs["b"] = 2
    assert sz.open(tmp_path)["zarr.json.partial"][...].tolist() == [7, 7, 2, 3]
    assert dict(sz.open(tmp_path).attrs) == {"a": 1}
    del group["zarr.json.partial"]
    assert os.listdir(tmp_path) == ["zarr.json"]


@pytest.mark.usefixtures("pool")
def test_without_posix_files(tmp_path, monkeypatch):
    """As on Windows: temporary files have names of their own, and threads wait for each other all the same."""
    from simplezarr.stores import file_reader, local, portable

    monkeypatch.setattr(file_reader, "HAVE_FILES", False)
    for name in ("FileLock", "is_abandoned", "remove_abandoned", "remove_file", "remove_tree", "temporary_name"):
        monkeypatch.setattr(local, name, getattr(portable, name))
    monkeypatch.setattr(local, "file_bytes", lambda path: NotImplemented)
    store = LocalStore(tmp_path)
    check_store(store)
    store.set(255 * "x", b"value")
    store.set("a/b", b"value")
    (tmp_path / "a" / "b").chmod(0o640)
    with store.lock("a/b"):
        store.set("a/b", b"other")
    store.set_file("a/c", f"{tmp_path}/a/b")
    assert (store.get("a/c"), store.get_range("a/c", 1, 2), store.size("a/c")) == (b"other", b"th", 5)
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o640
    with pytest.raises(IsADirectoryError):
        store.set("a", b"")
    with pytest.raises(NotADirectoryError):
        store.set("a/b/c", b"")
    assert sorted(os.listdir(tmp_path)) == ["a", 255 * "x"]
    (tmp_path / "a" / "c.partial").write_bytes(b"")
    assert sorted(os.listdir(tmp_path / "a")) == ["b", "c", "c.partial"]
    assert (store.remove_partials(older_than=-1), [*store.partials()]) == (1, [])
    store.delete_prefix("a")
    assert os.listdir(tmp_path) == [255 * "x"]


@posix
def test_interrupted_while_it_waits(tmp_path):
    """Ctrl-C ends the waiting for a lock whose holder has stopped."""
    code = """
import signal, sys, time
from simplezarr.stores import LocalStore
store = LocalStore(sys.argv[1])
with store.lock("a"):
    print(flush=True)
    time.sleep(1000)
"""
    store = LocalStore(tmp_path)
    with subprocess.Popen([*PYTHON, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=same_package()) as child:
        child.stdout.readline()
        child.send_signal(signal.SIGSTOP)
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            store.set("a", b"value")
        timer.join()
        child.kill()
    store.set("a", b"value")
    assert os.listdir(tmp_path) == ["a"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    LocalStore(tmp_path).set("a", b"")
    (tmp_path / "plain").write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@posix
def test_permissions_are_kept(tmp_path):
    """Of files that are replaced: values, documents, chunks, shards, those that are changed in part."""
    store = LocalStore(tmp_path)
    g = sz.create_group(store)
    g.create_array("a", data=np.arange(100), chunks=(10,), shards=(50,))
    g.create_array("b", data=np.arange(100), chunks=(50,))
    keys = sorted(store.list())
    modes = dict(zip(keys, (0o664, 0o600, 0o640, 0o444, 0o604, 0o660, 0o666), strict=True))
    for key, mode in modes.items():
        (tmp_path / key).chmod(mode)
    for change in (slice(None), slice(3, 97)):
        for name in "ab":
            g[name][change] = 7
            g[name].attrs["x"] = 1
            g[name].resize((90,))
            g[name].resize((100,))
    g.attrs["y"] = 2
    assert {key: stat.S_IMODE((tmp_path / key).stat().st_mode) for key in keys} == modes
    if os.geteuid() == 0:  # who may, keeps the owner too
        os.chown(tmp_path / "zarr.json", 12345, 23456)
        store.set("zarr.json", store.get("zarr.json"))
        found = (tmp_path / "zarr.json").stat()
        assert (found.st_uid, found.st_gid) == (12345, 23456)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_permissions_of_another_group(tmp_path):
    """A group that the writer is not in can't be kept; the writer's own gets no more than all others have."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o777)
        store = LocalStore(path)
        store.set("a", b"")
        os.chown(f"{path}/a", 12345, 999)
        os.chmod(f"{path}/a", 0o664)
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(12345)
            os.setuid(12345)
            store.set("a", b"new")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        found = os.stat(f"{path}/a")
        assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o644, 12345, 12345)


@posix
def test_a_directory_gives_its_group_to_new_files(tmp_path):
    if os.geteuid() == 0:
        os.chown(tmp_path, -1, 23456)
    tmp_path.chmod(0o2775)
    LocalStore(tmp_path).set("a/b", b"")
    for name in ("a", "a/b"):
        assert (tmp_path / name).stat().st_gid == tmp_path.stat().st_gid
    assert (tmp_path / "a").stat().st_mode & stat.S_ISGID


def test_writers_and_deleters_of_one_directory(tmp_path):
    """A directory that a `delete` finds empty may be just the one another `set` is about to use."""
    store, errors = LocalStore(tmp_path), []

    def work(name):
        try:
            for _ in range(300):
                store.set(f"a/b/{name}", b"value")
                store.delete(f"a/b/{name}")
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert os.listdir(tmp_path) == []


# ---------------------------------------------------------------- symbolic links


@pytest.fixture
def linked(tmp_path):
    """A root with links that lead out of it, to a file and to a directory."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (outside / "value").write_bytes(b"outside")
    try:
        (root / "file").symlink_to(outside / "value")
        (root / "directory").symlink_to(outside)
    except OSError:
        pytest.skip("no symbolic links here")
    (root / "inside").write_bytes(b"inside")
    (root / "link").symlink_to(root / "inside")
    return root, outside


def test_links_are_followed(linked):
    store = LocalStore(linked[0])
    assert (store.get("file"), store.get("directory/value"), store.get("link")) == (b"outside", b"outside", b"inside")
    assert sorted(store.list()) == ["directory/value", "file", "inside", "link"]
    assert store.list_dir() == ["directory", "file", "inside", "link"]


def test_links_that_lead_out_are_not_followed(linked):
    root, outside = linked
    store = LocalStore(root, follow_symlinks=False)
    assert (store.get("link"), store.get("inside")) == (b"inside", b"inside")
    assert sorted(store.list()) == store.list_dir() == ["inside", "link"]
    for call in (store.get, store.exists, lambda key: store.get_range(key, 0, 1)):
        for key in ("file", "directory/value"):
            with pytest.raises(PermissionError, match="symbolic links lead out"):
                call(key)
    for call in (lambda: store.set("directory/new", b""), lambda: store.delete("directory/value")):
        with pytest.raises(PermissionError, match="symbolic links lead out"):
            call()
    store.set("file", b"new")  # in place of the link
    assert (outside / "value").read_bytes() == b"outside"
    assert (root / "file").read_bytes() == b"new"


@pytest.mark.parametrize("follow", [True, False])
def test_deleting_removes_links_only(linked, follow):
    root, outside = linked
    store = LocalStore(root, follow_symlinks=follow)
    store.delete("file")
    store.delete("link")
    assert sorted(os.listdir(root)) == ["directory", "inside"]
    store.delete_prefix("directory")
    assert os.listdir(root) == ["inside"]
    (root / "sub").mkdir()
    (root / "sub" / "directory").symlink_to(outside)
    store.delete_prefix("sub")
    (root / "directory").symlink_to(outside)
    store.delete_prefix("")
    assert os.listdir(root) == []
    assert (outside / "value").read_bytes() == b"outside"


def test_links_in_circles(tmp_path):
    store = LocalStore(tmp_path / "root")
    store.set("a/b/c", b"")
    try:
        (tmp_path / "root" / "a" / "b" / "up").symlink_to(tmp_path / "root" / "a")
    except OSError:
        pytest.skip("no symbolic links here")
    (tmp_path / "root" / "a" / "other").symlink_to(tmp_path / "root" / "a" / "b")
    (tmp_path / "root" / "itself").symlink_to("itself")
    (tmp_path / "root" / "broken").symlink_to("nowhere")
    assert sorted(store.list()) == ["a/b/c", "a/other/c"]
    assert store.list_dir() == ["a"]
    assert store.get("broken") is None
    with pytest.raises(OSError, match="symbolic links"):
        store.get("itself")
    with pytest.raises(FileNotFoundError, match="symbolic link"):
        store.set("broken/a", b"")
