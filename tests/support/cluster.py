"""A cluster of processes for tests of long jobs, and what they write."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import simplezarr as sz


@contextmanager
def client_of_two() -> Iterator:
    """A client of two processes with two threads each, which can import the tests: they get their stores."""
    import distributed

    how = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": None}
    root = str(Path(__file__).parents[2])
    sys.path.append(root)  # last, so that the installed package is found before that of the checkout
    try:
        with distributed.LocalCluster(**how) as cluster, distributed.Client(cluster) as client:
            yield client
    finally:
        sys.path.remove(root)


def files(folder):
    """Return the bytes of all files below a folder, by their paths."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Written(sz.WrapperStore):
    """Writes down in a file beside it which process stored which key."""

    def __init__(self, path):
        super().__init__(sz.LocalStore(path))
        self.path = path

    def __reduce__(self):
        return Written, (self.path,)

    def set(self, key, value):
        with open(f"{self.path}.log", "a") as log:
            log.write(f"{os.getpid()}:{key}\n")
        super().set(key, value)

    def chunks(self):
        """Return a pair of process and key for each value that was stored, except documents."""
        pairs = [line.split(":", 1) for line in Path(f"{self.path}.log").read_text().split()]
        return [(int(process), key) for process, key in pairs if key.rpartition("/")[2][0] not in ".z"]
