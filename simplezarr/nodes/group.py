"""Groups: mappings of their children, which are listed and opened only when asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from simplezarr.errors import MetadataError, NodeExistsError, NodeNotFoundError, errors_of
from simplezarr.hierarchy.changes import check_writable, create_node, format_above, remove_node
from simplezarr.hierarchy.consolidation import consolidate, stale_copy
from simplezarr.hierarchy.documents import child_names, has_node, new_group_metadata, parse_copy, read_metadata
from simplezarr.hierarchy.inventory import bytes_below
from simplezarr.metadata.chunk_keys import join, normalize_path
from simplezarr.metadata.consolidated import Copies
from simplezarr.metadata.v3 import ArrayMetadata, GroupMetadata
from simplezarr.nodes.arguments import as_attributes, check_format
from simplezarr.nodes.array import Array
from simplezarr.nodes.attributes import Attributes
from simplezarr.nodes.children import Child, ask_children, fetch_child, name_some, shortened, stored_child
from simplezarr.nodes.closing import ClosesStore
from simplezarr.nodes.creation import create_array, require_array
from simplezarr.nodes.keywords import ArrayKeywords, CreateKeywords, GroupKeywords
from simplezarr.nodes.listing import Listing
from simplezarr.nodes.other_names import refuse_group_name
from simplezarr.nodes.properties import ReadOnly
from simplezarr.nodes.tree import Tree
from simplezarr.runtime import executor
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.runtime.trace import Traced
from simplezarr.stores.base import Store
from simplezarr.stores.resolve import observed, plain

if TYPE_CHECKING:
    from simplezarr.nodes.info import GroupInfo
    from simplezarr.nodes.keywords import DTypeName, Lengths


def make_node(
    store: Store, path: str, metadata: ArrayMetadata | GroupMetadata, *, read_only: bool, consolidated: bool = True
) -> "Array | Group":
    """Return the array or group that `metadata` describe.

    consolidated: whether a group may answer from the consolidated metadata that it holds.
    """
    if isinstance(metadata, ArrayMetadata):
        return Array(store, path, metadata, read_only=read_only)
    return Group(store, path, metadata, read_only=read_only, consolidated=consolidated)


def find_node(store: Store, path: str, *, read_only: bool, consolidated: bool = True) -> "Array | Group | None":
    """Return the node at a normalized path, or None (Zarr 3 core specification, "Determine if a node exists").

    consolidated: whether a group may answer from the consolidated metadata that it holds.
    """
    metadata = read_metadata(store, path)
    if metadata is None:
        return None
    return make_node(store, path, metadata, read_only=read_only, consolidated=consolidated)


def new_group(
    store: Store, path: str, *, attributes: object = None, zarr_format: int | None = None, overwrite: bool = False
) -> "Group":
    """Store a new group; without a format, in that of the nearest group above."""
    path = normalize_path(path, new=True)
    if zarr_format is None:
        zarr_format = format_above(store, path)
    check_format(zarr_format)
    metadata = new_group_metadata(zarr_format, as_attributes(attributes))
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
        raise NodeExistsError(f"{node.name} of {store!r} is an array, not a group; choose another path").of_store(store)
    return node


class Group(Listing["Group"], ClosesStore):
    """A Zarr group (Zarr 3 core specification, "Group"). `simplezarr.open` and `create_group` make them.

    A group with consolidated metadata that was opened for reading answers from them without asking the store: which
    nodes are below it, and what they were when the copy was made. So do its children. With `consolidated=False` or mode
    "r+" it asks the store each time.

    >>> import simplezarr as sz
    >>> group = sz.create_group({}, attributes={"title": "wind"})
    >>> group["a/b"] = [1, 2]
    >>> list(group), "a/b" in group, dict(group.attrs)
    (['a'], True, {'title': 'wind'})
    >>> group["a"]
    <Group /a: b>
    """

    __slots__ = ("_consolidated", "_copies", "_metadata", "_path", "_read_only", "_store")

    store = ReadOnly[Store](
        "_store",
        "open the group in the other store",
        "The store that the group is in.",
        Traced("_store", lambda group: observed(group._store)),
    )
    path = ReadOnly[str]("_path", "open the other group", "The path in the store, without outer slashes.")
    metadata = ReadOnly[GroupMetadata]("_metadata", "attrs.update changes attributes", "The metadata that are stored.")
    read_only = ReadOnly[bool]("_read_only", 'open the group with mode="r+"', "Whether the group can only be read.")

    if not TYPE_CHECKING:  # otherwise any name would pass the type checker
        __getattr__ = refuse_group_name

    def __init__(
        self, store: Store, path: str, metadata: GroupMetadata, *, read_only: bool = True, consolidated: bool = True
    ):
        self._store = plain(store)
        self._path, self._metadata, self._read_only = path, metadata, read_only
        self._consolidated = consolidated
        self._copies: Copies | None = None  # made when they are needed

    @property
    def name(self) -> str:
        """The absolute path, "/" for the root."""
        return f"/{self.path}"

    @property
    def attrs(self) -> Attributes:
        """The user's attributes, a mapping; changes are stored if the group was opened with mode "r+"."""
        return Attributes(self)

    def __getitem__(self, path: str) -> "Array | Group":
        """Return the node at a path below this group. Raise NodeNotFoundError, a KeyError, if there is none."""
        node = self._find(below := normalize_path(path))
        if node is None:
            message = f"there is no node {shortened(path)} in group {self.name} of {self.store!r}"
            if self._copied() is not None:
                message += ", as its consolidated metadata have it (consolidated=False asks the store)"

            def hint() -> str:
                named = below in (self.metadata.consolidated or ())  # when this group was opened
                stale = stale_copy(self.store, join(self.path, below)) if named else None
                return stale or f"it holds {self._summary() or 'nothing'}"

            raise NodeNotFoundError(message, hint).of_store(self.store)
        return node

    def get(self, path: str, default: object = None) -> "Array | Group | object":
        """Return the node at a path, or the default if there is none or the path is not valid."""
        below = _as_path(path)
        node = None if below is None else self._find(below)
        return default if node is None else node

    def __contains__(self, path: object) -> bool:
        below = _as_path(path)
        if below is None:
            return False
        copies = self._copied()
        return not below or below in copies if copies is not None else self._has_node(join(self.path, below))

    def __iter__(self) -> Iterator[str]:
        copies = self._copied()
        if copies is not None:
            return iter([*copies.names()])
        return (name for name, there in ask_children(self.store, self.path, self._has_node) if there)

    def _ipython_key_completions_(self) -> list[str]:
        try:
            return self._names()  # without a request for each
        except Exception:  # it can't be listed
            return []

    def _find(self, below: str) -> "Array | Group | None":
        copies = self._copied()
        if copies is None:
            path = join(self.path, below) if below else self.path
            return find_node(self.store, path, read_only=self.read_only, consolidated=self._consolidated)
        if not below:
            return Group(self.store, self.path, self.metadata)
        members = copies.get(below)
        return None if members is None else self._copied_child(copies, below, members)

    def _has_node(self, path: str) -> bool:
        return has_node(self.store, path, self.metadata.zarr_format)

    def _copied(self) -> Copies | None:
        """Return the consolidated metadata, if they are to be used. They may be stale, so writers ask the store."""
        documents = self.metadata.consolidated
        if documents is None or not self._consolidated or not self.read_only:
            return None
        if self._copies is None:
            self._copies = documents if isinstance(documents, Copies) else Copies(documents, self.path)
        return self._copies

    def _copied_child(self, copies: Copies, below: str, members: dict[str, Any]) -> "Array | Group":
        """Return a node as the consolidated metadata have it, with their copies of the nodes below it."""
        path = join(self.path, below)
        with errors_of(self.store):
            metadata = parse_copy(members, path)
        if isinstance(metadata, GroupMetadata):
            metadata = replace(metadata, consolidated=copies.below(below))
        return make_node(self.store, path, metadata, read_only=True)

    def _children(self) -> "Iterator[Child[Array | Group]]":
        """Return an iterator of the children that exist; none is opened yet."""
        copies = self._copied()
        if copies is None:
            fetched = ask_children(self.store, self.path, lambda path: fetch_child(self.store, path))
            return (
                stored_child(self.store, self.path, name, found, self._made)
                for name, found in fetched
                if found is not None
            )
        return (self._consolidated_child(copies, name) for name in copies.names())

    def _consolidated_child(self, copies: Copies, name: str) -> "Child[Array | Group]":
        members = copies[name]
        return Child(name, lambda: members.get("node_type"), lambda: self._copied_child(copies, name, members))

    def _made(self, path: str, metadata: ArrayMetadata | GroupMetadata) -> "Array | Group":
        return make_node(self.store, path, metadata, read_only=self.read_only, consolidated=self._consolidated)

    def read(self, selections: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is selected of arrays below this group, by their paths. They are opened and read concurrently.

        selections: for each path a key as NumPy's, `...` for all. Raise NodeNotFoundError, MetadataError for a group,
        otherwise as `Array.read`.

        >>> import simplezarr as sz
        >>> group = sz.create_group({})
        >>> group["x"], group["y"] = [1, 2, 3], [4, 5]
        >>> group.read({"x": sz.s_[1:], "y": ...})
        {'x': array([2, 3]), 'y': array([4, 5])}
        """

        def read_one(path: str) -> Any:
            node = self[path]
            if not isinstance(node, Array):
                message = f"{node.name} of {self.store!r} is a group, not an array; name the arrays below it"
                raise MetadataError(message).of_store(self.store)
            return node.read(selections[path])

        paths = [*selections]
        results = executor.parallel_map(read_one, paths, executor.concurrency_for(self.store))
        return dict(zip(paths, results, strict=True))

    def create_array(self, name: str, **arguments: Unpack[CreateKeywords]) -> Array:
        """Create an array at a path below this group, in its format; otherwise as `simplezarr.create_array`.

        >>> import simplezarr as sz
        >>> sz.create_group({}).create_array("a/b", shape=(4, 6), dtype="f4", chunks=(2, -1))
        <Array /a/b (4, 6) float32 chunks=(2, 6)>
        """
        check_writable(self)
        arguments.setdefault("zarr_format", self.metadata.zarr_format)
        return create_array(self.store, self._child_path(name), **arguments)

    def require_array(
        self, name: str, *, shape: "Lengths", dtype: "DTypeName", **arguments: Unpack[ArrayKeywords]
    ) -> Array:
        """Open the array at a path below this group, or create it; otherwise as `simplezarr.require_array`."""
        check_writable(self)
        arguments.setdefault("zarr_format", self.metadata.zarr_format)
        return require_array(self.store, self._child_path(name), shape=shape, dtype=dtype, **arguments)

    def __setitem__(self, path: str, data: Any) -> None:
        """Create an array with these data below this group. Raise NodeExistsError if there is a node.

        >>> import simplezarr as sz
        >>> group = sz.create_group({})
        >>> group["a/b"] = [1, 2]
        >>> group["a/b"][...]
        array([1, 2])
        """
        self.create_array(path, data=data)

    def create_group(self, name: str, **arguments: Unpack[GroupKeywords]) -> "Group":
        """Create a group at a path below this one, in its format; otherwise as `simplezarr.create_group`."""
        check_writable(self)
        arguments.setdefault("zarr_format", self.metadata.zarr_format)
        return new_group(self.store, self._child_path(name), **arguments)

    def require_group(self, name: str) -> "Group":
        """Return the group at a path below this one; create it if it is missing. Raise NodeExistsError for an array."""
        check_writable(self)
        return require_group(self.store, self._child_path(name), self.metadata.zarr_format)

    def __delitem__(self, path: str) -> None:
        """Delete a node and all below it. If the node is a symbolic link, delete the link.

        Raise NodeNotFoundError, a KeyError, if there is none. Raise NodeExistsError, before anything is deleted, if
        other things than arrays and groups are stored below it.
        """
        check_writable(self)
        remove_node(self.store, self._child_path(path))

    def consolidate_metadata(self) -> None:
        """Copy all metadata below this group into its own document, so that readers list it with one request.

        The copy is dropped by any later change that this library makes to what is below: nodes made or deleted,
        attributes, shapes. A change that is made meanwhile is in it, or drops it. Changes by other software
        are not noticed.

        >>> import simplezarr as sz
        >>> store = {}
        >>> group = sz.create_group(store)
        >>> _ = group.create_array("a/b", shape=3, dtype="u1")
        >>> group.consolidate_metadata()
        >>> print(*sz.open_group(store).metadata.consolidated)
        a a/b
        """
        check_writable(self)
        self._metadata = consolidate(self.store, self.path)

    def _change_metadata(self, change: Callable[[GroupMetadata], GroupMetadata]) -> None:
        with KeyLock(self, "metadata"):  # of changes by several threads none is lost
            self._metadata = change(self._metadata)

    def _child_path(self, path: str) -> str:
        below = normalize_path(path)
        if not below:
            raise ValueError(f"path: {path!r} is the group {self.name} itself; a path below it is needed")
        return join(self.path, below)

    # ------------------------------------------------------------ showing

    @property
    def nbytes_stored(self) -> int:
        """Bytes of all that is stored below the group, without the metadata. This lists the store."""
        return bytes_below(self.store, self.path)

    @property
    def info(self) -> "GroupInfo":
        """A description, whose `repr` has a few lines and whose attributes have the values. This lists the store."""
        from simplezarr.nodes.info import group_info  # needed rarely

        return group_info(self)

    def tree(self, depth: int | None = None) -> Tree:
        """Return what is below this group, which prints as a tree. Nodes that can't be opened show the reason.

        depth: how many levels are drawn, 1 for the children alone; None for all. Groups of the last level are not
        listed.

        >>> import simplezarr as sz
        >>> group = sz.create_group({})
        >>> _ = group.create_array("a/b/x", shape=3, dtype="u1")
        >>> group.tree(depth=2)
        /
        └── a
            └── b
        """
        return Tree(self, depth)

    def _summary(self) -> str:
        """Return the names of a few children and how many more there may be, with few requests. No child is opened."""
        return name_some(self._names(), self._are_nodes if self._copied() is None else None)

    def _names(self) -> list[str]:
        """Return the names that children may have, with one request; those of consolidated metadata are nodes."""
        copies = self._copied()
        return child_names(self.store, self.path) if copies is None else copies.names()

    def _are_nodes(self, names: list[str]) -> list[bool]:
        paths = [join(self.path, name) for name in names]
        return executor.parallel_map(self._has_node, paths, executor.concurrency_for(self.store, 1))

    def __repr__(self) -> str:
        try:
            return f"<Group {self.name}: {self._summary() or 'empty'}>"
        except Exception:  # it can't be listed
            return f"<Group {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        kind = partial(Group, read_only=self.read_only, consolidated=self._consolidated)
        return kind, (self.store, self.path, self.metadata)


def _as_path(path: object) -> str | None:
    """Return a normalized path; None for a path that no node can have."""
    try:
        return normalize_path(path) if isinstance(path, str) else None
    except ValueError:
        return None
