"""Counts what operations cost and compares it with limits.toml.

    python asv_bench/counts.py            # a table; exit status 1 where a limit is exceeded
    python asv_bench/counts.py --limits   # the limits that what is counted now would have

What can't be counted on this machine (there is no valgrind, or no C compiler) is left out, with a message. About half a
minute.
"""

from __future__ import annotations

import math
import sys
import tomllib
from pathlib import Path

from benchmarks.bench_calls import calls_of_all
from benchmarks.counting import CannotCountError, allocations, profiled

LIMITS = Path(__file__).with_name("limits.toml")
ROOM = {"instructions": 1.15}  # for what differs between processors
EXACT = 0.02  # of a call for each chunk: what a whole operation costs is not divided without a rest


def counted() -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return tables as in limits.toml, and the reasons why others are missing."""
    tables: dict[str, dict[str, float]] = {"python_calls": {**calls_of_all()}}
    missing = []
    for count in (allocations, profiled):
        try:
            for task, counts in count().items():
                tables.setdefault(task, {}).update(counts)
        except CannotCountError as reason:
            missing.append(str(reason))
    return tables, missing


def limit(what: str, count: float) -> float:
    """Return the limit for a count that is right."""
    return math.ceil(count * ROOM[what]) if what in ROOM else round(max(count, 0), 2)


def main() -> int:
    tables, missing = counted()
    for reason in missing:
        print(f"not counted: {reason}", file=sys.stderr)
    if "--limits" in sys.argv:
        for task, counts in tables.items():
            print(f"\n[{task}]", *(f'"{what}" = {limit(what, count)}' for what, count in counts.items()), sep="\n")
        return 0
    limits = tomllib.loads(LIMITS.read_text(encoding="utf-8"))
    exceeded = 0
    for task, counts in tables.items():
        for what, count in counts.items():
            most = limits[task][what]
            worse = count > most + EXACT
            exceeded += worse
            print(f"{task:14} {what:18} {count:10.2f}  at most {most:10.2f}{'  EXCEEDED' if worse else ''}")
    if exceeded:
        print(f"{exceeded} limits are exceeded: find out why, or raise them in {LIMITS.name}", file=sys.stderr)
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
