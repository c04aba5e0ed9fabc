"""Consolidated metadata: copies of the documents below a group, in the group's own document.

No copy may be out of date through this library. So each change of a document invalidates the copies above it first, and
looks again when it is stored, because a copy may have been made meanwhile. Consolidation puts a mark into the group's
document before it reads the others, and stores its copy only if the mark is still there. A change that the copy misses
was stored after the mark, so its second look finds the mark or the copy, and removes it.
"""

import errno
import os
import shlex
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from simplezarr.errors import NodeExistsError, NodeNotFoundError, UnsupportedError, ZarrError, errors_of
from simplezarr.hierarchy.documents import (
    CONSOLIDATED_MEMBER,
    NODE_DOCUMENTS,
    DocumentTexts,
    Metadata,
    change_documents,
    child_names,
    fetch_document,
    find_document,
    has_consolidated,
    may_have_consolidated,
    node_type_of,
    parse_documents,
    parse_metadata,
    read_copy,
    read_documents,
    update_document,
    without_consolidated,
)
from simplezarr.metadata.chunk_keys import join
from simplezarr.metadata.json_document import load
from simplezarr.metadata.v2.documents import ARRAY, CONSOLIDATED, GROUP, GroupMetadataV2
from simplezarr.metadata.v3 import GroupMetadata
from simplezarr.runtime import executor
from simplezarr.schema.extensions import JsonObject
from simplezarr.schema.json_text import patch
from simplezarr.schema.leniency import collect, warn
from simplezarr.stores.base import Store

__all__ = ["GroupAbove", "consolidate", "Invalidation", "groups_above", "stale_copy"]

#: A key that is locked but never stored: one consolidation of a group at a time.
CONSOLIDATION_LOCK = "zarr.json.consolidation"
#: How often a consolidation begins again because what is below the group was changed meanwhile.
ATTEMPTS = 32
#: The mark: the member of a Zarr 3 group that holds the copy is null. Zarr 2 groups have the same member for a while.
MARK = {CONSOLIDATED_MEMBER: None}

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


class GroupAbove(NamedTuple):
    """The place of a group above a node. found: key and content of the document there, None if there is none."""

    store: Store
    path: str
    found: tuple[str, bytes] | None

    @property
    def is_array(self) -> bool:
        """Return whether the document is that of an array; one that can't be read is taken for a group's."""
        if self.found is None:
            return False
        key, document = self.found
        name = key.rpartition("/")[2]
        return (name == ARRAY or b'"array"' in document) and node_type_of({name: document}) == "array"

    def reread(self) -> "GroupAbove":
        """Return the same place with the document as it is stored now."""
        if self.found is None:
            return GroupAbove(self.store, self.path, find_document(self.store, self.path))
        key = self.found[0]
        document = fetch_document(self.store, key)
        return GroupAbove(self.store, self.path, None if document is None else (key, document))


def groups_above(store: Store, path: str, *, nearest: bool = False) -> list[GroupAbove]:
    """Return the places of the groups above a node, the outermost first; with `nearest`, at most the nearest.

    If the store is a view into a hierarchy, as a `LocalStore` of a directory in it is, the groups above the store's
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
    """Invalidate, within `with`, the copies that groups above may hold of documents that are changed.

    The copies are removed at the beginning. Those made meanwhile are removed at the end.
    passed_over: numbers of system errors that do not prevent the change.
    """

    __slots__ = ("above", "passed_over", "store")

    def __init__(self, store: Store, above: Sequence[GroupAbove], passed_over: Container[int] = ()):
        self.store, self.above, self.passed_over = store, above, passed_over

    def __enter__(self) -> None:
        for group in self.above:
            try:
                invalidate_consolidated(self.store, group)
            except OSError as error:
                if error.errno not in self.passed_over:
                    raise

    def __exit__(self, *error: object) -> None:
        try:
            width = executor.concurrency_for(self.store, 1)
            for group in executor.parallel_map(GroupAbove.reread, self.above, width):
                invalidate_consolidated(self.store, group)
        except Exception as failure:  # the change is stored, so this is no reason to raise
            message = f"{self.store!r}: a consolidation that ran meanwhile may be out of date: {failure}"
            warn(f"{message}; consolidate again")


def invalidate_consolidated(store: Store, group: GroupAbove) -> None:
    """Remove the copy, or the mark, that a group may have.

    A group above the root of `store` that can't be written keeps its copy, with a warning.
    """
    if group.found is None:
        return
    key, document = group.found
    try:
        if may_have_consolidated(document):
            update_document(group.store, key, lambda document: without_consolidated(document, key))
        if key.endswith(GROUP):
            group.store.delete(join(group.path, CONSOLIDATED))
    except OSError as error:
        if group.store is store or error.errno not in _READ_ONLY:
            raise
        message = f"{key!r} of {group.store!r}: the consolidated metadata are out of date now and can't be changed"
        warn(f"{message}: {error}; consolidate again")


def _mark(document: bytes, key: str) -> bytes | None:
    """Put the mark of a consolidation into a group's document; a copy that is there serves as well."""
    return None if has_consolidated(document, key) else patch(document, MARK)


def _unmark(document: bytes, key: str) -> bytes | None:
    """Remove the mark of a consolidation that failed. A copy stays."""
    return without_consolidated(document, key) if load(document, key).get(CONSOLIDATED_MEMBER) is None else None


def consolidate(store: Store, path: str) -> GroupMetadata:
    """Store copies of all documents below a group in the group's own document; return the group's metadata.

    The documents are copied as they are, sorted by depth and name. All of one depth are fetched concurrently.
    """
    with errors_of(store), store.lock(join(path, CONSOLIDATION_LOCK)):
        for _ in range(ATTEMPTS):
            metadata = _consolidate(store, path)
            if metadata is not None:
                return metadata
        raise ZarrError(
            f"/{path} of {store!r}: other writers changed what is below it during each of {ATTEMPTS} consolidations; "
            "consolidate when they have finished"
        )


def _consolidate(store: Store, path: str) -> GroupMetadata | None:
    """Consolidate a group; return None if something below it was changed meanwhile."""
    found = find_document(store, path)
    if found is None:
        raise NodeNotFoundError(f"/{path} of {store!r}: the group no longer exists")
    key = found[0]
    update_document(store, key, lambda document: _mark(document, key))
    try:
        nodes, texts = _copies_below(store, path)
        stored: list[GroupMetadata] = []

        def with_copy(document: bytes) -> bytes | None:
            stored.clear()
            unmarked = without_consolidated(document, key)
            if unmarked is None:
                return None
            documents = read_documents(store, path, key, unmarked)
            before = parse_documents(path, documents)
            if not isinstance(before, GroupMetadata):
                raise NodeExistsError(f"/{path} of {store!r}: an array has taken the place of the group")
            _check_formats(path, nodes, before.zarr_format)
            changed = change_documents(path, documents, before, before, texts)
            own = changed.pop(key, documents[before.document])
            for name, content in changed.items():  # Zarr 2: the mark goes last, after the copy is stored
                store.set(name, content)
            stored.append(before)
            return own

        update_document(store, key, with_copy)
        return replace(stored[0], consolidated=nodes) if stored else None
    except BaseException:
        with suppress(Exception):  # the first error is the one to raise
            update_document(store, key, lambda document: _unmark(document, key))
        raise


def _copies_below(store: Store, path: str) -> tuple[dict[str, JsonObject], dict[str, DocumentTexts]]:
    """Return the members, and the texts, of all documents below a group, by path relative to it."""
    found: dict[str, JsonObject] = {}
    texts: dict[str, DocumentTexts] = {}
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


def _check_formats(path: str, nodes: dict[str, JsonObject], zarr_format: int) -> None:
    for node, members in nodes.items():
        if members.get("zarr_format") != zarr_format:
            raise UnsupportedError(
                f"/{join(path, node)}: not of the Zarr format of the group /{path}, whose consolidated metadata hold "
                "one format; consolidate the groups of each format by themselves"
            )


def stale_copy(store: Store, path: str) -> str | None:
    """Return what to do if the copy that a group above has names a node at this path, where none is; None without one.

    >>> from simplezarr.stores import MemoryStore
    >>> copy = b'{"zarr_format": 3, "node_type": "group", "attributes": {}}'
    >>> member = b', "consolidated_metadata": {"kind": "inline", "must_understand": false, "metadata": {"a": %b}}}'
    >>> stale_copy(MemoryStore({"zarr.json": copy[:-1] + member % copy}), "a").partition(":")[0]
    "'zarr.json' names it in its consolidated metadata, which are out of date"
    """
    outer = store.enclosing(NODE_DOCUMENTS)
    for group in groups_above(store, path):
        if group.found is None or group.is_array:
            continue
        place = path if group.store is store or outer is None else join(outer[1], path)
        with collect(), suppress(ZarrError):  # what is damaged above has no copy
            metadata = parse_metadata(group.store, group.path, *group.found)
            copies = isinstance(metadata, GroupMetadata) and metadata.consolidated
            if copies and place[len(group.path) :].strip("/") in copies:
                return _about_stale(group, metadata)
    return None


def _about_stale(group: GroupAbove, metadata: Metadata) -> str:
    key = join(group.path, CONSOLIDATED if isinstance(metadata, GroupMetadataV2) else metadata.document)
    root, check = group.store.local_root, "simplezarr.utils.check(store)"
    if root is not None:
        check = f"python -m simplezarr check {shlex.quote(os.path.join(root, group.path) if group.path else root)}"
    return (
        f"{key!r} names it in its consolidated metadata, which are out of date: "
        f"{check} lists what differs, consolidate_metadata() makes them anew"
    )
