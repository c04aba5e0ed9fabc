"""What the parts of this folder need of an array or a group, so that they import neither."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from simplezarr.hierarchy.changes import Node
from simplezarr.nodes.children import Child
from simplezarr.transfer.handle import ArrayHandle

__all__ = ["HasChildren", "HasHandle", "HasMetadata", "IsGroup"]


class HasHandle(Protocol):
    """An array, as its indexers and selections need it: each of their calls takes its handle once."""

    @property
    def _handle(self) -> ArrayHandle: ...


class HasMetadata(Node, Protocol):
    """An array or a group, as its attributes need it."""

    @property
    def metadata(self) -> Any: ...
    def _change_metadata(self, change: Callable[[Any], Any]) -> None:
        """Show other metadata; of changes by several threads none is lost."""


class HasChildren(Protocol):
    """A group, as a tree of it needs it."""

    @property
    def name(self) -> str: ...
    def _children(self) -> Iterator[Child[Any]]: ...


class IsGroup(HasChildren, HasMetadata, Protocol):
    """A group, as its description needs it."""

    @property
    def nbytes_stored(self) -> int: ...
