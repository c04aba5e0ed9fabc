"""Read stored objects that are parts of local files: references, and the stored members of archives."""

from typing import final

from simplezarr.engine.jobs.read import ReadJob

@final
class FileRangeReadJob(ReadJob):
    """A read in progress, of a store that knows for some keys which bytes of which file their values are."""
