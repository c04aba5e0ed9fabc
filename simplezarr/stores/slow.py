"""Define a store with a given latency and bandwidth, to try programs with."""

import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from simplezarr.engine.files.reader import Data, Reader
from simplezarr.stores.base import Store, byte_view, check_change, reads_by
from simplezarr.stores.settings import check_amount, check_count
from simplezarr.stores.wrapper import WrapperStore

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from simplezarr.stores.base import Change

__all__ = ["SlowStore"]


class SlowStore(WrapperStore):
    """Behave like the store inside, but delay each call by `latency` seconds, and each byte by 1 / `bandwidth` seconds.

    The ranges of one `get_ranges` share one latency. Calls from several threads wait in parallel, as over a network.

    concurrency: as `Store.concurrency`.

    >>> from simplezarr.stores import MemoryStore
    >>> SlowStore(MemoryStore({"a": b"123"}), latency=0.001, bandwidth=1e6).get("a")
    b'123'
    """

    in_memory = False
    concurrency: int | None = Store.concurrency

    def __init__(
        self,
        store: Store,
        latency: float = 0.0,
        bandwidth: float | None = None,
        concurrency: int | None = Store.concurrency,
    ):
        super().__init__(store)
        self.concurrency = concurrency if concurrency is None else check_count(concurrency, "concurrency")
        check_amount(latency, "latency", "seconds", zero=True)
        if bandwidth is not None:
            check_amount(bandwidth, "bandwidth", "bytes per second")  # None means no limit
        self.latency, self.bandwidth = latency, bandwidth

    def wait(self, nbytes: int = 0) -> None:
        """Wait as long as a call takes that moves `nbytes` bytes."""
        time.sleep(self.latency + (nbytes / self.bandwidth if self.bandwidth else 0))

    def get(self, key: str) -> bytes | None:
        value = self.store.get(key)
        self.wait(len(value or b""))
        return value

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        value = self.store.get_range(key, start, length)
        self.wait(len(value or b""))
        return value

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        values = self.store.get_ranges(key, ranges)
        self.wait(sum(map(len, values or ())))
        return values

    def reader(self, key: str) -> Reader:
        if reads_by(self, SlowStore):
            return _SlowReader(self, self.store.reader(key))
        return super().reader(key)

    def set(self, key: str, value: "Buffer") -> None:
        self.check_writable(key)
        self.wait(byte_view(value).nbytes)
        self.store.set(key, value)

    @property
    def conditional(self) -> bool:  # type: ignore[override]
        return self.store.conditional and reads_by(self, SlowStore, "get", "set")

    def create(self, key: str, value: "Buffer") -> bool:
        if self.conditional:
            self.wait(byte_view(value).nbytes)
        return super().create(key, value)

    def update(self, key: str, change: "Change") -> None:
        if not self.conditional:
            super().update(key, change)
            return
        check_change(key, change)

        def waiting(value: bytes | None) -> "Buffer | None":
            self.wait(len(value or b""))
            changed = change(value)
            if changed is not None and changed is not value:
                self.wait(byte_view(changed).nbytes)
            return changed

        super().update(key, waiting)

    def delete(self, key: str) -> None:
        self.wait()
        super().delete(key)

    def delete_many(self, keys: Sequence[str]) -> None:
        if reads_by(self, SlowStore, "delete"):
            self.wait()
        super().delete_many(keys)

    def delete_prefix(self, prefix: str) -> None:
        self.wait()
        super().delete_prefix(prefix)

    def exists(self, key: str) -> bool:
        self.wait()
        return super().exists(key)

    def size(self, key: str) -> int | None:
        self.wait()
        return super().size(key)

    def list(self, prefix: str = "") -> Iterator[str]:
        self.wait()
        return super().list(prefix)

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        self.wait()
        return super().list_dir(prefix)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.store!r}, latency={self.latency}, bandwidth={self.bandwidth})"


class _SlowReader(Reader):
    """Delay each answer of another reader by the time of a request."""

    def __init__(self, store: SlowStore, reader: Reader):
        self.store, self.reader, self.has_twins = store, reader, reader.has_twins

    @property
    def validator(self) -> Hashable | None:
        return self.reader.validator

    def pin(self, validator: Hashable) -> bool:
        return self.reader.pin(validator)

    def twin(self) -> Reader | None:
        twin = self.reader.twin()
        return None if twin is None else _SlowReader(self.store, twin)

    def get_ranges(self, ranges: Iterable[tuple[int, int]]) -> Sequence[Data] | None:
        values = self.reader.get_ranges(ranges)
        self.store.wait(sum(map(len, values or ())))
        return values

    def size(self) -> int | None:
        self.store.wait()
        return self.reader.size()

    def close(self) -> None:
        self.reader.close()
