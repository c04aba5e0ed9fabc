"""Stores for tests (one counts what is asked of it, one fails, one waits), time limits, and other processes."""

import copy
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import simplezarr as sz
from simplezarr.stores import clip_range


class Counting(sz.Store):
    """A dict of bytes behind the plainest methods of the contract; `calls` tells what was asked for."""

    def __init__(self, data):
        self.data, self.calls = data, []

    def get(self, key):
        self.calls.append(("get", key))
        return self.data.get(key)

    def get_range(self, key, start, length):
        self.calls.append(("get_range", key, start, length))
        value = self.data.get(key)
        if value is None:
            return None
        begin, end = clip_range(len(value), start, length)
        return value[begin:end]

    def exists(self, key):
        self.calls.append(("exists", key))
        return key in self.data

    def size(self, key):
        self.calls.append(("size", key))
        value = self.data.get(key)
        return None if value is None else len(value)

    def list(self, prefix=""):
        self.calls.append(("list", prefix))
        return [key for key in self.data if not prefix or key.startswith(prefix.rstrip("/") + "/")]

    def take(self):
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls


class Failing(Counting):
    """Raises an error like `error` for each read of a key that has `part` in it."""

    def __init__(self, data, error, part="c/"):
        super().__init__(data)
        self.error, self.part = error, part

    def get(self, key):
        if self.part in key:
            raise copy.copy(self.error)
        return super().get(key)

    def get_range(self, key, start, length):
        if self.part in key:
            raise copy.copy(self.error)
        return super().get_range(key, start, length)


class Waiting(Counting):
    """Chunks are given out only when `gate` is open; `threads` tells who asked for them, `asked` counts them."""

    def __init__(self, data):
        super().__init__(data)
        self.gate, self.threads, self.asked = threading.Event(), [], threading.Semaphore(0)

    def get(self, key):
        if not key.endswith("zarr.json"):
            self.threads.append(threading.get_ident())
            self.asked.release()
            assert self.gate.wait(30)
        return super().get(key)


class Crowded(sz.WrapperStore):
    """Counts what is asked of the store inside, and how much of that at a time (`most`).

    After `expect(method, n)` calls of this method wait until n of them are under way together, but not for ever.
    """

    in_memory, concurrency = False, 32

    def __init__(self, store, concurrency=32):
        super().__init__(store)
        self.concurrency, self.guard, self.calls = concurrency, threading.Lock(), []
        self.now = self.most = self.n = self.alone = 0
        self.method, self.full = "", threading.Event()

    def expect(self, method, n, alone=0):
        """`alone` of these calls come one by one, before the others, and don't wait."""
        self.method, self.n, self.most, self.calls, self.alone = method, n, 0, [], alone
        self.full.clear()

    def take(self):
        """The calls since the last time: how many there were of each method."""
        calls, self.calls = self.calls, []
        return {name: sum(call[0] == name for call in calls) for name, _ in sorted(calls)}

    def ask(self, method, *args):
        with self.guard:
            self.calls.append((method, args[0] if args else ""))
            if method == self.method:
                self.now += 1
                self.most = max(self.most, self.now)
                if self.now >= self.n:
                    self.full.set()
                self.alone -= 1
        try:
            if method == self.method and self.alone < 0:
                self.full.wait(10)
            return getattr(self.store, method)(*args)
        finally:
            if method == self.method:
                with self.guard:
                    self.now -= 1


_METHODS = ["get_range", "get_ranges", "set", "delete", "delete_prefix", "exists", "size", "list", "list_dir"]


def _asking(method):
    return lambda self, *args: self.ask(method, *args)


for _method in [*sz.Store.__abstractmethods__, *_METHODS]:
    setattr(Crowded, _method, _asking(_method))


class Rounds(sz.WrapperStore):
    """Each request takes 100 ms; `rounds` is the length of the longest chain of requests that follow each other.

    Requests that are made together must begin within that time, so it is longer than a pause of a busy machine.
    """

    in_memory, concurrency = False, 32

    def __init__(self, store):
        super().__init__(store)
        self.guard, self.rounds, self.requests = threading.Lock(), 0, 0

    def _ask(self, method, *args):
        with self.guard:
            mine = self.rounds + 1  # it begins after those that have ended
            self.requests += 1
        time.sleep(0.1)
        with self.guard:
            self.rounds = max(self.rounds, mine)
        return getattr(self.store, method)(*args)


for _method in ("get", "get_range", "get_ranges", "exists", "list", "list_dir", "size"):
    setattr(Rounds, _method, lambda self, *args, method=_method: self._ask(method, *args))


def within(seconds, function, *args):
    """Return the result of a call; raise TimeoutError if it takes longer (its thread is then left behind)."""
    box = []

    def call():
        try:
            box.append((function(*args), None))
        except BaseException as error:
            box.append((None, error))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if not box:
        raise TimeoutError(f"no answer within {seconds} s")
    result, error = box[0]
    if error is not None:
        raise error
    return result


#: Starts a Python that does not take the package from the directory it is started in, which may be the source tree.
PYTHON = [sys.executable, "-P"]


def same_package():
    """Return the environment of a process that imports the same simplezarr, and these tests."""
    paths = [Path(sz.__file__).parents[1], Path(__file__).parents[2]]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}


def python(code, *args, seconds, directory):
    """Run Python in a new process that imports the same simplezarr and tests; return its output. It must succeed."""
    command = [*PYTHON, "-c", code, *map(str, args)]
    done = subprocess.run(command, cwd=directory, env=same_package(), capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
