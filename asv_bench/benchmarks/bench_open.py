"""Opening nodes, and importing the package."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import cycle

import simplezarr as sz

from .common import SMALL_ARRAYS, Stored

# A fresh interpreter must find the package where this one has found it, be it installed or not.
FIND = f"import sys; sys.path.insert(0, {os.path.dirname(os.path.dirname(sz.__file__))!r})"
COUNT_MODULES = f"{FIND}; import numpy; n = len(sys.modules); import simplezarr; print(len(sys.modules) - n)"


class Open(Stored):
    """Another array every time, so that nothing is remembered."""

    def setup(self, root: str) -> None:
        self.names = cycle([f"array{i}" for i in range(SMALL_ARRAYS)])
        self.group = sz.open(f"{root}/small")

    def time_open_array(self, root: str) -> None:
        sz.open(f"{root}/small/{next(self.names)}")

    def time_open_group(self, root: str) -> None:
        sz.open(f"{root}/small")

    def time_child_of_group(self, root: str) -> None:
        self.group[next(self.names)]

    def time_list_group(self, root: str) -> None:
        list(self.group)

    def time_open_and_read(self, root: str) -> None:
        sz.open(f"{root}/small/{next(self.names)}")[...]


class Import:
    """Over NumPy, which is imported before."""

    number = 1

    def timeraw_import(self) -> tuple[str, str]:
        return "import simplezarr", f"{FIND}; import numpy"

    def timeraw_import_with_numpy(self) -> tuple[str, str]:
        return "import simplezarr", FIND

    def track_modules(self) -> int:
        """Return the number of modules that are imported with it."""
        done = subprocess.run([sys.executable, "-c", COUNT_MODULES], check=True, capture_output=True, text=True)
        return int(done.stdout)

    track_modules.unit = "modules"
