"""Check stores for conformance."""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from simplezarr.engine.files.reader import Reader
from simplezarr.errors import ChangedError, ReadOnlyError, UnsupportedError
from simplezarr.runtime.executor import parallel_for
from simplezarr.stores.base import Store, byte_view
from simplezarr.testing.common import cut, fail, failing

__all__ = ["check_store"]

KEYS = (
    *("zarr.json", "a/zarr.json", "a/c/0/1", "a/c.0.1", "__hidden/.zattrs", "UPPER/lower", "d/e/e/p/l/y/nested"),
    *("with space/100%25 #1+1&2@3~", "ünï/日本/☃", "long/" + 200 * "x"),
)
NO_KEYS = ("", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\\b", "a\0b")
VALUE = bytes(range(256)) * 40


def check_store(store: Store) -> None:
    """Check that a store keeps the contract of `simplezarr.Store`; raise an AssertionError if it does not.

    store: an empty store that can be written. It is empty again afterwards, if it passes.

    If the store cannot list its keys, the checks that need a listing are skipped.
    """
    with failing(store):
        for check in (
            _check_missing,
            _check_values,
            _check_keys,
            _check_ranges,
            _check_reader,
            _check_replacing,
            _check_read_only,
        ):
            check(store)
            if _can_list(store):
                _expect_listed(store, (), "")
        _check_threads(store)
        _check_lock(store)
        _check_create(store)
        _check_update(store)
        if _can_list(store):
            _check_listing(store)
            _check_delete_prefix(store)


def _call(store: Store, method: str, *args: Any) -> Any:
    try:
        return getattr(store, method)(*args)
    except Exception as error:
        fail(store, f"{_show(method, args)} raised {error!r}", error)


def _as_bytes(result: Any) -> Any:
    """Return the bytes of a buffer, and anything else as it is."""
    try:
        return bytes(byte_view(result))
    except (TypeError, ValueError):
        return result


def _compare(store: Store, result: object, wanted: object, method: str, *args: Any) -> None:
    if type(wanted) is bytes:
        result = _as_bytes(result)
    if type(result) is not type(wanted) or result != wanted:
        fail(store, f"{_show(method, args)} returned {cut(result)} instead of {cut(wanted)}")


def _expect(store: Store, wanted: object, method: str, *args: Any) -> None:
    _compare(store, _call(store, method, *args), wanted, method, *args)


def _expect_listed(store: Store, wanted: Iterable[str], prefix: str) -> None:
    _compare(store, sorted(_call(store, "list", prefix)), sorted(wanted), "list", prefix)


def _expect_names(store: Store, wanted: list[str], prefix: str) -> None:
    _compare(store, [*_call(store, "list_dir", prefix)], wanted, "list_dir", prefix)


def _expect_error(store: Store, kind: type[Exception], method: str, *args: Any) -> None:
    try:
        result = getattr(store, method)(*args)
    except kind:
        return
    except Exception as error:
        fail(store, f"{_show(method, args)} raised {error!r} instead of a {kind.__name__}", error)
    fail(store, f"{_show(method, args)} returned {cut(result)} instead of raising a {kind.__name__}")


def _show(method: str, args: Sequence[Any]) -> str:
    return f"{method}({', '.join(map(cut, args))})"


def _can_list(store: Store) -> bool:
    try:
        store.list()
    except UnsupportedError:
        return False
    return True


def _fill(store: Store, *keys: str) -> None:
    for key in keys:
        _call(store, "set", key, key.encode())


def _clear(store: Store, *keys: str) -> None:
    for key in keys:
        _call(store, "delete", key)
        _expect(store, None, "get", key)


def _check_missing(store: Store) -> None:
    _fill(store, "there/key")
    for key in ("missing", "there", "there/other", "no/such/key"):
        for method, answer in (("get", None), ("exists", False), ("size", None), ("delete", None)):
            _expect(store, answer, method, key)
        _expect(store, None, "get_range", key, 0, 1)
        _expect(store, None, "get_range", key, -1, 1)
        _expect(store, None, "get_ranges", key, [(0, 1), (-1, 1)])
    _clear(store, "there/key")


def _check_values(store: Store) -> None:
    for value in (b"\0", b"value", VALUE, bytes(3_000_000), b""):
        for given in (value, bytearray(value), memoryview(value), np.frombuffer(value, np.uint8)):
            _call(store, "set", "a/value", given)
            _expect(store, value, "get", "a/value")
        _expect(store, True, "exists", "a/value")
        _expect(store, len(value), "size", "a/value")
    buffer = bytearray(b"before")
    _call(store, "set", "a/value", buffer)
    buffer[:] = b"after!"
    _expect(store, b"before", "get", "a/value")  # otherwise the store keeps the caller's buffer
    _clear(store, "a/value")


def _check_keys(store: Store) -> None:
    _fill(store, *KEYS)
    for key in KEYS:
        _expect(store, key.encode(), "get", key)
    if _can_list(store):
        _expect_listed(store, KEYS, "")
    for key in NO_KEYS:  # `simplezarr.stores.check_key` refuses them
        _expect_error(store, ValueError, "get", key)
        _expect_error(store, ValueError, "set", key, b"")
        _expect_error(store, ValueError, "delete", key)
    _clear(store, *KEYS)


def _check_ranges(store: Store) -> None:
    n = len(VALUE)
    _call(store, "set", "a/value", VALUE)
    ranges = [(0, n), (0, 1), (5, 10), (n - 1, 1), (-1, 1), (-10, 4), (-n, n), (3, 0), (5, 10)]
    past_the_end = [(n - 3, 10), (n, 1), (n + 9, 5), (0, n + 1), (-3, 10), (-n - 9, n + 9), (-n - 9, 10)]
    for start, length in ranges + past_the_end:
        begin = start + n if start < 0 else start
        _expect(store, VALUE[max(begin, 0) : max(begin + length, 0)], "get_range", "a/value", start, length)
    parts = _call(store, "get_ranges", "a/value", ranges)
    if [*map(_as_bytes, parts)] != [VALUE[start % n : start % n + length] for start, length in ranges]:
        fail(store, f"get_ranges returned other bytes than the ranges {ranges}, in this order")
    _call(store, "set", "a/value", b"")
    _expect(store, b"", "get_range", "a/value", 0, 1)
    _expect(store, b"", "get_range", "a/value", -1, 1)
    _clear(store, "a/value")


def _check_reader(store: Store) -> None:
    """Check that a reader and its twin stay with the version of the first answer, or raise."""
    key, old, new = "a/value", VALUE, bytes(reversed(VALUE[:-9]))
    ranges = [(5, 100), (len(old) - 7, 7), (1000, 3)]
    wanted = [old[start : start + length] for start, length in ranges]
    _call(store, "set", key, old)
    with _call(store, "reader", key) as reader, _call(store, "reader", "a/missing") as missing:
        if _as_bytes(reader.get_range(-20, 20)) != old[-20:] or _read(reader, ranges) != wanted:
            fail(store, "a reader returned other bytes than the value has")
        if reader.size() != len(old):
            fail(store, "a reader returned another size than the value has")
        if missing.get_range(0, 1) is not None or missing.get_ranges(ranges) is not None:
            fail(store, "a reader of a missing key returned bytes")
        validator, twin = reader.validator, reader.twin()
        if twin is not None and not reader.has_twins:
            fail(store, "a reader has a twin, but its `has_twins` is False")
        if twin is not None and _read(twin, ranges) != wanted:
            fail(store, "the twin of a reader returned other bytes than the value has")
        _call(store, "set", key, new)
        for one in [reader] if twin is None else [reader, twin, reader.twin() or twin]:
            with one, suppress(ChangedError):
                if _read(one, ranges) != wanted:
                    fail(
                        store, "a reader returned bytes of another version than its first answer; raise a ChangedError"
                    )
        with _call(store, "reader", key) as later:
            if _as_bytes(later.get_range(-20, 20)) != new[-20:]:
                fail(store, "a new reader did not return the new value")
            if validator is not None and later.validator == validator:
                fail(store, "readers of two versions have the same validator")
    _clear(store, key)


def _read(reader: Reader, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
    return [*map(_as_bytes, reader.get_ranges(ranges) or ())]


def _check_replacing(store: Store) -> None:
    for value in (b"first", 1000 * b"longer", b"short", b""):
        _call(store, "set", "a/b/c", value)
        _expect(store, value, "get", "a/b/c")
        _expect(store, len(value), "size", "a/b/c")
    _clear(store, "a/b/c", "a/b/c")
    _expect(store, False, "exists", "a/b/c")
    _expect(store, None, "get_range", "a/b/c", 0, 1)
    _fill(store, "a/b")  # a key may replace a prefix
    _expect(store, b"a/b", "get", "a/b")
    _clear(store, "a/b")


def _check_read_only(store: Store) -> None:
    _fill(store, "a/key")
    store.read_only = True
    try:
        _expect_error(store, ReadOnlyError, "set", "a/key", b"new")
        _expect_error(store, ReadOnlyError, "delete", "a/key")
        _expect_error(store, ReadOnlyError, "delete_prefix", "a/")
        _expect(store, b"a/key", "get", "a/key")
    finally:
        store.read_only = False
    _clear(store, "a/key")


def _check_listing(store: Store) -> None:
    keys = ("a/b", "a/c", "a/d/e", "a/f/g", "ab/h", "e/f/g", "e/f/g2", "top")
    _fill(store, *keys)
    _expect_listed(store, keys, "")
    _expect_names(store, ["a", "ab", "e", "top"], "")
    for prefix in ("a", "a/"):
        _expect_listed(store, keys[:4], prefix)
        _expect_names(store, ["b", "c", "d", "f"], prefix)
    _expect_listed(store, ["e/f/g", "e/f/g2"], "e/")
    for prefix in ("b/", "a/b/", "a/d/e/", "top/", "e/f/g/", "E/"):
        _expect_listed(store, (), prefix)
        _expect_names(store, [], prefix)
    for key in _call(store, "list", "a/"):  # keys are deleted during the listing
        _call(store, "delete", key)
    _expect_names(store, ["ab", "e", "top"], "")  # otherwise an empty prefix is left
    _clear(store, *keys[4:])
    _expect_names(store, [], "")


def _check_delete_prefix(store: Store) -> None:
    keys = ("a/b", "a/c/d", "a/c/e/f", "ab/c", "b")
    _fill(store, *keys)
    for prefix in ("missing/", "a/b/", "b", "a/c/d"):
        _call(store, "delete_prefix", prefix)
        _expect_listed(store, keys, "")
    _call(store, "delete_prefix", "a/c/")
    _expect_listed(store, ["a/b", "ab/c", "b"], "")
    _call(store, "delete_prefix", "a")
    _expect_listed(store, ["ab/c", "b"], "")
    _expect_names(store, ["ab", "b"], "")
    _call(store, "delete_prefix", "")
    _expect_listed(store, (), "")
    _expect_names(store, [], "")


def _check_threads(store: Store) -> None:
    """Check that readers get the old or the new value, and that writers of different keys do not interfere."""
    values = (60_000 * b"old", 90_000 * b"new!")
    can_list = _can_list(store)
    _call(store, "set", "a/shared", values[0])

    def task(i: int) -> None:
        _call(store, "set", "a/shared", values[i % 2])
        time.sleep(0.0007 * (i % 4))  # so that the calls of other threads come between
        if _as_bytes(_call(store, "get", "a/shared")) not in values:
            fail(store, "get returned neither the value before a set nor the value after it")
        if _call(store, "size", "a/shared") not in map(len, values):
            fail(store, "size returned the size of a value that was partly written")
        own = f"a/own/{i % 7}/{i}"
        _fill(store, own)
        _expect(store, own.encode(), "get", own)
        foreign = {key for key in _call(store, "list", "a") if key.count("/") not in (1, 3)} if can_list else ()
        _call(store, "delete", own)
        if foreign:
            fail(store, f"list returned keys that were never set, while other keys were set: {foreign}")

    parallel_for(task, 80)
    _clear(store, "a/shared")


def _check_lock(store: Store) -> None:
    """Check that changes made inside `lock` by several threads are not lost."""
    rounds, key = 20, "a/count"

    def task(i: int) -> None:
        with store.lock(key):
            count = _count(store, key)
            _set_inside(store, key, b"%d" % (count + 1))

    parallel_for(task, rounds)
    count = _count(store, key)
    if count != rounds:
        fail(store, f"lost {rounds - count} of the {rounds} changes made inside `lock`")
    for _ in range(2):  # the second time the key is missing
        with store.lock(key):
            _call(store, "delete", key)
        _expect(store, None, "get", key)
    store.read_only = True
    try:
        _expect_error(store, ReadOnlyError, "lock", key)
    finally:
        store.read_only = False


def _check_create(store: Store) -> None:
    """Check that exactly one of several creators of a key succeeds, and that a lock alone stores nothing."""
    key, rounds = "a/created", 20
    created: list[bytes] = []

    def task(i: int) -> None:
        value = b"%d" % i
        if _call(store, "create", key, value):
            created.append(value)

    with store.lock("a/claim"):  # other keys must not wait for it
        parallel_for(task, rounds)
    if len(created) != 1:
        fail(store, f"{len(created)} of {rounds} threads that called `create` with the same key succeeded")
    _expect(store, created[0], "get", key)
    _expect(store, None, "get", "a/claim")
    _clear(store, key)
    _expect(store, True, "create", key, b"again")
    _clear(store, key)
    _call(store, "wait_for_writers", "a")


def _check_update(store: Store) -> None:
    """Check that changes made by `update` from several threads are not lost, and what its `change` may return."""
    rounds, key = 20, "a/updated"

    def task(i: int) -> None:
        _call(store, "update", key, lambda value: b"%d" % (int(value or b"0") + 1))

    parallel_for(task, rounds)
    count = _count(store, key)
    if count != rounds:
        fail(store, f"lost {rounds - count} of the {rounds} changes made by `update`")
    _call(store, "update", key, lambda value: value)
    _expect(store, b"%d" % rounds, "get", key)
    _call(store, "update", "a/missing", lambda value: value)
    _expect(store, None, "get", "a/missing")
    if not store.conditional:
        _call(store, "update", key, lambda value: None)
        _expect(store, None, "get", key)
    _call(store, "delete_many", [key, "a/missing"])
    _expect(store, None, "get", key)
    store.read_only = True
    try:
        _expect_error(store, ReadOnlyError, "update", key, lambda value: b"1")
    finally:
        store.read_only = False


def _count(store: Store, key: str) -> int:
    """Return the number that a key holds, 0 if there is no such key."""
    value = _call(store, "get", key)
    return 0 if value is None else int(_as_bytes(value))


def _set_inside(store: Store, key: str, value: bytes) -> None:
    try:
        store.set(key, value)
    except Exception as error:
        fail(store, f"`set` inside `lock` raised {error!r}", error)
