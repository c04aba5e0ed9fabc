"""The documents of a hierarchy in a store: nodes are made, changed, removed and consolidated here.

What holds at every moment, also if the process ends or the store fails in between:

- A node appears with its own document, which is written last: the groups above it and its chunks are there before.
- A node disappears with its own document, which is deleted first.
- A document is changed under its lock: read, changed, written, so that two writers lose nothing of each other.
- A copy of documents, as `consolidate_metadata` makes it, is dropped from the groups above before what it is a copy of
  changes. It is worth one `get` for each group above, without parsing where there is no copy.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from simplezarr import executor
from simplezarr._flights import written
from simplezarr.documents import (
    COPIES,
    OWN,
    RESERVED,
    Metadata,
    change_documents,
    drop_copies,
    encode_metadata,
    find_document,
    group_of_format,
    has_metadata,
    is_free,
    parse_documents,
    read_copy,
    read_documents,
)
from simplezarr.errors import NodeExistsError, NodeNotFoundError, ReadOnlyError, UnsupportedError
from simplezarr.keys import ChunkKeys, join, normalize_path
from simplezarr.metadata import ArrayMetadata, GroupMetadata, parse_node
from simplezarr.metadata_v2 import CONSOLIDATED, GROUP
from simplezarr.stores.base import Store

__all__ = ["change_node", "check_writable", "child_names", "consolidate", "create_node", "remove_node"]

Found = tuple[str, bytes] | None


def check_writable(node: Any) -> None:
    """Raises a `ReadOnlyError` for an array or group that was opened for reading, or whose store is read-only."""
    if node.read_only:
        raise ReadOnlyError(
            f'{node.name} of {node.store!r} was opened for reading; open it with mode="r+" to change it'
        )
    node.store.check_writable(node.path)


def create_node(
    store: Store, path: str, metadata: Metadata, *, overwrite: bool = False, fill: Callable[[], object] | None = None
) -> None:
    """Stores a new node, and the groups above it that are missing; `fill` writes the chunks of an array.

    With `overwrite`, what is there is removed; but nothing is touched before all that can be known to fail is checked.
    """
    documents = encode_metadata(path, metadata)
    store.check_writable(join(path, metadata.document))
    keys = metadata.chunk_keys if isinstance(metadata, ArrayMetadata) else None
    above, free, left = _together(
        store,
        lambda: _documents_above(store, path),
        lambda: is_free(store, path),
        lambda: _left_over(store, path, keys),
    )
    for group, stored in above.items():
        if stored is not None and not _is_group(*stored):
            raise NodeExistsError(f"/{group} of {store!r} is an array; /{path} can't be made below it")
    old = _check_place(store, path, left if free else None, overwrite)
    _drop_copies(store, above)
    if old is None:
        _erase(store, path)
    else:
        _remove_names(store, path, old)
    for group, stored in above.items():
        if stored is None:
            with suppress(NodeExistsError):  # someone else has made it meanwhile
                _put_new(store, group, encode_metadata(group, group_of_format(metadata.zarr_format)))
    try:
        if fill is not None:
            fill()
        _put_new(store, path, documents)
    except BaseException:
        if fill is not None and keys is not None:
            with suppress(Exception):  # what has failed is raised, not what then fails as well
                _remove_names(store, path, _chunk_names(store, path, keys))
        raise


def _together(store: Store, *asks: Callable[[], Any]) -> list[Any]:
    """What each of the functions gives; side by side where the store's answers are to be waited for."""
    return executor.gather(lambda ask: ask(), asks, executor.width(store, 1))


def _left_over(store: Store, path: str, keys: ChunkKeys | None) -> Sequence[str]:
    """Names of chunks, or directories of chunks, where an array is to be made."""
    try:
        return _chunk_names(store, path, keys) if keys is not None else []
    except UnsupportedError:  # can't be listed
        return []


def _check_place(store: Store, path: str, names: Sequence[str] | None, overwrite: bool) -> Sequence[str] | None:
    """What is to be removed to make room: left-over names, or None for a node. Raises if that is not allowed.

    A new array would show left-over chunks as its own.
    """
    if names is None:
        if not overwrite:
            raise NodeExistsError(
                f"there is a node at /{path} of {store!r} already; overwrite=True removes it, with all below it"
            )
        store.list_dir(f"{path}/" if path else "")  # raises if the store can't find what is below, before it matters
        return None
    if names and not overwrite:
        raise NodeExistsError(
            f"there is no node at /{path} of {store!r}, but {names[0]!r} is there: chunks of an array that was not "
            "completely written or deleted; overwrite=True removes them"
        )
    return names


def _chunk_names(store: Store, path: str, keys: ChunkKeys) -> list[str]:
    """Names right below a path that chunks, or directories of chunks, of such keys have."""
    names = store.list_dir(f"{path}/" if path else "")
    if keys.name == "default":
        return [name for name in names if name == "c" or (name.startswith("c.") and keys.separator == ".")]
    return [name for name in names if keys.parse(name) is not None]


def _remove_names(store: Store, path: str, names: Sequence[str]) -> None:
    for name in names:
        store.delete(join(path, name))
        store.delete_prefix(join(path, name))
    written()


def _erase(store: Store, path: str) -> None:
    """Deletes a node, its document first: what is left if this fails is no node, never an array that lacks chunks."""
    _together(store, *[partial(store.delete, join(path, name)) for name in OWN])
    store.delete_prefix(f"{path}/" if path else "")
    written()


def _put_new(store: Store, path: str, documents: dict[str, bytes]) -> None:
    own = [*documents][-1]
    with store.lock(own):
        if not is_free(store, path):
            raise NodeExistsError(f"{own!r} of {store!r} was made by someone else at the same time")
        for key, document in documents.items():
            store.set(key, document)


def remove_node(store: Store, path: str) -> None:
    """Deletes a node and all below it; NodeNotFoundError if there is none."""
    found, above = _together(store, lambda: has_metadata(store, path), lambda: _documents_above(store, path))
    if not found:
        raise NodeNotFoundError(f"there is no node at /{path} of {store!r}")
    store.list_dir(path)  # raises if the store can't find what is below
    _drop_copies(store, above)
    _erase(store, path)


def change_node(store: Store, path: str, change: Callable[[Any], Metadata]) -> Any:
    """Replaces the metadata of a node by what `change` makes of them, under the document's lock; returns them."""
    above, found = _together(store, lambda: _documents_above(store, path), lambda: find_document(store, path))
    return _change_document(store, path, found, change, first=partial(_drop_copies, store, above))


def _change_document(
    store: Store,
    path: str,
    found: Found,
    change: Callable[[Any], Metadata],
    copies: dict[str, dict] | None = None,
    first: Callable[[], object] | None = None,
) -> Any:
    """Store what `change` makes of a node's metadata, and new consolidated metadata; `first` is called before that.

    What fails fails before anything is stored, and before `first`.
    """
    own = found[0] if found else ""
    with store.lock(own) if found else nullcontext():
        document = store.get(own) if found else None
        if document is None:
            raise NodeNotFoundError(f"there is no node at /{path} of {store!r} any more")
        documents = read_documents(store, path, own, document)
        before = parse_documents(path, documents)
        metadata = change(before)
        changed = change_documents(path, documents, before, metadata, copies)
        if first is not None:
            first()
        for key, content in changed.items():
            store.set(key, content)
    return metadata


# ---- consolidated metadata ----


def _ancestors(path: str) -> list[str]:
    """The paths of the groups above a node, the root first.

    >>> _ancestors("a/b/c"), _ancestors("")
    (['', 'a', 'a/b'], [])
    """
    names = path.split("/") if path else []
    return ["/".join(names[:depth]) for depth in range(len(names))]


def _documents_above(store: Store, path: str) -> dict[str, Found]:
    groups = _ancestors(path)
    found = executor.gather(lambda group: find_document(store, group), groups, executor.width(store, 1))
    return dict(zip(groups, found, strict=True))


def _is_group(key: str, document: bytes) -> bool:
    if key.endswith(ArrayMetadata.document):
        return isinstance(parse_node(document, key), GroupMetadata)
    return key.endswith(GROUP)


def _drop_copies(store: Store, groups: dict[str, Found]) -> None:
    """Removes consolidated metadata from those of these groups that have any."""
    for group, found in groups.items():
        if found is None:
            continue
        key, document = found
        if key.endswith(GROUP):
            store.delete(join(group, CONSOLIDATED))
        elif COPIES.encode() in document:
            with store.lock(key):
                without = drop_copies(store.get(key) or b"{}", key)
                if without is not None:
                    store.set(key, without)


def consolidate(store: Store, path: str) -> GroupMetadata:
    """Stores copies of all documents below a group in the group's own; returns its metadata.

    The documents are copied as they are, sorted by depth and name. All of one depth are fetched at once.
    """
    found: dict[str, dict] = {}
    texts: dict[str, dict] = {}
    level, width = [path], executor.width(store)
    while level:
        names = executor.gather(lambda group: child_names(store, group), level, width)
        paths = [join(group, name) for group, below in zip(level, names, strict=True) for name in below]
        copies = executor.gather(lambda node: read_copy(store, node), paths, width)
        level = []
        for node, copy in zip(paths, copies, strict=True):
            if copy is not None:
                below = node[len(path) :].lstrip("/")
                found[below], texts[below] = copy
                if found[below].get("node_type") == "group":
                    level.append(node)

    def change(metadata: GroupMetadata) -> GroupMetadata:
        for node, members in found.items():
            if members.get("zarr_format") != metadata.zarr_format:
                raise UnsupportedError(
                    f"/{join(path, node)} is of another format than the group /{path}; a copy can't be of both"
                )
        return replace(metadata, consolidated=found)

    return _change_document(store, path, find_document(store, path), change, texts)


def child_names(store: Store, path: str) -> list[str]:
    """Names right below a group that a node may have, sorted; whether there is a document is not asked."""
    names = store.list_dir(f"{path}/" if path else "")
    return [name for name in names if name not in RESERVED and _may_be_node(name)]


def _may_be_node(name: str) -> bool:
    try:
        return normalize_path(name, new=True) == name
    except ValueError:
        return False
