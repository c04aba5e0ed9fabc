"""Futures whose callbacks can't harm the thread that fulfils them."""

import concurrent.futures
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from simplezarr.runtime.pool import in_pool
from simplezarr.runtime.turns import Condition

__all__ = ["Future"]


class Future(concurrent.futures.Future[Any]):
    """A Future of which each callback is called, also after one that raises SystemExit or KeyboardInterrupt.

    Interrupting who waits for it harms nothing; with a `threading.Condition` the thread that fulfils it could wait for
    ever for its lock.
    """

    def __init__(self) -> None:
        super().__init__()
        self._condition = Condition()  # type: ignore[assignment]

    def add_done_callback(self, fn: Callable[[concurrent.futures.Future[Any]], object]) -> None:
        """As the base class; what a callback raises in a thread of a pool is logged, whatever it is.

        >>> future, seen = Future(), []
        >>> future.add_done_callback(seen.append)
        >>> future.set_result(1)
        >>> seen == [future]
        True
        """
        super().add_done_callback(partial(_call, fn))


def _call(fn: Callable[[concurrent.futures.Future[Any]], object], future: concurrent.futures.Future[Any]) -> None:
    try:
        fn(future)
    except Exception:
        raise  # the base class logs it
    except BaseException as error:
        if not in_pool():  # it is meant for the thread that fulfils, cancels or adds
            raise
        if not isinstance(error, SystemExit):  # which ends a thread of `threading` without a word, too
            logging.getLogger("concurrent.futures").exception("exception calling callback for %r", future)
