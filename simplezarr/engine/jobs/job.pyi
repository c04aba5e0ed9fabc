"""Jobs on many chunks: any number of threads that draw from one counter."""

from typing_extensions import disjoint_base

def _set_wait_limit(waits: int) -> int:
    """Sets how often a thread waits for another before it does the work itself; returns how often it was."""

@disjoint_base
class Job:
    """One read or write under way: what `drain` needs to do its share of it."""

    def stop(self) -> None:
        """Lets no thread begin another unit, nor go on with a large one: the caller is leaving."""
    def drain(self) -> None:
        """Does units until none is left, or one has failed."""
    def throw(self) -> None:
        """Raises what the first failure was, with the place where it happened."""
