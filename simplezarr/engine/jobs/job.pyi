"""Run jobs on many chunks: any number of threads draw units from one counter."""

from typing_extensions import disjoint_base

def _set_wait_limit(waits: int) -> int:
    """Set how often a thread waits for another before it does the work itself. Return the previous limit."""

@disjoint_base
class Job:
    """A read or write in progress, which several threads may `drain`."""

    def stop(self) -> None:
        """Let no thread begin another unit or go on with a large one, because the caller is leaving."""
    def drain(self) -> None:
        """Do units until none is left, or one has failed."""
    def lead(self) -> bool:
        """Do units as `drain` does, in the caller of a few threads. Return early, and True, if more threads are of use."""
    def throw(self) -> None:
        """Raise the error of the first failure, with the place where it happened."""
