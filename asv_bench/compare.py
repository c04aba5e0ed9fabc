"""Times simplezarr side by side with other Zarr libraries, and with a floor in C, on the same files.

Each contender lives in a process of its own; in every round all of them do the task once, in random order. Answers are
checked, files are in the page cache, results are freshly allocated, arrays are opened outside of the timer. What is
written goes to fresh directories, is not synced, and is read back by another library.

    python asv_bench/compare.py --quick                                # a first look
    python asv_bench/compare.py --targets --json result.json           # the real thing: 512-cubes, 7 rounds
    python asv_bench/compare.py --only 'write-*' --json result.json    # some rows once more, into the same file
    python asv_bench/compare.py --from result.json --markdown --plot result.svg    # nothing measured, only told

Exit status: 0; 1 when simplezarr gave a wrong answer or failed; 3 when --targets were missed, or nothing of
simplezarr could be timed against them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from peers import contenders, data, table
from peers.bucket.server import BucketServer, NoServerError
from peers.comparison import Comparison, Where
from peers.contenders import OURS
from peers.plot import plot
from peers.process import HOME, pin
from peers.results import RowResult, geometric_mean, result_from_json
from peers.rows import SIZES, Row, all_rows, choose_rows


def processor() -> str:
    """Return the processor's name, if Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def file_system(directory: Path) -> str:
    """Return the kind of file system that a directory is on, if Linux tells it."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return "unknown"
    return max((mount, kind) for mount, kind in mounts if directory.is_relative_to(mount))[1]


def machine(scratch: Path) -> dict[str, Any]:
    return {
        "platform": platform.platform(),
        "processor": processor(),
        "scratch": file_system(scratch),
        "python": platform.python_version(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg(),
        "numpy": np.__version__,
    }


def parse_size(text: str) -> int:
    size = SIZES.get(text) or int(text)
    if size < 32 or size % 16:
        raise argparse.ArgumentTypeError(f"{text}: a multiple of 16 from 32 on, or one of {', '.join(SIZES)}")
    return size


def parse_names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in contenders.NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(contenders.NAMES)}")
    return [name for name in contenders.NAMES if name in names]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--only", action="append", metavar="ROW", help="rows by name or shell pattern (repeatable)")
    add("--large", action="store_true", help="also the rows of 100,000 chunks")
    add("--quick", action="store_true", help="a look: --size small --rounds 2 --no-memory --no-tuning")
    add("--contenders", type=parse_names, default=list(contenders.NAMES), metavar="NAME,…", help="default: all")
    add("--rounds", type=int, default=7)
    add("--threads", type=int, default=2, help="for everybody; also the processors left to them (default 2)")
    add("--size", type=parse_size, default=SIZES["full"], help="side of the cubes: small, medium, full or a number")
    add("--data", type=Path, help="where the files are kept between runs (default: in the temporary directory)")
    add("--scratch", type=Path, help="where to write, for a while (default: beside the files that are read)")
    add("--json", type=Path, metavar="FILE", help="every sample, after each row; rows that are there already are kept")
    add("--from", type=Path, dest="told", metavar="FILE", help="measures nothing, but tells of the rows in this file")
    add("--markdown", action="store_true", help="tables in Markdown")
    add("--summary", action="store_true", help="the table of docs/benchmarks.md instead of those of all rows")
    add("--plot", type=Path, metavar="FILE", help="a picture (.svg, .png, .pdf); needs matplotlib")
    add("--targets", action="store_true", help="prints each row's targets and whether they are met")
    add("--no-memory", dest="memory", action="store_false", help="leaves out peak memory")
    add("--no-tuning", dest="tune", action="store_false", help="peers with the first of the settings worth trying")
    add("--verbose", action="store_true", help="why a cell is empty, and the settings that were fastest")
    add("--timeout", type=float, default=300.0, help="seconds that a contender may take for one request")
    add("--seed", type=int, default=0, help="of the order within the rounds")
    add("--list", action="store_true", help="lists rows and contenders")
    options = parser.parse_args()
    if options.quick:
        options.size, options.rounds = SIZES["small"], 2
        options.memory = options.tune = False
    return options


def write_files(directory: Path, rows: list[Row], size: int) -> None:
    """Make the missing files in a process of its own, and read all of them once."""
    names = sorted({row.array for row in rows})
    missing = [name for name in names if not (directory / name).exists()]
    if missing:
        print(f"writing {', '.join(missing)} to {directory}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "peers.data", str(directory), str(size), *missing], cwd=HOME, check=True)
    for name in names:
        data.warm(directory, name)


def _conditions(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the conditions that all rows of one table must share."""
    return {**facts["machine"], "load": None, "size": facts["size"], "threads": facts["threads"]}


class Record:
    """What is known: the facts of the run and its results, in a file after each row if there is to be one."""

    def __init__(self, facts: dict[str, Any], path: Path | None) -> None:
        self.facts, self.path = facts, path
        self.results: dict[str, RowResult] = {}
        if path and path.exists():
            self._take(json.loads(path.read_text(encoding="utf-8")), path)

    def _take(self, document: dict[str, Any], path: Path) -> None:
        if self.facts and _conditions(document) != _conditions(self.facts):
            raise SystemExit(f"{path} is of another size, number of threads, machine or file system: give another file")
        self.facts = {**document, **self.facts}
        kept = {row["row"]["name"]: row for row in self.facts.pop("rows")}
        rows = all_rows(document["size"])
        self.results = {row.name: result_from_json(row, kept[row.name]) for row in rows if row.name in kept}

    def add(self, result: RowResult, versions: dict[str, str | None]) -> None:
        self.facts["versions"] = versions
        self.results[result.row.name] = result
        if self.path:
            rows = [known.to_json() for known in self.results.values()]
            means = {against: geometric_mean([*self.results.values()], against) for against in ("peer", "floor")}
            part = self.path.with_name(f"{self.path.name}.part")
            part.write_text(
                json.dumps({**self.facts, "geometric_means": means, "rows": rows}, indent=1), encoding="utf-8"
            )
            os.replace(part, self.path)

    def described(self) -> str:
        return table.facts(*(self.facts[name] for name in ("machine", "versions", "size", "threads")))

    def in_order(self) -> list[RowResult]:
        order = [row.name for row in all_rows(self.facts["size"])]
        return sorted(self.results.values(), key=lambda result: order.index(result.row.name))


def report(record: Record, options: argparse.Namespace) -> None:
    results = record.in_order()
    if options.summary:
        print(table.summary(results, options.contenders))
    else:
        tell(record, results, options)
    if options.plot:
        plot(results, record.described(), options.plot)


def tell(record: Record, results: list[RowResult], options: argparse.Namespace) -> None:
    """Print all results, in tables."""
    print("\n" + record.described())
    print("\n" + table.times(results, options.contenders, options.markdown))
    print("\n" + table.means(results, options.markdown))
    if any(result.memory for result in results):
        print("\n" + table.memory(results, options.contenders, options.markdown))
    if any(result.requests for result in results):
        print("\n" + table.requests(results, options.contenders, options.markdown))
    if options.targets:
        print("\n" + table.targets(results, options.markdown))
    failures = [replace(r, reasons={OURS: r.reasons.get(OURS, "failed")}) for r in results if r.failed]
    if failures:
        print("\n" + table.reasons(failures))
    if options.verbose:
        print("\n" + "\n\n".join([table.reasons(results), table.settings(results), table.stored(results)]))


def serve(directory: Path, scratch: Path) -> tuple[BucketServer, tuple[Path, Path]] | None:
    """Serve what is read and what is written as one bucket; return None, and say why, if no server can run here."""
    bucket = scratch / "buckets" / "bench"
    places = bucket / "data", bucket / "written"
    places[1].mkdir(parents=True)
    places[0].symlink_to(directory)
    try:
        return BucketServer(bucket.parent), places
    except NoServerError as error:
        print(f"the rows over a network are left out: {error}", file=sys.stderr)
        return None


def compare_rows(
    options: argparse.Namespace, rows: list[Row], places: tuple[Path, Path]
) -> Iterator[tuple[Comparison, RowResult]]:
    """Measure rows, those of each link by workers of their own. Give each result, and who measured it."""
    served = serve(*places) if any(row.link for row in rows) else None
    pin(options.threads)  # those of the workers; the server was started before
    try:
        for link, among in groupby(rows, lambda row: row.link):
            if link and served is None:
                continue
            where = Where(places)
            if link and served:
                served[0].control(latency=link.latency, bandwidth=link.bandwidth)
                where = Where(served[1], served[0].endpoint, link)
            comparison = Comparison(options.contenders, options, where)
            try:
                for row in among:
                    yield comparison, comparison.measure(row)
            finally:
                comparison.close()
    finally:
        if served:
            served[0].close()


def measure(options: argparse.Namespace, rows: list[Row]) -> tuple[Record, list[RowResult]]:
    """All rows, each told and kept as soon as it is done. Gives also those of this run."""
    directory = (options.data or Path(tempfile.gettempdir()) / "simplezarr-compare").resolve() / str(options.size)
    references = [row for row in all_rows(options.size) if row.name in {r.like for r in rows}]
    write_files(directory, rows + references, options.size)
    scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=(options.scratch or directory).resolve()))
    before = machine(scratch)
    if before["load"][0] > 0.5:
        print(f"load average {before['load'][0]:.1f}: not a quiet machine, do not trust the figures", file=sys.stderr)
    record = Record({"machine": before, "size": options.size, "threads": options.threads}, options.json)
    head, line = table.live(options.contenders)
    print(head, flush=True)
    measured = []
    try:
        for comparison, result in compare_rows(options, rows, (directory, scratch)):
            measured.append(result)
            print(line(result), flush=True)
            record.add(result, {name: worker.version for name, worker in comparison.workers.items()})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return record, measured


def main() -> int:
    options = parse_arguments()
    rows = choose_rows(all_rows(options.size), options.only, options.large)
    if options.list:
        print("rows:", *(row.name for row in rows), sep="\n  ")
        print("contenders:", *contenders.NAMES, sep="\n  ")
        return 0
    if options.told:
        record = Record({}, options.told)
        results = record.in_order()
    else:
        record, results = measure(options, rows)
    report(record, options)
    if any(result.failed for result in results):
        return 1
    return 3 if options.targets and any(result.missed() for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
