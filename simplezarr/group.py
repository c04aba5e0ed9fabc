"""A group as its user sees it: a mapping of its children, which are listed and opened only when asked for."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from simplezarr import executor
from simplezarr.array import Array
from simplezarr.attributes import Attributes
from simplezarr.create import as_attributes, check_format
from simplezarr.documents import group_of_format, has_metadata, parse_copy, read_metadata
from simplezarr.errors import NodeExistsError, NodeNotFoundError
from simplezarr.hierarchy import check_writable, child_names, consolidate, create_node, format_above, remove_node
from simplezarr.keys import join, normalize_path
from simplezarr.metadata import ArrayMetadata, GroupMetadata
from simplezarr.stores.base import Store


def make_node(store: Store, path: str, metadata: ArrayMetadata | GroupMetadata, *, read_only: bool) -> "Array | Group":
    """The array or group that `metadata` describe."""
    if isinstance(metadata, ArrayMetadata):
        return make_array(store, path, metadata, read_only=read_only)
    return Group(store, path, metadata, read_only=read_only)


def make_array(store: Store, path: str, metadata: ArrayMetadata, **options: Any) -> Array:
    """The array that `metadata` describe; the options are those of `Array`."""
    if metadata.fill_problem:
        from simplezarr.unfilled import UnfilledArray

        return UnfilledArray(store, path, metadata, **options)
    if metadata.grid is None:
        return Array(store, path, metadata, **options)
    from simplezarr.rectilinear import RectilinearArray  # such arrays are rare

    return RectilinearArray(store, path, metadata, **options)


def find_node(store: Store, path: str, *, read_only: bool) -> "Array | Group | None":
    """The node at a normalized path, or None (Zarr 3 core specification, "Determine if a node exists")."""
    metadata = read_metadata(store, path)
    return None if metadata is None else make_node(store, path, metadata, read_only=read_only)


def new_group(
    store: Store, path: str, *, attributes: Any = None, zarr_format: int | None = None, overwrite: bool = False
) -> "Group":
    """Store a new group; of no format in particular, it is of that of the nearest group above."""
    path = normalize_path(path, new=True)
    if zarr_format is None:
        zarr_format = format_above(store, path)
    check_format(zarr_format)
    metadata = group_of_format(zarr_format, as_attributes(attributes))
    create_node(store, path, metadata, overwrite=overwrite)
    return Group(store, path, metadata, read_only=False)


def require_group(store: Store, path: str, zarr_format: int | None = None) -> "Group":
    """Return the group at a normalized path; if it is missing, make it as `new_group` does."""
    node = find_node(store, path, read_only=False)
    if node is None:
        try:
            return new_group(store, path, zarr_format=zarr_format)
        except NodeExistsError:  # someone else has made it at the same time
            node = find_node(store, path, read_only=False)
            if node is None:  # it was something else that is in the way
                raise
    if not isinstance(node, Group):
        raise NodeExistsError(f"{node.name} of {store!r} is an array, not a group")
    return node


class Group:
    """A Zarr group (Zarr 3 core specification, "Group"). Made by `simplezarr.open`, not by hand.

    >>> import simplezarr as sz
    >>> document = b'{"zarr_format": 3, "node_type": "group", "attributes": {"made": "by hand"}}'
    >>> group = sz.open({"zarr.json": document, "a/zarr.json": document, "a/b/zarr.json": document})
    >>> list(group), "a/b" in group, dict(group.attrs)
    (['a'], True, {'made': 'by hand'})
    >>> group["a/b"]
    <Group /a/b: empty>
    """

    __slots__ = ("metadata", "path", "read_only", "store")

    def __init__(self, store: Store, path: str, metadata: GroupMetadata, *, read_only: bool = True):
        self.store, self.path, self.metadata, self.read_only = store, path, metadata, read_only

    @property
    def name(self) -> str:
        """The absolute path, "/" for the root."""
        return f"/{self.path}"

    @property
    def attrs(self) -> Attributes:
        """The user's attributes, a mapping; changes are stored if the group was opened with mode "r+"."""
        return Attributes(self)

    # ------------------------------------------------------------ the mapping of children

    def __getitem__(self, path: str) -> "Array | Group":
        """The node at a path below this group. NodeNotFoundError, a KeyError, where there is none."""
        full = self._full_path(path)
        node = find_node(self.store, full, read_only=self.read_only)
        if node is None:
            there = ", ".join(self) or "nothing"
            raise NodeNotFoundError(
                f"there is no node {path!r} in group {self.name} of {self.store!r}; it holds {there}"
            )
        return node

    def get(self, path: str, default: object = None) -> "Array | Group | object":
        """The node at a path, or the default where there is none."""
        node = find_node(self.store, self._full_path(path), read_only=self.read_only)
        return default if node is None else node

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._has_node(self._full_path(path))

    def __iter__(self) -> Iterator[str]:
        copies = self._copies()
        if copies is not None:
            return iter([name for name, _ in copies])
        return (name for name, there in self._ask_children(self._has_node) if there)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def keys(self) -> list[str]:
        """Names of the children, sorted."""
        return [*iter(self)]  # `list(self)` would first ask for the length, and list twice

    def values(self) -> "Iterator[Array | Group]":
        """The children, opened one after another."""
        return (node for _, node in self.items())

    def items(self) -> "Iterator[tuple[str, Array | Group]]":
        """(name, child) pairs, each opened when it is reached."""
        copies = self._copies()
        if copies is not None:
            for name, document in copies:
                yield name, self._consolidated_child(name, document)
            return
        for name, metadata in self._ask_children(lambda path: read_metadata(self.store, path)):
            if metadata is not None:
                yield name, make_node(self.store, join(self.path, name), metadata, read_only=self.read_only)

    def _consolidated_child(self, name: str, document: dict) -> "Array | Group":
        """A child as the consolidated metadata have it, together with what they have below it."""
        path = join(self.path, name)
        metadata = parse_copy(document, path)
        if isinstance(metadata, GroupMetadata):
            everything = self.metadata.consolidated or {}
            below = {
                key.removeprefix(f"{name}/"): value for key, value in everything.items() if key.startswith(f"{name}/")
            }
            metadata = replace(metadata, consolidated=below)
        return make_node(self.store, path, metadata, read_only=self.read_only)

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """(name, array) pairs of the children that are arrays."""
        return ((name, node) for name, node in self.items() if isinstance(node, Array))

    def groups(self) -> "Iterator[tuple[str, Group]]":
        """(name, group) pairs of the children that are groups."""
        return ((name, node) for name, node in self.items() if isinstance(node, Group))

    def _has_node(self, path: str) -> bool:
        return has_metadata(self.store, path, self.metadata.zarr_format)

    def _full_path(self, path: str) -> str:
        below = normalize_path(path)
        return join(self.path, below) if below else self.path

    def _copies(self) -> list[tuple[str, dict]] | None:
        """Names and documents of the children as the consolidated metadata have them, where these are to be used.

        A copy may be stale: they serve for listing by those who only read; opening by name asks the store.
        """
        consolidated = self.metadata.consolidated
        if consolidated is None or not self.read_only:
            return None
        return sorted((path, document) for path, document in consolidated.items() if "/" not in path)

    def _ask_children(self, ask: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
        """(name, answer) for all that may be children, as they are reached; of a store whose answers are to be waited
        for, so many are asked for ahead as it takes requests at a time.
        """
        names, width = child_names(self.store, self.path), executor.width(self.store, 1)
        for i in range(0, len(names), width):
            some = names[i : i + width]
            yield from zip(some, executor.gather(ask, [join(self.path, name) for name in some], width), strict=True)

    # ------------------------------------------------------------ changing what is below

    def create_array(self, name: str, **arguments: Any) -> Array:
        """A new array at a path below this group, of its format; the arguments are those of `simplezarr.create_array`.

        >>> import simplezarr as sz
        >>> sz.create_group({}).create_array("a/b", shape=(4, 6), dtype="f4", chunks=(2, -1))
        <Array /a/b (4, 6) float32 chunks=(2, 6)>
        """
        from simplezarr.api import create_array

        check_writable(self)
        return create_array(self.store, self._child_path(name), **self._in_format(arguments))

    def create_group(self, name: str, **arguments: Any) -> "Group":
        """A new group at a path below this one, of its format; the arguments are those of `simplezarr.create_group`."""
        check_writable(self)
        return new_group(self.store, self._child_path(name), **self._in_format(arguments))

    def _in_format(self, arguments: dict) -> dict:
        return {"zarr_format": self.metadata.zarr_format, **arguments}

    def require_group(self, name: str) -> "Group":
        """The group at a path below this one, made where it is missing. NodeExistsError where an array is."""
        check_writable(self)
        return require_group(self.store, self._child_path(name), self.metadata.zarr_format)

    def __delitem__(self, path: str) -> None:
        """Delete a node and all below it. NodeNotFoundError, a KeyError, where there is none."""
        check_writable(self)
        remove_node(self.store, self._child_path(path))

    def consolidate_metadata(self) -> None:
        """Store a copy of all metadata below this group in its own, so that readers list it without asking for more.

        The copy is dropped by any later change that this library makes to what is below: nodes made or deleted,
        attributes, shapes. What other software changes it doesn't know of, nor what happens while it is made.

        >>> import simplezarr as sz
        >>> store = {}
        >>> group = sz.create_group(store)
        >>> _ = group.create_array("a/b", shape=3, dtype="u1")
        >>> group.consolidate_metadata()
        >>> print(*sz.open_group(store).metadata.consolidated)
        a a/b
        """
        check_writable(self)
        self.metadata = consolidate(self.store, self.path)

    def _child_path(self, path: str) -> str:
        below = normalize_path(path, new=True)
        if not below:
            raise ValueError(f"path: {path!r} is the group {self.name} itself; a path below it is needed")
        return join(self.path, below)

    # ------------------------------------------------------------ showing

    def tree(self) -> "Tree":
        """Everything below this group, printed as a tree."""
        return Tree(self)

    def __repr__(self) -> str:
        children = ", ".join(f"{name}{'/' if isinstance(node, Group) else ''}" for name, node in self.items())
        return f"<Group {self.name}: {children or 'empty'}>"

    def __reduce__(self) -> tuple:
        return _reopen, (self.store, self.path, self.read_only)


class Tree:
    """The nodes below a group; `str` and `repr` draw them."""

    def __init__(self, group: Group):
        self.group = group

    def __repr__(self) -> str:
        return "\n".join([self.group.name, *_branches(self.group, "")])


def _branches(group: Group, indent: str) -> Iterator[str]:
    children = list(group.items())
    for number, (name, node) in enumerate(children, 1):
        last = number == len(children)
        what = f"{name} {node.shape} {node.dtype}" if isinstance(node, Array) else name
        yield f"{indent}{'└── ' if last else '├── '}{what}"
        if isinstance(node, Group):
            yield from _branches(node, indent + ("    " if last else "│   "))


def _reopen(store: Store, path: str, read_only: bool) -> Group:
    from simplezarr.api import open_group

    return open_group(store, path, mode="r" if read_only else "r+")
