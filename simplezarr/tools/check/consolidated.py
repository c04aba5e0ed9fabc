"""Compare consolidated metadata with the documents that they copy."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from simplezarr.errors import ZarrError
from simplezarr.hierarchy.documents import Metadata, fetch_document, parse_copy
from simplezarr.metadata.chunk_keys import join
from simplezarr.metadata.json_document import load
from simplezarr.metadata.v2.documents import ATTRIBUTES, CONSOLIDATED, GroupMetadataV2
from simplezarr.metadata.v3 import GroupMetadata
from simplezarr.schema.leniency import collect
from simplezarr.stores.base import Store

__all__ = ["stale_copies"]


def stale_copies(store: Store, nodes: Mapping[str, Metadata | None]) -> Iterator[tuple[str, str, str]]:
    """Yield the path and document key of a group, and what is wrong, for each copy that differs from its node.

    nodes: the metadata by path; None for a node that cannot be read, which is not compared.
    """
    for path, metadata in nodes.items():
        if not isinstance(metadata, GroupMetadata) or metadata.consolidated is None:
            continue
        is_v2 = isinstance(metadata, GroupMetadataV2)
        key = join(path, CONSOLIDATED if is_v2 else metadata.document)
        prefix = f"{path}/" if path else ""
        below = {name[len(prefix) :]: node for name, node in nodes.items() if name.startswith(prefix) and name != path}
        for name in sorted(below.keys() | metadata.consolidated.keys()):
            problem = _problem(metadata.consolidated.get(name), name in below, below.get(name), join(path, name))
            if problem:
                yield path, key, f"the copy of /{join(path, name)} is stale: {problem}"
        if is_v2 and not _has_attributes(store, key, metadata):
            yield path, key, "the copy of the group's own attributes is stale"


def _problem(members: dict[str, object] | None, exists: bool, node: Metadata | None, path: str) -> str | None:
    if members is None:
        return "it is missing, but the node exists"
    if not exists:
        return "the node does not exist"
    if node is None:
        return None
    with collect():  # departures are reported for the documents
        try:
            copy = parse_copy(members, path)
        except ZarrError as error:
            return f"it cannot be read: {error}"
    return None if _are_same(copy, node) else "it differs from the document"


def _are_same(copy: Metadata, node: Metadata) -> bool:
    if isinstance(copy, GroupMetadata):
        copy = replace(copy, consolidated=None)
    if isinstance(node, GroupMetadata):
        node = replace(node, consolidated=None)
    attributes = [json.dumps(metadata.attributes, sort_keys=True) for metadata in (copy, node)]  # NaN equals itself
    return attributes[0] == attributes[1] and replace(copy, attributes={}) == replace(node, attributes={})


def _has_attributes(store: Store, key: str, metadata: GroupMetadata) -> bool:
    """Return whether a `.zmetadata` has the attributes of its own group."""
    document = fetch_document(store, key)
    if document is None:  # deleted meanwhile
        return True
    copies = load(document, key, ("metadata",))["metadata"]
    return json.dumps(copies.get(ATTRIBUTES, {}), sort_keys=True) == json.dumps(metadata.attributes, sort_keys=True)
