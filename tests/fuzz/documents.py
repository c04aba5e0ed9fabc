"""Documents of both formats with members that are wrong: refused by name, or read, and written again as the same."""

import contextlib
import json
from pathlib import Path

import simplezarr as sz
from simplezarr.metadata.v3 import ArrayMetadata, parse_node
from tests.fuzz.arrays import check_document
from tests.fuzz.mutations import BYTES, change_document
from tests.fuzz.wild import documents_v2, documents_v3

REAL = Path(__file__).parents[2] / "examples" / "real.zarr"


def originals():
    """Return stores that hold documents only."""
    threes = documents_v3()
    yield from ({"zarr.json": json.dumps(document).encode()} for document in threes)
    yield from ({".zarray": json.dumps(document).encode(), ".zattrs": b'{"a": [1]}'} for document in documents_v2())
    yield from ({"zarr.json": path.read_bytes()} for path in REAL.rglob("zarr.json"))
    group = {"zarr_format": 3, "node_type": "group", "attributes": {"a": [None, 1.5, "x", {"b": []}]}}
    copies = {f"a{i}": document for i, document in enumerate(threes[:3])}
    block = {"kind": "inline", "must_understand": False, "metadata": {**copies, "b": group, "b/c": threes[0]}}
    yield {"zarr.json": json.dumps({**group, "consolidated_metadata": block}).encode()}
    entries = {".zgroup": {"zarr_format": 2}, "a/.zarray": documents_v2()[0], "a/.zattrs": {}}
    copies = {"zarr_consolidated_format": 1, "metadata": entries}
    yield {".zgroup": b'{"zarr_format": 2}', ".zattrs": b'{"x": 1}', ".zmetadata": json.dumps(copies).encode()}


def walk(group):
    """Look at everything below a group; nodes that can't be opened are errors of that node."""
    assert isinstance(repr(group) + repr(group.tree()), str)
    for name in group.keys():  # noqa: SIM118 - nodes are opened one by one
        with contextlib.suppress(sz.ZarrError):
            group.get(name)


def documents(top):
    """Damage documents of all stores; `top` is not needed."""
    bases = list(originals())

    def execute(rand):
        store = dict(rand.choice(bases))
        key = rand.choice([*store])
        change = (lambda r, d, _: change_document(r, d)) if rand.random() < 0.85 else rand.choice(BYTES)
        store[key] = change(rand, store[key], store[key])
        try:
            node = sz.open(store)
            if isinstance(node, sz.Group):
                walk(node)
                return "group"
            check_document(rand, node)
            metadata = node.metadata
            if isinstance(metadata, ArrayMetadata) and metadata.zarr_format == 3:
                with contextlib.suppress(sz.MetadataError, sz.UnsupportedError, TypeError, ValueError):
                    document = metadata.to_bytes()
                    assert parse_node(document, "zarr.json").to_bytes() == document
            return "array"
        except sz.ZarrError as error:
            return type(error).__name__

    return execute
