"""Long jobs on hierarchies: verify and copy them. `check` does what the command `simplezarr check` does.

>>> import simplezarr as sz
>>> store = sz.MemoryStore()
>>> a = sz.create_array(store, "a", data=[1, 2, 3], chunks=1)
>>> check(store)
Report(problems=(), nodes=2, chunks=3, nbytes=51)
>>> copy(a, {}, chunks=3)
<Array / (3,) int64 chunks=(3,)>
"""

from simplezarr.tools.check.check import check
from simplezarr.tools.check.report import Problem, Report
from simplezarr.tools.copy.copy import copy

__all__ = ["Problem", "Report", "check", "copy"]
