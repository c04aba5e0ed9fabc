"""New arrays from the encodings of xarray, which has codecs in the three parts of zarr-python."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from xarray.coding.strings import check_vlen_dtype

from simplezarr.codecs.base import Codec
from simplezarr.codecs.parse import as_codec
from simplezarr.codecs.zstd import Zstd
from simplezarr.hierarchy.changes import create_node
from simplezarr.metadata.chunk_keys import join
from simplezarr.metadata.v2.codecs import parse_chain
from simplezarr.metadata.v2.documents import ArrayMetadataV2
from simplezarr.nodes.arguments import as_attributes, resolve_arguments
from simplezarr.nodes.array import Array
from simplezarr.nodes.group import Group

__all__ = ["create_variable", "opened_for_writing"]

_PARTS = ("filters", "serializer", "compressors")


def create_variable(
    group: Group,
    name: str,
    *,
    shape: tuple[int, ...],
    dtype: np.dtype,
    fill_value: object,
    encoding: Mapping[str, Any],
    attributes: Mapping[str, Any],
) -> Array:
    """Create the array of a variable in a group.

    encoding: what `xarray.backends.zarr.extract_zarr_variable_encoding` leaves of an encoding.
    """
    is_text = dtype.kind == "T" or check_vlen_dtype(dtype) is str or (dtype.kind == "U" and _is_vlen(encoding))
    metadata = resolve_arguments(
        shape=shape,
        dtype=str if is_text else dtype,
        chunks=_lengths(encoding.get("chunks", "auto")),
        shards=encoding.get("shards"),
        codecs=_chain(encoding, shape, np.dtype(object) if is_text else dtype),
        fill_value=_plain(fill_value),
        chunk_key_encoding=_chunk_keys(encoding.get("chunk_key_encoding")),
        dimension_names=encoding.get("dimension_names"),
        attributes=_checked(attributes),
        zarr_format=group.metadata.zarr_format,
    )
    if fill_value is None and isinstance(metadata, ArrayMetadataV2):
        metadata = replace(metadata, is_undefined=True)  # any other value would be a missing value
    path = join(group.path, name)
    create_node(group.store, path, metadata, overwrite=bool(encoding.get("overwrite")))
    return opened_for_writing(Array(group.store, path, metadata, read_only=False), encoding.get("write_empty_chunks"))


def opened_for_writing(array: Array, write_empty_chunks: bool | None) -> Array:
    """Return an array that stores chunks of fill value if it is to, or if others could not tell what is in them."""
    array.write_empty_chunks = bool(write_empty_chunks) or array.metadata.is_fill_undefined
    return array


def _checked(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return as_attributes(attributes)
    except TypeError as error:
        raise TypeError(f"Invalid attribute in Dataset.attrs. {error}") from None


def _chain(encoding: Mapping[str, Any], shape: tuple[int, ...], dtype: np.dtype) -> str | Sequence[Codec]:
    """Return the codecs of an encoding; the usual ones for parts that it does not have.

    >>> _chain({"compressors": ({"name": "gzip", "configuration": {"level": 3}},)}, (4,), np.dtype("i4"))
    (Gzip(level=3),)
    """
    given = {part: _listed(encoding[part]) for part in _PARTS if encoding.get(part, "auto") != "auto"}
    if not given:
        return "auto"
    items = [item for part in _PARTS for item in given.get(part, ())]
    last = () if "compressors" in given else (Zstd(),)
    if items and all(isinstance(item, Mapping) and "id" in item for item in items):
        members = {"order": "C", "filters": items, "compressor": None}
        return *parse_chain(members, shape, dtype, "encoding"), *last
    return *(as_codec(item, "encoding") for item in items), *last


def _is_vlen(encoding: Mapping[str, Any]) -> bool:
    """Return whether texts were stored with a length each: in Zarr 2 xarray makes texts of one length of them."""
    codecs = [item for part in ("filters", "serializer") for item in _listed(encoding.get(part))]
    names = [item.get("id", item.get("name")) for item in codecs if isinstance(item, Mapping)]
    return "vlen-utf8" in names


def _listed(codecs: object) -> list[Any]:
    """Return the codecs of a part as JSON objects, or as they are if they have none."""
    if codecs is None:
        return []
    several = codecs if isinstance(codecs, (list, tuple)) else [codecs]
    return [_as_json(codec) for codec in several]


def _as_json(codec: Any) -> Any:
    for describe in ("get_config", "to_dict"):  # of numcodecs, of zarr-python
        if hasattr(codec, describe):
            return getattr(codec, describe)()
    return dict(codec) if isinstance(codec, Mapping) else codec


def _lengths(chunks: Any) -> Any:
    """Return the lengths of chunks, which are at least 1; the blocks of an array without elements may have none."""
    return tuple([max(n, 1) for n in chunks]) if isinstance(chunks, tuple) else chunks


def _plain(fill_value: object) -> object:
    """Return a fill value in one of the types that arrays are created with."""
    if isinstance(fill_value, np.ndarray):
        fill_value = fill_value[()]
    return fill_value.item() if isinstance(fill_value, (np.str_, np.bytes_)) else fill_value


def _chunk_keys(value: Any) -> Any:
    """Return a chunk key encoding as Zarr's JSON; zarr-python also has the separator beside the name."""
    value = "default" if value is None else _as_json(value)
    if isinstance(value, Mapping) and "separator" in value:
        return {"name": value["name"], "configuration": {"separator": value["separator"]}}
    return value
