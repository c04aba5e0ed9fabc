"""The keywords of the calls that create arrays: their types, and what to write for those of other libraries."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict

if TYPE_CHECKING:
    from simplezarr.nodes.array import Array

__all__ = ["ArrayKeywords", "CreateKeywords", "SaveKeywords", "refuse"]


class ArrayKeywords(TypedDict, total=False):
    """What an array is made with, besides shape and data type (see `create_array`)."""

    chunks: Any
    shards: Any
    codecs: Any
    fill_value: Any
    chunk_key_encoding: Any
    dimension_names: Any
    attributes: Any
    zarr_format: int | None
    write_empty_chunks: bool
    like: "Array | None"


class SaveKeywords(ArrayKeywords, total=False):
    """The keywords of `save`."""

    shape: Any
    dtype: Any
    overwrite: bool


class CreateKeywords(SaveKeywords, total=False):
    """The keywords of `create_array`."""

    data: Any


_COMPRESSION = (
    'codecs takes codecs and their names: codecs="zstd", codecs=simplezarr.codecs.Gzip(5), codecs=[] for none'
)
_KEYS = 'write chunk_key_encoding=("v2", ".")'
_REMEDIES = {
    "chunk_shape": "write chunks=",
    "compression": _COMPRESSION,
    "compression_opts": _COMPRESSION,
    "compressor": _COMPRESSION,
    "compressors": _COMPRESSION,
    "dimension_separator": _KEYS,
    "filters": 'filters are the first items of codecs: codecs=[filter, "zstd"]',
    "maxshape": "leave it out; every array can be resized",
    "name": "write path=",
    "order": 'results are in C order; codecs=[simplezarr.codecs.Transpose((1, 0)), "zstd"] stores chunks in another',
    "serializer": "write it in codecs, before the compressors",
}


def refuse(names: Iterable[str], call: str) -> NoReturn:
    """Raise a TypeError for the first keyword that a call does not have. It says what to write.

    >>> refuse(["maxshape"], "create_array")
    Traceback (most recent call last):
    ...
    TypeError: create_array has no argument 'maxshape'; leave it out; every array can be resized
    """
    name = next(iter(names))
    remedy = _REMEDIES.get(name, f"help(simplezarr.{call}) describes the arguments")
    raise TypeError(f"{call} has no argument {name!r}; {remedy}")
