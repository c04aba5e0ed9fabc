"""A picture of the results: for each row, everybody's time as a multiple of ours."""

from __future__ import annotations

from pathlib import Path

from peers.contenders import FLOOR, OURS
from peers.results import RowResult

COLORS = {
    OURS: "black",
    FLOOR: "tab:gray",
    "tensorstore": "tab:blue",
    "tensorstore-default": "tab:cyan",
    "zarrs": "tab:orange",
    "zarrista": "tab:red",
    "zarr": "tab:green",
    "zarr-fused": "tab:olive",
}
ROW_INCHES = 0.24


def plot(results: list[RowResult], names: list[str], title: str, path: Path) -> None:
    """Writes an SVG, PNG or PDF, by the file's suffix. Needs matplotlib."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "simplezarr"  # the same figure gives the same file
    import matplotlib.pyplot as plt

    shown = [result for result in results if result.median(OURS)]
    figure, axes = plt.subplots(figsize=(9, 1.6 + ROW_INCHES * len(shown)), layout="constrained")
    for name in (name for name in names if name != OURS):
        points = [
            (other / ours, y)
            for y, result in enumerate(shown)
            if (ours := result.median(OURS)) and (other := result.median(name))
        ]
        if points:
            marker, size = ("|", 110) if name == FLOOR else ("o", 22)
            axes.scatter(*zip(*points, strict=True), marker=marker, s=size, color=COLORS[name], label=name, zorder=3)
    axes.axvline(1, color=COLORS[OURS], linewidth=1.2, label=OURS)
    axes.set_xscale("log")
    axes.set_yticks(range(len(shown)), [result.row.name for result in shown])
    axes.invert_yaxis()
    axes.grid(axis="y", linewidth=0.4)
    axes.set_xlabel("time as a multiple of simplezarr's (right of the line: slower)")
    axes.set_title(title, fontsize="small", loc="left", wrap=True)
    figure.legend(fontsize="small", loc="outside lower center", ncols=4)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
