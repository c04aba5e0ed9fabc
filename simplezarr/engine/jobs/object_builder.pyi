"""The new content of stored objects, from values and from what was stored: what every write does before it stores."""

from typing import final

from typing_extensions import disjoint_base

from simplezarr.engine.jobs.job import Job

@disjoint_base
class ObjectBuilder(Job):
    """A write under way, as far as bytes in memory go."""

@final
class ShardJob(Job):
    """The inner chunks of one shard, encoded by several workers: its units are the inner chunks that are touched."""
