"""`to_zarr`: datasets, arrays and trees of xarray as Zarr groups."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Literal

from xarray import DataArray, Dataset, DataTree
from xarray.backends.api import DATAARRAY_NAME, DATAARRAY_VARIABLE, delayed_close_after_writes
from xarray.backends.common import ArrayWriter
from xarray.backends.writers import dump_to_store
from xarray.backends.zarr import _choose_default_mode

from simplezarr.api import create_group, exists, open_group
from simplezarr.errors import UnsupportedError
from simplezarr.nodes.group import Group
from simplezarr.stores.base import Store
from simplezarr.stores.resolve import StoreLike, as_store, written
from simplezarr.xarray.writer import GroupWriter

__all__ = ["to_zarr"]

Mode = Literal["w", "w-", "a", "a-", "r+"]
Region = Mapping[str, slice | Literal["auto"]] | Literal["auto"]


def to_zarr(
    data: Dataset | DataArray | DataTree,
    store: StoreLike,
    mode: Mode | None = None,
    group: str | None = None,
    encoding: Mapping[str, Any] | None = None,
    *,
    compute: bool = True,
    consolidated: bool | None = None,
    append_dim: Hashable | None = None,
    region: Region | None = None,
    safe_chunks: bool = False,
    align_chunks: bool = False,
    storage_options: Mapping[str, object] | None = None,
    zarr_format: int | None = None,
    write_empty_chunks: bool | None = None,
    chunkmanager_store_kwargs: Mapping[str, Any] | None = None,
    write_inherited_coords: bool = False,
) -> Any:
    """Write to a Zarr group, as `Dataset.to_zarr` does with zarr-python.

    - data: a dataset, a DataArray, or a tree, whose groups are written below the group.
    - store: what `simplezarr.open` takes. A name that ends in .zip makes a new archive, as a whole or not at all.
      storage_options: options of the store that a URL names.
    - mode: "w" replaces what is there, "w-" makes a new group, "a" also changes one, "a-" as well but only along
      `append_dim`, "r+" changes values alone. None is "a" with `append_dim`, "r+" with `region`, otherwise "w-".
    - group: the path of the group in the store.
    - encoding: for each variable `chunks`, `shards`, `filters`, `serializer`, `compressors`, `chunk_key_encoding`,
      `write_empty_chunks`, `fill_value` (in Zarr 3), and those of CF. For a tree, by the paths of its groups. Codecs
      are codecs of simplezarr, zarr-python or numcodecs, JSON objects, or names.
    - compute: False writes no chunks of dask arrays. They are written by what is returned then.
    - consolidated: whether metadata are consolidated at the root of the store. None is yes, except in mode "r+".
    - append_dim: the dimension along which stored variables grow.
    - region: slices by dimension, which are written. "auto", for a dimension or for all, finds the slice by the
      coordinates.
    - safe_chunks: refuse dask blocks that share a stored chunk. They can share it: no update is lost, whether threads
      or processes write them. It only takes longer. align_chunks: rechunk dask arrays instead.
    - zarr_format: 3 or 2, of a new group. write_empty_chunks: store chunks that are all fill value.
    - chunkmanager_store_kwargs: arguments of `dask.array.store`.
    - write_inherited_coords: of a tree, write coordinates into each group that inherits them.

    Return the writer, which is closed, or with `compute=False` a `dask.delayed.Delayed`. Raise NodeExistsError (a
    FileExistsError) for mode "w-" and a group that exists, and ValueError for data that don't fit.

    >>> import xarray as xr
    >>> import simplezarr as sz
    >>> ds = xr.Dataset({"t": ("x", [1.5, 2.5])}, {"x": [10, 20]})
    >>> _ = to_zarr(ds, store := sz.stores.MemoryStore())
    >>> _ = to_zarr(ds.assign_coords(x=[30, 40]), store, append_dim="x")
    >>> sz.open(store)["x"][:]
    array([10, 20, 30, 40])
    """
    chosen = _choose_default_mode(mode=mode, append_dim=append_dim, region=region)
    if isinstance(data, DataTree):
        _check_tree(data, encoding or {}, append_dim)
    made = as_store(store, storage_options)
    with written(made, store, group or "", chosen == "w") as place:
        is_archive = place is not made
        if is_archive and not compute:
            raise UnsupportedError(
                f"compute=False: {place!r} is an archive, which is complete when this call ends; write to a directory"
            )
        writer = GroupWriter(
            _opened(place, (group or "").strip("/"), chosen, zarr_format),
            chosen,
            append_dim=append_dim,
            write_region=dict(region) if isinstance(region, Mapping) else region,
            safe_chunks=safe_chunks,
            write_empty=write_empty_chunks,
            close_store_on_close=made is not store and not is_archive,
            align_chunks=align_chunks,
        )
        values = ArrayWriter()
        try:
            for target, dataset, settings in _parts(data, writer, encoding or {}, write_inherited_coords):
                dump_to_store(target.checked(dataset, settings), target, values, encoding=settings)
            if consolidated or (consolidated is None and chosen != "r+"):
                open_group(place, mode="r+").consolidate_metadata()
            writes = values.sync(compute=compute, chunkmanager_store_kwargs=chunkmanager_store_kwargs)
        finally:
            if compute:
                writer.close()
    return writer if compute else delayed_close_after_writes(writes, writer)


def _check_tree(tree: DataTree, encoding: Mapping[str, Any], append_dim: Hashable | None) -> None:
    if append_dim is not None:
        raise NotImplementedError("append_dim: trees can't be appended to; append the datasets of their groups")
    unknown = {*encoding} - {*tree.groups}
    if unknown:
        raise ValueError(f"unexpected encoding group name(s) provided: {unknown}; the tree has {[*tree.groups]}")


def _opened(store: Store, path: str, mode: str, zarr_format: int | None) -> Group:
    if mode == "r+" or (mode in ("a", "a-") and exists(store, path)):
        return open_group(store, path, mode="r+")
    return create_group(store, path, zarr_format=zarr_format, overwrite=mode == "w")


def _parts(
    data: Dataset | DataArray | DataTree, writer: GroupWriter, encoding: Mapping[str, Any], inherit: bool
) -> Iterator[tuple[GroupWriter, Dataset, Mapping[str, Any]]]:
    """Yield writers, what they write, and with which encoding."""
    if not isinstance(data, DataTree):
        yield writer, _as_dataset(data), encoding
        return
    for path, node in data.subtree_with_keys:
        target = writer if node is data else writer.get_child_store(path)
        yield target, node.to_dataset(inherit=inherit or node is data), encoding.get(node.path, {})


def _as_dataset(data: Dataset | DataArray) -> Dataset:
    """Return a dataset; of a DataArray with names from which `xarray.open_dataarray` makes it again."""
    if isinstance(data, Dataset):
        return data
    if data.name is not None and data.name not in data.coords and data.name not in data.dims:
        return data.to_dataset()
    dataset = data.to_dataset(name=DATAARRAY_VARIABLE)
    if data.name is not None:
        dataset.attrs[DATAARRAY_NAME] = data.name
    return dataset
