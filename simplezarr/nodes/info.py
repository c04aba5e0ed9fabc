"""What `info` of an array and of a group returns: values as attributes, and a text of several lines."""

from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from simplezarr.codecs.base import Codec
from simplezarr.errors import UnsupportedError, ZarrError
from simplezarr.hierarchy.inventory import chunk_codecs, grid_shape, shard_shape, stored_count
from simplezarr.metadata.json_document import copy_json
from simplezarr.nodes.protocols import IsGroup
from simplezarr.stores.base import Store
from simplezarr.transfer.handle import ArrayHandle

__all__ = ["ArrayInfo", "GroupInfo", "array_info", "group_info"]


@dataclass(frozen=True, repr=False)
class _Info:
    """What arrays and groups have in common; `nbytes_stored` is None if the store can't be listed."""

    name: str
    store: Store
    zarr_format: int
    attributes: dict[str, Any]
    nbytes_stored: int | None

    def _rows(self) -> list[tuple[str, object]]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return "\n".join(f"{label:10}  {value}" for label, value in self._rows() if value is not None)


@dataclass(frozen=True, repr=False)
class ArrayInfo(_Info):
    """An array when it was asked for its `info`; the attributes are those of the array.

    - fill_value: None if that of the document is not usable.
    - nobjects, nobjects_stored: how many chunks, or shards, the array has and how many are stored. The second is None
      if the store can't be listed.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    nbytes: int
    chunks: tuple[int, ...]
    grid_shape: tuple[int, ...]
    shards: tuple[int, ...] | None
    codecs: tuple[Codec, ...]
    fill_value: Any
    dimension_names: tuple[str | None, ...] | None
    nobjects: int
    nobjects_stored: int | None

    def _rows(self) -> list[tuple[str, object]]:
        stored = None
        if self.nobjects_stored is not None:
            objects = "chunks" if self.shards is None else "shards"
            stored = f"{self.nobjects_stored:,} of {self.nobjects:,} {objects}, {self.nbytes_stored:,} bytes"
        return [
            ("array", f"{self.name} in {self.store!r}"),
            ("format", f"Zarr {self.zarr_format}"),
            ("shape", f"{self.shape} {self.dtype}, {self.nbytes:,} bytes"),
            ("chunks", f"{self.chunks}, grid {self.grid_shape}"),
            ("shards", self.shards),
            ("codecs", ", ".join(map(str, self.codecs))),
            ("fill value", "not usable" if self.fill_value is None else repr(self.fill_value)),
            ("dimensions", self.dimension_names),
            ("attributes", ", ".join(self.attributes) or None),
            ("stored", stored),
        ]


@dataclass(frozen=True, repr=False)
class GroupInfo(_Info):
    """A group when it was asked for its `info`.

    - narrays, ngroups: how many children there are of each kind; None if they can't be listed or read.
    - consolidated: whether the group holds copies of the metadata below it.
    """

    narrays: int | None
    ngroups: int | None
    consolidated: bool

    def _rows(self) -> list[tuple[str, object]]:
        return [
            ("group", f"{self.name} in {self.store!r}"),
            ("format", f"Zarr {self.zarr_format}{', consolidated' if self.consolidated else ''}"),
            ("children", None if self.narrays is None else f"arrays: {self.narrays:,}, groups: {self.ngroups:,}"),
            ("attributes", ", ".join(self.attributes) or None),
            ("stored", None if self.nbytes_stored is None else f"{self.nbytes_stored:,} bytes"),
        ]


def array_info(handle: ArrayHandle) -> ArrayInfo:
    """Describe an array. List the store once."""
    metadata, nobjects, nbytes_stored = handle.metadata, None, None
    with suppress(UnsupportedError):
        nobjects, nbytes_stored = stored_count(handle.store, handle.path, metadata)
    return ArrayInfo(
        name=handle.name,
        store=handle.store,
        zarr_format=metadata.zarr_format,
        attributes=copy_json(metadata.attributes),
        nbytes_stored=nbytes_stored,
        shape=handle.shape,
        dtype=handle.dtype,
        nbytes=prod(handle.shape) * handle.dtype.itemsize,
        chunks=handle.chunks,
        grid_shape=grid_shape(metadata, handle.chunks),
        shards=shard_shape(metadata),
        codecs=chunk_codecs(metadata),
        fill_value=None if metadata.fill_problem else handle.fill_value,
        dimension_names=metadata.dimension_names,
        nobjects=prod(metadata.grid_shape),
        nobjects_stored=nobjects,
    )


def group_info(group: IsGroup) -> GroupInfo:
    """Describe a group. What can't be listed or read is None."""
    kinds = nbytes = None
    with suppress(OSError, ZarrError):
        kinds = [child.kind() for child in group._children()]
    with suppress(UnsupportedError):
        nbytes = group.nbytes_stored
    return GroupInfo(
        name=group.name,
        store=group.store,
        zarr_format=group.metadata.zarr_format,
        attributes=copy_json(group.metadata.attributes),
        nbytes_stored=nbytes,
        narrays=None if kinds is None else kinds.count("array"),
        ngroups=None if kinds is None else kinds.count("group"),
        consolidated=group.metadata.consolidated is not None,
    )
