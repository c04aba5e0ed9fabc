"""Make the new content of stored objects from the values and the old content."""

from typing import final

from typing_extensions import disjoint_base

from simplezarr.engine.jobs.job import Job

@disjoint_base
class ObjectBuilder(Job):
    """The part of a write that makes the new content. Subclasses store it."""

@final
class ShardJob(Job):
    """The encoding of one shard's touched inner chunks, which are the units of several workers."""
