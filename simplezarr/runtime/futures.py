"""Define Futures whose callbacks cannot harm the thread that fulfils them."""

import concurrent.futures
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from simplezarr.runtime.pool import in_pool
from simplezarr.runtime.sync import Condition

__all__ = ["Future"]


class Future(concurrent.futures.Future[Any]):
    """A Future that calls every callback, even after one that raises SystemExit or KeyboardInterrupt.

    A thread that waits for it may be interrupted. With a `threading.Condition` the interrupted thread could keep the
    lock, and the thread that fulfils the Future would wait forever.
    """

    def __init__(self) -> None:
        super().__init__()
        self._condition = Condition()  # type: ignore[assignment]

    def add_done_callback(self, fn: Callable[[concurrent.futures.Future[Any]], object]) -> None:
        """Do as the base class does; whatever a callback raises in a pool thread is logged.

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
        if not in_pool():  # it is for the thread that fulfils or cancels the Future, or adds the callback
            raise
        if not isinstance(error, SystemExit):  # a thread of `threading` also ends silently with it
            logging.getLogger("concurrent.futures").exception("exception calling callback for %r", future)
