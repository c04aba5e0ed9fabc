"""The new content of stored objects, made from the values and from the old content."""

from typing import final

from typing_extensions import disjoint_base

from simplezarr.engine.jobs.job import Job

@disjoint_base
class ObjectBuilder(Job):
    """The part of a write that makes the new content; subclasses store it."""

@final
class ShardJob(Job):
    """Encodes the touched inner chunks of one shard with several workers; these chunks are its units."""
