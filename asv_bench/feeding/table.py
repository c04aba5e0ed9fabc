"""Results as tables: for a terminal, and for docs/benchmarks.md."""

from __future__ import annotations

from feeding.rows import ROWS

#: Of a contender in a row: microseconds of processor and of wall time a sample, and how well it mixed.
Results = dict[str, dict[str, float]]


def show(row: str, results: Results) -> None:
    """Print a row's results, the least processor time first."""
    print(f"\n{row:30} {'us of CPU':>10} {'us':>10} {'/ floor':>8} {'/ floor':>8} {'mix':>6} {'lift':>6}")
    for name, one in sorted(results.items(), key=lambda item: item[1]["cpu"]):
        cpu, wall = ratios(one, results)
        mixing = "" if name == "floor" else f"{one['mix']:6.2f} {one['lift']:6.2f}"
        print(f"{name:30} {one['cpu']:10.2f} {one['wall']:10.2f} {cpu:8.2f} {wall:8.2f} {mixing}", flush=True)


def ratios(one: dict[str, float], results: Results) -> tuple[float, float]:
    """Return processor and wall time as multiples of the floor's."""
    floor = results.get("floor", {"cpu": float("nan"), "wall": float("nan")})
    return one["cpu"] / floor["cpu"], one["wall"] / floor["wall"]


def markdown(kept: dict[str, Results]) -> str:
    """Return two tables: orders that keep chunks together, and uniform ones."""
    tables = []
    for uniform in (False, True):
        rows = [row for row in ROWS if row in kept and ROWS[row].uniform == uniform]
        heads = ["contender", *[row.removeprefix("uniform: ") for row in rows]]
        lines = [heads, ["---"] * len(heads)]
        floor = [kept[row]["floor"] for row in rows]
        lines.append(["*floor, µs*", *[f"*{one['cpu']:.3g} ({one['wall']:.3g})*" for one in floor]])
        names = {name for row in rows for name in kept[row]} - {"floor"}
        for name in sorted(names, key=lambda name: _mean(name, rows, kept)):
            lines.append([name, *[_cell(name, kept[row], uniform) for row in rows]])
        tables.append("\n".join(["| " + " | ".join(line) + " |" for line in lines]))
    return "\n\n".join(tables)


def _mean(name: str, rows: list[str], kept: dict[str, Results]) -> float:
    """Return how a contender does on average of the rows in which it takes part."""
    values = [ratios(kept[row][name], kept[row])[0] for row in rows if name in kept[row]]
    return sum(values) / len(values)


def _cell(name: str, results: Results, uniform: bool) -> str:
    if name not in results:
        return "-"
    cpu, wall = ratios(results[name], results)
    lift = "" if uniform else f", {results[name]['lift']:.1f}"
    return f"{cpu:.2f} ({wall:.2f}{lift})"
