"""Read: open, decode and copy out each stored object that a request touches."""

from typing_extensions import disjoint_base

from simplezarr.engine.jobs.job import Job

@disjoint_base
class ReadJob(Job):
    """A read in progress."""
