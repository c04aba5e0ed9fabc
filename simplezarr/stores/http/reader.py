"""Read parts of one version of a value from a web server."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from simplezarr.engine.files.reader import ATTEMPTS, Data, Reader, Snapshot, clip_range
from simplezarr.errors import ChangedError, StoreError
from simplezarr.runtime import executor
from simplezarr.stores.base import too_large

__all__ = ["LARGE", "HTTPReader", "Part", "Version", "read_in_parts"]

Range = tuple[int, int]

#: Bytes between two ranges that cost less to read than another request.
_GAP = 256 << 10
#: Bytes from which a value is read in parts, and bytes of one part. Ranges are joined up to this size.
LARGE = 8 << 20


@dataclass(frozen=True, slots=True)
class Version:
    """What tells two versions of a value apart: its strong ETag, or when it was changed, and its size."""

    etag: str | None
    changed: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a value, from `first` on.

    - size: of the whole value, None if the server did not say it.
    - version: None if the part is empty, or if the server cannot tell versions apart.
    - is_whole: whether the server gave the whole value in place of a range.

    >>> Part(b"cde", 2, 10, None).cut(-7, 2)
    b'de'
    """

    body: bytes
    first: int
    size: int | None
    version: Version | None
    is_whole: bool = False

    def cut(self, start: int, length: int) -> bytes:
        """Return a range of the value that lies in this part."""
        begin, end = (start, start + length) if self.size is None else clip_range(self.size, start, length)
        return self.body[max(begin - self.first, 0) : max(end - self.first, 0)]


class _Server(Protocol):
    has_ranges: bool
    has_versions: bool

    @property
    def immutable(self) -> bool: ...
    @property
    def in_memory(self) -> bool: ...
    @property
    def concurrency(self) -> int | None: ...
    def get(self, key: str) -> bytes | None: ...
    def get_range(self, key: str, start: int, length: int) -> bytes | None: ...
    def get_ranges(self, key: str, ranges: Iterable[Range]) -> Sequence[bytes] | None: ...
    def size(self, key: str) -> int | None: ...
    def reader(self, key: str) -> Reader: ...
    def about(self, key: str) -> Part | None: ...
    def part(self, key: str, start: int, length: int, version: Version | None = None) -> Part | None: ...


class HTTPReader(Reader):
    """Read ranges of a value in parallel, all of the version of the first answer.

    If the server cannot tell versions apart, read as `Reader` does: compare what is read twice.
    """

    def __init__(self, store: _Server, key: str):
        super().__init__(store, key, frozenset(["get_range"]))
        self._server, self._name, self._version = store, key, None

    _version: Version | None
    has_twins = True

    @property
    def validator(self) -> Hashable | None:
        return self._version

    def pin(self, validator: Hashable) -> bool:
        if not isinstance(validator, Version):
            return False
        self._version = validator
        return True

    def twin(self) -> Reader | None:
        if self._copy is not None:
            return self._copy.twin()
        if self._version is None or not self._server.has_ranges:
            return None
        twin = HTTPReader(self._server, self._name)
        twin._version = self._version
        return twin

    def get_ranges(self, ranges: Iterable[Range]) -> Sequence[Data] | None:
        ranges = [*ranges]
        if self._copy is not None or (self._version is None and not self._server.has_versions):
            return super().get_ranges(ranges)
        runs, places = _joined(ranges, None if self._version is None else self._version.size)
        found = executor.parallel_map(self._part, runs, executor.concurrency_for(self._server))
        parts = [part for part in found if part is not None]
        if len(parts) < len(found):
            self._expect(not parts and self._version is None)
            self._copy = Snapshot(None)
            return None
        whole = next((part for part in parts if part.is_whole), None)
        if whole is not None and self._version is None:
            self._copy, self._version = Snapshot(whole.body), whole.version
            return self._copy.get_ranges(ranges)
        filled = [part for part in parts if part.body]
        if self._version is None and filled:
            self._version = filled[0].version
            if self._version is None:
                self._server.has_versions = False
                return super().get_ranges(ranges)
        self._expect(all(part.version == self._version for part in filled))
        self._expect(len({part.size for part in parts}) <= 1)
        return [
            b"" if place is None else parts[place].cut(start, length)
            for (start, length), place in zip(ranges, places, strict=True)
        ]

    def size(self) -> int | None:
        if self._version is not None and self._version.size is not None:
            return self._version.size
        if self._copy is None and self._server.has_versions:
            about = self._server.about(self._name)
            if about is not None and about.version is not None and self._version in (None, about.version):
                self._version = about.version
                return about.size
        return super().size()

    def _expect(self, same: bool) -> None:
        if not same:
            message = f"{self._name!r} of {self._server!r} was replaced while it was read in parts; read it again"
            raise ChangedError(message)

    def _part(self, run: Range) -> Part | None:
        return self._server.part(self._name, *run, self._version)


def read_in_parts(server: _Server, key: str, limit: int | None) -> bytes | None:
    """Return a value that may be large, of which parts are read at the same time.

    limit: bytes above which a TooLargeError is raised after the first part.

    Return None if the value must be read with one request instead: there is no such key, the server has neither ranges
    nor versions, or the value keeps changing.
    """
    for _ in range(ATTEMPTS):
        with HTTPReader(server, key) as reader:
            try:
                first = reader.get_range(0, LARGE)
                if first is None or (reader.validator is None and len(first) == LARGE):
                    return None
                size = len(first) if len(first) < LARGE else reader.size() or 0
                if limit is not None and size > limit:
                    raise too_large(key, size, limit)
                # The size is what the server says. So the parts are not listed before it gives them.
                rest = executor.parallel_map(
                    partial(_part_at, reader), range(LARGE, size, LARGE), executor.concurrency_for(server)
                )
                return b"".join([first, *rest])
            except ChangedError:
                pass
            except StoreError:
                if server.has_ranges:
                    raise
                return None
    return None


def _part_at(reader: HTTPReader, start: int) -> Data:
    """Return a part of the version of a reader, in any thread."""
    twin = reader.twin()
    part = None if twin is None else twin.get_range(start, LARGE)
    reader._expect(part is not None)
    return part or b""


def _joined(ranges: Sequence[Range], size: int | None) -> tuple[list[Range], list[int | None]]:
    """Return the ranges to ask for, and for each of the given ranges which of these holds it; None if it is empty.

    size: of the value, if it is known. Then ranges past its end are not asked for.

    >>> _joined([(0, 10), (100, 10), (1 << 20, 5), (-4, 4), (7, 0)], None)
    ([(0, 110), (1048576, 5), (-4, 4), (7, 0)], [0, 0, 1, 2, 3])
    >>> _joined([(90, 20), (100, 10), (-4, 4), (7, 0)], 100)
    ([(90, 10)], [0, None, 0, None])
    """
    places: list[int | None] = [None] * len(ranges)
    runs: list[Range] = []
    apart: list[int] = []  # numbers of those that cannot be joined
    order: list[tuple[int, int, int]] = []
    for number, (start, length) in enumerate(ranges):
        if size is not None:
            begin, end = clip_range(size, start, length)
            if begin < end:
                order.append((begin, end, number))
        elif start < 0 or length <= 0:
            apart.append(number)
        else:
            order.append((start, start + length, number))
    for begin, end, number in sorted(order):
        if runs:
            start, length = runs[-1]
            joined = max(start + length, end) - start
            if begin <= start + length + _GAP and joined <= max(LARGE, length):
                runs[-1] = start, joined
                places[number] = len(runs) - 1
                continue
        runs.append((begin, end - begin))
        places[number] = len(runs) - 1
    for number in apart:
        places[number] = len(runs)
        runs.append(ranges[number])
    return runs, places
