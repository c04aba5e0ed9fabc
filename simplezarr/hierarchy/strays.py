"""Find strays: keys below a node that are part of no node, such as files of a user. They prevent its removal."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from simplezarr.errors import NodeExistsError, UnsupportedError, ZarrError
from simplezarr.hierarchy.documents import NODE_DOCUMENTS, RESERVED_NAMES, find_document
from simplezarr.metadata.chunk_keys import ChunkKeys, join
from simplezarr.metadata.json_document import load
from simplezarr.metadata.v2.documents import ARRAY, GROUP
from simplezarr.stores.base import Store

__all__ = ["check_strays"]

#: The last part of a chunk's key, in any chunk key encoding of the specification.
_NUMBER = r"(0|[1-9]\d*)"
_CHUNK_NAME = re.compile(rf"(c\.)?{_NUMBER}(\.{_NUMBER})*|c").fullmatch
#: A chunk's key, relative to its array.
_CHUNK_KEY = re.compile(rf"c|(c[/.])?{_NUMBER}([/.]{_NUMBER})*").fullmatch
#: A chunk that a killed writer has left of an array whose document it had not written yet.
_LEFT_OVER = re.compile(rf"(.*/)?(c(/{_NUMBER})*|c(\.{_NUMBER})*)").fullmatch
#: Documents of other Zarr dialects, locks of other Zarr libraries, and files that operating systems put everywhere.
_HARMLESS = re.compile(
    r"\.nc(zarray|zgroup|zattrs?|attrs?)|.*\.__lock|\.DS_Store|\._.*|Thumbs\.db|desktop\.ini|\.directory|\.nfs\w+"
).fullmatch
_CLUTTER = "__MACOSX/"
_ENOUGH = 1000  # keys that do not look like Zarr's, before one of them is examined
_NONE: frozenset[str] = frozenset()


@dataclass
class _Inventory:
    """The keys found below a node, sorted by what they look like."""

    nodes: dict[str, set[str]] = field(default_factory=dict)  # names of documents, by path
    chunks: dict[tuple[str, bool], str] = field(default_factory=dict)  # one key for all with the same owner
    others: list[str] = field(default_factory=list)  # keys that do not look like those of chunks
    is_chunk: dict[str, Callable[[str], object]] = field(default_factory=dict)  # by path of a node

    def add(self, key: str) -> None:
        directory, _, name = key.rpartition("/")
        if name in RESERVED_NAMES:
            self.nodes.setdefault(directory, set()).add(name)
        elif _CHUNK_NAME(name):
            self.chunks.setdefault((directory, name[0] == "c"), key)
        elif not _HARMLESS(name) and _CLUTTER not in key:
            self.others.append(key)


def check_strays(store: Store, path: str) -> list[str]:
    """Return the keys of the documents that make the node at a path, as far as they are listed.

    Raise a NodeExistsError that names what is below the node and belongs to none; raise if the store can't list.
    """
    found = _Inventory()
    for key in store.list(f"{path}/" if path else ""):
        found.add(key)
        if len(found.others) == _ENOUGH and not _is_owned(store, path, found):
            found.chunks.clear()  # their documents may not be listed yet
            break  # this may be a whole file system, behind a link
    strays = sorted(key for key in [*found.chunks.values(), *found.others] if not _belongs(store, found, key))
    if strays:
        more = f" and {len(strays) - 1} more" if len(strays) > 1 else ""
        raise NodeExistsError(
            f"/{path} of {store!r} can't be deleted: {strays[0]!r}{more} would be deleted as well, "
            "but belongs to no array or group; move or delete it first"
        )
    return [join(path, name) for name in NODE_DOCUMENTS if name in found.nodes.get(path, _NONE)]


def _belongs(store: Store, found: _Inventory, key: str) -> bool:
    """Return whether a key is that of a chunk of the nearest node above it, or of an array that was not completed."""
    if _LEFT_OVER(key):
        return True
    owner = key
    while owner:
        owner = owner.rpartition("/")[0]
        if not found.nodes.get(owner, _NONE).isdisjoint(NODE_DOCUMENTS):
            if owner not in found.is_chunk:
                found.is_chunk[owner] = _chunk_test(store, owner)
            return bool(found.is_chunk[owner](key[len(owner) + 1 if owner else 0 :]))
    return False


def _is_owned(store: Store, path: str, found: _Inventory) -> bool:
    """Return whether the first key that does not look like a chunk's is one. Its array may not be listed yet."""
    owner = key = found.others[0]
    while owner != path and owner:
        owner = owner.rpartition("/")[0]
        document = find_document(store, owner)
        if document is not None:
            found.nodes.setdefault(owner, set()).add(document[0].rpartition("/")[2])
    return _belongs(store, found, key)


def _chunk_test(store: Store, path: str) -> Callable[[str], object]:
    """Return a function that tells whether a key below a node may be that of one of its chunks."""
    document = find_document(store, path)
    if document is None or document[0].endswith(GROUP):
        return _no_key
    if document[0].endswith(ARRAY):
        return _CHUNK_KEY
    try:
        members = load(document[1], document[0])
        if members.get("node_type") == "group":
            return _no_key
        ChunkKeys.from_json(members.get("chunk_key_encoding"))
    except UnsupportedError:
        return _any_key
    except ZarrError:  # a damaged document, which tells nothing
        pass
    return _CHUNK_KEY


def _no_key(key: str) -> bool:
    return False


def _any_key(key: str) -> bool:
    return True
