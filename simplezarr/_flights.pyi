"""Chunks in flight: what one thread fetches and decodes while others want it too, it decodes for them as well."""

from types import TracebackType
from typing import final

@final
class _Writes:
    """Writes under way in this process: `with writes:` around all that changes what is stored."""

    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

writes: _Writes
