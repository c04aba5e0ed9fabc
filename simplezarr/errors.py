"""What can go wrong, as classes: every error derives from `ZarrError` and from the built-in that fits it.

>>> issubclass(NodeNotFoundError, KeyError) and issubclass(MetadataError, ValueError)
True
"""

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ChangedError",
    "ChunkError",
    "MetadataError",
    "NodeExistsError",
    "NodeNotFoundError",
    "ReadOnlyError",
    "TooLargeError",
    "UnsupportedError",
    "ZarrError",
    "ZarrWarning",
]


class ZarrError(Exception):
    """Base of all errors raised by simplezarr itself."""


class NodeNotFoundError(ZarrError, KeyError):
    """No array or group is stored at this path.

    hint: returns what else there is, for the message. It is called when the message is looked at for the first time:
    that takes requests, and most of these errors are caught by callers who only want to know whether there is a node.
    """

    def __init__(self, message: str, hint: "Callable[[], str] | None" = None) -> None:
        super().__init__(message)
        self._hint = hint

    def __str__(self) -> str:
        # KeyError shows the repr of its argument; a message should read as a message.
        hint, self._hint = self._hint, None
        if hint is not None:
            with suppress(Exception):
                self.args = (f"{self.args[0]}; {hint()}",)
        return Exception.__str__(self)

    def __reduce__(self) -> tuple:
        return type(self), (str(self),)


class NodeExistsError(ZarrError, FileExistsError):
    """An array or group is already stored at this path."""


class MetadataError(ZarrError, ValueError):
    """A metadata document, or a part of one, is not what the Zarr specification asks for."""


class UnsupportedError(ZarrError, NotImplementedError):
    """Well-formed, but it uses something unknown here: a codec, a data type, a chunk grid, ..."""


class ReadOnlyError(ZarrError, PermissionError):
    """A write to a node or a store that was opened for reading."""


class ChunkError(ZarrError, ValueError):
    """Stored bytes that can't be decoded to a chunk, or a chunk that can't be encoded.

    `path` is the array's path, `index` the chunk's place in the grid, `key` the store key and `codec` the name of the
    codec that failed; each is `None` when it is not known.
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
    """A stored value was replaced between two requests for parts of it. Raised by readers (`Store.reader`).

    Readers of arrays do not see it: the value is read again, and a `ChunkError` says so if that does not help.
    """


class TooLargeError(ZarrError, ValueError):
    """A stored value has more bytes than are of any use, and is not read (`Store.get_limited`). `size`: how many."""

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size

    def __reduce__(self) -> tuple:
        return type(self), (str(self), self.size)


class ZarrWarning(UserWarning):
    """Stored metadata that departs from the specification but could be read all the same."""
