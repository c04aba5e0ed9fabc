"""Find the requested regions of each chunk by arithmetic, from the number of a stored object."""

from typing import final

@final
class RegionTable:
    """The regions of an array's chunks that one request reads or writes."""
