"""tensorstore, tuned and as it comes out of the box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from peers.contender import REGION, REQUESTS, Box, Contender, Place, Setting
from peers.rows import Axis


class TensorStore(Contender):
    """Tuned: metadata and shard indexes kept and not looked at again, a copy thread, or one or two for each core.

    Writes are not synced and take no lock files, but are atomic. No other library syncs by default; so neither does the
    contender with the defaults.
    """

    name = "tensorstore"
    package = "tensorstore"
    unsynced: Setting = {"file_io_sync": False}  # noqa: RUF012
    unlocked: Setting = {"file_io_locking": {"mode": "none"}}  # noqa: RUF012

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import tensorstore

        self.library = tensorstore
        self.context: Any = None
        self.options: dict[str, Any] = {}

    def settings(self, task: str) -> list[Setting]:
        keep = 0 if task == "open" else 100_000_000  # opening again what is kept would not be opening
        pools = {"cache_pool": {"total_bytes_limit": 0}, "metadata_cache_pool": {"total_bytes_limit": keep}}
        fixed = {**pools, **self.unsynced, **self.unlocked}
        return [
            {**fixed, "data_copy_concurrency": {"limit": copies}, "file_io_concurrency": {"limit": files}}
            for copies in sorted({1, self.threads, 2 * self.threads})
            for files in (max(4, self.threads), 32)
        ]

    def settings_remote(self, task: str) -> list[Setting]:
        keep = 0 if task == "open-and-read" else 100_000_000
        pools = {"cache_pool": {"total_bytes_limit": 0}, "metadata_cache_pool": {"total_bytes_limit": keep}}
        return [
            {**pools, "s3_request_concurrency": {"limit": REQUESTS}, "data_copy_concurrency": {"limit": copies}}
            for copies in sorted({self.threads, 2 * self.threads})
        ]

    def configure(self, setting: Setting) -> None:
        resources = {name: value for name, value in setting.items() if name != "metadata_cache_pool"}
        self.context = self.library.Context(resources)
        self.options = {
            "recheck_cached_metadata": "open",
            "recheck_cached_data": "open",
            "metadata_cache_pool": setting["metadata_cache_pool"],
        }

    def _open(self, kvstore: Any, write: bool) -> Any:
        spec = {"driver": "zarr3", "kvstore": kvstore, **self.options}
        return self.library.open(spec, context=self.context, read=True, write=write, open=True).result()

    def open(self, path: str, write: bool = False) -> Any:
        return self._open({"driver": "file", "path": path}, write)

    def _remote(self, place: Place, path: str) -> Setting:
        credentials = {"type": "anonymous"}
        server = {"endpoint": place.endpoint, "aws_region": REGION, "aws_credentials": credentials}
        return {"driver": "s3", "bucket": place.bucket, "path": f"{path}/", **server}

    def open_remote(self, place: Place, write: bool = False) -> Any:
        return self._open(self._remote(place, place.path), write)

    def members_remote(self, place: Place) -> dict[str, tuple[int, ...]]:
        """List the keys, and open what has a document; it knows no groups."""
        store = self.library.KvStore.open(self._remote(place, place.path), context=self.context).result()
        names = {key.decode().split("/")[0] for key in store.list().result() if key.endswith(b"/zarr.json")}
        spec = {"driver": "zarr3", **self.options}
        opened = {
            name: self.library.open(
                {**spec, "kvstore": self._remote(place, f"{place.path}/{name}")}, context=self.context, open=True
            )
            for name in sorted(names)
        }
        return {name: tuple(future.result().shape) for name, future in opened.items()}

    def open_memory(self, files: dict[str, bytes], write: bool = False) -> Any:
        store = self.library.KvStore.open("memory://", context=self.context).result()
        store.delete_range(self.library.KvStore.KeyRange()).result()
        for key, value in files.items():
            store.write(key, value).result()
        return self._open("memory://", write)

    def read(self, array: Any, selection: tuple[Axis, ...]) -> np.ndarray:
        return array[selection].read().result()

    def chunk(self, array: Any, index: tuple[int, ...]) -> np.ndarray:
        shape = array.chunk_layout.read_chunk.shape
        box = tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, shape, strict=True))
        return array[box].read().result()

    def scalar(self, array: Any, index: tuple[int, ...]) -> Any:
        return array[index].read().result()

    def crops(self, array: Any, boxes: list[Box]) -> Sequence[np.ndarray]:
        """Issue all reads together; chunks that several of them need are read once."""
        with self.library.Batch() as batch:
            futures = [array[box].read(batch=batch) for box in boxes]
        return [future.result() for future in futures]

    def rows(self, array: Any, indexes: np.ndarray) -> np.ndarray:
        return array[indexes].read().result()

    def points(self, array: Any, indexes: tuple[np.ndarray, ...]) -> np.ndarray:
        return array.vindex[indexes].read().result()

    def masked(self, array: Any, mask: np.ndarray) -> np.ndarray:
        return array[mask].read().result()

    def write(self, array: Any, selection: tuple[Axis, ...], values: np.ndarray) -> None:
        array[selection].write(values, can_reference_source_data_indefinitely=True).result()

    def append(self, array: Any, values: np.ndarray) -> Any:
        old, *rest = array.shape
        bounds = [old + len(values), *([None] * len(rest))]
        grown = array.resize(exclusive_max=bounds, expand_only=True).result()
        self.write(grown, (slice(old, None),), values)
        return grown

    def copy(self, source: Any, target: Any) -> None:
        """Chunk by chunk, not through one array of all."""
        target.write(source).result()


class TensorStoreDefault(TensorStore):
    """With its defaults, except that it does not sync."""

    name = "tensorstore-default"

    def settings(self, task: str) -> list[Setting]:
        return [self.unsynced]

    def settings_remote(self, task: str) -> list[Setting]:
        return [{}]

    def configure(self, setting: Setting) -> None:
        self.context = self.library.Context(setting)

    def write(self, array: Any, selection: tuple[Axis, ...], values: np.ndarray) -> None:
        array[selection].write(values).result()
