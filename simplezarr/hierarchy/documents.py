"""The metadata documents of a node in a store: which there are, reading them and writing them.

A node is a place with a `zarr.json` (Zarr 3) or, without one, with a `.zarray` or a `.zgroup` (Zarr 2). This is the
node's own document. A Zarr 2 node may have others beside it.
"""

import errno
import json
import re
from collections.abc import Callable

from simplezarr.errors import MetadataError, TooLargeError, ZarrError, errors_of
from simplezarr.metadata.chunk_keys import join, normalize_path
from simplezarr.metadata.grids import regular_to_json
from simplezarr.metadata.json_document import MAX_SIZE, Unusable, load
from simplezarr.metadata.v2 import documents as v2
from simplezarr.metadata.v2.documents import ARRAY, ATTRIBUTES, CONSOLIDATED, GROUP, ArrayMetadataV2, GroupMetadataV2
from simplezarr.metadata.v3 import ArrayMetadata, GroupMetadata, parse_node
from simplezarr.schema import parse_cache
from simplezarr.schema.extensions import JsonObject
from simplezarr.schema.json_text import REMOVED, Members, Text, object_text, patch
from simplezarr.schema.leniency import collect
from simplezarr.stores.base import Store

__all__ = [
    "CONSOLIDATED_MEMBER",
    "NODE_DOCUMENTS",
    "RESERVED_NAMES",
    "DocumentTexts",
    "Metadata",
    "change_documents",
    "child_names",
    "encode_metadata",
    "fetch_document",
    "find_document",
    "find_key",
    "has_consolidated",
    "has_node",
    "may_have_consolidated",
    "new_group_metadata",
    "node_type_of",
    "parse_copy",
    "parse_documents",
    "parse_metadata",
    "read_copy",
    "read_documents",
    "read_metadata",
    "update_document",
    "without_consolidated",
]

Metadata = ArrayMetadata | GroupMetadata
#: The texts of a node's documents, by their names.
DocumentTexts = dict[str, Text]

#: The member of a Zarr 3 group's document that holds consolidated metadata.
CONSOLIDATED_MEMBER = "consolidated_metadata"
#: Names of the documents that make a node. The first that is there counts.
NODE_DOCUMENTS = (ArrayMetadata.document, ARRAY, GROUP)
#: Names of documents, which neither nodes nor chunks have.
RESERVED_NAMES = frozenset((*NODE_DOCUMENTS, ATTRIBUTES, CONSOLIDATED))
#: By name of a node's own document, those that may be beside it.
BESIDE = {ArrayMetadata.document: (), ARRAY: (ATTRIBUTES,), GROUP: (ATTRIBUTES, CONSOLIDATED)}


def fetch_document(store: Store, key: str) -> bytes | None:
    """Return a document, None if there is none. One that is too large is not read if the store knows its size."""
    try:
        document = store.get_limited(key, MAX_SIZE)
        return None if document is None else bytes(document)
    except TooLargeError as error:
        return _Unread(error.size)


def update_document(store: Store, key: str, change: Callable[[bytes], bytes | None]) -> bool:
    """Replace a document by what `change` makes of it, None for no change; return whether there is such a document.

    No change by another writer is lost. In a store whose updates are conditional, `change` may be called again, with a
    newer document.
    """
    found = False

    def changed(document: bytes | None) -> bytes | None:
        nonlocal found
        found = document is not None
        new = None if document is None else change(document)
        return document if new is None else new

    if store.conditional:
        store.update(key, changed)
        return found
    with store.lock(key):
        document = fetch_document(store, key)  # which does not read one that is too large
        new = changed(document)
        if new is not None and new is not document:
            store.set(key, new)
    return found


class _Unread(bytes):
    """Stand in for a document that is too large. It has that length, so parsing refuses it."""

    def __new__(cls, size: int) -> "_Unread":
        self = super().__new__(cls)
        self.size = size
        return self

    size: int

    def __len__(self) -> int:
        return self.size


def find_document(store: Store, path: str) -> tuple[str, bytes] | None:
    """Return key and content of a node's own document; None if there is no node."""
    try:
        for name in NODE_DOCUMENTS:
            key = join(path, name)
            document = fetch_document(store, key)
            if document is not None:
                return key, document
    except OSError as error:
        _check_missing(error)
    return None


def _check_missing(error: OSError) -> None:
    """Raise an error again unless it means that there is no such key: it is too long, or a link leads to itself."""
    if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
        raise error


def read_documents(store: Store, path: str, key: str, document: bytes) -> dict[str, bytes]:
    """Return a node's own document and, for Zarr 2, those beside it, by their names."""
    own = key.rpartition("/")[2]
    documents = {own: document}
    for name in BESIDE[own]:
        content = fetch_document(store, join(path, name))
        if content is not None:
            documents[name] = content
    return documents


def parse_documents(path: str, documents: dict[str, bytes]) -> Metadata:
    """Return the metadata of a node from the documents that `read_documents` returns."""
    own, document = next(iter(documents.items()))
    key = join(path, own)
    if own == ArrayMetadata.document:
        return parse_node(document, key)
    attributes = documents.get(ATTRIBUTES)
    if own == ARRAY:
        return v2.parse_array(document, attributes, key)
    return v2.parse_group(document, attributes, documents.get(CONSOLIDATED), key)


def node_type_of(documents: dict[str, bytes]) -> str | None:
    """Return whether documents, by name, are those of an "array" or a "group"; None if the own one doesn't say."""
    own, document = next(iter(documents.items()))
    if own != ArrayMetadata.document:
        return "array" if own == ARRAY else "group"
    try:
        with collect():
            kind = load(document, own).get("node_type")
    except MetadataError:
        return None
    return kind if isinstance(kind, str) else None


def parse_metadata(store: Store, path: str, key: str, document: bytes) -> Metadata:
    """Return the metadata of a node from its own document and, for Zarr 2, those beside it."""
    return parse_documents(path, read_documents(store, path, key, document))


def read_metadata(store: Store, path: str) -> Metadata | None:
    """Return the metadata of the node at a normalized path; None if there is no node."""
    found = find_document(store, path)
    if found is None:
        return None
    key, document = found
    try:  # not `errors_of`, which takes a few calls, because opening is often done
        if key.endswith(ArrayMetadata.document):
            return parse_node(document, key)
        return parse_metadata(store, path, key, document)
    except ZarrError as error:
        error.of_store(store)
        raise


def find_key(store: Store, path: str, zarr_format: int = 3) -> str | None:
    """Return the key of the document that makes the node at a normalized path, None if there is no node.

    Documents of `zarr_format` are looked for first.
    """
    names = NODE_DOCUMENTS if zarr_format == ArrayMetadata.zarr_format else reversed(NODE_DOCUMENTS)
    try:
        return next(filter(store.exists, [join(path, name) for name in names]), None)
    except OSError as error:
        _check_missing(error)
        return None


def has_node(store: Store, path: str, zarr_format: int = 3) -> bool:
    """Return whether there is a node at a normalized path; documents of `zarr_format` are looked for first."""
    return find_key(store, path, zarr_format) is not None


def child_names(store: Store, path: str) -> list[str]:
    """Return the names right below a group that a node may have, sorted. Not all of them need to be nodes."""
    with errors_of(store):
        names = store.list_dir(f"{path}/" if path else "")
    return [name for name in names if name not in RESERVED_NAMES and _may_be_node(name)]


def _may_be_node(name: str) -> bool:
    try:
        return bool(name) and normalize_path(name) == name
    except ValueError:
        return False


def encode_metadata(path: str, metadata: Metadata) -> dict[str, bytes]:
    """Return key and content of a new node's documents, its own last. Raise MetadataError if one is too large."""
    return _keyed(path, metadata.to_documents())


def _keyed(path: str, documents: dict[str, bytes]) -> dict[str, bytes]:
    for name, document in documents.items():
        if len(document) > MAX_SIZE:
            raise MetadataError(
                f"{join(path, name)}: would have {len(document)} bytes; the limit is {MAX_SIZE}: store fewer attributes"
            )
    return {join(path, name): document for name, document in documents.items()}


def new_group_metadata(zarr_format: int, attributes: JsonObject | None = None) -> GroupMetadata:
    """Return the metadata of a new group."""
    cls = GroupMetadata if zarr_format == GroupMetadata.zarr_format else GroupMetadataV2
    return cls(attributes or {})


# ---- changes: members that do not change keep their text ----


def change_documents(
    path: str,
    documents: dict[str, bytes],
    before: Metadata,
    after: Metadata,
    copies: dict[str, DocumentTexts] | None = None,
) -> dict[str, bytes]:
    """Return key and content of those of a node's documents in which `after` differs from `before`, its own last.

    documents: those that are stored, as `read_documents` returns them. copies: new consolidated metadata, by path the
    texts of a node's documents.

    Only members that differ get a new text. So members that this library reads but would write otherwise, or does not
    understand, are stored as they were. Raise MetadataError for a change of attributes that could not be read.
    """
    own, document = next(iter(documents.items()))
    attributes = _changed_attributes(before, after)
    changes = _changed_layout(document, before, after)
    changed: dict[str, bytes] = {}
    if own == ArrayMetadata.document:
        if attributes:
            changes["attributes"] = attributes
        if copies is not None:
            nodes = object_text({node: texts[own] for node, texts in copies.items()})
            changes[CONSOLIDATED_MEMBER] = object_text({"kind": "inline", "must_understand": False, "metadata": nodes})
    else:
        if attributes:
            changed[ATTRIBUTES] = patch(documents.get(ATTRIBUTES, b"{}"), attributes)
        texts = documents | changed
        if copies is not None:
            _check_for_copy(before.attributes)
            changed[CONSOLIDATED] = _consolidated_document(texts, copies)
        elif attributes and isinstance(before, GroupMetadata) and before.consolidated is not None:
            copy = Members({ATTRIBUTES: _text(texts[ATTRIBUTES])})
            changed[CONSOLIDATED] = patch(texts[CONSOLIDATED], {"metadata": copy})
    if changes:
        changed[own] = patch(document, changes)
    return _keyed(path, changed)


def _changed_attributes(before: Metadata, after: Metadata) -> Members:
    """Return the attributes that differ: those that are not the same object."""
    old, new = before.attributes, after.attributes
    if new is old:
        return Members()
    if isinstance(old, Unusable):
        raise MetadataError(f"{old.reason}; a change would lose the stored attributes; repair the document first")
    changes = {name: value for name, value in new.items() if name not in old or old[name] is not value}
    return Members(changes | {name: REMOVED for name in old if name not in new})


def _changed_layout(document: bytes, before: Metadata, after: Metadata) -> dict[str, object]:
    """Return the members of an array's document that differ, apart from its attributes."""
    if not isinstance(before, ArrayMetadata) or not isinstance(after, ArrayMetadata):
        return {}
    changes: dict[str, object] = {}
    if after.dimension_names is not None and after.dimension_names != before.dimension_names:
        changes["dimension_names"] = list(after.dimension_names)
    if after.shape == before.shape:
        return changes
    changes["shape"] = list(after.shape)
    if after.grid is not None:
        if after.grid != before.grid:
            changes["chunk_grid"] = after.grid.to_json()
    elif 0 in before.shape:  # then chunk lengths of 0 are read as others, which the document has to name now
        with collect():  # its warnings were issued when it was read
            members = load(document, after.document)
        new = {
            "chunk_grid": regular_to_json(after.chunk_shape),
            "chunks": list(after.chunk_shape),
            "codecs": [codec.to_json() for codec in after.codecs],
        }
        changes |= {name: value for name, value in new.items() if _has_empty_chunks(name, members.get(name))}
    return changes


def _has_empty_chunks(name: str, value: object) -> bool:
    spelled = json.dumps({"chunk_shape": value} if name == "chunks" else value)
    return re.search(r'"chunk_shape": \[(\d+, )*0[,\]]', spelled) is not None


def _consolidated_document(documents: dict[str, bytes], copies: dict[str, DocumentTexts]) -> bytes:
    """Return the `.zmetadata` of a Zarr 2 group."""
    own = {name: _text(document) for name, document in documents.items() if name != CONSOLIDATED}
    texts = {join(path, name): text for path, node in {"": own, **copies}.items() for name, text in node.items()}
    return object_text({"zarr_consolidated_format": 1, "metadata": object_text(texts)}, ",\n  ").encode()


def _text(document: bytes) -> Text:
    """Return a document's text, to be put into another document."""
    return Text(document.decode().removeprefix("\ufeff").strip())


def may_have_consolidated(document: bytes) -> bool:
    """Return whether the document of a group may hold consolidated metadata, without parsing it."""
    return CONSOLIDATED_MEMBER.encode() in document


def has_consolidated(document: bytes, key: str) -> bool:
    """Return whether the document of a group holds consolidated metadata, or the mark of a consolidation."""
    with collect():
        return may_have_consolidated(document) and CONSOLIDATED_MEMBER in load(document, key)


def without_consolidated(document: bytes, key: str) -> bytes | None:
    """Return the document of a group without consolidated metadata; None if it has none."""
    return patch(document, {CONSOLIDATED_MEMBER: REMOVED}) if has_consolidated(document, key) else None


# ---- copies, as consolidated metadata hold them ----


def read_copy(store: Store, path: str) -> tuple[JsonObject, DocumentTexts] | None:
    """Return the part of consolidated metadata about one node, as members and as texts; None if there is no node."""
    found = find_document(store, path)
    if found is None:
        return None
    key, document = found
    documents = read_documents(store, path, key, document)
    documents.pop(CONSOLIDATED, None)
    if key.endswith(ArrayMetadata.document):
        members = load(document, key)
        if CONSOLIDATED_MEMBER in members:
            del members[CONSOLIDATED_MEMBER]
            documents = {ArrayMetadata.document: patch(document, {CONSOLIDATED_MEMBER: REMOVED})}
    else:
        members = v2.read_members(document, documents.get(ATTRIBUTES), key)
    _check_for_copy(members.get("attributes"))
    return members, {name: _text(content) for name, content in documents.items()}


def _check_for_copy(attributes: object) -> None:
    if isinstance(attributes, Unusable):
        raise MetadataError(f"{attributes.reason}; a copy would lose the stored attributes; repair the document first")


def parse_copy(members: JsonObject, path: str) -> Metadata:
    """Return the metadata of the node at `path` from the members that consolidated metadata hold about it."""
    if members.get("zarr_format") == ArrayMetadataV2.zarr_format:
        return v2.parse_members(members, join(path, ARRAY if members.get("node_type") == "array" else GROUP))
    key = join(path, ArrayMetadata.document)
    cache_key = parse_cache.cache_key(members, key)
    known: Metadata | None = parse_cache.get(cache_key)
    if known is not None:
        return known
    document = json.dumps(members).encode()
    metadata = parse_node(document, key)
    if parse_cache.get(document) is metadata:
        parse_cache.put(cache_key, metadata)
    return metadata
