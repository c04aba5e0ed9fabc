"""The metadata documents of a node in a store: which there are, and reading and writing them.

A node is what has a `zarr.json` (Zarr 3) or, where there is none, a `.zarray` or a `.zgroup` (Zarr 2). That document is
the node's own; a Zarr 2 node may have others beside it.
"""

import json

from simplezarr import executor, metadata_v2
from simplezarr.errors import MetadataError
from simplezarr.extensions import mark_of, remember, remembered
from simplezarr.keys import join
from simplezarr.metadata import ArrayMetadata, GroupMetadata, parse_node
from simplezarr.metadata_json import MAX_SIZE, load
from simplezarr.metadata_v2 import ARRAY, ATTRIBUTES, CONSOLIDATED, GROUP, ArrayMetadataV2, GroupMetadataV2
from simplezarr.stores.base import Store

__all__ = [
    "OWN",
    "Metadata",
    "RESERVED",
    "encode_metadata",
    "find_document",
    "group_of_format",
    "has_metadata",
    "is_free",
    "parse_copy",
    "parse_metadata",
    "read_members",
    "read_metadata",
]

Metadata = ArrayMetadata | GroupMetadata

#: Names of the documents that make a node, the first that is there.
OWN = (ArrayMetadata.document, ARRAY, GROUP)
#: Names of documents, which no node and no chunk has.
RESERVED = frozenset((*OWN, ATTRIBUTES, CONSOLIDATED))


def find_document(store: Store, path: str) -> tuple[str, bytes] | None:
    """Key and content of a node's own document; None where there is no node."""
    for name in OWN:
        key = join(path, name)
        document = store.get(key)
        if document is not None:
            return key, document
    return None


def parse_metadata(store: Store, path: str, key: str, document: bytes) -> Metadata:
    """The metadata of a node from its own document and, for Zarr 2, those beside it."""
    if key.endswith(ArrayMetadata.document):
        return parse_node(document, key)
    attributes = store.get(join(path, ATTRIBUTES))
    if key.endswith(ARRAY):
        return metadata_v2.parse_array(document, attributes, key)
    return metadata_v2.parse_group(document, attributes, store.get(join(path, CONSOLIDATED)), key)


def read_metadata(store: Store, path: str) -> Metadata | None:
    """The metadata of the node at a normalized path; None where there is no node."""
    found = find_document(store, path)
    return None if found is None else parse_metadata(store, path, *found)


def has_metadata(store: Store, path: str, zarr_format: int = 3) -> bool:
    """Whether there is a node at a normalized path; documents of `zarr_format` are looked for first."""
    names = OWN if zarr_format == ArrayMetadata.zarr_format else reversed(OWN)
    return any(store.exists(join(path, name)) for name in names)


def is_free(store: Store, path: str) -> bool:
    """Whether there is surely no node at a normalized path; all documents are looked for at once."""
    keys = [join(path, name) for name in OWN]
    return not any(executor.gather(store.exists, keys, executor.width(store, 1)))


def encode_metadata(path: str, metadata: Metadata, before: Metadata | None = None) -> dict[str, bytes]:
    """Key and content of a node's documents, its own last; with the metadata as they were `before`, of what changes."""
    documents = {join(path, name): document for name, document in metadata.to_documents(before).items()}
    for key, document in documents.items():
        if len(document) > MAX_SIZE:
            raise MetadataError(f"{key}: would have {len(document)} bytes; the limit is {MAX_SIZE}")
    return documents


def group_of_format(zarr_format: int, attributes: dict | None = None) -> GroupMetadata:
    """The metadata of a new group."""
    cls = GroupMetadata if zarr_format == GroupMetadata.zarr_format else GroupMetadataV2
    return cls(attributes or {})


# ---- copies, as consolidated metadata hold them ----


def read_members(store: Store, path: str) -> dict | None:
    """The members of a node's documents as consolidated metadata hold them; None where there is no node."""
    found = find_document(store, path)
    if found is None:
        return None
    key, document = found
    if key.endswith(ArrayMetadata.document):
        return load(document, key)
    return metadata_v2.read_members(document, store.get(join(path, ATTRIBUTES)), key)


def parse_copy(members: dict, path: str) -> Metadata:
    """The metadata of the node at `path` from the members that consolidated metadata hold of it."""
    if members.get("zarr_format") == ArrayMetadataV2.zarr_format:
        return metadata_v2.parse_members(members, join(path, ARRAY if members.get("node_type") == "array" else GROUP))
    key = join(path, ArrayMetadata.document)
    try:
        mark = mark_of(members)
    except ValueError:
        raise MetadataError(f"{key}: arrays or objects are nested too deeply") from None
    metadata = remembered.get(mark)
    if metadata is None:
        document = json.dumps(members).encode()
        metadata = parse_node(document, key)
        if remembered.get(document) is metadata:
            remember(mark, metadata)
    return metadata
