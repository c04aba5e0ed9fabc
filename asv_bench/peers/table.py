"""Tables in plain text or Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peers.contenders import ATOMIC_NAMES, FLOOR, OURS, PEER_NAMES
from peers.results import RowResult, geometric_mean
from peers.rows import LABELS

NOTHING = "-"
MIB = 1 << 20
ROW_WIDTH, COLUMN_WIDTH = 24, 10
AGAINST = {"floor": "the floor", "peer": "the best peer", "atomic": "the best atomic peer"}
HEAD = ["best peer", "/peer", "/floor", "spread", "peak MiB"]
TORN = "°"  # marks the time of a writer that does not replace what is stored as a whole
#: The contenders of the short table, and what they are called there.
SUMMARIZED = {
    OURS: OURS,
    FLOOR: "floor in C",
    "tensorstore": "tensorstore",
    "zarrs": "zarrs",
    "zarrista": "zarrista",
    "zarr-fused": "zarr-python, fused",
    "zarr": "zarr-python",
}


def draw(rows: list[list[str]], markdown: bool) -> str:
    """Draw a table: the first row is the head; the first column is set left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first, *others = widths
    lines = [[row[0].ljust(first), *map(str.rjust, row[1:], others)] for row in rows]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines)
    rule = ["-" * w if not i else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [lines[0], rule, *lines[1:]])


def _time(seconds: float | None, micro: bool) -> str:
    if seconds is None:
        return NOTHING
    value = seconds * (1e6 if micro else 1e3)
    return f"{value:.{0 if value >= 1000 else 1 if value >= 100 else 2}f}"


def _ratio(ratio: float | None) -> str:
    return NOTHING if ratio is None else f"{ratio:.2f}"


def _percent(part: float | None) -> str:
    return NOTHING if part is None else f"{part:.0%}"


def _mebibytes(nbytes: int | None) -> str:
    return NOTHING if nbytes is None else f"{nbytes / MIB:.1f}"


def _cells(result: RowResult, names: list[str]) -> list[str]:
    micro, cells = result.row.micro, []
    for name in names:
        cells.append(_time(result.median(name), micro) + (TORN if _is_torn(result, name) else ""))
    ratios = [_ratio(result.ratio("peer")), _ratio(result.ratio("floor"))]
    ends = [_percent(result.spread(OURS)), _mebibytes(result.memory.get(OURS))]
    return [result.row.name, "us" if micro else "ms", *cells, result.best_peer() or NOTHING, *ratios, *ends]


def times(results: list[RowResult], names: list[str], markdown: bool) -> str:
    """Return medians for each row, our ratios to the best peer and to the floor, our spread, our peak memory."""
    table = draw([["row", "unit", *names, *HEAD], *(_cells(result, names) for result in results)], markdown)
    return f"{table}\n\n{TORN} not atomic: overwrites in place" if TORN in table else table


def summary(results: list[RowResult], names: list[str]) -> str:
    """Return the short table, in Markdown, with each row in words."""
    known = {result.row.name: result for result in results}
    columns = [name for name in names if name in SUMMARIZED]
    lines = [["work", *(SUMMARIZED[name] for name in columns)], ["---"] * (1 + len(columns))]
    for row, label in LABELS.items():
        if row in known:
            lines.append([label, *(_told(known[row], name) for name in columns)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _told(result: RowResult, name: str) -> str:
    seconds = result.median(name)
    if seconds is None:
        return "\N{EN DASH}"  # has no way to do it
    value, unit = (seconds * 1e6, "µs") if result.row.micro else (seconds * 1e3, "ms")
    return f"{value:.{1 if value < 20 else 0}f} {unit}{TORN if _is_torn(result, name) else ''}"


def _is_torn(result: RowResult, name: str) -> bool:
    if result.row.link:
        return False  # a server replaces what is stored as a whole
    return result.row.writing and name in PEER_NAMES - ATOMIC_NAMES and name in result.samples


def means(results: list[RowResult], markdown: bool) -> str:
    """Our ratios over all rows in one figure each."""
    table = [["geometric mean of the ratios", "", "rows"]]
    for against in ("peer", "floor"):
        mean = geometric_mean(results, against)
        if mean:
            table.append([f"to {AGAINST[against]}", f"{mean[0]:.3f}", str(mean[1])])
    return draw(table, markdown)


def live(names: list[str]) -> tuple[str, Callable[[RowResult], str]]:
    """Return a head, and a function that makes the line of a row, with columns wide enough for all."""
    columns = [name.rjust(COLUMN_WIDTH) for name in names]
    head = ["row".ljust(ROW_WIDTH), "unit", *columns, HEAD[0].rjust(2 * COLUMN_WIDTH), *HEAD[1:]]
    widths = [len(cell) for cell in head]

    def line(result: RowResult) -> str:
        row, *cells = _cells(result, names)
        return "  ".join([row.ljust(ROW_WIDTH), *map(str.rjust, cells, widths[1:])])

    return "  ".join(head), line


def memory(results: list[RowResult], names: list[str], markdown: bool) -> str:
    """Return the rise of the resident set during one read in a fresh process, result included, for each contender."""
    table = [["peak MiB above the baseline", *names]]
    for result in results:
        if result.memory:
            table.append([result.row.name, *(_mebibytes(result.memory.get(name)) for name in names)])
    return draw(table, markdown)


#: How kinds of requests are written in a table.
KINDS = {"GET": "G", "RANGE": "R", "HEAD": "H", "LIST": "L", "PUT": "P", "POST": "O", "DELETE": "D", "FAULT": "F"}


def requests(results: list[RowResult], names: list[str], markdown: bool) -> str:
    """Return what one run asks of the server, the megabytes that come back, and its processor time here."""
    known = [name for name in names if any(name in result.requests for result in results)]
    table = [["requests, MB, ms of CPU", *known]]
    for result in results:
        if result.requests:
            table.append([result.row.name, *(_requested(result, name) for name in known)])
    letters = ", ".join(f"{letter} {kind}" for kind, letter in KINDS.items())
    return f"{draw(table, markdown)}\n\n{letters}; with ! if the key is missing"


def _requested(result: RowResult, name: str) -> str:
    counts = result.requests.get(name)
    if counts is None:
        return NOTHING
    told = []
    for kind, n in sorted(counts.items()):
        method, _, status = kind.partition(" ")
        if method in KINDS:
            told.append(f"{n} {KINDS[method]}{'!' if status else ''}")
    return f"{' + '.join(told)}, {counts.get('bytes', 0) / 1e6:.1f}, {result.cpu[name] * 1e3:.0f}"


def targets(results: list[RowResult], markdown: bool) -> str:
    table = [["row", "target", "reached", "verdict"]]
    for result in results:
        for target, ratio, met in result.verdicts():
            text = f"<= {target.ratio:.2f} x {AGAINST.get(target.against, result.row.like)}"
            verdict = {None: NOTHING, True: "PASS", False: "FAIL"}[met]
            absent = OURS not in result.samples
            table.append([result.row.name, text, _ratio(ratio), "FAIL" if result.failed or absent else verdict])
    return draw(table, markdown)


def reasons(results: list[RowResult]) -> str:
    lines = [f"{result.row.name}: {name}: {why}" for result in results for name, why in result.reasons.items()]
    return "\n".join(lines)


def stored(results: list[RowResult]) -> str:
    """Return the bytes written by each contender: alike, if all encode alike."""
    lines = [f"{r.row.name}: bytes stored: {r.stored}" for r in results if r.stored]
    return "\n".join(lines)


def facts(machine: dict[str, Any], versions: dict[str, str | None], size: int, threads: int) -> str:
    """Describe the libraries and the machine."""
    known = {name: version.partition(" (")[0] for name, version in versions.items() if version and name != FLOOR}
    software = {"Python": machine["python"], "NumPy": machine["numpy"], **known}
    load = ", ".join(f"{figure:.1f}" for figure in machine["load"])
    return (
        f"{machine['processor']}, {machine['processors']} processors, {machine['platform']}; "
        f"load at the start {load}.\n"
        f"Cubes of {size}, {threads} threads; writes on {machine['scratch']}, not synced.\n"
        + "; ".join(f"{name} {version}" for name, version in software.items())
    )


def settings(results: list[RowResult]) -> str:
    lines = [f"{r.row.name}: {name}: {chosen}" for r in results for name, chosen in r.settings.items() if chosen]
    return "\n".join(lines)
