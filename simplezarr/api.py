"""Open, save and load: from a path, a URL, a dict or a store to an Array or a Group."""

from collections.abc import Mapping
from typing import Any, Literal, Unpack, cast

from simplezarr.errors import MetadataError, NodeNotFoundError
from simplezarr.hierarchy.documents import has_node
from simplezarr.metadata.chunk_keys import join, normalize_path
from simplezarr.nodes.array import Array
from simplezarr.nodes.creation import create_array, require_array
from simplezarr.nodes.group import Group, find_node, new_group, require_group
from simplezarr.nodes.keywords import SaveArguments, SaveKeywords, StorageOptions, resolve_store, split_keywords
from simplezarr.nodes.mappings import save_mapping
from simplezarr.stores.base import Store
from simplezarr.stores.local import LocalStore
from simplezarr.stores.resolve import StoreLike, as_store, plain, written

__all__ = [
    "create_array",
    "create_group",
    "exists",
    "load",
    "open",
    "open_array",
    "open_group",
    "require_array",
    "save",
]


def open(
    store: StoreLike,
    path: str = "",
    *,
    mode: Literal["r", "r+"] = "r",
    consolidated: bool = True,
    **storage_options: Unpack[StorageOptions],
) -> Array | Group:
    """Open the array or group at a path of a store.

    - store: a Store, a local path, a URL, or a dict of bytes (an in-memory store over it). Stores of obstore and
      zarr-python and `FSMap`s of fsspec are taken too. A path that ends in .zip or .ozx is an archive.
    - mode: "r" for reading, "r+" to change the node.
    - consolidated: whether a group that is opened for reading answers from its consolidated metadata, if it has any.
      Then the nodes below it are as they were when these were made, and the store is not asked.
    - storage_options: of the store that the scheme of a URL picks (`docs/guide/remote.md` has the table): `anonymous`,
      `endpoint`, `region` and `profile` for object stores, `headers`, `missing` and `timeout` for web servers. Others
      go to the package behind the store.

    Raise NodeNotFoundError if there is no node, MetadataError for a document that is not valid, and UnsupportedError
    for one that uses an extension that is not known.

    >>> save(store := {}, {"x": [1, 2], "y": {"z": [3]}})
    >>> open(store), open(store, "y/z")
    (<Group /: x, y>, <Array /y/z (1,) int64 chunks=(1,)>)
    """
    if mode != "r" and mode != "r+":
        raise _wrong_mode(mode, "'r' or 'r+'")
    store = resolve_store(store, storage_options, "open") if storage_options else as_store(store)
    path = path if path == "" else normalize_path(path)
    node = find_node(store, path, read_only=mode == "r", consolidated=consolidated)
    if node is not None:
        return node
    keys = ", ".join(repr(join(path, name)) for name in ("zarr.json", ".zarray", ".zgroup"))
    message = f"there is no array or group at /{path} of {store!r}: it has none of the keys {keys}"
    raise NodeNotFoundError(message, lambda: _describe(store, path)).of_store(store)


def open_array(
    store: StoreLike,
    path: str = "",
    *,
    mode: Literal["r", "r+"] = "r",
    **storage_options: Unpack[StorageOptions],
) -> Array:
    """Open an array, as `open`. Raise MetadataError for a group.

    >>> save(store := {}, [7, 8])
    >>> open_array(store)[1:]
    array([8])
    """
    node = open(resolve_store(store, storage_options, "open_array"), path, mode=mode)
    if not isinstance(node, Array):
        message = f"{node.name} of {node.store!r} is a group, not an array; open_group opens it"
        raise MetadataError(message).of_store(node.store)
    return node


def open_group(
    store: StoreLike,
    path: str = "",
    *,
    mode: Literal["r", "r+", "a"] = "r",
    consolidated: bool = True,
    **storage_options: Unpack[StorageOptions],
) -> Group:
    """Open a group, as `open`; mode "a" creates it if it is missing. Raise MetadataError for an array.

    >>> open_group({}, "a", mode="a")
    <Group /a: empty>
    """
    store = resolve_store(store, storage_options, "open_group")
    if mode == "a":
        return require_group(store, normalize_path(path))
    if mode not in ("r", "r+"):
        raise _wrong_mode(mode, "'r', 'r+' or 'a'")
    node = open(store, path, mode=mode, consolidated=consolidated)
    if not isinstance(node, Group):
        message = f"{node.name} of {node.store!r} is an array, not a group; open_array opens it"
        raise MetadataError(message).of_store(node.store)
    return node


def create_group(
    store: StoreLike,
    path: str = "",
    *,
    attributes: Mapping[str, Any] | None = None,
    zarr_format: int | None = None,
    overwrite: bool = False,
    **storage_options: Unpack[StorageOptions],
) -> Group:
    """Create a group, and the groups above it that are missing.

    - attributes: a mapping, as in `Attributes`.
    - zarr_format: 3 or 2; None is that of the nearest group above, otherwise 3.
    - overwrite: remove the node that is there, and all below it.
    - storage_options: as in `open`.

    Raise NodeExistsError if there is a node, unless `overwrite`, and ReadOnlyError.

    >>> create_group({}, "a/b", attributes={"title": "new"}).attrs
    {'title': 'new'}
    """
    store, path = resolve_store(store, storage_options, "create_group"), normalize_path(path)
    return new_group(store, path, attributes=attributes, zarr_format=zarr_format, overwrite=overwrite)


def exists(store: StoreLike, path: str = "", **storage_options: Unpack[StorageOptions]) -> bool:
    """Return whether there is an array or a group, of Zarr 3 or 2, at a path of a store.

    A path that no node can have is not there, as with `in` of a group. storage_options: as in `open`.

    >>> store = {}
    >>> save(store, [1, 2], "a/b")
    >>> exists(store, "a"), exists(store, "a/b"), exists(store, "c")
    (True, True, False)
    """
    resolved = resolve_store(store, storage_options, "exists")
    try:
        below = normalize_path(path)
    except ValueError:
        return False
    return has_node(resolved, below)


def save(store: StoreLike, data: Any, path: str = "", **arguments: Unpack[SaveArguments]) -> None:
    """Store a NumPy array, what NumPy takes for one, or a mapping of names to such data: a group, also nested.

    Other arguments, also storage options, and errors are those of `create_array`. For a mapping they are for each
    array; `attributes` are the group's. Nothing is stored if some data can't be; if the store fails meanwhile, the
    arrays before remain.

    A path or URL that ends in .zip or .ozx makes a new archive. It replaces an old one only with `overwrite`, and only
    as a whole: without `path`. If something fails, the old one stays.

    >>> store = {}
    >>> save(store, {"pi": 3.5, "more": {"x": [1, 2]}})
    >>> load(store)
    {'more': {'x': array([1, 2])}, 'pi': array(3.5)}
    """
    if data is None:
        raise TypeError("save needs data: an array, or a mapping of names to arrays")
    options, others = split_keywords(arguments, SaveKeywords.__annotations__)
    own, resolved, path = cast(SaveKeywords, others), resolve_store(store, options, "save"), normalize_path(path)
    with written(resolved, store, path, bool(own.get("overwrite"))) as place:
        if isinstance(data, Mapping):
            save_mapping(place, path, data, own)
        else:
            create_array(place, path, data=data, **own)


def load(store: StoreLike, path: str = "", **storage_options: Unpack[StorageOptions]) -> Any:
    """Read a whole array into memory, or a group, as nested dicts of arrays. Raise as `open` and `Array.read`.

    storage_options: as in `open`.

    >>> store = {}
    >>> save(store, [1.5, 2.5])
    >>> load(store)
    array([1.5, 2.5])
    """
    return _loaded(open(resolve_store(store, storage_options, "load"), path))


#: What opening in modes of other software means here.
_OTHER_MODES = {
    "w": "create_array and create_group with overwrite=True replace what is there",
    "w-": "create_array and create_group make a new node, and raise if there is one",
    "x": "create_array and create_group make a new node, and raise if there is one",
    "a": "open_group(mode='a') and require_array open a node, or make it if it is missing",
}
_REMEDY = "check the path, or store a node there with save, create_array or create_group"


def _wrong_mode(mode: object, known: str) -> ValueError:
    remedy = "give 'r' to read, 'r+' to change what is stored"
    if isinstance(mode, str):
        remedy = _OTHER_MODES.get(mode, remedy)
    return ValueError(f"mode: {mode!r} is not {known}; {remedy}")


def _loaded(node: Array | Group) -> Any:
    return node.read() if isinstance(node, Array) else {name: _loaded(child) for name, child in node.items()}


def _describe(store: Store, path: str) -> str:
    from simplezarr.hierarchy.consolidation import stale_copy
    from simplezarr.hierarchy.foreign import describe

    if stale := stale_copy(store, path):
        return stale
    hint = describe(plain(store), path) if isinstance(plain(store), LocalStore) else _REMEDY
    if path in ("r", "r+"):
        return f"{hint}; if {path!r} is meant as the mode, write mode={path!r}"
    return f"{hint}; if {path!r} is meant as the mode: {_OTHER_MODES[path]}" if path in _OTHER_MODES else hint
