"""Nodes in a `with` statement, which closes their store."""

from typing import Self

from simplezarr.nodes.properties import ReadOnly
from simplezarr.stores.base import Store

__all__ = ["ClosesStore"]


class ClosesStore:
    """A node that closes its store at the end of a `with` block. Other nodes of the store can't be used then either.

    >>> import simplezarr as sz
    >>> with sz.create_array({}, data=[1, 2]) as a:
    ...     print(a[1])
    2
    """

    __slots__ = ()
    store: ReadOnly[Store]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        self.store.__exit__(kind, *details)
