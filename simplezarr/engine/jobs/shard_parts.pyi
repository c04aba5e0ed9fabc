"""Read the requested inner chunks of a shard: those of one in a far store in parts, which are decoded as they arrive."""

from typing import final

from simplezarr.engine.jobs.job import Job

@final
class ShardPartsJob(Job):
    """A shard that is read in parts."""
