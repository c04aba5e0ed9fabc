"""The engine "simplezarr" of `xarray.open_dataset`."""

import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any, ClassVar

from xarray import Dataset, DataTree
from xarray.backends.common import BackendEntrypoint, _normalize_path, datatree_from_dict_with_io_cleanup
from xarray.backends.store import StoreBackendEntrypoint

from simplezarr.nodes.group import Group
from simplezarr.stores.base import Store
from simplezarr.stores.resolve import StoreLike
from simplezarr.xarray.datasets import GroupData, iter_groups, open_stored_group
from simplezarr.xarray.prefetch import Prefetch

__all__ = ["SimplezarrBackend"]

_Decode = bool | Mapping[str, bool] | None


class SimplezarrBackend(BackendEntrypoint):
    """Open Zarr groups of both formats as datasets and trees: `xarray.open_dataset(store, engine="simplezarr")`.

    store: what `simplezarr.open` takes: a path, a URL, a Store, a dict.

    Data are lazy: selections and transpositions are collected, and become one read in parallel. All coordinates are
    read together. zarr-python is not needed.

    >>> import simplezarr as sz
    >>> import xarray as xr
    >>> store = sz.stores.MemoryStore()
    >>> _ = sz.create_array(store, "x", data=[10, 20], dimension_names=["x"])
    >>> _ = sz.create_array(store, "t", data=[1.5, 2.5], dimension_names=["x"])
    >>> xr.open_dataset(store, engine=SimplezarrBackend).t.sel(x=20).item()
    2.5
    """

    description = "Open Zarr groups (.zarr, .zarr.zip, URLs) with simplezarr"
    url = "https://pypi.org/project/simplezarr/"
    supports_groups = True
    #: As xarray finds them if it loads the entry point, and not if it is given the class.
    open_dataset_parameters: ClassVar[tuple[str, ...] | None] = (
        "filename_or_obj",
        "mask_and_scale",
        "decode_times",
        "concat_characters",
        "decode_coords",
        "drop_variables",
        "use_cftime",
        "decode_timedelta",
        "group",
        "mode",
        "consolidated",
        "storage_options",
        "zarr_format",
        "use_zarr_fill_value_as_mask",
    )

    def guess_can_open(self, filename_or_obj: object) -> bool:
        """Return whether the engine is taken without being named: for a `Store`, and without zarr-python for *.zarr."""
        if isinstance(filename_or_obj, (str, os.PathLike)):
            is_zarr = os.fspath(filename_or_obj).rstrip("/").endswith(".zarr")
            return is_zarr and find_spec("zarr") is None
        return isinstance(filename_or_obj, Store)

    def open_dataset(  # type: ignore[override]  # as every engine, it takes more, and other places
        self,
        filename_or_obj: StoreLike,
        *,
        mask_and_scale: _Decode = True,
        decode_times: Any = True,
        concat_characters: _Decode = True,
        decode_coords: Any = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: _Decode = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        mode: str = "r",
        consolidated: bool | None = None,
        storage_options: Mapping[str, object] | None = None,
        zarr_format: int | None = None,
        use_zarr_fill_value_as_mask: bool | None = None,
    ) -> Dataset:
        """Open a group as a dataset; `xarray.open_dataset` calls this. The decoders' arguments are those of xarray.

        - group: the path of the group in the store.
        - mode: "r"; other modes are for other engines.
        - consolidated: False to ignore consolidated metadata, True to insist on them.
        - storage_options: options of the store that a URL names, as `simplezarr.open` takes them.
        - zarr_format: 2 or 3, if only that is to be opened.
        - use_zarr_fill_value_as_mask: whether elements that equal the array's fill value are missing. None is yes in
          Zarr 2 and no in Zarr 3.

        Raise FileNotFoundError if there is no group, KeyError for an array without dimension names.
        """
        _check_mode(mode)
        node, made = open_stored_group(
            _normalize_path(filename_or_obj),
            group,
            consolidated=consolidated,
            zarr_format=zarr_format,
            storage_options=storage_options,
        )
        data = GroupData(node, fill_is_mask=use_zarr_fill_value_as_mask, dropped=drop_variables, close_store=made)
        decoders = {
            "mask_and_scale": mask_and_scale,
            "decode_times": decode_times,
            "concat_characters": concat_characters,
            "decode_coords": decode_coords,
            "drop_variables": drop_variables,
            "use_cftime": use_cftime,
            "decode_timedelta": decode_timedelta,
        }
        return _decoded(data, decoders)

    def open_groups_as_dict(  # type: ignore[override]  # as every engine, it takes more, and other places
        self,
        filename_or_obj: StoreLike,
        *,
        group: str | None = None,
        mode: str = "r",
        consolidated: bool | None = None,
        storage_options: Mapping[str, object] | None = None,
        zarr_format: int | None = None,
        use_zarr_fill_value_as_mask: bool | None = None,
        **decoders: Any,
    ) -> dict[str, Dataset]:
        """Open a group and all groups below it, as datasets by their paths; `group` is "/"."""
        _check_mode(mode)
        root, made = open_stored_group(
            _normalize_path(filename_or_obj),
            group,
            consolidated=consolidated,
            zarr_format=zarr_format,
            storage_options=storage_options,
        )
        batch, dropped = Prefetch(), decoders.get("drop_variables")

        def data_of(node: Group) -> GroupData:
            return GroupData(
                node,
                fill_is_mask=use_zarr_fill_value_as_mask,
                dropped=dropped,
                prefetch=batch,
                close_store=made,
            )

        found = {path: data_of(node) for path, node in iter_groups(root)}  # all, before the first coordinate is read
        return {path: _decoded(data, decoders) for path, data in found.items()}

    def open_datatree(self, filename_or_obj: StoreLike, **arguments: Any) -> DataTree:  # type: ignore[override]
        """Open a group and all groups below it as a tree. The arguments are those of `open_dataset`."""
        return datatree_from_dict_with_io_cleanup(self.open_groups_as_dict(filename_or_obj, **arguments))


def _decoded(data: GroupData, decoders: Mapping[str, Any]) -> Dataset:
    return StoreBackendEntrypoint().open_dataset(data, **decoders)


def _check_mode(mode: str) -> None:
    if mode != "r":
        raise ValueError(f"mode: {mode!r} is not 'r'; datasets are opened for reading, and to_zarr writes them")
