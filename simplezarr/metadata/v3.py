"""The metadata of nodes: `zarr.json` of Zarr 3 as frozen dataclasses, and back.

Errors begin with the key and the member, such as `a/zarr.json: codecs[1].configuration.level: ...`. Whether a chain of
codecs can encode the chunks is checked when the array is opened, by `codecs.base.resolve_chain`.

>>> group = parse_node(b'{"zarr_format": 3, "node_type": "group", "attributes": {"a": 1}}', "zarr.json")
>>> group.attributes
{'a': 1}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from simplezarr.codecs.base import ChunkSpec, Codec, fit_chain
from simplezarr.dtypes import DataType
from simplezarr.errors import MetadataError, UnsupportedError
from simplezarr.metadata.chunk_keys import ChunkKeys, normalize_path
from simplezarr.metadata.chunk_shapes import check_lengths
from simplezarr.metadata.grids import CHUNK_SHAPE, Axis, Rectilinear, regular_to_json, without_zeros
from simplezarr.metadata.json_document import Unusable, check_attributes, dump, load
from simplezarr.metadata.layout import LAYOUT_MEMBERS, NO_FILL, parse_layout
from simplezarr.schema import parse_cache
from simplezarr.schema.extensions import JsonObject, parse_extension, show
from simplezarr.schema.leniency import tolerate, tolerated, warn

__all__ = [
    "ArrayMetadata",
    "GroupMetadata",
    "check_dimension_names",
    "parse_consolidated",
    "parse_node",
]

_ZARR_FORMAT = 3

_MANDATORY = frozenset(("zarr_format", "node_type", "shape", *LAYOUT_MEMBERS))
_ARRAY_MEMBERS = _MANDATORY | {"attributes", "storage_transformers", "dimension_names"}
_GROUP_MEMBERS = frozenset(("zarr_format", "node_type", "attributes", "consolidated_metadata"))


@dataclass(frozen=True, slots=True)
class ArrayMetadata:
    """The metadata of an array, in the form of Zarr 3; `zarr_format` is the format in which they are stored.

    - shape: elements along each axis.
    - chunk_shape: of the stored unit, which is a shard if there are shards. With a `grid`, the largest lengths.
    - fill: the fill value, as an element in the machine's byte order.
    - extra: members that need not be understood, which are kept when the document is written again.
    - skipped: names of codecs and storage transformers that are unknown and need not be understood.
    - grid: the grid if chunks are not all of one shape, otherwise None.
    - fill_problem: why the document's fill value can't be used, "" if it can; otherwise `fill` has no meaning.
    - grid_problem: why nothing can be stored in chunks of the document's shape, "" if it can.
    - bound: what arrays derived from the metadata; arrays with the same document share it.

    An array with something skipped, or with a problem, can't be written.
    """

    zarr_format: ClassVar[int] = 3
    #: Name of the document that makes a node of a path.
    document: ClassVar[str] = "zarr.json"

    shape: tuple[int, ...]
    data_type: DataType
    chunk_shape: tuple[int, ...]
    chunk_keys: ChunkKeys
    fill: bytes
    codecs: tuple[Codec, ...]
    attributes: JsonObject = field(default_factory=dict)
    dimension_names: tuple[str | None, ...] | None = None
    extra: JsonObject = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    grid: Rectilinear | None = None
    fill_problem: str = ""
    grid_problem: str = ""
    bound: Any = field(default=None, init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy without what is bound."""
        return type(self), tuple([getattr(self, part.name) for part in fields(self) if part.init])

    @property
    def obstacles(self) -> list[str]:
        """Reasons why the array can't be written; none if it can."""
        unknown = [f"{name!r} is unknown" for name in self.skipped]
        return [*unknown, *filter(None, (self.fill_problem, self.grid_problem))]

    @property
    def is_fill_undefined(self) -> bool:
        """Whether the document says that elements which are not stored have no value; `fill` is then a default."""
        return False

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """The number of stored units along each axis."""
        return tuple([axis.chunk_starts[-1] for axis in self.axes])

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of the grid of stored units; in a regular grid each has one run."""
        grid = self.grid or Rectilinear(self.chunk_shape)
        return tuple([grid.axis(i, length) for i, length in enumerate(self.shape)])

    @property
    def spec(self) -> ChunkSpec:
        """The spec of a stored chunk, for its codecs."""
        return ChunkSpec(self.chunk_shape, self.data_type, self.fill)

    def to_json(self) -> JsonObject:
        """Return the document's members, each in the form that all readers know.

        Raise UnsupportedError for an array that can only be read, ValueError or TypeError for attributes that are not
        JSON.
        """
        if self.obstacles:
            raise UnsupportedError(f"the array can only be read: {'; '.join(self.obstacles)}")
        check_attributes(self.attributes)
        codecs = fit_chain(self.codecs, self.spec, "codecs")
        members = {
            "zarr_format": _ZARR_FORMAT,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": self.data_type.to_json(),
            "chunk_grid": self.grid.to_json() if self.grid else regular_to_json(self.chunk_shape),
            "chunk_key_encoding": self.chunk_keys.to_json(),
            "fill_value": self.data_type.fill_to_json(self.fill),
            "codecs": [codec.to_json() for codec in codecs],
        }
        if self.attributes:
            members["attributes"] = self.attributes
        if self.dimension_names is not None:
            members["dimension_names"] = list(self.dimension_names)
            _warn_of_duplicates(self.dimension_names)
        return members | self.extra

    def to_bytes(self) -> bytes:
        """Return the document."""
        return dump(self.to_json())

    def to_documents(self) -> dict[str, bytes]:
        """Return the documents of a new node by name; the last one makes it a node."""
        return {self.document: self.to_bytes()}


def _warn_of_duplicates(names: tuple[str | None, ...]) -> None:
    present = [name for name in names if name is not None]
    if len(set(present)) < len(present):
        message = f"dimension_names: {show(names)} has a name twice; not all software reads that"
        warn(message)


@dataclass(frozen=True, slots=True)
class GroupMetadata:
    """The metadata of a group.

    - consolidated: copies of the members of all documents below the group, by relative path; they may be stale.
    - extra: as in `ArrayMetadata`.
    """

    zarr_format: ClassVar[int] = 3
    document: ClassVar[str] = "zarr.json"

    attributes: JsonObject = field(default_factory=dict)
    consolidated: Mapping[str, JsonObject] | None = None
    extra: JsonObject = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """Return the document's members."""
        check_attributes(self.attributes)
        members: JsonObject = {"zarr_format": _ZARR_FORMAT, "node_type": "group"}
        if self.attributes:
            members["attributes"] = self.attributes
        if self.consolidated is not None:
            copies = dict(self.consolidated)
            check_attributes(copies, "consolidated_metadata")
            block = {"kind": "inline", "must_understand": False, "metadata": copies}
            members["consolidated_metadata"] = block
        return members | self.extra

    def to_bytes(self) -> bytes:
        """Return the document."""
        return dump(self.to_json())

    def to_documents(self) -> dict[str, bytes]:
        """Return the documents of a new node by name; the last one makes it a node."""
        return {self.document: self.to_bytes()}


def parse_node(document: bytes, key: str) -> ArrayMetadata | GroupMetadata:
    """Return the metadata in a `zarr.json`.

    key: where it is stored, for messages. Raise MetadataError if the document is wrong, UnsupportedError for a name in
    it that is unknown.
    """
    known: ArrayMetadata | None = parse_cache.get(document) if type(document) is bytes else None
    if known is not None:  # an array that is opened again, or one of many that are alike
        return known
    members = load(document, key)
    before = tolerated()
    try:
        version = members.get("zarr_format")
        if type(version) is not int:
            raise MetadataError(f"{key}: zarr_format: {_missing_or_shown(members, 'zarr_format')}; it must be 3")
        if version != _ZARR_FORMAT:
            raise UnsupportedError(f"{key}: zarr_format: {show(version)} is unknown; a zarr.json must be of format 3")
        kind = members.get("node_type")
        if kind == "array":
            metadata = _parse_array(members, key, document)
            if tolerated() == before and not metadata.attributes and not metadata.extra:  # nothing in it is mutable
                parse_cache.put(bytes(document), metadata)
            return metadata
        if kind == "group":
            return _parse_group(members, key)
        shown = _missing_or_shown(members, "node_type")
        raise MetadataError(f'{key}: node_type: {shown}; it must be "array" or "group"')
    except RecursionError:
        raise MetadataError(f"{key}: arrays or objects are nested too deeply") from None


def _missing_or_shown(members: JsonObject, name: str) -> str:
    return show(members[name]) if name in members else "missing"


def _parse_array(members: JsonObject, key: str, document: bytes) -> ArrayMetadata:
    if "codecs" not in members:
        tolerate("no-codecs", f"{key}: codecs")
        members = {**members, "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}
    if "fill_value" not in members:
        members = {**members, "fill_value": NO_FILL}
    if not members.keys() >= _MANDATORY:
        missing = next(name for name in sorted(_MANDATORY) if name not in members)
        raise MetadataError(f"{key}: {missing}: missing; an array needs it")
    extra = {} if members.keys() <= _ARRAY_MEMBERS else _parse_extra(members, _ARRAY_MEMBERS, key)
    shape = check_lengths(members["shape"], f"{key}: shape")
    data_type, grid, chunk_keys, fill, codecs, skipped, fill_problem = parse_layout(members, key, document)
    rectilinear, chunk_shape = (grid, grid.largest) if isinstance(grid, Rectilinear) else (None, grid)
    if rectilinear is not None:
        rectilinear.check(shape, f"{key}: chunk_grid.configuration.chunk_shapes")
    elif len(chunk_shape) != len(shape):
        entries = f"{show(chunk_shape)} has {len(chunk_shape)} entries for {len(shape)} dimensions"
        raise MetadataError(f"{key}: {CHUNK_SHAPE}: {entries}")
    grid_problem = ""
    if rectilinear is None and (0 in shape or 0 in chunk_shape):
        chunk_shape, codecs, grid_problem = without_zeros(shape, chunk_shape, codecs, f"{key}: {CHUNK_SHAPE}")
    if members.get("storage_transformers") != []:
        skipped += _parse_transformers(members, key)
    return ArrayMetadata(
        shape,
        data_type,
        chunk_shape,
        chunk_keys,
        fill,
        codecs,
        _parse_attributes(members, key),
        _parse_dimension_names(members, len(shape), key),
        extra,
        skipped,
        rectilinear,
        fill_problem,
        grid_problem,
    )


def _parse_group(members: JsonObject, key: str) -> GroupMetadata:
    extra = {} if members.keys() <= _GROUP_MEMBERS else _parse_extra(members, _GROUP_MEMBERS, key)
    block = members.get("consolidated_metadata")
    consolidated = None if block is None else parse_consolidated(block, f"{key}: consolidated_metadata")
    return GroupMetadata(_parse_attributes(members, key), consolidated, extra)


def _parse_extra(members: JsonObject, known: frozenset[str], key: str) -> JsonObject:
    """Return the members that need not be understood; raise UnsupportedError for other unknown ones."""
    extra = {}
    for name, value in members.items():
        if name in known:
            continue
        if type(value) is not dict or value.get("must_understand") is not False:
            raise UnsupportedError(
                f"{key}: {show(name)}: unknown member; it must be an object with must_understand false"
            )
        extra[name] = value
    return extra


def _parse_transformers(members: JsonObject, key: str) -> tuple[str, ...]:
    """Return the names of the storage transformers; raise UnsupportedError unless they need not be understood."""
    if "storage_transformers" not in members:
        return ()
    where = f"{key}: storage_transformers"
    transformers = members["storage_transformers"]
    if transformers is None or transformers == {}:
        tolerate("null-member" if transformers is None else "no-filters", where)
        return ()
    if type(transformers) is not list:
        raise MetadataError(f"{where}: {show(transformers)} is not a list")
    names = []
    for i, item in enumerate(transformers):
        name, _, must_understand = parse_extension(item, f"{where}[{i}]")
        if must_understand:
            raise UnsupportedError(f"{where}[{i}]: unknown storage transformer {show(name)}; none is known")
        tolerate("skipped-extension", f"{where}[{i}]", f"storage transformer {show(name)}")
        names.append(name)
    return tuple(names)


def _parse_attributes(members: JsonObject, key: str) -> JsonObject:
    attributes = members.get("attributes")
    if type(attributes) is dict:
        return attributes
    if "attributes" not in members:
        return {}
    if attributes is None:
        tolerate("null-member", f"{key}: attributes")
        return {}
    if not isinstance(attributes, Unusable):
        attributes = Unusable(f"{key}: attributes: {show(attributes)} is not an object")
    tolerate("bad-attributes", attributes.reason)
    return attributes


def _parse_dimension_names(members: JsonObject, ndim: int, key: str) -> tuple[str | None, ...] | None:
    names = members.get("dimension_names")
    if isinstance(names, Unusable):
        tolerate("bad-names", names.reason)
        return None
    if names is None:
        if "dimension_names" in members:
            tolerate("null-member", f"{key}: dimension_names")
        return None
    try:
        return check_dimension_names(names, ndim, f"{key}: dimension_names")
    except MetadataError as error:
        tolerate("bad-names", str(error))
        return None


def check_dimension_names(names: object, ndim: int, where: str) -> tuple[str | None, ...]:
    """Return a list with a name or None for each dimension as a tuple; raise MetadataError for anything else."""
    if type(names) is not list or len(names) != ndim:
        raise MetadataError(f"{where}: {show(names)} is not a list of {ndim} names, one for each dimension")
    for i, name in enumerate(names):
        if name is not None and type(name) is not str:
            raise MetadataError(f"{where}[{i}]: {show(name)} is neither a string nor null")
        if name and not name.isascii() and not _is_utf8(name):
            raise MetadataError(f"{where}[{i}]: {show(name)} has a lone surrogate, which UTF-8 can't spell")
    return tuple(names)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_consolidated(block: object, where: str) -> dict[str, JsonObject] | None:
    """Return the documents by path. If they can't be used, warn and return None: they are only copies."""
    documents = block.get("metadata") if isinstance(block, dict) else None
    if isinstance(block, Unusable):
        problem: str | None = block.reason.rpartition("consolidated_metadata: ")[2]
    elif not isinstance(block, dict) or not isinstance(documents, dict):
        problem = f"{show(block)} has no object `metadata`"
    elif block.get("kind") != "inline":
        problem = f"kind {show(block.get('kind'))} is unknown"
    else:
        problem = _problem_of_copies(documents)
        if problem is None:
            return documents
    tolerate("bad-consolidated", where, problem or "")
    return None


def _problem_of_copies(documents: JsonObject) -> str | None:
    for path, members in documents.items():
        if type(members) is not dict:
            return f"the document of {show(path)} is not an object"
        if not _is_relative_path(path):
            return f"{show(path)} is not a relative path"
        parent = path.rpartition("/")[0]
        if parent and parent not in documents:
            return f"{show(path)} is there without its parent"
    return None


def _is_relative_path(path: str) -> bool:
    try:
        return path != "" and normalize_path(path) == path
    except ValueError:
        return False
