"""Reads that wait for a thread: those of one array are made together, so that a chunk is decoded once for all."""

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.memory.result_pool import empty
from simplezarr.runtime import executor
from simplezarr.transfer.dispatch import read, read_key, select
from simplezarr.transfer.handle import ArrayHandle
from simplezarr.transfer.values import check_out

if TYPE_CHECKING:
    from simplezarr.runtime.executor import Future

__all__ = ["ReadQueue"]

#: Reads that are made together: at most so many, and no more once their results have so many bytes.
MOST_READS, MOST_BYTES = 64, 64 << 20


#: A read that no thread has begun: its Future, its key and `out`.
_Request = tuple["Future[Any]", Any, "np.ndarray | None"]


class PendingRead(NamedTuple):
    """A basic selection that is to be read for a Future."""

    future: "Future[Any]"
    plan: Plan
    out: np.ndarray
    scalar: bool


class ReadQueue:
    """The reads of an array, in one shape, that no thread has begun.

    One call is queued in the pool for each read. The first to run takes all the reads that it finds, up to a limit. The
    others find fewer, or none.
    """

    __slots__ = ("_handle", "_process", "_requests")

    def __init__(self, handle: ArrayHandle) -> None:
        self._handle, self._process = handle, os.getpid()
        self._requests: deque[_Request] = deque()

    def serves(self, handle: ArrayHandle) -> bool:
        """Return whether reads of this handle belong here. In a forked child they don't: what waits is the parent's."""
        return self._handle is handle and self._process == os.getpid()

    def read(self, key: Any, out: np.ndarray | None) -> "Future[Any]":
        """Return a Future of `read_key(handle, key, out)`."""
        handle = self._handle
        if not executor.runs_inline() and handle.transfer.shares_chunks and not handle.dtype.fields:
            future = executor.new_future()
            if self._enqueue((future, key, out)):
                return future
        return executor.submit(read_key, handle, key, out, width=executor.concurrency_for(handle.store))

    def _enqueue(self, request: _Request) -> bool:
        """Queue a read and a call that serves it; return False if no thread can."""
        try:
            self._requests.append(request)
            if executor.enqueue(self._serve, executor.concurrency_for(self._handle.store)):
                return True
            with suppress(ValueError):
                self._requests.remove(request)
                return False
            return True  # a thread that came for another read has taken it
        except BaseException:  # interrupted, so the caller has no Future: nothing may be written to its `out` later
            request[0].cancel()
            raise

    def _serve(self) -> None:
        """Make the reads that wait. It is called once for each of them, so none is left."""
        taken: list[_Request] = []
        try:
            self._serve_taken(taken)
        except BaseException as error:
            for future, _, _ in taken:
                if not future.done():
                    future.set_exception(error)

    def _serve_taken(self, taken: list[_Request]) -> None:
        reads: list[PendingRead] = []
        nbytes = 0
        while self._requests and len(reads) < MOST_READS and nbytes < MOST_BYTES:
            try:
                taken.append(self._requests.popleft())
            except IndexError:  # another thread took the last one
                break
            future, key, out = taken[-1]
            if future.set_running_or_notify_cancel():
                nbytes += self._plan(future, key, out, reads)
        if len(reads) == 1 or not self._read_together(reads):
            for pending in reads:
                _fulfil(pending.future, self._read_alone, pending)

    def _plan(self, future: "Future[Any]", key: Any, out: np.ndarray | None, reads: list[PendingRead]) -> int:
        """Add a basic selection to the reads, make any other at once; return the bytes of what was added."""
        handle = self._handle
        try:
            selection = select(handle, key)
            if isinstance(selection, Plan):
                scalar = out is None and selection.scalar
                if out is None:
                    out = empty(selection.shape, handle.dtype)
                else:
                    check_out(out, handle.dtype, selection.shape, handle.path)
                if out.dtype == handle.dtype:  # those that are read together have one data type
                    reads.append(PendingRead(future, selection, out, scalar))
                    return out.nbytes
        except BaseException as error:
            future.set_exception(error)
            del future  # the traceback holds this frame: the Future would hold itself, and all that the call used
            return 0
        _fulfil(future, read, handle, selection, out)
        return 0

    def _read_together(self, reads: list[PendingRead]) -> bool:
        """Return whether all of them succeed. Otherwise each must find out by itself which errors are its own."""
        try:
            self._handle.transfer.read_many([pending.plan for pending in reads], [pending.out for pending in reads])
        except Exception:
            return False
        for pending in reads:
            pending.future.set_result(pending.out[()] if pending.scalar else pending.out)
        return True

    def _read_alone(self, pending: PendingRead) -> Any:
        read(self._handle, pending.plan, pending.out)
        return pending.out[()] if pending.scalar else pending.out


def _fulfil(future: "Future[Any]", function: Callable[..., Any], *args: Any) -> None:
    try:
        result = function(*args)
    except BaseException as error:
        future.set_exception(error)
        del future
    else:
        future.set_result(result)
