"""The new content of stored objects, from values and from what was stored: what every write does before it stores."""

from typing_extensions import disjoint_base

from simplezarr.engine.jobs.job import Job

@disjoint_base
class Make(Job):
    """A write under way, as far as bytes in memory go."""
