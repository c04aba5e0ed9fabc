"""Read the requested inner chunks of a shard: those of one in a far store in parts, which are decoded as they arrive."""

from typing import final

from typing_extensions import disjoint_base

from simplezarr.engine.jobs.job import Job

@disjoint_base
class ShardJob(Job):
    """The requested inner chunks of one shard of another job."""

@final
class ShardDecodeJob(ShardJob):
    """A shard in memory that several threads decode."""

@final
class ShardPartsJob(ShardJob):
    """A shard that is read in parts."""
