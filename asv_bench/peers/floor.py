"""The floor: the C files in ``floor/``, built on demand, behind the face of a contender."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import math
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from peers.contender import Box, Contender, RefusedError
from peers.rows import Axis

SOURCES = Path(__file__).resolve().parent.parent / "floor"
CODECS = {"raw": 0, "zstd": 1, "blosc": 2}
BYTE = ctypes.c_char  # byref(BYTE.from_buffer(array)) is the cheapest way to pass an array


def _blosc2() -> Path:
    spec = importlib.util.find_spec("blosc2")  # found, not imported
    if spec is None or spec.origin is None:
        raise RefusedError("the floor needs the blosc2 wheel for its codecs: pip install blosc2")
    package = Path(spec.origin).parent
    if not (package / "lib" / "libblosc2.a").exists():
        raise RefusedError(f"{package} has no lib/libblosc2.a: the floor needs blosc2's wheel")
    return package


def build() -> Path:
    """Return the shared library, compiled unless there is one from the same source and the same wheel."""
    blosc2 = _blosc2()
    archive = blosc2 / "lib" / "libblosc2.a"
    texts = [path.read_bytes() for path in sorted(SOURCES.glob("*.[ch]"))]
    identity = b"".join(texts) + f"{archive} {archive.stat().st_mtime_ns}".encode()
    place = Path(tempfile.gettempdir()) / f"simplezarr-floor-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    library = place / f"floor-{hashlib.sha256(identity).hexdigest()[:16]}.so"
    if not library.exists():
        part = library.with_suffix(f".{os.getpid()}")
        files = [str(path) for path in sorted(SOURCES.glob("*.c"))]
        sources = [f"-I{blosc2 / 'include'}", *files, str(archive), "-lpthread", "-lm", "-ldl"]
        command = [os.environ.get("CC", "cc"), "-O3", "-shared", "-fPIC", *sources, "-o", str(part)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except OSError as error:
            raise RefusedError(f"no C compiler for the floor: {error}") from error
        except subprocess.CalledProcessError as error:
            raise RefusedError(f"the floor does not compile: {error.stderr.strip()}") from error
        os.replace(part, library)
    return library


def _chain(codecs: list[dict[str, Any]]) -> tuple[str, int]:
    """Return the one codec of a chain that the floor supports, and its level."""
    names = [codec["name"] for codec in codecs]
    if names[:1] != ["bytes"] or codecs[0].get("configuration", {}).get("endian", "little") != "little":
        raise RefusedError("the floor knows little-endian chunks in C order only")
    codec = names[1] if len(names) == 2 else "raw"
    if len(names) > 2 or codec not in CODECS:
        raise RefusedError(f"the floor does not know the codecs {names}")
    settings = codecs[-1].get("configuration", {})
    return codec, settings.get("level", settings.get("clevel", 0))


class FloorArray:
    """An open array: the handle of the C side and what NumPy has to know."""

    def __init__(self, library: ctypes.CDLL, path: str) -> None:
        document = json.loads(Path(path, "zarr.json").read_bytes())
        self.shape = tuple(document["shape"])
        self.dtype = np.dtype(document["data_type"])
        self.chunks = stored = tuple(document["chunk_grid"]["configuration"]["chunk_shape"])
        codecs, inner = document["codecs"], None
        if codecs[0]["name"] == "sharding_indexed":
            shard = codecs[0]["configuration"]
            inner = self.chunks = tuple(shard["chunk_shape"])
            codecs = shard["codecs"]
        codec, level = _chain(codecs)
        self._sides = sides = ctypes.c_int64 * len(stored)
        self._library = library
        self._handle = library.floor_open(
            os.fsencode(path), len(stored), sides(*stored), sides(*inner) if inner else None, self.dtype.itemsize,
            CODECS[codec], level,
        )  # fmt: skip
        if not self._handle:
            raise OSError(f"the floor can't open {path}")

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.floor_close(self._handle)

    def _bounds(self, selection: tuple[Axis, ...]) -> tuple[list[int], list[int], list[int]]:
        """Start, count and step for each axis."""
        axes = [slice(a, a + 1) if isinstance(a, int) else a for a in selection]
        axes += [slice(None)] * (len(self.shape) - len(axes))
        bounds = [axis.indices(n) for axis, n in zip(axes, self.shape, strict=True)]
        counts = [math.ceil((stop - start) / step) for start, stop, step in bounds]
        return [b[0] for b in bounds], counts, [b[2] for b in bounds]

    def read(self, selection: tuple[Axis, ...], threads: int) -> np.ndarray:
        start, count, step = self._bounds(selection)
        out, sides = np.empty(count, self.dtype), self._sides
        address = out.ctypes.data
        if self._library.floor_read(self._handle, sides(*start), sides(*count), sides(*step), threads, address):
            raise OSError("the floor failed to read")
        return out[tuple(0 if isinstance(a, int) else slice(None) for a in selection)]

    def write(self, selection: tuple[Axis, ...], values: np.ndarray, threads: int) -> None:
        start, count, step = self._bounds(selection)
        values, sides = np.ascontiguousarray(values), self._sides
        address = values.ctypes.data
        if self._library.floor_write(self._handle, sides(*start), sides(*count), sides(*step), threads, address):
            raise OSError("the floor failed to write")

    def many(self, starts: np.ndarray, count: list[int], threads: int, out: np.ndarray | None = None) -> np.ndarray:
        """Read boxes of one shape, stacked; ``starts`` has a row for each. ``out``: where to."""
        out, sides = np.empty((len(starts), *count), self.dtype) if out is None else out, self._sides
        starts = np.ascontiguousarray(starts, "int64")
        if self._library.floor_many(
            self._handle, sides(*self.shape), len(starts), starts.ctypes.data, sides(*count), threads, out.ctypes.data
        ):
            raise OSError("the floor failed to read many boxes")
        return out

    def chunk(self, index: tuple[int, ...]) -> np.ndarray:
        out: Any = np.empty(self.chunks, self.dtype)
        if self._library.floor_chunk(self._handle, self._sides(*index), ctypes.byref(BYTE.from_buffer(out))):
            raise OSError("the floor failed to read a chunk")
        return out

    def scalar(self, index: tuple[int, ...]) -> Any:
        out: Any = np.empty((), self.dtype)
        if self._library.floor_scalar(self._handle, self._sides(*index), ctypes.byref(BYTE.from_buffer(out))):
            raise OSError("the floor failed to read an element")
        return out[()]


class Floor(Contender):
    name = "floor"

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self.library = ctypes.CDLL(str(build()))
        pointer, integer, big = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
        self.library.floor_open.restype = pointer
        self.library.floor_open.argtypes = [ctypes.c_char_p, integer, pointer, pointer, big, integer, integer]
        for move in self.library.floor_read, self.library.floor_write:
            move.argtypes = [pointer, pointer, pointer, pointer, integer, pointer]
        self.library.floor_many.argtypes = [pointer, pointer, big, pointer, pointer, integer, pointer]
        self.library.floor_chunk.argtypes = self.library.floor_scalar.argtypes = [pointer, pointer, pointer]
        self.library.floor_close.argtypes = [pointer]

    def version(self) -> str:
        return "floor/*.c"

    def settings(self, task: str) -> list[dict[str, Any]]:
        if task in ("open", "members", "append"):
            raise RefusedError(f"{task} has no floor: it is all metadata, or much of it")
        return [{}]

    def open(self, path: str, write: bool = False) -> FloorArray:
        return FloorArray(self.library, path)

    def read(self, array: FloorArray, selection: tuple[Axis, ...]) -> np.ndarray:
        return array.read(selection, self.threads)

    def chunk(self, array: FloorArray, index: tuple[int, ...]) -> np.ndarray:
        return array.chunk(index)

    def scalar(self, array: FloorArray, index: tuple[int, ...]) -> Any:
        return array.scalar(index)

    def crops(self, array: FloorArray, boxes: list[Box]) -> np.ndarray:
        starts = np.array([[axis.start for axis in box] for box in boxes])
        return array.many(starts, [axis.stop - axis.start for axis in boxes[0]], self.threads)

    def rows(self, array: FloorArray, indexes: np.ndarray) -> np.ndarray:
        rest = array.shape[1:]
        starts = np.zeros((len(indexes), len(array.shape)), "int64")
        starts[:, 0] = indexes
        return array.many(starts, [1, *rest], self.threads).reshape(len(indexes), *rest)

    def points(self, array: FloorArray, indexes: tuple[np.ndarray, ...]) -> np.ndarray:
        return array.many(np.stack(indexes, axis=1), [1] * len(indexes), self.threads).ravel()

    def write(self, array: FloorArray, selection: tuple[Axis, ...], values: np.ndarray) -> None:
        array.write(selection, values, self.threads)
