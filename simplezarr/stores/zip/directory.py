"""Parse the central directory of a zip archive, the list of its members.

No number in an archive is trusted. The entries must lie within the file, in front of the directory, and must not
overlap: many entries over the same bytes are a decompression bomb. Names that are no keys are refused, because they may
lead out of the directory into which other software unpacks them. What only concerns one member (its codec, encryption,
sizes) is checked when that member is read.

The numbers in brackets are sections of APPNOTE.TXT, the specification of the format.
"""

from array import array
from binascii import crc32
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from struct import Struct
from typing import Any, NamedTuple

from simplezarr.engine.files.members import MemberTable
from simplezarr.engine.files.reader import MAX_NBYTES
from simplezarr.errors import ArchiveError, UnsupportedError
from simplezarr.stores.base import check_key
from simplezarr.stores.zip.records import END, END64, LOCATOR, MAX16, MAX32, POSIX, UTF8
from simplezarr.stores.zip.source import Source

__all__ = ["DEFLATED", "LOCAL_HEADER", "STORED", "Directory", "Member", "read_directory"]

STORED, DEFLATED = 0, 8
#: Codecs by number [4.4.5], for messages.
_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 98: "ppmd"}

#: Local header [4.3.7]: signature, flags, method, lengths of name and extra field.
LOCAL_HEADER = Struct("<4s2xHH16xHH")
#: Central header [4.3.12]: flags, sizes, lengths of name, extra field and comment, disk, offset.
_ENTRY = Struct("<8xH10xLLHHHH6xL")
#: What else it holds: system that made it, flags, method, checksum, sizes, length of the name, attributes, offset.
_MEMBER = Struct("<5xB2xHH4xLLLH8xLL")
#: The head of an extra field [4.5.1]: kind, number of bytes.
_FIELD = Struct("<HH")

_ENCRYPTED, _PATCH, _MASKED = 1 << 0, 1 << 5, 1 << 13
_MACOS = 19  # a system that makes archives
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075  # kinds of extra fields
#: What is read at first: mostly the end record and the whole directory. A comment may make it necessary to read more.
_TAIL, _LONG_TAIL = 1 << 16, 1 << 17
_BROKEN = "the archive is damaged, so get it again"


class Member(NamedTuple):
    """An entry of the directory."""

    name: str
    raw_name: bytes
    offset: int  # of its local header
    room: int  # from there to the next entry
    stored: int  # bytes
    size: int  # bytes, decoded
    method: int
    crc: int


class Directory:
    """The members of an archive. `table` has their places by name."""

    def __init__(self, place: str, records: bytes, base: int, begin: int, comment: bytes):
        """Parse `records`, which begin at `begin` in the archive; `base` bytes are in front of the archive proper."""
        self.place, self.comment = place, comment
        self._records, self._base, self._begin = records, base, begin
        self.table = MemberTable(records, base, begin, self._unusual_entry)
        self._check_names([*self.table.entries, *[name[:-1] for name in self.table.folders]])
        self._check_places()

    def member(self, name: str) -> Member:
        """Return the member of a name; raise an UnsupportedError or ArchiveError if it cannot be read."""
        at = self.table.entries[name]
        system, flags, method, crc, stored, size, nname, attributes, offset = _MEMBER.unpack_from(self._records, at)
        if MAX32 in (stored, size, offset):
            _, _, stored, size, offset, _ = self._entry(at)
        else:
            offset += self._base
        if flags & (_ENCRYPTED | _MASKED):
            raise self.unsupported(name, "is encrypted; decrypt the archive first")
        if flags & _PATCH:
            raise self.unsupported(name, "is a patch; pack the data themselves")
        if method not in (STORED, DEFLATED):
            codec = _METHODS.get(method, "an unknown codec")
            raise self.unsupported(name, f"is compressed by method {method} ({codec}); pack it stored or deflated")
        if system == POSIX and attributes >> 28 == 0xA:  # the file type of POSIX
            raise self.unsupported(name, "is a symbolic link; pack the file that it leads to")
        if stored != size if method == STORED else size > _most_inflated(stored):
            what = f"has {stored} bytes that cannot decode to {size}"
            raise ArchiveError(f"{self.place}: member {name!r} {what}; {_BROKEN}")
        begin, room = at + _ENTRY.size, self.table.next_after(offset) - offset
        return Member(name, self._records[begin : begin + nname], offset, room, stored, size, method, crc)

    def unsupported(self, name: str, what: str) -> UnsupportedError:
        """Return the error for a member that cannot be read."""
        return UnsupportedError(f"{self.place}: member {name!r} {what}")

    def size(self, name: str) -> int:
        """Return the number of bytes of a member, decoded."""
        return self._entry(self.table.entries[name])[3]

    # ------------------------------------------------------------ parsing

    def _unusual_entry(self, at: int) -> tuple[str, int, int, int, int]:
        """Parse an entry for the table."""
        name, raw_name, stored, _, offset, end = self._entry(at)
        if offset + LOCAL_HEADER.size + len(raw_name) + stored > self._begin:
            raise ArchiveError(f"{self.place}: member {name!r} reaches into the directory; {_BROKEN}")
        return name, len(raw_name), stored, offset, end

    def _entry(self, at: int) -> tuple[str, bytes, int, int, int, int]:
        """Return name, raw name, stored size, size, offset, and where the next entry begins."""
        records = self._records
        if records[at : at + 4] != b"PK\1\2" or at + _ENTRY.size > len(records):
            raise ArchiveError(f"{self.place}: its directory has no entry at byte {at}; {_BROKEN}")
        flags, stored, size, nname, nextra, ncomment, disk, offset = _ENTRY.unpack_from(records, at)
        begin = at + _ENTRY.size
        extra = begin + nname
        end = extra + nextra + ncomment
        if end > len(records):
            raise ArchiveError(f"{self.place}: the last entry of its directory is cut off; {_BROKEN}")
        raw_name = records[begin:extra]
        if flags & UTF8 or raw_name.isascii():
            name = self._utf8(raw_name)
        else:
            name = _local_name(raw_name, records[extra : extra + nextra], records[at + 5])
        if stored == MAX32 or size == MAX32 or offset == MAX32 or disk == MAX16:
            extra_bytes = records[extra : extra + nextra]
            size, stored, offset, disk = self._zip64(name, extra_bytes, size, stored, offset, disk)
        if disk:
            raise UnsupportedError(f"{self.place}: {_split(f'member {name!r} is in part {disk + 1}')}")
        return name, raw_name, stored, size, offset + self._base, end

    def _utf8(self, raw_name: bytes) -> str:
        try:
            return raw_name.decode()
        except UnicodeDecodeError:
            raise ArchiveError(f"{self.place}: a name is not UTF-8: {raw_name!r}; {_BROKEN}") from None

    def _zip64(self, name: str, extra: bytes, *numbers: int) -> Iterator[int]:
        """Yield size, stored size, offset and disk, those that are too large for their fields as zip64 has them."""
        field = next((value for kind, value in _extra_fields(extra) if kind == _ZIP64), b"")
        for number, limit, nbytes in zip(numbers, (MAX32, MAX32, MAX32, MAX16), (8, 8, 8, 4), strict=True):
            if number != limit:
                yield number
                continue
            if len(field) < nbytes:
                raise ArchiveError(f"{self.place}: member {name!r} lacks its zip64 sizes; {_BROKEN}")
            yield int.from_bytes(field[:nbytes], "little")
            field = field[nbytes:]

    def _check_names(self, keys: list[str]) -> None:
        """Refuse names that are no keys. All are looked through at once, because there may be a million."""
        text = "/" + "/\n/".join(keys) + "/"
        if not any(bad in text for bad in ("//", "/./", "/../", "\0", "\\")):
            return
        for key in keys:
            try:
                check_key(key)
            except ValueError as error:
                remedy = "such names lead out of the place where an archive is unpacked, so it is not read"
                raise ArchiveError(f"{self.place}: {error}; {remedy}") from None

    def _check_places(self) -> None:
        """Refuse entries that overlap."""
        if not self.table.in_order:
            pairs = sorted(zip(self.table.begins, self.table.ends, strict=True))
            for (one, end), (other, _) in pairwise(pairs):
                if end > other:
                    names = f"{self._name_at(one)!r} and {self._name_at(other, last=True)!r}"
                    raise ArchiveError(f"{self.place}: members {names} overlap; it is not read")
            self.table.begins = array("q", [begin for begin, _ in pairs])

    def _name_at(self, offset: int, *, last: bool = False) -> str:
        """Return the name of the first or the last entry at an offset, also of directories."""
        at, found = 0, ""
        while at < len(self._records):
            name, _, _, _, begin, at = self._entry(at)
            if begin == offset:
                found = name
                if not last:
                    break
        return found


def read_directory(source: Source, place: str) -> Directory:
    """Read the directory at the end of an archive. Raise an ArchiveError or UnsupportedError if it is not sound.

    place: of the archive, for messages.
    """
    tail, size = source.tail(_TAIL)
    at = _find_end(tail)
    if at < 0 and len(tail) == _TAIL:
        tail, size = source.tail(_LONG_TAIL)
        at = _find_end(tail)
    if at < 0:
        raise ArchiveError(f"{place}: there is no end record; this is not a zip archive, or it is cut off")
    _, disk, first, here, count, nbytes, offset, ncomment = END.unpack_from(tail, at)
    comment = tail[at + END.size : at + END.size + ncomment]
    wide, stop = _find_end64(tail, at)
    if wide is not None:
        *_, disk, first, here, count, nbytes, offset = wide
    elif offset == MAX32 or nbytes == MAX32:
        raise ArchiveError(f"{place}: there is no zip64 end record; {_BROKEN}")
    if disk or first or here != count:
        raise UnsupportedError(f"{place}: {_split('this is one part')}")
    begin = stop - nbytes  # in the tail, below 0 if that does not reach
    # If the size is unknown, nothing can be in front of the archive proper.
    skipped = offset - begin if size is None else size - len(tail)
    base = skipped + begin - offset
    if skipped + begin < 0 or base < 0 or skipped < 0 or skipped + len(tail) > MAX_NBYTES:
        raise ArchiveError(f"{place}: its directory does not lie within the file; {_BROKEN}")
    records = tail[max(begin, 0) : stop]
    if begin < 0:
        head = source.read(skipped + begin, -begin)
        if len(head) != -begin:
            raise ArchiveError(f"{place}: its directory does not lie within the file; {_BROKEN}")
        records = head + records
    directory = Directory(place, records, base, skipped + begin, comment)
    if directory.table.count != count and (wide is not None or directory.table.count & MAX16 != count):
        raise ArchiveError(f"{place}: its directory has {directory.table.count} entries instead of {count}; {_BROKEN}")
    return directory


def _find_end(tail: bytes) -> int:
    """Return where the end record is, -1 if there is none.

    Take the last one whose comment ends with the archive; otherwise the last one that bytes follow.
    """
    followed, at = -1, tail.rfind(b"PK\5\6", 0, len(tail) - END.size + 4)
    while at >= 0:
        end = at + END.size + int.from_bytes(tail[at + 20 : at + 22], "little")
        if end == len(tail):
            return at
        if end < len(tail) and followed < 0:
            followed = at
        at = tail.rfind(b"PK\5\6", 0, at + 3)
    return followed


def _find_end64(tail: bytes, at: int) -> tuple[tuple[Any, ...] | None, int]:
    """Return the zip64 end record, if there is one, and where the directory ends: at this record, or at the other."""
    locator = at - LOCATOR.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\6\7":
        found = tail.rfind(b"PK\6\6", 0, locator)
        if found >= 0 and found + END64.size <= locator:
            numbers = END64.unpack_from(tail, found)
            if found + 12 + numbers[1] == locator:
                return numbers, found
    return None, at


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and the content of each extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, nbytes = _FIELD.unpack_from(extra, at)
        yield kind, extra[at + 4 : at + 4 + nbytes]
        at += 4 + nbytes


def _local_name(raw_name: bytes, extra: bytes, system: int) -> str:
    """Return a name that is not marked as UTF-8.

    It is in cp437 [D.1], unless the name in UTF-8 stands beside it [4.6.9]. POSIX systems write the bytes of their
    names, mostly in UTF-8, whatever the specification says.
    """
    candidates = [raw_name] if system in (POSIX, _MACOS) else []
    for kind, value in _extra_fields(extra):
        if kind == _UNICODE_PATH and value[:1] == b"\1" and value[1:5] == crc32(raw_name).to_bytes(4, "little"):
            candidates.insert(0, value[5:])
    for candidate in candidates:
        with suppress(UnicodeDecodeError):
            return candidate.decode()
    return raw_name.decode("cp437")


def _most_inflated(stored: int) -> int:
    """Return how many bytes deflated ones can decode to at most."""
    return 1032 * stored + 1032


def _split(what: str) -> str:
    return f"{what} of a split archive; join the parts first, as `zip -s 0` does"
