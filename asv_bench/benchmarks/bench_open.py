"""Opening nodes, and importing the package."""

from __future__ import annotations

import subprocess
import sys
from itertools import cycle

import simplezarr as sz

from .common import SMALL_ARRAYS, Stored

COUNT_MODULES = "import sys, numpy; n = len(sys.modules); import simplezarr; print(len(sys.modules) - n)"


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
        return "import simplezarr", "import numpy"

    def timeraw_import_with_numpy(self) -> str:
        return "import simplezarr"

    def track_modules(self) -> int:
        """Modules that come with it."""
        done = subprocess.run([sys.executable, "-c", COUNT_MODULES], check=True, capture_output=True, text=True)
        return int(done.stdout)

    track_modules.unit = "modules"
