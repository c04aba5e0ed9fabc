"""The children of a group that exist, before they are opened."""

from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from simplezarr.errors import errors_of
from simplezarr.hierarchy.documents import (
    child_names,
    find_document,
    node_type_of,
    parse_documents,
    read_documents,
)
from simplezarr.metadata.chunk_keys import join
from simplezarr.metadata.v3 import ArrayMetadata, GroupMetadata
from simplezarr.runtime import executor
from simplezarr.stores.base import Store

__all__ = ["Child", "ask_children", "fetch_child", "name_some", "shortened", "stored_child"]

_SHOWN = 5  # names of children in a message
_LONGEST = 120  # characters of a path in a message

Opened = TypeVar("Opened")
Answer = TypeVar("Answer")


class Child(NamedTuple, Generic[Opened]):
    """An existing child. `kind` returns "array" or "group", or None if its document does not say."""

    name: str
    kind: Callable[[], str | None]
    open: Callable[[], Opened]


def ask_children(store: Store, path: str, ask: Callable[[str], Answer]) -> Iterator[tuple[str, Answer]]:
    """Yield (name, answer) for every name that may be a child of the group at a path; `ask` takes the child's path.

    A store that takes several requests at a time is asked for as many answers ahead.
    """
    names, width = child_names(store, path), executor.concurrency_for(store, 1)
    for i in range(0, len(names), width):
        some = names[i : i + width]
        yield from zip(some, executor.parallel_map(ask, [join(path, name) for name in some], width), strict=True)


def fetch_child(store: Store, path: str) -> dict[str, bytes] | Exception | None:
    """Return the documents of a child, None if there is none, or the error of reading them."""
    try:
        found = find_document(store, path)
        return None if found is None else read_documents(store, path, *found)
    except Exception as error:  # raised when the child is reached
        return error


def stored_child(
    store: Store,
    group: str,
    name: str,
    found: dict[str, bytes] | Exception,
    make: Callable[[str, ArrayMetadata | GroupMetadata], Opened],
) -> Child[Opened]:
    """Return the child of the group at a path, of which `fetch_child` has returned this; `make` opens it."""

    def documents() -> dict[str, bytes]:
        if isinstance(found, Exception):
            raise found
        return found

    def opened() -> Opened:
        path = join(group, name)
        with errors_of(store):
            metadata = parse_documents(path, documents())
        return make(path, metadata)

    return Child(name, lambda: node_type_of(documents()), opened)


def name_some(names: list[str], are_nodes: Callable[[list[str]], list[bool]] | None) -> str:
    """Return a few of these names as text, and how many more there may be.

    are_nodes: tells which of some names are those of children, with a request for each; None if all are.
    """
    few = names[: 2 * _SHOWN]
    if are_nodes is not None:
        few = [name for name, is_node in zip(few, are_nodes(few), strict=True) if is_node]
    left = len(names) - 2 * _SHOWN
    shown = few if left <= 0 and len(few) <= _SHOWN else few[:_SHOWN]
    more = max(left, 0) + len(few) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def shortened(path: str) -> str:
    """Return a path as a message shows it: in quotes, and cut if it is long."""
    return repr(path if len(path) <= _LONGEST else f"{path[:_LONGEST]}...")
