"""Define the errors. Each derives from `ZarrError` and from the built-in error of its kind.

>>> issubclass(NodeNotFoundError, KeyError) and issubclass(MetadataError, ValueError)
True
"""

import errno
import pickle
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

__all__ = [
    "AccessError",
    "ArchiveError",
    "ChangedError",
    "ChunkError",
    "MetadataError",
    "NodeExistsError",
    "NodeNotFoundError",
    "ReadOnlyError",
    "StoreError",
    "TooLargeError",
    "UnsupportedError",
    "ZarrError",
    "ZarrWarning",
    "errors_of",
]

_LARGEST_STORE = 10_000  # bytes of a pickled store that goes along with an error


class FailedStore(Protocol):
    """What every `simplezarr.Store` has. The module of stores stands above this one."""

    @property
    def in_memory(self) -> bool: ...
    def get(self, key: str) -> bytes | None: ...


class ZarrError(Exception):
    """The base of all errors that simplezarr itself raises.

    store: the store that the error is about, None for an error about arguments alone. The error keeps it alive, as its
    traceback does. A pickled error keeps its text, which names the store. It keeps the store only if that says where
    the data are, as a `LocalStore`, and does not hold them, as a `MemoryStore`.
    """

    store: FailedStore | None = None

    def of_store(self, store: FailedStore) -> "Self":
        """Say which store the error is about, unless it says so already. Return the error itself."""
        if self.store is None:
            self.store = store
            name = repr(store)
            if self.args and name not in str(self.args[0]):
                self.args = (f"{self.args[0]} (in {name})", *self.args[1:])
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args, vars(self) if _is_elsewhere(self.store) else {**vars(self), "store": None}


def _is_elsewhere(store: FailedStore | None) -> bool:
    """Return whether a pickle of the store says where the data are, and does not hold them."""
    if store is None or store.in_memory:
        return False
    try:
        return len(pickle.dumps(store)) <= _LARGEST_STORE
    except Exception:  # whatever the store raises
        return False


@contextmanager
def errors_of(store: FailedStore) -> "Iterator[None]":
    """Let errors that are raised in the block say that they are about this store.

    >>> from simplezarr.stores import MemoryStore
    >>> with errors_of(MemoryStore()):
    ...     raise MetadataError("a/zarr.json: empty")
    Traceback (most recent call last):
        ...
    simplezarr.errors.MetadataError: a/zarr.json: empty (in MemoryStore(0 keys))
    """
    try:
        yield
    except ZarrError as error:
        error.of_store(store)
        raise


class NodeNotFoundError(ZarrError, KeyError, FileNotFoundError):
    """No array or group is stored at this path.

    hint: returns what else is stored there, for the message. It makes requests, so it is called only when the message
    is read for the first time. Most of these errors are caught unread, by code that asks whether a node exists.
    """

    def __init__(self, message: str, hint: "Callable[[], str] | None" = None) -> None:
        super().__init__(message)
        self.errno = errno.ENOENT
        self._hint = hint

    def __str__(self) -> str:
        # `KeyError` would show the repr of the message.
        hint, self._hint = self._hint, None
        if hint is not None:
            with suppress(Exception):
                self.args = (f"{self.args[0]}; {hint()}",)
        return Exception.__str__(self)

    def __reduce__(self) -> tuple[object, ...]:
        str(self)  # replaces the hint, which can't be pickled, by its text
        return super().__reduce__()


class NodeExistsError(ZarrError, FileExistsError):
    """An array or group is already stored at this path."""


class MetadataError(ZarrError, ValueError):
    """A metadata document, or a part of one, is not valid by the Zarr specification."""


class UnsupportedError(ZarrError, NotImplementedError):
    """A document is valid, but uses something that simplezarr does not know: a codec, a data type, a chunk grid."""


class ReadOnlyError(ZarrError, PermissionError):
    """A node or a store that was opened for reading was to be changed."""


class ChunkError(ZarrError, ValueError):
    """Stored bytes cannot be decoded to a chunk, or a chunk cannot be encoded.

    path: of the array. index: of the chunk in the grid. key: of the store. codec: the name of the codec that failed.
    Each is None if it is not known.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        index: tuple[int, ...] | None = None,
        key: str | None = None,
        codec: str | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.index = index
        self.key = key
        self.codec = codec


class ChangedError(ZarrError, OSError):
    """A stored value was replaced between two requests for parts of it. Readers (`Store.reader`) raise it.

    Reading an array does not raise it. The value is read again; if it keeps changing, a `ChunkError` says so.
    """


class StoreError(ZarrError, OSError):
    """A request to a store failed, other than because there is no such key.

    The message names the store and the key. It never contains credentials.
    """


class AccessError(StoreError, PermissionError):
    """A store refused a request (status 401 or 403): it wants credentials, or others than those that it got."""


class ArchiveError(StoreError):
    """A zip archive, or a member of one, is damaged, or is made so that it must not be read."""


class TooLargeError(ZarrError, ValueError):
    """A stored value has more bytes than the reader can use, so it is not read (`Store.get_limited`).

    size: its number of bytes.
    """

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size

    def __reduce__(self) -> tuple[object, ...]:
        kind, _, state = super().__reduce__()
        return kind, (*self.args, self.size), state


class ZarrWarning(UserWarning):
    """Stored metadata depart from the specification, but can be read."""
