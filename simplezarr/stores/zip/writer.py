"""Write a zip archive: members are appended to a draft, which becomes the archive when it is complete.

The draft of a file is a temporary file beside it. A killed writer leaves the old archive whole, and the next writer
takes its draft over. Members are stored, not deflated. Metadata documents are held in memory until the end, and then
written in front of all other members, into room that was left for them: so a reader finds the nodes without looking at
the chunks. This is the order that RFC-9 of OME-NGFF recommends for `.ozx` archives.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from struct import Struct
from typing import NamedTuple

from simplezarr.engine.files.reader import Reader, Snapshot, clip_range
from simplezarr.errors import ChangedError
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.base import check_key, check_prefix, names_below
from simplezarr.stores.keys import DOCUMENTS
from simplezarr.stores.zip.draft import Draft
from simplezarr.stores.zip.records import END, END64, LOCATOR, MAX16, MAX32, POSIX, UTF8

__all__ = ["ArchiveWriter"]

Range = tuple[int, int]

#: What is left for documents in front of the first chunk, besides twice the room of those that are there already.
_ROOM = 1 << 16
_MOST_DEAD = 10  # a tenth of an archive may be bytes of old values

_LOCAL = Struct("<4sHHHHHLLLHH")
_CENTRAL = Struct("<4sBBHHHHHLLLHHHHHLL")
_ZIP64_LOCAL = Struct("<HHQQ")
#: An extra field that leaves room: kind, size, signature, value of the padding [4.6.10].
_PADDING = Struct("<HHHH")
_DATE = 1 << 5 | 1  # 1980-01-01, the first day that can be written
_MODE = 0o100644 << 16


class _Placed(NamedTuple):
    """A member in the draft."""

    offset: int  # of its header
    head: int  # bytes of the header
    size: int  # bytes of the value
    crc: int

    @property
    def end(self) -> int:
        return self.offset + self.head + self.size


class ArchiveWriter:
    """The members of an archive that is being written, by keys.

    folder: what the keys are below, with a slash at its end. wide: whether all numbers have 64 bits, also if they need
    fewer.
    """

    def __init__(self, draft: Draft, folder: str, wide: bool):
        self._draft, self._folder, self._wide = draft, folder, wide
        self.documents: dict[str, bytes] = {}
        self._members: dict[str, _Placed] = {}
        self._begin = self._end = 0  # of what was appended
        self.closed = False

    # ------------------------------------------------------------ reading

    def get(self, key: str) -> bytes | None:
        """Return a value, None if there is no such key."""
        parts = self.get_ranges(key, None)
        return None if parts is None else parts[0]

    def get_ranges(self, key: str, ranges: Iterable[Range] | None) -> Sequence[bytes] | None:
        """Return ranges of a value, or all of it (None)."""
        with self.reader(key) as reader:
            size = reader.size() or 0
            parts = reader.get_ranges([(0, size)] if ranges is None else ranges)
        return None if parts is None else [bytes(part) for part in parts]

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value, None if there is no such key."""
        return self.reader(key).size()

    def reader(self, key: str) -> Reader:
        """Return a reader of the value that a key has now."""
        check_key(key)
        placed = self._members.get(key)
        return Snapshot(self.documents.get(key)) if placed is None else _PlacedReader(self._draft, placed)

    def keys(self, prefix: str) -> Iterator[str]:
        """Return the keys below a prefix."""
        prefix = check_prefix(prefix)
        return iter([key for key in (*self.documents, *self._members) if key.startswith(prefix)])

    def names(self, prefix: str) -> Sequence[str]:
        """Return the names directly below a prefix."""
        prefix = check_prefix(prefix)
        return names_below((*self.documents, *self._members), prefix)

    # ------------------------------------------------------------ writing

    def set(self, key: str, value: memoryview) -> None:
        """Append a value, or hold it if it is a document."""
        check_key(key)
        name = self._name(key)
        if key.rpartition("/")[2] in DOCUMENTS:
            document = bytes(value)
            with self._change():
                self.documents[key] = document
            return
        crc = zlib.crc32(value)
        header = self._header(name, value.nbytes, crc)
        with self._change():
            if not self._end:
                self._begin = self._end = _ROOM + 2 * sum(map(len, self.documents.values()))
            self._draft.write(self._end, header, value)
            placed = _Placed(self._end, len(header), value.nbytes, crc)
            self._members[key], self._end = placed, placed.end

    def delete(self, key: str) -> None:
        """Forget a value; its bytes are dead."""
        check_key(key)
        with self._change():
            self._members.pop(key, None)
            self.documents.pop(key, None)

    @property
    def is_own(self) -> bool:
        """Whether this process made the draft."""
        return self._draft.is_own

    def discard(self) -> None:
        """Remove the draft. What was to become the archive is lost."""
        with KeyLock(self, ""):
            if not self.closed and self._draft.is_own:
                self._draft.discard()
            self.closed = True

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Lock the draft's end and the list of what is in it."""
        with KeyLock(self, ""):
            if self.closed:
                raise ValueError("the archive was closed by another thread; close it when all values are written")
            if not self._draft.is_own:
                raise ValueError("the archive is written by the process that this one was forked from; write there")
            yield

    def _name(self, key: str) -> bytes:
        name = f"{self._folder}{key}".encode()
        if len(name) > MAX16:
            raise ValueError(f"key: {key[:20]!r}… has {len(name)} bytes; a name in a zip archive has at most {MAX16}")
        return name

    # ------------------------------------------------------------ the end

    def finish(self, comment: bytes) -> None:
        """Write the documents and the directory, and publish the archive. If that fails, it may be called again."""
        with self._change():
            placed = self._place_documents() | dict(self._in_order())
            directory = b"".join([self._entry(key, member) for key, member in placed.items()])
            begin = max((member.end for member in placed.values()), default=0)
            tail = directory + _end_records(begin, len(directory), len(placed), self._wide, comment)
            self._draft.write(begin, tail)
            self._draft.publish(begin + len(tail))
            self.closed = True

    def _in_order(self) -> Iterator[tuple[str, _Placed]]:
        return iter(sorted(self._members.items(), key=lambda item: item[1].offset))

    def _place_documents(self) -> dict[str, _Placed]:
        """Write the documents in front of all other members."""
        keys = sorted(self.documents, key=_rank)
        values = [self.documents[key] for key in keys]
        checksums = [zlib.crc32(value) for value in values]
        names = [self._name(key) for key in keys]
        headers = [self._header(*it) for it in zip(names, map(len, values), checksums, strict=True)]
        needed = sum(map(len, headers)) + sum(map(len, values))
        spare = self._make_room(needed, len(keys))
        for i in reversed(range(len(keys))):  # the deepest ones take the room that is left
            padding = min(spare, MAX16 - _ZIP64_LOCAL.size)
            spare -= padding
            if padding:
                headers[i] = self._header(names[i], len(values[i]), checksums[i], _padding(padding))
        placed, at = {}, 0
        for key, header, value, crc in zip(keys, headers, values, checksums, strict=True):
            placed[key] = _Placed(at, len(header), len(value), crc)
            at = placed[key].end
        self._draft.write(0, *[part for pair in zip(headers, values, strict=True) for part in pair])
        return placed

    def _make_room(self, needed: int, n: int) -> int:
        """Move members if the documents do not fit in front of them, or if too much is dead.

        n: the number of documents, whose headers can take up what is not needed. Return how many bytes that is.
        """
        members = [*self._in_order()]
        if not members:
            return 0
        spare = self._begin - needed
        live = needed + sum(member.end - member.offset for _, member in members)
        dead = max(member.end for _, member in members) - live
        if 0 <= spare <= n * (MAX16 - _ZIP64_LOCAL.size) and dead * _MOST_DEAD <= live:
            return spare
        moves, at = [], needed
        for key, member in members:
            moves.append((key, member, at))
            at += member.end - member.offset
        self._begin, self._end = -1, max(self._end, at)  # if this is interrupted, the next attempt moves the rest
        # Shifts decrease from the first member to the last. So those that move up do not meet those that move down.
        up = [move for move in moves if move[2] > move[1].offset]
        self._draft.moves += 1
        try:
            for key, member, at in [*reversed(up), *moves[len(up) :]]:
                self._draft.move(member.offset, at, member.end - member.offset)
                self._members[key] = member._replace(offset=at)
            self._begin = needed
        finally:
            self._draft.moves += 1
        return 0

    def _header(self, name: bytes, size: int, crc: int, padding: bytes = b"") -> bytes:
        """Return the local header of a member [4.3.7]."""
        wide = self._wide or size >= MAX32
        extra = (_ZIP64_LOCAL.pack(1, 16, size, size) if wide else b"") + padding
        shown = MAX32 if wide else size
        flags = 0 if name.isascii() else UTF8
        fixed = (b"PK\3\4", 45 if wide else 20, flags, 0, 0, _DATE, crc, shown, shown, len(name), len(extra))
        return _LOCAL.pack(*fixed) + name + extra

    def _entry(self, key: str, member: _Placed) -> bytes:
        """Return the entry of a member in the directory [4.3.12]."""
        name = self._name(key)
        large = [n for n in (member.size, member.size, member.offset) if n >= MAX32]
        extra = Struct(f"<HH{len(large)}Q").pack(1, 8 * len(large), *large) if large else b""
        version = 45 if large or self._wide else 20
        size, offset = min(member.size, MAX32), min(member.offset, MAX32)
        fixed = (b"PK\1\2", version, POSIX, version, 0 if name.isascii() else UTF8, 0, 0, _DATE, member.crc)
        return _CENTRAL.pack(*fixed, size, size, len(name), len(extra), 0, 0, 0, _MODE, offset) + name + extra


class _PlacedReader(Reader):
    """Read a value that was appended. It stays where it is, whatever is appended later."""

    def __init__(self, draft: Draft, placed: _Placed):
        self._draft, self._placed = draft, placed
        self._moves = draft.moves

    @property
    def validator(self) -> tuple[int, int]:
        return id(self._draft), self._placed.offset

    def get_ranges(self, ranges: Iterable[Range]) -> Sequence[bytes]:
        begin, size = self._placed.offset + self._placed.head, self._placed.size
        spans = [clip_range(size, start, length) for start, length in ranges]
        parts = [self._draft.read(begin + low, high - low) for low, high in spans]
        if self._moves % 2 or self._draft.moves != self._moves:
            raise ChangedError("the archive was closed by another thread; close it when all values are read")
        return parts

    def size(self) -> int:
        return self._placed.size

    def close(self) -> None:
        """Keep nothing."""


def _end_records(offset: int, size: int, n: int, wide: bool, comment: bytes) -> bytes:
    """Return what follows the directory [4.3.14 to 4.3.16]."""
    records = b""
    if wide or n >= MAX16 or size >= MAX32 or offset >= MAX32:
        records += END64.pack(b"PK\6\6", END64.size - 12, POSIX << 8 | 45, 45, 0, 0, n, n, size, offset)
        records += LOCATOR.pack(b"PK\6\7", 0, offset + size, 1)
    shown, size, offset = min(n, MAX16), min(size, MAX32), min(offset, MAX32)
    return records + END.pack(b"PK\5\6", 0, 0, shown, shown, size, offset, len(comment)) + comment


def _rank(key: str) -> tuple[bool, int, str, int]:
    """Return where a document stands among all: Zarr 3 first, then by depth, then by name."""
    folder, _, name = key.rpartition("/")
    return name != DOCUMENTS[0], key.count("/"), folder, DOCUMENTS.index(name)


def _padding(n: int) -> bytes:
    """Return an extra field of `n` bytes that means nothing.

    >>> [len(_padding(n)) for n in (3, 8, 65535)]
    [3, 8, 65535]
    """
    if n < _PADDING.size:
        return bytes(n)
    return _PADDING.pack(0xA220, n - 4, 0xA028, 0) + bytes(n - _PADDING.size)
