"""Who takes part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from peers.contender import REGION, Box, Contender, Place, RefusedError, Setting
from peers.floor import Floor
from peers.peer_icechunk import Icechunk
from peers.peer_tensorstore import TensorStore, TensorStoreDefault
from peers.peer_zarr import Zarr, ZarrFused, Zarrs
from peers.peer_zarrista import Zarrista
from peers.rows import Axis


class SimpleZarr(Contender):
    name = package = "simplezarr"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        import simplezarr

        self.library = simplezarr

    def settings(self, task: str) -> list[Setting]:
        return [{"threads": self.threads}]

    def configure(self, setting: Setting) -> None:
        self.library.set_num_threads(setting["threads"])

    def version(self) -> str:
        return f"{getattr(self.library, '__version__', '')} ({os.path.dirname(self.library.__file__)})".strip()

    def open(self, path: str, write: bool = False) -> Any:
        return self.library.open(path, mode="r+" if write else "r")

    def open_memory(self, files: dict[str, bytes], write: bool = False) -> Any:
        return self.library.open(self.library.MemoryStore(files), mode="r+" if write else "r")

    def _slow(self, path: str, latency: float) -> Any:
        return self.library.SlowStore(self.library.LocalStore(path), latency)

    def open_slow(self, path: str, latency: float, write: bool = False) -> Any:
        return self.library.open(self._slow(path, latency), mode="r+" if write else "r")

    def open_remote(self, place: Place, write: bool = False) -> Any:
        mode = "r+" if write else "r"
        return self.library.open(place.url, mode=mode, endpoint=place.endpoint, region=REGION, anonymous=True)

    def members_remote(self, place: Place) -> dict[str, tuple[int, ...]]:
        return {name: array.shape for name, array in self.open_remote(place).items()}

    def members_slow(self, path: str, latency: float) -> dict[str, tuple[int, ...]]:
        return {name: array.shape for name, array in self.library.open(self._slow(path, latency)).items()}

    def members(self, path: str) -> dict[str, tuple[int, ...]]:
        return {name: array.shape for name, array in self.library.open(path).items()}

    def chunk(self, array: Any, index: tuple[int, ...]) -> np.ndarray:
        return array.get_chunk(index)

    def crops(self, array: Any, boxes: list[Box]) -> Sequence[np.ndarray]:
        if not hasattr(array, "read_many"):
            raise RefusedError("this version has no read_many")
        shape = [axis.stop - axis.start for axis in boxes[0]]
        shape += array.shape[len(shape) :]
        return array.read_many(boxes, out=np.empty((len(boxes), *shape), array.dtype))

    def rows(self, array: Any, indexes: np.ndarray) -> np.ndarray:
        return array[indexes]

    def points(self, array: Any, indexes: tuple[np.ndarray, ...]) -> np.ndarray:
        return array[indexes]

    def masked(self, array: Any, mask: np.ndarray) -> np.ndarray:
        return array[mask]

    def write(self, array: Any, selection: tuple[Axis, ...], values: np.ndarray) -> None:
        if not hasattr(array, "write"):
            raise RefusedError("this version does not write")
        array[selection] = values

    def append(self, array: Any, values: np.ndarray) -> Any:
        if not hasattr(array, "append"):
            raise RefusedError("this version does not append")
        return super().append(array, values)

    def copy(self, source: Any, target: Any) -> None:
        """Box by box, not through one array of all."""
        self.write(target, (), source)


PEERS: tuple[type[Contender], ...] = (TensorStore, TensorStoreDefault, Zarrs, Zarrista, Zarr, ZarrFused, Icechunk)
CONTENDERS: tuple[type[Contender], ...] = (SimpleZarr, Floor, *PEERS)
OURS, FLOOR = SimpleZarr.name, Floor.name
NAMES = tuple(contender.name for contender in CONTENDERS)
PEER_NAMES = frozenset(peer.name for peer in PEERS)
ATOMIC_NAMES = frozenset(peer.name for peer in PEERS if peer.atomic)


def make(name: str, threads: int) -> Contender:
    """Return the contender called ``name``; raise RefusedError if it is not installed."""
    try:
        return next(cls for cls in CONTENDERS if cls.name == name)(threads)
    except ImportError as error:
        raise RefusedError(f"not installed: {error}") from error
