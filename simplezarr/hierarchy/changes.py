"""Create, change and remove the nodes of a hierarchy in a store.

These hold at every moment, also if the process ends or the store fails in between:

- A node appears with its own document. This is stored last, after the groups above the node and its chunks. Only a
  session of icechunk wants the document first; there nothing appears before the commit.
- A node disappears with its own document. This is deleted first.
- A creator holds the claim of its place from its first look to its last write. So does the remover of a node. A claim
  is one lock for arrays and groups of every format. So a place has one creator at a time, which removes only what it
  has written itself if it fails.
- Claims are waited for from the top down, so that waits form no cycle. Missing groups above are created before the
  claim is taken. A remover holds its claim and waits for the writers below it.
- A creator reads the documents above once it has its claim. Either it finds a removed group missing, or the removal
  waits for it.
- A document is changed and deleted under its own lock, so that no change by another writer is lost. The holder of such
  a lock waits for no claim.
- Consolidated metadata above a document are invalidated before it changes (see `consolidation`).
"""

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import chain, compress
from operator import call
from typing import Any, Protocol, TypeVar

from simplezarr.engine.chunks.in_flight import Writing
from simplezarr.errors import NodeExistsError, NodeNotFoundError, ReadOnlyError, UnsupportedError, ZarrError, errors_of
from simplezarr.hierarchy.consolidation import GroupAbove, Invalidation, groups_above, stale_copy
from simplezarr.hierarchy.documents import (
    NODE_DOCUMENTS,
    Metadata,
    change_documents,
    encode_metadata,
    fetch_document,
    find_key,
    has_node,
    new_group_metadata,
    parse_documents,
    read_documents,
)
from simplezarr.hierarchy.strays import check_strays
from simplezarr.metadata.chunk_keys import ChunkKeys, join
from simplezarr.metadata.v2.documents import GROUP, GroupMetadataV2
from simplezarr.metadata.v3 import ArrayMetadata, GroupMetadata
from simplezarr.runtime import executor
from simplezarr.stores.base import Store

__all__ = ["Node", "change_node", "check_writable", "create_node", "format_above", "remove_node"]

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # no room, for bytes or for files

#: A key that is locked but never stored, so that no change of its value can end the lock.
CLAIM = "zarr.json.claim"

Fill = Callable[[], object]
Changed = TypeVar("Changed", bound=Metadata)


class Node(Protocol):
    """What has to be known of an array or a group to write to it."""

    @property
    def name(self) -> str: ...
    @property
    def store(self) -> Store: ...
    @property
    def path(self) -> str: ...
    @property
    def read_only(self) -> bool: ...


def check_writable(node: Node) -> None:
    """Raise a ReadOnlyError for a node that was opened for reading, or whose store is read-only."""
    if node.read_only:
        raise ReadOnlyError(
            f'{node.name} of {node.store!r} was opened for reading; open it with mode="r+" to change it'
        ).of_store(node.store)
    try:  # not `errors_of`, which takes a few calls, because every write comes here
        node.store.check_writable(node.path)
    except ZarrError as error:
        error.of_store(node.store)
        raise


def create_node(
    store: Store, path: str, metadata: Metadata, *, overwrite: bool = False, fill: Fill | None = None
) -> None:
    """Store a new node, and the groups above it that are missing. `fill` writes the chunks of an array.

    With `overwrite`, the node that is there is removed. All that can be known to fail is checked before.
    """
    documents = encode_metadata(path, metadata)  # raises what is wrong with the metadata
    with errors_of(store):
        store.check_writable(join(path, metadata.document))
        if overwrite:
            _remove_link(store, path)
        while missing := _create(store, path, metadata, documents, overwrite, fill):
            _create_groups(missing, metadata.zarr_format)


def _create_groups(missing: Sequence[GroupAbove], zarr_format: int) -> None:
    for group in missing:
        with suppress(NodeExistsError):  # another creator was faster, or `_create` will report what is there
            # The first group looks at all groups above; each other one at the group that was just created.
            nearest, new = group is not missing[0], new_group_metadata(zarr_format)
            _create(group.store, group.path, new, encode_metadata(group.path, new), nearest=nearest)


def _create(
    store: Store,
    path: str,
    metadata: Metadata,
    new: dict[str, bytes],
    overwrite: bool = False,
    fill: Fill | None = None,
    *,
    nearest: bool = False,
) -> Sequence[GroupAbove]:
    """Store a new node, whose documents are `new`.

    If groups above it are missing, or with `nearest` the nearest one, return them and do nothing.
    """
    keys = metadata.chunk_keys if isinstance(metadata, ArrayMetadata) else None
    with _claim(store, path):
        above, documents, names = _together(
            store,
            lambda: groups_above(store, path, nearest=nearest),
            lambda: _node_documents(store, path),
            lambda: _chunk_names(store, path, keys),
        )
        _check_above(above, path)
        left = _check_place(store, path, documents, _chunks_below(store, path, names, keys), overwrite)
        missing = [group for group in above if group.found is None]
        if missing:
            return missing
        with Invalidation(store, above):
            if documents:
                _delete_node(store, path, documents)
            elif left:
                _delete_keys(store, path, left)
            _write_node(store, path, metadata, new, fill)
    return ()


def _check_above(above: Sequence[GroupAbove], path: str) -> None:
    for group in above:
        if group.is_array:
            message = f"/{group.path} of {group.store!r} is an array; /{path} can't be created below it"
            raise NodeExistsError(f"{message}; choose another path")


def _write_node(store: Store, path: str, metadata: Metadata, documents: dict[str, bytes], fill: Fill | None) -> None:
    """Write the chunks of a new node, then its documents. If that fails, remove the chunks.

    An interrupt may come when the last document is stored. Then the node is complete and stays.
    """
    own = [*documents][-1]
    first, created = store.array_first, False
    try:
        if fill is not None and not first:
            fill()
        for key, document in documents.items():
            if key != own:
                store.set(key, document)
        created = store.create(own, documents[own])
        if fill is not None and created and first:
            fill()
    except BaseException:
        if fill is not None and isinstance(metadata, ArrayMetadata):
            with suppress(Exception):  # the first error is the one to raise
                if created:
                    store.delete_many([*documents])
                _remove_chunks(store, path, metadata.chunk_keys)
        raise
    if not created:  # by a creator that the locks of this store do not reach
        raise NodeExistsError(f"{own!r} of {store!r} was created concurrently by another writer")


def _remove_chunks(store: Store, path: str, keys: ChunkKeys) -> None:
    """Remove the chunks of a node that was not completed. If its document is there, the node is complete."""
    if not _node_documents(store, path):
        _delete_keys(store, path, [*_chunks_below(store, path, _chunk_names(store, path, keys), keys)])


def _claim(store: Store, path: str) -> AbstractContextManager[object]:
    """Return the lock for creating or removing the node at a path."""
    return store.lock(join(path, CLAIM))


def _together(store: Store, *asks: Callable[[], Any]) -> list[Any]:
    """Call functions that ask a store, concurrently if its answers take time; return their results."""
    return executor.parallel_map(call, asks, executor.concurrency_for(store, 1))


def _node_documents(store: Store, path: str) -> list[str]:
    """Return the keys of the documents that make a node at a path, none if there is no node."""
    keys = [join(path, name) for name in NODE_DOCUMENTS]
    return [*compress(keys, executor.parallel_map(store.exists, keys, executor.concurrency_for(store, 1)))]


def _chunk_names(store: Store, path: str, keys: ChunkKeys | None) -> Sequence[str]:
    """Return the names right below a path that keys of chunks begin with; none if the store can't be listed."""
    if keys is None:
        return []
    try:
        names = store.list_dir(f"{path}/" if path else "")
    except UnsupportedError:
        return []
    if keys.name == "default":
        return [name for name in names if name == "c" or (name.startswith("c.") and keys.separator == ".")]
    return [name for name in names if keys.parse(name) is not None]


def _chunks_below(store: Store, path: str, names: Sequence[str], keys: ChunkKeys | None) -> Iterator[str]:
    """Yield the keys below these names that chunks of an array may have. Raise NodeExistsError for a node."""
    skip = len(path) + 1 if path else 0
    for name in names:
        key = join(path, name)
        for found in chain(_node_documents(store, key), [key] if store.exists(key) else [], store.list(f"{key}/")):
            node, _, last = found.rpartition("/")
            if last in NODE_DOCUMENTS:
                message = f"/{node} of {store!r} is a node; an array can't be created above it; choose another path"
                raise NodeExistsError(message)
            if keys is not None and keys.parse(found[skip:]) is not None:
                yield found


def _check_place(
    store: Store, path: str, documents: Sequence[str], chunks: Iterator[str], overwrite: bool
) -> list[str]:
    """Return the keys of left-over chunks to be deleted, which a new array would show as its own.

    Raise NodeExistsError if the place can't be used.
    """
    if documents and not overwrite:
        raise NodeExistsError(
            f"/{path} of {store!r}: the node already exists; overwrite=True removes it, with all below it"
        )
    if documents:
        check_strays(store, path)
        return []
    first = next(chunks, None)
    if first is not None and not overwrite:
        raise NodeExistsError(
            f"/{path} of {store!r}: there is no node but a chunk, {first!r}, of an array that was not completely "
            "written or deleted; overwrite=True removes such chunks"
        )
    return [] if first is None else [first, *chunks]


def _delete_keys(store: Store, path: str, keys: Sequence[str]) -> None:
    place = store.confined(path)
    with Writing():
        place.delete_many(keys)


def _delete_node(store: Store, path: str, documents: Sequence[str], below: bool = True) -> None:
    """Delete a node, its documents first. If this fails, the rest is no node, never an array that lacks chunks.

    below: whether to delete what is below its documents as well.
    """
    prefix = f"{path}/" if path else ""
    place = store.confined(prefix)
    with Writing():
        for key in documents:
            with place.lock(key):
                place.delete(key)
        if below:
            place.wait_for_writers(prefix)
            place.delete_prefix(prefix)


def remove_node(store: Store, path: str) -> None:
    """Delete a node and all below it. Raise NodeNotFoundError if there is none."""
    with errors_of(store):
        if _remove_link(store, path):
            return
        if not has_node(store, path):
            message = f"/{path} of {store!r}: there is no such node"
            raise NodeNotFoundError(message, lambda: stale_copy(store, path) or "check the path")
        try:
            _remove(store, path, _claim(store, path))
        except OSError as error:
            if error.errno not in _FULL:
                raise
            _remove(store, path, None)  # makes room for the claim, which may be what has failed
            _remove(store, path, _claim(store, path), begun=True)


def _remove(store: Store, path: str, claim: AbstractContextManager[object] | None, begun: bool = False) -> None:
    """Delete a node under its claim. Without a claim, delete its documents only, also those of another creator.

    begun: whether the documents may be deleted already.
    """
    with claim or nullcontext():
        above, documents = _together(
            store,
            lambda: groups_above(store, path),
            lambda: (not begun and check_strays(store, path)) or _node_documents(store, path),
        )
        if not documents and not begun:
            raise NodeNotFoundError(f"/{path} of {store!r}: the node was deleted concurrently")
        with Invalidation(store, above, passed_over=_FULL):  # copies are looked for again when there is room
            _delete_node(store, path, documents, below=claim is not None)


def _remove_link(store: Store, path: str) -> bool:
    """Remove a link to a node, not the node itself. Return whether there was one."""
    outer = None if path else store.enclosing(NODE_DOCUMENTS)
    place, prefix = (store, path) if outer is None else outer
    if not prefix or not place.is_link(prefix) or not has_node(store, path):
        return False
    above = groups_above(store, path)
    if any(group.is_array for group in above):
        return False  # the caller reports it
    with Invalidation(store, above), Writing():
        place.delete(prefix)
    return True


def change_node(
    store: Store,
    path: str,
    change: Callable[[Metadata], Changed],
    around: Callable[[tuple[Metadata, Changed]], AbstractContextManager[object]] = nullcontext,
) -> Changed:
    """Replace the metadata of a node by what `change` makes of them, under the document's lock. Return them.

    Nothing is stored before all that can fail in `change` has run. around: a context that is entered with the metadata
    before and after the change as soon as the new documents are known. It is left when they are stored.

    If updates of the store are conditional, no lock is held. All of this is done again if another writer was faster.
    """
    above, own = _together(store, lambda: groups_above(store, path), lambda: find_key(store, path))
    while True:
        with errors_of(store), store.lock(own) if own and not store.conditional else nullcontext():
            document = fetch_document(store, own) if own else None
            if own is None or document is None:
                raise NodeNotFoundError(f"/{path} of {store!r}: the node no longer exists; create it again")
            documents = read_documents(store, path, own, document)
            before = parse_documents(path, documents)
            metadata = change(before)
            changed = change_documents(path, documents, before, metadata)
            with around((before, metadata)), Invalidation(store, above):
                if all(_put(store, key, documents, content) for key, content in changed.items()):
                    return metadata


def _put(store: Store, key: str, documents: dict[str, bytes], content: bytes) -> bool:
    """Store a changed document; return False if another writer has changed it since these documents were read."""
    if not store.conditional:  # the lock is held
        store.set(key, content)
        return True
    before, same = documents.get(key.rpartition("/")[2]), True

    def change(document: bytes | None) -> bytes | None:
        nonlocal same
        same = document == before
        return content if same else document

    store.update(key, change)
    return same


def format_above(store: Store, path: str) -> int:
    """Return the Zarr format of the nearest group above a place, 3 if there is none.

    >>> from simplezarr.stores import MemoryStore
    >>> format_above(MemoryStore({".zgroup": b'{"zarr_format": 2}'}), "a/b"), format_above(MemoryStore(), "a")
    (2, 3)
    """
    nearest, _, name = path.rpartition("/")
    if name and store.exists(join(nearest, GroupMetadata.document)):
        return GroupMetadata.zarr_format  # the usual case in one request; an array is refused when it is created
    above = groups_above(store, path)
    with errors_of(store):
        _check_above(above, path)
    for group in reversed(above):
        if group.found is not None:
            return GroupMetadataV2.zarr_format if group.found[0].endswith(GROUP) else GroupMetadata.zarr_format
    return GroupMetadata.zarr_format
