"""Values that are ranges of bytes of local files, which the engine reads without their store."""

from typing import Self, final

from simplezarr.engine.files.files import File

@final
class FileRangeTable:
    """Where the values of `n` keys lie, as the store finds out that gets the table.

    A key that the store says nothing about is read by the methods of the store, which also raise its errors.

    >>> import tempfile
    >>> from simplezarr.engine.files.files import open_regular
    >>> with tempfile.NamedTemporaryFile() as made:
    ...     made.write(b"12345") and made.flush()
    ...     table, file = FileRangeTable(3), open_regular(made.name)
    >>> table.found(0, file, 1, 3), table.found(1, file, 3, 3), table.absent(2)
    (True, False, None)
    """

    def __new__(cls, n: int) -> Self: ...
    def found(self, i: int, file: File, offset: int, nbytes: int) -> bool:
        """Enter that the value of key number i is `nbytes` bytes of a file, from `offset` on.

        Return False if the file does not have these bytes; then nothing is entered.
        """

    def absent(self, i: int) -> None:
        """Enter that there is no such key as number i."""
