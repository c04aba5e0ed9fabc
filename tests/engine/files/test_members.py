"""The table of members: what is usual is parsed and read here, and all else is left to its caller."""

import pytest

from simplezarr.engine.files.files import open_regular
from simplezarr.engine.files.members import MemberTable
from tests.support.archives import Entry, archive


def table(data, entry=None):
    """The table of an archive, whose unusual entries are parsed by `entry`."""
    begin, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    return MemberTable(data[begin:end], 0, begin, entry)


def opened(tmp_path, data):
    (tmp_path / "a.zip").write_bytes(data)
    return open_regular(str(tmp_path / "a.zip"))


def test_places_and_values(tmp_path):
    data = archive(Entry(b"a", b"first"), Entry(b"d/"), Entry(b"b", b"", local_extra=b"1234"), Entry(b"a", b"second"))
    made, file = table(data), opened(tmp_path, data)
    assert (sorted(made.entries), made.folders, made.count, made.in_order) == (["a", "b"], {"d/"}, 4, True)
    assert [data[at : at + 4] for at in made.begins] == 4 * [b"PK\3\4"]
    assert [made.next_after(at) for at in made.begins] == [*made.begins[1:], data.index(b"PK\1\2")]
    assert (made.get("a", file, 10), made.get("b", file, 10), made.get("c", file, 10)) == (b"second", b"", None)
    assert made.get("a", file, 5) is None  # larger than the limit


UNUSUAL = {
    "deflated": Entry(b"a", b"value", method=8),
    "encrypted": Entry(b"a", b"value", flags=1),
    "checksum": Entry(b"a", b"value", crc=1),
    "sizes": Entry(b"a", b"value", size=4),
    "link": Entry(b"a", b"value", attributes=0o120777 << 16),
    "other name": Entry(b"a", b"value", local_name=b"b"),
    "longer name": Entry(b"a", b"value", local_name=b"ab"),
    "no header": Entry(b"a", b"value", local_signature=b"PK\3\5"),
    "long extra field": Entry(b"a", b"value", local_extra=bytes(2000)),
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_what_is_not_read_here(what, tmp_path):
    data = archive(UNUSUAL[what])
    assert table(data).get("a", opened(tmp_path, data), 100) is None


FULL = 0xFFFFFFFF
PARSED = [{"stored": FULL}, {"size": FULL}, {"offset": FULL}, {"disk": 1}, {"offset": 1 << 20}, {"stored": FULL - 1}]


@pytest.mark.parametrize("field", PARSED)
def test_entries_that_the_caller_parses(field):
    asked = []

    def entry(at):
        asked.append(at)
        return "other", 1, 5, 0, 47

    made = table(archive(Entry(b"a", b"value", **field)), entry)
    assert (asked, made.entries, [*made.begins], [*made.ends]) == ([0], {"other": 0}, [0], [36])
    with pytest.raises(ValueError, match="position"):
        table(archive(Entry(b"a", b"value", **field)), lambda at: ("a", 1, 5, 0, at))
    with pytest.raises(ZeroDivisionError):
        table(archive(Entry(b"\xff", b"value")), lambda at: 1 / 0)


@pytest.mark.parametrize("offset", [0, FULL - 1])
def test_positions_that_are_no_integers_of_64_bits(offset):
    """A sparse file can be so large that its first bytes move a position past the end of the numbers."""
    top = (1 << 63) - 1
    records = Entry(b"a", b"value", offset=offset).central(0)
    with pytest.raises(ZeroDivisionError):
        MemberTable(records, top - 30, top, lambda at: 1 / 0)
    assert [*MemberTable(Entry(b"a", b"value").central(0), top - 36, top, None).ends] == [top]


def test_entries_out_of_order():
    made = table(archive(Entry(b"b", b"2", offset=32), Entry(b"a", b"1", offset=0)))
    assert (made.in_order, [*made.begins]) == (False, [32, 0])
