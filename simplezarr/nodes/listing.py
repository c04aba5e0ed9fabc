"""The children of a group as a mapping lists them: names, nodes, arrays, groups."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from simplezarr.nodes.array import Array
from simplezarr.nodes.children import Child

__all__ = ["Listing"]

G = TypeVar("G")


class Listing(Generic[G]):
    """Lists the children of a group, of which subgroups have the type G. Children are opened when they are reached."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError

    def _children(self) -> Iterator[Child[Array | G]]:
        """Return an iterator of the children that exist; none is opened yet."""
        raise NotImplementedError

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def keys(self) -> list[str]:
        """Return the names of the children, sorted."""
        return [*iter(self)]  # `list(self)` would first ask for the length, and list twice

    def values(self) -> Iterator[Array | G]:
        """Return an iterator of the children, opened one after another."""
        return (node for _, node in self.items())

    def items(self) -> Iterator[tuple[str, Array | G]]:
        """Return an iterator of (name, child) pairs. A child that can't be opened raises when it is reached."""
        return ((child.name, child.open()) for child in self._children())

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Return an iterator of (name, array) pairs, as `items`; groups are not opened."""
        nodes = ((child.name, child.open()) for child in self._children() if child.kind() != "group")
        return ((name, node) for name, node in nodes if isinstance(node, Array))

    def groups(self) -> Iterator[tuple[str, G]]:
        """Return an iterator of (name, group) pairs, as `items`; arrays are not opened."""
        nodes = ((child.name, child.open()) for child in self._children() if child.kind() == "group")
        return ((name, node) for name, node in nodes if not isinstance(node, Array))

    def array_keys(self) -> list[str]:
        """Return the names of the arrays among the children, sorted; none is opened."""
        return [child.name for child in self._children() if child.kind() == "array"]

    def group_keys(self) -> list[str]:
        """Return the names of the groups among the children, sorted; none is opened."""
        return [child.name for child in self._children() if child.kind() == "group"]
