"""Reads that wait for a thread: those of one array are made together, so that what several want is decoded once."""

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
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


#: A read that no thread has begun: its Future, its selection and `out`.
_Pair = tuple["Future[Any]", Any, "np.ndarray | None"]


class Read(NamedTuple):
    """A basic selection that somebody waits for."""

    future: "Future[Any]"
    plan: Plan
    out: np.ndarray
    scalar: bool


class Waiting:
    """The reads of an array that no thread has begun.

    One pool call is queued per read. The first to run takes all the reads that it finds; the others find none left.
    """

    __slots__ = ("_pairs", "_process")

    def __init__(self) -> None:
        self._pairs: deque[_Pair] = deque()
        self._process = os.getpid()

    def read(self, array: Any, selection: Any, out: np.ndarray | None) -> "Future[Any]":
        """Return a Future of `array.read(selection, out=out)`."""
        if not executor.runs_inline() and is_plain(array) and not array.dtype.fields:
            if self._process != os.getpid():  # in a forked child: the reads that wait belong to the parent
                self.__init__()  # type: ignore[misc]
            future = executor.new_future()
            if self._enqueue_with_future(array, (future, selection, out)):
                return future
        return executor.submit(array.read, selection, out=out)

    def _enqueue_with_future(self, array: Any, pair: "_Pair") -> bool:
        """Queue a read and a call that serves it; return False if no thread can."""
        try:
            self._pairs.append(pair)
            if executor.enqueue(partial(_serve, array, self._pairs)):
                return True
            with suppress(ValueError):
                self._pairs.remove(pair)
                return False
            return True  # a thread that came for another read has taken it
        except BaseException:  # interrupted, so the caller has no Future: nothing may be written to its `out` later
            pair[0].cancel()
            raise


def _serve(array: Any, pairs: "deque[_Pair]") -> None:
    """Make the reads that wait. It is called once for each of them, so none is left."""
    taken: list[_Pair] = []
    try:
        _serve_taken(array, pairs, taken)
    except BaseException as error:
        for future, _, _ in taken:
            if not future.done():
                future.set_exception(error)


def _serve_taken(array: Any, pairs: "deque[_Pair]", taken: "list[_Pair]") -> None:
    reads: list[Read] = []
    nbytes = 0
    while pairs and len(reads) < MOST_READS and nbytes < MOST_BYTES:
        try:
            taken.append(pairs.popleft())
        except IndexError:  # another thread took the last one
            break
        future, selection, out = taken[-1]
        if future.set_running_or_notify_cancel():
            nbytes += _plan(array, future, selection, out, reads)
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
