"""What was measured, and what follows from it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from peers.contenders import ATOMIC_NAMES, FLOOR, NAMES, OURS, PEER_NAMES
from peers.rows import Row, Target, targets_to_json


@dataclass
class RowResult:
    """Samples (seconds of one operation) by contender; who is not in it is in ``reasons``."""

    row: Row
    samples: dict[str, list[float]] = field(default_factory=dict)
    like: list[float] = field(default_factory=list)  # simplezarr at the row ``row.like``, in the same rounds
    memory: dict[str, int] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)  # bytes that each has written, metadata apart
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    requests: dict[str, dict[str, int]] = field(default_factory=dict)  # what one run asks of the server
    cpu: dict[str, float] = field(default_factory=dict)  # seconds of processor time of that run
    failed: bool = False  # simplezarr gave a wrong answer, or none

    def median(self, name: str) -> float | None:
        samples = self.samples.get(name)
        return statistics.median(samples) if samples else None

    def spread(self, name: str) -> float | None:
        """Return the middle half of the samples as a part of their median: how noisy the rounds were."""
        samples = self.samples.get(name, ())
        if len(samples) < 3:
            return None
        low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
        return (high - low) / median

    def best_peer(self, among: frozenset[str] = PEER_NAMES) -> str | None:
        times = [(time, name) for name in NAMES if name in among and (time := self.median(name)) is not None]
        return min(times)[1] if times else None

    def ratio(self, against: str) -> float | None:
        """Our median over that of the "floor", the best "peer" (or "atomic" peer) or our own at the other "row"."""
        ours, other = self.median(OURS), None
        if against == "floor":
            other = self.median(FLOOR)
        elif against == "row":
            other = statistics.median(self.like) if self.like else None
        else:
            best = self.best_peer(ATOMIC_NAMES if against == "atomic" else PEER_NAMES)
            other = self.median(best) if best else None
        return ours / other if ours is not None and other else None

    def verdicts(self) -> list[tuple[Target, float | None, bool | None]]:
        """Return each target with the ratio reached and whether that is met; None if it could not be measured."""
        reached = [(target, self.ratio(target.against)) for target in self.row.targets]
        return [(target, ratio, None if ratio is None else ratio <= target.ratio) for target, ratio in reached]

    def missed(self) -> bool:
        """Return whether a target was missed; without a time of ours, all of them are."""
        return OURS not in self.samples or any(met is False for _, _, met in self.verdicts())

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.row.to_json(),
            "targets": targets_to_json(self.row),
            "samples": self.samples,
            "medians": {name: self.median(name) for name in self.samples},
            "spreads": {name: self.spread(name) for name in self.samples},
            "like": {"row": self.row.like, "samples": self.like} if self.like else None,
            "best_peer": self.best_peer(),
            "ratios": {against: self.ratio(against) for against in ("floor", "peer", "atomic", "row")},
            "memory": self.memory,
            "stored": self.stored,
            "settings": self.settings,
            "reasons": self.reasons,
            "requests": self.requests,
            "cpu": self.cpu,
            "failed": self.failed,
        }


def geometric_mean(results: list[RowResult], against: str) -> tuple[float, int] | None:
    """Return the mean of our ratios to the best "peer" of each row, or to the "floor", and the number of rows."""
    ratios = [ratio for result in results if (ratio := result.ratio(against))]
    return (statistics.geometric_mean(ratios), len(ratios)) if ratios else None


def result_from_json(row: Row, document: dict[str, Any]) -> RowResult:
    """Return the result of the row of a name from ``RowResult.to_json``."""
    known = ("samples", "memory", "stored", "settings", "reasons", "failed", "requests", "cpu")
    kept = {name: document[name] for name in known if name in document}
    return RowResult(row, like=(document["like"] or {}).get("samples", []), **kept)
