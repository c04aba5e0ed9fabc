"""zarr-python with its pipelines, and with that of zarrs."""

from __future__ import annotations

from typing import Any

import numpy as np

from peers.contender import REGION, REQUESTS, Contender, Place, RefusedError, Setting, boxed, unboxed
from peers.rows import Axis

DEFAULT_REQUESTS = 10  # at a time, as it comes out of the box


def obstore_for(place: Place) -> Any:
    """Return a store of obstore whose keys are relative to a place."""
    from obstore.store import S3Store

    return S3Store(
        place.bucket,
        prefix=place.path,
        endpoint=place.endpoint,
        region=REGION,
        skip_signature=True,
        client_options={"allow_http": True},
    )


class Zarr(Contender):
    """zarr-python with its defaults, except for the number of requests to slow stores and to servers."""

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

    def settings(self, task: str) -> list[Setting]:
        return [
            {"async.concurrency": requests}
            for requests in ((64, 32) if task.endswith("-slow") else (DEFAULT_REQUESTS,))
        ]

    def configure(self, setting: Setting) -> None:
        self.library.config.set(setting)

    def open(self, path: str, write: bool = False) -> Any:
        return self.library.open_array(path, mode="r+" if write else "r")

    def open_memory(self, files: dict[str, bytes], write: bool = False) -> Any:
        from zarr.core.buffer.cpu import Buffer
        from zarr.storage import MemoryStore

        store = MemoryStore({key: Buffer.from_bytes(value) for key, value in files.items()})
        return self.library.open_array(store, mode="r+" if write else "r")

    def _slow(self, path: str, latency: float) -> Any:
        from zarr.storage import LocalStore
        from zarr.testing.store import LatencyStore

        return LatencyStore(LocalStore(path), get_latency=latency, set_latency=latency)

    def open_slow(self, path: str, latency: float, write: bool = False) -> Any:
        return self.library.open_array(self._slow(path, latency), mode="r+" if write else "r")

    def settings_remote(self, task: str) -> list[Setting]:
        return [{**self.settings(task)[0], "async.concurrency": REQUESTS}]

    def _remote(self, place: Place, write: bool = False) -> Any:
        from zarr.storage import ObjectStore

        return ObjectStore(obstore_for(place), read_only=not write)

    def open_remote(self, place: Place, write: bool = False) -> Any:
        return self.library.open_array(self._remote(place, write), mode="r+" if write else "r")

    def members_remote(self, place: Place) -> dict[str, tuple[int, ...]]:
        group = self.library.open_group(self._remote(place), mode="r")
        return {name: array.shape for name, array in group.arrays()}

    def members_slow(self, path: str, latency: float) -> dict[str, tuple[int, ...]]:
        group = self.library.open_group(self._slow(path, latency), mode="r")
        return {name: array.shape for name, array in group.arrays()}

    def members(self, path: str) -> dict[str, tuple[int, ...]]:
        return {name: array.shape for name, array in self.library.open_group(path, mode="r").arrays()}

    def chunk(self, array: Any, index: tuple[int, ...]) -> np.ndarray:
        return array.blocks[index]

    def rows(self, array: Any, indexes: np.ndarray) -> np.ndarray:
        return array.oindex[indexes]

    def points(self, array: Any, indexes: tuple[np.ndarray, ...]) -> np.ndarray:
        return array.vindex[indexes]

    def masked(self, array: Any, mask: np.ndarray) -> np.ndarray:
        return array.vindex[mask]


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
        return [
            {"codec_pipeline.max_workers": workers, **setting}
            for workers in sorted({1, self.threads})
            for setting in super().settings(task)
        ]

    def settings_remote(self, task: str) -> list[Setting]:
        return [{**setting, "async.concurrency": REQUESTS} for setting in self.settings(task)]


class Zarrs(Zarr):
    """zarr-python with the codec pipeline of zarrs; strict, or what it can't do would be timed on zarr-python's own."""

    name = "zarrs"
    package = "zarrs"
    pipeline = "zarrs.ZarrsCodecPipeline"
    atomic = False

    def __init__(self, threads: int) -> None:
        import zarrs  # noqa: F401  (registers the pipeline)

        super().__init__(threads)
        self.library.config.set({"codec_pipeline.strict": True})

    def settings(self, task: str) -> list[Setting]:
        return [{"codec_pipeline.chunk_concurrent_minimum": least} for least in (1, 2, 4)]

    def settings_remote(self, task: str) -> list[Setting]:
        return [{"codec_pipeline.chunk_concurrent_minimum": 1, "async.concurrency": REQUESTS}]

    def _slow(self, path: str, latency: float) -> Any:
        raise self._refuse("slow a store down")  # its stores are not zarr-python's

    def read(self, array: Any, selection: tuple[Axis, ...]) -> np.ndarray:
        return unboxed(array[boxed(selection)], selection)  # an integer on the first axis is refused when strict

    def rows(self, array: Any, indexes: np.ndarray) -> np.ndarray:
        return np.concatenate([array[i : i + 1] for i in indexes.tolist()])  # arrays of indexes are refused when strict

    def points(self, array: Any, indexes: tuple[np.ndarray, ...]) -> np.ndarray:
        raise self._refuse("read points")

    def masked(self, array: Any, mask: np.ndarray) -> np.ndarray:
        raise self._refuse("read by a mask")
