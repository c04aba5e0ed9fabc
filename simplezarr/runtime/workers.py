"""How many threads a call has in a worker of dask.distributed."""

import sys

from simplezarr.runtime.executor import get_num_threads, set_num_threads

__all__ = ["share_processors"]


def share_processors() -> None:
    """In a worker of dask.distributed, use at most as many threads for a call as the worker has: others have the rest.

    A worker of one thread gets a second one, because with 1 a store would get one request at a time. Nothing is
    imported: where that package is not loaded, this is not a worker.
    """
    worker = sys.modules.get("distributed.worker")
    if worker is None:
        return
    try:
        threads = max(2, worker.get_worker().state.nthreads)
    except ValueError:  # this is not a worker
        return
    if threads < get_num_threads():
        set_num_threads(threads)
