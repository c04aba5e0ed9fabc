"""The records of a zip archive that are read as they are written. Numbers in brackets are sections of APPNOTE.TXT."""

from struct import Struct

__all__ = ["END", "END64", "LOCATOR", "MAX16", "MAX32", "POSIX", "UTF8"]

#: End record [4.3.16]: signature, disk, disk of the directory, entries here and in all, size, offset, comment's length.
END = Struct("<4sHHHHLLH")
#: Zip64 end record [4.3.14]: signature, size, versions that made it and can read it, then as in the end record.
END64 = Struct("<4sQHHLLQQQQ")
#: Its locator [4.3.15]: signature, disk, offset, number of disks.
LOCATOR = Struct("<4sLQL")

#: What stands for a larger number, which a zip64 record or field has.
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF
#: The flag of names in UTF-8, and the system whose file types are understood.
UTF8, POSIX = 1 << 11, 3
