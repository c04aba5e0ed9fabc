"""zarrista: zarrs with a thin binding of its own."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from peers.contender import Contender, Setting, unboxed
from peers.rows import Axis


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

    def settings(self, task: str) -> list[Setting]:
        partial = [{}, {"experimental_partial_encoding": True}] if task == "update" else [{}]
        return [
            {"concurrent_target": self.threads, "chunk_concurrent_minimum": least, **how}
            for how in partial
            for least in (1, 2, 4)
        ]

    def configure(self, setting: Setting) -> None:
        self.options = setting

    def open(self, path: str, write: bool = False) -> Any:
        return self.library.Array.open(self.local(path))

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
