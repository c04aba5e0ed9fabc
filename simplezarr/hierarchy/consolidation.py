"""The groups above a node, and the consolidated metadata in them, which are copies of the documents below.

No copy may ever be out of date through this library. So each change of a document drops the copies above it before, and
looks again afterwards, in case one was being made meanwhile. Consolidation leaves a mark in the group's own document
before it reads anything, and stores its copy only if the mark is still there. If the copy misses a change, the change
was stored after the mark, so its second look finds the mark, or the copy, and removes it.
"""

import errno
import warnings
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from simplezarr.errors import (
    MetadataError,
    NodeExistsError,
    NodeNotFoundError,
    UnsupportedError,
    ZarrError,
    ZarrWarning,
)
from simplezarr.hierarchy.documents import (
    CONSOLIDATED_MEMBER,
    NODE_DOCUMENTS,
    change_documents,
    child_names,
    fetch_document,
    find_document,
    parse_documents,
    read_copy,
    read_documents,
    without_consolidated,
)
from simplezarr.metadata.chunk_keys import join
from simplezarr.metadata.json_document import load
from simplezarr.metadata.v2.documents import ARRAY, CONSOLIDATED, GROUP
from simplezarr.metadata.v3 import ArrayMetadata, GroupMetadata
from simplezarr.runtime import executor
from simplezarr.schema.json_text import REMOVED, patch
from simplezarr.schema.leniency import collect
from simplezarr.stores.base import Store

__all__ = ["GroupAbove", "consolidate", "Invalidation", "groups_above"]

#: The key of a lock, which is never stored.
CONSOLIDATION_LOCK = "zarr.json.consolidation"
#: How often a group is consolidated anew because what is below it was changed meanwhile.
ATTEMPTS = 32
#: The mark: the member that holds the copy (in Zarr 3) is there, but null.
MARK = {CONSOLIDATED_MEMBER: None}

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


class GroupAbove(NamedTuple):
    """The place of a group above a node, with the key and the content of the document there, if there is one."""

    store: Store
    path: str
    found: tuple[str, bytes] | None

    @property
    def is_array(self) -> bool:
        """Return whether the document is that of an array; one that can't be read is taken for a group's."""
        if self.found is None:
            return False
        key, document = self.found
        if not key.endswith(ArrayMetadata.document):
            return key.endswith(ARRAY)
        try:
            return b'"array"' in document and load(document, key).get("node_type") == "array"
        except MetadataError:
            return False


def groups_above(store: Store, path: str, *, nearest: bool = False) -> list[GroupAbove]:
    """Return the places of the groups above a node, the outermost first. `nearest`: the nearest is enough.

    A store may be a view into a hierarchy, as a `LocalStore` of a directory in it is; then groups above the store's
    root are among them.
    """
    places = [(store, path.rpartition("/")[0])] if path and nearest else [(store, group) for group in _ancestors(path)]
    outer = None if path and nearest else store.enclosing(NODE_DOCUMENTS)
    if outer is not None:
        places[:0] = [(outer[0], group) for group in _ancestors(outer[1])]
    threads = executor.concurrency_for(store, 1)
    return executor.parallel_map(lambda place: GroupAbove(*place, find_document(*place)), places, threads)


def _ancestors(path: str) -> list[str]:
    """Return the paths of the groups above a node, the root first.

    >>> _ancestors("a/b/c"), _ancestors("")
    (['', 'a', 'a/b'], [])
    """
    names = path.split("/") if path else []
    return ["/".join(names[:depth]) for depth in range(len(names))]


class Invalidation:
    """Within `with`, documents in a store are changed that groups above may have copies of.

    The copies are removed at the beginning and, if some were made meanwhile, at the end.
    passed_over: numbers of system errors that do not keep the change from being made.
    """

    __slots__ = ("above", "passed_over", "store")

    def __init__(self, store: Store, above: Sequence[GroupAbove], passed_over: Container[int] = ()):
        self.store, self.above, self.passed_over = store, above, passed_over

    def __enter__(self) -> None:
        for place in self.above:
            try:
                invalidate_consolidated(self.store, place)
            except OSError as error:
                if error.errno not in self.passed_over:
                    raise

    def __exit__(self, *error: object) -> None:
        if self.above:
            _look_again(self.store, self.above)


def _look_again(store: Store, above: Sequence[GroupAbove]) -> None:
    """Drop the copies that were made meanwhile. The change is done, so what fails here is no reason to raise."""
    try:
        for place in _reread(store, above):
            invalidate_consolidated(store, place)
    except Exception as error:
        message = f"{store!r}: a consolidation that ran meanwhile may be out of date: {error}; consolidate again"
        warnings.warn(message, ZarrWarning, stacklevel=2)


def _reread(store: Store, above: Sequence[GroupAbove]) -> list[GroupAbove]:
    """Return the same places with the documents of now."""

    def look(place: GroupAbove) -> GroupAbove:
        if place.found is None:
            return GroupAbove(place.store, place.path, find_document(place.store, place.path))
        key = place.found[0]
        document = fetch_document(place.store, key)
        return place._replace(found=None if document is None else (key, document))

    return executor.parallel_map(look, above, executor.concurrency_for(store, 1))


def invalidate_consolidated(store: Store, place: GroupAbove) -> None:
    """Remove the copy, or the mark, that a group may have.

    A group above the root of `store` that can't be written to keeps its copy, with a warning.
    """
    if place.found is None:
        return
    key, document = place.found
    try:
        if CONSOLIDATED_MEMBER.encode() in document:
            _change_document(place.store, key, without_consolidated)
        if key.endswith(GROUP):
            place.store.delete(join(place.path, CONSOLIDATED))
    except OSError as error:
        if place.store is store or error.errno not in _READ_ONLY:
            raise
        message = f"{key!r} of {place.store!r}: the consolidated metadata are out of date now and can't be changed"
        warnings.warn(f"{message}: {error}; consolidate again", ZarrWarning, stacklevel=2)


def _mark(store: Store, key: str) -> None:
    """Put the mark of a consolidation into a group's document; a copy that is there serves as well."""
    _change_document(store, key, lambda document, key: None if _is_marked(document, key) else patch(document, MARK))


def _unmark(store: Store, key: str) -> None:
    """Remove the mark of a consolidation that has failed."""

    def change(document: bytes, key: str) -> bytes | None:
        return _unmarked(document) if load(document, key).get(CONSOLIDATED_MEMBER, MARK) is None else None

    _change_document(store, key, change)


def _is_marked(document: bytes, key: str) -> bool:
    """Return whether nothing below a group was changed since its document was marked."""
    with collect():
        return CONSOLIDATED_MEMBER in load(document, key)


def _unmarked(document: bytes) -> bytes:
    """Return a group's document without mark or copy."""
    return patch(document, {CONSOLIDATED_MEMBER: REMOVED})


def _change_document(store: Store, key: str, change: Callable[[bytes, str], bytes | None]) -> None:
    """Replace a document by what `change` makes of it, under its lock; None is no change."""
    with store.lock(key):
        document = fetch_document(store, key)
        changed = None if document is None else change(document, key)
        if changed is not None:
            store.set(key, changed)


def consolidate(store: Store, path: str) -> GroupMetadata:
    """Store copies of all documents below a group in the group's own; return its metadata.

    The documents are copied as they are, sorted by depth and name. All of one depth are fetched at once.
    """
    with store.lock(join(path, CONSOLIDATION_LOCK)):
        for _ in range(ATTEMPTS):
            metadata = _consolidate(store, path)
            if metadata is not None:
                return metadata
    raise ZarrError(
        f"/{path} of {store!r}: other writers changed what is below it each time it was consolidated; "
        "consolidate it when they have finished"
    )


def _consolidate(store: Store, path: str) -> GroupMetadata | None:
    """Consolidate a group; None if something was changed meanwhile."""
    found = find_document(store, path)
    if found is None:
        raise NodeNotFoundError(f"there is no node at /{path} of {store!r} any more")
    key = found[0]
    _mark(store, key)
    try:
        nodes, texts = _copies_below(store, path)
        with store.lock(key):
            document = fetch_document(store, key)
            if document is None or not _is_marked(document, key):
                return None
            documents = read_documents(store, path, key, _unmarked(document))
            before = parse_documents(path, documents)
            if not isinstance(before, GroupMetadata):
                raise NodeExistsError(f"/{path} of {store!r} is an array, not a group")
            _check_formats(path, nodes, before.zarr_format)
            changed = change_documents(path, documents, before, before, texts)
            changed.setdefault(key, documents[before.document])  # the mark goes last, once the copy is there (Zarr 2)
            for name, content in changed.items():
                store.set(name, content)
        return replace(before, consolidated=nodes)
    except BaseException:
        with suppress(Exception):  # the first error is the one to raise
            _unmark(store, key)
        raise


def _copies_below(store: Store, path: str) -> tuple[dict[str, dict], dict[str, dict]]:
    """Return the members, and the texts, of all documents below a group, by path relative to it."""
    found: dict[str, dict] = {}
    texts: dict[str, dict] = {}
    level, width = [path], executor.concurrency_for(store)
    while level:
        names = executor.parallel_map(lambda group: child_names(store, group), level, width)
        paths = [join(group, name) for group, below in zip(level, names, strict=True) for name in below]
        copies = executor.parallel_map(lambda node: read_copy(store, node), paths, width)
        level = []
        for node, copy in zip(paths, copies, strict=True):
            if copy is not None:
                below = node[len(path) :].lstrip("/")
                found[below], texts[below] = copy
                if found[below].get("node_type") == "group":
                    level.append(node)
    return found, texts


def _check_formats(path: str, nodes: dict[str, dict], zarr_format: int) -> None:
    for node, members in nodes.items():
        if members.get("zarr_format") != zarr_format:
            raise UnsupportedError(
                f"/{join(path, node)} is of another format than the group /{path}; a copy can't be of both"
            )
