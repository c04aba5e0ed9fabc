"""Store the levels of an image: their arrays, complete, and then the attributes that claim them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from simplezarr.hierarchy.changes import change_node, create_node
from simplezarr.hierarchy.documents import Metadata
from simplezarr.hierarchy.inventory import inner_shape, sharding_of
from simplezarr.metadata.chunk_keys import join
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.nodes.arguments import as_like, resolve_arguments
from simplezarr.nodes.array import Array
from simplezarr.ome.building import Data, Pyramid, build
from simplezarr.ome.levels import Factors, level_layout
from simplezarr.stores.base import Store
from simplezarr.tools.cluster import Client, ClientLike, check_reachable, client_of

if TYPE_CHECKING:
    from simplezarr.tools.copy.copy import Progress

__all__ = ["Storing", "change_attributes", "level_metadata", "workers_for"]


def level_metadata(
    like: ArrayMetadata, shapes: Sequence[tuple[int, ...]], names: Sequence[str] | None = None, **lengths: Any
) -> tuple[ArrayMetadata, ...]:
    """Return the metadata of levels that are stored as an array is, with chunks no longer than they are themselves.

    lengths: other `chunks` and `shards` for them, as `create_array` takes them; None is as in the array. names: of the
    dimensions; None: those of the array.
    """
    inner, outer = inner_shape(like), like.chunk_shape if sharding_of(like) is not None else None
    chunks, shards = lengths.get("chunks"), lengths.get("shards")
    if chunks is not None or shards is not None:
        inner_like = inner if chunks is None or (isinstance(chunks, str) and chunks == "auto") else chunks
        asked = _resolved(like, like.shape, inner_like, shards if shards is not None else outer or False)
        inner, outer = inner_shape(asked), asked.chunk_shape if sharding_of(asked) is not None else None
    made = [_resolved(like, shape, *level_layout(shape, inner, outer)) for shape in shapes]
    return tuple(made if names is None else [replace(metadata, dimension_names=tuple(names)) for metadata in made])


def _resolved(like: ArrayMetadata, shape: tuple[int, ...], chunks: Any, shards: Any) -> ArrayMetadata:
    given = {
        "shape": shape,
        "dtype": like.data_type,
        "chunks": chunks,
        "shards": shards,
        "codecs": "auto",
        "fill_value": None,
        "chunk_key_encoding": "default",
        "dimension_names": None,
        "attributes": {},
        "zarr_format": like.zarr_format,
    }
    return resolve_arguments(**as_like(like, given))


@dataclass(frozen=True, slots=True)
class Storing:
    """Levels to be stored in a group.

    - paths, metadata: of the arrays. factors: for each of them, from the one before; `source` is before the first.
    """

    store: Store
    group: str
    paths: tuple[str, ...]
    metadata: tuple[ArrayMetadata, ...]
    factors: tuple[Factors, ...]
    method: str

    def run(self, source: Data, client: Client | None, progress: "Progress | None") -> None:
        """Store the arrays. Their documents come last, when all are complete; if something fails, none is left."""
        places = [join(self.group, path) for path in self.paths]
        levels = [
            Array(self.store, place, metadata, read_only=False)
            for place, metadata in zip(places, self.metadata, strict=True)
        ]
        store = partial(build, Pyramid(source, tuple(levels), self.factors, self.method), client, progress)
        for place, metadata in zip(reversed(places), reversed(self.metadata), strict=True):
            store = partial(create_node, self.store, place, metadata, fill=store)
        store()


@contextmanager
def workers_for(store: Store, client: ClientLike | None) -> Iterator[Client | None]:
    """Return a context with a client whose workers write to a store, None for None. Raise if they can't reach it."""
    with client_of(client) if client is not None else nullcontext() as used:
        if used is not None:
            check_reachable(store)
        yield used


def change_attributes(store: Store, path: str, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """Replace the attributes of a node by what `change` makes of them, under its lock."""

    def changed(metadata: Metadata) -> Metadata:
        return replace(metadata, attributes=change(metadata.attributes))

    change_node(store, path, changed)
