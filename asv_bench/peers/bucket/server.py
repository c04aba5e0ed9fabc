"""An S3 server for benchmarks: nginx with Lua over a directory, on loopback.

It speaks as much S3 as Zarr libraries ask for: values and ranges, conditions, listings, copies, uploads in one piece
and in parts, deletions one by one and many at a time. It counts requests. It can wait before each answer, limit the
bandwidth of each connection, and fail. It checks no signature.

    python -m peers.bucket.server DIRECTORY --latency 20      # prints the endpoint; Ctrl-C ends it

A bucket is a directory in DIRECTORY. Needs nginx with its Lua module (Debian: nginx-light, libnginx-mod-http-lua).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEEDED = "nginx with its Lua module (Debian: apt-get install nginx-light libnginx-mod-http-lua)"
START_SECONDS = 10.0


class NoServerError(Exception):
    """The server cannot run on this machine, or cannot start."""


class BucketServer:
    """A running server; `endpoint` is its address. Use it in a `with` block, or `close` it.

    It ends a second after the process that has started it, if nobody does.

    root: the directory that holds the buckets.
    """

    def __init__(self, root: Path) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise NoServerError(f"needs {NEEDED}")
        self._work = Path(tempfile.mkdtemp(prefix="simplezarr-nginx-"))
        port = _free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        configuration = self._work / "nginx.conf"
        configuration.write_text(_configuration(self._work, root.resolve(), port), encoding="utf-8")
        with (self._work / "output").open("wb") as output:
            command = [program, "-c", str(configuration)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.control()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    told = (self._work / "output").read_text(encoding="utf-8", errors="replace").strip()
                    raise NoServerError(f"needs {NEEDED}; nginx did not start: {told or 'no answer'}") from None
                time.sleep(0.02)

    def control(self, **settings: float) -> dict[str, int]:
        """Change settings, and return what was counted since the last time."""
        return control(self.endpoint, **settings)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._work, ignore_errors=True)

    def __enter__(self) -> BucketServer:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def control(endpoint: str, **settings: float) -> dict[str, int]:
    """Change settings of the server at an endpoint, and return what was counted since the last time.

    settings: latency (ms before each answer), bandwidth (MB/s of each connection, 0 for no limit), faults (the share
    of requests that fail), status (of those that fail; 444 closes the connection without an answer).
    Counts: requests by kind (GET, RANGE, HEAD, LIST, PUT, POST, DELETE, FAULT; "GET 404" and so on for missing keys),
    the bytes sent, and the connections that brought their first request.
    """
    query = "&".join(f"{name}={value:g}" for name, value in settings.items())
    with urllib.request.urlopen(f"{endpoint}/_control?{query}", timeout=10) as answer:
        counts: dict[str, int] = json.load(answer)
    return counts


def _configuration(work: Path, root: Path, port: int) -> str:
    user = "user root;" if hasattr(os, "getuid") and os.getuid() == 0 else ""
    text = (HERE / "nginx.conf").read_text(encoding="utf-8")
    replacements = {"WORK": work, "ROOT": root, "HERE": HERE, "PORT": port, "USER": user, "PARENT": os.getpid()}
    return re.sub(rf"\b({'|'.join(replacements)})\b", lambda word: str(replacements[word[0]]), text)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--latency", type=float, default=0, help="ms before each answer")
    parser.add_argument("--bandwidth", type=float, default=0, help="MB/s of each connection")
    given = parser.parse_args()
    with BucketServer(given.directory) as server, contextlib.suppress(KeyboardInterrupt):
        server.control(latency=given.latency, bandwidth=given.bandwidth)
        print(server.endpoint, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
