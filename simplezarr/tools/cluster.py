"""Run the tasks of a long job in the workers of a `distributed` cluster.

Only what has `client=` comes here, and `distributed` is imported for addresses alone. A task may run twice, if its
worker was lost, so it must be one that may.
"""

import importlib
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol

from simplezarr.errors import UnsupportedError
from simplezarr.runtime.workers import share_processors
from simplezarr.stores.base import Store

__all__ = ["Client", "ClientLike", "check_reachable", "client_of", "on_cluster", "thread_count"]

_AHEAD = 3  # tasks for each thread of the cluster that are submitted at a time


class Client(Protocol):
    """What is used of a `distributed.Client`. Its methods may also be awaited, so their results have no type."""

    def submit(self, func: Callable[..., Any], *args: Any, pure: bool) -> Any: ...
    def nthreads(self) -> Any: ...
    def cancel(self, futures: Any) -> Any: ...


ClientLike = Client | str


@contextmanager
def client_of(given: ClientLike) -> Iterator[Client]:
    """Return a context with a client: the given one, or one for the address of a scheduler, which it closes."""
    if not isinstance(given, str):
        if not callable(getattr(given, "submit", None)) or not callable(getattr(given, "nthreads", None)):
            raise TypeError(f"client: a distributed.Client or its address is needed, not {type(given).__name__}")
        yield given
        return
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise UnsupportedError("client: needs the package 'distributed': pip install distributed") from error
    with distributed.Client(given, set_as_default=False) as client:
        yield client


def thread_count(client: Client) -> int:
    """Return the number of threads of all workers, at least 1."""
    threads: int = sum(client.nthreads().values())
    return max(1, threads)


def check_reachable(store: Store) -> None:
    """Raise UnsupportedError for a store that workers can't write to: each would write to its own copy of it."""
    if store.in_memory:
        message = f"client: workers can't write to {store!r}, which is in the memory of this process"
        raise UnsupportedError(f"{message}; write to a directory or a bucket that they all reach")


def on_cluster(client: Client, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    """Yield the results of a function for each tuple of arguments, as they come.

    If a call fails, its error is raised when all that have been submitted are done, so nothing is written afterwards.
    """
    as_completed = importlib.import_module("distributed").as_completed
    tasks = iter(tasks)
    some = [_submitted(client, function, task) for task in islice(tasks, _AHEAD * thread_count(client))]
    running = as_completed(some)
    error: BaseException | None = None
    try:
        for future in running:
            failure = future.exception()
            error = error or failure
            if error is None:
                yield future.result()
                running.update([_submitted(client, function, task) for task in islice(tasks, 1)])
    except BaseException:
        client.cancel([*running.futures])
        raise
    if error is not None:
        raise error


def _submitted(client: Client, function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    return client.submit(pickle.loads, pickle.dumps(_Call(function, task)), pure=False)


class _Call:
    """A call that is made when it is unpickled.

    So a worker gets bytes. What it can't import, for example a store of a module that it lacks, is an error of the
    task. Otherwise the worker would fail to understand its scheduler, and the caller would wait for ever.
    """

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _call, (self.function, *self.arguments)


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run in a worker."""
    share_processors()
    return function(*arguments)
