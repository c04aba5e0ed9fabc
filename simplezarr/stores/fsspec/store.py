"""Define the store over a file system of fsspec."""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from simplezarr.engine.files.reader import clip_range, read_version
from simplezarr.errors import AccessError, ChangedError, StoreError, UnsupportedError
from simplezarr.runtime.key_locks import KeyLock
from simplezarr.schema.extras import extra
from simplezarr.stores.base import Store, byte_view, reads_by, wait_for_locks
from simplezarr.stores.fsspec.options import CLOUDS, translated
from simplezarr.stores.keys import check_key, check_prefix, names_below
from simplezarr.stores.redaction import redacted, secrets_in
from simplezarr.stores.urls import redact

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

__all__ = ["FsspecStore"]

T = TypeVar("T")

#: Errors that mean that there is no such key: also a directory, or a path through a file, is none.
_MISSING = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
#: Errors of a caller or of a defect, which are passed on as they are.
_DEFECTS = (TypeError, AttributeError, NotImplementedError, MemoryError, RecursionError)
#: Protocols that replace a value in one step, or whose `mv` replaces a file in one step.
_ATOMIC = {*CLOUDS, "memory"}
_RENAMING = {"file", "local", "sftp", "ssh"}
#: File systems that may be used by several threads, beside those that have a loop of their own.
_THREAD_SAFE = {"file", "local", "memory"}
#: What tells versions apart, of all that the file systems say about a value.
_VERSION = (
    "ETag",
    "etag",
    "e_tag",
    "generation",
    "md5Hash",
    "ino",
    "mtime",
    "created",
    "LastModified",
    "last_modified",
)
#: How often a value is stored if its directory is removed meanwhile.
_ATTEMPTS = 50
_TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.partial$")


class FsspecStore(Store):
    """A store over a file system of fsspec, from a path on: FTP, SFTP, GitHub, caches, and many others.

    fs: the file system, or an `FSMap`, whose path comes before `path`. `from_url` makes one of a URL.
    missing: HTTP statuses that mean "no such key".

    It is read as fast as fsspec allows; for S3, GCS and Azure `ObjectStore` is faster, and loses no update of another
    process. Here only the threads of one process exclude each other. What cannot replace a value in one step cannot be
    written.

    >>> import fsspec
    >>> store = FsspecStore(fsspec.filesystem("memory"), "docs/a.zarr")
    >>> store.set("b/c", b"12345")
    >>> store.get_range("b/c", -2, 2), [*store.list()], store
    (b'45', ['b/c'], FsspecStore('memory:///docs/a.zarr'))
    >>> store.delete("b/c")
    """

    def __init__(self, fs: Any, path: str = "", *, missing: Collection[int] = (404,)):
        if hasattr(fs, "root") and hasattr(fs, "fs"):  # an FSMap
            fs, path = fs.fs, "/".join(filter(None, (fs.root.rstrip("/"), path)))
        if not hasattr(fs, "cat_file"):
            raise TypeError(f"fs: must be a file system of fsspec, not {type(fs).__name__}; for URLs use from_url")
        fs = getattr(fs, "sync_fs", fs)  # `AsyncFileSystemWrapper`, of which each one would have locks of its own
        if getattr(fs, "asynchronous", False):  # such a one has coroutines only
            fs = type(fs)(*fs.storage_args, **{**fs.storage_options, "asynchronous": False})
        protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
        self._fs, self._process, self._protocols = fs, os.getpid(), protocols
        self.path: str = _stripped(fs, path) if path else ""
        self.missing = tuple(missing)
        self._secrets = secrets_in(fs.storage_options)
        self._is_serial = not (fs.async_impl or _THREAD_SAFE.intersection(protocols))

    @classmethod
    def from_url(cls, url: str, *, missing: Collection[int] = (404,), **storage_options: Any) -> "Self":
        """Return the store of a URL that fsspec knows, also of a chain such as "simplecache::s3://bucket/a.zarr".

        storage_options: of the file system; in a chain, those of each of them under its protocol. `anonymous`,
        `endpoint`, `region` and `profile` are for the bucket, if the URL has one.

        Raise an UnsupportedError if fsspec does not know the protocol, or if a package is missing.

        >>> FsspecStore.from_url("memory://docs/a.zarr")
        FsspecStore('memory:///docs/a.zarr')
        """
        url_to_fs = extra("fsspec", "URLs of this kind", "fsspec.core").url_to_fs
        try:
            fs, path = url_to_fs(url, **translated(url, storage_options))
        except (ImportError, ValueError) as error:
            why = redacted(str(error), secrets_in(storage_options))
        else:
            return cls(fs, path, missing=missing)
        raise UnsupportedError(f"{redact(url)!r}: {why}")

    @property
    def fs(self) -> Any:
        """The file system. In a forked child it is another one, because threads and connections stay in the parent."""
        if self._process != os.getpid():
            self._fs = type(self._fs)(*self._fs.storage_args, **self._fs.storage_options)
            self._process = os.getpid()
        return self._fs

    # ------------------------------------------------------------ reading

    def get(self, key: str) -> bytes | None:
        return self._cat(self._path(key), None, None)

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        path = self._path(key)
        clip_range(0, start, length)  # raises if the length is negative
        if start < 0 or not length:  # most file systems ask for the size too if a range counts from the end
            size = self.size(key)
            if size is None:
                return None
            begin, end = clip_range(size, start, length)
            return b"" if begin == end else self._exactly(path, begin, end - begin)
        try:
            return self._exactly(path, start, length)
        except AccessError:
            raise
        except StoreError:
            # What a server answers to a range that begins at or beyond the end differs.
            size = self.size(key)
            if size is None or len(range(*clip_range(size, start, length))):
                raise
            return b""

    def _exactly(self, path: str, start: int, length: int) -> bytes | None:
        """Read a range that is not empty."""
        data = self._cat(path, start, start + length)
        if data is None or len(data) <= length:
            return data
        begin, end = clip_range(len(data), start, length)  # the server has ignored the range
        return data[begin:end]

    def get_ranges(self, key: str, ranges: Iterable[tuple[int, int]]) -> Sequence[bytes] | None:
        if not self._fs.async_impl or not reads_by(self, FsspecStore, "get", "get_range"):
            return super().get_ranges(key, ranges)
        ranges = [*ranges]
        return read_version(self, key, lambda _: self._of_one_version(key, ranges), super().reader)

    def _of_one_version(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes] | None:
        """Read ranges at the same time; raise a ChangedError if another version was stored meanwhile."""
        path = self._path(key)
        before = self._info(path)
        if before is None:
            return None
        spans = [clip_range(before["size"], start, length) for start, length in ranges]
        asked = [span for span in spans if span[0] < span[1]]
        starts, ends = [begin for begin, _ in asked], [end for _, end in asked]
        answers = self._ask(path, lambda fs: fs.cat_ranges([path] * len(asked), starts, ends, on_error="raise")) or []
        after = self._info(path)
        if after is None or len(answers) != len(asked) or _version(before) != _version(after):
            raise ChangedError(f"{self._place(path)}: was replaced while it was read in parts; read it again")
        found = iter(answers)
        return [bytes(next(found)) if begin < end else b"" for begin, end in spans]

    def exists(self, key: str) -> bool:
        return self._info(self._path(key)) is not None

    def size(self, key: str) -> int | None:
        about = self._info(self._path(key))
        if about is None:
            return None
        return super().size(key) if about["size"] is None else int(about["size"])

    def list(self, prefix: str = "") -> Iterator[str]:
        below = check_prefix(prefix)
        return iter(self._keys(below))

    def _keys(self, below: str) -> Sequence[str]:
        place = self._below(below)
        self.fs.invalidate_cache()  # listings are kept, for other writers' keys too
        found = self._ask(place, lambda fs: fs.find(place.rstrip("/"))) or []
        skip = len(self._below(""))
        return [path[skip:] for path in found if path.startswith(place) and not _TEMPORARY.search(path)]

    def list_dir(self, prefix: str = "") -> Sequence[str]:
        place = self._below(check_prefix(prefix))
        self.fs.invalidate_cache(place.rstrip("/"))
        found = self._ask(place, lambda fs: fs.ls(place.rstrip("/"), detail=False)) or []
        paths = [path.rstrip("/") for path in found if not _TEMPORARY.search(path)]
        return names_below(paths, place)

    # ------------------------------------------------------------ writing

    def set(self, key: str, value: "Buffer") -> None:
        path, data = self._path(key), bytes(byte_view(value))
        self.check_writable(key)
        if _ATOMIC.intersection(self._protocols):
            self._write(path, lambda fs: fs.pipe_file(path, data))
            return
        if not _RENAMING.intersection(self._protocols):
            raise UnsupportedError(
                f"{self._place(path)}: {self._protocols[0]!r} cannot replace a value in one step, so readers could see "
                "a part of it; write to a local directory or to a bucket, and copy it"
            )
        temporary = f"{path}.{uuid4().hex}.partial"

        def write(fs: Any) -> None:
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            fs.pipe_file(temporary, data)
            fs.mv(temporary, path)

        try:
            self._write(path, write)
        except BaseException:
            with suppress(StoreError):
                self._ask(path, lambda fs: fs.rm_file(temporary))
            raise

    def create(self, key: str, value: "Buffer") -> bool:
        if not CLOUDS.keys() & {*self._protocols} or not reads_by(self, FsspecStore, "set"):
            return super().create(key, value)
        path, data = self._path(key), bytes(byte_view(value))
        self.check_writable(key)
        created: list[bool] = []

        def write(fs: Any) -> None:
            try:
                fs.pipe_file(path, data, mode="create")
            except OSError as error:
                if not _is_taken(error):
                    raise
            else:
                created.append(True)

        self._write(path, write)
        return bool(created)

    def delete(self, key: str) -> None:
        path = self._path(key)
        self.check_writable(key)
        if self.exists(key):  # otherwise some file systems would remove a directory
            self._ask(path, lambda fs: fs.rm_file(path))
        if not CLOUDS.keys() & {*self._protocols}:
            self._prune(path)

    def _prune(self, path: str) -> None:
        """Remove the directories above a path that are empty: otherwise their names could not become keys."""
        above, top = path.rpartition("/")[0], self.path
        while above.startswith(f"{top}/") and len(above) > len(top):
            try:
                self.fs.rmdir(above)
            except Exception:  # it is not empty, or not there
                return
            above = above.rpartition("/")[0]

    def delete_many(self, keys: Sequence[str]) -> None:
        if not CLOUDS.keys() & {*self._protocols} or not reads_by(self, FsspecStore, "delete"):
            super().delete_many(keys)
            return
        paths = [self._path(key) for key in keys]
        for key in keys[:1]:
            self.check_writable(key)
        for i in range(0, len(paths), 1000):
            self._ask(paths[i], lambda fs, i=i: fs.rm(paths[i : i + 1000]))  # type: ignore[misc]

    def lock(self, key: str) -> KeyLock:
        path = self._path(key)
        self.check_writable(key)
        return KeyLock(self.fs, path)  # the file system is shared by the stores over it

    def wait_for_writers(self, prefix: str) -> None:
        wait_for_locks(self.fs, self._below(check_prefix(prefix)))

    # ------------------------------------------------------------ requests

    def _cat(self, path: str, start: int | None, end: int | None) -> bytes | None:
        data = self._ask(path, lambda fs: fs.cat_file(path, start=start, end=end))
        return None if data is None else bytes(data)

    def _info(self, path: str) -> Mapping[str, Any] | None:
        """Return what is known of a value, not from a listing that was kept; None if there is no such key."""
        self.fs.invalidate_cache(path.rpartition("/")[0])
        about: Mapping[str, Any] | None = self._ask(path, lambda fs: fs.info(path))
        return None if about is None or about.get("type") == "directory" else about

    def _ask(self, path: str, call: Callable[[Any], T]) -> T | None:
        """Return what a call of the file system returns; None if there is no such key."""
        fs = self.fs
        try:
            with KeyLock(fs, "") if self._is_serial else nullcontext():
                return call(fs)
        except _MISSING as error:
            if not _hides_failure(error):
                return None
            failure = self._failure(path, error.__cause__ or error)
        except _DEFECTS:
            raise
        except Exception as error:
            failure = self._failure(path, error)
        if failure is None:
            return None
        raise failure  # outside of the block above, so that the error, which may show secrets, is not its context

    def _write(self, path: str, call: Callable[[Any], object]) -> None:
        """Make a call that stores a value."""

        def write(fs: Any) -> bool:
            call(fs)
            return True

        for _ in range(_ATTEMPTS):  # another writer may remove the directory, if nothing is in it
            if self._ask(path, write):
                return
        raise StoreError(f"{self._place(path)}: cannot be stored, because the place does not exist; create it first")

    def _failure(self, path: str, error: BaseException) -> StoreError | None:
        status = (
            403
            if isinstance(error, PermissionError)
            else getattr(error, "status", None) or getattr(error, "code", None)
        )
        if status in self.missing and status is not None:
            return None
        text = redacted(str(error) or type(error).__name__, self._secrets)
        if status in (401, 403):
            remedy = "for public data pass anonymous=True; otherwise pass credentials that may do this"
            return AccessError(f"{self._place(path)}: access refused ({text}); {remedy}")
        return StoreError(f"{self._place(path)}: {text}")

    # ------------------------------------------------------------ what it is

    def _path(self, key: str) -> str:
        check_key(key)
        return self._below("") + key

    def _below(self, prefix: str) -> str:
        """Return the path of what is below a prefix (with its slash), as the file system writes it."""
        return f"{self.path}/{prefix}" if self.path or self._is_rooted else prefix

    @property
    def _is_rooted(self) -> bool:
        return str(getattr(self._fs, "root_marker", "")) == "/"

    def _place(self, path: str) -> str:
        return redact(str(self._fs.unstrip_protocol(path)))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (other._fs, other.path) == (self._fs, self.path)

    def __hash__(self) -> int:
        return hash((type(self), self.path))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._place(self.path)!r})"


def _stripped(fs: Any, path: str) -> str:
    """Return a path as its file system writes it."""
    with suppress(ValueError):  # a file system that is not registered
        path = extra("fsspec", "file systems", "fsspec.core").strip_protocol(fs.unstrip_protocol(path))
    return path.rstrip("/")


def _version(about: Mapping[str, Any]) -> object:
    return about["size"], [str(about.get(name)) for name in _VERSION]


def _hides_failure(error: OSError) -> bool:
    """Return whether a file that is said to be missing was not found out about: the one for HTTP says so."""
    cause = error.__cause__
    if cause is None or isinstance(cause, _MISSING):
        return False
    return isinstance(cause, OSError) or (
        type(cause).__module__.startswith("aiohttp") and getattr(cause, "status", None) != 404
    )


def _is_taken(error: OSError) -> bool:
    """Return whether the error says that there is such a key already."""
    answer = getattr(error.__cause__, "response", None) or {}
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(answer, Mapping) else None
    return isinstance(error, FileExistsError) or status == 412
