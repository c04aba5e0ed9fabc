"""Define the store in memory, over a dict or another mapping."""

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from simplezarr.engine.files.reader import Reader, Snapshot
from simplezarr.engine.kernels.context import bytes_of
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.base import (
    Store,
    byte_view,
    check_key,
    check_prefix,
    clip_range,
    names_below,
    reads_by,
    wait_for_locks,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["MemoryStore"]


class MemoryStore(Store):
    """A store over a dict: its own, or a mapping that is given, which is then read and changed in place.

    >>> store = MemoryStore({"a/b": b"12345"})
    >>> store.get_range("a/b", -2, 2)
    b'45'
    >>> store
    MemoryStore(1 key)
    """

    in_memory = True

    def __init__(self, values: "MutableMapping[str, Buffer] | None" = None):
        self.values = {} if values is None else values

    def get(self, key: str) -> bytes | None:
        check_key(key)
        value = self.values.get(key)
        return value if value is None or type(value) is bytes else bytes_of(value)

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        check_key(key)
        value = self.values.get(key)
        if value is None:
            return None
        if type(value) is not bytes:
            value = byte_view(value)
        begin, end = clip_range(len(value), start, length)
        return bytes(value[begin:end])

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        if not reads_by(self, MemoryStore, "get", "get_range"):
            return super().get_ranges(key, ranges)
        return Snapshot(self.get(key)).get_ranges(ranges)

    def reader(self, key: str) -> Reader:
        return Snapshot(self.get(key)) if reads_by(self, MemoryStore) else super().reader(key)

    def set(self, key: str, value: "Buffer") -> None:
        check_key(key)
        self.check_writable(key)
        self.values[key] = value if type(value) is bytes else bytes_of(byte_view(value))

    def delete(self, key: str) -> None:
        check_key(key)
        self.check_writable(key)
        self.values.pop(key, None)

    def delete_prefix(self, prefix: str) -> None:
        self.check_writable(prefix)
        for key in self.list(prefix):
            self.values.pop(key, None)

    def lock(self, key: str) -> AbstractContextManager[object]:
        check_key(key)
        self.check_writable(key)
        return KeyLock(self.values, key)  # the owner is the dict, so the lock excludes all stores over it

    def wait_for_writers(self, prefix: str) -> None:
        wait_for_locks(self.values, check_prefix(prefix))

    def size(self, key: str) -> int | None:
        check_key(key)
        value = self.values.get(key)
        return None if value is None else memoryview(value).nbytes

    def list(self, prefix: str = "") -> Iterator[str]:
        prefix = check_prefix(prefix)
        keys = tuple(self.values)  # a copy, because other threads may add keys meanwhile
        return iter([key for key in keys if key.startswith(prefix)] if prefix else keys)

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        return names_below(tuple(self.values), check_prefix(prefix))

    def __repr__(self) -> str:
        n = len(self.values)
        return f"{type(self).__name__}({n} key{'' if n == 1 else 's'})"
