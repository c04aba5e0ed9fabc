"""Store mappings of names to arrays, or to such mappings, as groups."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from simplezarr.hierarchy.changes import format_above
from simplezarr.metadata.chunk_keys import join, normalize_path
from simplezarr.nodes.arguments import as_data
from simplezarr.nodes.creation import create_array
from simplezarr.nodes.group import new_group
from simplezarr.nodes.keywords import SaveKeywords
from simplezarr.stores.base import Store
from simplezarr.transfer.array_copy import may_lie_below
from simplezarr.transfer.copy_source import copy_source

__all__ = ["save_mapping"]

Arrays = dict[str, Any]  # by path below the group, None for a group


def save_mapping(store: Store, path: str, data: Mapping[Any, Any], arguments: SaveKeywords) -> None:
    """Store a mapping as a new group. All that can be known to fail is checked before.

    If the store fails meanwhile, the arrays that are stored remain: another writer may have added to the group.
    """
    overwrite, attributes = arguments.get("overwrite", False), arguments.get("attributes")
    version = arguments.get("zarr_format")
    if version is None:
        version = format_above(store, path)
    others = {name: value for name, value in arguments.items() if name not in ("attributes", "overwrite")}
    each = cast(SaveKeywords, {**others, "zarr_format": version})
    nodes = _flat(data, "")
    for below, value in nodes.items():
        if value is not None:
            nodes[below] = _checked(_held(value, store, path) if overwrite else value, each)
    new_group(store, path, attributes=attributes, zarr_format=version, overwrite=overwrite)
    for below, value in nodes.items():
        if value is None:
            new_group(store, join(path, below), zarr_format=version)
        else:
            create_array(store, join(path, below), data=value, **each)


def _checked(value: Any, arguments: SaveKeywords) -> Any:
    """Return data that an array can be created of with these arguments, or raise what is wrong."""
    data, shape, dtype = as_data(value, arguments.get("shape"), arguments.get("dtype"))
    create_array({}, **{**arguments, "shape": shape, "dtype": dtype})
    return data


def _flat(data: Mapping[Any, Any], above: str) -> Arrays:
    """Return the nodes by path, groups first. Raise before anything is written for a name that no node can have."""
    nodes: Arrays = {}
    for name, value in data.items():
        if not isinstance(name, str):
            raise TypeError(f"data: {name!r} is not a name; the keys of a mapping are names of arrays and groups")
        below = normalize_path(join(above, name), new=True)
        if not name or "/" in name:
            raise ValueError(f"data: {name!r} is not the name of one node; nested mappings make groups")
        if value is None:
            raise TypeError(f"data[{below!r}]: None is neither an array nor a mapping; leave it out")
        nodes |= {below: None} | _flat(value, below) if isinstance(value, Mapping) else {below: value}
    return nodes


def _held(value: Any, store: Store, path: str) -> Any:
    """Return data; if they are stored in what will be replaced, in memory."""
    source = copy_source(value)
    stored = None if source is None else source.handle
    return value if stored is None or not may_lie_below(stored, store, path) else np.asarray(value)
