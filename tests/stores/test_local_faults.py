"""Calls to the system that fail in a local store: errors name the file, and nothing is left behind."""

import errno
import os
import stat
import sys

import pytest

from simplezarr.stores import LocalStore
from tests.runtime.test_interrupts import interrupted
from tests.support.faults import failing, faults, needs_faults, run


def io_errors(path):
    store = LocalStore(path)
    store.set("a", b"value")
    for calls in (["pread64"], ["fstat64"], ["open"]):
        for call in (lambda: store.get("a"), lambda: store.get_range("a", -1, 1)):
            with faults(lambda name, *_, calls=calls: errno.EIO * (name in calls)), pytest.raises(OSError) as caught:
                call()
            assert (caught.value.errno, caught.value.filename) == (errno.EIO, f"{path}/a")


@needs_faults
def test_io_errors_name_the_file(tmp_path):
    run(io_errors, tmp_path)


def failed_writes(path):
    """Every call that a write makes fails once, with and without syncing; nothing else of it is seen."""
    for durable in (False, True):
        for follow in (True, False):
            store = LocalStore(path, durable, follow_symlinks=follow)
            for key in ("a/b", "new/directory/c"):
                for code in (errno.EIO, errno.ENOSPC, errno.ENOLCK):
                    fail_each_call(store, key, code)


def fail_each_call(store, key, code):
    before = len(os.listdir("/proc/self/fd"))
    for nth in range(100):
        seen = []

        def decide(name, path, fd, nth=nth, seen=seen):
            seen.append(name)
            return code if len(seen) == nth + 1 else 0

        store.set("a/b", b"old")
        failed = None
        with faults(decide):
            try:
                store.set(key, b"new")
            except OSError as error:
                failed = error
        what = (key, code, nth, seen)
        assert len(os.listdir("/proc/self/fd")) == before, what
        if nth >= len(seen):
            store.delete(key)
            break
        if failed is not None:
            assert failed.errno in (code, errno.EBUSY), what
            assert store.get(key) in (b"old", None) or (store.durable and seen[nth] in ("open", "fsync")), what
        if seen[nth] not in ("unlinkat", "fsync", "open"):
            assert failed is None or not_there(store, key), what
        assert not [name for _, _, names in os.walk(store.root) for name in names if name.endswith(".partial")], what
        store.delete(key)
    assert nth > 5


def not_there(store, key):
    return key == "a/b" or not os.path.exists(f"{store.root}/new")


@needs_faults
def test_failed_writes_leave_nothing(tmp_path):
    run(failed_writes, tmp_path)


def short_calls(path):
    store, value = LocalStore(path), bytes(range(100))
    moving = {"writev": -5, "write": -5, "pread64": -7, "read": -7, "copy_file_range": -9}
    with faults(lambda name, *_: moving.get(name, 0)):
        store.set("a", value)
        assert store.get("a") == value
        assert store.get_ranges("a", [(10, 50), (-60, 60), (0, 100)]) == [value[10:60], value[40:], value]
        store.set_file("b", f"{path}/a")
    assert store.get("b") == value
    with faults(lambda name, *_: errno.EXDEV if name == "copy_file_range" else moving.get(name, 0)):
        store.set_file("c", f"{path}/a")
    assert store.get("c") == value


@needs_faults
def test_short_reads_and_writes(tmp_path):
    run(short_calls, tmp_path)


def interrupted_calls(path):
    """EINTR, at every call once."""
    store, waited = LocalStore(path), set()

    def decide(name, path, fd):
        if name in ("fstat64", "fstatat64", "renameat", "unlinkat", "mkdir", "fchmod") or (name, path) in waited:
            return 0
        waited.add((name, path))
        return errno.EINTR

    with faults(decide):
        store.set("a/b", bytes(100))
        assert store.get("a/b") == bytes(100)
        store.delete_prefix("a")
    assert len(waited) > 5
    assert os.listdir(path) == []


@needs_faults
def test_interrupted_calls_are_made_again(tmp_path):
    run(interrupted_calls, tmp_path)


def no_locks(path):
    store = LocalStore(path)
    store.set("a", b"old")
    for code in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
        with faults(failing("flock", code, times=0)):
            for key in ("a", "new/b"):
                with pytest.raises(OSError, match="has no locks") as caught:
                    store.set(key, b"new")
                assert caught.value.filename == f"{path}/{key}.partial"
        assert store.get("a") == b"old"
        assert os.listdir(path) == ["a"]


@needs_faults
def test_a_file_system_without_locks(tmp_path):
    run(no_locks, tmp_path)


def synced(path):
    found = []

    def decide(name, path, fd):
        if name == "fsync":
            found.append(stat.S_ISDIR(os.fstat(fd).st_mode))
        return 0

    for follow in (True, False):
        with faults(decide):
            LocalStore(path, follow_symlinks=follow).set("x", b"")
            assert found == []
            LocalStore(path, True, follow_symlinks=follow).set("a/b/c", b"")
            assert found == [True, True, False, True]  # the parents of a and b, the file, its directory
            LocalStore(path, True, follow_symlinks=follow).delete("a/b/c")
            assert found[4:] == [True]  # the root, which a has gone from
        found.clear()


@needs_faults
def test_durable_writes_are_synced(tmp_path):
    run(synced, tmp_path)


def failed_deletions(path):
    """Every call that a deletion makes fails once: it is done, or raises, and can be made again; nothing else goes."""
    deletions = (
        lambda store: store.delete("a/b/0"),
        lambda store: store.delete_prefix("a/b"),
        lambda store: store.delete_prefix(""),
    )
    for follow in (True, False):
        store = LocalStore(path, follow_symlinks=follow)
        for delete in deletions:
            for code in (errno.ESTALE, errno.ENOSPC):
                for nth in range(100):
                    if not fail_deletion(store, delete, code, nth):
                        break
                assert nth > 3


def fail_deletion(store, delete, code, nth):
    for key in ("a/b/0", "a/b/d/1", "a/kept"):
        store.set(key, key.encode())
    with open(f"{store.root}/a/b/left.partial", "w"):
        pass
    before, seen = len(os.listdir("/proc/self/fd")), []

    def decide(name, path, fd):
        seen.append(name)
        return code if len(seen) == nth + 1 else 0

    failed = None
    with faults(decide):
        try:
            delete(store)
        except OSError as error:
            failed = error
    assert failed is None or failed.errno == code, (nth, seen)
    assert len(os.listdir("/proc/self/fd")) == before, (nth, seen)
    assert store.get("a/b/0") in (None, b"a/b/0")
    delete(store)
    assert store.get("a/b/0") is None
    assert not [name for _, _, names in os.walk(f"{store.root}/a/b/0") for name in names]
    return nth < len(seen)


@needs_faults
def test_failed_deletions_can_be_repeated(tmp_path):
    run(failed_deletions, tmp_path)


def interrupt_everywhere(path, step):
    """KeyboardInterrupt before each instruction of a store: no descriptor, lock or temporary file stays."""
    store = LocalStore(path)
    store.set("a/b", bytes(5000))

    def change():
        with store.lock("a/b"):
            store.set("a/b", bytes(5000))

    operations = (
        lambda: store.set("a/b", bytes(5000)),
        lambda: store.set("n/m/k", b"1"),
        lambda: store.delete("n/m/k"),
        change,
        lambda: store.get("a/b"),
        lambda: store.get_ranges("a/b", [(1, 2)]),
        lambda: store.reader("a/b").get_range(1, 2),
        lambda: store.set_file("a/c", f"{path}/a/b"),
        lambda: (store.set("q/w/e", b""), store.delete_prefix("q")),
        lambda: store.remove_partials(older_than=-1),
        lambda: [*store.list()],
    )
    for follow in (True, False):
        store.follow_symlinks = follow
        for k, operation in enumerate(operations):
            before = len(os.listdir("/proc/self/fd"))
            at = 1 + k % step
            while interrupted(operation, at):
                assert len(os.listdir("/proc/self/fd")) == before, (k, at)
                assert not [name for _, _, names in os.walk(path) for name in names if name.endswith(".partial")], (
                    k,
                    at,
                )
                with store.lock("a/b"):
                    assert store.get("a/b") == bytes(5000)
                at += step
            assert at > 1


@pytest.mark.filterwarnings("ignore:unclosed scandir iterator:ResourceWarning")
@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors")
def test_interrupted_at_any_instruction(tmp_path):
    interrupt_everywhere(tmp_path, 7)


@pytest.mark.campaign
@pytest.mark.filterwarnings("ignore:unclosed scandir iterator:ResourceWarning")
@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors")
def test_interrupted_at_any_instruction_campaign(tmp_path):
    interrupt_everywhere(tmp_path, 1)


@pytest.mark.skipif(os.name == "nt", reason="POSIX only")
def test_a_lock_goes_with_its_last_reference(tmp_path):
    """And so does its temporary file, with the directories made for it."""
    store = LocalStore(tmp_path)
    lock = store.lock("a/b/c")
    lock.__enter__()
    assert os.listdir(tmp_path / "a" / "b") == ["c.partial"]
    del lock
    assert os.listdir(tmp_path) == []
    store.set("a/b/c", b"")
