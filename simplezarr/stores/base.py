"""Define the contract of a store: a synchronous mapping from keys to bytes.

A subclass must define `get`. If it can be written, it also defines `set` and `delete`; if its keys can be listed,
`list`. Every other method has a default that uses these. Override it if the store has a cheaper way. `None` means that
a key does not exist; any failure raises. Methods are called from several threads at once, at most as many as
`concurrency` says. `simplezarr.testing.check_store` checks all of this.

A key is what the Zarr specification calls one: names joined by `/`. A prefix names a directory: `"a"` and `"a/"` are
the same prefix. It holds `a/b`, but neither `a` nor `ab`. The prefix `""` holds every key.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING

from simplezarr.engine.files.reader import Data, Reader, Snapshot, clip_range, read_version
from simplezarr.errors import ReadOnlyError, TooLargeError, UnsupportedError
from simplezarr.runtime import executor
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.keys import check_key, check_prefix, names_below

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

    from simplezarr.engine.files.file_ranges import FileRangeTable

    Change = Callable[[bytes | None], Buffer | None]

__all__ = [
    "Store",
    "byte_view",
    "check_change",
    "check_key",
    "check_prefix",
    "clip_range",
    "names_below",
    "reads_by",
    "too_large",
    "wait_for_locks",
]

_PARTS = ("get_range", "get_ranges")


class Store(ABC):
    """The base class of all stores. A store that can only be read needs nothing but `get`.

    >>> class Readme(Store):
    ...     def get(self, key):
    ...         return b"hello" if key == "readme" else None
    >>> Readme().get_range("readme", -2, 2), Readme().exists("other"), Readme().concurrency
    (b'lo', False, 32)
    """

    #: Whether `get` costs nothing, because the values are in memory. Then whole values are read, never ranges.
    in_memory: bool = False
    #: Whether stored data never change. Then the indexes of shards are kept once they are read. Otherwise they are kept
    #: with their version, if the store's `reader` can ask for a version.
    immutable: bool = False
    #: How many requests one call, such as `a[...]`, makes at a time, each in a thread of its own. None: requests do not
    #: wait (as on a local disk or in memory), so as many threads ask as compute. `simplezarr.set_num_threads(1)` makes
    #: it one request at a time.
    concurrency: int | None = 32
    #: Whether `create` and `update` are conditional requests, as of object stores, which exclude every other writer.
    #: Otherwise they exclude the writers that `lock` excludes. A conditional `update` removes nothing, because a
    #: removal takes no condition.
    conditional: bool = False
    #: Whether writing raises a `ReadOnlyError`. It may be set on any store at any time.
    read_only: bool = False

    #: Whether an array must be stored before its chunks. Then it is not complete when it appears.
    array_first: bool = False
    #: The store whose requests this one reports, None in any other store: see `simplezarr.stores.tracing`.
    _reported: "Store | None" = None

    @property
    def local_root(self) -> str | None:
        """The directory whose files are the values, if their paths are the keys and no method is needed to read them.

        Otherwise None, as in subclasses of `LocalStore` and in wrappers: the methods that they override must be called.
        """
        return None

    @property
    def find_file_ranges(self) -> "Callable[[list[str], FileRangeTable], None] | None":
        """A function that enters into a table which values are some bytes of local files, so that no method is called.

        It gets keys, in full, and a table with a place for each. None if there are no such values, and, as
        `local_root`, in subclasses and wrappers that override a method which reads.
        """
        return None

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """Return the value of a key, None if there is no such key. Raise an exception if reading fails.

        The stores of this package return bytes. A store of one's own may return any contiguous buffer, as may its other
        methods that read: arrays are read from it without a copy, unless it can change.
        """

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> Data | None:
        """Return the value of a key as `get` does; raise a `TooLargeError` if it has more than `limit` bytes.

        It need not be `bytes`, so that nothing is copied in vain. A buffer that can change is copied before it is used.

        holes: count only bytes that were never written, in a sparse file.

        Override it if the store can find out the size of a value before it reads the value.

        >>> from simplezarr.stores import MemoryStore
        >>> MemoryStore({"a": b"123"}).get_limited("a", 2)
        Traceback (most recent call last):
            ...
        simplezarr.errors.TooLargeError: 'a' has 3 bytes; the limit is 2
        """
        value = self.get(key)
        size = 0 if value is None else byte_view(value).nbytes
        if not holes and size > limit:
            raise too_large(key, size, limit)
        return value

    def getter(self, limit: int, *, holes: bool = False) -> "Callable[[str], Buffer | None]":
        """Return a function that does for valid keys, one after another, what `get_limited` does, in this process.

        Override it if something can be done once for many keys.

        >>> from simplezarr.stores import MemoryStore
        >>> MemoryStore({"a": b"123"}).getter(10)("a")
        b'123'
        """
        return partial(self.get_limited, limit=limit, holes=holes)

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        """Return the bytes start … start + length - 1 of a value, None if there is no such key.

        start: counts from the end of the value if it is negative.

        If the range reaches beyond an end of the value, return only the bytes within the value.
        """
        value = self.get(key)
        if value is None:
            return None
        view = byte_view(value)
        begin, end = clip_range(view.nbytes, start, length)
        return bytes(view[begin:end])

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        """Return what `get_range` returns for each (start, length), in this order; None if there is no such key.

        All ranges are of one version of the value. If a `set` intervenes, return the old bytes or raise a
        `ChangedError`.
        """
        ranges = [*ranges]
        if reads_by(self, Store, "get_range"):
            return Snapshot(self.get(key)).get_ranges(ranges)
        read: Callable[[Reader], Sequence[bytes] | None] = methodcaller("get_ranges", ranges)
        return read_version(self, key, read, lambda key: Reader(self, key, frozenset(["get_range"])))

    def reader(self, key: str) -> Reader:
        """Return a `Reader`, which reads parts of one version of a value by several requests.

        Shards are read through it: first the index, then inner chunks. A store that can tell versions apart (an open
        file, an ETag with `If-Match`, a number) should return a subclass. That subclass reads only the version of its
        first answer, or raises `ChangedError`. If it overrides `pin`, indexes of shards are kept with their version.
        The docstring of `Reader` says what the default guarantees.

        >>> from simplezarr.stores import MemoryStore
        >>> with MemoryStore({"a": b"12345"}).reader("a") as reader:
        ...     reader.get_ranges([(-1, 1), (0, 2)])
        [b'5', b'12']
        """
        return Reader(self, key, frozenset(name for name in _PARTS if not reads_by(self, Store, name)))

    def set(self, key: str, value: "Buffer") -> None:
        """Store a value: any object with a contiguous buffer, which must not be kept.

        The value is replaced as a whole. A concurrent reader, or one after a crash, gets the old or the new value.
        Raise a `ReadOnlyError` if `read_only` is set (see `check_writable`).
        """
        raise ReadOnlyError(f"{key!r}: {self!r} has no `set` method; it can only be read").of_store(self)

    def delete(self, key: str) -> None:
        """Remove a key. Do nothing if there is no such key."""
        raise ReadOnlyError(f"{key!r}: {self!r} has no `delete` method; it can only be read").of_store(self)

    def delete_prefix(self, prefix: str) -> None:
        """Remove all keys below a prefix. Do nothing if there are none."""
        self.delete_many([*self.list(prefix)])

    def delete_many(self, keys: Sequence[str]) -> None:
        """Remove keys, in any order. Keys that do not exist are no error.

        Override it if one request can remove many keys. If removing a key fails, others may be removed.

        >>> from simplezarr.stores import MemoryStore
        >>> store = MemoryStore({"a": b"1", "b": b"2"})
        >>> store.delete_many(["a", "c"])
        >>> [*store.list()]
        ['b']
        """
        executor.parallel_for(lambda i: self.delete(keys[i]), len(keys), executor.concurrency_for(self))

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Return a context manager: within it, read a value, change it and write it back without another writer
        between.

        Writers that lock the same key wait for each other. The default excludes the threads that use this store object;
        `LocalStore` also excludes other store objects and processes. The lock is not reentrant, and may end with the
        one `set` or `delete` of the key that it protects. A `set` without the lock is atomic, but may come between the
        `get` and the `set` of another writer (in a `LocalStore` it waits).

        Nodes are created and deleted under the lock of a key that is never stored, while keys below it are locked.
        Within its reach, a creator loses no data to another creator or a deleter. Beyond its reach (other processes,
        another store over the same place) an array may lack chunks, or mix chunks of two creators.

        >>> from simplezarr.stores import MemoryStore
        >>> store = MemoryStore()
        >>> with store.lock("count"):
        ...     store.set("count", str(int(store.get("count") or 0) + 1).encode())
        >>> store.get("count")
        b'1'
        """
        check_key(key)
        self.check_writable(key)
        return KeyLock(self, key)

    def wait_for_writers(self, prefix: str) -> None:
        """Wait for the other threads that hold the lock of a key below a prefix.

        It is called before `delete_prefix` deletes a node, so that what these threads store is deleted too. A store
        that overrides `lock` should wait for the holders of its own locks, if it can.
        """
        wait_for_locks(self, check_prefix(prefix))

    def create(self, key: str, value: "Buffer") -> bool:
        """Store a value unless there is such a key; return whether it was stored.

        The default excludes the same writers as `lock`. Override it if the store has conditional requests. Then exactly
        one of several creators of a node succeeds, wherever they run.

        >>> from simplezarr.stores import MemoryStore
        >>> store = MemoryStore()
        >>> store.create("a", b"1"), store.create("a", b"2"), store.get("a")
        (True, False, b'1')
        """
        with self.lock(key):
            if self.exists(key):
                return False
            self.set(key, value)
        return True

    def update(self, key: str, change: "Change") -> None:
        """Replace a value by what `change` makes of it, so that no change by another writer is lost.

        change: gets the value, None if there is no such key. It returns the new value; the very object that it got, to
            leave the value as it is; or None, to remove the key (see `conditional`). It may be called several times,
            each time with a newer value. What it raises, `update` raises, and nothing is stored.

        The default excludes the same writers as `lock`. Override it, and set `conditional`, if the store has
        conditional requests.

        >>> from simplezarr.stores import MemoryStore
        >>> store = MemoryStore()
        >>> store.update("count", lambda value: str(int(value or 0) + 1).encode())
        >>> store.get("count")
        b'1'
        """
        check_change(key, change)
        with self.lock(key):
            found = self.get(key)
            value = None if found is None else bytes(found)
            changed = change(value)
            if changed is value:
                return
            if changed is None:
                self.delete(key)
            else:
                self.set(key, changed)

    def is_link(self, prefix: str) -> bool:
        """Return whether a prefix is a symbolic link or the like; if so, `delete(prefix)` removes the link."""
        return False

    def confined(self, prefix: str) -> "Store":
        """Return the store through which to delete what is below a prefix: this one, or one that follows fewer links.

        Override it if other programs may replace keys by links meanwhile.
        """
        return self

    def enclosing(self, names: Sequence[str]) -> "tuple[Store, str] | None":
        """Return the store that this one is a part of, and the prefix of this part in it; None if there is none.

        names: of metadata documents. A directory belongs to a larger hierarchy if the directory above it holds one of
        them. The returned store is that of the uppermost such directory.
        """
        return None

    def exists(self, key: str) -> bool:
        """Return whether there is such a key."""
        return self.size(key) is not None

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value, None if there is no such key."""
        value = self.get(key)
        return None if value is None else byte_view(value).nbytes

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield all keys below a prefix, in full, each once, in any order."""
        message = f"{self!r}: has no `list` method, so its keys cannot be listed; define one"
        raise UnsupportedError(message).of_store(self)

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        """Return the sorted names directly below a prefix, of keys and of prefixes that hold keys, without slashes."""
        return names_below(self.list(prefix), check_prefix(prefix))

    def close(self) -> None:  # noqa: B027 (most stores hold nothing)
        """Release what the store holds, such as connections; it may be called twice.

        The default does nothing, because a `LocalStore` and a `MemoryStore` hold nothing. A `with` statement on a node
        closes its store at the end.
        """

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        """Close the store at the end of a `with` block, also of one on a node."""
        self.close()

    def check_writable(self, key: str) -> None:
        """Raise a `ReadOnlyError` if `read_only` is set. Call it first in every method that writes."""
        if self.read_only:
            message = f"{key!r}: {self!r} is read-only; set its attribute `read_only` to False to change it"
            raise ReadOnlyError(message).of_store(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def wait_for_locks(owner: object, prefix: str) -> None:
    """Wait for the other threads that hold a `KeyLock` of this owner on a key below a prefix (with its slash)."""
    for key in KeyLock.held_below(owner, prefix):
        with KeyLock(owner, key):
            pass


def reads_by(store: Store, cls: type, *names: str) -> bool:
    """Return whether a store overrides none of the reading methods of a class: those in `names`, or all.

    >>> from simplezarr.stores import MemoryStore
    >>> reads_by(MemoryStore(), MemoryStore), reads_by(MemoryStore(), Store, "get_range")
    (True, False)
    """
    for name in names or ("get", *_PARTS):
        if getattr(getattr(store, name), "__func__", None) is not getattr(cls, name):
            return False
    return True


def too_large(key: str, size: int, limit: int, holes: int = 0) -> TooLargeError:
    """Return the error for a value that is larger than a limit."""
    hollow = f", at least {holes} of them in holes that were never written" if holes else ""
    return TooLargeError(f"{key!r} has {size} bytes{hollow}; the limit is {limit}", size)


def check_change(key: str, change: "Change") -> None:
    """Raise a TypeError if what `update` gets is no function.

    >>> check_change("a", b"value")
    Traceback (most recent call last):
        ...
    TypeError: 'a': change must be a function of the stored value, not bytes; to store a value as it is, call set
    """
    if not callable(change):
        what = f"change must be a function of the stored value, not {type(change).__name__}"
        raise TypeError(f"{key!r}: {what}; to store a value as it is, call set")


def byte_view(value: "Buffer") -> memoryview:
    """Return a view of the bytes of a contiguous buffer, for a `set` to store.

    >>> bytes(byte_view(memoryview(b"123")))
    b'123'
    """
    view = memoryview(value)
    if not view.c_contiguous:
        raise ValueError("a value must be one contiguous buffer in C order; copy it first")
    if not view.nbytes:
        return memoryview(b"")  # an empty buffer cannot be cast
    try:
        return view.cast("B")
    except TypeError:  # nor can items that are not in native byte order
        return memoryview(view.tobytes())
