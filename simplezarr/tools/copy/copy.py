"""Copy an array, or a group with all below it, to another place, also into other chunks, shards, codecs or format."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import starmap
from typing import TYPE_CHECKING, Any

from simplezarr.api import open
from simplezarr.errors import MetadataError, NodeExistsError, UnsupportedError, errors_of
from simplezarr.hierarchy.changes import create_node
from simplezarr.hierarchy.documents import Metadata, encode_metadata, new_group_metadata, read_metadata
from simplezarr.hierarchy.inventory import iter_listed
from simplezarr.metadata.chunk_keys import join, normalize_path
from simplezarr.metadata.grids import Axis
from simplezarr.metadata.json_document import copy_json
from simplezarr.metadata.v3 import ArrayMetadata, GroupMetadata
from simplezarr.nodes.arguments import check_format
from simplezarr.nodes.array import Array
from simplezarr.nodes.group import Group, find_node
from simplezarr.runtime import executor
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.base import Store
from simplezarr.stores.resolve import StoreLike, as_store, written
from simplezarr.tools.cluster import Client, ClientLike, check_reachable, client_of, on_cluster, thread_count
from simplezarr.tools.copy.layout import Wanted, array_metadata, check_lengths
from simplezarr.tools.copy.parts import Parts
from simplezarr.transfer.array_copy import ALL_BOXES_BYTES, may_lie_below
from simplezarr.transfer.copy_source import CopySource

if TYPE_CHECKING:
    from simplezarr.nodes.keywords import ChunkLengths, CodecLike

__all__ = ["copy"]

_SMALL_BYTES = 8 << 20  # arrays up to this size are copied several at a time
_TASKS = 4  # the least number of parts for each thread of a cluster, if there are as many stored objects

Progress = Callable[[int, int], object]


def copy(
    source: Array | Group | StoreLike,
    destination: StoreLike,
    path: str = "",
    *,
    chunks: "ChunkLengths | None" = None,
    shards: "ChunkLengths | None" = None,
    codecs: "CodecLike | Sequence[CodecLike] | None" = None,
    zarr_format: int | None = None,
    region: Any = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    client: ClientLike | None = None,
) -> Array | Group:
    """Copy an array, or a group and all nodes below it, with attributes; return the copy, opened for writing.

    - source: a node, or what `open` takes. destination, path: as for `create_group`. A name that ends in .zip makes a
      new archive, as a whole.
    - chunks, shards, codecs: as for `create_array`; None leaves them as they are, and `shards=False` takes shards away.
      In a group, a tuple of lengths is for the arrays of so many dimensions.
    - zarr_format: 2 or 3, None for that of the source. Zarr 2 has no shards: the chunks in them become its chunks.
      Names of dimensions become the attribute by which xarray knows them in Zarr 2, and back.
    - region: of an array, what is copied of it: a selection as NumPy's.
    - overwrite: remove what is at the destination before. resume: go on with a copy that was interrupted. Arrays
      that are there as they should be were complete, and are left out.
    - progress: is called with the number of parts copied and that of all parts, from one thread at a time.
    - client: a `distributed.Client`, or the address of its scheduler. Its workers copy the parts of large arrays. Each
      part consists of whole stored objects of the copy.

    Where chunks are stored alike, their bytes are copied without being decoded. An array appears when it is complete,
    a group before what is in it. Keys that are part of no node are not copied.

    Raise NodeExistsError if there is a node at the destination, MetadataError or UnsupportedError that names an
    argument, and otherwise as `Array.read` and `Array.write`. Nothing is written if the arguments are wrong.

    >>> import simplezarr as sz
    >>> group = sz.create_group({}, attributes={"title": "wind"})
    >>> group["a/x"] = [1, 2, 3, 4]
    >>> copied = copy(group, {}, chunks=2, codecs="gzip")
    >>> copied["a/x"], copied["a/x"][...], dict(copied.attrs)
    (<Array /a/x (4,) int64 chunks=(2,)>, array([1, 2, 3, 4]), {'title': 'wind'})
    """
    node = source if isinstance(source, (Array, Group)) else open(source)
    if region is not None and not isinstance(node, Array):
        raise MetadataError("region: it is of an array, and the source is a group; name an array in it")
    if zarr_format is not None:
        check_format(zarr_format)
    store, path = as_store(destination), normalize_path(path, new=True)
    plans = _plans(node, path, Wanted(chunks, shards, codecs, zarr_format, region))
    if overwrite:
        _check_apart(plans[1], store, path)
    with written(store, destination, path, overwrite) as place, client_of(client) if client else nullcontext() as used:
        if used is not None:
            check_reachable(place)
        _Copying(place, plans, path if overwrite else None, resume, progress, used).run()
    if place is not store:  # an archive, which is complete only now
        store = as_store(destination)
    copied = find_node(store, path, read_only=store.read_only)
    assert copied is not None
    return copied


@dataclass(frozen=True, slots=True)
class _GroupPlan:
    """A group to be copied, and what it becomes at which path."""

    source: Group
    path: str
    metadata: GroupMetadata


@dataclass(frozen=True, slots=True)
class _ArrayPlan:
    """An array, or a selection of one, to be copied, and what it becomes at which path."""

    source: Array
    path: str
    metadata: ArrayMetadata
    region: Any

    @property
    def value(self) -> CopySource:
        """What is copied."""
        return (self.source if self.region is None else self.source.lazy[self.region]).__copy_source__()

    def target(self, store: Store) -> Array:
        """Return the copy, for writing to it."""
        keep_empty = self.metadata.is_fill_undefined  # nobody could tell what is in chunks that are missing
        return Array(store, self.path, self.metadata, read_only=False, write_empty_chunks=keep_empty)


def _plans(node: Array | Group, path: str, wanted: Wanted) -> tuple[list[_GroupPlan], list[_ArrayPlan]]:
    """Return the groups to be copied, each before those in it, and the arrays. Raise what is wrong with them."""
    nodes = [*_nodes(node, path)]
    groups = [_GroupPlan(found, at, _group_metadata(found, wanted)) for found, at in nodes if isinstance(found, Group)]
    found_arrays = [(found, at) for found, at in nodes if isinstance(found, Array)]
    if wanted.region is None:
        check_lengths(wanted, {array.ndim for array, _ in found_arrays})
    arrays = [_ArrayPlan(array, at, _array_metadata(array, wanted), wanted.region) for array, at in found_arrays]
    plans: list[_GroupPlan | _ArrayPlan] = [*groups, *arrays]
    for plan in plans:
        encode_metadata(plan.path, plan.metadata)  # raises for what can't be written
    return groups, arrays


def _nodes(node: Array | Group, path: str) -> Iterator[tuple[Array | Group, str]]:
    yield node, path
    if isinstance(node, Group):
        for name, child in node.items():
            yield from _nodes(child, join(path, name))


def _array_metadata(array: Array, wanted: Wanted) -> ArrayMetadata:
    try:
        return array_metadata(array, wanted)
    except (MetadataError, UnsupportedError) as error:
        raise type(error)(f"{array.name}: {error}") from error


def _group_metadata(group: Group, wanted: Wanted) -> GroupMetadata:
    before = group.metadata
    version = before.zarr_format if wanted.zarr_format is None else wanted.zarr_format
    made = new_group_metadata(version, copy_json(before.attributes))
    return replace(made, extra=before.extra) if version == before.zarr_format else made


def _check_apart(plans: Sequence[_ArrayPlan], store: Store, path: str) -> None:
    """Raise NodeExistsError if overwriting a path would remove an array before it is copied."""
    for plan in plans:
        handle = plan.value.handle
        if handle is not None and may_lie_below(handle, store, path):
            message = f"/{path} of {store!r}: {plan.source!r}, which is to be copied, may be there"
            raise NodeExistsError(f"{message}; copy to another place").of_store(store)


class _Copying:
    """One call of `copy`."""

    def __init__(
        self,
        store: Store,
        plans: tuple[list[_GroupPlan], list[_ArrayPlan]],
        overwrite: str | None,
        resume: bool,
        progress: Progress | None,
        client: Client | None,
    ):
        """overwrite: the path of the node that is removed if it exists."""
        self.store, self.overwrite, self.resume = store, overwrite, resume
        self.progress, self.client = progress, client
        self.groups = plans[0]
        self.arrays = [(plan, self._parts(plan)) for plan in plans[1]]
        self.total, self.done = sum([len(parts) for _, parts in self.arrays]), 0

    def run(self) -> None:
        for group in self.groups:
            self._create(group, None)
        small = [(plan, parts) for plan, parts in self.arrays if plan.value.nbytes <= _SMALL_BYTES]
        stores = [self.store, *{id(plan.source.store): plan.source.store for plan, _ in small}.values()]
        width = max(map(executor.concurrency_for, stores))
        executor.parallel_for(lambda i: self._array(*small[i], None), len(small), width)
        for plan, parts in self.arrays:
            if plan.value.nbytes > _SMALL_BYTES:
                self._array(plan, parts, self.client)
        for group in reversed(self.groups):  # those within others first, because each change drops the copies above
            if group.source.metadata.consolidated is not None:
                Group(self.store, group.path, group.metadata, read_only=False).consolidate_metadata()

    def _parts(self, plan: _ArrayPlan) -> Parts:
        value, nbytes = plan.value, ALL_BOXES_BYTES
        if self.client is not None and value.nbytes > _SMALL_BYTES:
            nbytes = min(nbytes, -(-value.nbytes // (_TASKS * thread_count(self.client))))
        return Parts(plan.target(self.store), value.periods or (1,) * len(value.shape), nbytes)

    def _array(self, plan: _ArrayPlan, parts: Parts, client: Client | None) -> None:
        target = plan.target(self.store)

        def fill() -> None:
            stored = _stored_parts(plan.value, target, parts)
            if len(stored) < len(parts):
                self._count(len(parts) - len(stored))
            tasks = ((plan.source, plan.region, target, part) for part in stored)
            for copied in starmap(copy_part, tasks) if client is None else on_cluster(client, copy_part, tasks):
                self._count(copied)

        if not self._create(plan, fill):
            self._count(len(parts))

    def _create(self, plan: _GroupPlan | _ArrayPlan, fill: Callable[[], object] | None) -> bool:
        """Store a node; return False if it is there as it should be, and copying goes on."""
        overwrite = plan.path == self.overwrite
        if self.resume and (stored := read_metadata(self.store, plan.path)) is not None:
            if _is_same(stored, plan.metadata):
                return False
            if not overwrite:
                message = f"/{plan.path} of {self.store!r}: there is another node, not what was copied before"
                raise NodeExistsError(f"{message}; copy to another place").of_store(self.store)
        create_node(self.store, plan.path, plan.metadata, overwrite=overwrite or self.resume, fill=fill)
        return True

    def _count(self, parts: int) -> None:
        with KeyLock(self, "done"):
            self.done += parts
            if self.progress is not None:
                self.progress(self.done, self.total)


def _stored_parts(source: CopySource, target: Array, parts: Parts) -> Parts | list[tuple[slice, ...]]:
    """Return the parts in which something is stored; all parts if what is missing is not to be missing in the copy."""
    handle, box = source.handle, source.box
    if len(parts) == 1 or handle is None or box is None or target.write_empty_chunks:
        return parts
    made, metadata = target.metadata, handle.metadata
    unlike = made.fill != metadata.fill or made.data_type != metadata.data_type
    if unlike or metadata.fill_problem or metadata.skipped:
        return parts

    def boxes() -> Iterator[list[range]]:
        for index in iter_listed(handle.store, handle.path, metadata):
            sides = zip(metadata.axes, index, metadata.grid_shape, box, strict=True)
            yield [_within(axis, number, count, along) for axis, number, count, along in sides]

    try:
        with errors_of(handle.store):
            return parts.holding(boxes())
    except UnsupportedError:  # it can't be listed
        return parts


def _within(axis: Axis, number: int, count: int, along: range) -> range:
    """Return the places within a selected range of what chunk `number` of an axis holds of it."""
    if number >= count:
        return range(0)
    first, last = max(axis.begin(number), along.start), min(axis.begin(number + 1), along.stop)
    return range(first - along.start, last - along.start)


def _is_same(stored: Metadata, metadata: Metadata) -> bool:
    """Return whether a node is as it should be. Consolidated metadata come last, so they may be there or not."""
    if isinstance(stored, GroupMetadata):
        stored = replace(stored, consolidated=None)
    return stored.to_documents() == metadata.to_documents()


def copy_part(source: Array, region: Any, target: Array, part: tuple[slice, ...]) -> int:
    """Copy a part of an array, or of a selection of it; return 1. It may be done twice."""
    target.write(part, source.lazy[... if region is None else region][part])
    return 1
