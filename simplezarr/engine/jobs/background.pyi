"""Let idle threads do work for a thread that replaces a large file."""

from typing import final

@final
class UnlinkedFile:
    """An open file without a name. Closing it takes long, because the kernel then frees its pages and blocks."""

    def close(self) -> None:
        """Close the file, unless it is closed already."""
