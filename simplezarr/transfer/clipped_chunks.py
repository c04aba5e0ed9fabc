"""Chunks at an array's edge that are stored without their part outside the array, as fizarrita and xtensor-zarr do.

The specification demands the full shape, so such chunks fail to decode. Only then are they decoded at the shape of the
part within the array, which no chunk of the full shape can have.
"""

import numpy as np

from simplezarr.codecs.base import ChunkSpec
from simplezarr.codecs.chain import bind, python_pipeline
from simplezarr.codecs.sharding import Sharding
from simplezarr.engine.chunks.pipeline import CodecFailure
from simplezarr.engine.jobs.chunk_source import ChunkSource
from simplezarr.errors import ChunkError
from simplezarr.metadata.v3 import ArrayMetadata
from simplezarr.stores.base import Store
from simplezarr.stores.wrapper import WrapperStore

__all__ = ["padding_source"]


class _PaddedChunks(WrapperStore):
    """A store that returns the chunks at an array's edge at their full shape."""

    in_memory = True  # so that the engine asks for whole values

    def __init__(self, store: Store, path: str, metadata: ArrayMetadata):
        super().__init__(store)
        self.metadata = metadata
        self.skip = len(path) + 1 if path else 0

    def get(self, key: str) -> bytes | None:
        spec = self.metadata.spec
        value = self.store.get_limited(key, bind(self.metadata.codecs, spec).most)
        data = None if value is None else bytes(value)
        inside = _inside(self.metadata, self.metadata.chunk_keys.parse(key[self.skip :], len(spec.shape)))
        if data is None or inside is None:
            return data
        try:
            part = python_pipeline(self.metadata.codecs, ChunkSpec(inside, spec.dtype, spec.fill))(data)
        except CodecFailure:
            return data
        padded = np.full(spec.shape, np.frombuffer(spec.fill, spec.dtype.numpy)[0])
        padded[tuple(map(slice, inside))] = part
        return python_pipeline(self.metadata.codecs, spec).encode(padded)

    def __repr__(self) -> str:
        return repr(self.store)


def _inside(metadata: ArrayMetadata, index: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Return the shape of a chunk's part within the array; None if that is the whole chunk."""
    if index is None or len(index) != len(metadata.shape):
        return None
    sides = zip(index, metadata.chunk_shape, metadata.shape, strict=True)
    inside = tuple([min(part, length - i * part) for i, part, length in sides])
    return None if inside == metadata.chunk_shape or min(inside, default=1) < 1 else inside


def padding_source(store: Store, path: str, metadata: ArrayMetadata, error: ChunkError) -> ChunkSource | None:
    """Return a source that reads chunks of either shape; None if the chunk that failed can't be clipped."""
    sharded = any(isinstance(codec, Sharding) for codec in metadata.codecs)
    if sharded or error.index is None or _inside(metadata, tuple(error.index)) is None:
        return None
    padded = _PaddedChunks(store, path, metadata)
    return ChunkSource(bind(metadata.codecs, metadata.spec), padded, metadata.chunk_keys, path, metadata.chunk_shape)
