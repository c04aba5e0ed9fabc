"""A group as its user sees it: a mapping of its children, which are listed and opened only when asked for."""

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from simplezarr.array import Array
from simplezarr.documents import NAMES, has_metadata, parse_copy, read_metadata
from simplezarr.errors import NodeNotFoundError
from simplezarr.keys import join, normalize_path
from simplezarr.metadata import ArrayMetadata, GroupMetadata
from simplezarr.stores.base import Store


def make_node(store: Store, path: str, metadata: ArrayMetadata | GroupMetadata, *, read_only: bool) -> "Array | Group":
    """The array or group that `metadata` describe."""
    if isinstance(metadata, ArrayMetadata):
        return Array(store, path, metadata, read_only=read_only)
    return Group(store, path, metadata, read_only=read_only)


def find_node(store: Store, path: str, *, read_only: bool) -> "Array | Group | None":
    """The node at a normalized path, or None (Zarr 3 core specification, "Determine if a node exists")."""
    metadata = read_metadata(store, path)
    return None if metadata is None else make_node(store, path, metadata, read_only=read_only)


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
    def attrs(self) -> MappingProxyType:
        """The user's attributes, read-only."""
        return MappingProxyType(self.metadata.attributes)

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
        return (name for name, _ in self._children())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def keys(self) -> list[str]:
        """Names of the children, sorted."""
        return [name for name, _ in self._children()]  # `list(self)` would first ask for the length, and list twice

    def values(self) -> "Iterator[Array | Group]":
        """The children, opened one after another."""
        return (node for _, node in self.items())

    def items(self) -> "Iterator[tuple[str, Array | Group]]":
        """(name, child) pairs, each opened when it is reached."""
        for name, document in self._children():
            if document is None:
                node = find_node(self.store, join(self.path, name), read_only=self.read_only)
            else:
                node = self._consolidated_child(name, document)
            if node is not None:
                yield name, node

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

    def _children(self) -> Iterator[tuple[str, dict | None]]:
        """Names of the children, and their documents where the consolidated metadata have them.

        Consolidated metadata are a copy that may be stale: they serve for listing, opening by name asks the store.
        """
        consolidated = self.metadata.consolidated
        if consolidated is not None:
            yield from sorted((path, document) for path, document in consolidated.items() if "/" not in path)
            return
        for name in self.store.list_dir(f"{self.path}/" if self.path else ""):
            if name not in NAMES and not name.startswith("__") and self._has_node(join(self.path, name)):
                yield name, None

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
