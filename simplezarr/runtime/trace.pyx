"""Tell whether requests are to be reported: whether the logger `simplezarr` is enabled for DEBUG.

Every call on an array asks. So this is compiled, and while tracing is off the answer costs one look into a dict. `logging`
is not imported: if the application has not done so, it cannot have enabled the logger.
"""

import sys

cimport cython

cdef enum:
    DEBUG = 10

cdef object logger = None
cdef object answers = None  # the logger's own cache, from levels to whether they are enabled


def active_logger():
    """Return the logger `simplezarr` if it is enabled for DEBUG, otherwise None.

    >>> active_logger() is None
    True
    """
    global logger, answers
    if logger is None:
        get_logger = getattr(sys.modules.get("logging"), "getLogger", None)
        if get_logger is None:  # not imported, or another thread is importing it
            return None
        logger = get_logger("simplezarr")
        answers = getattr(logger, "_cache", {})
    if answers.get(DEBUG) is False:
        return None
    return logger if logger.isEnabledFor(DEBUG) else None


@cython.final
cdef class Traced:
    """Get an attribute of an object, as `operator.attrgetter`; while tracing is on, return `trace(object)` instead.

    >>> from types import SimpleNamespace
    >>> Traced("store", repr)(SimpleNamespace(store=1))
    1
    """

    cdef str name
    cdef object trace

    def __init__(self, str name, trace):
        self.name, self.trace = name, trace

    def __call__(self, instance):
        value = getattr(instance, self.name)
        return value if active_logger() is None else self.trace(instance)
