"""A picture of the results: for each row, our time as a multiple of the best peer's."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from peers.contenders import FLOOR, OURS
from peers.results import RowResult, geometric_mean

FASTER, SLOWER, INK = "#2a7f9e", "#c8553d", "#333333"
ROW_INCHES, GAP = 0.21, 1.2  # GAP: rows of room above a kind, for its name
TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


def plot(results: list[RowResult], title: str, path: Path) -> None:
    """Write an SVG, PNG or PDF, by the file's suffix. Needs matplotlib."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams |= {"svg.hashsalt": "simplezarr", "svg.fonttype": "none", "font.size": 8}  # same figure, same file
    import matplotlib.pyplot as plt

    shown = [result for result in results if result.ratio("peer")]
    kinds = [(kind, [*rows]) for kind, rows in groupby(sorted(shown, key=_kind_first), lambda result: result.row.kind)]
    height = len(shown) + GAP * len(kinds)
    figure, axes = plt.subplots(figsize=(8, 1.1 + ROW_INCHES * height), layout="constrained")
    y, labels = 0.0, {}
    for kind, rows in kinds:
        y += GAP
        axes.annotate(kind, (0, y - 0.9), (-6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                      ha="right", va="center", weight="bold")  # fmt: skip
        for result in rows:
            _bar(axes, y, result)
            labels[y] = result.row.name
            y += 1
    _frame(axes, y, labels, geometric_mean(shown, "peer"))
    figure.suptitle(title, fontsize=6.5, x=0.01, ha="left", wrap=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)


def _kind_first(result: RowResult) -> int:
    return result.row.KINDS.index(result.row.kind)


def _bar(axes: Any, y: float, result: RowResult) -> None:
    """Draw a bar from the best peer, which is 1, to us, with a mark for the floor and the peer's name."""
    ratio = result.ratio("peer")
    best = result.best_peer()
    assert ratio is not None
    assert best is not None
    axes.barh(y, ratio - 1, 0.62, left=1, color=FASTER if ratio <= 1 else SLOWER, zorder=2)
    floor, peer, end = result.median(FLOOR), result.median(best), ratio
    if floor and peer:
        mark = floor / peer
        axes.scatter(mark, y, 60, color=INK, marker="|", linewidth=1.4, zorder=3)
        if 0.8 < mark / ratio < 1.25 and (mark < ratio) == (ratio <= 1):
            end = mark  # the figure would lie on it
    axes.annotate(f"{ratio:.2f}", (end, y), (-4 if ratio <= 1 else 4, -0.5), textcoords="offset points",
                  ha="right" if ratio <= 1 else "left", va="center", fontsize=7, color=INK)  # fmt: skip
    axes.annotate(best, (1, y), (6, -0.5), xycoords=("axes fraction", "data"), textcoords="offset points",
                  va="center", fontsize=7, color=INK)  # fmt: skip


def _frame(axes: Any, bottom: float, labels: dict[float, str], mean: tuple[float, int] | None) -> None:
    """Draw the axes around the bars, and a line at the mean."""
    low, high = axes.get_xlim()
    axes.set_xscale("log")
    axes.set_xlim(min(0.3, max(low, TICKS[0]) * 0.75), max(1.3, high * 1.2))
    axes.set_xticks([tick for tick in TICKS if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]])
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.axvline(1, color=INK, linewidth=1)
    if mean:
        axes.axvline(mean[0], color=FASTER, linewidth=1, linestyle=":")
    axes.set_ylim(bottom - 0.2, -0.2)
    axes.set_yticks([*labels], [*labels.values()])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", linewidth=0.4, zorder=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    told = f"; dotted: the geometric mean, {mean[0]:.2f}" if mean else ""
    axes.set_xlabel(f"{OURS}'s time, the best peer's being 1 (its name at the right); |: the floor in C{told}")
