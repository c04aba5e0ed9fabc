"""Verify hierarchies: `check` does what the command `simplezarr check` does.

>>> import simplezarr as sz
>>> store = sz.MemoryStore()
>>> a = sz.create_array(store, "a", data=[1, 2, 3], chunks=1)
>>> check(store)
Report(problems=(), nodes=2, chunks=3, nbytes=51)
"""

from simplezarr.tools.check.check import check
from simplezarr.tools.check.report import Problem, Report

__all__ = ["Problem", "Report", "check"]
