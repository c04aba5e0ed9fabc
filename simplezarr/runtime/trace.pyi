"""Tell whether requests are to be reported: whether the logger `simplezarr` is enabled for DEBUG.

Every call on an array asks. So this is compiled, and while tracing is off the answer costs one look into a dict. `logging`
is not imported: if the application has not done so, it cannot have enabled the logger.
"""

from collections.abc import Callable
from logging import Logger
from typing import Any, final

def active_logger() -> Logger | None:
    """Return the logger `simplezarr` if it is enabled for DEBUG, otherwise None.

    >>> active_logger() is None
    True
    """

@final
class Traced:
    """Get an attribute of an object, as `operator.attrgetter`; while tracing is on, return `trace(object)` instead.

    >>> from types import SimpleNamespace
    >>> Traced("store", repr)(SimpleNamespace(store=1))
    1
    """

    def __init__(self, name: str, trace: Callable[[Any], object]) -> None: ...
    def __call__(self, instance: Any) -> Any: ...
