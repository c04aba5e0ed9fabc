"""The layout of a Zarr 3 array, from its document: data type, grid, chunk keys, codecs and fill value.

>>> members = {"data_type": "uint8", "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4]}},
...     "chunk_key_encoding": "default", "fill_value": 7, "codecs": ["bytes"]}
>>> data_type, grid, keys, fill, *_ = parse_layout(members, "zarr.json", b"")
>>> data_type.name, grid, fill
('uint8', (4,), b'\\x07')
"""

from typing import Any

import numpy as np

from simplezarr.codecs.base import ChunkSpec, Codec, fit_chain
from simplezarr.codecs.bytes import is_big_endian
from simplezarr.codecs.empty import NoBytes
from simplezarr.codecs.parse import parse_codecs
from simplezarr.dtypes import DataType, parse_dtype
from simplezarr.errors import MetadataError
from simplezarr.metadata.chunk_keys import ChunkKeys
from simplezarr.metadata.chunk_shapes import check_chunk_size
from simplezarr.metadata.grids import CHUNK_SHAPE, Rectilinear, parse_grid
from simplezarr.metadata.json_document import Unusable, load_exact_fill
from simplezarr.schema import parse_cache
from simplezarr.schema.extensions import JsonObject
from simplezarr.schema.leniency import tolerate, tolerated

__all__ = ["LAYOUT_MEMBERS", "NO_FILL", "parse_layout", "zero_element"]

LAYOUT_MEMBERS = ("data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs")
NO_FILL = Unusable("missing")  # in place of a missing fill value
_SMALLEST = {"null_terminated_bytes": 1, "fixed_length_utf32": 4, "raw_bytes": 1}  # bytes of an element

Layout = tuple[DataType, tuple[int, ...] | Rectilinear, ChunkKeys, bytes, tuple[Codec, ...], tuple[str, ...], str]


def parse_layout(members: JsonObject, key: str, document: bytes) -> Layout:
    """Return data type, grid, chunk keys, fill value, codecs, names of skipped codecs, and `fill_problem`.

    Layouts are cached, because most arrays of a store share one, and an array is opened more than once.
    """
    values = [members[name] for name in LAYOUT_MEMBERS]
    if isinstance(members["fill_value"], Unusable):
        return _parse_layout(members, key, document)[0]
    cache_key = parse_cache.cache_key(values, key)
    layout: Layout | None = parse_cache.get(cache_key)
    if layout is None:
        before = tolerated()
        layout, may_repeat = _parse_layout(members, key, document)
        if may_repeat and tolerated() == before:
            parse_cache.put(cache_key, layout)
    return layout


def _parse_layout(members: JsonObject, key: str, document: bytes) -> tuple[Layout, bool]:
    """Return the layout, and whether equal members always have this layout."""
    data_type, has_size = _parse_type(members["data_type"], f"{key}: data_type")
    grid = parse_grid(members["chunk_grid"], f"{key}: chunk_grid")
    chunk_keys = ChunkKeys.from_json(members["chunk_key_encoding"], f"{key}: chunk_key_encoding")
    skipped: list[str] = []
    codecs = parse_codecs(members["codecs"], f"{key}: codecs", skipped) if has_size else (NoBytes(),)
    for codec in codecs:
        skipped += getattr(codec, "skipped", ())
    is_rounded = data_type.needs_text(members["fill_value"])
    fill, fill_problem = data_type.default_fill, ""
    if has_size:
        exactly = document if is_rounded else None
        fill, fill_problem = _parse_fill(members["fill_value"], data_type, codecs, key, exactly)
    spec = ChunkSpec(grid.largest if isinstance(grid, Rectilinear) else grid, data_type, fill)
    check_chunk_size(spec.nbytes, f"{key}: {CHUNK_SHAPE}")
    if any(codec.unfitted for codec in codecs):
        codecs = fit_chain(codecs, spec, f"{key}: codecs")
    return (data_type, grid, chunk_keys, fill, codecs, tuple(skipped), fill_problem), not is_rounded


def _parse_type(value: Any, where: str) -> tuple[DataType, bool]:
    """Return the data type, and whether elements have a size; if not, it is the data type of the smallest size."""
    name = value.get("name") if type(value) is dict else None
    if type(name) is str and name in _SMALLEST and value.get("configuration") == {"length_bytes": 0}:
        tolerate("empty-type", where)
        return parse_dtype({"name": name, "configuration": {"length_bytes": _SMALLEST[name]}}, where), False
    return parse_dtype(value, where), True


def _parse_fill(
    value: Any, data_type: DataType, codecs: tuple[Codec, ...], key: str, document: bytes | None
) -> tuple[bytes, str]:
    """Return the fill value as an element, and why it can't be used, "" if it can.

    document: read numbers as they are spelled there; None if the parsed value is exact.
    """
    if value is None or value is NO_FILL:
        tolerate("null-fill" if value is None else "no-fill", f"{key}: fill_value")
        return data_type.default_fill, ""
    try:
        if isinstance(value, Unusable):
            raise MetadataError(value.reason)
        exact = value if document is None else load_exact_fill(document, key)
        fill = data_type.fill_from_json(exact, f"{key}: fill_value")
    except MetadataError as error:
        tolerate("bad-fill", str(error))
        return zero_element(data_type), str(error)
    if data_type.name == "structured" and type(value) is str and is_big_endian(codecs):
        fill = data_type.swapped(np.frombuffer(fill, data_type.numpy)).tobytes()
    return fill, ""


def zero_element(data_type: DataType) -> bytes:
    """Return an element of zero bytes, or of no bytes, in place of a fill value that can't be used."""
    return b"" if data_type.is_variable else bytes(data_type.itemsize)
