"""Worker processes, from the side that asks."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent


class WorkerGoneError(Exception):
    """The process ended, or did not answer in time and was ended."""


class Worker:
    """The process of one contender. ``refused`` says why there is none, when there is none.

    places: the directory of the files that are read, and that of what is written.
    waiting: how many threads of Rayon there are. Those of zarrs wait for requests, one each.
    """

    def __init__(
        self, name: str, threads: int, places: tuple[Path, Path], timeout: float, waiting: int | None = None
    ) -> None:
        self.name, self.timeout = name, timeout
        self._unread = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the worker)
        command = [sys.executable, "-m", "peers.worker", name, str(threads), *map(str, places)]
        limits = {"RAYON_NUM_THREADS": str(waiting or threads), "OMP_NUM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            command,
            cwd=HOME,
            env={**os.environ, **limits},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self._process.stdin is not None  # pipes, as asked for
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        try:
            hello = self._answer()
        except WorkerGoneError as gone:
            hello = {"refused": str(gone)}
        self.version: str | None = hello.get("version")
        self.refused: str | None = hello.get("refused")

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its answer; raise WorkerGoneError if there will be none."""
        try:
            self._to.write(json.dumps({"do": do, **request}).encode() + b"\n")
            self._to.flush()
        except (OSError, ValueError) as error:
            raise WorkerGoneError(self._obituary()) from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        deadline = time.monotonic() + self.timeout
        stream = self._from.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self._process.kill()
                    raise WorkerGoneError(f"no answer within {self.timeout:g} s")
                received = os.read(stream, 1 << 16)
                if not received:
                    raise WorkerGoneError(self._obituary())
                self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def _obituary(self) -> str:
        code = self._end()
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return " ".join([f"the process ended with status {code}", *last])

    def _end(self) -> int:
        """Wait for the process, but not for ever."""
        try:
            return self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # of a request that was never read
            self._to.close()
        self._end()
        self._from.close()
        self._errors.close()


def pin(threads: int) -> None:
    """Leave this process and its children as many processors as threads are asked for, also for "default"."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[:threads])
