"""Read parts of one version of a value, also if it is replaced meanwhile."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from simplezarr.errors import ChangedError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["MAX_NBYTES", "Data", "Reader", "Snapshot", "clip_range", "read_version", "still_changing"]

#: The bytes of a value: never an object whose items are of another size.
Data = bytes | bytearray | memoryview
Range = tuple[int, int]
Result = TypeVar("Result")

#: Bytes of the largest value: its positions are signed integers of 64 bits.
MAX_NBYTES = 2**63 - 1
#: How often a value is read in parts before it is read whole, if a writer replaces it each time.
ATTEMPTS = 3
#: Bytes of the first answer that later requests read again, to check that the value is still the same.
_PIN_BYTES = 64 << 10
#: Bytes that take about as long to fetch as one more request.
_REQUEST_BYTES = 1 << 20


class _Readable(Protocol):
    @property
    def immutable(self) -> bool: ...
    def get(self, key: str) -> bytes | None: ...
    def get_range(self, key: str, start: int, length: int) -> bytes | None: ...
    def get_ranges(self, key: str, ranges: Iterable[Range]) -> Sequence[bytes] | None: ...
    def size(self, key: str) -> int | None: ...
    def reader(self, key: str) -> "Reader": ...


class Reader:
    """Reads parts of one version of a value: the version of the first answer.

    `Store.reader` returns one. A later request either reads the same version or raises `ChangedError`. A reader serves
    one thread at a time. Use it as a context manager, or call `close` at the end.

    This class reads through `get`, `get_range` and `get_ranges` of a store that has no versions:

    - If the store overrides only `get`, the reader calls it once, for the whole value.
    - If it overrides `get_ranges`, each later request also reads the end of the first answer again (up to 64 KiB), in
      the same call. It raises `ChangedError` if that differs. All answers are of one version if each call of
      `get_ranges` takes its ranges from one version.
    - If it overrides only `get_range`, the reader requests one range that holds all others if that costs no more than
      separate requests. Otherwise it requests the ranges one by one, and all but the last again. A change is missed
      only if it is undone between the two. To save these requests, override `get_ranges`, or return another reader.

    >>> from simplezarr.stores import MemoryStore
    >>> store = MemoryStore({"a": b"12345"})
    >>> with store.reader("a") as reader:
    ...     store.set("a", b"new")
    ...     reader.get_range(-2, 2), reader.size()
    (b'45', 5)
    """

    def __init__(self, store: _Readable, key: str, methods: frozenset[str]):
        """Make a reader of `key`. methods: those of `get_range` and `get_ranges` that the store overrides."""
        self._store, self._key, self.methods = store, key, methods
        self._begun = False
        self._copy: Snapshot | None = None  # of the whole value
        self._pin: tuple[Range, bytes] | None = None

    #: A lower bound of the number of bytes before those that were read first. Callers that know more set it.
    least = 0
    #: Whether `twin` may return a reader. Otherwise a shard that is needed as a whole is requested as a whole.
    has_twins = False

    @property
    def validator(self) -> Hashable | None:
        """Return an object that stands for the version; readers with equal validators read the same bytes.

        None before the first answer or `pin`, and if the store does not tell versions apart.
        """
        return None

    def pin(self, validator: Hashable) -> bool:
        """Read only the version that this validator of an earlier reader stands for; return whether that is so.

        Call it before the first request. Then a request raises `ChangedError` if the store has another version. A store
        that can't ask for a version returns False, and so does one that has another version already. The default
        returns False.
        """
        return False

    def twin(self) -> "Reader | None":
        """Return another reader of the same version, for another thread; None if the store cannot ask for a version.

        Call it after the first answer or `pin`; another thread may use the reader meanwhile. The default returns None.
        A class that overrides it sets `has_twins`. Several threads then request the parts of a large shard, and decode
        them as they arrive.
        """
        return None

    def get_range(self, start: int, length: int) -> Data | None:
        """Return one range of the version, as `Store.get_range`; None if the key does not exist.

        They need not be `bytes`, so that nothing is copied in vain. A buffer that can change is copied before it is
        used.
        """
        parts = self.get_ranges([(start, length)])
        return None if parts is None else parts[0]

    def get_ranges(self, ranges: Iterable[Range]) -> Sequence[Data] | None:
        """Return several ranges of the version, as `get_range` and `Store.get_ranges`."""
        ranges = [*ranges]
        if not ranges and self._begun:
            return []
        if not self.methods:
            self._copy = self._copy or Snapshot(self._store.get(self._key))
        if self._copy is not None:
            return self._copy.get_ranges(ranges)
        if not self._begun:
            return self._first(ranges)
        if self._pin is None:
            return self._ask(ranges)
        if "get_ranges" not in self.methods:
            parts = self._in_one(ranges, *self._pin)
            if parts is not None:
                return parts
            return self._twice(ranges, *self._pin)
        place, before = self._pin
        parts = self._ask([*ranges, place])
        self._check(parts is not None and bytes(parts[-1]) == before)
        return parts[:-1] if parts is not None else None

    def size(self) -> int | None:
        """Return the number of bytes of the version, or None if the key does not exist."""
        if self._copy is not None:
            return self._copy.size()
        return self._store.size(self._key)

    def holes(self, enough: int) -> int:
        """Return how many bytes of the version were never written (in a sparse file), or 0 if that takes a request.

        Counting may end once the number exceeds `enough`.
        """
        return 0

    def close(self) -> None:
        """Release what the reader holds."""

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.close()

    # ------------------------------------------------------------ a store without versions

    def _first(self, ranges: list[Range]) -> Sequence[Data] | None:
        immutable = self._store.immutable
        one = ranges if immutable or "get_ranges" in self.methods else ranges[:1]
        parts = self._ask(one)
        self._begun = True
        if parts is None:
            self._copy = Snapshot(None)
        elif one and not immutable:
            (start, length), part = one[0], bytes(parts[0])
            n = min(length, _PIN_BYTES)
            if len(part) < length:  # this is the value's end
                self._pin = (start, length), part
            elif n:
                self._pin = (start + length - n, n), part[length - n :]
            if len(one) < len(ranges):
                rest = self.get_ranges(ranges[1:])
                return None if rest is None else [*parts, *rest]
        return parts

    def _ask(self, ranges: list[Range]) -> Sequence[Data] | None:
        if "get_ranges" in self.methods:
            return self._store.get_ranges(self._key, ranges)
        parts: list[Data] = []
        for start, length in ranges:
            part = self._store.get_range(self._key, start, length)
            if part is None:
                return None
            parts.append(part)
        return parts

    def _in_one(self, ranges: list[Range], place: Range, before: bytes) -> Sequence[Data] | None:
        """Read all ranges and the pinned bytes with one request; return None if separate requests cost less."""
        if any(start < 0 for start, _ in ranges) or (place[0] < 0 and place[0] + place[1]):
            return None
        at = place[0] if place[0] >= 0 else self.least  # where the pinned bytes begin, or the least such place
        low, high = min(at, *[start for start, _ in ranges]), max(start + length for start, length in ranges)
        high = max(high, at + place[1])
        if high - low - sum(length for _, length in ranges) - place[1] > _REQUEST_BYTES * len(ranges):
            return None
        value = self._store.get_range(self._key, low, high - low + 1)
        self._check(value is not None)
        data = bytes(value or b"")
        if place[0] >= 0:
            self._check(data[at - low :][: place[1]] == before)
        elif len(data) <= high - low:  # this is the value's end
            self._check(data.endswith(before))
        else:
            parts = self._ask([place])
            self._check(parts is not None and bytes(parts[0]) == before)
        return [data[start - low :][:length] for start, length in ranges]

    def _twice(self, ranges: list[Range], place: Range, before: bytes) -> Sequence[Data] | None:
        """Read the ranges one by one, then all but the last again, and the pinned bytes.

        Bytes that are equal both times were also equal when the last range was read.
        """
        parts = self._ask(ranges)
        self._check(parts is not None)
        for again, part in zip([*ranges[:-1], place], [*(parts or [])[:-1], before], strict=True):
            now = self._store.get_range(self._key, *again)
            self._check(now is not None and bytes(now) == bytes(part))
        return parts

    def _check(self, same: bool) -> None:
        if not same:
            raise ChangedError(f"{self._key!r}: replaced while it was read in parts; read it again")


class Snapshot(Reader):
    """Reads a value in memory, or None for a key that does not exist.

    >>> Snapshot(b"12345").get_ranges([(1, 2), (-1, 1)]), Snapshot(None).size()
    ([b'23', b'5'], None)
    """

    def __init__(self, value: Data | None):
        self._value = None if value is None else bytes(value)  # no copy of bytes

    has_twins = True

    @property
    def validator(self) -> Hashable | None:
        return None if self._value is None else _Same(self._value)

    def twin(self) -> Reader:
        return Snapshot(self._value)

    def get_ranges(self, ranges: Iterable[Range]) -> Sequence[bytes] | None:
        value = self._value
        if value is None:
            return None
        spans = [clip_range(len(value), start, length) for start, length in ranges]
        return [bytes(value[begin:end]) for begin, end in spans]

    def size(self) -> int | None:
        return None if self._value is None else len(self._value)

    def close(self) -> None:
        self._value = None


class _Same:
    """Compares by the identity of an object, which it keeps alive."""

    def __init__(self, value: object):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return hash(id(self.value))


def read_version(
    store: _Readable,
    key: str,
    read: Callable[[Reader], Result],
    reader_of: Callable[[str], Reader] | None = None,
) -> Result:
    """Return the result of `read` on one version of a value.

    If a writer replaces the value meanwhile, `read` is called again with a new reader. The last attempt gets the whole
    value, which one `get` reads. Raises ChangedError if `get` does.

    >>> from simplezarr.stores import MemoryStore
    >>> read_version(MemoryStore({"a": b"12345"}), "a", lambda reader: reader.get_range(1, 2))
    b'23'
    """
    for _ in range(ATTEMPTS):
        with (reader_of or store.reader)(key) as reader:
            try:
                return read(reader)
            except ChangedError:
                pass
    try:
        with Snapshot(store.get(key)) as reader:
            return read(reader)
    except ChangedError as error:
        raise ChangedError(still_changing(error)) from None


def still_changing(error: ChangedError) -> str:
    """Return the message for a value that was replaced during every attempt to read it."""
    return f"the stored object kept changing while it was read; read it when its writer is done ({error})"


def clip_range(size: int, start: int, length: int) -> Range:
    """Return where a range of `Store.get_range` begins and ends in a value of `size` bytes.

    >>> clip_range(10, 2, 3), clip_range(10, -3, 3), clip_range(10, 8, 5), clip_range(10, -12, 12)
    ((2, 5), (7, 10), (8, 10), (0, 10))
    """
    if length < 0:
        raise ValueError(f"length of a range: must be at least 0, not {length}")
    if start < 0:
        start += size
    return min(max(start, 0), size), min(max(start + length, 0), size)
