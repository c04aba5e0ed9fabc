"""The members of a zip archive: their places, parsed from its directory, and small ones read from its file."""

from array import array
from collections.abc import Callable
from typing import final

from simplezarr.engine.files.file_ranges import FileRangeTable
from simplezarr.engine.files.files import File

@final
class MemberTable:
    """Where the members of a zip archive are, by name.

    - records: the directory of the archive, to which positions refer.
    - base: how many bytes are in front of the archive, from which it counts offsets.
    - end: where the directory begins.
    - entry: parses the entry at a position, if it is not a usual one. It returns the name, the number of bytes that the
      name takes, the stored size, the offset in the file and the position of the next entry. It raises if the entry
      does not lie between `base` and `end`.

    An entry is usual if its name is ASCII or marked as UTF-8, no number of it takes 64 bits, and it lies in front of `end`.

    >>> table = MemberTable(b"", 0, 0, lambda at: ("", 0, 0, 0, 0))
    >>> table.entries, table.count, table.in_order
    ({}, 0, True)
    """

    def __init__(
        self, records: bytes, base: int, end: int, entry: Callable[[int], tuple[str, int, int, int, int]]
    ) -> None: ...
    @property
    def entries(self) -> dict[str, int]:
        """The position of each member's entry; of the last one if a name occurs more than once."""

    @property
    def folders(self) -> set[str]:
        """The names of entries of folders, with a slash at their ends."""

    @property
    def count(self) -> int:
        """The number of all entries."""

    @property
    def begins(self) -> array[int]:
        """The offset of each entry's header, in order of the entries. May be set, to the same ones in ascending order."""

    @begins.setter
    def begins(self, value: array[int]) -> None: ...
    @property
    def ends(self) -> array[int]:
        """Where each entry ends at least: after its header without extra fields, and its data."""

    @property
    def in_order(self) -> bool:
        """Whether each entry begins behind the end of the one before, so that `begins` ascend."""

    def next_after(self, offset: int) -> int:
        """Return where the next entry behind an offset begins, or the directory. `begins` must ascend."""

    def get(self, name: str, file: File, limit: int) -> bytes | None:
        """Return the value of a member that is stored, not deflated, has the right checksum, and is not larger than a limit.

        Return None for any other, and if anything is unusual or wrong; the caller finds out what. `begins` must ascend.
        """

    def find_file_ranges(self, names: list[str], file: File, ranges: FileRangeTable, all_names: bool) -> None:
        """Enter where the values of members lie that are stored; leave out all others, and any that is unusual or wrong.

        all_names: whether there is no value of a name that is not in the table. `begins` must ascend.
        """
