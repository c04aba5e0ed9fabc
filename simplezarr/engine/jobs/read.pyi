"""Read: open, decode and copy out each stored object that a request touches."""

from simplezarr.engine.jobs.job import Job

class ReadJob(Job):
    """A read in progress."""
