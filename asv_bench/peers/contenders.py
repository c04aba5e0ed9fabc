"""One class for each library: how it is configured, opened and asked, at its best."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from peers.rows import Axis

Setting = dict[str, Any]


def _boxed(selection: tuple[Axis, ...]) -> tuple[slice, ...]:
    """The selection with slices of length 1 instead of integers, for libraries that know no integers."""
    return tuple(slice(axis, axis + 1) if isinstance(axis, int) else axis for axis in selection)


def _unboxed(result: np.ndarray, selection: tuple[Axis, ...]) -> np.ndarray:
    """A view of ``result`` without the axes of length 1 that ``_boxed`` has brought."""
    return result[tuple(0 if isinstance(axis, int) else slice(None) for axis in selection)]


class RefusedError(Exception):
    """A contender that is not installed, or has no way to do what a row asks."""


class Contender:
    """What a worker process asks of a library.

    ``settings`` lists the ways worth trying; the worker keeps the fastest for each row. Results are NumPy arrays that
    the library allocates itself.
    """

    name = ""
    package = ""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def version(self) -> str:
        from importlib.metadata import version

        return version(self.package)

    def settings(self, task: str) -> list[Setting]:
        return [{}]

    def configure(self, setting: Setting) -> None:
        """Makes a setting the one that ``open`` uses."""

    def open(self, path: str) -> Any:
        raise NotImplementedError

    def shape(self, array: Any) -> tuple[int, ...]:
        return tuple(array.shape)

    def read(self, array: Any, selection: tuple[Axis, ...]) -> np.ndarray:
        return array[selection]

    def chunk(self, array: Any, index: tuple[int, ...]) -> np.ndarray:
        """A whole chunk by its place in the grid."""
        raise NotImplementedError

    def scalar(self, array: Any, index: tuple[int, ...]) -> Any:
        return array[index]


class SimpleZarr(Contender):
    name = package = "simplezarr"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import simplezarr

        self.library = simplezarr
        simplezarr.set_num_threads(threads)

    def version(self) -> str:
        return f"{getattr(self.library, '__version__', '')} ({os.path.dirname(self.library.__file__)})".strip()

    def open(self, path: str) -> Any:
        return self.library.open(path)

    def chunk(self, array: Any, index: tuple[int, ...]) -> np.ndarray:
        return array.get_chunk(index)


class TensorStore(Contender):
    """Tuned: metadata and shard indexes kept and not looked at again, one copy thread or two for each core."""

    name = "tensorstore"
    package = "tensorstore"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import tensorstore

        self.library = tensorstore
        self.context: Any = None
        self.options: dict[str, Any] = {}

    def settings(self, task: str) -> list[Setting]:
        keep = 0 if task == "open" else 100_000_000  # opening again what is kept would not be opening
        pools = {"cache_pool": {"total_bytes_limit": 0}, "metadata_cache_pool": {"total_bytes_limit": keep}}
        return [
            {**pools, "data_copy_concurrency": {"limit": copies}, "file_io_concurrency": {"limit": files}}
            for copies in (self.threads, 2 * self.threads)
            for files in (max(4, self.threads), 32)
        ]

    def configure(self, setting: Setting) -> None:
        resources = {name: value for name, value in setting.items() if name != "metadata_cache_pool"}
        self.context = self.library.Context(resources)
        self.options = {
            "recheck_cached_metadata": "open",
            "recheck_cached_data": "open",
            "metadata_cache_pool": setting["metadata_cache_pool"],
        }

    def open(self, path: str) -> Any:
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": path}, **self.options}
        return self.library.open(spec, context=self.context, read=True, open=True).result()

    def read(self, array: Any, selection: tuple[Axis, ...]) -> np.ndarray:
        return array[selection].read().result()

    def chunk(self, array: Any, index: tuple[int, ...]) -> np.ndarray:
        shape = array.chunk_layout.read_chunk.shape
        box = tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, shape, strict=True))
        return array[box].read().result()

    def scalar(self, array: Any, index: tuple[int, ...]) -> Any:
        return array[index].read().result()


class TensorStoreDefault(TensorStore):
    """As it comes out of the box."""

    name = "tensorstore-default"

    def settings(self, task: str) -> list[Setting]:
        return [{}]

    def configure(self, setting: Setting) -> None:
        self.context = self.library.Context()


class Zarr(Contender):
    """zarr-python as it comes out of the box."""

    name = "zarr"
    package = "zarr"
    pipeline: str | None = None

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import zarr

        self.library = zarr
        zarr.config.set({"threading.max_workers": threads})
        if self.pipeline:
            zarr.config.set({"codec_pipeline.path": self.pipeline})

    def configure(self, setting: Setting) -> None:
        self.library.config.set(setting)

    def open(self, path: str) -> Any:
        return self.library.open_array(path, mode="r")

    def chunk(self, array: Any, index: tuple[int, ...]) -> np.ndarray:
        return array.blocks[index]


class ZarrFused(Zarr):
    """zarr-python with its synchronous pipeline."""

    name = "zarr-fused"
    pipeline = "zarr.core.codec_pipeline.FusedCodecPipeline"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        from zarr.core import codec_pipeline

        if not hasattr(codec_pipeline, "FusedCodecPipeline"):
            raise RefusedError(f"zarr {self.version()} has no fused pipeline")

    def settings(self, task: str) -> list[Setting]:
        return [{"codec_pipeline.max_workers": workers} for workers in sorted({1, self.threads})]


class Zarrs(Zarr):
    """zarr-python with the codec pipeline of zarrs; strict, or what it can't do would be timed on zarr-python's own."""

    name = "zarrs"
    package = "zarrs"
    pipeline = "zarrs.ZarrsCodecPipeline"

    def __init__(self, threads: int) -> None:
        import zarrs  # noqa: F401  (registers the pipeline)

        super().__init__(threads)
        self.library.config.set({"codec_pipeline.strict": True})

    def settings(self, task: str) -> list[Setting]:
        return [{"codec_pipeline.chunk_concurrent_minimum": least} for least in (1, 2, 4)]

    def read(self, array: Any, selection: tuple[Axis, ...]) -> np.ndarray:
        return _unboxed(array[_boxed(selection)], selection)  # an integer on the first axis is refused when strict


class Zarrista(Contender):
    """zarrs with a thin binding of its own; it knows no steps."""

    name = "zarrista"
    package = "zarrista"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import zarrista
        from zarrista.store import FilesystemStore

        self.library = zarrista
        self.store = FilesystemStore
        self.options: Setting = {}

    def settings(self, task: str) -> list[Setting]:
        return [{"concurrent_target": self.threads, "chunk_concurrent_minimum": least} for least in (1, 2, 4)]

    def configure(self, setting: Setting) -> None:
        self.options = setting

    def open(self, path: str) -> Any:
        return self.library.Array.open(self.store(path))

    def read(self, array: Any, selection: tuple[Axis, ...]) -> np.ndarray:
        result = array.retrieve_array_subset(selection or (...,), **self.options).to_numpy()
        return _unboxed(result, selection)  # where an integer selects, it keeps an axis of length 1

    def chunk(self, array: Any, index: tuple[int, ...]) -> np.ndarray:
        return array.retrieve_chunk(list(index), **self.options).to_numpy()

    def scalar(self, array: Any, index: tuple[int, ...]) -> Any:
        return self.read(array, index)[()]


def _floor() -> type[Contender]:
    from peers.floor import Floor

    return Floor


PEERS: tuple[type[Contender], ...] = (TensorStore, TensorStoreDefault, Zarrs, Zarrista, Zarr, ZarrFused)
OURS, FLOOR = SimpleZarr.name, "floor"
NAMES = (OURS, FLOOR, *(peer.name for peer in PEERS))
PEER_NAMES = frozenset(peer.name for peer in PEERS)


def make(name: str, threads: int) -> Contender:
    """The contender called ``name``; RefusedError when it is not installed."""
    classes: Iterable[type[Contender]] = (SimpleZarr, *PEERS)
    try:
        if name == FLOOR:
            return _floor()(threads)
        return next(cls for cls in classes if cls.name == name)(threads)
    except ImportError as error:
        raise RefusedError(f"not installed: {error}") from error
