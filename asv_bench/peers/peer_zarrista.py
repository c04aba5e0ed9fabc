"""zarrista: zarrs with a thin binding of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import numpy as np

from peers.contender import REQUESTS, Box, Contender, Place, Setting, unboxed
from peers.peer_zarr import obstore_for
from peers.rows import Axis

T = TypeVar("T")


class Remote:
    """An array on a server, which has asynchronous methods only, and the loop that they run in."""

    def __init__(self, array: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.array, self.loop = array, loop
        self.shape = tuple(array.shape)

    def retrieve_array_subset(self, selection: tuple[Axis, ...], **options: Any) -> Any:
        async def retrieved() -> Any:
            return await self.array.retrieve_array_subset(selection, **options)

        return self.loop.run_until_complete(retrieved())

    def store_array_subset(self, selection: tuple[Axis, ...], values: np.ndarray, **options: Any) -> None:
        async def stored() -> None:
            await self.array.store_array_subset(selection, values, **options)

        self.loop.run_until_complete(stored())

    def retrieve_many(self, boxes: Sequence[Box], **options: Any) -> list[np.ndarray]:
        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(self.array.retrieve_array_subset(box, **options) for box in boxes))

        return [got.to_numpy() for got in self.loop.run_until_complete(all_of_them())]


class Zarrista(Contender):
    """It knows no steps."""

    name = "zarrista"
    package = "zarrista"
    atomic = False

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import zarrista
        from zarrista.store import FilesystemStore, MemoryStore

        self.library = zarrista
        self.local, self.memory = FilesystemStore, MemoryStore
        self.options: Setting = {}
        self.loop = asyncio.new_event_loop()

    def _await(self, awaited: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(awaited)

    def settings(self, task: str) -> list[Setting]:
        partial = [{}, {"experimental_partial_encoding": True}] if task == "update" else [{}]
        return [
            {"concurrent_target": self.threads, "chunk_concurrent_minimum": least, **how}
            for how in partial
            for least in (1, 2, 4)
        ]

    def settings_remote(self, task: str) -> list[Setting]:
        return [{"concurrent_target": target, "chunk_concurrent_minimum": 1} for target in (REQUESTS, self.threads)]

    def configure(self, setting: Setting) -> None:
        self.options = setting

    def open(self, path: str, write: bool = False) -> Any:
        return self.library.Array.open(self.local(path))

    def open_remote(self, place: Place, write: bool = False) -> Remote:
        async def opened() -> Any:
            return await self.library.AsyncArray.open(obstore_for(place))

        return Remote(self._await(opened()), self.loop)

    def members_remote(self, place: Place) -> dict[str, tuple[int, ...]]:
        async def members() -> dict[str, tuple[int, ...]]:
            group = await self.library.AsyncGroup.open(obstore_for(place))
            return {array.path.lstrip("/"): tuple(array.shape) for array in await group.child_arrays()}

        return self._await(members())

    def crops(self, array: Any, boxes: list[Box]) -> Sequence[np.ndarray]:
        return array.retrieve_many(boxes, **self.options) if isinstance(array, Remote) else super().crops(array, boxes)

    def open_memory(self, files: dict[str, bytes], write: bool = False) -> Any:
        store = self.memory()
        array = self.library.Array.from_metadata(json.loads(files["zarr.json"]), store)
        array.store_metadata()
        for key, value in files.items():
            if key != "zarr.json":
                array.store_encoded_chunk([int(part) for part in key.split("/")[1:]], value)
        return array

    def members(self, path: str) -> dict[str, tuple[int, ...]]:
        group = self.library.Group.open(self.local(path))
        return {array.path.lstrip("/"): tuple(array.shape) for array in group.child_arrays()}

    def read(self, array: Any, selection: tuple[Axis, ...]) -> np.ndarray:
        result = array.retrieve_array_subset(selection or (...,), **self.options).to_numpy()
        return unboxed(result, selection)  # where an integer selects, it keeps an axis of length 1

    def chunk(self, array: Any, index: tuple[int, ...]) -> np.ndarray:
        return array.retrieve_chunk(list(index), **self.options).to_numpy()

    def scalar(self, array: Any, index: tuple[int, ...]) -> Any:
        return self.read(array, index)[()]

    def write(self, array: Any, selection: tuple[Axis, ...], values: np.ndarray) -> None:
        array.store_array_subset(selection or (...,), values, **self.options)

    def append(self, array: Any, values: np.ndarray) -> Any:
        old, *rest = array.shape
        grown = array.with_shape([old + len(values), *rest])
        grown.store_metadata()
        self.write(grown, (slice(old, old + len(values)),), values)
        return grown
