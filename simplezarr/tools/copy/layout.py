"""How the arrays of a copy are stored: as in the source, but for what was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from simplezarr.codecs.zstd import Zstd
from simplezarr.errors import MetadataError
from simplezarr.hierarchy.inventory import inner_shape, sharding_of
from simplezarr.metadata.json_document import copy_json
from simplezarr.metadata.v2.documents import ArrayMetadataV2
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.arguments import as_like, resolve_arguments
from simplezarr.nodes.array import Array

if TYPE_CHECKING:
    from simplezarr.nodes.keywords import ChunkLengths, CodecLike

__all__ = ["Wanted", "array_metadata", "check_lengths"]

_NAMES = "_ARRAY_DIMENSIONS"  # the attribute that has the names of dimensions in Zarr 2, by xarray's convention


@dataclass(frozen=True, slots=True)
class Wanted:
    """The arguments of `copy` that say how arrays are stored; None is as in the source."""

    chunks: "ChunkLengths | None"
    shards: "ChunkLengths | None"
    codecs: "CodecLike | Sequence[CodecLike] | None"
    zarr_format: int | None
    region: Any

    def chunks_of(self, ndim: int) -> Any:
        """Return the chunks for an array of so many dimensions; None if they stay."""
        return self.chunks if _fits(self.chunks, ndim) else None

    def shards_of(self, ndim: int) -> Any:
        """Return the shards for an array of so many dimensions; None if they stay."""
        return self.shards if _fits(self.shards, ndim) else None


def _fits(lengths: Any, ndim: int) -> bool:
    return lengths is not None and (not hasattr(lengths, "__len__") or isinstance(lengths, str) or len(lengths) == ndim)


def check_lengths(wanted: Wanted, dimensions: set[int]) -> None:
    """Raise MetadataError for lengths that are those of no array; `dimensions` has the numbers of their axes."""
    for name, lengths in (("chunks", wanted.chunks), ("shards", wanted.shards)):
        if lengths is not None and dimensions and not any(_fits(lengths, ndim) for ndim in dimensions):
            shown = " or ".join(map(str, sorted(dimensions)))
            raise MetadataError(f"{name}: {lengths!r} is for no array; there are arrays of {shown} dimensions")


def array_metadata(array: Array, wanted: Wanted) -> ArrayMetadata:
    """Return the metadata of the copy of an array. Raise MetadataError or UnsupportedError that names the argument."""
    metadata = array.metadata
    version = metadata.zarr_format if wanted.zarr_format is None else wanted.zarr_format
    chunks, shards = wanted.chunks_of(array.ndim), wanted.shards_of(array.ndim)
    as_it_is = chunks is None and shards is None and wanted.codecs is None and wanted.region is None
    if as_it_is and version == metadata.zarr_format:
        return replace(metadata, attributes=copy_json(metadata.attributes))
    shape, kept = array.shape, [*range(array.ndim)]
    if wanted.region is not None:
        shape, kept = array.lazy[wanted.region].shape, _kept_axes(wanted.region, array.ndim)
        if len(kept) != len(shape):  # index arrays or new axes: no axis is that of the source
            kept = []
    chunks, shards = _lengths(metadata, wanted, kept, len(shape), version)
    names, attributes = _names(metadata, kept, len(shape), version)
    given = {
        "shape": shape,
        "dtype": metadata.data_type,
        "chunks": chunks,
        "shards": shards,
        "codecs": _codecs(wanted.codecs),
        "fill_value": None,
        "chunk_key_encoding": "default",
        "dimension_names": names,
        "attributes": attributes,
        "zarr_format": version,
    }
    likened = {**as_like(metadata, given), "dimension_names": names}
    made = resolve_arguments(**likened)
    if version == metadata.zarr_format:
        made = replace(made, extra=metadata.extra)
    if isinstance(made, ArrayMetadataV2) and metadata.is_fill_undefined:
        made = replace(made, is_undefined=True)
    return made


def _codecs(codecs: Any) -> Any:
    """Return codecs as `as_like` takes them, for which "auto" is what was not given."""
    if codecs is None:
        return "auto"
    return [Zstd()] if isinstance(codecs, str) and codecs == "auto" else codecs


def _lengths(metadata: ArrayMetadata, wanted: Wanted, kept: list[int], ndim: int, version: int) -> tuple[Any, Any]:
    """Return chunks and shards as `as_like` takes them: what is left to it is "auto" and None."""
    chunks, shards = wanted.chunks_of(ndim), wanted.shards_of(ndim)
    if version == ArrayMetadataV2.zarr_format and shards is None:
        shards = False  # Zarr 2 has none: the chunks in them become its chunks
        chunks = inner_shape(metadata) if chunks is None and sharding_of(metadata) is not None else chunks
    if wanted.region is not None and chunks is None:
        regular = len(kept) == ndim and metadata.grid is None
        chunks = tuple([inner_shape(metadata)[axis] for axis in kept]) if regular else True
    if wanted.region is not None and shards is None:
        outer = metadata.chunk_shape if sharding_of(metadata) is not None else None
        regular = len(kept) == ndim and metadata.grid is None and outer is not None
        shards = tuple([outer[axis] for axis in kept]) if outer is not None and regular else False
    if isinstance(chunks, str) and chunks == "auto":
        chunks = True
    return "auto" if chunks is None else chunks, shards


def _names(metadata: ArrayMetadata, kept: list[int], ndim: int, version: int) -> tuple[Any, dict[str, Any]]:
    """Return names of dimensions and attributes. Zarr 2 has the names among the attributes."""
    attributes: dict[str, Any] = copy_json(metadata.attributes)
    given = metadata.dimension_names
    names = None if given is None or len(kept) != ndim else [given[axis] for axis in kept]
    if given is not None and metadata.zarr_format == ArrayMetadataV2.zarr_format:
        attributes.pop(_NAMES, None)
    if version != ArrayMetadataV2.zarr_format:
        return names, attributes
    if names is not None and None not in names:
        attributes[_NAMES] = names
    return None, attributes


def _kept_axes(region: Any, ndim: int) -> list[int]:
    """Return the axes of the source that the dimensions of a basic selection are; too few for any other selection.

    >>> _kept_axes((slice(3), 0, ...), 4), _kept_axes(..., 2)
    ([0, 2, 3], [0, 1])
    """
    items = list(region) if isinstance(region, tuple) else [region]
    if Ellipsis not in [item for item in items if item is Ellipsis]:
        items.append(Ellipsis)
    place = next(i for i, item in enumerate(items) if item is Ellipsis)
    items[place : place + 1] = [slice(None)] * (ndim - len(items) + 1)
    if not all(isinstance(item, slice) or hasattr(item, "__index__") for item in items):
        return []
    return [axis for axis, item in enumerate(items) if isinstance(item, slice)]
