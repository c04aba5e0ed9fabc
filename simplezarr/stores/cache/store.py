"""A bounded cache in front of any store, on disk or in memory."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from operator import methodcaller
from typing import TYPE_CHECKING, Literal, NamedTuple

from simplezarr.engine.files.reader import MAX_NBYTES, Data, Reader, clip_range, read_version
from simplezarr.errors import ChangedError
from simplezarr.stores.base import Store, byte_view, check_key, too_large
from simplezarr.stores.cache.place import place_of
from simplezarr.stores.cache.shelf import DirectoryShelf, MemoryShelf, Shelf
from simplezarr.stores.settings import as_size
from simplezarr.stores.wrapper import WrapperStore

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from simplezarr.stores.base import Change

__all__ = ["CacheStore"]

Range = tuple[int, int]

#: Larger values are kept in blocks of this size, counted from the end, where most shards have their index.
BLOCK = 1 << 20
#: A value of at most this size is fetched as a whole when a part of it is read.
WHOLE = 4 << 20


class Record(NamedTuple):
    """What is known of a key.

    size: None if there is no such key. tag: of the version, "" if it is not known. checked: when it was asked for.
    """

    size: int | None
    tag: str
    checked: float


class CacheStore(WrapperStore):
    """Keep what is read from a store, up to a bound.

    - store: any store.
    - path: a directory for the cache, which any number of processes may share; None keeps it in memory.
    - size: the bound, in bytes or as text such as "20 GiB". What was not used for longest is removed first.
    - trust: "immutable": what is kept is never asked for again, nor that a key does not exist. A number of seconds: the
      version is asked for again if that much time has passed; 0 asks each time, which costs a request but no bytes.

    Parts of large values, such as inner chunks of shards, are kept in blocks of 1 MiB. A write through this store
    removes what is kept of the key. A cache that is full, read-only or damaged slows reading down, and never fails it.
    Listings are not kept. The store is known by its `repr`; one that does not name a place has a cache of its own.

    Without versions (see `Reader.validator`), values are kept only if trust is "immutable".

    >>> from simplezarr.stores import MemoryStore
    >>> inner = MemoryStore({"a": b"12345"})
    >>> store = CacheStore(inner, size="1 MB")
    >>> store.get("a"), inner.values.clear(), store.get("a")
    (b'12345', None, b'12345')
    """

    def __init__(
        self,
        store: Store,
        path: str | os.PathLike[str] | None = None,
        *,
        size: int | str,
        trust: Literal["immutable"] | float = "immutable",
    ):
        super().__init__(store)
        if trust != "immutable" and not (isinstance(trust, (int, float)) and trust is not True and trust >= 0):
            raise ValueError(f"trust: {trust!r} is neither 'immutable' nor a number of seconds of at least 0")
        self.trust = trust
        self.path: str | None = None if path is None else os.path.abspath(os.path.expanduser(os.fspath(path)))
        bound = as_size(size)
        self._shelf: Shelf = MemoryShelf(bound) if self.path is None else DirectoryShelf(self.path, bound)
        self._place = place_of(store)

    @property
    def immutable(self) -> bool:  # type: ignore[override]
        return self.trust == "immutable" or self.store.immutable

    @property
    def in_memory(self) -> bool:  # type: ignore[override]
        return False

    @property
    def conditional(self) -> bool:  # type: ignore[override]
        return self.store.conditional

    # ---------------------------------------------------------------- reading

    def get(self, key: str) -> bytes | None:
        return self._get(key, None)

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> bytes | None:
        return self._get(key, None if holes else limit)

    def _get(self, key: str, limit: int | None) -> bytes | None:
        check_key(key)
        record = self.known(key) if self.immutable else None
        if record is not None:
            if record.size is None:
                return None
            value = self._shelf.read(self.data_name(key, record, "all"))
            if value is not None and len(value) == record.size:
                if limit is not None and record.size > limit:
                    raise too_large(key, record.size, limit)
                return value
        if self.immutable:
            found = self.store.get(key) if limit is None else self.store.get_limited(key, limit)
            value = None if found is None else bytes(found)
            record = self.learn(key, None if value is None else len(value), None)
            if value is not None and record is not None:
                self._shelf.write(self.data_name(key, record, "all"), value)
            return value

        def read(reader: Reader) -> bytes | None:
            size = reader.size()
            if size is not None and limit is not None and size > limit:
                raise too_large(key, size, limit)
            data = reader.get_range(0, size) if size is not None else None
            return None if data is None else bytes(data)

        return read_version(self.store, key, read, self.reader)

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        parts = self.get_ranges(key, [(start, length)])
        return None if parts is None else parts[0]

    def get_ranges(self, key: str, ranges: Iterable[Range]) -> Sequence[bytes] | None:
        read: Callable[[Reader], Sequence[bytes] | None] = methodcaller("get_ranges", [*ranges])
        return read_version(self.store, key, read, self.reader)

    def reader(self, key: str) -> Reader:
        check_key(key)
        return CachedReader(self, key)

    def exists(self, key: str) -> bool:
        return self.size(key) is not None

    def size(self, key: str) -> int | None:
        record = self.known(key) if self.immutable else None
        return self.store.size(key) if record is None else record.size

    # ---------------------------------------------------------------- what is known of a key

    def known(self, key: str) -> Record | None:
        """Return what is known of a key, however old."""
        return _record(self._shelf.read(self._record_name(key)))

    def is_fresh(self, record: Record) -> bool:
        """Return whether a record is trusted without a request."""
        return self.trust == "immutable" or self.immutable or 0 <= time.time() - record.checked < self.trust

    def learn(self, key: str, size: int | None, validator: Hashable | None) -> Record | None:
        """Note what the store has said of a key; return None if that can't be kept."""
        tag = _tag(validator)
        if not self.immutable and (not tag or size is None):
            self.forget(key)
            return None
        record = Record(size, tag, time.time())
        self._shelf.write(self._record_name(key), json.dumps(record).encode())
        return record

    def forget(self, key: str) -> None:
        self._shelf.remove(self._record_name(key))

    def _record_name(self, key: str) -> str:
        return _hash(self._place, key)

    def data_name(self, key: str, record: Record, what: object) -> str:
        """Return the name of data of one version: "all" of a value, or the number of a block."""
        return f"{_hash(self._place, key, record.tag, str(record.size))}.{what}"

    @property
    def shelf(self) -> Shelf:
        """What keeps the data."""
        return self._shelf

    # ---------------------------------------------------------------- writing

    @contextmanager
    def _changing(self, *keys: str) -> Iterator[None]:
        """Forget keys before they are changed, and what readers have kept of them meanwhile."""
        for key in keys:
            self.forget(key)
        try:
            yield
        finally:
            for key in keys:
                self.forget(key)

    def set(self, key: str, value: "Buffer") -> None:
        with self._changing(key):
            super().set(key, byte_view(value))

    def create(self, key: str, value: "Buffer") -> bool:
        with self._changing(key):
            return super().create(key, value)

    def update(self, key: str, change: "Change") -> None:
        with self._changing(key):
            super().update(key, change)

    def delete(self, key: str) -> None:
        with self._changing(key):
            super().delete(key)

    def delete_many(self, keys: Sequence[str]) -> None:
        with self._changing(*keys):
            for key in keys[:1]:
                self.check_writable(key)
            self.store.delete_many(keys)

    def delete_prefix(self, prefix: str) -> None:
        self.check_writable(prefix)
        with self._changing(*self.store.list(prefix)):
            self.store.delete_prefix(prefix)

    def lock(self, key: str) -> AbstractContextManager[object]:
        return self._locked(key, super().lock(key))

    @contextmanager
    def _locked(self, key: str, lock: AbstractContextManager[object]) -> Iterator[object]:
        with lock as held, self._changing(key):  # what is read under the lock is what is stored
            yield held

    def __repr__(self) -> str:
        where = "in memory" if self.path is None else repr(self.path)
        return f"CacheStore({self.store!r}, {where})"


class CachedReader(Reader):
    """Read parts of one version of a value, from the cache as far as it has them."""

    def __init__(self, cache: CacheStore, key: str):
        self._cache, self._key = cache, key
        self._inner: Reader | None = None
        self._record: Record | None = None
        self._last: Data | None = None  # the last block, if it is what told the size
        self._begun = False

    @property
    def validator(self) -> Hashable | None:
        return self._record.tag or None if self._record is not None else None

    def pin(self, validator: Hashable) -> bool:
        self._begin()
        return self.validator == validator

    def size(self) -> int | None:
        self._begin()
        if self._record is not None:
            return self._record.size
        return None if self._inner is None else self._inner.size()

    def get_ranges(self, ranges: Iterable[Range]) -> Sequence[Data] | None:
        ranges = [*ranges]
        self._begin()
        if self._record is None:
            return None if self._inner is None else self._inner.get_ranges(ranges)
        if self._record.size is None:
            return None
        return self._parts(self._record, self._record.size, ranges)

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()
        self._inner = self._last = None

    def _begin(self) -> None:
        """Find out the version, its size, and whether it can be kept. If not, there is no record."""
        if self._begun:
            return
        self._begun = True
        cache, key = self._cache, self._key
        record = cache.known(key)
        if record is not None and cache.is_fresh(record):
            self._record = record
            return
        self._inner = inner = cache.store.reader(key)
        if record is not None:  # one request without the bytes
            size = inner.size()
            self._record = cache.learn(key, size, inner.validator)
        else:
            self._last = inner.get_range(-BLOCK, BLOCK)
            size = None if self._last is None else inner.size()
            self._record = cache.learn(key, size, inner.validator)
        if size is None:
            self._inner, self._last = None, None
            inner.close()

    def _parts(self, record: Record, size: int, ranges: list[Range]) -> list[bytes]:
        spans = [clip_range(size, start, length) for start, length in ranges]
        whole = self._cache.data_name(self._key, record, "all")
        kept = [self._cache.shelf.part(whole, *span, size) for span in spans]
        parts = [part for part in kept if part is not None]
        if len(parts) == len(spans):
            return parts
        if sum(end - begin for begin, end in spans) > self._cache.shelf.size:  # which could not be kept
            return self._fetch(record, spans)
        blocks = self._blocks(record, size, spans)
        return [_cut(blocks, size, *span) for span in spans]

    def _blocks(self, record: Record, size: int, spans: Sequence[Range]) -> dict[int, bytes]:
        """Return the blocks that hold the spans, by their numbers from the end."""
        wanted = spans if size > WHOLE else [(0, size)]
        numbers = sorted({n for begin, end in wanted for n in _numbers(size, begin, end)})
        found: dict[int, bytes] = {}
        for number in numbers:
            block = self._kept(record, size, number)
            if block is not None:
                found[number] = block
        missing = [number for number in numbers if number not in found]
        if missing:
            found_now = self._fetch(record, [_place_of(size, number) for number in missing])
            for number, block in zip(missing, found_now, strict=True):
                found[number] = block
                self._cache.shelf.write(self._cache.data_name(self._key, record, number), block)
        return found

    def _kept(self, record: Record, size: int, number: int) -> bytes | None:
        begin, end = _place_of(size, number)
        name = self._cache.data_name(self._key, record, number)
        if number == 0 and self._last is not None and len(self._last) == end - begin:
            block, self._last = bytes(self._last), None
            self._cache.shelf.write(name, block)
            return block
        return self._cache.shelf.part(name, 0, end - begin, end - begin)

    def _fetch(self, record: Record, places: Sequence[Range]) -> list[bytes]:
        """Return parts, by where they begin and end, from the store. Raise ChangedError if it has another version."""
        if self._inner is None:
            self._inner = self._cache.store.reader(self._key)
        parts = self._inner.get_ranges([(begin, end - begin) for begin, end in places])
        validator = self._inner.validator
        same = parts is not None and (not record.tag or _tag(validator) == record.tag)
        if parts is None or not same or any(len(p) != e - b for p, (b, e) in zip(parts, places, strict=True)):
            self._cache.forget(self._key)
            raise ChangedError(f"{self._key!r} was replaced while it was read in parts; read it again")
        return [bytes(part) for part in parts]


def _record(text: bytes | None) -> Record | None:
    """Return the record that is kept as JSON, None if there is none, or if it is damaged.

    >>> _record(b'[5, "version", 100.0]'), _record(b'[Infinity, "version", 100.0]')
    (Record(size=5, tag='version', checked=100.0), None)
    """
    try:
        size, tag, checked = json.loads(text or b"null")
        made = Record(size, tag, float(checked))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    is_size = size is None or (type(size) is int and 0 <= size <= MAX_NBYTES)
    return made if is_size and type(tag) is str else None


def _tag(validator: Hashable | None) -> str:
    """Return text that stands for a version in every process; "" if there is none."""
    text = "" if validator is None else repr(validator)
    return "" if " at 0x" in text else text  # the address of an object is soon that of another one


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def _numbers(size: int, begin: int, end: int) -> range:
    """Return the numbers of the blocks that hold a span, which are counted from the end of the value."""
    return range((size - end) // BLOCK, -((begin - size) // BLOCK)) if end > begin else range(0)


def _place_of(size: int, number: int) -> Range:
    """Return where a block begins and ends."""
    return max(size - (number + 1) * BLOCK, 0), size - number * BLOCK


def _cut(blocks: dict[int, bytes], size: int, begin: int, end: int) -> bytes:
    """Return a span of a value from its blocks."""
    pieces = []
    for number in reversed(_numbers(size, begin, end)):
        first, last = _place_of(size, number)
        pieces.append(blocks[number][max(begin - first, 0) : min(end, last) - first])
    return b"".join(pieces)
