"""Verify a hierarchy: every document, every chunk, every key.

The store is listed twice: first to find the nodes by their documents, then to check the content of every key, in
several threads. So memory holds the nodes, and only the data that the threads are checking.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Literal

from simplezarr.api import open_array
from simplezarr.codecs.chain import bind
from simplezarr.codecs.limits import FREE_BYTES, FREE_PER_ELEMENT, UNLIMITED
from simplezarr.engine.files.reader import Reader, read_version
from simplezarr.errors import MetadataError, NodeNotFoundError, UnsupportedError, ZarrError
from simplezarr.hierarchy.documents import NODE_DOCUMENTS, RESERVED_NAMES, Metadata, fetch_document, parse_metadata
from simplezarr.metadata.chunk_keys import join, normalize_path, reserved_name
from simplezarr.metadata.v2.documents import ARRAY, ATTRIBUTES, CONSOLIDATED, GROUP
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.runtime import executor
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.schema.leniency import collect
from simplezarr.stores import LocalStore, Store, check_key
from simplezarr.stores.resolve import StoreLike, as_store, plain
from simplezarr.tools.check.consolidated import stale_copies
from simplezarr.tools.check.report import Problem, Report
from simplezarr.tools.check.shards import Faults, chunk_check
from simplezarr.tools.cluster import Client, ClientLike, client_of, on_cluster, thread_count

__all__ = ["check"]

#: The documents that may be beside each node document.
_BESIDE = {ArrayMetadata.document: (), ARRAY: (ATTRIBUTES,), GROUP: (ATTRIBUTES, CONSOLIDATED)}
#: Departures that lose data, because it is read as if it were missing.
_LOSSES = ("bad-attributes", "bad-consolidated")
_WARNINGS = ("lenient", "unsupported", "name", "shadowed", "stray", "outside", "partial")

_TASKS = 4  # for each thread of a cluster, if there are as many stored chunks
_MOST_IN_TASK = 256  # stored chunks

Index = tuple[int, ...]
_Chunk = tuple[str, str, Index]  # path of the array, key, index


def check(
    store: StoreLike,
    path: str = "",
    *,
    progress: Callable[[int, int], object] | None = None,
    client: ClientLike | None = None,
) -> Report:
    """Verify that a hierarchy (Zarr 3, Zarr 2 or both) conforms to the specifications and can be read.

    store: as for `open`; it must be able to list its keys.
    path: of a node; everything below it is checked.
    progress: is called with the number of keys checked and the number of all keys, from one thread at a time.
    client: a `distributed.Client`, or the address of its scheduler. Its workers check the chunks, each shard in one.

    Every document is parsed, and every stored chunk (in shards, every inner chunk) is decoded, so every checksum is
    compared. Shard indexes, consolidated metadata and names of nodes are verified. Keys that belong to no node are
    reported, as are temporary files of killed writers in a `LocalStore`. Chunks are checked in parallel. Nothing is
    changed. Concurrent writes may be reported as faults.

    Return a report; `Problem` lists the kinds of faults. Raise NodeNotFoundError if there are no keys, UnsupportedError
    if the store cannot list its keys, and whatever listing raises.

    >>> import simplezarr as sz
    >>> store = sz.MemoryStore()
    >>> a = sz.create_array(store, "a", data=[1, 2, 3], chunks=1, codecs=["bytes", "crc32c"])
    >>> store.set("a/c/1", b"123456789012")
    >>> store.delete("a/c/2")
    >>> for problem in check(store).problems:
    ...     print(problem.kind, problem.key, problem.message, sep=": ")
    chunk: a/c/1: crc32c: the checksum does not match the bytes
    """
    with client_of(client) if client else nullcontext() as used:
        return _Check(as_store(store), normalize_path(path), progress, used).report()


@dataclass(slots=True)
class _Node:
    """A node and its documents; `metadata` are None if they cannot be read."""

    path: str
    names: set[str]
    metadata: Metadata | None = None
    unsupported: bool = False

    @property
    def own(self) -> str:
        """The name of the document that makes the node."""
        return next(name for name in NODE_DOCUMENTS if name in self.names)


class _Check:
    def __init__(
        self,
        store: Store,
        path: str,
        progress: Callable[[int, int], object] | None = None,
        client: Client | None = None,
    ):
        self.store, self.path, self.progress, self.client = store, path, progress, client
        self.problems: list[Problem] = []
        self.nodes: dict[str, _Node] = {}
        self.left: list[_Chunk] = []  # for the workers of the cluster
        self.total = self.done = self.chunks = self.nbytes = 0
        self.ended = False

    def report(self) -> Report:
        self.find_nodes()
        nodes = [*self.nodes.values()]
        executor.parallel_for(
            lambda i: self.check_documents(nodes[i]), len(nodes), executor.concurrency_for(self.store)
        )
        self.check_hierarchy()
        for path, key, message in stale_copies(self.store, {node.path: node.metadata for node in nodes}):
            self.found("stale", path, key, message)
        self.check_keys()
        if self.client is not None:
            self.check_left(self.client)
        self.find_partials()
        self.problems.sort(key=lambda problem: (problem.path, problem.key, problem.kind, problem.message))
        return Report(tuple(self.problems), len(self.nodes), self.chunks, self.nbytes)

    def found(self, kind: str, path: str, key: str, message: str) -> None:
        severity: Literal["error", "warning"] = "warning" if kind in _WARNINGS else "error"
        self.problems.append(Problem(kind, severity, path, key, message))

    # ---- nodes ----

    def find_nodes(self) -> None:
        for key in self.store.list(f"{self.path}/" if self.path else ""):
            self.total += 1
            path, _, name = key.rpartition("/")
            if name in NODE_DOCUMENTS and _fault_of_key(key) is None:
                self.nodes.setdefault(path, _Node(path, set())).names.add(name)
        if not self.total:
            raise NodeNotFoundError(f"/{self.path} of {self.store!r}: has no keys; check the path").of_store(self.store)

    def check_documents(self, node: _Node) -> None:
        key = join(node.path, node.own)
        with collect() as cases:
            try:
                document = fetch_document(self.store, key)
                if document is not None:  # otherwise it was deleted meanwhile
                    node.metadata = parse_metadata(self.store, node.path, key, document)
                    if isinstance(node.metadata, ArrayMetadata):
                        bind(node.metadata.codecs, node.metadata.spec, f"{key}: codecs")
            except UnsupportedError as error:
                node.unsupported = True
                self.found("unsupported", node.path, key, _without(key, error))
            except MetadataError as error:
                node.metadata = None
                self.found("metadata", node.path, key, _without(key, error))
            except Exception as error:
                self.found("unreadable", node.path, key, _description(error))
        for case, message in cases:
            beside = join(node.path, ATTRIBUTES if case == "bad-attributes" else CONSOLIDATED)
            at = beside if message.startswith(f"{beside}:") else key
            self.found("metadata" if case in _LOSSES else "lenient", node.path, at, _without(at, message))

    def check_hierarchy(self) -> None:
        missing: dict[str, str] = {}
        for path in sorted(self.nodes):
            key = join(path, self.nodes[path].own)
            try:
                fault = reserved_name(normalize_path(path))
            except ValueError as error:
                fault = str(error)
            if fault:
                self.found("name", path, key, fault)
            for above in _above(path, self.path):
                parent = self.nodes.get(above)
                if parent is None:
                    missing.setdefault(above, path)
                elif isinstance(parent.metadata, ArrayMetadata):
                    self.found("hierarchy", path, key, f"the node is below the array /{above}")
        for above, path in missing.items():
            key = join(above, NODE_DOCUMENTS[0])
            self.found("hierarchy", above, key, f"the group is missing, but there is a node /{path} below it")

    # ---- keys ----

    def check_keys(self) -> None:
        keys = iter(self.store.list(f"{self.path}/" if self.path else ""))

        def work() -> None:
            while True:
                with KeyLock(self, "keys"):
                    key = None if self.ended else next(keys, None)
                if key is None:
                    return
                if self.check_key(key):
                    self.count(1)

        executor.run_workers(work, executor.concurrency_for(self.store), self.stop)

    def stop(self) -> None:
        self.ended = True

    def count(self, keys: int) -> None:
        """Report that so many more keys are checked."""
        with KeyLock(self, "done"):
            self.done += keys
            if self.progress is not None:
                self.progress(self.done, max(self.done, self.total))

    def check_left(self, client: Client) -> None:
        """Have the workers of a cluster check the chunks that were left for them."""
        size = min(max(len(self.left) // (_TASKS * thread_count(client)), 1), _MOST_IN_TASK)
        self.left.sort(key=lambda chunk: chunk[0])  # by node, so that few metadata go with each task

        def tasks() -> Iterator[tuple[Store, dict[str, ArrayMetadata], list[_Chunk]]]:
            for i in range(0, len(self.left), size):
                some = self.left[i : i + size]
                found = {path: self.nodes[path].metadata for path, _, _ in some}
                yield plain(self.store), {path: m for path, m in found.items() if isinstance(m, ArrayMetadata)}, some

        for problems, chunks, nbytes, keys in on_cluster(client, check_chunks, tasks()):
            self.problems += problems
            self.chunks += chunks
            self.nbytes += nbytes
            self.count(keys)

    def check_key(self, key: str) -> bool:
        """Check what is stored for a key; return False if it is left for the workers of a cluster."""
        fault = _fault_of_key(key)
        if fault is not None:
            self.found("stray", "", key, fault)
            return True
        node = self.owner(key)
        if node is None:
            self.found("stray", "", key, "it belongs to no node")
            return True
        name = key[len(node.path) + 1 :] if node.path else key
        if name in RESERVED_NAMES:
            if name != node.own and name not in _BESIDE[node.own]:
                self.found("shadowed", node.path, key, f"it is not read, because {node.own!r} makes the node")
        elif isinstance(node.metadata, ArrayMetadata):
            return self.check_chunk_key(node, node.metadata, key, name)
        elif node.metadata is not None:
            self.found("stray", node.path, key, "it is in a group, but belongs to no node")
        return True

    def owner(self, key: str) -> _Node | None:
        """Return the nearest node above a key."""
        while key != self.path:
            key = key.rpartition("/")[0]
            if key in self.nodes:
                return self.nodes[key]
            if not key:
                return None
        return None

    def check_chunk_key(self, node: _Node, metadata: ArrayMetadata, key: str, name: str) -> bool:
        index = metadata.chunk_keys.parse(name, len(metadata.shape))
        if index is None:
            self.found("stray", node.path, key, "it is below an array, but is not the key of a chunk")
        elif not all(i < n for i, n in zip(index, metadata.grid_shape, strict=True)):
            message = f"chunk {index} lies outside the array, whose grid has the shape {metadata.grid_shape}"
            self.found("outside", node.path, key, message)
        elif not node.unsupported:
            if self.client is not None:
                self.left.append((node.path, key, index))
                return False
            self.check_chunk(node.path, metadata, key, index)
        return True

    def check_chunk(self, path: str, metadata: ArrayMetadata, key: str, index: Index) -> None:
        try:
            with collect() as cases:
                faults, count, size = self.faults_of(metadata, key, index)
                if faults:  # check again, because it may have been replaced between two reads
                    faults, count, size = self.faults_of(metadata, key, index)
            if [kind for kind, _ in faults] == ["chunk"] and self.is_cropped(path, index):
                faults[0] = ("lenient", "it is stored without the part outside the array")
            faults += [("lenient", message) for message in dict(cases).values()]
        except Exception as error:
            faults, count, size = [("unreadable", _description(error))], 1, 0
        with KeyLock(self, "found"):
            self.chunks += count
            self.nbytes += size
        for kind, message in faults:
            self.found(kind, path, key, message)

    def faults_of(self, metadata: ArrayMetadata, key: str, index: Index) -> tuple[Faults, int, int]:
        """Return the faults of a stored object, its number of chunks, and its size."""
        spec = replace(metadata.spec, shape=_shape_of(metadata, index))

        free = FREE_BYTES + FREE_PER_ELEMENT * spec.size

        def look(reader: Reader | _Unpinned) -> tuple[Faults, int, int]:
            size = reader.size()
            if size is None:  # deleted meanwhile
                return [], 0, 0
            checks = chunk_check(metadata.codecs, spec)
            if checks.most >= UNLIMITED and size > free and reader.holes(free) > free:
                return [("chunk", f"{size} bytes, more than {free} of them never written")], 1, size
            faults: Faults = []

            def read(start: int, length: int) -> bytes:
                part = reader.get_range(start, length)
                return b"" if part is None else bytes(part)

            return faults, checks.check(read, size, faults), size

        if type(self.store.reader(key)) is Reader:  # it would make more requests, in order to detect changes
            return look(_Unpinned(self.store, key))
        return read_version(self.store, key, look)

    def is_cropped(self, path: str, index: Index) -> bool:
        """Return whether a chunk that seems damaged is stored without the part outside the array."""
        with collect() as cases:
            try:
                open_array(self.store, path).get_chunk(index)
            except (ZarrError, IndexError, ValueError, MemoryError):
                return False
        return "cropped-chunk" in dict(cases)

    def find_partials(self) -> None:
        store = plain(self.store)
        if not isinstance(store, LocalStore):
            return
        for key in store.partials(f"{self.path}/" if self.path else ""):
            node = self.owner(key)
            path = node.path if node else ""
            message = "left by a killed writer; LocalStore.remove_partials() removes it"
            self.found("partial", path, key, message)


def check_chunks(
    store: Store, metadata: dict[str, ArrayMetadata], some: list[_Chunk]
) -> tuple[list[Problem], int, int, int]:
    """Check some stored chunks, in a worker of a cluster: return problems, numbers of chunks, bytes and keys.

    metadata: of the arrays, by path.
    """
    job = _Check(store, "")
    executor.parallel_for(
        lambda i: job.check_chunk(some[i][0], metadata[some[i][0]], *some[i][1:]),
        len(some),
        executor.concurrency_for(store),
    )
    return job.problems, job.chunks, job.nbytes, len(some)


class _Unpinned:
    """Read parts of a value, whichever version the store has at each time."""

    def __init__(self, store: Store, key: str):
        self.store, self.key = store, key

    def size(self) -> int | None:
        return self.store.size(self.key)

    def holes(self, enough: int) -> int:
        return 0

    def get_range(self, start: int, length: int) -> bytes | None:
        return self.store.get_range(self.key, start, length)


def _fault_of_key(key: str) -> str | None:
    try:
        check_key(key)
    except ValueError as error:
        return str(error)
    return None


def _above(path: str, top: str) -> Iterator[str]:
    """Yield the paths above a node, up to `top`."""
    while path != top:
        path = path.rpartition("/")[0]
        yield path


def _shape_of(metadata: ArrayMetadata, index: Index) -> tuple[int, ...]:
    """Return the shape of a stored chunk. In a rectilinear grid it depends on the index."""
    if metadata.grid is None:
        return metadata.chunk_shape
    return tuple([axis.lengths[axis.run(i)] for axis, i in zip(metadata.axes, index, strict=True)])


def _without(key: str, message: object) -> str:
    """Return a message without the key at its beginning."""
    return str(message).removeprefix(f"{key}: ")


def _description(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
