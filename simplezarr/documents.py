"""The metadata documents of a node in a store: which there are, and reading and writing them.

A node is what has a `zarr.json` (Zarr 3) or, where there is none, a `.zarray` or a `.zgroup` (Zarr 2).
"""

import json

from simplezarr import metadata_v2
from simplezarr.keys import join
from simplezarr.metadata import ArrayMetadata, GroupMetadata, parse_node
from simplezarr.metadata_v2 import ARRAY, ATTRIBUTES, CONSOLIDATED, GROUP
from simplezarr.stores.base import Store

__all__ = ["NAMES", "has_metadata", "parse_copy", "read_metadata", "write_metadata"]

NAMES = (ArrayMetadata.document, ARRAY, GROUP)


def read_metadata(store: Store, path: str) -> ArrayMetadata | GroupMetadata | None:
    """The metadata of the node at a normalized path; None where there is no node."""
    key = join(path, ArrayMetadata.document)
    document = store.get(key)
    if document is not None:
        return parse_node(document, key)
    key = join(path, ARRAY)
    document = store.get(key)
    if document is not None:
        return metadata_v2.parse_array(document, store.get(join(path, ATTRIBUTES)), key)
    key = join(path, GROUP)
    document = store.get(key)
    if document is None:
        return None
    beside = store.get(join(path, ATTRIBUTES)), store.get(join(path, CONSOLIDATED))
    return metadata_v2.parse_group(document, *beside, key)


def parse_copy(members: dict, path: str) -> ArrayMetadata | GroupMetadata:
    """The metadata of the node at `path` from the members that consolidated metadata hold of it."""
    if members.get("zarr_format") == metadata_v2.GroupMetadataV2.zarr_format:
        return metadata_v2.parse_members(members, join(path, ARRAY if members.get("node_type") == "array" else GROUP))
    return parse_node(json.dumps(members).encode(), join(path, ArrayMetadata.document))


def has_metadata(store: Store, path: str, zarr_format: int = 3) -> bool:
    """Whether there is a node at a normalized path; documents of `zarr_format` are looked for first."""
    names = NAMES if zarr_format == ArrayMetadata.zarr_format else reversed(NAMES)
    return any(store.exists(join(path, name)) for name in names)


def write_metadata(store: Store, path: str, metadata: ArrayMetadata | GroupMetadata) -> None:
    """Stores the documents of a node."""
    for name, document in metadata.to_documents().items():
        store.set(join(path, name), document)
