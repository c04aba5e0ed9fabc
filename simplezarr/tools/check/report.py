"""What a check has found: as values, as text, as JSON."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Literal

__all__ = ["Problem", "Report"]

_MOST_SHOWN = 20  # of one kind, of one node


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    path: of the node; "" for the root, and for what belongs to no node. key: the key of the store that it is about.

    kind: of the severity "error", data or nodes that can't be read or are read differently by others:
    "metadata" (a document that is not valid), "chunk" (can't be decoded), "shard" (its index is damaged, or places
    chunks outside the shard, or over each other), "stale" (consolidated metadata differ from the documents),
    "hierarchy" (a node without a group above it, or below an array), "unreadable" (reading fails).

    Of the severity "warning": "lenient" (departs from the specification but is read), "unsupported" (uses what this
    library doesn't know, so chunks are not checked), "name" (one that the specification reserves), "shadowed" (a
    document that is not read, as there is one of another kind), "stray" (a key that belongs to nothing), "outside" (a
    chunk outside the array's grid), "partial" (left behind by a writer that was killed).
    """

    kind: str
    severity: Literal["error", "warning"]
    path: str
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a check has found, and what it has looked at.

    nodes: arrays and groups. chunks: stored chunks, in shards the inner ones. nbytes: their bytes as they are stored.

    >>> print(Report((Problem("chunk", "error", "a", "a/c/0", "zstd: damaged"),), 2, 1, 100))
    /a
      error: a/c/0: zstd: damaged (chunk)
    <BLANKLINE>
    1 problem (1 error, 0 warnings) in 2 nodes, 1 chunk, 100 bytes
    """

    problems: tuple[Problem, ...]
    nodes: int
    chunks: int
    nbytes: int

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for path, problems in groupby(self.problems, lambda problem: problem.path):
            yield f"/{_printable(path)}"
            shown = Counter[str]()
            for problem in problems:
                shown[problem.kind] += 1
                if shown[problem.kind] <= _MOST_SHOWN:
                    text = f"{problem.severity}: {problem.key}: {problem.message} ({problem.kind})"
                    yield f"  {_printable(text)}"
            for kind, n in shown.items():
                if n > _MOST_SHOWN:
                    yield f"  and {n - _MOST_SHOWN:,} more ({kind})"
            yield ""
        yield self._summary()

    def _summary(self) -> str:
        where = f"in {_count(self.nodes, 'node')}, {_count(self.chunks, 'chunk')}, {_count(self.nbytes, 'byte')}"
        if not self.problems:
            return f"no problems {where}"
        by = Counter(problem.severity for problem in self.problems)
        kinds = f"{_count(by['error'], 'error')}, {_count(by['warning'], 'warning')}"
        return f"{_count(len(self.problems), 'problem')} ({kinds}) {where}"

    def to_json(self) -> dict:
        """The report as JSON objects and lists, members named as here."""
        return asdict(self)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _printable(text: str) -> str:
    """The text with what would confuse a terminal spelled out."""
    return "".join([c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text])
