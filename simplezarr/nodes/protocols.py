"""What the parts of this folder need of an array or a group, so that they import neither."""

from collections.abc import Callable
from typing import Any, Protocol

from simplezarr.hierarchy.changes import Node
from simplezarr.transfer.handle import ArrayHandle

__all__ = ["HasHandle", "HasMetadata"]


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
