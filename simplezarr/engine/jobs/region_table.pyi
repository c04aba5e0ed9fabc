"""What a request asks for: which regions of which chunks, found by arithmetic from the number of a stored object."""

from typing import final

@final
class RegionTable:
    """Which regions of which chunks of an array a request wants."""
