"""The keywords of the calls that open and create: their types, and what to write for those of other libraries."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, SupportsIndex, TypedDict

from simplezarr.stores.base import Store
from simplezarr.stores.resolve import StoreLike, as_store, takes_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike

    from simplezarr.codecs.base import Codec
    from simplezarr.dtypes import DataType
    from simplezarr.nodes.array import Array

    class NumcodecsCodec(Protocol):
        """A codec of numcodecs."""

        codec_id: Any

        def get_config(self) -> Any: ...

    #: What the arguments of `create_array` may be.
    Lengths = SupportsIndex | Sequence[SupportsIndex] | np.ndarray
    ChunkLengths = Literal["auto"] | Lengths | Sequence[SupportsIndex | Sequence[SupportsIndex | tuple[int, int]]]
    DTypeName = DTypeLike | DataType | dict[str, Any]
    CodecLike = str | Codec | Mapping[str, Any] | NumcodecsCodec
    ChunkKeysLike = str | Mapping[str, Any] | tuple[str, str]

__all__ = [
    "ArrayKeywords",
    "CreateKeywords",
    "GroupKeywords",
    "RequireArguments",
    "SaveArguments",
    "SaveKeywords",
    "StorageOptions",
    "refuse",
    "resolve_store",
    "split_keywords",
]


class StorageOptions(TypedDict, total=False):
    """The options of the stores that URLs name. Those that a store does not have are errors.

    - anonymous, endpoint, region, profile: of object stores.
    - headers, timeout: of web servers. missing: the answers that mean that a key does not exist.
    - concurrency: how many requests one call makes at a time.
    - storage_options: others, by name, for the package behind the store. They may also be given as keywords, which type
      checkers refuse: otherwise they could not find a misspelt argument.
    """

    anonymous: bool
    endpoint: str
    region: str
    profile: str
    headers: Mapping[str, str]
    timeout: float
    missing: tuple[int, ...]
    concurrency: int
    storage_options: Mapping[str, object]


class ArrayKeywords(TypedDict, total=False):
    """What an array is made with, besides shape and data type (see `create_array`)."""

    chunks: "ChunkLengths | None"
    shards: "ChunkLengths | None"
    codecs: "CodecLike | Sequence[CodecLike]"
    fill_value: Any
    chunk_key_encoding: "ChunkKeysLike"
    dimension_names: Iterable[str | None] | None
    attributes: Mapping[str, Any] | None
    zarr_format: int | None
    write_empty_chunks: bool
    like: "Array | None"


class GroupKeywords(TypedDict, total=False):
    """What a group is made with (see `create_group`)."""

    attributes: Mapping[str, Any] | None
    zarr_format: int | None
    overwrite: bool


class SaveKeywords(ArrayKeywords, total=False):
    """The keywords of `save`, besides those of the store."""

    shape: "Lengths | None"
    dtype: "DTypeName | None"
    overwrite: bool


class RequireArguments(ArrayKeywords, StorageOptions, total=False):
    """The keywords of `require_array`, and those of the store."""


class SaveArguments(SaveKeywords, StorageOptions, total=False):
    """The keywords of `save`, and those of the store."""


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


def split_keywords(given: Mapping[str, Any], own: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the keywords of a call that are the store's, and those that are its own.

    >>> split_keywords({"shape": 3, "region": "here"}, ["shape", "dtype"])
    ({'region': 'here'}, {'shape': 3})
    """
    options = {name: value for name, value in given.items() if name not in own}
    return options, {name: value for name, value in given.items() if name in own}


def resolve_store(store: StoreLike, options: Mapping[str, object], call: str) -> Store:
    """Return the store of an argument, with the keywords of a call that are not the call's own: options of the store.

    Raise TypeError if the store takes no options, or for a keyword that other libraries have.

    >>> resolve_store("data.zarr", {"region": "here"}, "open")
    Traceback (most recent call last):
    ...
    TypeError: open has no argument 'region'; it is a storage option, and this store takes none: give a URL
    """
    if not options:
        return as_store(store)
    unknown = [name for name in options if name in _REMEDIES or name in CreateKeywords.__annotations__]
    if unknown or not takes_options(store):
        refuse(unknown or options, call)
    given = {**options}
    others = given.pop("storage_options", None) or {}
    if not isinstance(others, Mapping):
        raise TypeError(f"storage_options: must be a mapping of names to values, not {type(others).__name__}")
    return as_store(store, {**others, **given})


def refuse(names: Iterable[str], call: str) -> NoReturn:
    """Raise a TypeError for keywords that a call does not have. It says what to write.

    >>> refuse(["maxshape"], "create_array")
    Traceback (most recent call last):
    ...
    TypeError: create_array has no argument 'maxshape'; leave it out; every array can be resized
    """
    names = [*names]
    remedy = _REMEDIES.get(names[0])
    if remedy is None and names[0] in StorageOptions.__annotations__:
        remedy = "it is a storage option, and this store takes none: give a URL"
    if remedy is None:
        remedy = f"help(simplezarr.{call}) describes the arguments"
    raise TypeError(f"{call} has no argument {', '.join(map(repr, names))}; {remedy}")
