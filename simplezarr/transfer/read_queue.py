"""Reads that wait for a thread: those of one array are made together, so that what several want is decoded once."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simplezarr.engine.geometry.plan import Plan
from simplezarr.engine.jobs.read_regions import read_batch
from simplezarr.engine.memory.result_pool import empty
from simplezarr.runtime import executor
from simplezarr.transfer.batch import is_plain
from simplezarr.transfer.dispatch import select, take
from simplezarr.transfer.values import check_out

if TYPE_CHECKING:
    from simplezarr.runtime.executor import Future

__all__ = ["Waiting"]

#: Reads that are made together: at most so many, and no more once their results have so many bytes.
MOST_READS, MOST_BYTES = 64, 64 << 20


class Read(NamedTuple):
    """A basic selection that somebody waits for."""

    future: "Future[Any]"
    plan: Plan
    out: np.ndarray
    scalar: bool


class Waiting:
    """The reads of an array that no thread has begun.

    A thread of the pool is called for each of them, and takes all that it finds: so none is left, and whoever comes
    too late has nothing to do. Nobody waits for anybody.
    """

    __slots__ = ("_process", "_queue")

    def __init__(self) -> None:
        self._queue, self._process = executor.Queue(), os.getpid()

    def read(self, array: Any, selection: Any, out: np.ndarray | None) -> "Future[Any]":
        """A Future of `array.read(selection, out=out)`."""
        if not executor.alone() and is_plain(array) and not array.dtype.fields:
            if self._process != os.getpid():  # forked: what waits here is the parent's
                self.__init__()  # type: ignore[misc]
            future = executor.hand_over(self._queue, (selection, out), partial(_serve, array))
            if future is not None:
                return future
        return executor.submit(array.read, selection, out=out)


def _serve(array: Any, waiting: "Iterator[tuple[Future[Any], Any]]") -> None:
    """Make the reads that wait; called as often as there are some, so that none is left."""
    reads: list[Read] = []
    nbytes = 0
    for future, (selection, out) in waiting:
        if future.set_running_or_notify_cancel():
            nbytes += _plan(array, future, selection, out, reads)
        if len(reads) == MOST_READS or nbytes >= MOST_BYTES:
            break
    if len(reads) == 1 or not _read_together(array, reads):
        for read in reads:
            _fulfil(read.future, _read_alone, array, read)


def _read_together(array: Any, reads: list[Read]) -> bool:
    """Whether all of them succeed; else each is to find out by itself which errors are its own."""
    try:
        read_batch(array._source, array.shape, [read.plan for read in reads], [read.out for read in reads])
    except Exception:
        return False
    for read in reads:
        read.future.set_result(read.out[()] if read.scalar else read.out)
    return True


def _read_alone(array: Any, read: Read) -> Any:
    take(array, read.plan, read.out)
    return read.out[()] if read.scalar else read.out


def _plan(array: Any, future: "Future[Any]", selection: Any, out: np.ndarray | None, reads: list[Read]) -> int:
    """Adds a basic selection to the reads, makes any other at once; returns the bytes of what was added."""
    try:
        selected = select(array, selection)
        if isinstance(selected, Plan):
            scalar = out is None and selected.scalar
            if out is None:
                out = empty(selected.shape, array.dtype)
            else:
                check_out(out, array.dtype, selected.shape)
            reads.append(Read(future, selected, out, scalar))
            return out.nbytes
    except BaseException as error:
        future.set_exception(error)
        del future  # the traceback holds this frame: the Future would hold itself, and all that the call used
        return 0
    _fulfil(future, take, array, selected, out)
    return 0


def _fulfil(future: "Future[Any]", function: Callable[..., Any], *args: Any) -> None:
    try:
        result = function(*args)
    except BaseException as error:
        future.set_exception(error)
        del future
    else:
        future.set_result(result)
