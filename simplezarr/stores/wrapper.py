"""Define the base class of stores that wrap a store and change one thing."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from simplezarr.engine.files.reader import Data, Reader
from simplezarr.stores.base import Store, reads_by

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from simplezarr.stores.base import Change

__all__ = ["WrapperStore"]


class WrapperStore(Store):
    """Forward every call to the same method of the store inside. A subclass overrides the methods that it changes.

    If a subclass overrides a method that reads, `reader` reads through that method. `read_only` can be set on the
    wrapper alone, which makes it a read-only view.

    >>> from simplezarr.stores import MemoryStore
    >>> inner = MemoryStore({"a": b"1"})
    >>> view = WrapperStore(inner)
    >>> view.read_only = True
    >>> view.get("a"), inner.read_only
    (b'1', False)
    """

    def __init__(self, store: Store):
        if not isinstance(store, Store):
            raise TypeError(f"{type(self).__name__}: needs a Store, not {type(store).__name__} {store!r}")
        self.store = store
        self._sealed = False

    @property
    def in_memory(self) -> bool:  # type: ignore[override]
        return self.store.in_memory

    @property
    def concurrency(self) -> int | None:  # type: ignore[override]
        return self.store.concurrency

    @property
    def immutable(self) -> bool:  # type: ignore[override]
        return self.store.immutable

    @property
    def array_first(self) -> bool:  # type: ignore[override]
        return self.store.array_first

    @property
    def conditional(self) -> bool:  # type: ignore[override]
        return self.store.conditional and reads_by(self, WrapperStore, "get", "set")

    @property
    def read_only(self) -> bool:
        return self._sealed or self.store.read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self._sealed = bool(value)

    def get(self, key: str) -> bytes | None:
        return self.store.get(key)

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> Data | None:
        if reads_by(self, WrapperStore, "get"):
            return self.store.get_limited(key, limit, holes=holes)
        return super().get_limited(key, limit, holes=holes)

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        return self.store.get_range(key, start, length)

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        return self.store.get_ranges(key, ranges)

    def reader(self, key: str) -> Reader:
        """Return the reader of the store inside; if a method that reads is overridden, one that uses that method."""
        return self.store.reader(key) if reads_by(self, WrapperStore) else super().reader(key)

    def set(self, key: str, value: "Buffer") -> None:
        self.check_writable(key)
        self.store.set(key, value)

    def delete(self, key: str) -> None:
        self.check_writable(key)
        self.store.delete(key)

    def delete_prefix(self, prefix: str) -> None:
        self.check_writable(prefix)
        self.store.delete_prefix(prefix)

    def delete_many(self, keys: Sequence[str]) -> None:
        if not reads_by(self, WrapperStore, "delete"):
            super().delete_many(keys)
            return
        for key in keys[:1]:
            self.check_writable(key)
        self.store.delete_many(keys)

    def create(self, key: str, value: "Buffer") -> bool:
        if not self.conditional:
            return super().create(key, value)
        self.check_writable(key)
        return self.store.create(key, value)

    def update(self, key: str, change: "Change") -> None:
        """Update a value as the store inside does; if `get` or `set` is overridden, through these and `lock`."""
        if not self.conditional:
            super().update(key, change)
            return
        self.check_writable(key)
        self.store.update(key, change)

    def lock(self, key: str) -> AbstractContextManager[object]:
        self.check_writable(key)
        return self.store.lock(key)

    def wait_for_writers(self, prefix: str) -> None:
        self.store.wait_for_writers(prefix)

    def is_link(self, prefix: str) -> bool:
        return self.store.is_link(prefix)

    def enclosing(self, names: Sequence[str]) -> tuple[Store, str] | None:
        return self.store.enclosing(names)

    def exists(self, key: str) -> bool:
        return self.store.exists(key)

    def size(self, key: str) -> int | None:
        return self.store.size(key)

    def list(self, prefix: str = "") -> Iterator[str]:
        return self.store.list(prefix)

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        return self.store.list_dir(prefix)

    def close(self) -> None:
        self.store.close()

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        """End the `with` block of the store inside, which may undo what was written, and close this store."""
        try:
            self.store.__exit__(kind, *details)
        finally:
            self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.store!r})"
