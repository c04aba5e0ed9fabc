"""The metadata of Zarr 2 nodes: `.zarray`, `.zgroup`, `.zattrs` and `.zmetadata` to the model of Zarr 3, and back.

Specified at https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html. Other members are ignored, but kept.

>>> array = parse_array(b'''{"zarr_format": 2, "shape": [4], "chunks": [2], "dtype": ">u2", "fill_value": null,
...     "order": "C", "filters": null, "compressor": {"id": "gzip", "level": 1}}''', None, ".zarray")
>>> array.data_type.name, [codec.name for codec in array.codecs], array.chunk_keys.key((1,))
('uint16', ['bytes', 'gzip'], '1')
>>> sorted(array.to_documents())
['.zarray', '.zattrs']
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from simplezarr.codecs.base import ChunkSpec, Codec, fit_chain
from simplezarr.codecs.bytes import Bytes
from simplezarr.codecs.empty import NoBytes
from simplezarr.codecs.foreign import ForeignElements
from simplezarr.dtypes import DataType
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.metadata.chunk_keys import ChunkKeys
from simplezarr.metadata.chunk_shapes import check_chunk_size, check_lengths
from simplezarr.metadata.grids import as_numbers, without_zeros
from simplezarr.metadata.json_document import AllBut, Unusable, check_attributes, dump, load
from simplezarr.metadata.layout import zero_element
from simplezarr.metadata.v2.codecs import MixedBytes, chain_to_json, object_filter, parse_chain
from simplezarr.metadata.v2.dtypes import fill_from_json, fill_to_json, parse_type, type_to_json
from simplezarr.metadata.v3 import ArrayMetadata, GroupMetadata, parse_consolidated
from simplezarr.schema.extensions import JsonObject, check_choice, show
from simplezarr.schema.leniency import tolerate

__all__ = [
    "ARRAY",
    "ATTRIBUTES",
    "CONSOLIDATED",
    "GROUP",
    "ArrayMetadataV2",
    "GroupMetadataV2",
    "parse_array",
    "parse_group",
    "parse_members",
    "read_members",
]

ARRAY, GROUP, ATTRIBUTES, CONSOLIDATED = ".zarray", ".zgroup", ".zattrs", ".zmetadata"
_ZARR_FORMAT = 2
_CONSOLIDATED_FORMAT = 1

_MANDATORY = ("zarr_format", "shape", "chunks", "dtype")
_ARRAY_MEMBERS = frozenset(
    (*_MANDATORY, "order", "fill_value", "compressor", "filters", "dimension_separator", "attributes", "node_type")
)
_GROUP_MEMBERS = frozenset(("zarr_format", "attributes", "node_type", "consolidated_metadata"))
# Members that only copies of documents have: two are ours, zarr-python adds the last to copies of `.zgroup`.
_ONLY_IN_COPIES = frozenset(("node_type", "attributes", "consolidated_metadata"))


#: Members that the chunks don't depend on, and unknown ones.
_LENIENT = AllBut("zarr_format", "shape", "chunks", "dtype", "order", "filters", "compressor", "dimension_separator")


@dataclass(frozen=True, slots=True)
class ArrayMetadataV2(ArrayMetadata):
    """The metadata of a Zarr 2 array.

    is_undefined: whether the fill value is null; `fill` is then the default of the data type.
    """

    zarr_format: ClassVar[int] = _ZARR_FORMAT
    document: ClassVar[str] = ARRAY

    is_undefined: bool = False

    @property
    def is_fill_undefined(self) -> bool:
        """Whether the fill value is null."""
        return self.is_undefined

    def to_json(self) -> JsonObject:
        """Return the members of `.zarray`, and attributes and `node_type` as in `zarr.json`."""
        check_attributes(self.attributes)
        return {**self._members(), "node_type": "array", "attributes": self.attributes}

    def to_bytes(self) -> bytes:
        """Return `.zarray`."""
        return dump(self._members())

    def to_documents(self) -> dict[str, bytes]:
        """Return `.zattrs` and `.zarray`."""
        return {ATTRIBUTES: _attributes_to_bytes(self.attributes), ARRAY: self.to_bytes()}

    def _members(self) -> JsonObject:
        if self.chunk_keys.name != "v2":
            raise UnsupportedError(f"Zarr 2 has no chunk key encoding {self.chunk_keys.name!r}; use 'v2'")
        codecs = fit_chain(self.codecs, self.spec, "codecs")
        stored = _stored(self.data_type.numpy, codecs)
        fill = None if self.is_undefined else fill_to_json(self.fill, self.data_type, stored)
        return {
            "zarr_format": _ZARR_FORMAT,
            "shape": list(self.shape),
            "chunks": list(self.chunk_shape),
            "dtype": type_to_json(self.data_type, stored),
            "fill_value": fill,
            **chain_to_json(codecs, stored),
            "dimension_separator": self.chunk_keys.separator,
            **self.extra,
        }


def _stored(dtype: np.dtype, codecs: tuple[Codec, ...]) -> np.dtype:
    """Return the NumPy dtype with the byte orders of the chunks."""
    for codec in codecs:
        if isinstance(codec, ForeignElements):
            codec = codec.elements
        if isinstance(codec, MixedBytes):
            return codec.stored
        if isinstance(codec, Bytes):
            return dtype.newbyteorder(">" if codec.endian == "big" else "<")
    return dtype


@dataclass(frozen=True, slots=True)
class GroupMetadataV2(GroupMetadata):
    """The metadata of a Zarr 2 group; its consolidated metadata have a document of their own."""

    zarr_format: ClassVar[int] = _ZARR_FORMAT
    document: ClassVar[str] = GROUP

    def to_json(self) -> JsonObject:
        """Return the members of `.zgroup`, and attributes and `node_type` as in `zarr.json`."""
        check_attributes(self.attributes)
        return {**self._members(), "node_type": "group", "attributes": self.attributes}

    def to_bytes(self) -> bytes:
        """Return `.zgroup`."""
        return dump(self._members())

    def to_documents(self) -> dict[str, bytes]:
        """Return `.zattrs`, `.zgroup` and, if there are consolidated metadata, `.zmetadata`."""
        copies = {} if self.consolidated is None else {CONSOLIDATED: self._consolidated_to_bytes(self.consolidated)}
        return {ATTRIBUTES: _attributes_to_bytes(self.attributes), **copies, GROUP: self.to_bytes()}

    def _members(self) -> JsonObject:
        return {"zarr_format": _ZARR_FORMAT, **self.extra}

    def _consolidated_to_bytes(self, nodes: Mapping[str, JsonObject]) -> bytes:
        documents = {}
        for path, members in {"": self.to_json(), **nodes}.items():
            own = {name: value for name, value in members.items() if name not in _ONLY_IN_COPIES}
            prefix = f"{path}/" if path else ""
            documents[prefix + (ARRAY if members["node_type"] == "array" else GROUP)] = own
            documents[prefix + ATTRIBUTES] = members.get("attributes", {})
        check_attributes(documents, CONSOLIDATED)
        return dump({"zarr_consolidated_format": _CONSOLIDATED_FORMAT, "metadata": documents})


def _attributes_to_bytes(attributes: JsonObject) -> bytes:
    check_attributes(attributes)
    return dump(attributes)


# ---- reading ----


def parse_array(document: bytes, attributes: bytes | None, key: str) -> ArrayMetadataV2:
    """Return the metadata in a `.zarray`, stored at `key`, and the `.zattrs` beside it, if there is one."""
    return _parse_array(load(document, key, _LENIENT), _parse_attributes(attributes, key), key)


def parse_group(document: bytes, attributes: bytes | None, consolidated: bytes | None, key: str) -> GroupMetadataV2:
    """Return the metadata in a `.zgroup`, stored at `key`, and in `.zattrs` and `.zmetadata`, if they are there."""
    nodes = None if consolidated is None else _parse_consolidated(consolidated, key.removesuffix(GROUP) + CONSOLIDATED)
    return _parse_group(load(document, key), _parse_attributes(attributes, key), nodes, key)


def read_members(document: bytes, attributes: bytes | None, key: str) -> JsonObject:
    """Return the members of a `.zarray` or `.zgroup` and the `.zattrs` beside it in the form of `to_json`."""
    kind = "array" if key.endswith(ARRAY) else "group"
    members = load(document, key, _LENIENT)
    return {**members, "node_type": kind, "attributes": _parse_attributes(attributes, key)}


def parse_members(members: JsonObject, key: str) -> ArrayMetadataV2 | GroupMetadataV2:
    """Return the metadata in the members that `to_json` makes, and that consolidated metadata hold of a node."""
    attributes = members.get("attributes", {})
    if isinstance(attributes, Unusable):
        tolerate("bad-attributes", attributes.reason)
    if members.get("node_type") == "array":
        return _parse_array(members, attributes, key)
    return _parse_group(members, attributes, None, key)


def _parse_array(members: JsonObject, attributes: JsonObject, key: str) -> ArrayMetadataV2:
    _check_format(members, key)
    for name in _MANDATORY:
        if name not in members:
            raise MetadataError(f"{key}: {name}: missing; an array needs it")
    shape = check_lengths(members["shape"], f"{key}: shape")
    chunks = members["chunks"]
    chunks = as_numbers(chunks, f"{key}: chunks") if type(chunks) is list else chunks
    chunks = check_lengths(chunks, f"{key}: chunks")
    if len(chunks) != len(shape):
        raise MetadataError(f"{key}: chunks: {show(chunks)} has {len(chunks)} entries for {len(shape)} dimensions")
    chunks, _, grid_problem = without_zeros(shape, chunks, (), f"{key}: chunks")
    data_type, stored = parse_type(members["dtype"], object_filter(members), f"{key}: dtype")
    fill, fill_problem = _parse_fill(members, data_type, stored, key)
    spec = ChunkSpec(chunks, data_type, fill)
    check_chunk_size(spec.nbytes, f"{key}: chunks")
    chain = parse_chain(members, shape, stored, key) if stored.itemsize else (NoBytes(),)
    codecs = fit_chain(chain, spec, f"{key}: as codecs of Zarr 3")
    return ArrayMetadataV2(
        shape,
        data_type,
        chunks,
        ChunkKeys("v2", _parse_separator(members, len(shape), key)),
        fill,
        codecs,
        attributes,
        _dimension_names(attributes, len(shape)),
        {name: value for name, value in members.items() if name not in _ARRAY_MEMBERS},
        fill_problem=fill_problem,
        grid_problem=grid_problem,
        is_undefined=members.get("fill_value") is None,
    )


def _parse_fill(members: JsonObject, data_type: DataType, stored: np.dtype, key: str) -> tuple[bytes, str]:
    """Return the fill value as an element, and why it can't be used, "" if it can."""
    if "fill_value" not in members:
        tolerate("no-fill", f"{key}: fill_value")
    try:
        if isinstance(members.get("fill_value"), Unusable):
            raise MetadataError(members["fill_value"].reason)
        return fill_from_json(members.get("fill_value"), data_type, stored, f"{key}: fill_value"), ""
    except MetadataError as error:
        tolerate("bad-fill", str(error))
        return zero_element(data_type), str(error)


def _parse_group(members: JsonObject, attributes: JsonObject, nodes: JsonObject | None, key: str) -> GroupMetadataV2:
    _check_format(members, key)
    return GroupMetadataV2(attributes, nodes, {name: v for name, v in members.items() if name not in _GROUP_MEMBERS})


def _check_format(members: JsonObject, key: str) -> None:
    version = members.get("zarr_format")
    if type(version) is not int or version != _ZARR_FORMAT:
        shown = show(version) if "zarr_format" in members else "missing"
        raise MetadataError(f"{key}: zarr_format: {shown}; it must be 2")


def _parse_separator(members: JsonObject, ndim: int, key: str) -> str:
    separator = members.get("dimension_separator")
    if separator is None:
        if "dimension_separator" in members:
            tolerate("null-member", f"{key}: dimension_separator")
        return "."
    if ndim > 1 or separator in (".", "/"):
        check_choice(separator, (".", "/"), f"{key}: dimension_separator")
        return str(separator)
    tolerate("bad-separator", f"{key}: dimension_separator", show(separator))
    return "."


def _dimension_names(attributes: JsonObject, ndim: int) -> tuple[str, ...] | None:
    """Return the names that xarray puts into the attributes, None without any."""
    names: Any = attributes.get("_ARRAY_DIMENSIONS")
    if type(names) is list and len(names) == ndim and all(type(name) is str for name in names):
        return tuple(names)
    return None


def _parse_attributes(document: bytes | None, key: str) -> JsonObject:
    """Return the attributes in a `.zattrs`, `Unusable` ones if it can't be read: the data stay readable."""
    if document is None:
        return {}
    try:
        return load(document, key.rpartition("/")[0] + "/" * ("/" in key) + ATTRIBUTES, None)
    except MetadataError as error:
        tolerate("bad-attributes", str(error))
        return Unusable(str(error))


def _parse_consolidated(document: bytes, key: str) -> dict[str, JsonObject] | None:
    """Return the nodes below a group as `parse_members` takes them. If they can't be used, warn and return None."""
    try:
        members = load(document, key, ("metadata",))
    except MetadataError as error:
        tolerate("bad-consolidated", str(error))
        return None
    documents = members.get("metadata")
    if members.get("zarr_consolidated_format") != _CONSOLIDATED_FORMAT or type(documents) is not dict:
        tolerate("bad-consolidated", f"{key}: {show(members)} is not of zarr_consolidated_format 1")
        return None
    return parse_consolidated({"kind": "inline", "metadata": _merge(documents)}, key)


def _merge(documents: JsonObject) -> dict[str, Any]:
    """Return the documents of each node as one."""
    nodes: dict[str, Any] = {}
    for key, members in documents.items():
        path, _, name = key.rpartition("/")
        if not path or name not in (ARRAY, GROUP):
            continue
        attributes = documents.get(f"{path}/{ATTRIBUTES}", {})
        if type(attributes) is not dict:
            attributes = Unusable(f"{path}/{ATTRIBUTES}: {show(attributes)} is not an object")
        if name == ARRAY or path not in nodes:
            kind = "array" if name == ARRAY else "group"
            nodes[path] = {**members, "node_type": kind, "attributes": attributes} if type(members) is dict else members
    return nodes
