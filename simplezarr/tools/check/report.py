"""Define the report of a check, as values, text and JSON."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Literal

__all__ = ["Problem", "Report"]

_MOST_SHOWN = 20  # of one kind, of one node


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a hierarchy.

    path: of the node; "" for the root, and for keys that belong to no node.
    key: the key of the store that the fault is in.
    kind: what is wrong.

    Kinds of severity "error", for data that cannot be read, or that other software reads differently:

    - "metadata": a document is not valid
    - "chunk": a chunk cannot be decoded
    - "shard": the index of a shard is damaged, or places chunks outside the shard or over each other
    - "stale": consolidated metadata differ from the documents
    - "hierarchy": there is no group above a node, or an array above it
    - "unreadable": reading fails

    Kinds of severity "warning":

    - "lenient": something departs from the specification but is read
    - "unsupported": something is unknown to this library, so chunks are not checked
    - "name": the specification reserves the name
    - "shadowed": a document is not read, because there is one of another kind
    - "stray": a key belongs to no node
    - "outside": a chunk lies outside the grid of the array
    - "partial": a killed writer left a temporary file
    """

    kind: str
    severity: Literal["error", "warning"]
    path: str
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """The faults that a check found, and the number of things that it checked.

    problems: the faults, sorted.
    nodes: the number of arrays and groups.
    chunks: the number of stored chunks; in shards, of inner chunks.
    nbytes: the stored bytes of these chunks.

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

    def to_json(self) -> dict[str, object]:
        """Return the report as JSON objects and lists, with the names of the attributes."""
        return asdict(self)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _printable(text: str) -> str:
    """Return the text with escapes for characters that a terminal would interpret."""
    return "".join([c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text])
