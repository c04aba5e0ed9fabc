"""Consolidated metadata as a hierarchy: the copies of documents that a group holds of all nodes below it.

The document has them by path, in one flat table. To walk it, the names below each group are needed. They are found once
for the table, which the parts for groups below share.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property

from simplezarr.metadata.chunk_keys import join
from simplezarr.schema.extensions import JsonObject

__all__ = ["Copies"]


class _Table:
    """All documents by path, and the sorted names below each group, which are found at their first use."""

    def __init__(self, documents: Mapping[str, JsonObject]):
        self.documents = documents

    @cached_property
    def children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for path in sorted(self.documents):
            parent, _, name = path.rpartition("/")
            children.setdefault(parent, []).append(name)
        return children


class Copies(Mapping[str, JsonObject]):
    """The members of the documents below a group by relative path, and the names right below each of these.

    - origin: the path of the group whose document has the copies.
    - prefix: the path from there to the group that this part is for.

    >>> copies = Copies({"a": {}, "b": {}, "a/x": {}}, "root")
    >>> copies.names(), copies.below("a").names(), "a/x" in copies, list(copies.below("a"))
    (['a', 'b'], ['x'], True, ['x'])
    """

    __slots__ = ("_table", "origin", "prefix")

    def __init__(self, documents: Mapping[str, JsonObject], origin: str):
        self.origin, self.prefix = origin, ""
        self._table = _Table(documents)

    def below(self, path: str) -> "Copies":
        """Return the part for a group below, without copying anything."""
        part = object.__new__(Copies)
        part.origin, part.prefix = self.origin, join(self.prefix, path)
        part._table = self._table
        return part

    def names(self) -> list[str]:
        """Return the names right below the group, sorted."""
        return self._table.children.get(self.prefix, [])

    def __getitem__(self, path: str) -> JsonObject:
        return self._table.documents[join(self.prefix, path)]

    def __iter__(self) -> Iterator[str]:
        children, todo = self._table.children, [*reversed(self.names())]
        while todo:
            path = todo.pop()
            yield path
            todo += [f"{path}/{name}" for name in reversed(children.get(join(self.prefix, path), []))]

    def __len__(self) -> int:
        return sum(1 for _ in self)
