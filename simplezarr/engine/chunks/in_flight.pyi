"""Chunks in flight: what one thread fetches and decodes while others want it too, it decodes for them as well."""

from types import TracebackType
from typing import final

@final
class Writing:
    """A write under way in this process: `with Writing():` around all that changes what is stored.

    An interrupt between the block and its end leaves it to the last reference to count the end.
    """

    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
