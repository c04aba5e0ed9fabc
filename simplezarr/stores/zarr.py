"""A store over a store of zarr-python: icechunk, VirtualiZarr, or an application's own."""

from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from simplezarr.engine.files.reader import clip_range
from simplezarr.errors import UnsupportedError
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.base import Store, byte_view, check_key, check_prefix

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from simplezarr.stores.resolve import ZarrLike

__all__ = ["ZarrStore"]

T = TypeVar("T")
Range = tuple[int, int]

#: What some stores raise for a key that does not exist, or that they could never hold.
_MISSING = (FileNotFoundError, KeyError)


class _Value(Protocol):
    def to_bytes(self) -> bytes: ...


class _Inner(Protocol):
    """The part of `zarr.abc.store.Store` that is used."""

    @property
    def read_only(self) -> bool: ...
    @property
    def supports_listing(self) -> bool: ...
    def get(self, key: str, prototype: Any, byte_range: Any = None) -> Coroutine[Any, Any, _Value | None]: ...
    def get_partial_values(
        self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]
    ) -> Coroutine[Any, Any, list[_Value | None]]: ...
    def set(self, key: str, value: Any) -> Coroutine[Any, Any, None]: ...
    def delete(self, key: str) -> Coroutine[Any, Any, None]: ...
    def exists(self, key: str) -> Coroutine[Any, Any, bool]: ...
    def getsize(self, key: str) -> Coroutine[Any, Any, int]: ...
    def list_prefix(self, prefix: str) -> AsyncIterator[str]: ...
    def list_dir(self, prefix: str) -> AsyncIterator[str]: ...
    def close(self) -> None: ...
    def _ensure_open(self) -> Coroutine[Any, Any, None]: ...


class ZarrStore(Store):
    """Read and write through a `zarr.abc.store.Store`.

    store: any store of zarr-python 3, such as `session.store` of icechunk or a `ManifestStore` of VirtualiZarr.

    Its coroutines run in the event loop that zarr-python itself uses. Such a store does not tell versions apart, so an
    update by another process may be lost. What icechunk guarantees, it guarantees at `commit`. Needs the package zarr.

    `simplezarr.open` takes such stores too. It replaces those whose place is known (`LocalStore`, `ObjectStore`,
    `FsspecStore`, `ZipStore`) by its own, which are faster.
    """

    store: _Inner

    def __init__(self, store: "ZarrLike"):
        try:
            from zarr.abc.store import RangeByteRequest, SuffixByteRequest
            from zarr.abc.store import Store as ZarrPythonStore
            from zarr.core.buffer import default_buffer_prototype
            from zarr.core.sync import sync
        except ImportError as error:
            raise UnsupportedError(
                "ZarrStore: needs the package 'zarr' of version 3: pip install 'zarr>=3.1'"
            ) from error
        if not issubclass(type(store), ZarrPythonStore):
            raise TypeError(f"ZarrStore: needs a zarr.abc.store.Store, not {type(store).__name__}")
        self.store = cast(_Inner, store)
        self.read_only = self.store.read_only
        self._sync, self._prototype = sync, default_buffer_prototype
        self._range, self._suffix = RangeByteRequest, SuffixByteRequest
        self.array_first = type(store).__module__.partition(".")[0] == "icechunk"
        self._run(self.store._ensure_open())

    def get(self, key: str) -> bytes | None:
        check_key(key)
        try:
            value = self._run(self.store.get(key, self._prototype()))
        except _MISSING:
            return None
        return None if value is None else value.to_bytes()

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        parts = self.get_ranges(key, [(start, length)])
        return None if parts is None else parts[0]

    def get_ranges(self, key: str, ranges: Iterable[Range]) -> Sequence[bytes] | None:
        check_key(key)
        ranges = [*ranges]
        if any(length < 0 for _, length in ranges):
            raise ValueError("a range has a length of at least 0")
        asked = [(key, self._asked(*span)) for span in ranges if span[1]]
        if not asked:
            return [b""] * len(ranges) if self.exists(key) else None
        try:
            found = iter(self._run(self.store.get_partial_values(self._prototype(), asked)))
        except Exception:
            size = self.size(key)  # some stores refuse a range that begins behind the end
            if size is None:
                return None
            if all(start >= 0 and start + length <= size for start, length in ranges):
                raise
            whole = self.get(key)
            return None if whole is None else [whole[slice(*clip_range(len(whole), *span))] for span in ranges]
        parts = []
        for start, length in ranges:
            value = next(found) if length else None
            if length and value is None:
                return None
            part = b"" if value is None else value.to_bytes()
            if start < 0 and length and len(part) != -start:  # some stores answer wrongly if the value is shorter
                whole = self.get(key)
                if whole is None:
                    return None
                part = whole[slice(*clip_range(len(whole), start, length))]
            parts.append(part[:length])
        return parts

    def _asked(self, start: int, length: int) -> object:
        """Return the request for a range, or for the end of a value if the start counts from there."""
        return self._suffix(-start) if start < 0 else self._range(start, start + length)

    def set(self, key: str, value: "Buffer") -> None:
        check_key(key)
        self.check_writable(key)
        buffer = self._prototype().buffer.from_bytes(bytes(byte_view(value)))
        self._run(self.store.set(key, buffer))

    def delete(self, key: str) -> None:
        check_key(key)
        self.check_writable(key)
        with suppress(*_MISSING):
            self._run(self.store.delete(key))

    def exists(self, key: str) -> bool:
        check_key(key)
        try:
            return self._run(self.store.exists(key))
        except _MISSING:
            return False

    def size(self, key: str) -> int | None:
        check_key(key)
        if not self.exists(key):
            return None
        try:
            return self._run(self.store.getsize(key))
        except _MISSING:  # it was deleted meanwhile
            return None

    def list(self, prefix: str = "") -> Iterator[str]:
        prefix = check_prefix(prefix)
        self._check_listing()
        return iter([key for key in self._run(_collect(self.store.list_prefix(prefix))) if key.startswith(prefix)])

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        prefix = check_prefix(prefix)
        self._check_listing()
        names = self._run(_collect(self.store.list_dir(prefix.rstrip("/"))))
        return sorted({name.rstrip("/").removeprefix(prefix) for name in names} - {""})

    def _check_listing(self) -> None:
        if not self.store.supports_listing:
            raise UnsupportedError(f"{self!r}: cannot list its keys; open nodes by their names")

    def lock(self, key: str) -> AbstractContextManager[object]:
        check_key(key)
        self.check_writable(key)
        return KeyLock(self.store, key)  # the owner is zarr-python's store, so the lock excludes all stores over it

    def close(self) -> None:
        self.store.close()

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        result: T = self._sync(coroutine)
        return result

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZarrStore) and bool(other.store == self.store)

    def __hash__(self) -> int:
        return hash((ZarrStore, type(self.store)))

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self.store, self.read_only)

    def __repr__(self) -> str:
        return f"ZarrStore({self.store!r})"


def _restored(store: "ZarrLike", read_only: bool) -> ZarrStore:
    made = ZarrStore(store)
    made.read_only = read_only
    return made


async def _collect(names: AsyncIterator[str]) -> "list[str]":
    return [name async for name in names]
