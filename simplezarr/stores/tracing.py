"""Report each request to a store, and each chunk that cannot be decoded or encoded, to the logger `simplezarr`.

Tracing is on while the logger is enabled for DEBUG. A node looks when a call begins, and then makes its requests
through a `TracingStore`. So local files are also read and written through the methods of their store, and every request
is seen.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from simplezarr.engine.files.reader import Data, Reader
from simplezarr.errors import ChunkError
from simplezarr.runtime.trace import active_logger
from simplezarr.stores.base import Store, byte_view
from simplezarr.stores.wrapper import WrapperStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from simplezarr.stores.base import Change

__all__ = ["TracingStore", "reported_failures"]

T = TypeVar("T")
Range = tuple[int, int]


@contextmanager
def reported_failures() -> Iterator[None]:
    """Report a ChunkError that is raised in the block."""
    try:
        yield
    except ChunkError as error:
        logger = active_logger()
        if logger is not None:
            fields = {"event": "codec failure", "key": error.key, "codec": error.codec, "error": error}
            logger.debug("codec failure: %s", error, extra=fields)
        raise


def _report(
    operation: str,
    key: str,
    began: float,
    *,
    ranges: tuple[Range, ...] | None = None,
    nbytes: int | None = None,
    error: BaseException | None = None,
) -> None:
    logger = active_logger()
    if logger is None:
        return
    seconds = perf_counter() - began
    fields = {"event": "request", "operation": operation, "key": key, "ranges": ranges, "nbytes": nbytes}
    what = key if ranges is None else f"{key} {', '.join([f'{start}+{length}' for start, length in ranges])}"
    result = f"raised {error!r}" if error is not None else "" if nbytes is None else f"{nbytes} bytes"
    message = "%s %s: %s in %.6f s" if result else "%s %s%s in %.6f s"
    logger.debug(message, operation, what, result, seconds, extra={**fields, "seconds": seconds, "error": error})


def _ask(
    call: "Callable[[], T]",
    operation: str,
    key: str,
    size: "Callable[[T], int | None]" = lambda _: None,
    ranges: tuple[Range, ...] | None = None,
) -> T:
    """Make a request and report it. `size` says how many bytes an answer has moved."""
    began = perf_counter()
    try:
        answer = call()
    except BaseException as error:
        _report(operation, key, began, ranges=ranges, error=error)
        raise
    _report(operation, key, began, ranges=ranges, nbytes=size(answer))
    return answer


def _length(value: Data | None) -> int | None:
    return None if value is None else len(value)


def _lengths(values: Sequence[Data] | None) -> int | None:
    return None if values is None else sum(map(len, values))


class TracingStore(WrapperStore):
    """Report each request to the store inside, and forward it unchanged."""

    def __init__(self, store: Store):
        super().__init__(store)
        self._reported = store

    @property
    def conditional(self) -> bool:  # type: ignore[override]
        return self.store.conditional

    def get(self, key: str) -> bytes | None:
        return _ask(partial(self.store.get, key), "get", key, _length)

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> Data | None:
        return _ask(partial(self.store.get_limited, key, limit, holes=holes), "get", key, _length)

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        ranges = ((start, length),)
        return _ask(partial(self.store.get_range, key, start, length), "get_range", key, _length, ranges)

    def get_ranges(self, key: str, ranges: Iterable[Range]) -> Sequence[bytes] | None:
        ranges = tuple([(start, length) for start, length in ranges])
        return _ask(partial(self.store.get_ranges, key, ranges), "get_ranges", key, _lengths, ranges)

    def reader(self, key: str) -> Reader:
        reader = self.store.reader(key)
        if type(reader) is Reader:  # its requests are calls of the store's methods
            return Reader(self, key, reader.methods)
        return _TracingReader(reader, key)

    def set(self, key: str, value: "Buffer") -> None:
        nbytes = byte_view(value).nbytes
        _ask(partial(self.store.set, key, value), "set", key, lambda _: nbytes)

    def create(self, key: str, value: "Buffer") -> bool:
        nbytes = byte_view(value).nbytes
        return _ask(partial(self.store.create, key, value), "create", key, lambda created: nbytes if created else 0)

    def update(self, key: str, change: "Change") -> None:
        if not self.conditional:
            Store.update(self, key, change)  # whose requests are reported
            return
        _ask(partial(self.store.update, key, change), "update", key)

    def delete(self, key: str) -> None:
        _ask(partial(self.store.delete, key), "delete", key)

    def delete_many(self, keys: Sequence[str]) -> None:
        _ask(partial(self.store.delete_many, keys), "delete_many", f"{len(keys)} keys")

    def delete_prefix(self, prefix: str) -> None:
        _ask(partial(self.store.delete_prefix, prefix), "delete_prefix", prefix)

    def exists(self, key: str) -> bool:
        return _ask(partial(self.store.exists, key), "exists", key)

    def size(self, key: str) -> int | None:
        return _ask(partial(self.store.size, key), "size", key)

    def list(self, prefix: str = "") -> Iterator[str]:
        return _ask(partial(self.store.list, prefix), "list", prefix)

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        return _ask(partial(self.store.list_dir, prefix), "list_dir", prefix)

    def check_writable(self, key: str) -> None:
        self.store.check_writable(key)

    def confined(self, prefix: str) -> Store:
        return TracingStore(self.store.confined(prefix))

    def enclosing(self, names: Sequence[str]) -> tuple[Store, str] | None:
        outer = self.store.enclosing(names)
        return None if outer is None else (TracingStore(outer[0]), outer[1])

    def __eq__(self, other: object) -> bool:
        return self.store == (other.store if isinstance(other, TracingStore) else other)

    def __hash__(self) -> int:
        return hash(self.store)

    def __reduce__(self) -> tuple[Any, ...]:
        return _same, (self.store,)

    def __repr__(self) -> str:
        return repr(self.store)


def _same(store: Store) -> Store:
    return store


class _TracingReader(Reader):
    """Report each request of another reader."""

    def __init__(self, reader: Reader, key: str):
        self.reader, self.key, self.has_twins = reader, key, reader.has_twins

    @property
    def validator(self) -> Hashable | None:
        return self.reader.validator

    def pin(self, validator: Hashable) -> bool:
        return self.reader.pin(validator)

    def twin(self) -> Reader | None:
        twin = self.reader.twin()
        return None if twin is None else _TracingReader(twin, self.key)

    def get_ranges(self, ranges: Iterable[Range]) -> Sequence[Data] | None:
        ranges = tuple([(start, length) for start, length in ranges])
        self.reader.least = self.least
        return _ask(partial(self.reader.get_ranges, ranges), "get_ranges", self.key, _lengths, ranges)

    def size(self) -> int | None:
        return _ask(self.reader.size, "size", self.key)

    def holes(self, enough: int) -> int:
        return self.reader.holes(enough)

    def close(self) -> None:
        self.reader.close()
