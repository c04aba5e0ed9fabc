"""Tables in plain text or Markdown."""

from __future__ import annotations

from peers.contenders import OURS
from peers.results import RowResult

NOTHING = "-"
MIB = 1 << 20
AGAINST = {"floor": "the floor", "peer": "the best peer"}


def draw(rows: list[list[str]], markdown: bool) -> str:
    """The first row is the head; the first column is set left, the others right."""
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


def times(results: list[RowResult], names: list[str], markdown: bool) -> str:
    """Medians for each row, our ratios to the best peer and to the floor, our spread over rounds, our peak memory."""
    table = [["row", "unit", *names, "best peer", "/peer", "/floor", "spread", "peak MiB"]]
    for result in results:
        micro = result.row.micro
        cells = [_time(result.median(name), micro) for name in names]
        ratios = [_ratio(result.ratio("peer")), _ratio(result.ratio("floor"))]
        ends = [_percent(result.spread(OURS)), _mebibytes(result.memory.get(OURS))]
        table.append([result.row.name, "us" if micro else "ms", *cells, result.best_peer() or NOTHING, *ratios, *ends])
    return draw(table, markdown)


def memory(results: list[RowResult], names: list[str], markdown: bool) -> str:
    """The resident set's rise during one read in a fresh process, result included, for everybody."""
    table = [["peak MiB above the baseline", *names]]
    for result in results:
        if result.memory:
            table.append([result.row.name, *(_mebibytes(result.memory.get(name)) for name in names)])
    return draw(table, markdown)


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


def settings(results: list[RowResult]) -> str:
    lines = [f"{r.row.name}: {name}: {chosen}" for r in results for name, chosen in r.settings.items() if chosen]
    return "\n".join(lines)
