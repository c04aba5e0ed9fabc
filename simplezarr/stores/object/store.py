"""Define the store in an object store (S3, GCS, Azure and what else obstore reaches)."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from simplezarr.engine.files.reader import Data, Reader, read_version
from simplezarr.errors import StoreError
from simplezarr.runtime import executor
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.stores.base import Store, byte_view, check_change, reads_by, wait_for_locks
from simplezarr.stores.keys import check_key, check_prefix
from simplezarr.stores.local import LocalStore
from simplezarr.stores.object.client import KNOWN_STATUSES, Client, read_range
from simplezarr.stores.object.options import client_of_url
from simplezarr.stores.object.reader import ObjectReader, value_getter
from simplezarr.stores.object.writer import check_conditions, create, update
from simplezarr.stores.settings import check_count

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

    from simplezarr.stores.base import Change

__all__ = ["ObjectStore"]

#: Bytes from which a value is uploaded in parts. Smaller ones need one request, and leave no unfinished upload behind.
_MULTIPART = 64 << 20
#: Keys of one listing request.
_LISTED = 1000
#: Keys that one request deletes. The other kinds delete them one by one, a few at a time.
_DELETED = {"S3Store": 1000, "AzureStore": 256}


class ObjectStore(Store):
    """A store of obstore, from a prefix on: `obstore.store.S3Store`, `GCSStore`, `AzureStore` and the others.

    store: of obstore. `from_url` makes one from a URL.
    prefix: which keys are relative to.
    missing: statuses that mean "no such key": 404, and 401 or 403 for servers that answer so for keys that do not
    exist. With 403, a chunk that may not be read is fill value too.
    part_size: bytes. Larger values are read by several requests at a time.
    concurrency: requests that one call makes at a time.

    Failures raise a `StoreError`, refused requests an `AccessError` (also a PermissionError). Neither they nor `repr`
    show credentials. A pickle holds the configuration, credentials included.

    >>> import obstore.store
    >>> store = ObjectStore(obstore.store.MemoryStore(), prefix="a")
    >>> store.set("b/c", b"12345")
    >>> store.get_range("b/c", -2, 2), [*store.list()], store
    (b'45', ['b/c'], ObjectStore('memory://a/'))
    """

    def __init__(
        self,
        store: object,
        *,
        prefix: str = "",
        missing: Collection[int] = (404,),
        part_size: int = 8 << 20,
        concurrency: int = 64,
    ):
        if not hasattr(store, "put") or not type(store).__module__.startswith("obstore"):
            raise TypeError(f"store: must be a store of obstore, not {type(store).__name__}; for URLs use from_url")
        self._set_up(Client(store, _statuses(missing)), prefix, part_size, concurrency)
        self._made_of: tuple[Any, ...] = (store,)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        missing: Collection[int] = (404,),
        part_size: int = 8 << 20,
        concurrency: int = 64,
        **options: Any,
    ) -> "Self":
        """Return the store of a URL: s3://bucket/path, gs://bucket/path, az://container/path and others.

        options: those of obstore for this kind of store, and four with one meaning for all:

        - anonymous: True for public data; no credentials are looked for.
        - endpoint: the address of a server that is not the cloud's own.
        - region: of the bucket (S3; the other clouds do not need it).
        - profile: of ~/.aws (S3; needs boto3).

        Raises an UnsupportedError if obstore is not installed, and a ValueError for options that it does not know.

        >>> ObjectStore.from_url("s3://bucket/a.zarr", region="eu-west-1", anonymous=True)
        ObjectStore('s3://bucket/a.zarr/')
        """
        statuses = _statuses(missing)
        client, prefix = client_of_url(url, statuses, options)
        store = cls.__new__(cls)
        store._set_up(client, prefix, part_size, concurrency)
        store._made_of = url, options
        return store

    @property
    def store(self) -> object:
        """The store of obstore."""
        return self._client.store

    def _set_up(self, client: Client, prefix: str, part_size: int, concurrency: int) -> None:
        self._client, self.prefix = client, check_prefix(prefix.strip("/"))
        self.part_size = check_count(part_size, "part_size")
        self.concurrency = check_count(concurrency, "concurrency")

    # ------------------------------------------------------------ reading

    def get(self, key: str) -> bytes | None:
        check_key(key)
        value = self._getter(None)(key)
        return None if value is None else bytes(value)

    def get_limited(self, key: str, limit: int, *, holes: bool = False) -> Data | None:
        if not reads_by(self, ObjectStore, "get"):
            return super().get_limited(key, limit, holes=holes)
        check_key(key)
        value = self._getter(None if holes else limit)(key)
        return None if value is None else memoryview(value)

    def getter(self, limit: int, *, holes: bool = False) -> "Callable[[str], Buffer | None]":
        if not reads_by(self, ObjectStore, "get", "get_limited"):
            return super().getter(limit, holes=holes)
        return self._getter(None if holes else limit)

    def _getter(self, limit: int | None) -> "Callable[[str], Buffer | None]":
        return value_getter(self._client, self.prefix, self._width, self.part_size, limit)

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        if length > self.part_size:
            part = self.reader(key).get_range(start, length)
            return None if part is None else bytes(part)
        answer = read_range(self._client, self._path(key), start, length)
        return None if answer is None else bytes(answer.data)

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        if not reads_by(self, ObjectStore, "get", "get_range"):
            return super().get_ranges(key, ranges)
        ranges = [*ranges]
        parts = read_version(self, key, lambda reader: reader.get_ranges(ranges), self._reader)
        return None if parts is None else [bytes(part) for part in parts]

    def reader(self, key: str) -> Reader:
        return self._reader(key) if reads_by(self, ObjectStore) else super().reader(key)

    def _reader(self, key: str) -> Reader:
        return ObjectReader(self._client, self._path(key), self._width(), self.part_size)

    def size(self, key: str) -> int | None:
        about = self._client.head(self._path(key))
        return None if about is None else about.size

    def list(self, prefix: str = "") -> Iterator[str]:
        below = self.prefix + check_prefix(prefix)
        return self._keys(below)

    def _keys(self, below: str) -> Iterator[str]:
        skip = len(self.prefix)
        pages = self._client.ask(below, "list", below or None, chunk_size=_LISTED)
        while page := self._client.guard(below, (), next, pages, None):
            for found in page:
                if found["path"].startswith(below):
                    yield found["path"][skip:]

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        below = self.prefix + check_prefix(prefix)
        found = self._client.ask(below, "list_with_delimiter", below or None) or {"common_prefixes": [], "objects": []}
        paths = [*found["common_prefixes"], *[about["path"] for about in found["objects"]]]
        return sorted({path[len(below) :].strip("/") for path in paths if path.startswith(below)} - {""})

    # ------------------------------------------------------------ writing

    def set(self, key: str, value: "Buffer") -> None:
        path, view = self._path(key), byte_view(value)
        self.check_writable(key)
        self._client.put(path, view, use_multipart=None if view.nbytes >= _MULTIPART else False)

    def create(self, key: str, value: "Buffer") -> bool:
        path, view = self._path(key), byte_view(value)
        self.check_writable(key)
        if not self.conditional:
            return super().create(key, view)
        return create(self._client, path, view)

    def update(self, key: str, change: "Change") -> None:
        path = self._path(key)
        self.check_writable(key)
        if not self.conditional:
            super().update(key, change)
            return
        check_change(key, change)
        check_conditions(self._client, self.prefix)
        # Threads of this process wait for each other, which takes less than trying again.
        with KeyLock(self._client, path):
            update(self._client, path, change, self._width(), self.part_size)

    def delete(self, key: str) -> None:
        path = self._path(key)
        self.check_writable(key)
        try:
            self._client.ask(path, "delete", path)
        except StoreError:
            if self._client.is_remote or self.exists(key):  # otherwise it is a local directory, which is no key
                raise

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete keys, as many with one request as the service takes."""
        if not reads_by(self, ObjectStore, "delete"):
            super().delete_many(keys)
            return
        paths = [self._path(key) for key in keys]
        if keys:
            self.check_writable(keys[0])
        n = _DELETED.get(self._client.kind, 1)
        batches = [paths[i : i + n] for i in range(0, len(paths), n)]
        executor.parallel_for(
            lambda i: self._client.ask(batches[i][0], "delete", batches[i]), len(batches), self._width()
        )

    @property
    def conditional(self) -> bool:  # type: ignore[override]
        """Whether writers exclude each other by conditional requests. Obstore has none for WebDAV and local files."""
        return self._client.kind not in ("HTTPStore", "LocalStore") and reads_by(self, ObjectStore, "get", "set")

    def lock(self, key: str) -> AbstractContextManager[object]:
        path = self._path(key)
        self.check_writable(key)
        if self._client.kind == "LocalStore":
            return LocalStore(self._client.name.removeprefix("file://")).lock(path)
        return KeyLock(self._client, path)  # the client is shared by the stores of a bucket

    def wait_for_writers(self, prefix: str) -> None:
        wait_for_locks(self._client, self.prefix + check_prefix(prefix))

    # ------------------------------------------------------------ what it is

    def _path(self, key: str) -> str:
        check_key(key)
        return self.prefix + key

    def _width(self) -> int:
        return executor.concurrency_for(self)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (other._client.store, other.prefix) == (self._client.store, self.prefix)

    def __hash__(self) -> int:
        return hash((type(self), self._client.name, self.prefix))

    def __reduce__(self) -> tuple[object, ...]:
        settings = {"part_size": self.part_size, "concurrency": self.concurrency, "missing": self._client.statuses}
        return _remake, (type(self), self._made_of, self.prefix, settings, self.read_only)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._client.name + self.prefix!r})"


def _remake(
    cls: type[ObjectStore], made_of: tuple[Any, ...], prefix: str, settings: dict[str, Any], read_only: bool
) -> ObjectStore:
    if len(made_of) == 2:
        url, options = made_of
        store = cls.from_url(url, **settings, **options)
    else:
        store = cls(*made_of, prefix=prefix, **settings)
    store.read_only = read_only
    return store


def _statuses(missing: Collection[int]) -> tuple[int, ...]:
    unknown = {*missing} - KNOWN_STATUSES.keys()
    if unknown:
        raise ValueError(f"missing: only {sorted(KNOWN_STATUSES)} can be told from other failures, not {min(unknown)}")
    return tuple(sorted(missing))
