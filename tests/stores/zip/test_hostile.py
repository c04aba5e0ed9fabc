"""Archives that are damaged, or made to do harm: each is refused by name, and takes no more than it holds."""

import os
import tracemalloc

import pytest

import simplezarr as sz
from simplezarr.errors import ArchiveError, TooLargeError, UnsupportedError
from tests.support.archives import Entry, Remote, archive, deflated, opened
from tests.support.helpers import within

A, B = Entry(b"a", b"value"), Entry(b"b", b"other")
LONG_NAME = archive(A).replace(b"\1" + bytes(11) + b"\xa4\x81", b"\1\x50" + bytes(10) + b"\xa4\x81")
BOMB = bytes(3_000_000)
FULL, TOP = 0xFFFFFFFF, (1 << 64) - 1


def field(*numbers):
    """Return an extra field with numbers of 64 bits [4.5.3]."""
    return b"\1\0" + (8 * len(numbers)).to_bytes(2, "little") + b"".join(n.to_bytes(8, "little") for n in numbers)


HOSTILE = {
    "no archive": (b"nothing of the kind", ArchiveError, "no end record"),
    "empty file": (b"", ArchiveError, "no end record"),
    "end cut off": (archive(A)[:-1], ArchiveError, "no end record"),
    "begin cut off": (archive(A)[5:], ArchiveError, "does not lie within"),
    "only the end": (archive(A)[-22:], ArchiveError, "does not lie within"),
    "a part": (archive(A, disk=1), UnsupportedError, "split archive"),
    "another part's directory": (archive(A, first=2), UnsupportedError, "split archive"),
    "entries elsewhere": (archive(A, B, here=1), UnsupportedError, "split archive"),
    "member elsewhere": (archive(Entry(b"a", b"1", disk=3)), UnsupportedError, "'a' is in part 4"),
    "count": (archive(A, B, count=3), ArchiveError, "2 entries instead of 3"),
    "count, zip64": (archive(A, count=1 << 40, zip64=True), ArchiveError, "1 entries instead of"),
    "directory too long": (archive(A, size=1 << 31), ArchiveError, "does not lie within"),
    "directory too long, zip64": (archive(A, size=1 << 62, zip64=True), ArchiveError, "does not lie within"),
    "directory too short": (archive(A, size=10), ArchiveError, "no entry at byte 0"),
    "directory elsewhere": (archive(A, offset=1 << 20), ArchiveError, "does not lie within"),
    "directory elsewhere, zip64": (archive(A, offset=1 << 60, zip64=True), ArchiveError, "does not lie within"),
    "no zip64 record": (archive(A, offset=0xFFFFFFFF), ArchiveError, "no zip64 end record"),
    "directory elsewhere, 63 bits": (archive(A, offset=(1 << 63) - 1, zip64=True), ArchiveError, "does not lie within"),
    "directory elsewhere, 64 bits": (archive(A, offset=1 << 63, zip64=True), ArchiveError, "does not lie within"),
    "directory at the top": (archive(A, offset=TOP, zip64=True), ArchiveError, "does not lie within"),
    "directory of all bytes": (archive(A, size=TOP, offset=TOP, zip64=True), ArchiveError, "does not lie within"),
    "count, 64 bits": (archive(A, count=TOP, zip64=True), ArchiveError, "1 entries instead of"),
    "offset, 64 bits": (archive(Entry(b"a", b"v", offset=FULL, extra=field(TOP))), ArchiveError, "into the directory"),
    "offset, 63 bits": (archive(Entry(b"a", b"v", offset=FULL, extra=field((1 << 63) - 1))), ArchiveError,
                        "into the directory"),
    "stored, 64 bits": (archive(Entry(b"a", b"v", size=FULL, stored=FULL, extra=field(TOP, TOP))), ArchiveError,
                        "into the directory"),
    "stored, 63 bits": (archive(Entry(b"a", b"v", size=FULL, stored=FULL, extra=field(TOP >> 1, TOP >> 1))),
                        ArchiveError, "into the directory"),
    "garbage in the directory": (archive(A).replace(b"PK\1\2", b"PK\1\3"), ArchiveError, "no entry"),
    "name beyond the directory": (LONG_NAME, ArchiveError, "cut off"),
    "overlap": (archive(A, Entry(b"b", b"other", offset=20)), ArchiveError, "'a' and 'b' overlap"),
    "one file twice": (archive(A, Entry(b"a2", b"value", offset=0)), ArchiveError, "'a' and 'a2' overlap"),
    "in another": (archive(Entry(b"a", 100 * b"v"), Entry(b"b", b"x", offset=60)), ArchiveError, "overlap"),
    "into the directory": (archive(Entry(b"a", b"v", stored=50, size=50)), ArchiveError, "'a' reaches into the dir"),
    "behind the file": (archive(Entry(b"a", b"v", offset=1 << 30)), ArchiveError, "'a' reaches into the directory"),
    "4 GB": (archive(Entry(b"a", b"v", stored=0xFFFFFFFE, size=0xFFFFFFFE)), ArchiveError, "into the directory"),
    "no zip64 sizes": (archive(Entry(b"a", b"v", size=0xFFFFFFFF)), ArchiveError, "lacks its zip64 sizes"),
    "name, not UTF-8": (archive(Entry(b"\xff\xfe", b"v", flags=1 << 11)), ArchiveError, "not UTF-8"),
    "name, up": (archive(Entry(b"../a", b"v")), ArchiveError, r"invalid key '\.\./a'.*lead out"),
    "name, up later": (archive(A, Entry(b"x/../../a", b"v")), ArchiveError, r"lead out"),
    "name, absolute": (archive(A, Entry(b"/etc/passwd", b"v")), ArchiveError, "'/etc/passwd'.*lead out"),
    "name, backslash": (archive(Entry(b"x\\a", b"v")), ArchiveError, "lead out"),
    "name, drive": (archive(Entry(b"C:\\a", b"v")), ArchiveError, "lead out"),
    "name, NUL": (archive(Entry(b"a\0b", b"v")), ArchiveError, "NUL"),
    "name, empty": (archive(Entry(b"", b"v")), ArchiveError, "empty"),
    "name, slashes": (archive(Entry(b"a//b", b"v")), ArchiveError, "slash"),
    "name, dot": (archive(Entry(b"./a", b"v")), ArchiveError, "lead out"),
    "directory, up": (archive(Entry(b"../", b"")), ArchiveError, "lead out"),
    "directory, root": (archive(Entry(b"/", b"")), ArchiveError, "lead out"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archives_are_refused(what, tmp_path):
    data, kind, match = HOSTILE[what]
    for place in (sz.MemoryStore({"a.zip": data}), Remote(data), Remote(bytes(70_000) + data)):
        near = place.in_memory  # otherwise what is in front of the archive is not known
        with pytest.raises(kind if near else (kind, ArchiveError), match=match if near else None) as caught:
            sz.ZipStore(place, "a.zip").get("a")
        assert "a.zip" in str(caught.value)
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(kind, match=match) as caught:
        sz.open(tmp_path / "a.zip")
    assert str(tmp_path / "a.zip") in str(caught.value)


READ = {
    "size, 64 bits": (Entry(b"a", b"v", size=FULL, extra=field(TOP)), ArchiveError, f"decode to {TOP}"),
    "deflated, 64 bits": (deflated(b"a", BOMB, size=FULL, extra=field(TOP)), ArchiveError, "cannot decode to"),
    "encrypted": (Entry(b"a", b"v", flags=1), UnsupportedError, "encrypted"),
    "masked": (Entry(b"a", b"v", flags=1 << 13), UnsupportedError, "encrypted"),
    "patch": (Entry(b"a", b"v", flags=1 << 5), UnsupportedError, "patch"),
    "method": (Entry(b"a", b"v", method=99), UnsupportedError, "method 99"),
    "link": (Entry(b"a", b"/etc/passwd", attributes=0o120777 << 16), UnsupportedError, "symbolic link"),
    "sizes": (Entry(b"a", b"value", size=6), ArchiveError, "5 bytes that cannot decode to 6"),
    "checksum": (Entry(b"a", b"value", crc=1), ArchiveError, "checksum"),
    "local signature": (Entry(b"a", b"value", local_signature=b"PK\3\5"), ArchiveError, "no header"),
    "local name": (Entry(b"a", b"value", local_name=b"b"), ArchiveError, "header of another"),
    "local extra": (Entry(b"a", b"", local_extra=bytes(5), stored=5, size=5), ArchiveError, "overlaps"),
    "not deflated": (Entry(b"a", b"value", method=8), ArchiveError, "cannot be inflated|does not inflate"),
    "deflated, longer": (deflated(b"a", BOMB, size=1000), ArchiveError, "does not inflate to 1000"),
    "deflated, shorter": (deflated(b"a", b"abc", size=1000), ArchiveError, "does not inflate to 1000"),
    "deflated, huge": (deflated(b"a", b"abc", size=1 << 30), ArchiveError, "cannot decode to"),
    "deflated, cut": (Entry(b"a", deflated(b"", BOMB).data[:-9], method=8, size=len(BOMB)), ArchiveError,
                      "does not inflate"),
    "deflated, checksum": (deflated(b"a", b"abc", crc=5), ArchiveError, "checksum"),
}  # fmt: skip


@pytest.mark.parametrize("what", READ)
def test_one_bad_member_is_refused_and_no_other(what):
    bad, kind, match = READ[what]
    data = archive(bad, Entry(b"good", b"good"))
    for place in (sz.MemoryStore({"a.zip": data}), Remote(data)):
        store = sz.ZipStore(place, "a.zip")
        for _ in range(2):
            with pytest.raises(kind, match=match) as caught:
                store.get("a")
            assert "'a'" in str(caught.value)
            assert store.get("good") == b"good"
        if what != "checksum":
            with pytest.raises(kind, match=match):
                store.get_range("a", 1, 2)


def test_local_sizes_and_fields_of_64_bits():
    """Numbers of 64 bits in any combination [4.5.3]."""
    entries = [
        Entry(b"a", b"aaaa", size=FULL, stored=FULL, extra=field(4, 4)),
        Entry(b"b", b"bb", size=FULL, extra=b"\x99\x99\3\0abc" + field(2)),
        Entry(b"c", b"ccc", offset=FULL, extra=field(0), before=b""),
    ]
    body = 0
    for entry in entries[:2]:
        body += len(entry.local())
    entries[2].extra = field(body)
    for zip64 in (False, True):
        store = opened(archive(*entries, zip64=zip64))
        assert [store.get(key) for key in "abc"] == [b"aaaa", b"bb", b"ccc"]


def test_what_a_bomb_may_take():
    """Neither a wrong size nor a limit makes room for what is not there."""
    many = archive(*[deflated(b"%d" % i, BOMB[: 1 << 20]) for i in range(50)], Entry(b"x", b"v"))
    tracemalloc.start()
    try:
        store = opened(many)
        for _ in range(3):
            with pytest.raises(TooLargeError, match="1048576 bytes"):
                store.get_limited("7", 1000)
            with pytest.raises(TooLargeError, match="holes"):
                store.get_limited("7", 1000, holes=True)
            with pytest.raises(ArchiveError):
                opened(archive(deflated(b"a", b"abc", size=3000))).get("a")
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_extra_fields_without_end_do_not_take_long():
    extra = b"\x75\x70\0\0" * 16_000
    entries = [Entry(b"\x80%d" % i, b"", extra=extra) for i in range(60)]
    assert len([*within(20, opened, archive(*entries)).list()]) == 60


def test_sparse_archives_of_terabytes(tmp_path):
    """A member of zeros that were never written is refused if sizes are limited."""
    size = 1 << 40
    member = Entry(b"a", stored=FULL, size=FULL, extra=field(size, size))
    data = archive(member, size=len(member.central(0)), offset=len(member.local()) + size, zip64=True)
    with open(tmp_path / "a.zip", "wb") as file:
        file.write(member.local())
        file.seek(size, os.SEEK_CUR)
        file.write(data[len(member.local()) :])
    store = sz.ZipStore(tmp_path / "a.zip")
    assert store.size("a") == size
    for holes in (False, True):
        with pytest.raises(TooLargeError):
            store.get_limited("a", 1 << 20, holes=holes)
    assert store.get_range("a", -5, 5) == bytes(5)
