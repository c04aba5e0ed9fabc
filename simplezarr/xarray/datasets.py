"""Groups as datasets, before xarray decodes them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from xarray import Variable
from xarray.backends.common import AbstractDataStore
from xarray.core import indexing

from simplezarr.api import open_group
from simplezarr.errors import MetadataError, NodeNotFoundError
from simplezarr.nodes.array import Array
from simplezarr.nodes.group import Group
from simplezarr.stores.base import Store
from simplezarr.stores.resolve import StoreLike, as_store
from simplezarr.xarray.prefetch import Prefetch
from simplezarr.xarray.variables import is_netcdf_name, stored_variable

_LARGEST_COORDINATE, _LARGEST_TIME = 16 << 20, 1 << 20  # bytes

__all__ = ["GroupData", "iter_groups", "open_stored_group"]


class GroupData(AbstractDataStore):
    """The variables and attributes of a group, as xarray's decoders take them.

    - fill_is_mask: whether fill values are missing values; None for what is usual in the format.
    - dropped: names of arrays that are not opened as variables.
    - prefetch: the batch that the coordinates are read with.
    - close_store: whether closing the dataset closes the store.
    """

    def __init__(
        self,
        group: Group,
        *,
        fill_is_mask: bool | None = None,
        dropped: str | Iterable[str] | None = None,
        prefetch: Prefetch | None = None,
        close_store: bool = False,
    ):
        dropped = {dropped} if isinstance(dropped, str) else {*(dropped or ())}
        self._group, self._close_store, self._prefetch = group, close_store, prefetch or Prefetch()
        self._fill_is_mask = group.metadata.zarr_format == 2 if fill_is_mask is None else fill_is_mask
        self._variables = {name: self._variable(name, array) for name, array in group.arrays() if name not in dropped}

    def _variable(self, name: str, array: Array) -> Variable:
        made = stored_variable(array, fill_is_mask=self._fill_is_mask)
        if _is_read_at_opening(name, made):
            made.data = indexing.LazilyIndexedArray(self._prefetch.add(array))
        return made

    def get_variables(self) -> dict[str, Variable]:
        """Return the variables by name."""
        return self._variables

    def get_attrs(self) -> dict[str, Any]:
        """Return the attributes of the dataset."""
        return {name: value for name, value in self._group.attrs.items() if not is_netcdf_name(name)}

    def close(self) -> None:
        """Close the store, if it was opened for this dataset."""
        if self._close_store:
            self._group.store.close()


def _is_read_at_opening(name: str, variable: Variable) -> bool:
    """Return whether xarray reads it to open a dataset, and it is not so large that other requests cost nothing.

    Coordinates become indexes. Of times xarray reads elements, to find the type that holds them.
    """
    if variable.dims == (name,):
        return variable.nbytes <= _LARGEST_COORDINATE
    return variable.nbytes <= _LARGEST_TIME and " since " in str(variable.attrs.get("units", ""))


def open_stored_group(
    store: StoreLike,
    path: str | None,
    *,
    consolidated: bool | None,
    zarr_format: int | None,
    storage_options: Mapping[str, object] | None,
) -> tuple[Group, bool]:
    """Return the group at a path for reading, and whether its store was made here.

    - consolidated: True to insist on consolidated metadata at the root, False to ignore them.

    Raise NodeNotFoundError, a FileNotFoundError, if there is no group or one of another format, and MetadataError, a
    ValueError, if there are no consolidated metadata.
    """
    made = as_store(store, storage_options)
    path = (path or "").strip("/")
    group = _from_root(made, path, consolidated) if path and consolidated is not False else None
    if group is None:
        group = open_group(made, path, consolidated=consolidated is not False)
    if consolidated and group.metadata.consolidated is None:
        raise MetadataError(f"{group.name} of {made!r} has no consolidated metadata; open it with consolidated=None")
    if zarr_format is not None and group.metadata.zarr_format != zarr_format:
        message = f"{group.name} of {made!r} is of Zarr format {group.metadata.zarr_format}, not {zarr_format}"
        raise NodeNotFoundError(f"{message}; leave zarr_format out").of_store(made)
    return group, not isinstance(store, Store)


def _from_root(store: Store, path: str, consolidated: bool | None) -> Group | None:
    """Return the group at a path as the consolidated metadata of the root have it; None if there are none."""
    try:
        root = open_group(store)
    except (NodeNotFoundError, MetadataError):
        return None
    if root.metadata.consolidated is None and not consolidated:
        return None
    node = root[path]
    if not isinstance(node, Group):
        raise MetadataError(f"{node.name} of {store!r} is an array, not a group; give the group that it is in")
    return node


def iter_groups(group: Group, path: str = "/") -> Iterator[tuple[str, Group]]:
    """Yield the paths of a group and of all groups below it, as those of a tree whose root it is."""
    yield path, group
    for name, child in group.groups():
        yield from iter_groups(child, f"{path.rstrip('/')}/{name}")
