"""The contract of a store: a mapping from keys to bytes, synchronous and small.

A subclass must have `get`; one that can be written also `set` and `delete`, one whose keys can be found also `list`.
All else has a default on top of these, to be overridden where a store knows a cheaper way. Missing is a value, failure
is an exception: only a key that surely does not exist is `None`, anything else that goes wrong raises. Methods are
called from several threads at once, from as many as `concurrency` says where a store has to be waited for.
`simplezarr.testing.check_store` checks all of it.

A key is what the Zarr specification calls one: names joined by `/`. A prefix names a directory: `"a"` and `"a/"` are
the same prefix, it holds `a/b` but neither `a` nor `ab`, and `""` holds every key.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from operator import methodcaller
from typing import TYPE_CHECKING

from simplezarr.engine.files.reader import Reader, Snapshot, clip_range, read_version
from simplezarr.errors import ReadOnlyError, TooLargeError, UnsupportedError
from simplezarr.runtime import executor
from simplezarr.runtime.key_locks import KeyLock

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "Store",
    "byte_view",
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
    """Base class of all stores.

    >>> class Readme(Store):
    ...     def get(self, key):
    ...         return b"hello" if key == "readme" else None
    >>> Readme().get_range("readme", -2, 2), Readme().exists("other"), Readme().concurrency
    (b'lo', False, 32)
    """

    #: The values are at hand: reading a whole one costs nothing, so that ranges need not be asked for.
    in_memory: bool = False
    #: The caller's word that stored data do not change: what was read once (the index of a shard) may be kept.
    immutable: bool = False
    #: How many requests the store takes at a time: one call, as `a[...]`, has so many under way, each in a thread
    #: of its own, as most of a request over a network is waiting. None: requests don't wait, and as many threads ask as
    #: compute; so it is where values are `in_memory`. With `simplezarr.set_num_threads(1)` it is one at a time.
    concurrency: int | None = 32
    #: Writing raises a `ReadOnlyError`. May be set on any store at any time.
    read_only: bool = False

    @property
    def local_root(self) -> str | None:
        """The directory whose files are the values, if the keys are their paths and no method of the store is needed to
        read them; else None. Not inherited by subclasses of `LocalStore`, nor handed on by wrappers: what they change
        must not be passed by.
        """
        return None

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """The value of a key, or None when there is no such key."""

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> bytes | None:
        """Return the value of a key as `get` does; raise a `TooLargeError` if it has more than `limit` bytes.

        With `holes` only bytes count that were never written (in a sparse file). Override it if the store can tell the
        size of a value before it reads it.

        >>> from simplezarr.stores import MemoryStore
        >>> MemoryStore({"a": b"123"}).get_limited("a", 2)
        Traceback (most recent call last):
            ...
        simplezarr.errors.TooLargeError: 'a' has 3 bytes; the limit is 2
        """
        value = self.get(key)
        if value is not None and not holes and len(value) > limit:
            raise too_large(key, len(value), limit)
        return value

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        """The bytes start … start + length - 1 of a value; a negative `start` counts from the end.

        Of a range that reaches past either end of the value, the bytes that are there: fewer than asked for, or none.
        None when there is no such key.
        """
        value = self.get(key)
        if value is None:
            return None
        begin, end = clip_range(len(value), start, length)
        return value[begin:end]

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        """What `get_range` gives for each (start, length), in this order; None when there is no such key.

        All are of one version of the value: a `set` meanwhile does not show, or raises a `ChangedError`.
        """
        ranges = [*ranges]
        if reads_by(self, Store, "get_range"):
            return Snapshot(self.get(key)).get_ranges(ranges)
        read = methodcaller("get_ranges", ranges)
        return read_version(self, key, read, lambda key: Reader(self, key, frozenset(["get_range"])))

    def reader(self, key: str) -> Reader:
        """Return a `Reader`, which reads parts of one version of a value by several requests.

        Shards are read by it: first the index, then some inner chunks. A store that can tell versions apart (by an open
        file, an ETag with `If-Match`, a number) should return a subclass that reads just the version of its first
        answer, or raises `ChangedError`. What the default can promise is in the docstring of `Reader`.

        >>> from simplezarr.stores import MemoryStore
        >>> with MemoryStore({"a": b"12345"}).reader("a") as reader:
        ...     reader.get_ranges([(-1, 1), (0, 2)])
        [b'5', b'12']
        """
        return Reader(self, key, frozenset(name for name in _PARTS if not reads_by(self, Store, name)))

    def set(self, key: str, value: "Buffer") -> None:
        """Store a value, any object with a contiguous buffer. All or nothing: who reads at the same time, or after a
        crash, finds the old value or the new one, never a part. The buffer is not kept.
        """
        raise ReadOnlyError(f"{key!r} can't be written: {self!r} is a store without a `set` method")

    def delete(self, key: str) -> None:
        """Remove a key; a missing one is no error."""
        raise ReadOnlyError(f"{key!r} can't be deleted: {self!r} is a store without a `delete` method")

    def delete_prefix(self, prefix: str) -> None:
        """Remove all keys below a prefix; that there are none is no error."""
        keys = [*self.list(prefix)]
        executor.parallel_for(lambda i: self.delete(keys[i]), len(keys), executor.concurrency_for(self))

    def lock(self, key: str) -> AbstractContextManager[object]:
        """`with store.lock(key)`: read one value, change it and write it back, with no other writer in between.

        All who take the lock of a key wait for each other: threads here; also those of other processes if a store says
        so, as `LocalStore` does. With the default, the threads that use this object; so two objects over one place
        don't exclude each other. One `set` or `delete` of the key, by the thread that is inside, belongs to it; with
        that the lock may be given up already. It is not reentrant. A `set` without the lock is atomic, but may come
        between another writer's `get` and `set` (in a `LocalStore` it waits).

        Nodes are created and deleted under the lock of a key that is never stored, while locks of keys below are taken.
        As far as it reaches, two creators of one node, or a creator and a deleter, lose no data of each other. Beyond
        that (other processes, another store over the same place) they may: an array may lack chunks, or have both's.

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

        It is called before a node is deleted with `delete_prefix`, so that what they store is deleted too. A store with
        a `lock` of its own should wait for those who hold that, if it can.
        """
        wait_for_locks(self, check_prefix(prefix))

    def create(self, key: str, value: "Buffer") -> bool:
        """Store a value unless there is such a key; return whether it was stored.

        The default excludes the same writers as `lock`. A store that can do more, as those with conditional requests,
        should: of several who create one node, exactly one succeeds then, wherever they run.

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

    def is_link(self, prefix: str) -> bool:
        """Return whether a prefix leads elsewhere, as a symbolic link does; `delete(prefix)` then removes the link."""
        return False

    def confined(self, prefix: str) -> "Store":
        """Return the store through which to delete what is below a prefix: this one, or one that follows fewer links.

        For stores whose keys others may exchange for links meanwhile.
        """
        return self

    def enclosing(self, names: Sequence[str]) -> "tuple[Store, str] | None":
        """Return the store that this one is a view into, and the prefix of the view in it; None if it is no view.

        names: of documents. A directory is part of a larger hierarchy if the directory above holds one of them; the
        store of the uppermost one is returned.
        """
        return None

    def exists(self, key: str) -> bool:
        """Whether there is such a key."""
        return self.size(key) is not None

    def size(self, key: str) -> int | None:
        """The number of bytes of a value, or None when there is no such key."""
        value = self.get(key)
        return None if value is None else len(value)

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys below a prefix, in full, each once, in no particular order."""
        raise UnsupportedError(f"{self!r} can't list its keys: it is a store without a `list` method")

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        """The names right below a prefix, sorted and without slashes: of keys, and of prefixes that hold keys."""
        return names_below(self.list(prefix), check_prefix(prefix))

    def check_writable(self, key: str) -> None:
        """Raise a `ReadOnlyError` if `read_only` is set; the first line of every method that writes."""
        if self.read_only:
            raise ReadOnlyError(f"{key!r} can't be changed: {self!r} is read-only (its attribute `read_only` is set)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def wait_for_locks(owner: object, prefix: str) -> None:
    """Wait for the other threads that are inside a `KeyLock` of this owner, of a key below a prefix with its slash."""
    for key in KeyLock.held_below(owner, prefix):
        with KeyLock(owner, key):
            pass


def reads_by(store: Store, cls: type, *names: str) -> bool:
    """Return whether a store has the reading methods of a class, of `names` or all, and none of its own.

    >>> from simplezarr.stores import MemoryStore
    >>> reads_by(MemoryStore(), MemoryStore), reads_by(MemoryStore(), Store, "get_range")
    (True, False)
    """
    names = names or ("get", *_PARTS)
    return all(getattr(getattr(store, name), "__func__", None) is getattr(cls, name) for name in names)


def too_large(key: str, size: int, limit: int, holes: int = 0) -> TooLargeError:
    hollow = f", {holes} or more of them in holes that were never written" if holes else ""
    return TooLargeError(f"{key!r} has {size} bytes{hollow}; the limit is {limit}", size)


def check_key(key: str) -> None:
    """Raise for a string that is no key, and could lead out of where a store keeps its values.

    >>> check_key("a/c/0")
    >>> check_key("a/../../b")
    Traceback (most recent call last):
        ...
    ValueError: 'a/../../b' is no key: it has the part '..'
    """
    if not isinstance(key, str):
        raise TypeError(f"a key is a str, not {type(key).__name__}")
    framed = f"/{key}/"
    if "//" in framed or "/./" in framed or "/../" in framed or "\0" in key or "\\" in key:
        raise ValueError(f"{key!r} is no key: {_fault(key)}")


def _fault(key: str) -> str:
    if not key:
        return "it is empty"
    if key[0] == "/" or key[-1] == "/":
        return "it begins or ends with a slash"
    if "\0" in key or "\\" in key:
        return "it has a NUL or a backslash; parts are separated by '/'"
    for part in key.split("/"):
        if part in (".", ".."):
            return f"it has the part {part!r}"
    return "it has two slashes in a row"


def check_prefix(prefix: str) -> str:
    """The prefix with its slash at the end, or "" for the root; raises as `check_key` does.

    >>> check_prefix("a/b"), check_prefix("a/b/"), check_prefix("")
    ('a/b/', 'a/b/', '')
    """
    if not prefix and isinstance(prefix, str):
        return ""
    bare = prefix.removesuffix("/") if isinstance(prefix, str) else prefix
    check_key(bare)
    return f"{bare}/"


def byte_view(value: "Buffer") -> memoryview:
    """The bytes of a contiguous buffer, for a `set` to store.

    >>> bytes(byte_view(memoryview(b"123")))
    b'123'
    """
    view = memoryview(value)
    if not view.c_contiguous:
        raise ValueError("a value is a buffer in one piece, in C order; copy it first")
    if not view.nbytes:
        return memoryview(b"")  # an empty array can't be cast
    try:
        return view.cast("B")
    except TypeError:  # nor can items in another than the native byte order
        return memoryview(view.tobytes())


def names_below(keys: Iterable[str], prefix: str) -> Sequence[str]:
    """What `Store.list_dir` gives where these are the keys; `prefix` as `check_prefix` returns it.

    >>> names_below(["a/b", "a/c/d", "a/c/e", "f"], "a/")
    ['b', 'c']
    """
    skip = len(prefix)
    return sorted({key[skip:].partition("/")[0] for key in keys if key.startswith(prefix)})
