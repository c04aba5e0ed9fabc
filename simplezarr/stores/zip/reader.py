"""Read the members of a zip archive, without a lock: a table of places, and reads at given places."""

import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from errno import ENOENT

from simplezarr.engine.files.file_ranges import FileRangeTable
from simplezarr.engine.files.reader import Reader, Snapshot, clip_range
from simplezarr.errors import ArchiveError
from simplezarr.stores.base import check_key, check_prefix, too_large
from simplezarr.stores.keys import NODE_DOCUMENTS
from simplezarr.stores.zip.directory import DEFLATED, LOCAL_HEADER, Member, read_directory
from simplezarr.stores.zip.source import Source

__all__ = ["ArchiveReader"]

Range = tuple[int, int]

_OTHERS = "__MACOSX/"  # what macOS adds to archives
#: Bytes of a value up to which it is read together with its header, and then copied.
_SMALL = 1 << 16
_BROKEN = "the archive is damaged, so get it again"


class ArchiveReader:
    """The members below one folder of an archive, by keys.

    folder: with a slash at its end, "" for the root, None to find it: the only folder that holds the uppermost node.

    If the folder is found, keys that begin with it are also understood, unless there are such keys below it.
    """

    def __init__(self, source: Source, place: str, folder: str | None):
        self._source, self._place, self._file = source, place, source.file
        self._directory = directory = read_directory(source, place)
        self._table, self._entries = directory.table, directory.table.entries
        self._begins: dict[str, int] = {}  # where the data of members begin whose header was read, by name
        self._sorted: list[str] | None = None
        self.folder = _find_folder(self._entries) if folder is None else folder
        self._aliased = folder is None and bool(self.folder)
        if folder and folder not in self._table.folders and not any(name.startswith(folder) for name in self._entries):
            raise FileNotFoundError(ENOENT, f"there is no folder {folder!r} in {place}", folder)

    @property
    def comment(self) -> bytes:
        """The comment of the archive."""
        return self._directory.comment

    # ------------------------------------------------------------ values

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, whose checksum is compared, None if there is no such key."""
        name = self._find(key)
        if name is None:
            return None
        value = None if self._file is None else self._table.get(name, self._file, _SMALL)
        return self._value(self._directory.member(name)) if value is None else value

    def get_limited(self, key: str, limit: int, holes: bool) -> bytes | None:
        """Return what `Store.get_limited` does. What deflated bytes repeat is taken for holes."""
        name = self._find(key)
        if name is None:
            return None
        value = None if self._file is None else self._table.get(name, self._file, min(limit, _SMALL))
        if value is not None:
            return value
        member = self._directory.member(name)
        if member.size > limit:
            hollow = 0
            if holes:
                deflated = member.method == DEFLATED
                hollow = member.size - member.stored if deflated else self._source.holes(limit)
            if not holes or hollow > limit:
                raise too_large(key, member.size, limit, hollow)
        return self._value(member)

    def get_ranges(self, key: str, ranges: Iterable[Range]) -> Sequence[bytes] | None:
        """Return ranges of a value; a deflated one is decoded as a whole."""
        name = self._find(key)
        if name is None:
            return None
        member = self._directory.member(name)
        if member.method == DEFLATED:
            return Snapshot(self._value(member)).get_ranges(ranges)
        spans = [clip_range(member.size, start, length) for start, length in ranges]
        if (0, member.size) in spans:
            value = self._value(member)
            return [value[begin:end] for begin, end in spans]
        return self._parts(member, spans)

    @property
    def in_file(self) -> bool:
        """Whether the archive is a file that the engine can read."""
        return self._file is not None

    def find_file_ranges(self, keys: list[str], ranges: FileRangeTable) -> None:
        """Enter where the values of keys lie that are stored, not deflated."""
        if self._file is not None:
            names = [self.folder + key for key in keys] if self.folder else keys
            self._table.find_file_ranges(names, self._file, ranges, not self._aliased)

    def reader(self, key: str) -> Reader | None:
        """Return a reader of a deflated value, None for any other: their parts are read when they are asked for."""
        name = self._find(key)
        if name is None or self._directory.member(name).method != DEFLATED:
            return None
        return Snapshot(self.get(key))

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value, None if there is no such key."""
        name = self._find(key)
        return None if name is None else self._directory.size(name)

    def _find(self, key: str) -> str | None:
        """Return the name of the member that a key stands for, None if there is none."""
        name = self.folder + key if self.folder else key
        if name in self._entries:
            return name
        check_key(key)  # the names of members were checked
        return key if self._aliased and key.startswith(self.folder) and key in self._entries else None

    # ------------------------------------------------------------ bytes

    def _value(self, member: Member) -> bytes:
        data = self._stored(member)
        if member.method == DEFLATED:
            data = self._inflated(member, data)
        if zlib.crc32(data) != member.crc:
            raise self._error(member, "has another checksum than the directory says")
        return data

    def _stored(self, member: Member) -> bytes:
        """Return the bytes of a member as they are stored."""
        begin = self._begins.get(member.name)
        if begin is None and (member.stored <= _SMALL or self._source.spare > _SMALL // 2):
            return self._with_header(member)
        if begin is None:
            self._learn(member, self._source.read(member.offset, LOCAL_HEADER.size + len(member.raw_name)))
            begin = self._begins[member.name]
        data = self._source.read(begin, member.stored)
        if len(data) != member.stored:
            raise self._error(member, "is cut off")
        return data

    def _with_header(self, member: Member) -> bytes:
        """Read header and data at once. The header may be longer than expected; then read the data again."""
        head = LOCAL_HEADER.size + len(member.raw_name)
        extra = member.room - head - member.stored  # of the header, behind the data, or unused
        if extra > self._source.spare:
            extra = min(256, self._source.spare)
        data = self._source.read(member.offset, head + extra + member.stored)
        self._learn(member, data)
        begin = self._begins[member.name] - member.offset
        if begin + member.stored > len(data):
            return self._stored(member)  # which says so if the data are cut off
        return data[begin : begin + member.stored]

    def _parts(self, member: Member, spans: Sequence[Range]) -> Sequence[bytes]:
        """Return parts of a stored member, together with its header if that was not read before."""
        begin = self._begins.get(member.name)
        if begin is not None:
            parts = self._source.read_ranges([(begin + low, high - low) for low, high in spans])
        else:
            head = LOCAL_HEADER.size + len(member.raw_name)
            extra = member.room - head - member.stored
            if extra > 256:
                self._learn(member, self._source.read(member.offset, head))
                return self._parts(member, spans)
            first = member.offset + head
            asked = [(member.offset, head), *[(first + low, high - low + extra) for low, high in spans]]
            header, *parts = self._source.read_ranges(asked)
            self._learn(member, header)
            skip = self._begins[member.name] - first
            parts = [part[skip : skip + high - low] for part, (low, high) in zip(parts, spans, strict=True)]
        if [len(part) for part in parts] != [high - low for low, high in spans]:
            raise self._error(member, "is cut off")
        return parts

    def _learn(self, member: Member, header: bytes) -> None:
        """Find out from its header where a member's data begin; raise an ArchiveError if it is another's header."""
        size = LOCAL_HEADER.size
        if len(header) < size + len(member.raw_name):
            raise self._error(member, "is cut off")
        signature, _, method, nname, nextra = LOCAL_HEADER.unpack_from(header)
        if signature != b"PK\3\4":
            raise self._error(member, f"has no header at byte {member.offset}")
        if method != member.method or header[size : size + nname] != member.raw_name:
            raise self._error(member, "has the header of another")
        if size + nname + nextra + member.stored > member.room:
            raise self._error(member, "overlaps what comes after it")
        self._begins[member.name] = member.offset + size + nname + nextra

    def _inflated(self, member: Member, data: bytes) -> bytes:
        """Decode deflated bytes, no more of them than the directory says."""
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            value = inflater.decompress(data, member.size + 1)
        except zlib.error as error:
            raise self._error(member, f"cannot be inflated ({error})") from None
        if len(value) != member.size or not inflater.eof:
            raise self._error(member, f"does not inflate to {member.size} bytes, which the directory says")
        return value

    def _error(self, member: Member, what: str) -> ArchiveError:
        return ArchiveError(f"{self._place}: member {member.name!r} {what}; {_BROKEN}")

    # ------------------------------------------------------------ listing

    def keys(self, prefix: str) -> Iterator[str]:
        """Return the keys below a prefix."""
        names, low, high, skip = self._below(check_prefix(prefix))
        return (names[i][skip:] for i in range(low, high))

    def names(self, prefix: str) -> Sequence[str]:
        """Return the names directly below a prefix. It costs a search for each, whatever is below them."""
        prefix = check_prefix(prefix)
        names, low, high, skip = self._below(prefix)
        skip += len(prefix)
        found = set()
        while low < high:
            name, slash, _ = names[low][skip:].partition("/")
            found.add(name)
            # After a slash comes "0", so all names below this one are in front of it.
            low = bisect_left(names, f"{names[low][:skip]}{name}0", low, high) if slash else low + 1
        return sorted(found)

    def _below(self, prefix: str) -> tuple[list[str], int, int, int]:
        """Return sorted names, the first and the end of those below a prefix, and how much is in front of the keys."""
        names = self._sorted
        if names is None:
            names = self._sorted = sorted(self._entries)
        low, high = _between(names, self.folder + prefix)
        if low == high and self._aliased and prefix.startswith(self.folder):
            return names, *_between(names, prefix), 0
        return names, low, high, len(self.folder)


def _between(names: list[str], prefix: str) -> Range:
    """Return where sorted names that begin with a prefix, which has a slash at its end, begin and end.

    >>> _between(["a", "a.b", "a/b", "a/c", "b"], "a/")
    (2, 4)
    """
    if not prefix:
        return 0, len(names)
    return bisect_left(names, prefix), bisect_left(names, f"{prefix[:-1]}0")


def _find_folder(names: Iterable[str]) -> str:
    """Return the folder of the uppermost node with its slash, "" if it is the root, or if there are several.

    >>> _find_folder(["a/b.zarr/zarr.json", "a/b.zarr/c/0", "readme"]), _find_folder(["a/.zgroup", "b/.zarray"])
    ('a/b.zarr/', '')
    """
    found: dict[int, set[str]] = {}
    for name in names:
        if name.endswith(NODE_DOCUMENTS) and not name.startswith(_OTHERS):
            folder, slash, last = name.rpartition("/")
            if last in NODE_DOCUMENTS:
                found.setdefault(folder.count("/") + len(slash), set()).add(folder + slash)
    uppermost = found[min(found)] if found else set()
    return uppermost.pop() if len(uppermost) == 1 else ""
