"""Run the command `simplezarr`, also as `python -m simplezarr`.

Exit status of `check`: 0 if it finds no problem, 1 if it finds some, 2 if there is nothing to check.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from simplezarr import __version__
from simplezarr.errors import ZarrError
from simplezarr.utils import check

__all__ = ["main"]

_WIDTH = 40  # of the bar, in characters
_INTERVAL = 0.1  # seconds between two updates of the bar


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with arguments as in `sys.argv[1:]`, and return its exit status."""
    parser = argparse.ArgumentParser(prog="simplezarr", description="Tools for Zarr hierarchies.")
    parser.add_argument("--version", action="version", version=f"simplezarr {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    checks = commands.add_parser(
        "check",
        help="verify a hierarchy: metadata, chunks, shards, stray and left-over files",
        description="Verify a Zarr hierarchy. Exit status: 0 no problem, 1 problems, 2 nothing to check.",
    )
    checks.add_argument("path", metavar="PATH", help="the directory, the archive, or its URL")
    checks.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    return _check(options.path, options.json)


def _check(path: str, as_json: bool) -> int:
    bar = ProgressBar(sys.stderr) if sys.stderr.isatty() else None
    try:
        report = check(path, progress=bar)
    except (ZarrError, OSError, ValueError) as error:
        print(f"simplezarr check: {error}", file=sys.stderr)
        return 2
    finally:
        if bar is not None:
            bar.clear()
    print(json.dumps(report.to_json(), indent=2) if as_json else report)
    return 1 if report.problems else 0


class ProgressBar:
    """Show on one line of a terminal how many keys have been checked."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic):
        self.stream, self.clock = stream, clock
        self.next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = self.clock()
        if now < self.next:
            return
        self.next = now + _INTERVAL
        filled = done * _WIDTH // total
        self.stream.write(f"\r[{'#' * filled}{'.' * (_WIDTH - filled)}] {done:,} of {total:,} keys")
        self.stream.flush()

    def clear(self) -> None:
        self.stream.write("\r\x1b[K")
        self.stream.flush()


if __name__ == "__main__":
    sys.exit(main())
