"""The codec pipeline of zarr-python that reads and writes whole selections through this library."""

import importlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from simplezarr.zarr_python.protocols import (
    Batch,
    Items,
    NDBuffer,
    NotServedError,
    Pipeline,
    Spec,
    ZarrMetadata,
    ZarrStore,
    host_array,
)

__all__ = ["CodecPipeline"]

T = TypeVar("T")
_FEW_CHUNKS, _FEW_BYTES = 4, 1 << 16  # so much is read faster than another thread takes over
_IO_WIDTH = 32  # calls that wait for stores


class CodecPipeline:
    """Reads and writes the chunks of one array of zarr-python.

    zarr-python makes it when an array is opened, if its setting `codec_pipeline.path` is
    `simplezarr.zarr_python.CodecPipeline`. What it does not serve it leaves to a pipeline of zarr-python.

    fallbacks: how often that happened in this process, by reason. With zarr-python's setting `codec_pipeline.strict`
    it raises UnsupportedError instead.
    """

    fallbacks: ClassVar[Counter[str]] = Counter()

    def __init__(self, metadata: ZarrMetadata, store: ZarrStore):
        from simplezarr.zarr_python.stored import StoredArray  # not before there is an array: its imports take 20 ms

        self._metadata, self._store = metadata, store
        self._array = StoredArray(metadata, store)
        self._made: Pipeline | None = None

    @classmethod
    def from_array_metadata_and_store(cls, array_metadata: ZarrMetadata, store: ZarrStore) -> "CodecPipeline":
        """Return the pipeline of an array that is opened or created."""
        return cls(array_metadata, store)

    @classmethod
    def from_codecs(cls, codecs: Iterable[Any]) -> Pipeline:
        """Return a pipeline of zarr-python: for what this one leaves, and for codecs within other codecs.

        It is the one that makes few tasks (zarr 3.3 and later), otherwise the default.
        """
        known: Any = importlib.import_module("zarr.core.codec_pipeline")
        made: Pipeline = getattr(known, "FusedCodecPipeline", known.BatchedCodecPipeline).from_codecs(codecs)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._metadata, self._store)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CodecPipeline) and self._store == other._store and self._own == other._own

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"<CodecPipeline of {self._store!r}>"

    def __iter__(self) -> Iterator[Any]:
        return iter(self._own)

    @property
    def codecs(self) -> tuple[Any, ...]:
        """The codecs of zarr-python."""
        return tuple(self._own)

    @property
    def supports_partial_decode(self) -> bool:
        """Whether parts of a chunk can be read without the rest."""
        return self._own.supports_partial_decode

    @property
    def supports_partial_encode(self) -> bool:
        """Whether parts of a chunk can be written without the rest."""
        return self._own.supports_partial_encode

    def evolve_from_array_spec(self, array_spec: Spec) -> "CodecPipeline":
        """Return itself: the codecs are bound to the array already."""
        return self

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Raise what the codecs raise if they don't fit an array."""
        self._own.validate(shape=shape, dtype=dtype, chunk_grid=chunk_grid)

    def compute_encoded_size(self, byte_length: int, array_spec: Spec) -> int:
        """Return the bytes of an encoded chunk, if all have as many."""
        return self._own.compute_encoded_size(byte_length, array_spec)

    async def decode(self, chunk_bytes_and_specs: Iterable[tuple[Any, Spec]]) -> Iterable[Any]:
        """Decode chunks with the codecs of zarr-python; its arrays do not call this."""
        return await self._own.decode(chunk_bytes_and_specs)

    async def encode(self, chunk_arrays_and_specs: Iterable[tuple[Any, Spec]]) -> Iterable[Any]:
        """Encode chunks with the codecs of zarr-python; its arrays do not call this."""
        return await self._own.encode(chunk_arrays_and_specs)

    async def read(
        self, batch_info: Items, out: NDBuffer, drop_axes: tuple[int, ...] = ()
    ) -> tuple[dict[str, str], ...]:
        """Read chunks into `out`. Return for each whether it is stored; if nobody asks, they all count as stored.

        Raise ChunkError for a chunk that can't be decoded, and OSError if reading fails.
        """
        batch = [*batch_info]
        if not batch:
            return ()
        from simplezarr.zarr_python.results import result_of

        try:
            array = result_of(out)
            if self._is_quick(batch):
                self._array.read(batch, array, drop_axes)
            else:
                await self._elsewhere(lambda: self._array.read(batch, array, drop_axes))
            return await self._statuses(batch)
        except NotServedError as cause:
            self._leave(cause)
        return await self._own.read(batch, out, drop_axes)

    async def write(self, batch_info: Items, value: NDBuffer, drop_axes: tuple[int, ...] = ()) -> None:
        """Write chunks, or parts of them; concurrent writers of other parts lose nothing.

        Raise ChunkError for a chunk that must be changed but can't be decoded, and OSError if reading or writing fails.
        """
        batch = [*batch_info]
        if not batch:
            return
        try:
            array = host_array(value)
            await self._elsewhere(lambda: self._array.write(batch, array, drop_axes))
            return
        except NotServedError as cause:
            self._leave(cause)
        await self._own.write(batch, value, drop_axes)

    @property
    def _own(self) -> Pipeline:
        """The pipeline of zarr-python for this array."""
        if self._made is None:
            create = importlib.import_module("zarr.core.array").create_codec_pipeline
            self._made = create(self._metadata)  # it asks `from_codecs` of the class that is set
        assert self._made is not None
        return self._made

    def _is_quick(self, batch: Batch) -> bool:
        """Return whether the event loop may wait for a read: it is small, and from files or memory."""
        if len(batch) > _FEW_CHUNKS or not self._array.needs_no_loop:
            return False
        return self._array.decoded_bytes(batch) <= _FEW_BYTES

    async def _elsewhere(self, call: Callable[[], T]) -> T:
        """Make a call in another thread, because all of zarr-python waits for the thread of its event loop."""
        from simplezarr.runtime import executor

        if self._array.needs_no_loop:
            return await executor.awaited(call)
        if executor.runs_inline():
            raise NotServedError("stores of zarr-python while one thread is to do everything")
        return await executor.awaited(call, _IO_WIDTH)

    async def _statuses(self, batch: Batch) -> tuple[dict[str, str], ...]:
        if getattr(batch[0][1].config, "read_missing_chunks", True):
            return ({"status": "present"},) * len(batch)
        present = await self._elsewhere(lambda: self._array.present(batch))
        return tuple([{"status": "present" if stored else "missing"} for stored in present])

    def _leave(self, cause: NotServedError) -> None:
        """Count what is left to zarr-python, or raise if that is not wanted."""
        from zarr.core.config import config

        from simplezarr.errors import UnsupportedError

        reason = str(cause)
        CodecPipeline.fallbacks[reason] += 1
        if config.get("codec_pipeline.strict", False):
            raise UnsupportedError(
                f"simplezarr does not serve {reason}; let zarr-python do it: unset codec_pipeline.strict"
            ) from cause
